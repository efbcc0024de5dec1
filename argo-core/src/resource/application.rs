//! The fields of an Argo CD Application that are read.

use std::borrow::Cow;

use k8s_openapi::{
    NamespaceResourceScope,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use kube::Resource;
use serde::{Deserialize, Serialize};

use super::{
    lenient::{integer, lenient},
    meta::slim_metadata,
};

/// An Application (argoproj.io/v1alpha1) without sources, parameters and history.
///
/// Field names are those of Argo CD `pkg/apis/application/v1alpha1/types.go`. An odd
/// field reads as absent: one newer field must not blind the whole resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Application {
    /// Metadata without managed fields.
    #[serde(deserialize_with = "slim_metadata")]
    pub metadata: ObjectMeta,
    /// Desired state.
    #[serde(deserialize_with = "lenient")]
    pub spec: ApplicationSpec,
    /// True while an operation is requested that the controller has not taken up yet.
    #[serde(deserialize_with = "presence")]
    pub operation: bool,
    /// Observed state.
    #[serde(deserialize_with = "lenient")]
    pub status: ApplicationStatus,
}

/// Desired state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicationSpec {
    /// The cluster and namespace that the objects are deployed to.
    #[serde(deserialize_with = "lenient")]
    pub destination: Destination,
    /// When Argo CD syncs by itself.
    #[serde(rename = "syncPolicy", deserialize_with = "lenient")]
    pub sync_policy: SyncPolicy,
    /// The AppProject.
    #[serde(deserialize_with = "lenient")]
    pub project: Option<String>,
    /// The one source of the manifests.
    #[serde(deserialize_with = "lenient")]
    pub source: Option<Source>,
    /// The sources, where there are several; then `source` does not count.
    #[serde(deserialize_with = "lenient")]
    pub sources: Vec<Source>,
    /// A source that is hydrated first. It replaces both of the others.
    #[serde(rename = "sourceHydrator", deserialize_with = "presence")]
    pub is_hydrated: bool,
}

/// A source of manifests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Source {
    /// Branch, tag or commit; the version of a Helm chart.
    #[serde(deserialize_with = "lenient")]
    pub target_revision: Option<String>,
    /// The name of the chart, if the source is a Helm repository.
    #[serde(deserialize_with = "lenient")]
    pub chart: Option<String>,
    /// The folder, if the source is a git repository.
    #[serde(deserialize_with = "lenient")]
    pub path: Option<String>,
}

/// When Argo CD syncs by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncPolicy {
    /// Present if it syncs without being asked.
    #[serde(deserialize_with = "lenient")]
    pub automated: Option<AutomatedSync>,
}

/// A sync without being asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AutomatedSync {
    /// False turns it off.
    #[serde(deserialize_with = "lenient")]
    pub enabled: Option<bool>,
    /// True if changes of the live objects are undone, so that a deleted Job is made again.
    #[serde(deserialize_with = "lenient")]
    pub self_heal: Option<bool>,
    /// True if objects that are not in git any more are deleted.
    #[serde(deserialize_with = "lenient")]
    pub prune: Option<bool>,
}

impl SyncPolicy {
    /// True if Argo CD syncs a new commit without being asked.
    pub fn is_automated(&self) -> bool {
        self.automated
            .as_ref()
            .is_some_and(|automated| automated.enabled != Some(false))
    }

    /// True if Argo CD makes again what is missing without being asked.
    pub fn heals(&self) -> bool {
        self.automated.as_ref().is_some_and(|automated| {
            automated.enabled != Some(false) && automated.self_heal == Some(true)
        })
    }
}

/// A cluster and a namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Destination {
    /// URL of the cluster; `https://kubernetes.default.svc` is the Application's own.
    #[serde(deserialize_with = "lenient")]
    pub server: Option<String>,
    /// Name of the cluster; `in-cluster` is the Application's own.
    #[serde(deserialize_with = "lenient")]
    pub name: Option<String>,
    /// The namespace for objects that name none.
    #[serde(deserialize_with = "lenient")]
    pub namespace: Option<String>,
}

