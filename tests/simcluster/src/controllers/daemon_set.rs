//! DaemonSets: one pod, as there is one node.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::scheduler::fits;
use super::stateful_set::controller_revision;
use super::view::{Write, active, available, deleted, ended, hash_of, min_ready, pod_of, ready};
use crate::store::Object;

const REVISION: &str = "controller-revision-hash";

/// Returns the writes for a DaemonSet with these pods.
pub(crate) fn reconcile(set: &Object, pods: &[Arc<Object>], node: Option<&Object>) -> Vec<Write> {
    let hash = hash_of(&set["spec"]["template"]);
    let mut writes = vec![Write::Create(controller_revision(
        set,
        &format!("{}-{hash}", set.name()),
    ))];
    if deleted(set) {
        return writes;
    }
    let wanted = node.is_some_and(|node| fits(&set["spec"]["template"]["spec"], node).is_ok());
    for pod in pods.iter().filter(|pod| ended(pod) && !deleted(pod)) {
        let message = format!(
            "Found failed daemon pod {}/{} on node {}, will try to kill it",
            pod.namespace(),
            pod.name(),
            crate::kubelet::NODE
        );
        writes.push(Write::warning(set, "FailedDaemonPod", message));
        writes.push(Write::delete("pods", pod));
    }
    // A pod that is going but has not ended still holds its place.
    let living: Vec<&Arc<Object>> = pods.iter().filter(|pod| !ended(pod)).collect();
    if wanted && living.is_empty() {
        writes.push(Write::CreatePod(pod(set, &hash)));
    }
    let keeps = set["spec"]["updateStrategy"]["type"] == "OnDelete";
    for pod in living.into_iter().filter(|pod| active(pod)) {
        let old = pod["metadata"]["labels"][REVISION] != *hash;
        if !wanted || (old && !keeps) {
            writes.push(Write::delete("pods", pod));
            let message = format!("Deleted pod: {}", pod.name());
            writes.push(Write::normal(set, "SuccessfulDelete", message));
        }
    }
    writes
}

/// The status for the pods as they are now.
pub(crate) fn status(
    set: &Object,
    pods: &[Arc<Object>],
    node: Option<&Object>,
    now: Timestamp,
) -> Value {
    let hash = hash_of(&set["spec"]["template"]);
    let wanted = node.is_some_and(|node| fits(&set["spec"]["template"]["spec"], node).is_ok());
    let pod = pods
        .iter()
        .filter(|pod| !ended(pod))
        .max_by_key(|pod| !deleted(pod));
    let has = |test: &dyn Fn(&Arc<Object>) -> bool| i64::from(pod.is_some_and(test));
    let desired = i64::from(wanted);
    let ready_count = if wanted { has(&|pod| ready(pod)) } else { 0 };
    let available = if wanted {
        has(&|pod| available(pod, min_ready(set), now))
    } else {
        0
    };
    let mut status = json!({
        "currentNumberScheduled": has(&|_| true).min(desired),
        "numberMisscheduled": if wanted { 0 } else { has(&|_| true) },
        "desiredNumberScheduled": desired, "numberReady": ready_count,
        "observedGeneration": set["metadata"]["generation"],
    });
    let counts = [
        (
            "updatedNumberScheduled",
            has(&|pod| !deleted(pod) && pod["metadata"]["labels"][REVISION] == *hash),
        ),
        ("numberAvailable", available),
        ("numberUnavailable", desired - available),
    ];
    for (field, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        status[field] = json!(count);
    }
    status
}

fn pod(set: &Object, hash: &str) -> Value {
    let mut pod = pod_of(set, &set["spec"]["template"]);
    let labels = &mut pod["metadata"]["labels"];
    labels[REVISION] = json!(hash);
    labels["pod-template-generation"] = json!(set["metadata"]["generation"].to_string());
    pod
}
