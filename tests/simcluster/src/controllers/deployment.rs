//! Deployments: rolling updates over ReplicaSets.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::view::{
    Write, active, by_age, condition, deleted, hash_of, int, owner_reference, share, time_of,
};
use crate::clock::time;
use crate::store::Object;

const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAX: &str = "deployment.kubernetes.io/max-replicas";
/// Annotations of a Deployment that its ReplicaSets do not get.
const NOT_COPIED: [&str; 4] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    DESIRED,
    MAX,
];

/// A Deployment and its ReplicaSets.
struct Rollout<'a> {
    deployment: &'a Object,
    new: Option<Arc<Object>>,
    old: Vec<Arc<Object>>,
    replicas: i64,
    surge: i64,
    unavailable: i64,
    now: Timestamp,
}

/// Returns the writes for a Deployment. `pods` are those of all its ReplicaSets.
pub(crate) fn reconcile(
    deployment: &Object,
    sets: &[Arc<Object>],
    pods: &[Arc<Object>],
    now: Timestamp,
) -> Vec<Write> {
    let rollout = Rollout::new(deployment, sets, now);
    if deleted(deployment) {
        return rollout.status(Vec::new());
    }
    if deployment["spec"]["paused"] == true {
        return rollout.paused();
    }
    let Some(new) = rollout.new.clone() else {
        if rollout.recreates() && rollout.old_still_runs(pods) {
            return rollout.recreate(pods);
        }
        return rollout.create_set();
    };
    let mut writes = rollout.revision(&new);
    writes.extend(if rollout.recreates() {
        rollout.recreate(pods)
    } else {
        rollout.roll(&new)
    });
    rollout.status(writes)
}

impl<'a> Rollout<'a> {
    fn new(deployment: &'a Object, sets: &[Arc<Object>], now: Timestamp) -> Self {
        let mut sets = sets.to_vec();
        by_age(&mut sets);
        let hash = hash_of(&deployment["spec"]["template"]);
        let same = |set: &Arc<Object>| {
            set["metadata"]["labels"][HASH] == *hash
                || template_of(set) == deployment["spec"]["template"]
        };
        let new = sets.iter().find(|set| same(set)).cloned();
        let uid = new.as_ref().map(|set| set.uid().to_owned());
        sets.retain(|set| uid.as_deref() != Some(set.uid()));
        let replicas = int(&deployment["spec"]["replicas"], 1);
        let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
        let surge = share(&rolling["maxSurge"], "25%", replicas, true);
        let mut unavailable = share(&rolling["maxUnavailable"], "25%", replicas, false);
        if surge == 0 && unavailable == 0 {
            unavailable = 1;
        }
        Self {
            deployment,
            new,
            old: sets,
            replicas,
            surge,
            unavailable,
            now,
        }
    }

    fn recreates(&self) -> bool {
        self.deployment["spec"]["strategy"]["type"] == "Recreate"
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.old.iter().chain(self.new.iter())
    }

    fn sum(&self, field: &str) -> i64 {
        self.all().map(|set| int(&set["status"][field], 0)).sum()
    }

