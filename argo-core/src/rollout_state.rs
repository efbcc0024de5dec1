//! The progress of one workload, as its kind reads it from the object.

use crate::{Pause, Step, resource::WorkloadObject, text::redacted};

/// The progress of a workload. Counts are pods, unless the kind documents another unit.
///
/// A rule for a kind starts from the counts and closes with one of
/// [`done`](Self::done), [`waits`](Self::waits) and [`fails`](Self::fails):
///
/// ```
/// use argo_core::{RolloutState, resource::WorkloadObject};
///
/// fn rule(object: &WorkloadObject) -> RolloutState {
///     let state = RolloutState::replicas(object);
///     let (desired, ready) = (state.desired.unwrap_or(1), state.ready.unwrap_or(0));
///     if ready < desired {
///         return state.waits(format!("{ready} of {desired} ready"));
///     }
///     state.done()
/// }
/// # assert!(!rule(&WorkloadObject::default()).complete);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolloutState {
    /// Pods wanted; for a Job successful ones.
    pub desired: Option<i64>,
    /// Pods of the newest revision.
    pub updated: Option<i64>,
    /// Pods that are ready; for a Job those that succeeded.
    pub ready: Option<i64>,
    /// Pods that have been ready for `minReadySeconds`.
    pub available: Option<i64>,
    /// Pods of any revision that are about to end, where the controller counts them (Kubernetes
    /// 1.35 and later).
    pub terminating: Option<i64>,
    /// True once nothing is left to do for the newest spec.
    pub complete: bool,
    /// The reason for which the controller itself has given up.
    pub failed: Option<String>,
    /// True once the controller has gone back to the old revision and does not try the new
    /// one again by itself.
    pub aborted: bool,
    /// The pause that the workload stands in, whether timed or until a person acts.
    pub pause: Option<Pause>,
    /// The step of a canary that is under way.
    pub step: Option<Step>,
    /// The missing step in a few words (`2 of 3 updated`); absent once the workload is
    /// complete or failed.
    pub waiting_for: Option<String>,
}

impl RolloutState {
    /// Reads the four counts that Deployments, StatefulSets, ReplicaSets and Rollouts
    /// share. Absent replicas count as 1.
    #[must_use]
    pub fn replicas(object: &WorkloadObject) -> Self {
        let (spec, status) = (&object.spec, &object.status);
        Self {
            desired: Some(spec.replicas.unwrap_or(1)),
            updated: Some(status.updated_replicas.unwrap_or(0)),
            ready: Some(status.ready_replicas.unwrap_or(0)),
            available: Some(status.available_replicas.unwrap_or(0)),
            terminating: status.terminating_replicas,
            ..Self::default()
        }
    }

    /// Marks the rollout as complete.
    #[must_use]
    pub fn done(mut self) -> Self {
        self.complete = true;
        self
    }

    /// Marks the rollout as paused. It then waits for what ends the pause.
    #[must_use]
    pub fn pauses(mut self, pause: Pause) -> Self {
        let words = pause.words(pause.since.unwrap_or_default());
        self.pause = Some(pause);
        self.waits(words.trim_end_matches(" for 0 s"))
    }

    /// True while the rollout is paused until a person acts.
    pub fn waits_for_a_person(&self) -> bool {
        !self.complete && self.pause.is_some_and(|pause| pause.waits_for_a_person())
    }

    /// Names the step that is missing. Credentials in a quoted message are cut.
    #[must_use]
    pub fn waits(mut self, for_what: impl Into<String>) -> Self {
        self.waiting_for = Some(redacted(&for_what.into()).into_owned());
        self
    }

    /// Marks the rollout as failed, with the controller's reason. Credentials in it are cut.
    #[must_use]
    pub fn fails(mut self, why: impl Into<String>) -> Self {
        self.failed = Some(redacted(&why.into()).into_owned());
        self
    }
}
