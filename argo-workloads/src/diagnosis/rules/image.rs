//! Images that cannot be pulled: the container's own, and those of its image volumes.

use jiff::{SignedDuration, Timestamp};

use crate::diagnosis::{
    context::ContainerView,
    facts::{EventFact, StartProblemKind},
    observation::{Observation, kubectl},
    span::{secs, span},
};
use crate::message::without_credentials;

use super::pull_error::PullError;

/// A pull that takes shorter is nothing to speak of.
const PULL_TAKES: SignedDuration = secs(15);

/// Images that no second try will bring. krane `lib/krane/kubernetes_resource/pod.rb`
/// waits for all but `not found`; skaffold for none.
pub(super) fn refused(view: &ContainerView<'_>) -> Option<Observation> {
    let (since, reason, message) = pull(view)?;
    let image = image(view, message);
    let cause = match reason {
        "InvalidImageName" => format!("image name \"{image}\" is invalid{}", name_rule(message)),
        "ErrImageNeverPull" => {
            format!("image {image} is not on the node and the pull policy is Never")
        }
        _ => {
            let error = PullError::of(message, &image);
            error.is_final().then(|| phrase(view, error, &image))?
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
    let image = image(view, message);
    let error = PullError::of(message, &image);
    if error.is_final() {
        return None;
    }
    let phrase = phrase(view, error, &image);
    let observation =
        Observation::doomed(since, phrase.clone() + &details(error, message)).key(phrase);
    Some(with_context(observation, view, message))
}

/// Finds an image whose pull does not end. The kubelet waits for the runtime without a word in
/// the status.
pub(super) fn slow(view: &ContainerView<'_>) -> Option<Observation> {
    let image = view.image();
    let began = view.event(|event| event.reason == "Pulling" && event.message.contains(image))?;
    let ended = view.event(|event| {
        let is_of_image = event.message.contains(image) || event.reason != "Pulled";
        matches!(&*event.reason, "Pulled" | "Failed" | "BackOff" | "Created") && is_of_image
    });
    let has_ended = ended.is_some_and(|ended| ended.last >= began.last);
    let since = began.last;
    let age = view.context().age(since);
    if has_ended || !view.never_ran() || view.start_problem().is_some() || age < PULL_TAKES {
        return None;
    }
    let image = without_credentials(image);
    let (host, lasted) = (registry(&image), span(age));
    // A kubelet pulls one image after the other unless it is told otherwise, and says that it
    // pulls before it is an image's turn.
    let cause = format!(
        "image {image} has not been pulled after {lasted}: {host} is slow, or its node pulls another image first"
    );
    let next = kubectl(view.pod.namespace(), &["describe", "pod", view.pod.name()]);
    let key = format!("the pull of {image} does not end");
    Some(Observation::suspicious(since, cause).key(key).next(next))
}

/// Returns the trouble with the image, from the status; from events until the status has it
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
    // A container that ran has its image; an older event is about an earlier pull.
    let event = event.filter(|_| view.never_ran())?;
    let pulled = view.event(|event| event.reason == "Pulled");
    let overtaken = pulled.is_some_and(|pulled| pulled.last >= event.last);
    (!overtaken).then_some((event.first, "ErrImagePull", &event.message))
}

/// Returns the image that the message names: an image volume is pulled like the container's
/// own image and reported at the container (Kubernetes 1.37).
fn image(view: &ContainerView<'_>, message: &str) -> String {
    let own = view.image();
    let volumes = view.pod.fact.pod.spec.volumes.iter();
    let references = volumes.filter_map(|volume| volume.image.as_ref()?.reference.as_deref());
    let mut named = references.filter(|reference| *reference != own);
    let quoted = |reference: &&str| message.contains(&format!("\"{reference}\""));
    without_credentials(named.find(quoted).unwrap_or(own))
}

fn phrase(view: &ContainerView<'_>, error: PullError, image: &str) -> String {
    let host = registry(image);
    match error {
        PullError::NotFound => format!("image {image} does not exist"),
        PullError::Unauthorised => {
            let secret = missing_secret(view);
            format!("{host} refuses the credentials for image {image}{secret}")
        }
        PullError::NotFoundOrUnauthorised => {
            let secret = missing_secret(view);
            format!("image {image} does not exist, or {host} wants other credentials{secret}")
        }
        PullError::Platform => format!("image {image} is not built for the node's processor"),
        PullError::RateLimited => format!("{host} allows no more pulls for now (image {image})"),
        PullError::Unreachable => format!("{host} cannot be reached for image {image}"),
        PullError::Proxy => format!("the node's proxy does not lead to {host} for image {image}"),
        PullError::Tls => format!("TLS to {host} fails for image {image}"),
        PullError::DiskFull => {
            let node = view.pod.fact.pod.spec.node_name.as_deref();
            let node = node.map_or("the node".to_owned(), |node| {
                format!("node {}", without_credentials(node))
            });
            format!("{node} has no disk space left for image {image}")
        }
        PullError::Cancelled => format!("the pull of image {image} is cancelled each time"),
        PullError::Damaged => format!("the data of image {image} from {host} is damaged"),
        PullError::Other => format!("image {image} cannot be pulled"),
    }
}

/// ` (pull secret regcred is missing)`, if the kubelet says so: kubernetes
/// `pkg/kubelet/kubelet_pods.go`, `getPullSecretsForPod`.
fn missing_secret(view: &ContainerView<'_>) -> String {
    let event = pull_secret_event(view);
    let names = event.and_then(|event| event.message.split_once('(')?.1.split_once(')'));
    match names {
        Some((names, _)) if names.contains(',') => {
            format!(" (pull secrets {} are missing)", without_credentials(names))
        }
        Some((name, _)) => format!(" (pull secret {} is missing)", without_credentials(name)),
        None => String::new(),
    }
}

fn pull_secret_event<'a>(view: &ContainerView<'a>) -> Option<&'a EventFact> {
    let pod = view.pod;
    pod.event(|event| event.reason == "FailedToRetrieveImagePullSecret")
}

/// Returns the error of the network or the registry, the end of the message. Credentials are
/// removed first: a part of one could not be recognized any more.
fn details(error: PullError, message: &str) -> String {
    // Go nests errors from the outside to the inside: the cause is what stands last.
    let start = message.rfind("dial tcp").unwrap_or(0);
    let message = without_credentials(&message[start..]);
    let why = message.rsplit(": ").next().unwrap_or_default();
    match error {
        PullError::DiskFull | PullError::Cancelled | PullError::RateLimited => String::new(),
        PullError::Other if message.starts_with("Back-off") || why.is_empty() => String::new(),
        PullError::Unreachable if message.contains("lookup ") => {
            format!(" (its name cannot be resolved: {why})")
        }
        _ => format!(" ({why})"),
    }
}

/// Returns the rule that an image name breaks, the last part of the runtime's text.
fn name_rule(message: &str) -> String {
    match message.rsplit_once("invalid reference format: ") {
        Some((_, rule)) => format!(": {}", without_credentials(rule)),
        None => String::new(),
    }
}

/// Returns the registry of an image: the part before the first slash, if that looks like a
/// host.
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
    let observation = match pull_secret_event(view) {
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
