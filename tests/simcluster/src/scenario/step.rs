//! One thing that happens.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::manifests::Manifests;
use super::span::span;
use crate::logs::Rotation;

pub use crate::api::Fault;

/// One thing that happens, and when.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "StepFields")]
pub struct Step {
    /// Virtual time from the start.
    pub at: Duration,
    /// Action of the step.
    pub action: Action,
}

/// Action of the step.
#[derive(Debug, Clone)]
pub enum Action {
    /// Argo CD syncs the application.
    Sync(SyncStep),
    /// A merge patch of the Application, status included.
    Application(Value),
    /// Creates or changes objects as `kubectl apply` does.
    Apply(Manifests),
    /// Exactly these objects.
    Put(Manifests),
    /// Deletes an object as `kubectl delete` does.
    Delete(ObjectName),
    /// A CronJob's time has come: `namespace/name`.
    FireCronJob(PodName),
    /// From now on requests go wrong.
    Fault(Box<Fault>),
    /// Streams that are open now end.
    EndOpen(Box<Fault>),
    /// Removes all faults.
    ClearFaults,
    /// Plays a recording from now on.
    Recording(RecordingStep),
    /// The kubelet dies or comes back.
    Kubelet(PowerState),
    /// The log file of a container is rotated.
    Rotate(Rotate),
    /// A container without a behaviour writes lines.
    Log(LogLines),
    /// The run that `log` wrote to is over.
    EndLog(PodContainer),
}

/// A sync of the application.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncStep {
    /// All that git holds at this revision, hooks included.
    pub manifests: Manifests,
    /// The commit; not given: one made from the manifests.
    #[serde(default)]
    pub revision: Option<String>,
    /// User who asks for it. Default: an automated sync.
    #[serde(default)]
    pub user: Option<String>,
    /// True if objects that git no longer holds are deleted.
    #[serde(default)]
    pub prune: bool,
}

/// An object to delete.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectName {
    /// Full name of the type: `pods`, `deployments.apps`.
    pub resource: String,
    /// Its namespace.
    #[serde(default)]
    pub namespace: String,
    /// Its name; of pods also the beginning of a name, up to a `-`.
    pub name: String,
    /// Seconds that a pod has to end.
    #[serde(default)]
    pub grace: Option<u64>,
}

/// `namespace/name`; a name that ends with `-` is the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PodName {
    /// The part before the `/`.
    pub namespace: String,
    /// The part after it.
    pub name: String,
}

/// A container of a pod.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PodContainer {
    /// The pod.
    pub pod: PodName,
    /// The container's name.
    pub container: String,
}

/// A rotation of a log file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    /// The pod.
    pub pod: PodName,
    /// The container's name.
    pub container: String,
    /// Behaviour of open follows.
    #[serde(default)]
    pub how: Rotation,
}

/// Lines of a container whose pod was `put`; the run is the one in the pod's status.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogLines {
    /// The pod.
    pub pod: PodName,
    /// The container's name.
    pub container: String,
    /// The text; every line ends with a line feed, but the last only if the text does.
    pub lines: String,
}

/// A recording to play.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "RecordingFields")]
pub struct RecordingStep {
    /// Name of the recording.
    pub name: String,
    /// The recorded workloads that nothing owns get the tracking id of this Application.
    pub application: Option<String>,
}

/// State of the kubelet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PowerState {
    /// Runs.
    Up,
    /// Does not run.
    Down,
}

/// A [`RecordingStep`] as it is written.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "the name of a recording, or {name, application}"
)]
enum RecordingFields {
    Name(String),
    Fields {
        name: String,
        application: Option<String>,
    },
}

impl From<RecordingFields> for RecordingStep {
    fn from(fields: RecordingFields) -> Self {
        match fields {
            RecordingFields::Name(name) => Self {
                name,
                application: None,
            },
            RecordingFields::Fields { name, application } => Self { name, application },
        }
    }
}

impl TryFrom<String> for PodName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => Ok(Self {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(format!("\"{text}\" is not namespace/name")),
        }
    }
}

/// A [`Step`] as it is written. Tagged enums would ask for `!tags` in YAML.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepFields {
    #[serde(deserialize_with = "span")]
    at: Duration,
    sync: Option<SyncStep>,
    application: Option<Value>,
    apply: Option<Manifests>,
    put: Option<Manifests>,
    delete: Option<ObjectName>,
    fire_cron_job: Option<PodName>,
    fault: Option<Box<Fault>>,
    end_open: Option<Box<Fault>>,
    clear_faults: Option<bool>,
    recording: Option<RecordingStep>,
    kubelet: Option<PowerState>,
    rotate: Option<Rotate>,
    log: Option<LogLines>,
    end_log: Option<PodContainer>,
}

impl TryFrom<StepFields> for Step {
    type Error = String;

    fn try_from(fields: StepFields) -> Result<Self, String> {
        let clear = fields.clear_faults.unwrap_or_default();
        let actions = [
            fields.sync.map(Action::Sync),
            fields.application.map(Action::Application),
            fields.apply.map(Action::Apply),
            fields.put.map(Action::Put),
            fields.delete.map(Action::Delete),
            fields.fire_cron_job.map(Action::FireCronJob),
            fields.fault.map(Action::Fault),
            fields.end_open.map(Action::EndOpen),
            clear.then_some(Action::ClearFaults),
            fields.recording.map(Action::Recording),
            fields.kubelet.map(Action::Kubelet),
            fields.rotate.map(Action::Rotate),
            fields.log.map(Action::Log),
            fields.end_log.map(Action::EndLog),
        ];
        let mut given = actions.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(action), None) => Ok(Self {
                at: fields.at,
                action,
            }),
            _ => Err(format!(
                "the step at {:?} needs exactly one of sync, application, apply, put, delete, \
                 fire_cron_job, fault, end_open, clear_faults, recording, kubelet, rotate, log, \
                 end_log",
                fields.at
            )),
        }
    }
}
