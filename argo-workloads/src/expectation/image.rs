//! Images that run, and those that must.

use std::str::FromStr;

use argo_core::ObjectRef;

/// An image that a container of a pod of the newest revision runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningImage {
    /// The workload.
    pub workload: ObjectRef,
    /// The image as the pod names it.
    pub image: String,
    /// The image as the node resolved it, with its digest; empty if it does not run yet.
    pub id: String,
}

/// An image that must run: `registry.example.com/shop/web:1.2` or `…/web@sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedImage {
    repository: String,
    /// The tag, without its colon.
    tag: Option<String>,
    /// The digest, `sha256:…`.
    digest: Option<String>,
}

impl FromStr for WantedImage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (repository, tag, digest) = parts(text);
        let is_whole = !repository.is_empty() && (tag.is_some() || digest.is_some());
        if !is_whole || text.contains(char::is_whitespace) {
            return Err(format!(
                "{text:?} is no REPOSITORY:TAG and no REPOSITORY@DIGEST"
            ));
        }
        Ok(Self {
            repository: normal(repository),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }
}

impl std::fmt::Display for WantedImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl WantedImage {
    /// Says why the image does not run, or not everywhere. Returns `None` if it does.
    pub(super) fn missing(&self, running: &[RunningImage]) -> Option<String> {
        let own: Vec<&RunningImage> = running
            .iter()
            .filter(|running| normal(parts(&running.image).0) == self.repository)
            .collect();
        let other = own.iter().find(|running| !self.is(running));
        match (own.is_empty(), other) {
            (true, _) => Some(format!("no pod runs {self}")),
            (false, None) => None,
            (false, Some(other)) => Some(format!(
                "{} runs {}, not {self}",
                other.workload, other.image
            )),
        }
    }

    fn is(&self, running: &RunningImage) -> bool {
        let (_, tag, digest) = parts(&running.image);
        let resolved = parts(&running.id).2.or(digest);
        let is_tag = self.tag.as_deref().is_none_or(|wanted| tag == Some(wanted));
        let is_digest = self
            .digest
            .as_deref()
            .is_none_or(|wanted| resolved == Some(wanted));
        // A pod may name the digest alone; then a tag cannot be told.
        is_digest && (is_tag || (self.digest.is_some() && tag.is_none())) && !running.id.is_empty()
    }
}

/// Splits an image into repository, tag and digest.
fn parts(image: &str) -> (&str, Option<&str>, Option<&str>) {
    let image = image.split_once("://").map_or(image, |(_, rest)| rest);
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let from = name.rfind('/').map_or(0, |slash| slash + 1);
    match name[from..].find(':') {
        Some(colon) => (
            &name[..from + colon],
            Some(&name[from + colon + 1..]),
            digest,
        ),
        None => (name, None, digest),
    }
}

/// Writes out the names that Docker Hub lets people leave out.
fn normal(repository: &str) -> String {
    let first = repository.split('/').next().unwrap_or_default();
    let has_host = repository.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    match (has_host, repository.contains('/')) {
        (true, _) => repository
            .strip_prefix("index.docker.io/")
            .map_or_else(|| repository.to_owned(), |rest| format!("docker.io/{rest}")),
        (false, true) => format!("docker.io/{repository}"),
        (false, false) => format!("docker.io/library/{repository}"),
    }
}
