//! ReplicaSets: as many pods as wanted.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::view::{Write, active, available, int, min_ready, pod_of, ready, until_available};
use crate::clock::time;
use crate::store::Object;

/// Returns the writes for a ReplicaSet with these pods. `failure` is the error of creating the last pod.
pub(crate) fn reconcile(set: &Object, pods: &[Arc<Object>], now: Timestamp) -> Vec<Write> {
    let wanted = usize::try_from(int(&set["spec"]["replicas"], 1)).unwrap_or_default();
    let mut living: Vec<&Arc<Object>> = pods.iter().filter(|pod| active(pod)).collect();
    let mut writes = Vec::new();
    if living.len() < wanted {
        let pod = pod_of(set, &set["spec"]["template"]);
        let missing = wanted - living.len();
        writes.extend((0..missing).map(|_| Write::CreatePod(pod.clone())));
    } else if living.len() > wanted {
        living.sort_by_key(|pod| deletion_rank(pod));
        for pod in living.iter().take(living.len() - wanted) {
            writes.push(Write::delete("pods", pod));
            let message = format!("Deleted pod: {}", pod.name());
            writes.push(Write::normal(set, "SuccessfulDelete", message));
        }
    }
    let waits = living
        .iter()
        .filter_map(|pod| until_available(pod, min_ready(set), now));
    if let Some(wait) = waits.filter(|wait| !wait.is_zero()).min() {
        writes.push(Write::Again(wait));
    }
    writes
}

/// The status after the pods were made or not; `failure` is what the last attempt said.
pub(crate) fn status(
    set: &Object,
    pods: &[Arc<Object>],
    failure: Option<&str>,
    now: Timestamp,
) -> Value {
    let living: Vec<&Arc<Object>> = pods.iter().filter(|pod| active(pod)).collect();
    let ready_count = living.iter().filter(|pod| ready(pod)).count();
    let available = living
        .iter()
        .filter(|pod| available(pod, min_ready(set), now))
        .count();
    let mut status = json!({"replicas": living.len()});
    let mut count = |field: &str, count: usize| {
        if count > 0 {
            status[field] = json!(count);
        }
    };
    count("fullyLabeledReplicas", living.len());
    count("readyReplicas", ready_count);
    count("availableReplicas", available);
    status["observedGeneration"] = set["metadata"]["generation"].clone();
    if let Some(message) = failure {
        let before = super::view::condition(set, "ReplicaFailure").cloned();
        let condition = before.unwrap_or_else(|| {
            json!({"type": "ReplicaFailure", "status": "True", "lastTransitionTime": time(now),
                "reason": "FailedCreate", "message": message})
        });
        status["conditions"] = json!([condition]);
    }
    status
}

/// Sorts pods for deletion: those without a node first, then pending, not ready, the youngest.
fn deletion_rank(pod: &Object) -> (bool, bool, bool, std::cmp::Reverse<String>, String) {
    let created = pod["metadata"]["creationTimestamp"]
        .as_str()
        .unwrap_or_default();
    (
        pod["spec"]["nodeName"].is_string(),
        pod["status"]["phase"] == "Running",
        ready(pod),
        std::cmp::Reverse(created.to_owned()),
        pod.name().to_owned(),
    )
}
