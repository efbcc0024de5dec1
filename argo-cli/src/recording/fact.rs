//! The state of the application's objects, for the reports.

use argo_core::{
    ObjectRef, TrackEvent, Tracked, TrackedBody,
    resource::{Application, ContainerStatus, Pod, Terminated},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Serialize};

use crate::summary::{Row, Summary};

/// A state that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "lowercase")]
pub enum Fact {
    /// A pod.
    Pod(PodFact),
    /// A root object was seen for the first time.
    Object(ObjectFact),
    /// The sync operation.
    Operation(Operation),
    /// The rows of the table of workloads.
    Rows {
        /// Every workload.
        rows: Vec<Row>,
    },
    /// The end of the run. The verdict as a record follows it.
    Summary {
        /// The results of the run.
        summary: Box<Summary>,
    },
}

/// A root object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectFact {
    /// `<Kind>/<name>`.
    pub object: String,
    /// Namespace.
    pub namespace: String,
    /// The sync wave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wave: Option<i64>,
    /// The sync phase of a hook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook: Option<String>,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodFact {
    /// Uid.
    pub uid: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `<Kind>/<name>` of the workload; the pod itself where no workload owns it.
    pub workload: String,
    /// True if this rollout created the pod.
    pub new: bool,
    /// True once the pod is deleted.
    pub gone: bool,
    /// Time of creation.
    pub created: Option<Timestamp>,
    /// The node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// `Pending`, `Running`, `Succeeded`, `Failed`.
    pub phase: String,
    /// The reason for the phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Conditions that hold, with the time since which they do.
    pub conditions: Vec<(String, Option<Timestamp>)>,
    /// Containers: init containers first.
    pub containers: Vec<ContainerFact>,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerFact {
    /// Name.
    pub name: String,
    /// True for an init container.
    pub init: bool,
    /// The image asked for.
    pub image: String,
    /// The probes that it has: `startup`, `readiness`, `liveness`.
    pub probes: Vec<String>,
    /// Number of restarts.
    pub restarts: i32,
    /// True while it is ready.
    pub ready: bool,
    /// The reason for which it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
    /// The previous run, and the present or last one.
    pub runs: Vec<RunFact>,
}

/// A run of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunFact {
    /// Number of runs before it.
    pub restart: i32,
    /// Start.
    pub started: Option<Timestamp>,
    /// End; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    /// Exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// `Completed`, `Error`, `OOMKilled`…
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The sync operation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Operation {
    /// Name of the application.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub app: String,
    /// Namespace of the Application resource; empty in a recording of an older version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// `Running`, `Succeeded`, `Failed`…
    pub phase: String,
    /// Start.
    pub started: Option<Timestamp>,
    /// End.
    pub finished: Option<Timestamp>,
    /// The revision that is synced.
    pub revision: Option<String>,
    /// Health of the application.
    pub health: Option<String>,
    /// The objects applied so far.
    pub objects: Vec<SyncedObject>,
}

/// An object that the operation applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncedObject {
    /// `<Kind>/<name>`.
    pub object: String,
    /// Namespace.
    pub namespace: String,
    /// `PreSync`, `Sync`, `PostSync`…
    pub phase: Option<String>,
    /// `Running`, `Succeeded`, `Failed`…
    pub state: Option<String>,
}

impl Fact {
    /// Returns the fact in an event of the tracker, if there is one for the reports.
    pub fn of(event: &TrackEvent) -> Option<Self> {
        match event {
            TrackEvent::Applied(tracked) => Self::of_tracked(tracked),
            TrackEvent::Removed(object) if object.kind.is("", "Pod") => Some(Self::Pod(PodFact {
                gone: true,
                ..PodFact::named(object)
            })),
            TrackEvent::Application(application) => Operation::of(application).map(Self::Operation),
            _ => None,
        }
    }

    fn of_tracked(tracked: &Tracked) -> Option<Self> {
        match &tracked.body {
            TrackedBody::Pod(pod) => Some(Self::Pod(PodFact::of(tracked, pod))),
            _ if tracked.object.uid == tracked.root.uid => Some(Self::Object(object(tracked))),
            _ => None,
        }
    }
}

fn object(tracked: &Tracked) -> ObjectFact {
    let annotations = tracked.body.metadata().annotations.as_ref();
    let wave = annotations.and_then(|all| all.get("argocd.argoproj.io/sync-wave"));
    ObjectFact {
        object: tracked.object.to_string(),
        namespace: tracked.object.namespace.to_string(),
        wave: wave.and_then(|wave| wave.parse().ok()),
        hook: tracked.hook.as_deref().map(str::to_owned),
    }
}

