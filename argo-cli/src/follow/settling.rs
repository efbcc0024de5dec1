//! Watches for crashes after everything was complete.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use argo_core::{
    ObjectRef,
    text::duration::{between, later},
};
use argo_workloads::progress::{CrashCounts, Setbacks, WorkloadProgress};
use jiff::Timestamp;

use super::Observer;

/// Time by which this program may lag behind a healthy status that is seen elsewhere.
const CATCH_UP: Duration = Duration::from_secs(2);
/// A shorter incomplete spell is taken for a passing state.
const BLINK: Duration = Duration::from_secs(1);

/// Limits of the watch after success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Time without a crash after which success is final.
    pub(crate) settle: Duration,
    /// Crashes allowed per container.
    pub(crate) allow_restarts: u32,
    /// Longest time for which a workload may be incomplete again.
    pub(crate) incomplete_for: Duration,
    /// True if the old pods must have ended.
    pub(crate) until_terminated: bool,
}

/// The watch after success: a crash may still come, and a workload may become incomplete.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "cli"),
    expect(unreachable_pub, reason = "the phase of a session shows it")
)]
pub struct Settling {
    until: Timestamp,
    crashes: CrashCounts,
    setbacks: usize,
    /// The crashes and evictions before this watch.
    before: usize,
    /// True once a container was restarted in this watch.
    has_restarted: bool,
    /// Uids of the workloads that were incomplete at its start, although Argo CD called them
    /// healthy.
    incomplete: BTreeSet<Arc<str>>,
    lost: Option<Timestamp>,
    is_told: bool,
}

/// The state of the watch after success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// The watch goes on.
    GoOn,
    /// This workload has been incomplete for a second.
    Lost(String),
    /// The workload is complete again.
    Regained,
    /// The workload stayed incomplete too long.
    StaysLost(String),
    /// A container crashed more often than allowed.
    Crashed,
    /// More pods of one workload were evicted than restarts are allowed; holds their number.
    Evicted(usize),
    /// The watch ended without a failure.
    Done,
}

impl Patience {
    /// True while old pods are about to end that must have ended.
    pub(crate) fn is_early(
        self,
        observer: &Observer,
        is_ignored: impl Fn(&ObjectRef) -> bool,
    ) -> bool {
        let progress = observer.progress();
        self.until_terminated
            && (!progress.terminating(&is_ignored).is_empty()
                || progress.terminating_unseen(&is_ignored) > 0)
    }
}

impl Settling {
    /// Begins to look on; nothing where there is nothing to wait for.
    pub(crate) fn begin(
        observer: &Observer,
        patience: Patience,
        is_ignored: impl Fn(&ObjectRef) -> bool,
        now: Timestamp,
    ) -> Option<Self> {
        let incomplete = incomplete(observer, &is_ignored);
        let incomplete: BTreeSet<_> = incomplete
            .iter()
            .map(|workload| Arc::clone(&workload.object.uid))
            .collect();
        let setbacks = observer.progress().setbacks(&is_ignored);
        let settle = setbacks.until_next(patience.settle);
        let is_unproven = observer.may_still_crash(patience.settle, now);
        let is_early = patience.is_early(observer, &is_ignored);
        let long = if is_unproven { settle } else { CATCH_UP };
        let crashes = observer.progress().crashes();
        (is_unproven || is_early || !incomplete.is_empty()).then(|| Self {
            until: later(now, long),
            setbacks: setbacks.count,
            before: setbacks.count,
            has_restarted: false,
            crashes,
            incomplete,
            lost: None,
            is_told: false,
        })
    }

    /// True if a workload that was complete is incomplete.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Looks again at `now`.
    pub(crate) fn consider(
        &mut self,
        observer: &Observer,
        patience: Patience,
        is_ignored: impl Fn(&ObjectRef) -> bool,
        now: Timestamp,
    ) -> Settled {
        let allowed = patience.allow_restarts;
        // Before all else: a workload may be complete again at once after a crash.
        if observer.has_crashed_since(&self.crashes, allowed, &is_ignored) {
            return Settled::Crashed;
        }
        let setbacks = observer.progress().setbacks(&is_ignored);
        let is_evicted = setbacks.evicted > allowed as usize && setbacks.count > self.before;
        if is_evicted {
            return Settled::Evicted(setbacks.evicted);
        }
        let is_early = patience.is_early(observer, &is_ignored);
        let incomplete = incomplete(observer, is_ignored);
        let is_incomplete = |uid: &Arc<str>| incomplete.iter().any(|w| w.object.uid == *uid);
        self.incomplete.retain(is_incomplete);
        let lost = incomplete
            .iter()
            .find(|workload| !self.incomplete.contains(&workload.object.uid));
        if let Some(workload) = lost {
            return self.lost(workload, patience, now);
        }
        // A workload that is back has to stay complete for the whole time.
        if self.lost.take().is_some() {
            self.until = self.until.max(later(now, patience.settle));
            // A blink was not told, so its end is no news either.
            if std::mem::take(&mut self.is_told) {
                return Settled::Regained;
            }
        }
        self.restarted(setbacks, patience, now);
        let is_proven = !self.has_restarted && !observer.may_still_crash(patience.settle, now);
        let is_over = now >= self.until || (is_proven && self.incomplete.is_empty());
        if is_over && !is_early {
            Settled::Done
        } else {
            Settled::GoOn
        }
    }

    /// A restart that is allowed starts the time anew.
    fn restarted(&mut self, setbacks: Setbacks, patience: Patience, now: Timestamp) {
        if setbacks.count > self.setbacks {
            self.until = later(now, setbacks.until_next(patience.settle));
            self.has_restarted = true;
        }
        self.setbacks = setbacks.count;
    }

    fn lost(&mut self, workload: &WorkloadProgress, patience: Patience, now: Timestamp) -> Settled {
        let since = *self.lost.get_or_insert(now);
        let state = || {
            let missing = workload.rollout.waiting_for.as_deref();
            let failed = workload.rollout.failed.as_deref();
            let state = failed.or(missing).unwrap_or("not complete");
            format!("{}: {state}", workload.object)
        };
        if between(since, now) >= patience.incomplete_for {
            return Settled::StaysLost(state());
        }
        if !self.is_told && between(since, now) >= BLINK {
            self.is_told = true;
            return Settled::Lost(state());
        }
        Settled::GoOn
    }
}

fn incomplete(
    observer: &Observer,
    is_ignored: impl Fn(&ObjectRef) -> bool,
) -> Vec<&WorkloadProgress> {
    let incomplete = observer.progress().incomplete().into_iter();
    incomplete
        .filter(|workload| !is_ignored(&workload.object))
        .collect()
}
