//! The fields of a workload that are read, for every kind.

use std::{borrow::Cow, collections::BTreeMap};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::{
    Resource,
    core::{ApiResource, DynamicResourceScope},
};
use serde::{Deserialize, Serialize};

use super::{
    lenient::{integer, lenient, object, text},
    meta::{Condition, slim_metadata},
    rollout::{BlueGreen, Canary, CurrentRuns, Metric, MetricResult, PauseCondition, WorkloadRef},
};

/// A workload of any kind: the fields that Deployments, ReplicaSets, StatefulSets,
/// DaemonSets, Jobs, CronJobs and Rollouts share or that one of them has alone.
///
/// One type for all kinds means one decoder and one watch in the binary; the rules of each
/// kind know the meaning of its fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadObject {
    /// `apiVersion`; absent in the items of a list.
    pub api_version: Option<String>,
    /// `kind`; absent in the items of a list.
    pub kind: Option<String>,
    /// Metadata without managed fields.
    #[serde(deserialize_with = "slim_metadata")]
    pub metadata: ObjectMeta,
    /// Desired state.
    #[serde(deserialize_with = "object")]
    pub spec: WorkloadSpec,
    /// Observed state.
    #[serde(deserialize_with = "object")]
    pub status: WorkloadStatus,
}

/// Desired state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadSpec {
    /// Pods wanted; 1 where it is absent, except for DaemonSets and Jobs.
    #[serde(deserialize_with = "integer")]
    pub replicas: Option<i64>,
    /// True while a Deployment or Rollout is paused: it does not roll out.
    #[serde(deserialize_with = "lenient")]
    pub paused: bool,
    /// Seconds without progress that count as failed (Deployment, Rollout; default 600).
    #[serde(deserialize_with = "integer")]
    pub progress_deadline_seconds: Option<i64>,
    /// Seconds that a pod must be ready to be available.
    #[serde(deserialize_with = "integer")]
    pub min_ready_seconds: Option<i64>,
    /// The update strategy of a StatefulSet or DaemonSet.
    #[serde(deserialize_with = "lenient")]
    pub update_strategy: UpdateStrategy,
    /// The strategy of a Deployment or a Rollout.
    #[serde(deserialize_with = "lenient")]
    pub strategy: UpdateStrategy,
    /// `OrderedReady` or `Parallel` (StatefulSet).
    #[serde(deserialize_with = "lenient")]
    pub pod_management_policy: Option<String>,
    /// Successful pods wanted (Job).
    #[serde(deserialize_with = "integer")]
    pub completions: Option<i64>,
    /// Pods that may run at once (Job).
    #[serde(deserialize_with = "integer")]
    pub parallelism: Option<i64>,
    /// Failures allowed (Job; default 6).
    #[serde(deserialize_with = "integer")]
    pub backoff_limit: Option<i64>,
    /// Seconds that a Job may take.
    #[serde(deserialize_with = "integer")]
    pub active_deadline_seconds: Option<i64>,
    /// Seconds after its end at which a Job is deleted; absent if it stays.
    #[serde(deserialize_with = "integer")]
    pub ttl_seconds_after_finished: Option<i64>,
    /// True while a Job or CronJob is suspended: it starts no pods.
    #[serde(deserialize_with = "lenient")]
    pub suspend: bool,
    /// The times at which a CronJob starts a Job.
    #[serde(deserialize_with = "lenient")]
    pub schedule: Option<String>,
    /// The metadata of the pod template, which may carry annotations for followers.
    #[serde(deserialize_with = "object")]
    pub template: Template,
    /// The object whose pod template a Rollout uses instead of its own.
    #[serde(deserialize_with = "lenient")]
    pub workload_ref: Option<WorkloadRef>,
    /// The metrics of an AnalysisRun.
    #[serde(deserialize_with = "lenient")]
    pub metrics: Vec<Metric>,
}

/// The metadata of a pod template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Template {
    /// Labels and annotations that each pod gets.
    #[serde(deserialize_with = "object")]
    pub metadata: TemplateMeta,
}

