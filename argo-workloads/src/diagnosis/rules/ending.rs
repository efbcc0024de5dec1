//! Old pods that take their time to end while their successors wait for it.

use jiff::SignedDuration;

use crate::diagnosis::{
    context::PodView,
    observation::{Observation, kubectl},
    span::{secs, span},
};

/// A pod that ends within this time after it was asked to is nothing to speak of.
const SOON: SignedDuration = secs(20);

/// Finds an old pod that is still within its grace period, where no new one can start before it
/// has ended: with `Recreate`, and where pods keep their names.
pub(super) fn old_pod(view: PodView<'_>) -> Option<Observation> {
    let metadata = &view.fact.pod.metadata;
    let until = metadata.deletion_timestamp.as_ref()?.0;
    let grace = metadata.deletion_grace_period_seconds?;
    let since = until.saturating_sub(secs(grace)).ok()?;
    let workload = view.context.facts.workloads.get(&view.fact.root.uid)?;
    let strategy = workload.workload.spec.strategy.type_.as_deref();
    let holds_up = strategy == Some("Recreate") || workload.traits.keeps_pod_names;
    let asked = view.context.age(since);
    let is_pending = !workload.rollout.complete && workload.rollout.failed.is_none();
    // `Recreate` makes the new ReplicaSet only after that: the old one is the newest until then.
    let is_old = view.is_older() || !view.is_newest();
    if !holds_up || !is_pending || !is_old || asked < SOON {
        return None;
    }
    let (asked, grace) = (span(asked), span(secs(grace)));
    let cause = format!(
        "an old pod is still ending, {asked} after it was asked to; its grace period is {grace}"
    );
    let next = kubectl(view.namespace(), &["describe", "pod", view.name()]);
    Some(
        Observation::suspicious(since, cause)
            .key("ending")
            .next(next),
    )
}

#[cfg(test)]
#[path = "ending_tests.rs"]
mod tests;
