//! Images that cannot be pulled.
//!
//! Texts: containerd `remotes/docker`, kubernetes `pkg/kubelet/images`; recordings 02, 10.

use jiff::Timestamp;

use crate::diagnosis::{
    context::ContainerView,
    facts::StartProblemKind,
    observation::{Observation, kubectl},
    redact::clean,
};

/// Why an image cannot be had, as far as the message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// The registry says that there is no such image.
    NotFound,
    /// The registry says that the credentials do not do.
    Unauthorised,
    /// Docker Hub does not say which of the two.
    NotFoundOrUnauthorised,
    /// There is none for this processor.
    Platform,
    /// The registry allows no more pulls for now.
    RateLimited,
    /// The registry cannot be reached, or fails.
    Unreachable,
    /// The message says nothing that is known.
    Other,
}

impl Refusal {
    /// The network comes first: `no such host` is no missing image.
    fn of(message: &str) -> Self {
        const TEXTS: [(Refusal, &[&str]); 6] = [
            (
                Refusal::RateLimited,
                &[
                    "toomanyrequests",
                    "pull rate limit",
                    "429 too many requests",
                ],
            ),
            (
                Refusal::Unreachable,
                &[
                    "dial tcp",
                    "i/o timeout",
                    "connection refused",
                    "connection reset",
                    "no such host",
                    "tls handshake",
                    "x509:",
                    "context deadline exceeded",
                    "unexpected eof",
                    "500 internal server error",
                    "502 bad gateway",
                    "503 service unavailable",
                    "504 gateway",
                ],
            ),
            (
                Refusal::NotFoundOrUnauthorised,
                &["pull access denied", "may require authorization"],
            ),
            (
                Refusal::Platform,
                &["no match for platform", "no matching manifest for"],
            ),
            (
                Refusal::Unauthorised,
                &[
                    "unauthorized",
                    "401",
                    "403 forbidden",
                    "authentication required",
                    "no basic auth credentials",
                    "denied",
                ],
            ),
            (
                Refusal::NotFound,
                &["not found", "manifest unknown", "name unknown", "404"],
            ),
        ];
        let message = message.to_ascii_lowercase();
        let fits = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
        let found = TEXTS.into_iter().find(|(_, texts)| fits(texts));
        found.map_or(Self::Other, |(refusal, _)| refusal)
    }

    /// True if trying again helps nothing.
    fn is_final(self) -> bool {
        !matches!(self, Self::RateLimited | Self::Unreachable | Self::Other)
    }
}

/// Images that no second try will bring. krane `lib/krane/kubernetes_resource/pod.rb`
/// waits for all but `not found`; skaffold for none.
pub(super) fn refused(view: &ContainerView<'_>) -> Option<Observation> {
    let (since, reason, message) = pull(view)?;
    let image = clean(view.image());
    let cause = match reason {
        "InvalidImageName" => format!("image name \"{image}\" is invalid{}", name_rule(message)),
        "ErrImageNeverPull" => {
            format!("image {image} is not on the node and the pull policy is Never")
        }
        _ => {
            let refusal = Refusal::of(message);
            refusal.is_final().then(|| phrase(refusal, &image))?
        }
    };
    Some(with_context(
        Observation::doomed(since, cause),
        view,
        message,
    ))
}

/// Registries that do not answer may answer again.
pub(super) fn unreachable(view: &ContainerView<'_>) -> Option<Observation> {
    let (since, reason, message) = pull(view)?;
    if matches!(reason, "InvalidImageName" | "ErrImageNeverPull") {
        return None;
    }
    let refusal = Refusal::of(message);
    if refusal.is_final() {
        return None;
    }
    let phrase = phrase(refusal, &clean(view.image()));
    let observation =
        Observation::doomed(since, phrase.clone() + &reached(refusal, message)).key(phrase);
    Some(with_context(observation, view, message))
}