impl Destination {
    /// True if the objects go to the cluster that the Application lives in.
    pub fn is_in_cluster(&self) -> bool {
        let server = self.server.as_deref().unwrap_or_default();
        let name = self.name.as_deref().unwrap_or_default();
        match (server, name) {
            ("", "") => true,
            ("", name) => name == "in-cluster",
            (server, _) => is_own_address(server),
        }
    }
}

/// True if a URL is the one by which a pod reaches its own API server.
fn is_own_address(server: &str) -> bool {
    let server = server.trim().to_ascii_lowercase();
    let Some(host) = server.strip_prefix("https://") else {
        return false;
    };
    let host = host.trim_end_matches('/');
    let host = host.strip_suffix(":443").unwrap_or(host);
    let host = host.trim_end_matches('.');
    // The name may be written with the domain of the cluster behind it.
    matches!(host, "kubernetes.default" | "kubernetes.default.svc")
        || host.starts_with("kubernetes.default.svc.")
}

/// Observed state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationStatus {
    /// `Synced`, `OutOfSync` or `Unknown`.
    #[serde(deserialize_with = "lenient")]
    pub sync: SyncStatus,
    /// Health of the whole application.
    #[serde(deserialize_with = "lenient")]
    pub health: Health,
    /// The last operation, or the one that runs.
    #[serde(deserialize_with = "lenient")]
    pub operation_state: Option<OperationState>,
    /// Top-level objects, hooks among them; no pods.
    #[serde(deserialize_with = "lenient")]
    pub resources: Vec<ResourceStatus>,
    /// Errors and warnings.
    #[serde(deserialize_with = "lenient")]
    pub conditions: Vec<ApplicationCondition>,
    /// The namespace of the controller: decides the form of the tracking ids.
    #[serde(deserialize_with = "lenient")]
    pub controller_namespace: Option<String>,
    /// The time at which the controller last compared the Application.
    #[serde(deserialize_with = "lenient")]
    pub reconciled_at: Option<Time>,
    /// The syncs that succeeded, the last one at the end.
    #[serde(deserialize_with = "lenient")]
    pub history: Vec<Deployed>,
    /// The last commit that was hydrated, where sources are hydrated.
    #[serde(deserialize_with = "lenient")]
    pub source_hydrator: Hydrated,
}

/// A sync that succeeded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deployed {
    /// The revision; absent where there are several sources.
    #[serde(deserialize_with = "lenient")]
    pub revision: Option<String>,
    /// The revision of each of several sources.
    #[serde(deserialize_with = "lenient")]
    pub revisions: Vec<String>,
    /// The user or account that asked for it.
    #[serde(deserialize_with = "lenient")]
    pub initiated_by: Initiator,
}

/// The state of the source hydrator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hydrated {
    /// The last commit that was hydrated.
    #[serde(deserialize_with = "lenient")]
    pub last_successful_operation: HydratedCommit,
}

/// A commit and what the hydrator made of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HydratedCommit {
    /// The commit that people push.
    #[serde(rename = "drySHA", deserialize_with = "lenient")]
    pub dry: Option<String>,
    /// The commit of the rendered manifests, which Argo CD syncs.
    #[serde(rename = "hydratedSHA", deserialize_with = "lenient")]
    pub hydrated: Option<String>,
}

/// The comparison of the live state with git.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncStatus {
    /// `Synced`, `OutOfSync` or `Unknown`.
    #[serde(deserialize_with = "lenient")]
    pub status: Option<String>,
    /// The revision compared with.
    #[serde(deserialize_with = "lenient")]
    pub revision: Option<String>,
    /// The revisions compared with, where there are several sources.
    #[serde(deserialize_with = "lenient")]
    pub revisions: Vec<String>,
    /// The sources compared with.
    #[serde(rename = "comparedTo", deserialize_with = "lenient")]
    pub compared_to: ComparedTo,
}

/// The sources of a comparison, as the Application named them at that time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ComparedTo {
    /// The one source.
    #[serde(deserialize_with = "lenient")]
    pub source: Option<Source>,
    /// The sources, where there are several; then `source` does not count.
    #[serde(deserialize_with = "lenient")]
    pub sources: Vec<Source>,
}

