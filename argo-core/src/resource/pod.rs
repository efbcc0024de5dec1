//! The fields of a pod that are read.

use std::{borrow::Cow, collections::BTreeMap};

use k8s_openapi::{
    NamespaceResourceScope,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use kube::Resource;
use serde::{Deserialize, Serialize};

use super::{
    lenient::{lenient, list, nullable},
    meta::{Condition, slim_metadata},
};

/// A pod (core/v1) with the fields that this workspace reads.
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
    /// The node that the pod is bound to.
    pub node_name: Option<String>,
    /// The scheduler that looks for a node.
    pub scheduler_name: Option<String>,
    /// `Always`, `OnFailure` or `Never`.
    pub restart_policy: Option<String>,
    /// The service account.
    pub service_account_name: Option<String>,
    /// Regular containers.
    #[serde(deserialize_with = "list")]
    pub containers: Vec<Container>,
    /// Init containers, sidecars (those with restart policy `Always`) among them.
    #[serde(deserialize_with = "list")]
    pub init_containers: Vec<Container>,
    /// Containers that `kubectl debug` added.
    #[serde(deserialize_with = "list")]
    pub ephemeral_containers: Vec<Container>,
    /// The volumes, by the objects that they refer to.
    #[serde(deserialize_with = "list")]
    pub volumes: Vec<Volume>,
    /// Labels that the node must have.
    #[serde(deserialize_with = "lenient")]
    pub node_selector: BTreeMap<String, String>,
    /// Rules about nodes and other pods.
    #[serde(deserialize_with = "lenient")]
    pub affinity: Affinity,
    /// Limits and requests of the whole pod (Kubernetes 1.34).
    #[serde(deserialize_with = "lenient")]
    pub resources: Resources,
    /// `spec.terminationGracePeriodSeconds`.
    pub termination_grace_period_seconds: Option<i64>,
}

/// A container as asked for; no environment, arguments or mounts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// The name of the container, unique within the pod.
    pub name: String,
    /// The image asked for.
    pub image: Option<String>,
    /// `Always` on an init container makes it a sidecar. Since Kubernetes 1.34 any container
    /// may have a policy of its own.
    pub restart_policy: Option<String>,
    /// Exit codes after which the container is started again, whatever its policy.
    #[serde(deserialize_with = "lenient")]
    pub restart_policy_rules: Vec<RestartRule>,
    /// Ports.
    #[serde(deserialize_with = "lenient")]
    pub ports: Vec<ContainerPort>,
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

/// A rule that starts a container again after certain exit codes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RestartRule {
    /// `Restart` or `RestartAllContainers`.
    pub action: String,
    /// The exit codes that the rule is about.
    #[serde(deserialize_with = "lenient")]
    pub exit_codes: ExitCodes,
}

/// Exit codes of a restart rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExitCodes {
    /// `In` or `NotIn`.
    pub operator: String,
    /// The codes.
    #[serde(deserialize_with = "nullable")]
    pub values: Vec<i32>,
}

impl RestartRule {
    /// True if the rule is about this exit code.
    pub fn applies_to(&self, code: i32) -> bool {
        let is_listed = self.exit_codes.values.contains(&code);
        match self.exit_codes.operator.as_str() {
            "In" => is_listed,
            "NotIn" => !is_listed,
            _ => false,
        }
    }
}

/// A port of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerPort {
    /// The port of the node that the container takes.
    pub host_port: Option<i64>,
}

/// Rules about nodes; those about pods are known by their number only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Affinity {
    /// Rules about nodes.
    #[serde(deserialize_with = "lenient")]
    pub node_affinity: NodeAffinity,
}

/// Rules about nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeAffinity {
    /// The rules that must hold.
    #[serde(
        rename = "requiredDuringSchedulingIgnoredDuringExecution",
        deserialize_with = "lenient"
    )]
    pub required: NodeSelector,
}

/// Terms of which one must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelector {
    /// The terms.
    #[serde(deserialize_with = "lenient")]
    pub node_selector_terms: Vec<NodeSelectorTerm>,
}

/// Expressions that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelectorTerm {
    /// Expressions about labels.
    #[serde(deserialize_with = "lenient")]
    pub match_expressions: Vec<NodeExpression>,
}

/// An expression about a label of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeExpression {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt` or `Lt`.
    pub operator: String,
    /// The values.
    #[serde(deserialize_with = "nullable")]
    pub values: Vec<String>,
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

/// A probe: its request and its times.
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

