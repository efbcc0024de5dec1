//! Nodes that drop pods, and pods that do not go.

use crate::diagnosis::{
    context::{PodView, WorkloadView},
    observation::{Observation, kubectl},
    redact::clean,
    span::{age, secs, span},
};

/// Evictions that count. One is everyday life of a cluster; the pod is replaced.
const EVICTIONS: usize = 3;

/// Pods of one workload that are evicted again and again.
pub(super) fn evicted(view: WorkloadView<'_>) -> Option<Observation> {
    if !view.is_root() || view.state.complete {
        return None;
    }
    let pods = view
        .pods()
        .filter(|pod| pod.fact.is_new && pod.fact.pod.status.reason.as_deref() == Some("Evicted"));
    let pods: Vec<PodView<'_>> = pods.collect();
    let count = pods.len();
    let last = pods.last().filter(|_| count >= EVICTIONS)?;
    let message = last.fact.pod.status.message.as_deref().unwrap_or_default();
    let times = pods.iter().filter_map(|pod| {
        let created = pod.fact.pod.metadata.creation_timestamp.as_ref();
        created.map(|time| time.0)
    });
    let since = times.min().unwrap_or(view.context.now);
    let cause = format!("{count} pods were evicted: {}", clean(message));
    let next = kubectl(last.namespace(), &["describe", "pod", last.name()]);
    Some(
        Observation::suspicious(since, cause)
            .key("evicted")
            .next(next),
    )
}

/// A pod whose node does not answer.
pub(super) fn lost(view: PodView<'_>) -> Option<Observation> {
    let status = &view.fact.pod.status;
    let ready = view.fact.pod.condition("Ready")?;
    let is_lost = status.reason.as_deref() == Some("NodeLost")
        || status.phase.as_deref() == Some("Unknown")
        || (ready.status != "True"
            && view
                .event(|event| event.reason == "NodeNotReady")
                .is_some_and(|event| Some(event.last) >= last_change(view)));
    let since = last_change(view)?;
    let node = view
        .fact
        .pod
        .spec
        .node_name
        .as_deref()
        .unwrap_or("(unknown)");
    let cause = format!("node {} does not answer", clean(node));
    let next = kubectl("", &["describe", "node", node]);
    is_lost.then(|| {
        Observation::suspicious(since, cause)
            .key("node lost")
            .next(next)
    })
}

fn last_change(view: PodView<'_>) -> Option<jiff::Timestamp> {
    let ready = view.fact.pod.condition("Ready")?;
    ready.last_transition_time.as_ref().map(|time| time.0)
}

/// An old pod that does not go while the workload waits for it. `Recreate` shows no other
/// sign: no new ReplicaSet, no Warning, only the pod's finalizers.
pub(super) fn stuck(view: PodView<'_>) -> Option<Observation> {
    let metadata = &view.fact.pod.metadata;
    // The time of deletion is the end of the grace period, not its start.
    let since = metadata.deletion_timestamp.as_ref()?.0;
    let state = view.context.state(&view.fact.root.uid);
    let matters = state.is_some_and(|state| !state.complete);
    let overdue = view.context.age(since);
    if !matters || overdue < secs(1) {
        return None;
    }
    let overdue = span(overdue);
    let finalizers = metadata.finalizers.as_deref().unwrap_or_default();
    let cause = match finalizers {
        [] => format!("old pod has not ended {overdue} after its grace period"),
        [first, ..] => {
            format!(
                "finalizer {} keeps an old pod, {overdue} after its grace period",
                clean(first)
            )
        }
    };
    let key = format!("stuck {}", finalizers.first().map_or("", String::as_str));
    let next = kubectl(view.namespace(), &["describe", "pod", view.name()]);
    Some(
        Observation::suspicious(since, cause)
            .key(clean(&key))
            .next(next),
    )
}

/// A StatefulSet waits for each pod before it replaces the next, also for a broken one of
/// an old revision: the fix never reaches it (recording 06; kubernetes documentation,
/// "Forced rollback").
pub(super) fn old_pod_blocks(view: PodView<'_>) -> Option<Observation> {
    let fact = view.fact;
    let set = view.context.facts.workloads.get(&fact.root.uid)?;
    let state = view.context.state(&fact.root.uid)?;
    let ready = fact.pod.condition("Ready")?;
    let is_broken = ready.status == "False";
    if !set.traits.ordered || state.complete || !is_broken || view.is_newest() || view.is_going() {
        return None;
    }
    let unready = ready.last_transition_time.as_ref()?.0;
    let since = unready.max(set.revision_since);
    let lasted = span(age(view.context.now, unready));
    let cause = format!(
        "pod {} of an old revision has not been ready for {lasted}, and the {} replaces no pod before it is",
        clean(view.name()),
        set.object.kind.kind
    );
    let next = kubectl(view.namespace(), &["delete", "pod", view.name()]);
    Some(
        Observation::doomed(since, cause)
            .key("old pod blocks")
            .next(next),
    )
}