    /// A ReplicaSet for the template, its first event and the first condition.
    fn create_set(&self) -> Vec<Write> {
        let total: i64 = self.old.iter().map(wanted).sum();
        let room = (self.replicas + self.surge - total).max(0);
        let replicas = if self.recreates() {
            self.replicas
        } else {
            self.replicas.min(room)
        };
        let revision = self.old.iter().map(revision_of).max().unwrap_or(0) + 1;
        let set = self.set(replicas, revision);
        let name = set["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let mut writes = vec![Write::Create(set)];
        let message = format!("Created new replica set \"{name}\"");
        writes.push(self.announce(revision, "NewReplicaSetCreated", &message));
        if replicas > 0 {
            writes.push(self.scaled(&name, 0, replicas));
        }
        writes
    }

    fn set(&self, replicas: i64, revision: i64) -> Value {
        let spec = &self.deployment["spec"];
        let hash = hash_of(&spec["template"]);
        let mut template = spec["template"].clone();
        template["metadata"]["labels"][HASH] = json!(hash);
        let mut selector = spec["selector"].clone();
        selector["matchLabels"][HASH] = json!(hash);
        let mut set = json!({
            "kind": "ReplicaSet", "apiVersion": "apps/v1",
            "metadata": {
                "name": format!("{}-{hash}", self.deployment.name()),
                "namespace": self.deployment.namespace(),
                "labels": template["metadata"]["labels"],
                "annotations": self.set_annotations(revision),
                "ownerReferences": [owner_reference(self.deployment)],
            },
            "spec": {"replicas": replicas, "selector": selector, "template": template},
            "status": {"replicas": 0},
        });
        if !spec["minReadySeconds"].is_null() {
            set["spec"]["minReadySeconds"] = spec["minReadySeconds"].clone();
        }
        set
    }

    fn set_annotations(&self, revision: i64) -> Value {
        let own = self.deployment["metadata"]["annotations"].as_object();
        let copied = own
            .into_iter()
            .flatten()
            .filter(|(key, _)| !NOT_COPIED.contains(&key.as_str()));
        let mut annotations: Map<String, Value> = copied
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        annotations.insert(DESIRED.to_owned(), json!(self.replicas.to_string()));
        annotations.insert(
            MAX.to_owned(),
            json!((self.replicas + self.surge).to_string()),
        );
        annotations.insert(REVISION.to_owned(), json!(revision.to_string()));
        Value::Object(annotations)
    }

    /// Revision of the Deployment, and a Progressing condition with this reason.
    fn announce(&self, revision: i64, reason: &str, message: &str) -> Write {
        let conditions = self.with(self.conditions(), self.progressing("True", reason, message));
        let patch = json!({
            "metadata": {"annotations": {REVISION: revision.to_string()}},
            "status": {"conditions": conditions},
        });
        Write::patch("deployments.apps", self.deployment, patch)
    }

    /// After a rollback the old ReplicaSet is the newest revision.
    fn revision(&self, new: &Arc<Object>) -> Vec<Write> {
        let newest = self.old.iter().map(revision_of).max().unwrap_or(0) + 1;
        let revision = revision_of(new).max(newest);
        let mut writes = Vec::new();
        if revision != revision_of(new) {
            let annotations = self.set_annotations(revision);
            writes.push(Write::patch(
                "replicasets.apps",
                new,
                json!({"metadata": {"annotations": annotations}}),
            ));
        }
        if self.deployment["metadata"]["annotations"][REVISION] != *revision.to_string() {
            let message = format!("Found new replica set \"{}\"", new.name());
            writes.push(self.announce(revision, "FoundNewReplicaSet", &message));
        }
        writes
    }

    fn roll(&self, new: &Arc<Object>) -> Vec<Write> {
        let total: i64 = self.all().map(wanted).sum();
        let present = wanted(new);
        if present > self.replicas {
            return self.scale(new, self.replicas);
        }
        let room = self.replicas + self.surge - total;
        if present < self.replicas && room > 0 {
            return self.scale(new, present + room.min(self.replicas - present));
        }
        self.shrink_old(new, total)
    }

    fn shrink_old(&self, new: &Arc<Object>, total: i64) -> Vec<Write> {
        let least = self.replicas - self.unavailable;
        let missing = wanted(new) - int(&new["status"]["availableReplicas"], 0);
        let mut room = total - least - missing;
        let mut left: Vec<(Arc<Object>, i64)> = self
            .old
            .iter()
            .map(|set| (Arc::clone(set), wanted(set)))
            .collect();
        // Pods that are not available cost nothing.
        for (set, count) in &mut left {
            let useless = *count - int(&set["status"]["availableReplicas"], 0);
            let gone = useless.min(room).max(0);
            (*count, room) = (*count - gone, room - gone);
        }
        let mut spare = self.sum("availableReplicas") - least;
        for (_, count) in &mut left {
            let gone = spare.min(*count).min(room).max(0);
            (*count, spare, room) = (*count - gone, spare - gone, room - gone);
        }
        left.iter()
            .flat_map(|(set, count)| self.scale(set, *count))
            .collect()
    }

    fn recreate(&self, pods: &[Arc<Object>]) -> Vec<Write> {
        let shrink: Vec<Write> = self.old.iter().flat_map(|set| self.scale(set, 0)).collect();
        if !shrink.is_empty() || self.old_still_runs(pods) {
            // Without a new ReplicaSet the status is all there is to write.
            return if self.new.is_none() {
                self.status(shrink)
            } else {
                shrink
            };
        }
        self.new
            .iter()
            .flat_map(|set| self.scale(set, self.replicas))
            .collect()
    }

    fn old_still_runs(&self, pods: &[Arc<Object>]) -> bool {
        let of_old = |pod: &Arc<Object>| {
            let owners = pod["metadata"]["ownerReferences"].as_array();
            let owner = owners.and_then(|owners| owners.first());
            owner.is_some_and(|owner| self.old.iter().any(|set| owner["uid"] == *set.uid()))
        };
        let waits = |pod: &Arc<Object>| active(pod) || (deleted(pod) && !super::view::ended(pod));
        pods.iter().any(|pod| of_old(pod) && waits(pod))
    }

    fn scale(&self, set: &Arc<Object>, count: i64) -> Vec<Write> {
        let before = wanted(set);
        if before == count {
            return Vec::new();
        }
        let annotations = json!({DESIRED: self.replicas.to_string(), MAX: (self.replicas + self.surge).to_string()});
        let patch = json!({"metadata": {"annotations": annotations}, "spec": {"replicas": count}});
        vec![
            Write::patch("replicasets.apps", set, patch),
            self.scaled(set.name(), before, count),
        ]
    }

    fn scaled(&self, name: &str, before: i64, count: i64) -> Write {
        let direction = if count > before { "up" } else { "down" };
        let message = format!("Scaled {direction} replica set {name} from {before} to {count}");
        Write::normal(self.deployment, "ScalingReplicaSet", message)
    }

    /// A paused Deployment is scaled, but not rolled out.
    fn paused(&self) -> Vec<Write> {
        let mut writes = Vec::new();
        let active: Vec<&Arc<Object>> = self.all().filter(|set| wanted(set) > 0).collect();
        if let [only] = active.as_slice() {
            writes = self.scale(only, self.replicas);
        }
        let conditions = self.with(
            self.conditions(),
            self.progressing("Unknown", "DeploymentPaused", "Deployment is paused"),
        );
        let changed = condition(self.deployment, "Progressing")
            .is_none_or(|now| now["reason"] != "DeploymentPaused");
        if changed {
            writes.push(Write::patch(
                "deployments.apps",
                self.deployment,
                json!({"status": {"conditions": conditions}}),
            ));
        }
        self.status(writes)
    }

    /// Adds the write of the status, and of ReplicaSets that history no longer keeps.
    fn status(&self, mut writes: Vec<Write>) -> Vec<Write> {
        let (status, again) = self.new_status();
        if status != self.deployment["status"] {
            writes.push(Write::status("deployments.apps", self.deployment, status));
        } else if let Some(again) = again {
            writes.push(Write::Again(again));
        }
        let limit =
            usize::try_from(int(&self.deployment["spec"]["revisionHistoryLimit"], 10)).unwrap_or(0);
        let empty =
            |set: &&Arc<Object>| wanted(set) == 0 && int(&set["status"]["replicas"], 0) == 0;
        let surplus = self.old.iter().filter(empty).count().saturating_sub(limit);
        let oldest = self.old.iter().filter(empty).take(surplus);
        writes.extend(oldest.map(|set| Write::delete("replicasets.apps", set)));
        writes
    }

    fn new_status(&self) -> (Value, Option<Duration>) {
        let available = self.sum("availableReplicas");
        let total: i64 = self.all().map(wanted).sum();
        let updated = self
            .new
            .as_ref()
            .map_or(0, |set| int(&set["status"]["replicas"], 0));
        let mut status = json!({"observedGeneration": self.deployment["metadata"]["generation"]});
        let counts = [
            ("replicas", self.sum("replicas")),
            ("updatedReplicas", updated),
            ("readyReplicas", self.sum("readyReplicas")),
            ("availableReplicas", available),
            ("unavailableReplicas", (total - available).max(0)),
        ];
        for (field, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            status[field] = json!(count);
        }
        let (conditions, again) = self.new_conditions(&status);
        status["conditions"] = conditions;
        (status, again)
    }

    fn new_conditions(&self, status: &Value) -> (Value, Option<Duration>) {
        let least = self.replicas - self.unavailable;
        let available = if int(&status["availableReplicas"], 0) >= least {
            (
                "True",
                "MinimumReplicasAvailable",
                "Deployment has minimum availability.",
            )
        } else {
            (
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
            )
        };
        let mut conditions = self.conditions();
        let before = condition(self.deployment, "Available");
        if before.is_none_or(|now| now["status"] != available.0) {
            conditions = self.with(
                conditions,
                self.condition("Available", available.0, available.1, available.2),
            );
        }
        let failure = self
            .all()
            .find_map(|set| condition(set, "ReplicaFailure").cloned());
        conditions.retain(|condition| condition["type"] != "ReplicaFailure");
        if let Some(mut failure) = failure {
            failure["lastUpdateTime"] = failure["lastTransitionTime"].clone();
            conditions.push(failure);
        }
        let (progress, again) = self.progress(status);
        if let Some(progress) = progress {
            conditions = self.with(conditions, progress);
        }
        (Value::from(conditions), again)
    }

    /// The next Progressing condition, and when to ask about the deadline again.
    fn progress(&self, status: &Value) -> (Option<Value>, Option<Duration>) {
        let before = condition(self.deployment, "Progressing");
        let (Some(before), Some(new)) = (before, &self.new) else {
            return (None, None);
        };
        let reason = before["reason"].as_str().unwrap_or_default();
        let paused = self.deployment["spec"]["paused"] == true;
        let count = |status: &Value, field: &str| int(&status[field], 0);
        let old = |status: &Value| count(status, "replicas") - count(status, "updatedReplicas");
        if paused || (reason == "NewReplicaSetAvailable" && old(status) == 0) {
            return (None, None);
        }
        let full = |field: &str| count(status, field) == self.replicas;
        let name = new.name();
        if full("updatedReplicas") && full("replicas") && full("availableReplicas") {
            let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
            return (
                Some(self.progressing("True", "NewReplicaSetAvailable", &message)),
                None,
            );
        }
        let was = &self.deployment["status"];
        let grew = |field: &str| count(status, field) > count(was, field);
        let moved = grew("updatedReplicas")
            || grew("readyReplicas")
            || grew("availableReplicas")
            || old(status) < old(was);
        if moved {
            let message = format!("ReplicaSet \"{name}\" is progressing.");
            return (
                Some(self.progressing("True", "ReplicaSetUpdated", &message)),
                None,
            );
        }
        let deadline = Duration::from_secs(
            u64::try_from(int(
                &self.deployment["spec"]["progressDeadlineSeconds"],
                600,
            ))
            .unwrap_or(600),
        );
        let updated = time_of(&before["lastUpdateTime"]).unwrap_or(self.now);
        let passed = Duration::try_from(self.now.duration_since(updated)).unwrap_or_default();
        if reason == "ProgressDeadlineExceeded" || reason == "NewReplicaSetAvailable" {
            return (None, None);
        }
        if passed <= deadline {
            // Times are whole seconds.
            return (None, Some(deadline - passed + Duration::from_millis(1)));
        }
        let message = format!("ReplicaSet \"{name}\" has timed out progressing.");
        (
            Some(self.progressing("False", "ProgressDeadlineExceeded", &message)),
            None,
        )
    }

    fn conditions(&self) -> Vec<Value> {
        let conditions = self.deployment["status"]["conditions"].as_array();
        conditions.cloned().unwrap_or_default()
    }

    /// A changed condition moves to the end.
    fn with(&self, mut conditions: Vec<Value>, new: Value) -> Vec<Value> {
        conditions.retain(|condition| condition["type"] != new["type"]);
        conditions.push(new);
        conditions
    }

    fn progressing(&self, status: &str, reason: &str, message: &str) -> Value {
        self.condition("Progressing", status, reason, message)
    }

    fn condition(&self, kind: &str, status: &str, reason: &str, message: &str) -> Value {
        let before = condition(self.deployment, kind).filter(|before| before["status"] == status);
        let now = json!(time(self.now));
        let since = before.map_or(now.clone(), |before| before["lastTransitionTime"].clone());
        json!({
            "type": kind, "status": status, "lastUpdateTime": now, "lastTransitionTime": since,
            "reason": reason, "message": message,
        })
    }
}

fn wanted(set: &Arc<Object>) -> i64 {
    int(&set["spec"]["replicas"], 0)
}

fn revision_of(set: &Arc<Object>) -> i64 {
    let revision = set["metadata"]["annotations"][REVISION].as_str();
    revision.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn template_of(set: &Arc<Object>) -> Value {
    let mut template = set["spec"]["template"].clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove(HASH);
    }
    template
}
