//! StatefulSets: numbered pods, one after the other.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::view::{
    Write, available, deleted, ended, hash_of, int, min_ready, owner_reference, pod_of, ready,
};
use crate::store::Object;

const REVISION: &str = "controller-revision-hash";

/// Returns the writes for a StatefulSet with these pods.
pub(crate) fn reconcile(set: &Object, pods: &[Arc<Object>], now: Timestamp) -> Vec<Write> {
    let update = revision(set);
    let current = set["status"]["currentRevision"]
        .as_str()
        .unwrap_or(&update)
        .to_owned();
    let mut writes = vec![Write::Create(controller_revision(set, &update))];
    if !deleted(set) {
        writes.extend(pods_of(set, pods, &current, &update, now));
    }
    writes
}

/// The status for the pods as they are now.
pub(crate) fn status(set: &Object, pods: &[Arc<Object>], now: Timestamp) -> Value {
    let update = revision(set);
    let mut current = set["status"]["currentRevision"]
        .as_str()
        .unwrap_or(&update)
        .to_owned();
    let count =
        |wanted: &dyn Fn(&Arc<Object>) -> bool| pods.iter().filter(|pod| wanted(pod)).count();
    let of = |revision: &str| count(&|pod| !deleted(pod) && revision_of(pod) == revision);
    let (ready_count, updated) = (count(&|pod| ready(pod)), of(&update));
    let wanted = usize::try_from(int(&set["spec"]["replicas"], 1)).unwrap_or(0);
    if updated == wanted && ready_count == wanted && pods.len() == wanted {
        current.clone_from(&update);
    }
    let mut status = json!({
        "observedGeneration": set["metadata"]["generation"], "replicas": pods.len(),
        "currentRevision": current, "updateRevision": update, "collisionCount": 0,
        "availableReplicas": count(&|pod| available(pod, min_ready(set), now)),
    });
    let counts = [
        ("readyReplicas", ready_count),
        ("currentReplicas", of(&current)),
        ("updatedReplicas", updated),
    ];
    for (field, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        status[field] = json!(count);
    }
    status
}

/// Returns the writes to the pods: missing ones first, then surplus ones, then old ones.
fn pods_of(
    set: &Object,
    pods: &[Arc<Object>],
    current: &str,
    update: &str,
    now: Timestamp,
) -> Vec<Write> {
    let (mut writes, may_go_on) = fill(set, pods, current, update, now);
    if may_go_on {
        writes.extend(match surplus(set, pods) {
            Some(last) if deleted(last) => Vec::new(),
            Some(last) => delete(set, last).into(),
            None => replace_one(set, pods, update, now),
        });
    }
    writes
}

fn pod_at<'a>(set: &Object, pods: &'a [Arc<Object>], ordinal: i64) -> Option<&'a Arc<Object>> {
    pods.iter()
        .find(|pod| ordinal_of(set, pod) == Some(ordinal))
}

fn partition(set: &Object) -> i64 {
    int(
        &set["spec"]["updateStrategy"]["rollingUpdate"]["partition"],
        0,
    )
}

fn is_healthy(set: &Object, pod: &Object, now: Timestamp) -> bool {
    !deleted(pod) && available(pod, min_ready(set), now)
}

/// Creates missing pods and recreates failed ones. The second value is false if an ordered set
/// waits for one of them.
fn fill(
    set: &Object,
    pods: &[Arc<Object>],
    current: &str,
    update: &str,
    now: Timestamp,
) -> (Vec<Write>, bool) {
    let ordered = set["spec"]["podManagementPolicy"] != "Parallel";
    let mut writes = Vec::new();
    for ordinal in 0..int(&set["spec"]["replicas"], 1) {
        let healthy = match pod_at(set, pods, ordinal) {
            None => {
                let is_kept = ordinal < partition(set);
                let revision = if is_kept { current } else { update };
                writes.push(Write::CreatePod(pod(set, ordinal, revision)));
                false
            }
            Some(pod) if ended(pod) && !deleted(pod) => {
                let message = format!(
                    "StatefulSet {}/{} is recreating failed Pod {}",
                    set.namespace(),
                    set.name(),
                    pod.name()
                );
                writes.push(Write::warning(set, "RecreatingFailedPod", message));
                writes.extend(delete(set, pod));
                false
            }
            Some(pod) => is_healthy(set, pod, now),
        };
        if ordered && !healthy {
            return (writes, false);
        }
    }
    (writes, true)
}

/// Returns the last pod beyond the wanted number.
fn surplus<'a>(set: &Object, pods: &'a [Arc<Object>]) -> Option<&'a Arc<Object>> {
    let replicas = int(&set["spec"]["replicas"], 1);
    pods.iter()
        .filter(|pod| ordinal_of(set, pod) >= Some(replicas))
        .max_by_key(|pod| ordinal_of(set, pod))
}

/// Deletes the last pod of an old revision, once all behind it are healthy.
fn replace_one(set: &Object, pods: &[Arc<Object>], update: &str, now: Timestamp) -> Vec<Write> {
    if set["spec"]["updateStrategy"]["type"] == "OnDelete" {
        return Vec::new();
    }
    let replicas = int(&set["spec"]["replicas"], 1);
    for ordinal in (partition(set)..replicas).rev() {
        match pod_at(set, pods, ordinal) {
            Some(pod) if revision_of(pod) != update && !deleted(pod) => {
                return delete(set, pod).into();
            }
            Some(pod) if is_healthy(set, pod, now) => {}
            _ => break,
        }
    }
    Vec::new()
}

fn delete(set: &Object, pod: &Arc<Object>) -> [Write; 2] {
    let message = format!(
        "delete Pod {} in StatefulSet {} successful",
        pod.name(),
        set.name()
    );
    [
        Write::delete("pods", pod),
        Write::normal(set, "SuccessfulDelete", message),
    ]
}

fn pod(set: &Object, ordinal: i64, revision: &str) -> Value {
    let name = format!("{}-{ordinal}", set.name());
    let mut pod = pod_of(set, &set["spec"]["template"]);
    pod["metadata"]["name"] = json!(name);
    let labels = &mut pod["metadata"]["labels"];
    labels[REVISION] = json!(revision);
    labels["apps.kubernetes.io/pod-index"] = json!(ordinal.to_string());
    labels["statefulset.kubernetes.io/pod-name"] = json!(name);
    pod["spec"]["hostname"] = json!(name);
    pod["spec"]["subdomain"] = set["spec"]["serviceName"].clone();
    pod
}

fn revision(set: &Object) -> String {
    format!("{}-{}", set.name(), hash_of(&set["spec"]["template"]))
}

fn revision_of(pod: &Arc<Object>) -> &str {
    pod["metadata"]["labels"][REVISION]
        .as_str()
        .unwrap_or_default()
}

fn ordinal_of(set: &Object, pod: &Arc<Object>) -> Option<i64> {
    pod.name()
        .strip_prefix(set.name())?
        .strip_prefix('-')?
        .parse()
        .ok()
}

/// The revision as an object; kinds share it.
pub(crate) fn controller_revision(owner: &Object, name: &str) -> Value {
    json!({
        "kind": "ControllerRevision", "apiVersion": "apps/v1",
        "metadata": {
            "name": name, "namespace": owner.namespace(),
            "labels": owner["spec"]["template"]["metadata"]["labels"],
            "annotations": owner["metadata"]["annotations"],
            "ownerReferences": [owner_reference(owner)],
        },
        "data": {"spec": {"template": owner["spec"]["template"]}},
        "revision": 1,
    })
}
