//! Bare pods.

use argo_core::resource::Pod;

use super::RolloutState;

/// Returns the state of a pod that no workload owns, as Argo CD's health check decides it.
///
/// A pod that is restarted for ever is complete when it is ready; one that is not, when
/// it succeeded.
pub fn pod(pod: &Pod) -> RolloutState {
    let state = RolloutState {
        desired: Some(1),
        ready: Some(i64::from(is_ready(pod))),
        ..RolloutState::default()
    };
    let runs_for_ever = pod.spec.restart_policy.as_deref().unwrap_or("Always") == "Always";
    match pod.status.phase.as_deref() {
        Some("Succeeded") => state.done(),
        Some("Failed") => state.fails(failure(pod)),
        Some("Running") if runs_for_ever && is_ready(pod) => state.done(),
        Some("Running") if !runs_for_ever => state.waits("the pod to end"),
        _ => {
            let words = waiting(pod);
            state.waits(words)
        }
    }
}

fn is_ready(pod: &Pod) -> bool {
    pod.condition("Ready")
        .is_some_and(|condition| condition.status == "True")
}

/// Names the container that keeps the pod, or says that it has no node.
fn waiting(pod: &Pod) -> String {
    let unscheduled = pod
        .condition("PodScheduled")
        .is_some_and(|condition| condition.status == "False");
    if unscheduled {
        return "not scheduled yet".to_owned();
    }
    let statuses = pod.containers().filter_map(|(_, status)| status);
    for status in statuses {
        let reason = status.state.waiting.as_ref();
        match reason.and_then(|waiting| waiting.reason.as_deref()) {
            Some(reason) => return format!("{} ({reason})", status.name),
            None if status.state.running.is_some() && !status.ready => {
                return format!("{} to be ready", status.name);
            }
            None => {}
        }
    }
    "its containers".to_owned()
}

/// Returns the kubelet's message, or names the first container that failed.
fn failure(pod: &Pod) -> String {
    if let Some(message) = pod.status.message.clone().filter(|text| !text.is_empty()) {
        return message;
    }
    let failed = pod.containers().find_map(|(container, status)| {
        let terminated = status?.state.terminated.as_ref()?;
        (terminated.exit_code != 0).then_some((container.name.as_str(), terminated))
    });
    match failed {
        Some((name, end)) if end.reason.as_deref() == Some("OOMKilled") => {
            format!("container {name} was OOMKilled")
        }
        Some((name, end)) => format!("container {name} ended with exit code {}", end.exit_code),
        None => pod
            .status
            .reason
            .clone()
            .unwrap_or_else(|| "the pod failed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn state(value: Value) -> RolloutState {
        pod(&serde_json::from_value(value).unwrap())
    }

    #[test]
    fn a_server_is_complete_when_ready_and_a_task_when_it_succeeded() {
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let server = json!({"status": {"phase": "Running", "conditions": ready}});
        assert!(state(server).complete);
        let task = json!({"spec": {"restartPolicy": "Never"},
            "status": {"phase": "Running", "conditions": ready}});
        assert_eq!(state(task).waiting_for.as_deref(), Some("the pod to end"));
        assert!(state(json!({"status": {"phase": "Succeeded"}})).complete);
    }

    #[test]
    fn it_names_the_container_that_failed_or_waits() {
        let containers = json!([{"name": "a"}, {"name": "b"}]);
        let with = |phase: &str, statuses: Value| {
            state(json!({"spec": {"containers": containers},
                "status": {"phase": phase, "containerStatuses": statuses}}))
        };
        let failed = with(
            "Failed",
            json!([{"name": "b", "state": {"terminated": {"exitCode": 4}}}]),
        );
        assert_eq!(
            failed.failed.as_deref(),
            Some("container b ended with exit code 4")
        );
        let pulls = with(
            "Pending",
            json!([{"name": "a", "state": {"waiting": {"reason": "ErrImagePull"}}}]),
        );
        assert_eq!(pulls.waiting_for.as_deref(), Some("a (ErrImagePull)"));
    }
}
