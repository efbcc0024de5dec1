//! The places where [`connect`](super::connect) looks for the cluster.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{Overrides, ProxyVariables, ServiceAccount};

/// The places where a cluster is looked for. The environment is read only by
/// [`Options::inferred`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Goes straight to this file.
    pub kubeconfig: Option<PathBuf>,
    /// Goes straight to the files, and picks this context of them.
    pub context: Option<String>,
    /// The service account of the pod that this process runs in, if it does. The service
    /// account comes before the files.
    pub service_account: Option<ServiceAccount>,
    /// The files to merge, first wins, missing ones skipped as kubectl does: the parts of
    /// `KUBECONFIG`, or `~/.kube/config`.
    pub files: Vec<PathBuf>,
    /// The origin of `files`, for messages: `KUBECONFIG`, or empty for the default.
    pub files_from: String,
    /// Values in place of those in the files.
    pub overrides: Overrides,
    /// The proxies of the environment.
    pub proxies: ProxyVariables,
    /// True if a credential plugin may ask on the terminal.
    pub interactive: bool,
}

impl Options {
    /// Looks where kubectl looks, through a look-up function for the environment: the
    /// service account of a pod, the files of `KUBECONFIG`, `~/.kube/config`, and the
    /// variables that name proxies.
    ///
    /// ```
    /// # use argo_core::client::Options;
    /// let options = Options::inferred(|name| std::env::var_os(name));
    /// ```
    #[must_use]
    pub fn inferred(env: impl Fn(&str) -> Option<OsString>) -> Self {
        let filled = |name: &str| env(name).filter(|value| !value.is_empty());
        let text = |name: &str| filled(name)?.into_string().ok();
        let home = || filled("HOME").or_else(|| filled("USERPROFILE"));
        let (files, files_from) = match filled("KUBECONFIG") {
            Some(list) => (listed(&list), "KUBECONFIG"),
            None => (
                home()
                    .map(|home| PathBuf::from(home).join(".kube/config"))
                    .into_iter()
                    .collect(),
                "",
            ),
        };
        let host = text("KUBERNETES_SERVICE_HOST");
        let account = host.zip(text("KUBERNETES_SERVICE_PORT"));
        Self {
            service_account: account.map(|(host, port)| ServiceAccount::new(host, port)),
            files,
            files_from: files_from.to_owned(),
            proxies: ProxyVariables::from_env(&env),
            ..Self::default()
        }
    }

    /// Goes straight to a file.
    #[must_use]
    pub fn kubeconfig(mut self, path: impl Into<PathBuf>) -> Self {
        self.kubeconfig = Some(path.into());
        self
    }

    /// Goes straight to the files, and picks a context of them.
    #[must_use]
    pub fn context(mut self, name: impl Into<String>) -> Self {
        self.context = Some(name.into());
        self
    }

    /// Replaces values of the files by those of `overrides`.
    #[must_use]
    pub fn overrides(mut self, overrides: Overrides) -> Self {
        self.overrides = overrides;
        self
    }

    /// Lets a credential plugin ask on the terminal, or not.
    #[must_use]
    pub fn interactive(mut self, interactive: bool) -> Self {
        self.interactive = interactive;
        self
    }

    /// Returns the options without the pod's service account, if [`connect`](super::connect)
    /// would take that account and there is a file to fall back to.
    #[must_use]
    pub fn fallback(&self) -> Option<Self> {
        self.usable_service_account()?;
        self.existing_files().next()?;
        Some(Self {
            service_account: None,
            ..self.clone()
        })
    }

    /// Returns the origin of the files in words: `KUBECONFIG`, or the path.
    pub fn files_in_words(&self) -> String {
        if self.files_from.is_empty() {
            self.file_list()
        } else {
            self.files_from.clone()
        }
    }

    /// Returns the service account if nothing goes straight to the files.
    pub(super) fn usable_service_account(&self) -> Option<&ServiceAccount> {
        let is_explicit = self.kubeconfig.is_some() || self.context.is_some();
        let account = self
            .service_account
            .as_ref()
            .filter(|account| account.is_mounted());
        account.filter(|_| !is_explicit && !self.overrides.names_an_entry())
    }

    pub(super) fn existing_files(&self) -> impl Iterator<Item = &Path> {
        let files = self.files.iter().map(PathBuf::as_path);
        files.filter(|path| !path.as_os_str().is_empty() && path.exists())
    }

    /// Returns the files that are read, with a space before each.
    pub(super) fn existing_files_in_words(&self) -> String {
        let files: Vec<&Path> = match &self.kubeconfig {
            Some(path) => vec![path],
            None => self.existing_files().collect(),
        };
        let names: Vec<_> = files
            .iter()
            .map(|path| format!(" {}", path.display()))
            .collect();
        names.join(",")
    }

    pub(super) fn context_in_words(&self) -> String {
        let context = self.context.as_ref();
        context.map_or_else(String::new, |context| {
            format!(" with context \"{context}\"")
        })
    }

    pub(super) fn missing_in_words(&self) -> String {
        let from = match self.files_from.as_str() {
            "" => String::new(),
            from => format!(" (from {from})"),
        };
        match self.files.len() {
            0 => "no kubeconfig file is known".to_owned(),
            1 => format!("{}{from} does not exist", self.file_list()),
            _ => format!("none of {}{from} exists", self.file_list()),
        }
    }

    fn file_list(&self) -> String {
        let names: Vec<_> = self
            .files
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        names.join(", ")
    }
}

fn listed(list: &OsString) -> Vec<PathBuf> {
    std::env::split_paths(list)
        .filter(|path| !path.as_os_str().is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferred(pairs: &[(&str, &str)]) -> Options {
        Options::inferred(|name| {
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn files_are_looked_for_where_kubectl_looks() {
        let options = inferred(&[("KUBECONFIG", "/a::/b"), ("HOME", "/h")]);
        assert_eq!(options.files, [PathBuf::from("/a"), "/b".into()]);
        assert_eq!(options.files_from, "KUBECONFIG");
        let options = inferred(&[("KUBECONFIG", ""), ("HOME", "/h")]);
        assert_eq!(options.files, [PathBuf::from("/h/.kube/config")]);
        assert_eq!(options.files_from, "");
        assert!(inferred(&[]).files.is_empty());
    }

    #[test]
    fn a_pod_has_both_variables_and_a_token() {
        let pod = [
            ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
            ("KUBERNETES_SERVICE_PORT", "443"),
        ];
        assert_eq!(inferred(&pod[..1]).service_account, None);
        let folder = tempfile::tempdir().unwrap();
        let mut options = inferred(&pod);
        let account = options
            .service_account
            .take()
            .unwrap()
            .folder(folder.path());
        options.service_account = Some(account);
        assert!(
            options.usable_service_account().is_none(),
            "nothing is mounted"
        );
        std::fs::write(folder.path().join("token"), "t").unwrap();
        assert!(options.usable_service_account().is_some());
        assert!(options.fallback().is_none(), "there is no file");
        options.files = vec![folder.path().join("token")];
        assert!(options.fallback().unwrap().service_account.is_none());
        options.context = Some("prod".into());
        assert!(
            options.usable_service_account().is_none(),
            "it goes straight to the files"
        );
    }
}