/// A volume, by the object that it refers to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    /// The name of the volume within the pod.
    pub name: String,
    /// The claim that the volume mounts.
    pub persistent_volume_claim: Option<ClaimSource>,
    /// The ConfigMap that the volume shows.
    #[serde(deserialize_with = "lenient")]
    pub config_map: Option<ConfigMapSource>,
    /// The Secret that the volume shows.
    #[serde(deserialize_with = "lenient")]
    pub secret: Option<SecretSource>,
    /// The sources that the volume puts together.
    #[serde(deserialize_with = "lenient")]
    pub projected: Option<ProjectedSource>,
    /// The image whose files the volume shows.
    #[serde(deserialize_with = "lenient")]
    pub image: Option<ImageSource>,
}

/// A ConfigMap by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigMapSource {
    /// Name of the ConfigMap.
    pub name: Option<String>,
}

/// A Secret by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretSource {
    /// Name of the Secret; a projected source calls it `name`.
    #[serde(alias = "name")]
    pub secret_name: Option<String>,
}

/// Sources of a projected volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProjectedSource {
    /// The sources.
    #[serde(deserialize_with = "lenient")]
    pub sources: Vec<ProjectedPart>,
}

/// One source of a projected volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProjectedPart {
    /// A ConfigMap.
    #[serde(deserialize_with = "lenient")]
    pub config_map: Option<ConfigMapSource>,
    /// A Secret.
    #[serde(deserialize_with = "lenient")]
    pub secret: Option<SecretSource>,
}

/// An image whose files a volume shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageSource {
    /// The reference of the image.
    pub reference: Option<String>,
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
    /// The reason for the phase (`Evicted`…).
    pub reason: Option<String>,
    /// A sentence about the reason.
    pub message: Option<String>,
    /// The time at which the kubelet accepted the pod.
    pub start_time: Option<Time>,
    /// Conditions (`PodScheduled`, `Ready`…).
    #[serde(deserialize_with = "list")]
    pub conditions: Vec<Condition>,
    /// Statuses of regular containers.
    #[serde(deserialize_with = "list")]
    pub container_statuses: Vec<ContainerStatus>,
    /// Statuses of init containers and sidecars.
    #[serde(deserialize_with = "list")]
    pub init_container_statuses: Vec<ContainerStatus>,
    /// Statuses of ephemeral containers.
    #[serde(deserialize_with = "list")]
    pub ephemeral_container_statuses: Vec<ContainerStatus>,
}

/// The status of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    /// The name of the container.
    pub name: String,
    /// The current state.
    #[serde(deserialize_with = "nullable")]
    pub state: ContainerState,
    /// The state in which the previous run of the container ended.
    #[serde(deserialize_with = "nullable")]
    pub last_state: ContainerState,
    /// True while the container's readiness probe passes, or it runs without a probe.
    pub ready: bool,
    /// True once the container's startup probe has passed.
    pub started: Option<bool>,
    /// The number of restarts by the kubelet.
    pub restart_count: i32,
    /// The image that runs.
    pub image: Option<String>,
    /// The image as the node resolved it, with its digest; empty until it was pulled.
    #[serde(rename = "imageID")]
    pub image_id: Option<String>,
    /// `<runtime>://<id>` of the current run; empty while there is none.
    #[serde(rename = "containerID")]
    pub container_id: Option<String>,
}

/// At most one of the three is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// Set while the container waits to run.
    pub waiting: Option<Waiting>,
    /// Set while the container runs.
    pub running: Option<Running>,
    /// Set once the container has ended.
    pub terminated: Option<Terminated>,
}

/// The state of a container that does not run yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// `ContainerCreating`, `CrashLoopBackOff`…
    pub reason: Option<String>,
    /// A sentence about the reason.
    pub message: Option<String>,
}

/// The state of a container that runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Running {
    /// The time at which the container started, to the second.
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
    /// The time at which the container started, to the second.
    pub started_at: Option<Time>,
    /// The time at which the container ended, to the second.
    pub finished_at: Option<Time>,
    /// `<runtime>://<id>` of the run that ended.
    #[serde(rename = "containerID")]
    pub container_id: Option<String>,
}

impl Terminated {
    /// True if nobody knows how the container ended: its node was rebooted, or its record is
    /// lost (kubernetes `pkg/kubelet/kubelet_pods.go`, `ContainerStatusUnknown`; containerd
    /// `internal/cri/store/container/status.go`, exit code 255 with the reason `Unknown`).
    pub fn is_unknown(&self) -> bool {
        matches!(
            self.reason.as_deref(),
            Some("ContainerStatusUnknown" | "Unknown")
        )
    }
}

impl Pod {
    /// Returns every container with its status, init containers first.
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

    /// Returns the condition of a type.
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