impl PodFact {
    fn named(object: &ObjectRef) -> Self {
        Self {
            uid: object.uid.to_string(),
            namespace: object.namespace.to_string(),
            name: object.name.to_string(),
            ..Self::default()
        }
    }

    fn of(tracked: &Tracked, pod: &Pod) -> Self {
        let status = &pod.status;
        let held = status.conditions.iter().filter(|c| c.status == "True");
        Self {
            workload: tracked.root.to_string(),
            new: tracked.is_new,
            created: pod.metadata.creation_timestamp.as_ref().map(time),
            node: pod.spec.node_name.clone(),
            phase: status.phase.clone().unwrap_or_default(),
            reason: status.reason.clone(),
            conditions: held
                .map(|c| (c.type_.clone(), c.last_transition_time.as_ref().map(time)))
                .collect(),
            containers: containers(pod),
            ..Self::named(&tracked.object)
        }
    }
}

fn containers(pod: &Pod) -> Vec<ContainerFact> {
    let (spec, status) = (&pod.spec, &pod.status);
    let groups = [
        (true, &spec.init_containers, &status.init_container_statuses),
        (false, &spec.containers, &status.container_statuses),
        (
            false,
            &spec.ephemeral_containers,
            &status.ephemeral_container_statuses,
        ),
    ];
    let mut facts = Vec::new();
    for (init, containers, statuses) in groups {
        for container in containers {
            let own = statuses.iter().find(|own| own.name == container.name);
            let probes = [
                ("startup", &container.startup_probe),
                ("readiness", &container.readiness_probe),
                ("liveness", &container.liveness_probe),
            ];
            let present = probes.iter().filter(|(_, probe)| probe.is_some());
            facts.push(ContainerFact {
                name: container.name.clone(),
                init,
                image: argo_core::text::redacted(container.image.as_deref().unwrap_or_default())
                    .into_owned(),
                probes: present.map(|(name, _)| (*name).to_owned()).collect(),
                ..own.map(of_status).unwrap_or_default()
            });
        }
    }
    facts
}

fn of_status(status: &ContainerStatus) -> ContainerFact {
    let restarts = status.restart_count;
    let mut runs = Vec::new();
    // The kubelet counts a restart when it happens: while a container waits for it, the run that
    // ended last is the one that the count names.
    let last = restarts - i32::from(status.state.waiting.is_none());
    if let Some(ended) = &status.last_state.terminated {
        runs.push(ended_run(ended, last.max(0)));
    }
    if let Some(running) = &status.state.running {
        runs.push(RunFact {
            restart: restarts,
            started: running.started_at.as_ref().map(time),
            ..RunFact::default()
        });
    }
    if let Some(ended) = &status.state.terminated {
        runs.push(ended_run(ended, restarts));
    }
    ContainerFact {
        restarts,
        ready: status.ready,
        waiting: status.state.waiting.as_ref().and_then(|w| w.reason.clone()),
        runs,
        ..ContainerFact::default()
    }
}

fn ended_run(ended: &Terminated, restart: i32) -> RunFact {
    RunFact {
        restart,
        started: ended.started_at.as_ref().map(time),
        finished: ended.finished_at.as_ref().map(time),
        exit: Some(ended.exit_code),
        reason: ended.reason.clone(),
    }
}

impl Operation {
    fn of(application: &Application) -> Option<Self> {
        let status = &application.status;
        let state = status.operation_state.as_ref()?;
        let object = |result: &argo_core::resource::ResourceResult| SyncedObject {
            object: format!("{}/{}", result.kind, result.name),
            namespace: result.namespace.clone(),
            phase: result.sync_phase.clone().or(result.hook_type.clone()),
            state: result.hook_phase.clone(),
        };
        Some(Self {
            app: application.metadata.name.clone().unwrap_or_default(),
            namespace: application.metadata.namespace.clone().unwrap_or_default(),
            phase: state.phase.clone(),
            started: state.started_at.as_ref().map(time),
            finished: state.finished_at.as_ref().map(time),
            revision: state.sync_result.revision.clone(),
            health: status.health.status.clone(),
            objects: state.sync_result.resources.iter().map(object).collect(),
        })
    }
}

fn time(time: &Time) -> Timestamp {
    time.0
}
