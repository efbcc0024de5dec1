//! Controllers that gave up.

use argo_core::Runs;

use crate::diagnosis::{
    context::WorkloadView,
    observation::{Observation, kubectl},
};
use crate::message::without_credentials;

/// Finds a Deployment past its progress deadline, or a Rollout that is degraded. It is a
/// symptom: whatever else holds the rollout up is its cause and takes its place. There is no
/// event, only the condition.
pub(super) fn exceeded(view: WorkloadView<'_>) -> Option<Observation> {
    let failed = view.state.failed.as_deref()?;
    let is_job = view.fact.traits.runs != Runs::ForEver;
    let is_wanted = view.state.desired != Some(0);
    // Pods that are about to go, or to be replaced, leave no cause behind.
    let changes = view.context.is_replacing(&view.fact.root.uid);
    // These have codes of their own.
    let is_known =
        super::rollouts::aborted(view).is_some() || super::rollouts::invalid(view).is_some();
    if !view.is_root() || is_job || !is_wanted || changes || is_known {
        return None;
    }
    let since = ["Progressing", "Stalled", "ReplicaFailure"];
    let since = since.iter().find_map(|type_| view.condition_time(type_));
    let since = since.unwrap_or(view.context.now);
    let waiting = (view.state.ready, view.state.desired);
    let counts = match waiting {
        (Some(ready), Some(desired)) => format!("; {ready} of {desired} ready"),
        _ => String::new(),
    };
    let cause = format!(
        "the controller gave up: {}{counts}",
        without_credentials(failed)
    );
    let kind = view.fact.object.kind.kind.to_ascii_lowercase();
    let next = kubectl(
        &view.fact.object.namespace,
        &["describe", &kind, &view.fact.object.name],
    );
    Some(
        Observation::doomed(since, cause)
            .key("gave up")
            .next(next)
            .of_release(view),
    )
}
