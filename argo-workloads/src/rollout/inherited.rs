//! Failures that a workload had before this rollout.
//!
//! A Rollout stays aborted, and a Deployment past its deadline, until the next release: their
//! failure says nothing about a release that has not reached them yet.

use std::{collections::BTreeMap, sync::Arc};

use argo_core::{
    Tracked, TrackedBody,
    resource::{Application, OperationState, WorkloadObject},
};
use jiff::Timestamp;

/// Tells the failures of the last release from those of this one.
#[derive(Clone, Debug)]
pub(crate) struct Inherited {
    started: Timestamp,
    /// The releases that had failed when they were first seen, by the uid of their workload;
    /// nothing for a workload that is judged.
    workloads: BTreeMap<Arc<str>, Option<Release>>,
}

/// The marks by which one release of a workload is told from the next.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Release {
    generation: Option<i64>,
    revision: Option<String>,
    hash: Option<String>,
    template: Option<i64>,
}

impl Inherited {
    /// Creates the memory of a rollout that began at `started`.
    pub(crate) fn new(started: Timestamp) -> Self {
        Self {
            started,
            workloads: BTreeMap::new(),
        }
    }

    /// Takes in a workload.
    pub(crate) fn track(&mut self, tracked: &Tracked) {
        let TrackedBody::Workload(object) = &tracked.body else {
            return;
        };
        // Jobs and their like are made anew by each release.
        if tracked.traits.runs_once() {
            return;
        }
        let state = tracked.rollout.as_ref();
        let has_failed = state.is_some_and(|state| state.failed.is_some());
        let is_complete = state.is_some_and(|state| state.complete);
        let failed_since = failed_at(object).filter(|_| has_failed);
        let is_past = failed_since.is_none_or(|at| at < self.started);
        let release = Release::of(object);
        let uid = &tracked.object.uid;
        match self.workloads.get_mut(uid) {
            // A Rollout past its deadline comes and goes with each flap of its pods.
            Some(known) => {
                let is_another = known.as_ref() != Some(&release);
                let is_aborted_again = object.status.abort && !is_past;
                if is_another || is_complete || is_aborted_again {
                    *known = None;
                }
            }
            None => {
                let inherited = has_failed && !tracked.is_new && is_past;
                self.workloads
                    .insert(Arc::clone(uid), inherited.then_some(release));
            }
        }
    }

    /// Takes in the Application. A sync since the start, successful or not, brought what it
    /// had to bring: whatever is broken after it is judged.
    pub(crate) fn application(&mut self, application: &Application) {
        let operation = application.status.operation_state.as_ref();
        let is_new = |operation: &OperationState| {
            let started = operation.started_at.as_ref().map(|time| time.0);
            started >= Some(self.started) && !operation.is_running()
        };
        if operation.is_some_and(is_new) {
            self.workloads.values_mut().for_each(|known| *known = None);
        }
    }

    /// Forgets a workload.
    pub(crate) fn remove(&mut self, uid: &str) {
        self.workloads.remove(uid);
    }

    /// True if the failure of a workload is that of the last release.
    pub(crate) fn is_inherited(&self, uid: &str) -> bool {
        self.workloads.get(uid).is_some_and(Option::is_some)
    }
}

impl Release {
    fn of(object: &WorkloadObject) -> Self {
        Self {
            generation: object.metadata.generation,
            revision: revision(object).map(str::to_owned),
            hash: object.status.current_pod_hash.clone(),
            template: object.status.workload_observed_generation,
        }
    }
}

/// Returns the number that the controller gave the newest revision.
pub(crate) fn revision(object: &WorkloadObject) -> Option<&str> {
    const NUMBERS: [&str; 2] = [
        "rollout.argoproj.io/revision",
        "deployment.kubernetes.io/revision",
    ];
    let annotations = object.metadata.annotations.as_ref()?;
    let number = NUMBERS.iter().find_map(|key| annotations.get(*key))?;
    Some(number)
}