/// The trouble with the image, from the status; from events until the status has it
/// (recording 02: 0.8 s earlier).
fn pull<'a>(view: &ContainerView<'a>) -> Option<(Timestamp, &'a str, &'a str)> {
    let event = view.event(|event| {
        event.reason == "Failed" && event.message.starts_with("Failed to pull image")
    });
    if let Some(start_problem) = view.start_problem() {
        let first = event.map_or(start_problem.since, |event| {
            event.first.min(start_problem.since)
        });
        let image = start_problem.kind == StartProblemKind::Image;
        // A back-off that nothing came before (first sight) may not name the cause.
        let message = match event {
            Some(event) if start_problem.reason.ends_with("BackOff") => event.message.as_str(),
            _ => &start_problem.message,
        };
        return image.then_some((first, &start_problem.reason, message));
    }
    let event = event.filter(|_| view.never_ran())?;
    let pulled = view.event(|event| event.reason == "Pulled");
    let overtaken = pulled.is_some_and(|pulled| pulled.last >= event.last);
    (!overtaken).then_some((event.first, "ErrImagePull", &event.message))
}

fn phrase(refusal: Refusal, image: &str) -> String {
    let host = registry(image);
    match refusal {
        Refusal::NotFound => format!("image {image} does not exist"),
        Refusal::Unauthorised => format!("{host} refuses the credentials for image {image}"),
        Refusal::NotFoundOrUnauthorised => {
            format!("image {image} does not exist, or {host} wants other credentials")
        }
        Refusal::Platform => format!("image {image} is not built for the node's processor"),
        Refusal::RateLimited => format!("{host} allows no more pulls for now (image {image})"),
        Refusal::Unreachable => format!("{host} cannot be reached for image {image}"),
        Refusal::Other => format!("image {image} cannot be pulled"),
    }
}

/// What the network said: the end of the message. Credentials are cut before, since a part
/// of them is not known as such.
fn reached(refusal: Refusal, message: &str) -> String {
    let start = message.rfind("dial tcp").unwrap_or(0);
    let message = clean(&message[start..]);
    let why = message.rsplit(": ").next().unwrap_or_default();
    match refusal {
        Refusal::Unreachable if message.contains("lookup ") => {
            format!(" (its name cannot be resolved: {why})")
        }
        Refusal::Unreachable => format!(" ({why})"),
        _ => String::new(),
    }
}

/// The last part of the runtime's text names the rule that the name breaks.
fn name_rule(message: &str) -> String {
    match message.rsplit_once("invalid reference format: ") {
        Some((_, rule)) => format!(": {}", clean(rule)),
        None => String::new(),
    }
}

/// The host of an image: what stands before the first slash, if it looks like a host.
fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => {
            host.rsplit('@').next().unwrap_or(host)
        }
        _ => "docker.io",
    }
}

fn with_context(observation: Observation, view: &ContainerView<'_>, message: &str) -> Observation {
    // The chain of wrappers is long; what counts stands at its end.
    let end = message.rfind("failed to ").unwrap_or(0);
    let observation = observation.evidence(&message[end..]);
    let secret = view
        .pod
        .event(|event| event.reason == "FailedToRetrieveImagePullSecret");
    let observation = match secret {
        Some(event) => observation.evidence(&event.message),
        None => observation,
    };
    observation.next(kubectl(
        view.pod.namespace(),
        &["describe", "pod", view.pod.name()],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_registries() {
        let cases = [
            (
                "failed to resolve reference \"reg/web:9\": reg/web:9: not found",
                Refusal::NotFound,
            ),
            ("manifest unknown: manifest unknown", Refusal::NotFound),
            (
                "unexpected status from HEAD request: 401 Unauthorized",
                Refusal::Unauthorised,
            ),
            (
                "pull access denied, repository does not exist or may require authorization",
                Refusal::NotFoundOrUnauthorised,
            ),
            (
                "dial tcp: lookup registry.invalid: no such host",
                Refusal::Unreachable,
            ),
            (
                "unexpected status: 503 Service Unavailable",
                Refusal::Unreachable,
            ),
            (
                "429 Too Many Requests - toomanyrequests: pull rate limit",
                Refusal::RateLimited,
            ),
            (
                "no match for platform in manifest: not found",
                Refusal::Platform,
            ),
            ("Back-off pulling image \"web\"", Refusal::Other),
        ];
        for (message, refusal) in cases {
            assert_eq!(Refusal::of(message), refusal, "{message}");
        }
    }

    #[test]
    fn the_registry_of_an_image() {
        assert_eq!(registry("web:1"), "docker.io");
        assert_eq!(registry("shop/web"), "docker.io");
        assert_eq!(registry("localhost/web"), "localhost");
        assert_eq!(
            registry("reg.example.com:5000/shop/web@sha256:ab"),
            "reg.example.com:5000"
        );
    }
}
