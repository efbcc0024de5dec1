//! The wait for a rollout that is paused until a person acts.

use std::time::Duration;

use argo_core::{ObjectRef, text::duration::between};
use argo_workloads::diagnosis::Finding;
use jiff::Timestamp;

use super::Observer;

/// A reaction to a rollout that is paused until a person acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum OnPaused {
    /// Wait on
    Wait,
    /// End with exit code 0
    Succeed,
    /// End with exit code 1
    Fail,
}

/// The time for which a pause must have stood.
const STANDS: Duration = Duration::from_secs(3);
/// The time for which a pause must have stood that began before we did: it is that of the last
/// release if the next one is on its way.
const STANDS_FROM_BEFORE: Duration = Duration::from_secs(10);
/// The time for which a pause must have stood while a sync runs, which may wait for it.
const STANDS_IN_SYNC: Duration = Duration::from_secs(15);

/// True if everything that is not complete is paused until a person acts, and has been so for a
/// while. A workload that can never become complete, paused or not, fails instead.
pub(crate) fn is_paused(
    observer: &Observer,
    is_ignored: impl Fn(&ObjectRef) -> bool,
    now: Timestamp,
) -> bool {
    let Some((paused, since)) = observer.progress().paused(is_ignored) else {
        return false;
    };
    let is_doomed = |finding: &Finding| {
        let of = |workload: &ObjectRef| finding.workload.same_name(workload);
        finding.is_doomed() && paused.iter().any(|workload| of(&workload.object))
    };
    if observer.findings().iter().any(is_doomed) {
        return false;
    }
    let started = observer.progress().started();
    let is_old = paused.iter().all(|workload| {
        let pause = workload.rollout.pause;
        pause.is_some_and(|pause| pause.since.is_none_or(|since| since < started))
    });
    let stood = between(since, now);
    if observer.progress().is_syncing() {
        stood >= STANDS_IN_SYNC
    } else if is_old {
        between(started, now) >= STANDS_FROM_BEFORE && stood >= STANDS
    } else {
        stood >= STANDS
    }
}
