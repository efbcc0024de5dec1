//! Failures that a workload had before this rollout.
//!
//! A Rollout stays aborted, and a Deployment past its deadline, until the next release: their
//! failure says nothing about a release that has not reached them yet.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use argo_core::{
    Tracked, TrackedBody,
    resource::{Application, Condition, OperationState, WorkloadObject},
    text::duration::later,
};
use jiff::Timestamp;

/// A sync that ended this long before the start may be the one that is followed: a pipeline often
/// syncs first.
const JUST_SYNCED: Duration = Duration::from_secs(60);
/// The time in which the next release should be in git.
const NEXT_RELEASE: Duration = Duration::from_secs(120);

/// Tells the failures of the last release from those of this one.
#[derive(Clone, Debug)]
pub(crate) struct Inherited {
    started: Timestamp,
    /// The releases that had failed when they were first seen, by the uid of their workload;
    /// nothing for a workload that is judged.
    workloads: BTreeMap<Arc<str>, Option<Release>>,
    judged: Judged,
}

/// The failures that the Application shows to be of this release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Judged {
    /// No failure is known to be inherited.
    #[default]
    Nothing,
    /// A spec that the controller refuses: the sync that brought it has just ended.
    InvalidSpecs,
    /// Every one.
    All,
}

/// The marks by which one release of a workload is told from the next.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Release {
    generation: Option<i64>,
    revision: Option<String>,
    hash: Option<String>,
    template: Option<i64>,
    /// True if the controller refuses the spec. Other failures come later than the spec.
    is_invalid: bool,
}

impl Inherited {
    /// Creates the memory of a rollout that began at `started`.
    pub(crate) fn new(started: Timestamp) -> Self {
        Self {
            started,
            workloads: BTreeMap::new(),
            judged: Judged::default(),
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
                let is_judged = release.is_judged(self.judged);
                let inherited = has_failed && !tracked.is_new && is_past && !is_judged;
                self.workloads
                    .insert(Arc::clone(uid), inherited.then_some(release));
            }
        }
    }

    /// Takes in the Application. A sync since the start, successful or not, brought what it
    /// had to bring: whatever is broken after it is judged. So it is if Argo CD finds nothing
    /// newer in git after a while, and if the spec that was synced last is refused.
    pub(crate) fn application(&mut self, application: &Application) {
        let judged = self.judges(application);
        if judged == Judged::Nothing {
            return;
        }
        self.judged = judged;
        let judges =
            |known: &Option<Release>| known.as_ref().is_some_and(|it| it.is_judged(judged));
        let known = self.workloads.values_mut();
        known
            .filter(|known| judges(known))
            .for_each(|known| *known = None);
    }

    fn judges(&self, application: &Application) -> Judged {
        let status = &application.status;
        let operation = status.operation_state.as_ref();
        let is_running = application.operation || operation.is_some_and(OperationState::is_running);
        if is_running {
            return Judged::Nothing;
        }
        let began = operation.and_then(|operation| operation.started_at.as_ref());
        let is_synced = status.sync.status.as_deref() == Some("Synced");
        // Argo CD writes the time at which it compared with the newest commit, not with a
        // cached one (argo-cd `controller/appcontroller.go`, `CompareWithLatest`).
        let compared = status.reconciled_at.as_ref().map(|time| time.0);
        let is_newest = is_synced && compared >= Some(later(self.started, NEXT_RELEASE));
        if is_newest || began.is_some_and(|began| began.0 >= self.started) {
            return Judged::All;
        }
        let ended = operation.and_then(|operation| operation.finished_at.as_ref());
        match ended {
            Some(ended) if is_synced && later(ended.0, JUST_SYNCED) >= self.started => {
                Judged::InvalidSpecs
            }
            _ => Judged::Nothing,
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
            is_invalid: refusal(object).is_some(),
        }
    }

    fn is_judged(&self, judged: Judged) -> bool {
        match judged {
            Judged::Nothing => false,
            Judged::InvalidSpecs => self.is_invalid,
            Judged::All => true,
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
    let condition = refusal(object).or_else(|| object.condition("Progressing"))?;
    Some(condition.last_transition_time.as_ref()?.0)
}

/// Returns the condition by which a controller refuses the spec.
fn refusal(object: &WorkloadObject) -> Option<&Condition> {
    let condition = object.condition("InvalidSpec");
    condition.filter(|condition| condition.status == "True")
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

    /// As Argo Rollouts 1.10.2 writes it of a spec that it refuses.
    fn invalid(generation: i64, at: &str) -> Tracked {
        let condition = json!({"type": "InvalidSpec", "status": "True", "reason": "InvalidSpec",
            "lastTransitionTime": at});
        tracked(
            generation,
            &json!({"observedGeneration": generation.to_string(), "phase": "Degraded",
            "message": "InvalidSpec: The Rollout is invalid", "conditions": [condition]}),
        )
    }

    fn synced(from: &str, to: &str, compared: &str) -> Application {
        let operation = json!({"phase": "Succeeded", "startedAt": from, "finishedAt": to});
        let status = json!({"operationState": operation, "sync": {"status": "Synced"},
            "reconciledAt": compared});
        serde_json::from_value(json!({"status": status})).unwrap()
    }

    #[test]
    fn a_spec_that_was_synced_a_moment_before_the_start_judges() {
        let just = synced(
            "2026-11-28T09:59:28Z",
            "2026-11-28T09:59:30Z",
            "2026-11-28T09:59:30Z",
        );
        let old = synced(
            "2026-11-28T09:50:00Z",
            "2026-11-28T09:50:02Z",
            "2026-11-28T09:59:30Z",
        );
        for (application, is_inherited) in [(&just, false), (&old, true)] {
            for is_first in [true, false] {
                let mut inherited = Inherited::new(started());
                if is_first {
                    inherited.application(application);
                }
                inherited.track(&invalid(4, "2026-11-28T09:59:31Z"));
                inherited.application(application);
                assert_eq!(inherited.is_inherited("u"), is_inherited);
            }
        }
        // An abort comes later than the sync of its release, and may wait for a fix.
        let mut inherited = Inherited::new(started());
        inherited.track(&aborted(4, "2026-11-28T09:59:58Z"));
        inherited.application(&just);
        assert!(inherited.is_inherited("u"));
    }

    #[test]
    fn nothing_newer_in_git_judges_after_a_while() {
        let sync = |compared| synced("2026-11-28T09:50:00Z", "2026-11-28T09:50:02Z", compared);
        let mut inherited = Inherited::new(started());
        inherited.track(&aborted(4, "2026-11-28T09:52:00Z"));
        inherited.application(&sync("2026-11-28T10:01:00Z"));
        assert!(inherited.is_inherited("u"), "the fix may be on its way");
        inherited.application(&sync("2026-11-28T10:02:30Z"));
        assert!(!inherited.is_inherited("u"));
    }
}