/// Returns the time at which the controller gave up.
fn failed_at(object: &WorkloadObject) -> Option<Timestamp> {
    if object.status.abort {
        return Some(object.status.aborted_at.as_ref()?.0);
    }
    let invalid = object.condition("InvalidSpec");
    let invalid = invalid.filter(|condition| condition.status == "True");
    let condition = invalid.or_else(|| object.condition("Progressing"))?;
    Some(condition.last_transition_time.as_ref()?.0)
}

#[cfg(test)]
mod tests {
    use argo_core::{GroupKind, ObjectRef};
    use serde_json::{Value, json};

    use super::*;
    use crate::{builtin, describe};

    fn started() -> Timestamp {
        "2026-11-28T10:00:00Z".parse().unwrap()
    }

    fn tracked(generation: i64, status: &Value) -> Tracked {
        let value = json!({"metadata": {"generation": generation, "uid": "u"}, "status": status});
        let object = ObjectRef {
            kind: GroupKind::new("argoproj.io", "Rollout"),
            namespace: "n".into(),
            name: "web".into(),
            uid: "u".into(),
        };
        let tracked = Tracked {
            is_new: false,
            ..Tracked::root(
                object,
                TrackedBody::Workload(Arc::new(serde_json::from_value(value).unwrap())),
            )
        };
        describe(&builtin(), tracked)
    }

    /// As Argo Rollouts 1.10.2 writes it after an abort.
    fn aborted(generation: i64, at: &str) -> Tracked {
        let message = "RolloutAborted: Rollout aborted update to revision 2: ReplicaSet \
            \"web-687cd8cfc\" has timed out progressing.";
        tracked(
            generation,
            &json!({"observedGeneration": generation.to_string(), "phase": "Degraded",
            "message": message, "abort": true, "abortedAt": at}),
        )
    }

    #[test]
    fn an_old_abort_does_not_judge_until_the_release_changes() {
        let mut inherited = Inherited::new(started());
        inherited.track(&aborted(4, "2026-11-28T09:59:00Z"));
        assert!(inherited.is_inherited("u"));
        inherited.track(&aborted(4, "2026-11-28T09:59:00Z"));
        assert!(inherited.is_inherited("u"));
        // The next generation, before the controller has seen it.
        let unseen = json!({"observedGeneration": "4", "phase": "Degraded", "abort": true});
        inherited.track(&tracked(5, &unseen));
        assert!(!inherited.is_inherited("u"));
        inherited.track(&aborted(5, "2026-11-28T10:01:00Z"));
        assert!(!inherited.is_inherited("u"));
    }

    #[test]
    fn an_abort_under_our_eyes_judges() {
        let mut inherited = Inherited::new(started());
        inherited.track(&aborted(4, "2026-11-28T10:00:01Z"));
        assert!(!inherited.is_inherited("u"));
        let mut inherited = Inherited::new(started());
        inherited.track(&tracked(
            4,
            &json!({"observedGeneration": "4", "phase": "Progressing"}),
        ));
        inherited.track(&aborted(4, "2026-11-28T09:59:59Z"));
        assert!(!inherited.is_inherited("u"), "the clocks differ");
    }

    #[test]
    fn after_a_sync_everything_is_judged() {
        let mut inherited = Inherited::new(started());
        inherited.track(&aborted(4, "2026-11-28T09:59:00Z"));
        let application = |phase: &str, at: &str| -> Application {
            let operation = json!({"phase": phase, "startedAt": at});
            serde_json::from_value(json!({"status": {"operationState": operation}})).unwrap()
        };
        inherited.application(&application("Succeeded", "2026-11-28T09:58:00Z"));
        inherited.application(&application("Running", "2026-11-28T10:00:02Z"));
        assert!(inherited.is_inherited("u"));
        inherited.application(&application("Succeeded", "2026-11-28T10:00:02Z"));
        assert!(!inherited.is_inherited("u"));
    }
}