/// Labels and annotations that each pod gets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TemplateMeta {
    /// Labels.
    #[serde(deserialize_with = "lenient")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(deserialize_with = "lenient")]
    pub annotations: BTreeMap<String, String>,
}

/// The way in which pods are replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateStrategy {
    /// `RollingUpdate`, `Recreate` or `OnDelete`.
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// Details of a rolling update.
    #[serde(deserialize_with = "lenient")]
    pub rolling_update: RollingUpdate,
    /// The canary of a Rollout.
    #[serde(deserialize_with = "lenient")]
    pub canary: Option<Canary>,
    /// The blue-green strategy of a Rollout.
    #[serde(deserialize_with = "lenient")]
    pub blue_green: Option<BlueGreen>,
}

/// Details of a rolling update.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RollingUpdate {
    /// The ordinal below which pods keep the old revision (StatefulSet).
    #[serde(deserialize_with = "integer")]
    pub partition: Option<i64>,
    /// A number or a percentage.
    #[serde(deserialize_with = "text")]
    pub max_unavailable: Option<String>,
    /// A number or a percentage.
    #[serde(deserialize_with = "text")]
    pub max_surge: Option<String>,
}

/// Observed state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadStatus {
    /// The generation that the controller has seen. A Rollout writes it as text.
    #[serde(deserialize_with = "integer")]
    pub observed_generation: Option<i64>,
    /// Pods there are.
    #[serde(deserialize_with = "integer")]
    pub replicas: Option<i64>,
    /// Pods of the newest revision.
    #[serde(deserialize_with = "integer")]
    pub updated_replicas: Option<i64>,
    /// Pods that are ready.
    #[serde(deserialize_with = "integer")]
    pub ready_replicas: Option<i64>,
    /// Pods that have been ready long enough.
    #[serde(deserialize_with = "integer")]
    pub available_replicas: Option<i64>,
    /// Pods that are about to end (Deployment, ReplicaSet; Kubernetes 1.35 and later).
    #[serde(deserialize_with = "integer")]
    pub terminating_replicas: Option<i64>,
    /// Revision that the old pods have (StatefulSet).
    #[serde(deserialize_with = "lenient")]
    pub current_revision: Option<String>,
    /// Pods of the old revision (StatefulSet).
    #[serde(deserialize_with = "integer")]
    pub current_replicas: Option<i64>,
    /// Revision that the new pods get (StatefulSet).
    #[serde(deserialize_with = "lenient")]
    pub update_revision: Option<String>,
    /// Nodes that should run a pod (DaemonSet).
    #[serde(deserialize_with = "integer")]
    pub desired_number_scheduled: Option<i64>,
    /// Nodes that run a pod of the newest revision (DaemonSet).
    #[serde(deserialize_with = "integer")]
    pub updated_number_scheduled: Option<i64>,
    /// Nodes whose pod is ready (DaemonSet).
    #[serde(deserialize_with = "integer")]
    pub number_ready: Option<i64>,
    /// Nodes whose pod has been ready long enough (DaemonSet).
    #[serde(deserialize_with = "integer")]
    pub number_available: Option<i64>,
    /// Pods that run (Job). A CronJob lists its Jobs here; that reads as none.
    #[serde(deserialize_with = "integer")]
    pub active: Option<i64>,
    /// Pods that succeeded (Job).
    #[serde(deserialize_with = "integer")]
    pub succeeded: Option<i64>,
    /// Pods that failed (Job).
    #[serde(deserialize_with = "integer")]
    pub failed: Option<i64>,
    /// The time at which the Job started.
    #[serde(deserialize_with = "lenient")]
    pub start_time: Option<Time>,
    /// The time at which the Job was complete.
    #[serde(deserialize_with = "lenient")]
    pub completion_time: Option<Time>,
    /// The time at which the CronJob last started a Job.
    #[serde(deserialize_with = "lenient")]
    pub last_schedule_time: Option<Time>,
    /// The time at which a Job of the CronJob last succeeded.
    #[serde(deserialize_with = "lenient")]
    pub last_successful_time: Option<Time>,
    /// Phase of a Rollout or a claim.
    #[serde(deserialize_with = "lenient")]
    pub phase: Option<String>,
    /// Message of a Rollout.
    #[serde(deserialize_with = "lenient")]
    pub message: Option<String>,
    /// Hash of the newest pod template (Rollout).
    #[serde(deserialize_with = "lenient")]
    pub current_pod_hash: Option<String>,
    /// The number of steps that are done (Rollout).
    #[serde(deserialize_with = "integer")]
    pub current_step_index: Option<i64>,
    /// The reasons for which a Rollout is paused; the pause of a step among them.
    #[serde(deserialize_with = "lenient")]
    pub pause_conditions: Vec<PauseCondition>,
    /// True while a Rollout is aborted.
    #[serde(deserialize_with = "lenient")]
    pub abort: bool,
    /// The time at which the Rollout was aborted.
    #[serde(deserialize_with = "lenient")]
    pub aborted_at: Option<Time>,
    /// The runs that a canary waits for.
    #[serde(deserialize_with = "lenient")]
    pub canary: CurrentRuns,
    /// The runs that a blue-green promotion waits for.
    #[serde(deserialize_with = "lenient")]
    pub blue_green: CurrentRuns,
    /// The generation of the referenced workload that the Rollout's controller has seen.
    #[serde(deserialize_with = "integer")]
    pub workload_observed_generation: Option<i64>,
    /// The metrics of an AnalysisRun.
    #[serde(deserialize_with = "lenient")]
    pub metric_results: Vec<MetricResult>,
    /// The time at which the AnalysisRun ended.
    #[serde(deserialize_with = "lenient")]
    pub completed_at: Option<Time>,
    /// Conditions.
    #[serde(deserialize_with = "lenient")]
    pub conditions: Vec<Condition>,
}

