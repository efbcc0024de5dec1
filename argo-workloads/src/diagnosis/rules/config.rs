//! References of a pod to objects that do not exist.
//!
//! Texts: kubernetes `pkg/kubelet/kubelet_pods.go`, `pkg/volume/{configmap,secret}`;
//! recording 10. After an init container the status says `PodInitializing` for up to
//! 15 s while the event is there: both are read.

use argo_core::resource::Volume;
use jiff::Timestamp;

use crate::diagnosis::{
    context::{ContainerView, PodView},
    facts::StartProblemKind,
    observation::{Observation, kubectl},
};
use crate::message::without_credentials;

/// A reference that leads nowhere.
#[derive(Debug, PartialEq, Eq)]
struct Missing {
    /// The cause in words.
    cause: String,
    /// The object to look at: `configmap` or `secret`, and a name; the plural and no name where
    /// there is no such object.
    object: Option<(&'static str, String)>,
}

impl Missing {
    /// Parses the missing object from a message of the kubelet; nothing for the kubelet's own
    /// delays (`failed to sync configmap cache: timed out`, in 5 of 70 healthy rollouts) and
    /// for other troubles.
    fn of(message: &str) -> Option<Self> {
        if message.contains("failed to sync") || message.contains("not registered") {
            return None;
        }
        key(message).or_else(|| object(message))
    }

    /// Names the object by the pod's spec, where the kubelet names the volume and the key only.
    fn named(self, view: PodView<'_>, message: &str) -> Self {
        let is_secret = message.contains("references non-existent secret key: ");
        let is_key = is_secret || message.contains("references non-existent config key: ");
        let (Some(volume), true) = (volume(message), is_key) else {
            return self;
        };
        let (kind, title) = if is_secret {
            ("secret", "Secret")
        } else {
            ("configmap", "ConfigMap")
        };
        let volumes = view.fact.pod.spec.volumes.iter();
        let mut names = volumes
            .filter(|known| known.name == volume)
            .flat_map(|known| sources(known, is_secret));
        let (Some(name), None) = (names.next(), names.next()) else {
            return self;
        };
        let key = message.rsplit(" key: ").next().unwrap_or_default();
        Self {
            cause: format!(
                "{title} \"{}\" has no key \"{}\"",
                without_credentials(name),
                without_credentials(key)
            ),
            object: Some((kind, name.to_owned())),
        }
    }
}

/// Returns the ConfigMaps, or the Secrets, that a volume shows.
fn sources(volume: &Volume, is_secret: bool) -> Vec<&str> {
    let projected = volume.projected.iter().flat_map(|it| &it.sources);
    let names: Vec<_> = if is_secret {
        let parts = projected.map(|part| part.secret.as_ref());
        let all = parts.chain([volume.secret.as_ref()]).flatten();
        all.map(|source| source.secret_name.as_deref()).collect()
    } else {
        let parts = projected.map(|part| part.config_map.as_ref());
        let all = parts.chain([volume.config_map.as_ref()]).flatten();
        all.map(|source| source.name.as_deref()).collect()
    };
    names.into_iter().flatten().collect()
}

/// Parses `couldn't find key URL in ConfigMap shop/settings`, `references non-existent secret
/// key: tls.crt`
fn key(message: &str) -> Option<Missing> {
    if let Some((_, rest)) = message.split_once("couldn't find key ") {
        let (key, rest) = rest.split_once(" in ")?;
        let (kind, name) = rest.split_once(' ')?;
        let name = name.rsplit('/').next().unwrap_or(name);
        let name = name.trim_end_matches([',', '.', '"']);
        let cause = format!(
            "{kind} \"{}\" has no key \"{}\"",
            without_credentials(name),
            without_credentials(key)
        );
        let kind = if kind == "Secret" {
            "secret"
        } else {
            "configmap"
        };
        return Some(Missing {
            cause,
            object: Some((kind, name.to_owned())),
        });
    }
    let (_, rest) = message.split_once("references non-existent ")?;
    let (kind, key) = rest.split_once(" key: ")?;
    let kind = if kind == "secret" {
        "Secret"
    } else {
        "ConfigMap"
    };
    Some(Missing {
        cause: format!(
            "a {kind} that a volume uses has no key \"{}\"",
            without_credentials(key)
        ),
        object: None,
    })
}

/// Parses `configmap "settings" not found`, `secret "token" not found`
fn object(message: &str) -> Option<Missing> {
    for (kind, kinds, title) in [
        ("configmap", "configmaps", "ConfigMap"),
        ("secret", "secrets", "Secret"),
    ] {
        let quote = format!("{kind} \"");
        let Some((_, rest)) = message.split_once(&quote) else {
            continue;
        };
        let Some((name, rest)) = rest.split_once('"') else {
            continue;
        };
        if rest.starts_with(" not found") {
            return Some(Missing {
                cause: format!("{title} \"{}\" does not exist", without_credentials(name)),
                // The list shows a name that is spelt otherwise.
                object: Some((kinds, String::new())),
            });
        }
    }
    None
}

/// Finds a container that cannot be made for want of a ConfigMap, a Secret or a key.
pub(super) fn missing(view: &ContainerView<'_>) -> Option<Observation> {
    let (since, message) = config_error(view)?;
    let missing = Missing::of(message)?;
    let cause = format!("{} ({})", missing.cause, view.label());
    let key = missing.cause.clone();
    Some(
        with_next(
            Observation::doomed(since, cause).key(key),
            &missing,
            view.pod,
        )
        .evidence(message),
    )
}

/// Finds a volume that cannot be mounted for want of a ConfigMap, a Secret or a key. Only
/// events tell; the status stays `ContainerCreating`.
pub(super) fn missing_volume(view: PodView<'_>) -> Option<Observation> {
    let fits = |message: &str| Missing::of(message);
    let event = view
        .blocking_event(|event| event.reason == "FailedMount" && fits(&event.message).is_some())?;
    let missing = Missing::of(&event.message)?.named(view, &event.message);
    let cause = match volume(&event.message) {
        Some(volume) => format!("{} (volume {volume})", missing.cause),
        None => missing.cause.clone(),
    };
    let key = missing.cause.clone();
    let observation = Observation::doomed(event.first, cause).key(key);
    Some(with_next(observation, &missing, view).evidence(&event.message))
}

/// Finds a container whose security context wants another user than the image's.
pub(super) fn runs_as_root(view: &ContainerView<'_>) -> Option<Observation> {
    let (since, message) = config_error(view)?;
    if !message.contains("runAsNonRoot") {
        return None;
    }
    let cause = format!(
        "{} must not run as root and image {} does",
        view.label(),
        without_credentials(view.image())
    );
    let next = kubectl(view.pod.namespace(), &["describe", "pod", view.pod.name()]);
    Some(
        Observation::doomed(since, cause)
            .evidence(message)
            .next(next),
    )
}

/// Finds a container that cannot be created for any other reason, over and over.
pub(super) fn cannot_create(view: &ContainerView<'_>) -> Option<Observation> {
    let start_problem = view.start_problem()?;
    let other = match start_problem.kind {
        StartProblemKind::Config => {
            let delay = start_problem.message.contains("failed to sync");
            !delay
                && Missing::of(&start_problem.message).is_none()
                && !start_problem.message.contains("runAsNonRoot")
        }
        // What was started and ended is a crash.
        StartProblemKind::Create => view.history.ends.is_empty(),
        StartProblemKind::Image => false,
    };
    let phrase = super::crashes::start_phrase(&start_problem.message);
    let cause = format!("{} cannot be created: {phrase}", view.label());
    let next = kubectl(view.pod.namespace(), &["describe", "pod", view.pod.name()]);
    other.then(|| {
        Observation::doomed(start_problem.since, cause)
            .evidence(&start_problem.message)
            .next(next)
    })
}

/// Returns the kubelet's message about the container's configuration: from the status, or
/// from an event while the status does not have it yet.
fn config_error<'a>(view: &ContainerView<'a>) -> Option<(Timestamp, &'a str)> {
    let event = view.event(|event| {
        event.reason == "Failed"
            && (Missing::of(&event.message).is_some() || event.message.contains("runAsNonRoot"))
    });
    if let Some(start_problem) = view.start_problem() {
        let first = event.map_or(start_problem.since, |event| {
            event.first.min(start_problem.since)
        });
        return (start_problem.kind == StartProblemKind::Config)
            .then_some((first, start_problem.message.as_str()));
    }
    let waits = matches!(
        view.waiting_reason(),
        "PodInitializing" | "ContainerCreating" | "CreateContainerConfigError"
    );
    // In any other state the container got further than the event says.
    let event = event.filter(|_| waits && view.never_ran())?;
    // The object may have come meanwhile: operators bring secrets seconds after the pod.
    let started = view.event(|event| event.reason == "Created");
    let overtaken = started.is_some_and(|started| started.last >= event.last);
    (!overtaken).then_some((event.first, event.message.as_str()))
}

