//! The fields of a pod that are read.

use std::{borrow::Cow, collections::BTreeMap};

use k8s_openapi::{
    NamespaceResourceScope,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use kube::Resource;
use serde::{Deserialize, Serialize};

use super::{
    lenient::{lenient, nullable},
    meta::{Condition, slim_metadata},
};

/// A pod (core/v1) without what nobody here reads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Metadata without managed fields.
    #[serde(deserialize_with = "slim_metadata")]
    pub metadata: ObjectMeta,
    /// Desired state.
    pub spec: PodSpec,
    /// Observed state.
    #[serde(deserialize_with = "nullable")]
    pub status: PodStatus,
}

/// Desired state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// The node it is bound to.
    pub node_name: Option<String>,
    /// `Always`, `OnFailure` or `Never`.
    pub restart_policy: Option<String>,
    /// The service account.
    pub service_account_name: Option<String>,
    /// Regular containers.
    #[serde(deserialize_with = "nullable")]
    pub containers: Vec<Container>,
    /// Init containers, sidecars (those with restart policy `Always`) among them.
    #[serde(deserialize_with = "nullable")]
    pub init_containers: Vec<Container>,
    /// Containers that `kubectl debug` added.
    #[serde(deserialize_with = "nullable")]
    pub ephemeral_containers: Vec<Container>,
    /// Volumes, by what they refer to.
    #[serde(deserialize_with = "nullable")]
    pub volumes: Vec<Volume>,
    /// `spec.terminationGracePeriodSeconds`.
    pub termination_grace_period_seconds: Option<i64>,
}

/// A container as asked for; no environment, arguments or mounts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Its name, unique within the pod.
    pub name: String,
    /// The image asked for.
    pub image: Option<String>,
    /// `Always` on an init container makes it a sidecar.
    pub restart_policy: Option<String>,
    /// The readiness probe.
    #[serde(deserialize_with = "lenient")]
    pub readiness_probe: Option<Probe>,
    /// The liveness probe.
    #[serde(deserialize_with = "lenient")]
    pub liveness_probe: Option<Probe>,
    /// The startup probe.
    #[serde(deserialize_with = "lenient")]
    pub startup_probe: Option<Probe>,
    /// Limits and requests.
    #[serde(deserialize_with = "lenient")]
    pub resources: Resources,
}

/// Limits and requests, as quantities (`256Mi`, `500m`) by resource name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Limits.
    #[serde(deserialize_with = "nullable")]
    pub limits: BTreeMap<String, String>,
    /// Requests.
    #[serde(deserialize_with = "nullable")]
    pub requests: BTreeMap<String, String>,
}

/// A probe: what it asks and how often.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    /// An HTTP request.
    pub http_get: Option<HttpGet>,
    /// A TCP connection.
    pub tcp_socket: Option<TcpSocket>,
    /// A gRPC health check.
    pub grpc: Option<TcpSocket>,
    /// A command in the container.
    pub exec: Option<Exec>,
    /// Seconds before the first probe.
    pub initial_delay_seconds: Option<i64>,
    /// Seconds between two probes (default 10).
    pub period_seconds: Option<i64>,
    /// Seconds that an answer may take (default 1).
    pub timeout_seconds: Option<i64>,
    /// Failures in a row that count (default 3).
    pub failure_threshold: Option<i64>,
}

/// The HTTP request of a probe.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpGet {
    /// The path asked for.
    pub path: Option<String>,
    /// A port number or name.
    pub port: Option<serde_json::Value>,
}

/// The port of a TCP or gRPC probe.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TcpSocket {
    /// A port number or name.
    pub port: Option<serde_json::Value>,
}

/// The command of a probe.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exec {
    /// The program and its arguments.
    #[serde(deserialize_with = "nullable")]
    pub command: Vec<String>,
}

/// A volume, by what it refers to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    /// Its name within the pod.
    pub name: String,
    /// The claim it mounts.
    pub persistent_volume_claim: Option<ClaimSource>,
}