/// Health as Argo CD sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Health {
    /// `Healthy`, `Progressing`, `Degraded`, `Suspended`, `Missing` or `Unknown`.
    #[serde(deserialize_with = "lenient")]
    pub status: Option<String>,
    /// The reason, in one sentence.
    #[serde(deserialize_with = "lenient")]
    pub message: Option<String>,
    /// The time at which the health last changed.
    #[serde(deserialize_with = "lenient")]
    pub last_transition_time: Option<Time>,
}

/// An operation: a sync with its hooks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OperationState {
    /// `Running`, `Terminating`, `Failed`, `Error` or `Succeeded`. Between two retries it
    /// is `Running` although `finished_at` is set.
    #[serde(deserialize_with = "lenient")]
    pub phase: String,
    /// A sentence.
    #[serde(deserialize_with = "lenient")]
    pub message: Option<String>,
    /// The time at which the operation began.
    #[serde(deserialize_with = "lenient")]
    pub started_at: Option<Time>,
    /// The time at which the operation ended.
    #[serde(deserialize_with = "lenient")]
    pub finished_at: Option<Time>,
    /// Retries so far.
    #[serde(deserialize_with = "integer")]
    pub retry_count: Option<i64>,
    /// The result so far; absent at the start of each retry.
    #[serde(deserialize_with = "lenient")]
    pub sync_result: SyncResult,
    /// The request, and who made it.
    #[serde(deserialize_with = "lenient")]
    pub operation: Operation,
}

/// The request of an operation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Operation {
    /// The sync.
    #[serde(deserialize_with = "lenient")]
    pub sync: SyncRequest,
    /// The user or account that asked for it.
    #[serde(deserialize_with = "lenient")]
    pub initiated_by: Initiator,
}

/// The revisions that a sync was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncRequest {
    /// The revision, absent where there are several sources.
    #[serde(deserialize_with = "lenient")]
    pub revision: Option<String>,
    /// The revision of each of several sources.
    #[serde(deserialize_with = "lenient")]
    pub revisions: Vec<String>,
}

/// The user or account that started an operation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Initiator {
    /// Name of the user or account.
    #[serde(deserialize_with = "lenient")]
    pub username: Option<String>,
    /// True if Argo CD started it by itself.
    #[serde(deserialize_with = "lenient")]
    pub automated: bool,
}

impl OperationState {
    /// True until it succeeded, failed or was terminated.
    pub fn is_running(&self) -> bool {
        matches!(self.phase.as_str(), "Running" | "Terminating")
    }

    /// True if it ended without success.
    pub fn has_failed(&self) -> bool {
        matches!(self.phase.as_str(), "Failed" | "Error")
    }
}

/// The result of an operation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncResult {
    /// Each object applied so far, hooks among them.
    #[serde(deserialize_with = "lenient")]
    pub resources: Vec<ResourceResult>,
    /// The revision that is synced.
    #[serde(deserialize_with = "lenient")]
    pub revision: Option<String>,
    /// The revision of each of several sources.
    #[serde(deserialize_with = "lenient")]
    pub revisions: Vec<String>,
}

/// The result of an operation for one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceResult {
    /// API group, empty for the core group.
    #[serde(deserialize_with = "lenient")]
    pub group: String,
    /// Kind.
    #[serde(deserialize_with = "lenient")]
    pub kind: String,
    /// Namespace; empty for cluster-scoped objects.
    #[serde(deserialize_with = "lenient")]
    pub namespace: String,
    /// Name.
    #[serde(deserialize_with = "lenient")]
    pub name: String,
    /// `Synced`, `SyncFailed`, `Pruned` or `PruneSkipped`.
    #[serde(deserialize_with = "lenient")]
    pub status: Option<String>,
    /// The message of the server or of the hook's health.
    #[serde(deserialize_with = "lenient")]
    pub message: Option<String>,
    /// `PreSync`, `Sync`, `PostSync` or `SyncFail`; absent if the object is no hook.
    #[serde(deserialize_with = "lenient")]
    pub hook_type: Option<String>,
    /// `Running`, `Succeeded`, `Failed` or `Error`; also set if the object is no hook.
    #[serde(deserialize_with = "lenient")]
    pub hook_phase: Option<String>,
    /// The phase of the sync in which the object was applied.
    #[serde(deserialize_with = "lenient")]
    pub sync_phase: Option<String>,
}

