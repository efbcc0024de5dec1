//! The rules by which a followed deployment ends.

use std::time::Duration;

use argo_core::text::duration;
use jiff::Timestamp;

use super::{
    FollowConfig, Observer, OnPaused, Outcome, pausing,
    settling::{Patience, Settled, Settling},
};

/// Time limit for the rest of the logs and events. After it, the stream ends without them.
const LAST: Duration = Duration::from_secs(4);

/// The phase of a followed deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    /// Everything was complete; a new container may still crash.
    Settling(Settling),
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
    /// The time since which nothing of the application is found.
    nothing_since: Option<Timestamp>,
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
            nothing_since: None,
        }
    }

    /// Decides that the deployment is followed no longer. Returns false if its outcome was
    /// decided before.
    pub(super) fn stop(&mut self, now: Timestamp) -> bool {
        let is_first = self.outcome().is_none();
        if is_first {
            self.decide(Outcome::Stopped, now);
        }
        is_first
    }

    fn decide(&mut self, outcome: Outcome, now: Timestamp) {
        self.phase = Phase::Draining {
            outcome,
            until: duration::later(now, LAST),
        };
    }

    /// Returns the outcome, once it is decided.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        match self.phase {
            Phase::Draining { outcome, .. } => Some(outcome),
            Phase::Waiting | Phase::Settling(_) => None,
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
        let outcome = match &mut self.phase {
            Phase::Draining { outcome, until } if streams_ended || now >= *until => {
                return Step::End(*outcome);
            }
            Phase::Draining { .. } => return Step::GoOn,
            Phase::Waiting => self.while_waiting(observer, config, now),
            Phase::Settling(settling) => match while_settling(settling, observer, config, now) {
                Looked::GoOn => None,
                // It was complete too early.
                Looked::WaitAgain => {
                    self.phase = Phase::Waiting;
                    None
                }
                Looked::Over(outcome) => Some(outcome),
            },
        };
        let Some(outcome) = outcome else {
            return Step::GoOn;
        };
        self.decide(outcome, now);
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
        if !observer.doomed(config.grace, now).is_empty() {
            return Some(Outcome::Failed);
        }
        // After the doomed: a finding says more than that nothing is there.
        if self.is_nothing_found(observer, config, now) {
            return Some(Outcome::NothingFound);
        }
        if config.on_paused != Some(OnPaused::Wait) && pausing::is_paused(observer, |_| false, now)
        {
            return Some(match config.on_paused {
                Some(OnPaused::Fail) => Outcome::Failed,
                _ => Outcome::Paused,
            });
        }
        if !observer.progress().is_rolled_out(now) {
            return None;
        }
        match Settling::begin(observer, patience(config), |_| false, now) {
            Some(settling) => {
                self.phase = Phase::Settling(settling);
                None
            }
            None => Some(Outcome::RolledOut),
        }
    }

    fn is_nothing_found(
        &mut self,
        observer: &Observer,
        config: &FollowConfig,
        now: Timestamp,
    ) -> bool {
        let since = observer
            .found_nothing()
            .then(|| self.nothing_since.unwrap_or(now));
        self.nothing_since = since;
        let long = config.nothing_found_after;
        since
            .zip(long)
            .is_some_and(|(since, long)| duration::between(since, now) >= long)
    }
}

/// The result of a look after everything was complete.
enum Looked {
    GoOn,
    WaitAgain,
    Over(Outcome),
}

fn patience(config: &FollowConfig) -> Patience {
    Patience {
        settle: config.settle,
        allow_restarts: config.allow_restarts,
        incomplete_for: config.grace,
        until_terminated: config.wait_terminated,
    }
}

/// Looks once more after everything was complete. More crashes than allowed are a failure,
/// whatever the grace.
fn while_settling(
    settling: &mut Settling,
    observer: &Observer,
    config: &FollowConfig,
    now: Timestamp,
) -> Looked {
    let patience = patience(config);
    match settling.consider(observer, patience, |_| false, now) {
        Settled::Crashed | Settled::Evicted(_) => Looked::Over(Outcome::Failed),
        Settled::Lost(_) | Settled::StaysLost(_) => Looked::WaitAgain,
        Settled::Done => Looked::Over(Outcome::RolledOut),
        Settled::GoOn | Settled::Regained if is_timeout(config, now) => {
            let lost = settling.is_lost() || patience.is_early(observer, |_| false);
            Looked::Over(if lost {
                Outcome::TimedOut
            } else {
                Outcome::RolledOut
            })
        }
        Settled::GoOn | Settled::Regained => Looked::GoOn,
    }
}

fn is_timeout(config: &FollowConfig, now: Timestamp) -> bool {
    let elapsed = duration::between(config.started, now);
    config.timeout.is_some_and(|timeout| elapsed >= timeout)
}
