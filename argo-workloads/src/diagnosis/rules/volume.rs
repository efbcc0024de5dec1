//! Volumes and sandboxes that cannot be had on the node. Only events tell; the status
//! stays `ContainerCreating` (recording 10).

use crate::diagnosis::{
    context::PodView,
    facts::EventFact,
    observation::{Observation, kubectl},
};
use crate::message::without_credentials;

/// Finds a volume that cannot be attached: above all, one that stays with another node.
pub(super) fn attach(view: PodView<'_>) -> Option<Observation> {
    let event = view.blocking_event(|event| event.reason == "FailedAttachVolume")?;
    let cause = if event.message.contains("Multi-Attach error") {
        let volume = quoted(&event.message).unwrap_or_default();
        format!("volume {volume} is still attached to another node")
    } else {
        format!(
            "volume cannot be attached: {}",
            without_credentials(&event.message)
        )
    };
    Some(observation(view, event, cause))
}

/// Finds a volume that cannot be mounted. Objects missing from the cluster have a rule of
/// their own; the kubelet's own delays pass.
pub(super) fn mount(view: PodView<'_>) -> Option<Observation> {
    let event = view.blocking_event(|event| {
        let text = &event.message;
        event.reason == "FailedMount"
            && !text.contains("failed to sync")
            && !text.contains("not registered")
            && !text.contains("\" not found")
            && !text.contains("references non-existent")
    })?;
    let volume = quoted(&event.message);
    let why = event
        .message
        .split_once(" : ")
        .map_or(&*event.message, |(_, why)| why);
    let why = without_credentials(mount_output(why).unwrap_or(why));
    let cause = match volume {
        Some(volume) => format!("volume {volume} cannot be mounted: {why}"),
        None => format!("a volume cannot be mounted: {why}"),
    };
    Some(observation(view, event, cause))
}

/// Returns what the mount command said: `mount failed: exit status 32\nMounting command: mount\n
/// Mounting arguments: …\nOutput: mount: /var/lib/kubelet/…: unknown filesystem type 'nfs'.`
/// (kubernetes `k8s.io/mount-utils/mount_linux.go`)
fn mount_output(text: &str) -> Option<&str> {
    let (_, output) = text.split_once("\nOutput: ")?;
    let said = output
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())?;
    let said = said.strip_prefix("mount: ").unwrap_or(said);
    let said = match said.split_once(": ") {
        Some((path, said)) if path.starts_with('/') => said,
        _ => said,
    };
    Some(said.trim_end_matches('.'))
}

/// Finds a pod whose sandbox cannot be made: most often the network plugin fails.
pub(super) fn sandbox(view: PodView<'_>) -> Option<Observation> {
    let event = view.blocking_event(|event| event.reason == "FailedCreatePodSandBox")?;
    let why = event
        .message
        .rsplit_once("desc = ")
        .map_or(&*event.message, |(_, why)| why);
    let cause = format!(
        "sandbox of the pod cannot be made: {}",
        without_credentials(why)
    );
    Some(observation(view, event, cause))
}

fn observation(view: PodView<'_>, event: &EventFact, cause: String) -> Observation {
    let node = view.fact.pod.spec.node_name.as_deref();
    let node = node.map_or(String::new(), |node| format!("on node {node}, "));
    Observation::suspicious(event.first, cause)
        .evidence(format!("{node}{} times: {}", event.count, event.message))
        .next(kubectl(view.namespace(), &["describe", "pod", view.name()]))
}

/// Returns the first quoted word, which is the volume.
fn quoted(message: &str) -> Option<String> {
    let (_, rest) = message.split_once('"')?;
    let (name, _) = rest.split_once('"')?;
    Some(without_credentials(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_commands_own_words_are_told() {
        let failed = |output: &str| {
            format!(
                "mount failed: exit status 32\nMounting command: mount\nMounting arguments: -t nfs 10.0.0.9:/shop /var/lib/kubelet/pods/u/volumes/kubernetes.io~nfs/share\nOutput: {output}\n"
            )
        };
        for (output, said) in [
            (
                "mount: /var/lib/kubelet/pods/u/volumes/kubernetes.io~nfs/share: unknown filesystem type 'nfs'.\n       dmesg(1) may have more information after failed mount system call.",
                "unknown filesystem type 'nfs'",
            ),
            (
                "mount.nfs: Connection timed out",
                "mount.nfs: Connection timed out",
            ),
        ] {
            assert_eq!(mount_output(&failed(output)), Some(said));
        }
        assert_eq!(mount_output("rpc error: code = Internal"), None);
    }
}