impl WorkloadObject {
    /// Returns the condition of a type.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.status
            .conditions
            .iter()
            .find(|condition| condition.type_ == type_)
    }

    /// True once the controller has seen the newest spec.
    pub fn is_observed(&self) -> bool {
        self.metadata.generation.unwrap_or(0) <= self.status.observed_generation.unwrap_or(0)
    }
}

impl Resource for WorkloadObject {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }
    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }
    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }
    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From text and from a value, which go different ways.
    fn read(object: serde_json::Value) -> WorkloadObject {
        let text = object.to_string();
        let of_text = serde_json::from_str(&text).unwrap();
        assert_eq!(
            serde_json::from_value::<WorkloadObject>(object).unwrap(),
            of_text
        );
        of_text
    }

    #[test]
    fn what_is_no_object_where_one_belongs_is_nothing() {
        for odd in [
            "null",
            "true",
            "-1",
            "7",
            "0.5",
            "\"text\"",
            "[{\"a\": [1]}]",
        ] {
            let odd: serde_json::Value = serde_json::from_str(odd).unwrap();
            let object = read(serde_json::json!({
                "metadata": {"name": "r"}, "spec": odd, "status": {"replicas": 3}}));
            assert_eq!(
                (object.spec.clone(), object.status.replicas),
                (WorkloadSpec::default(), Some(3))
            );
            let object = read(
                serde_json::json!({"metadata": {"name": "r"}, "status": odd, "spec": {
                "template": odd, "strategy": odd, "suspend": odd, "schedule": {"odd": odd}, "replicas": 2}}),
            );
            assert_eq!(object.status, WorkloadStatus::default());
            assert_eq!(
                (object.spec.replicas, object.spec.schedule),
                (Some(2), None)
            );
            assert_eq!(object.spec.template, Template::default());
        }
    }

    #[test]
    fn an_odd_field_does_not_spoil_the_object() {
        let object: WorkloadObject = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "r", "managedFields": [{"manager": "x"}], "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{\"secret\":1}", "a": "b"}},
            "spec": {"replicas": "many", "paused": null},
            "status": {"observedGeneration": "3", "active": [{"name": "j"}], "conditions": {}},
        }))
        .unwrap();
        assert_eq!(object.status.observed_generation, Some(3));
        assert_eq!((object.spec.replicas, object.status.active), (None, None));
        assert_eq!(object.metadata.annotations.unwrap().len(), 1);
    }
}
