//! Nodes that drop pods, and pods that do not go.

use jiff::SignedDuration;

use crate::diagnosis::{
    context::{PodView, WorkloadView},
    observation::{Observation, kubectl},
    span::{age, secs, span},
};
use crate::message::without_credentials;

/// The longest life of a pod that is evicted again and again.
const BETWEEN: SignedDuration = secs(120);

/// The time that a kubelet may take until it says a word about a pod.
const NODE_TAKES: SignedDuration = secs(10);

/// Evictions from which on they are a finding. A single one is everyday life in a cluster:
/// the pod is replaced.
const EVICTIONS: usize = 3;

/// Pods of one workload that are evicted again and again.
pub(super) fn evicted(view: WorkloadView<'_>) -> Option<Observation> {
    if !view.is_root() {
        return None;
    }
    let pods = view
        .pods()
        .filter(|pod| pod.fact.is_new && pod.fact.pod.status.reason.as_deref() == Some("Evicted"));
    let pods: Vec<PodView<'_>> = pods.collect();
    let count = pods.len();
    let created = |pod: &&PodView<'_>| pod.fact.pod.metadata.creation_timestamp.clone();
    let last = pods
        .iter()
        .max_by_key(created)
        .filter(|_| count >= EVICTIONS)?;
    // Without a readiness probe the next pod counts as ready until it is evicted, too.
    let is_past = created(&last).is_none_or(|time| view.context.age(time.0) > BETWEEN);
    if view.state.complete && is_past {
        return None;
    }
    let message = last.fact.pod.status.message.as_deref().unwrap_or_default();
    let times = pods.iter().filter_map(|pod| {
        let created = pod.fact.pod.metadata.creation_timestamp.as_ref();
        created.map(|time| time.0)
    });
    let since = times.min().unwrap_or(view.context.now);
    let cause = format!(
        "{count} pods were evicted: {}",
        without_credentials(message)
    );
    let next = kubectl(last.namespace(), &["describe", "pod", last.name()]);
    Some(
        Observation::suspicious(since, cause)
            .key("evicted")
            .next(next),
    )
}

/// Finds a pod whose node does not answer.
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
    let cause = format!("node {} does not answer", without_credentials(node));
    let next = kubectl("", &["describe", "node", node]);
    is_lost.then(|| {
        Observation::suspicious(since, cause)
            .key("node lost")
            .next(next)
    })
}

/// Finds a pod that is bound to a node whose kubelet has never said a word about it: with
/// `nodeName` in the template nobody checks that there is such a node.
pub(super) fn never_took(view: PodView<'_>) -> Option<Observation> {
    let (pod, status) = (&view.fact.pod, &view.fact.pod.status);
    let node = pod
        .spec
        .node_name
        .as_deref()
        .filter(|node| !node.is_empty())?;
    let is_untouched = status.start_time.is_none()
        && view.fact.containers.is_empty()
        && view.is_not_started()
        && pod.condition("Ready").is_none();
    let scheduled = pod.condition("PodScheduled");
    // The scheduler still looks for a node: its own words say why.
    if scheduled.is_some_and(|condition| condition.status == "False") {
        return None;
    }
    let bound = scheduled.filter(|condition| condition.status == "True");
    let bound = bound.and_then(|condition| condition.last_transition_time.as_ref());
    let since = bound.or(pod.metadata.creation_timestamp.as_ref())?.0;
    // Also in one look, which has no grace time, a kubelet may take a moment.
    if view.context.age(since) < NODE_TAKES {
        return None;
    }
    let lasted = span(view.context.age(since));
    let node_name = without_credentials(node);
    let cause = format!(
        "node {node_name} has not taken the pod for {lasted}: there is no such node, or its kubelet does not run"
    );
    is_untouched.then(|| {
        Observation::suspicious(since, cause)
            .key(format!("node {node_name} takes no pod"))
            .next(kubectl("", &["get", "node", node]))
    })
}

fn last_change(view: PodView<'_>) -> Option<jiff::Timestamp> {
    let ready = view.fact.pod.condition("Ready")?;
    ready.last_transition_time.as_ref().map(|time| time.0)
}

/// Finds an old pod that does not go while the workload waits for it. `Recreate` shows no
/// other sign: no new ReplicaSet, no Warning, only the pod's finalizers.
pub(super) fn stuck(view: PodView<'_>) -> Option<Observation> {
    let metadata = &view.fact.pod.metadata;
    // The time of deletion is the end of the grace period, not its start.
    let since = metadata.deletion_timestamp.as_ref()?.0;
    let state = view.context.state(&view.fact.root.uid);
    let matters = state.is_some_and(|state| !state.complete);
    let overdue = view.context.age(since);
    // Also in one look, which has no grace time, a pod may take a moment.
    if !matters || overdue < secs(30) {
        return None;
    }
    let overdue = span(overdue);
    let pod = if view.is_newest() {
        "a deleted"
    } else {
        "an old"
    };
    let finalizers = metadata.finalizers.as_deref().unwrap_or_default();
    let cause = match finalizers {
        [] => format!("{pod} pod has not ended {overdue} after its grace period"),
        [first, ..] => {
            format!(
                "finalizer {} keeps {pod} pod, {overdue} after its grace period",
                without_credentials(first)
            )
        }
    };
    let key = format!("stuck {}", finalizers.first().map_or("", String::as_str));
    let next = kubectl(view.namespace(), &["describe", "pod", view.name()]);
    Some(
        Observation::suspicious(since, cause)
            .key(without_credentials(&key))
            .next(next),
    )
}

/// Finds a StatefulSet or DaemonSet with `OnDelete` that keeps old pods. kubectl refuses to
/// answer for it and Argo CD calls it Healthy, but the new revision does not run.
pub(super) fn waits_for_deletion(view: WorkloadView<'_>) -> Option<Observation> {
    let workload = &view.fact.workload;
    let strategy = workload.spec.update_strategy.type_.as_deref();
    let (desired, updated) = (view.state.desired?, view.state.updated?);
    let old = desired.saturating_sub(updated);
    let is_ready = view.state.ready >= Some(desired);
    if strategy != Some("OnDelete") || !view.is_root() || !is_ready || old <= 0 {
        return None;
    }
    let since = view.fact.revision_since;
    let verb = match (old, desired) {
        (_, 1) => "pod runs",
        (1, _) => "pods runs",
        _ => "pods run",
    };
    let cause = format!(
        "{old} of {desired} {verb} the old revision: with the update strategy OnDelete a pod is replaced only once somebody deletes it"
    );
    let object = &view.fact.object;
    let is_old = |pod: &PodView<'_>| pod.fact.root.uid == view.fact.root.uid && !pod.is_newest();
    let name = view.context.all_pods().find(is_old).map(PodView::name);
    let kind = object.kind.kind.to_ascii_lowercase();
    let next = match name {
        Some(pod) => kubectl(&object.namespace, &["delete", "pod", pod]),
        None => kubectl(&object.namespace, &["describe", &kind, &object.name]),
    };
    Some(
        Observation::suspicious(since, cause)
            .key("old revision")
            .next(next),
    )
}

/// Finds a StatefulSet that waits for a broken pod of an old revision. A StatefulSet waits
/// for each pod before it replaces the next one, so the fix never reaches the broken pod
/// (recording 06; kubernetes documentation, "Forced rollback").
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
        without_credentials(view.name()),
        set.object.kind.kind
    );
    let next = kubectl(view.namespace(), &["delete", "pod", view.name()]);
    Some(
        Observation::doomed(since, cause)
            .key("old pod blocks")
            .next(next),
    )
}

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;