/// The claim of a volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimSource {
    /// Name of the PersistentVolumeClaim in the pod's namespace.
    pub claim_name: String,
}

/// Observed state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: Option<String>,
    /// Why it is in this phase (`Evicted`…).
    pub reason: Option<String>,
    /// A sentence about the reason.
    pub message: Option<String>,
    /// When the kubelet took it.
    pub start_time: Option<Time>,
    /// Conditions (`PodScheduled`, `Ready`…).
    #[serde(deserialize_with = "nullable")]
    pub conditions: Vec<Condition>,
    /// Statuses of regular containers.
    #[serde(deserialize_with = "nullable")]
    pub container_statuses: Vec<ContainerStatus>,
    /// Statuses of init containers and sidecars.
    #[serde(deserialize_with = "nullable")]
    pub init_container_statuses: Vec<ContainerStatus>,
    /// Statuses of ephemeral containers.
    #[serde(deserialize_with = "nullable")]
    pub ephemeral_container_statuses: Vec<ContainerStatus>,
}

/// The status of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    /// Its name.
    pub name: String,
    /// The current state.
    #[serde(deserialize_with = "nullable")]
    pub state: ContainerState,
    /// The state in which its previous run ended.
    #[serde(deserialize_with = "nullable")]
    pub last_state: ContainerState,
    /// True while its readiness probe passes, or it runs without one.
    pub ready: bool,
    /// True once its startup probe passed.
    pub started: Option<bool>,
    /// The number of restarts by the kubelet.
    pub restart_count: i32,
    /// The image that runs.
    pub image: Option<String>,
    /// `<runtime>://<id>` of the current run; empty while there is none.
    #[serde(rename = "containerID")]
    pub container_id: Option<String>,
}

/// At most one of the three is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// It waits to run.
    pub waiting: Option<Waiting>,
    /// It runs.
    pub running: Option<Running>,
    /// It ended.
    pub terminated: Option<Terminated>,
}

/// Why a container does not run yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// `ContainerCreating`, `CrashLoopBackOff`…
    pub reason: Option<String>,
    /// A sentence about the reason.
    pub message: Option<String>,
}

/// Since when a container runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Running {
    /// When it started, to the second.
    pub started_at: Option<Time>,
}

/// The end of a container's run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Terminated {
    /// The program's exit code; 128 + n for signal n.
    pub exit_code: i32,
    /// The signal, where the runtime tells.
    pub signal: Option<i32>,
    /// `Completed`, `Error`, `OOMKilled`, `StartError`…
    pub reason: Option<String>,
    /// The termination message.
    pub message: Option<String>,
    /// When it started, to the second.
    pub started_at: Option<Time>,
    /// When it ended, to the second.
    pub finished_at: Option<Time>,
    /// `<runtime>://<id>` of the run that ended.
    #[serde(rename = "containerID")]
    pub container_id: Option<String>,
}

impl Pod {
    /// Every container with its status, init containers first.
    pub fn containers(&self) -> impl Iterator<Item = (&Container, Option<&ContainerStatus>)> {
        let (spec, status) = (&self.spec, &self.status);
        let groups = [
            (&spec.init_containers, &status.init_container_statuses),
            (&spec.containers, &status.container_statuses),
            (
                &spec.ephemeral_containers,
                &status.ephemeral_container_statuses,
            ),
        ];
        groups.into_iter().flat_map(|(containers, statuses)| {
            containers.iter().map(move |container| {
                let status = statuses.iter().find(|status| status.name == container.name);
                (container, status)
            })
        })
    }

    /// The condition of a type.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.status
            .conditions
            .iter()
            .find(|condition| condition.type_ == type_)
    }

    /// True once none of its containers will run again.
    pub fn is_finished(&self) -> bool {
        matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed"))
    }
}

impl Resource for Pod {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Pod".into()
    }
    fn group((): &()) -> Cow<'_, str> {
        "".into()
    }
    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }
    fn plural((): &()) -> Cow<'_, str> {
        "pods".into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
