//! Pods whose resources are changed in place (Kubernetes 1.33 and later).
//!
//! Conditions: kubernetes `pkg/kubelet/status/status_manager.go`, `SetPodResizePendingCondition`
//! (`Deferred`, `Infeasible`) and `SetPodResizeInProgressCondition` (reason `Error`). Seen on
//! 1.34: "Node didn't have enough capacity: cpu, requested: 64000, capacity: 2000".

use jiff::Timestamp;

use super::refused::Shortage;
use crate::diagnosis::{
    context::PodView,
    observation::{Observation, kubectl},
};
use crate::message::without_credentials;

/// Finds a pod whose new resources its node can never give, or fails to set.
pub(super) fn impossible(view: PodView<'_>) -> Option<Observation> {
    if let Some(words) = condition(view, "PodResizePending", "Infeasible") {
        let node = node(view);
        let cause = format!("node {node} can never give the pod its new resources: {words}");
        return observation(view, "PodResizePending", cause);
    }
    let words = condition(view, "PodResizeInProgress", "Error")?;
    let cause = format!("the pod does not get its new resources: {words}");
    observation(view, "PodResizeInProgress", cause)
}

/// Finds a pod whose node has no room for its new resources at present.
pub(super) fn deferred(view: PodView<'_>) -> Option<Observation> {
    let words = condition(view, "PodResizePending", "Deferred")?;
    let node = node(view);
    let cause = format!("node {node} has no room yet for the pod's new resources: {words}");
    observation(view, "PodResizePending", cause)
}

/// Returns the message of a condition that holds for this reason.
fn condition(view: PodView<'_>, type_: &str, reason: &str) -> Option<String> {
    let state = view.context.state(&view.fact.root.uid);
    // A pod that serves with its old resources holds nothing up.
    if state.is_some_and(|state| state.complete) {
        return None;
    }
    let condition = view.fact.pod.condition(type_)?;
    let holds = condition.status == "True" && condition.reason.as_deref() == Some(reason);
    let message = condition.message.as_deref().unwrap_or_default();
    holds.then(|| match Shortage::of(message) {
        Some(shortage) => shortage.words(),
        None if message.is_empty() => "it gives no reason".to_owned(),
        None => without_credentials(message),
    })
}

fn node(view: PodView<'_>) -> String {
    let node = view.fact.pod.spec.node_name.as_deref();
    without_credentials(node.unwrap_or("(unknown)"))
}

fn observation(view: PodView<'_>, type_: &str, cause: String) -> Option<Observation> {
    let condition = view.fact.pod.condition(type_)?;
    let since = condition.last_transition_time.as_ref();
    let since: Timestamp = since.map_or(view.context.now, |time| time.0);
    Some(
        Observation::suspicious(since, cause)
            .key("resize")
            .next(kubectl(view.namespace(), &["describe", "pod", view.name()])),
    )
}

#[cfg(test)]
#[path = "resize_tests.rs"]
mod tests;
