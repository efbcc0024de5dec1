//! The rules by which a followed deployment ends.

use std::time::Duration;

use argo_core::text::duration;
use argo_workloads::progress::ContainerEnds;
use jiff::Timestamp;

use super::{FollowConfig, Observer, Outcome};

/// Time limit for the rest of the logs and events. After it, the stream ends without them.
const LAST: Duration = Duration::from_secs(4);

/// The phase of a followed deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    /// Everything was complete, but a new container may still crash.
    Settling {
        until: Timestamp,
        ends: ContainerEnds,
    },
    /// The outcome is decided; the rest of the logs and events is read.
    Draining {
        outcome: Outcome,
        until: Timestamp,
    },
}

/// Decides when a deployment is over.
#[derive(Debug)]
pub(super) struct Ending {
    phase: Phase,
}

/// The next step of a followed deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Go on.
    GoOn,
    /// Stop tracking and read the rest.
    Drain,
    /// End the stream with this outcome.
    End(Outcome),
}

impl Ending {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Waiting,
        }
    }

    /// Returns the outcome, once it is decided.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        match self.phase {
            Phase::Draining { outcome, .. } => Some(outcome),
            Phase::Waiting | Phase::Settling { .. } => None,
        }
    }

    /// Decides at `now`; `streams_ended` is true once the logs and events have ended.
    pub(super) fn consider(
        &mut self,
        observer: &Observer,
        config: &FollowConfig,
        streams_ended: bool,
        now: Timestamp,
    ) -> Step {
        let outcome = match &self.phase {
            Phase::Draining { outcome, until } if streams_ended || now >= *until => {
                return Step::End(*outcome);
            }
            Phase::Draining { .. } => return Step::GoOn,
            Phase::Waiting => self.while_waiting(observer, config, now),
            Phase::Settling { until, ends } => {
                while_settling(observer, config, (*until, ends), now)
            }
        };
        let Some(outcome) = outcome else {
            return Step::GoOn;
        };
        self.phase = Phase::Draining {
            outcome,
            until: duration::later(now, LAST),
        };
        Step::Drain
    }

    fn while_waiting(
        &mut self,
        observer: &Observer,
        config: &FollowConfig,
        now: Timestamp,
    ) -> Option<Outcome> {
        if is_timeout(config, now) {
            return Some(Outcome::TimedOut);
        }
        if !observer.timeline().doomed(config.grace, now).is_empty() {
            return Some(Outcome::Failed);
        }
        if !observer.progress().is_rolled_out() {
            return None;
        }
        if is_settled(observer, config, now) {
            return Some(Outcome::RolledOut);
        }
        self.phase = Phase::Settling {
            until: duration::later(now, config.settle),
            ends: observer.progress().container_ends(),
        };
        None
    }
}

/// Returns the outcome once settling is over. A crash after success is a failure, whatever
/// the grace.
fn while_settling(
    observer: &Observer,
    config: &FollowConfig,
    (until, ends): (Timestamp, &ContainerEnds),
    now: Timestamp,
) -> Option<Outcome> {
    if observer.progress().has_ended_since(ends, |_| false) {
        return Some(Outcome::Failed);
    }
    let is_over = now >= until || is_timeout(config, now) || is_settled(observer, config, now);
    is_over.then_some(Outcome::RolledOut)
}

fn is_timeout(config: &FollowConfig, now: Timestamp) -> bool {
    let elapsed = duration::between(config.started, now);
    config.timeout.is_some_and(|timeout| elapsed >= timeout)
}

fn is_settled(observer: &Observer, config: &FollowConfig, now: Timestamp) -> bool {
    config.settle.is_zero() || !observer.progress().may_still_crash(config.settle, now)
}
