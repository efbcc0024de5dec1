//! The results of a run, before they are put into words.

mod together;

use std::time::Duration;

use argo_core::{Level, ObjectRef};
use argo_events::EventRecord;
use argo_logs::StoreQuery;
use argo_workloads::{diagnosis::Finding, progress::PodCounts, rollout::RolloutState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::argocd::Wait;

pub use together::together;

/// The outcome of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything is rolled out.
    Succeeded,
    /// It failed, and waiting will not help.
    #[default]
    Failed,
    /// The time is over.
    TimedOut,
    /// A signal ended it.
    Interrupted,
    /// A single look found that the rollout is not complete yet.
    Waiting,
    /// A rollout is paused until a person acts, and nothing else is left to wait for.
    Paused,
}

impl Outcome {
    /// True if the rollout did not end well.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut)
    }

    /// Returns the name of the outcome in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timeout",
            Self::Interrupted => "interrupted",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
        }
    }
}

/// The results of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Name of the application.
    pub app: String,
    /// The outcome of the run.
    pub outcome: Outcome,
    /// The cause of the end: `argocd`, `degraded`, `timeout`, `fail-fast`, `signal`…
    pub reason: String,
    /// argocd's exit code, where it ended by itself.
    pub argocd_exit: Option<i32>,
    /// The meaning of argocd's exit, in words.
    pub argocd: Option<String>,
    /// The conditions that argocd waited for, if it ran.
    pub wait: Option<Wait>,
    /// A command or step that helps, where argocd itself failed.
    pub argocd_next: Option<String>,
    /// Duration of the run.
    pub elapsed: Duration,
    /// Every workload, in the order in which they are shown.
    pub workloads: Vec<Row>,
    /// Number of pods of the newest revisions.
    pub pods: usize,
    /// Every finding that stands, the worst first.
    pub findings: Vec<Finding>,
    /// The way to ask the log store for lines of a finding, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_store: Option<StoreQuery>,
    /// Sentences on the operation: its phase, hooks and sync.
    pub operation: Vec<String>,
    /// Events that may matter; the verdict takes those of the workloads that failed.
    pub events: Vec<EventNote>,
    /// The time for which a workload could not succeed any more, if that ended the run.
    pub doomed_for: Option<Duration>,
    /// The exit code of this program.
    pub exit: i32,
    /// The results of each application, if the run is about several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<Summary>,
}

impl Summary {
    /// True if the reason of the end is no workload's: another sync came first, another revision
    /// runs, or nothing was found or may be read. Workloads that are not ready explain nothing then.
    pub fn explains_itself(&self) -> bool {
        let reasons = [
            "superseded",
            "not-as-expected",
            "no-permission",
            "nothing-found",
        ];
        reasons.contains(&self.reason.as_str())
    }
}

/// A workload at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The workload.
    pub object: ObjectRef,
    /// True if its pods end by themselves (Job): the table says `done` instead of `1/1`.
    pub runs_once: bool,
    /// State of the rollout in one word: `complete`, `failed`, `paused` or `progressing`.
    pub state: String,
    /// Pods that are ready.
    pub ready: Option<i64>,
    /// Pods wanted.
    pub desired: Option<i64>,
    /// Pods that are ready, the new and the old ones apart; absent once it is complete.
    #[serde(default)]
    pub pods: Option<PodCounts>,
    /// Number of container restarts of the new pods.
    pub restarts: u32,
    /// Seconds from the start until the rollout was complete.
    pub seconds: Option<u64>,
    /// The condition that the rollout waits for, in a few words.
    pub waiting_for: Option<String>,
    /// The condition that a complete rollout waited for last, which explains its duration.
    pub held_up_by: Option<String>,
    /// True once the rollout is complete.
    pub complete: bool,
    /// True unless the workload was started by a clock: a run of a CronJob holds nothing up.
    pub holds_up: bool,
    /// The reason for which the controller itself has given up.
    pub failed: Option<String>,
}

impl Row {
    /// Creates the row of a workload from its state; the caller adds restarts and times, and
    /// marks a workload that runs once.
    pub fn new(object: ObjectRef, state: &RolloutState) -> Self {
        Self {
            object,
            runs_once: false,
            state: word(state).to_owned(),
            ready: state.ready,
            desired: state.desired,
            pods: None,
            restarts: 0,
            seconds: None,
            waiting_for: state.waiting_for.clone(),
            held_up_by: None,
            complete: state.complete,
            holds_up: true,
            failed: state.failed.clone(),
        }
    }

    /// Returns the number of ready pods of the newest revision, or of all where no old pod is
    /// ready.
    pub fn ready_new(&self) -> Option<i64> {
        let mixed = self.pods.filter(|pods| pods.old > 0);
        let new = mixed.and_then(|pods| i64::try_from(pods.new).ok());
        new.or(self.ready)
    }

    /// Returns `0/3 new, 3 old still serve`, or `1/3 ready` where no old pod is ready.
    pub fn counts(&self) -> Option<String> {
        let (ready, desired) = (self.ready?, self.desired?);
        let mixed = self.pods.filter(|pods| pods.old > 0);
        Some(match mixed {
            Some(pods) => pods.words(desired),
            None => format!("{ready}/{desired} ready"),
        })
    }
}

fn word(state: &RolloutState) -> &'static str {
    if state.failed.is_some() {
        "failed"
    } else if state.complete {
        "complete"
    } else if state.pause.is_some() {
        "paused"
    } else {
        "progressing"
    }
}

/// An event that may explain a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventNote {
    /// Time of the last occurrence.
    pub time: Timestamp,
    /// Severity of the event.
    pub level: Level,
    /// The workload at the top of the ownership chain.
    pub root: ObjectRef,
    /// The object that the event is about.
    pub object: ObjectRef,
    /// The reason, in one camel-case word.
    pub reason: String,
    /// The message, in a sentence.
    pub message: String,
    /// Number of occurrences.
    pub count: u32,
}

impl From<&EventRecord> for EventNote {
    fn from(event: &EventRecord) -> Self {
        Self {
            time: event.time,
            level: event.level,
            root: event.root.clone(),
            object: event.object.clone(),
            reason: event.reason.clone(),
            message: event.message.clone(),
            count: event.count,
        }
    }
}