/// Returns the volume in `MountVolume.SetUp failed for volume "v" : …`
fn volume(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("for volume \"")?;
    let (name, _) = rest.split_once('"')?;
    Some(without_credentials(name))
}

fn with_next(observation: Observation, missing: &Missing, pod: PodView<'_>) -> Observation {
    let command = match &missing.object {
        Some((kinds, name)) if name.is_empty() => kubectl(pod.namespace(), &["get", kinds]),
        Some((kind, name)) => kubectl(pod.namespace(), &["get", kind, name]),
        None => kubectl(pod.namespace(), &["describe", "pod", pod.name()]),
    };
    observation.next(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let cases = [
            (
                "configmap \"app-config\" not found",
                Some("ConfigMap \"app-config\" does not exist"),
            ),
            (
                "Error: secret \"app-secret\" not found",
                Some("Secret \"app-secret\" does not exist"),
            ),
            (
                "couldn't find key REDIS_URL in ConfigMap shop/api-settings",
                Some("ConfigMap \"api-settings\" has no key \"REDIS_URL\""),
            ),
            (
                "MountVolume.SetUp failed for volume \"v\" : references non-existent secret key: tls.crt",
                Some("a Secret that a volume uses has no key \"tls.crt\""),
            ),
            (
                "MountVolume.SetUp failed for volume \"kube-api-access-x\" : failed to sync configmap cache: timed out waiting for the condition",
                None,
            ),
            (
                "MountVolume.SetUp failed for volume \"v\" : object \"s\"/\"c\" not registered",
                None,
            ),
            (
                "container has runAsNonRoot and image will run as root",
                None,
            ),
        ];
        for (message, cause) in cases {
            let missing = Missing::of(message).map(|missing| missing.cause);
            assert_eq!(missing.as_deref(), cause, "{message}");
        }
    }
}
