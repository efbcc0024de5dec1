//! The progress of one workload.

use std::{sync::Arc, time::Duration};

use argo_core::{
    GroupKind, ObjectRef, RolloutState, Runs, Tracked, TrackedBody, text::duration::between,
};
use jiff::Timestamp;

/// The progress of one workload, and the time that it took.
#[derive(Clone, Debug)]
pub struct WorkloadProgress {
    /// The workload.
    pub object: ObjectRef,
    /// The present state of the workload's rollout.
    pub rollout: RolloutState,
    /// True if the controller gave up on the last release, and this one has not reached the
    /// workload.
    pub inherited: bool,
    /// The Rollout that runs the pods, if the workload is scaled to 0 and only its pod template
    /// is used.
    pub stands_for: Option<ObjectRef>,
    /// Whether it runs for ever, once, or starts others by the clock.
    pub runs: Runs,
    /// The sync phase, if the workload is a hook.
    pub hook: Option<Arc<str>>,
    /// The part that this rollout has in the workload.
    pub involvement: Involvement,
    /// The times of the workload's rollout.
    pub timing: Timing,
    /// The traces of pods that a later state of the workload no longer shows.
    pub pods: PodTraces,
    /// True once the workload was deleted.
    pub gone: bool,
    origin: Origin,
    /// The state as the controller reported it.
    pub(super) reported: RolloutState,
}

/// The part that a rollout has in a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Involvement {
    /// True if the workload is new, or was incomplete at some time of this rollout.
    pub touched: bool,
    /// True if the workload is new, or its spec has changed since it was first seen.
    pub changed: bool,
}

/// The times of a workload's rollout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// The time since which the workload has been incomplete; absent while it is complete.
    pub pending_since: Option<Timestamp>,
    /// The time from the start until the workload was complete, the last time.
    pub took: Option<Duration>,
    /// The time at which the state last changed.
    pub(super) changed_at: Option<Timestamp>,
}

/// The traces of pods that a later state of their workload no longer shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PodTraces {
    /// The new pod that was not ready when the workload was last incomplete.
    pub held_up_by: Option<Arc<str>>,
    /// The number of old pods that were about to end when the workload last changed.
    pub old_terminating: usize,
    /// Restarts of the containers of the workload's deleted new pods.
    pub(super) restarts_of_gone: u32,
}

/// The part of a workload that never changes.
#[derive(Clone, Debug)]
struct Origin {
    created: Option<Timestamp>,
    generation: Option<i64>,
    /// Uid of the workload at the top of its ownership chain.
    root: Arc<str>,
    is_pod: bool,
}

impl WorkloadProgress {
    pub(super) fn new(tracked: &Tracked) -> Self {
        let created = tracked.body.metadata().creation_timestamp.as_ref();
        Self {
            object: tracked.object.clone(),
            rollout: RolloutState::default(),
            inherited: false,
            stands_for: None,
            reported: RolloutState::default(),
            runs: tracked.traits.runs,
            hook: tracked.hook.clone(),
            involvement: Involvement {
                touched: tracked.is_new,
                changed: tracked.is_new,
            },
            timing: Timing::default(),
            pods: PodTraces::default(),
            gone: false,
            origin: Origin {
                created: created.map(|time| time.0),
                generation: tracked.body.metadata().generation,
                root: Arc::clone(&tracked.root.uid),
                is_pod: matches!(tracked.body, TrackedBody::Pod(_)),
            },
        }
    }

    /// True if the workload only starts others and is always complete (CronJob); those tell
    /// how it is getting on.
    pub fn only_starts_others(&self) -> bool {
        self.runs == Runs::OnSchedule
    }

    /// True if it is a pod that no workload owns.
    pub fn is_bare_pod(&self) -> bool {
        self.origin.is_pod
    }

    /// Returns the uid of the workload at the top of its ownership chain.
    pub(super) fn root(&self) -> &str {
        &self.origin.root
    }

    /// True if another workload owns it: a Job of a CronJob.
    pub fn is_owned(&self) -> bool {
        self.origin.root != self.object.uid
    }

    /// Returns the key by which workloads are sorted: namespace, kind, name and age.
    pub(super) fn order(&self) -> (&str, &GroupKind, &str, Option<Timestamp>) {
        let ObjectRef {
            kind,
            namespace,
            name,
            ..
        } = &self.object;
        (namespace, kind, name, self.origin.created)
    }

    /// True if the state of its rollout will not change without a cause from outside.
    pub fn is_decided(&self) -> bool {
        self.rollout.complete || self.has_failed()
    }

    /// True if the controller gave up on this release.
    pub fn has_failed(&self) -> bool {
        self.rollout.failed.is_some() && !self.inherited
    }

    /// True if it says something about this rollout.
    pub(super) fn counts(&self) -> bool {
        self.stands_for.is_none()
            && (!self.gone || self.hook.is_some())
            && (self.involvement.touched || !self.is_owned())
    }

    /// Compares the generation of the spec with the first one.
    pub(super) fn observe(&mut self, tracked: &Tracked) {
        let generation = tracked.body.metadata().generation;
        self.involvement.changed |= generation != self.origin.generation;
    }

    pub(super) fn change(&mut self, rollout: RolloutState, started: Timestamp, now: Timestamp) {
        let timing = &mut self.timing;
        if rollout.complete {
            let is_first = timing.took.is_none() && self.involvement.touched;
            let was_pending = timing.pending_since.take().is_some();
            if is_first || was_pending {
                timing.took = Some(between(started, now));
            }
        } else {
            self.involvement.touched = true;
            timing.pending_since.get_or_insert(now);
        }
        if self.rollout != rollout {
            timing.changed_at = Some(now);
        }
        self.rollout = rollout;
    }
}

/// Returns the rollout of an object that is judged by itself: a root, or the Job of a
/// CronJob.
pub(super) fn own_rollout(tracked: &Tracked) -> Option<RolloutState> {
    if tracked.object.uid != tracked.root.uid && !tracked.traits.runs_once() {
        return None;
    }
    // A pod that is being deleted ends as it likes.
    if matches!(&tracked.body, TrackedBody::Pod(pod) if pod.metadata.deletion_timestamp.is_some()) {
        return None;
    }
    tracked.rollout.clone()
}