/// A top-level object of an application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceStatus {
    /// API group, empty for the core group.
    #[serde(deserialize_with = "lenient")]
    pub group: String,
    /// Kind.
    #[serde(deserialize_with = "lenient")]
    pub kind: String,
    /// Namespace; empty for cluster-scoped objects.
    #[serde(deserialize_with = "lenient")]
    pub namespace: String,
    /// Name.
    #[serde(deserialize_with = "lenient")]
    pub name: String,
    /// `Synced`, `OutOfSync` or `Unknown`.
    #[serde(deserialize_with = "lenient")]
    pub status: Option<String>,
    /// Absent by default since Argo CD 3.0.
    #[serde(deserialize_with = "lenient")]
    pub health: Health,
    /// True for hooks.
    #[serde(deserialize_with = "lenient")]
    pub hook: bool,
    /// API version without its group.
    #[serde(deserialize_with = "lenient")]
    pub version: String,
    /// True if the object is in the cluster and not in git any more.
    #[serde(rename = "requiresPruning", deserialize_with = "lenient")]
    pub requires_pruning: bool,
    /// The sync wave, 0 where it is absent.
    #[serde(rename = "syncWave", deserialize_with = "integer")]
    pub sync_wave: Option<i64>,
}

/// An error or a warning about an application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationCondition {
    /// `ComparisonError`, `SyncError`, `OrphanedResourceWarning`…
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub type_: String,
    /// A sentence.
    #[serde(deserialize_with = "lenient")]
    pub message: String,
    /// The time at which the condition was last written.
    #[serde(deserialize_with = "lenient")]
    pub last_transition_time: Option<Time>,
}

impl Resource for Application {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Application".into()
    }
    fn group((): &()) -> Cow<'_, str> {
        "argoproj.io".into()
    }
    fn version((): &()) -> Cow<'_, str> {
        "v1alpha1".into()
    }
    fn plural((): &()) -> Cow<'_, str> {
        "applications".into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// Reads the presence of a field as a truth value.
fn presence<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => false,
        serde_json::Value::Bool(value) => value,
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_runs_between_its_retries() {
        let app: Application = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "shop", "namespace": "argocd"},
            "operation": {"sync": {}},
            "spec": {"destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"}},
            "status": {
                "resources": [{"kind": "Service", "name": "web", "namespace": "shop", "syncWave": 3}],
                "conditions": null,
                "operationState": {
                    "phase": "Running", "finishedAt": "2026-11-23T23:50:44Z", "retryCount": 1,
                    "syncResult": {"resources": [{"kind": "Job", "name": "m", "hookType": "PreSync", "hookPhase": "Failed"}]},
                },
            },
        }))
        .unwrap();
        assert!(app.operation && app.spec.destination.is_in_cluster());
        let operation = app.status.operation_state.unwrap();
        assert!(operation.is_running() && operation.finished_at.is_some());
        assert_eq!(
            operation.sync_result.resources[0].hook_phase.as_deref(),
            Some("Failed")
        );
    }

    #[test]
    fn a_destination_elsewhere() {
        let by = |server: &str, name: &str| Destination {
            server: Some(server.to_owned()),
            name: Some(name.to_owned()),
            namespace: None,
        };
        assert!(by("", "in-cluster").is_in_cluster());
        assert!(!by("", "prod").is_in_cluster());
        assert!(!by("https://10.0.0.1:6443", "").is_in_cluster());
        for server in [
            "https://kubernetes.default.svc",
            "https://kubernetes.default.svc/",
            "https://kubernetes.default.svc:443",
            "https://kubernetes.default.svc:443/",
            "https://Kubernetes.default.svc.cluster.local",
            "https://kubernetes.default:443",
        ] {
            assert!(by(server, "").is_in_cluster(), "{server}");
        }
        assert!(!by("https://kubernetes.default.svc:6443", "").is_in_cluster());
        assert!(!by("https://kubernetes.default.example.com", "").is_in_cluster());
        assert!(Destination::default().is_in_cluster());
    }
}
