//! When a run is over, why, and what its exit code is.

use std::time::Duration;

use argo_core::text::duration::{self, in_words};
use argo_core::{Level, Notice, NoticeCode, ObjectRef};
use argo_workloads::{
    diagnosis::{Finding, Severity, Thresholds},
    progress::ContainerEnds,
};
use jiff::Timestamp;

use super::{Exited, Session};
use crate::{
    argocd::{ArgocdExit, Signal},
    args::OnDegraded,
    exit,
    session::Effect,
};

/// How long everything may take that comes after the end: the last lines of the logs, and
/// argocd after a signal.
const LAST: Duration = Duration::from_secs(4);
/// How long the first lists may take after argocd has ended at once.
const FIRST_LISTS: Duration = Duration::from_secs(3);
/// What explains a failure comes up to a second after it: the status of a container, the
/// event of its back-off (measured).
const AFTERMATH: Duration = Duration::from_secs(1);
/// How often argocd is run again after something healed.
const AGAIN: u32 = 3;

/// Where a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waits for the rollout.
    Waiting,
    /// argocd gave up because something is degraded; it may heal until then.
    Healing {
        /// When waiting ends.
        until: Timestamp,
    },
    /// It is over but for what is still to be learned: the first lists, or what came just
    /// before the end.
    Looking {
        /// Why it is over.
        cause: Cause,
        /// When looking ends.
        until: Timestamp,
    },
    /// Everything was called healthy; a crash may still come until then.
    Settling {
        /// Why it is over if none comes.
        cause: Cause,
        /// When looking ends.
        until: Timestamp,
        /// How often containers had ended before.
        ends: ContainerEnds,
    },
    /// It is decided; what is left is read.
    Draining {
        /// Why it is over.
        cause: Cause,
        /// When reading ends.
        until: Timestamp,
    },
    /// Nothing happens any more.
    Over(Cause),
}

/// Why a run is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// argocd ended.
    Argocd(Exited),
    /// Everything is rolled out (without argocd).
    Complete,
    /// After success a new container crashed.
    Unsettled,
    /// Our own time is over.
    Timeout,
    /// This workload cannot become complete any more.
    Doomed(String),
    /// Somebody wants it to end.
    Signal(Signal),
}

impl Exited {
    /// True if it is content.
    pub fn is_success(self) -> bool {
        self.exit == ArgocdExit::Code(0)
    }
}

impl Session {
    /// Why it is over, once that is decided.
    pub fn cause(&self) -> Option<&Cause> {
        match &self.phase {
            Phase::Draining { cause, .. } | Phase::Over(cause) => Some(cause),
            _ => None,
        }
    }

    /// The exit code of the program.
    pub fn exit_code(&self) -> i32 {
        match self.cause() {
            None | Some(Cause::Complete) => exit::OK,
            Some(Cause::Argocd(exited)) => exited.exit.shell_code(),
            Some(Cause::Unsettled) if self.config.argocd && !self.config.fail_fast => exit::OK,
            Some(Cause::Unsettled | Cause::Doomed(_)) => exit::FAILED,
            Some(Cause::Timeout) => exit::TIMEOUT,
            Some(Cause::Signal(signal)) => exit::SIGNAL + *signal as i32,
        }
    }

    /// A signal asks everyone to end; once it is over anyway, nothing more is waited for.
    /// The result of an argocd that has ended stays.
    pub(super) fn signal(&mut self, signal: Signal, now: Timestamp) {
        if self.cause().is_some() {
            self.effects.push(Effect::Kill);
            return self.over(now);
        }
        self.effects.push(Effect::Interrupt(signal));
        let ended = self.argocd.filter(|_| !self.streams.argocd);
        self.drain(ended.map_or(Cause::Signal(signal), Cause::Argocd), now);
    }

    pub(super) fn argocd_ended(&mut self, exited: Exited, now: Timestamp) {
        self.argocd = Some(exited);
        self.streams.argocd = false;
        if self.phase != Phase::Waiting {
            return;
        }
        let heals = exited.degraded && self.config.on_degraded == OnDegraded::Wait;
        if heals && self.again < AGAIN {
            self.heal(now);
        } else {
            self.look_on(Cause::Argocd(exited), now);
        }
    }

    /// argocd gave up on the first sign of trouble; perhaps it passes.
    fn heal(&mut self, now: Timestamp) {
        self.again += 1;
        let grace = in_words(self.config.grace);
        let msg = format!(
            "argocd gave up because something is Degraded; waiting up to {grace} for it to heal"
        );
        self.notice(&Notice::new(NoticeCode::Other, Level::Warning, msg));
        self.phase = Phase::Healing {
            until: duration::later(now, self.config.grace),
        };
    }

    /// It is over, but not everything is known yet.
    fn look_on(&mut self, cause: Cause, now: Timestamp) {
        let longest = match (self.progress.is_synced(), is_success(&cause)) {
            (false, _) => FIRST_LISTS,
            (true, false) => AFTERMATH,
            (true, true) => return self.settle(cause, now),
        };
        self.phase = Phase::Looking {
            cause,
            until: duration::later(now, longest),
        };
    }

    /// It is healthy, they say. Look on where that proves little.
    fn settle(&mut self, cause: Cause, now: Timestamp) {
        self.healthy_at = Some(now);
        if self.is_settled(now) {
            return self.drain(cause, now);
        }
        let settle = self.config.settle;
        let msg = format!(
            "healthy; looking {} longer: some new containers have no readiness probe, or are ready for less",
            in_words(settle)
        );
        self.notice(&Notice::new(NoticeCode::Other, Level::Info, msg));
        self.phase = Phase::Settling {
            cause,
            until: duration::later(now, settle),
            ends: self.progress.container_ends(),
        };
    }

    /// True if no crash is to be feared.
    fn is_settled(&self, now: Timestamp) -> bool {
        let settle = self.config.settle;
        settle.is_zero() || !self.progress.may_still_crash(settle, now)
    }

    fn drain(&mut self, cause: Cause, now: Timestamp) {
        self.phase = Phase::Draining {
            cause,
            until: duration::later(now, LAST),
        };
        self.effects.push(Effect::Drain);
    }

    fn over(&mut self, now: Timestamp) {
        if let Phase::Draining { cause, .. } = &self.phase {
            let cause = cause.clone();
            self.last_look(now);
            self.phase = Phase::Over(cause);
            self.effects.push(Effect::End);
        }
    }

    /// What failed has a cause, even if nothing has held for long enough to be said before.
    fn last_look(&mut self, now: Timestamp) {
        self.examine(now);
        let explained = self
            .timeline
            .current()
            .iter()
            .any(|finding| finding.severity > Severity::Info);
        if !explained && !self.cause().is_some_and(is_success) {
            self.examine_with(&Thresholds::one_look(), now);
        }
    }

    /// Looks whether the time for something has come.
    pub(super) fn consider(&mut self, now: Timestamp) {
        match self.phase.clone() {
            Phase::Waiting => self.consider_waiting(now),
            Phase::Healing { until } => self.consider_healing(until, now),
            Phase::Looking { cause, until } => self.consider_looking(cause, until, now),
            Phase::Settling { cause, until, ends } => {
                self.consider_settling(cause, until, &ends, now);
            }
            Phase::Draining { until, .. } if now >= until => {
                self.effects.push(Effect::Kill);
                self.over(now);
            }
            Phase::Draining { .. } | Phase::Over(_) => {}
        }
    }

    fn consider_waiting(&mut self, now: Timestamp) {
        if self.is_timeout(now) {
            return self.end_argocd(Cause::Timeout, now);
        }
        let fails = self.config.fail_fast || !self.config.argocd;
        let doomed = self.timeline.doomed(self.config.grace, now);
        let doomed = doomed
            .into_iter()
            .find(|workload| !self.is_ignored(workload));
        if let Some(workload) = doomed.filter(|_| fails) {
            return self.end_argocd(Cause::Doomed(workload.to_string()), now);
        }
        if !self.config.argocd && self.progress.is_rolled_out() {
            self.settle(Cause::Complete, now);
        }
    }

    /// As soon as it has healed argocd is asked again; where nothing says whether it has,
    /// once the time is over.
    fn consider_healing(&mut self, until: Timestamp, now: Timestamp) {
        let healed = self
            .progress
            .health()
            .map_or(now >= until, |health| health != "Degraded");
        if self.is_timeout(now) {
            self.drain(Cause::Timeout, now);
        } else if healed && !self.timeline.current().iter().any(Finding::is_doomed) {
            self.phase = Phase::Waiting;
            self.argocd = None;
            self.streams.argocd = true;
            self.effects.push(Effect::Again);
        } else if now >= until {
            let cause = self.argocd.map_or(Cause::Complete, Cause::Argocd);
            self.drain(cause, now);
        }
    }

    fn consider_looking(&mut self, cause: Cause, until: Timestamp, now: Timestamp) {
        let known = self.progress.is_synced() && is_success(&cause);
        if now < until && !known {
            return;
        }
        self.examine(now);
        if is_success(&cause) && self.progress.is_synced() {
            self.settle(cause, now);
        } else {
            self.drain(cause, now);
        }
    }

    fn consider_settling(
        &mut self,
        cause: Cause,
        until: Timestamp,
        ends: &ContainerEnds,
        now: Timestamp,
    ) {
        let is_ignored = |workload: &ObjectRef| self.is_ignored(workload);
        if self.progress.has_ended_since(ends, is_ignored) {
            self.drain(Cause::Unsettled, now);
        } else if now >= until || self.is_timeout(now) || self.is_settled(now) {
            self.drain(cause, now);
        }
    }

    /// We end it, not argocd: it is asked to, and has as long as the logs have.
    fn end_argocd(&mut self, cause: Cause, now: Timestamp) {
        if self.streams.argocd {
            self.effects.push(Effect::Interrupt(Signal::SIGTERM));
        }
        self.drain(cause, now);
    }

    fn is_timeout(&self, now: Timestamp) -> bool {
        let elapsed = duration::between(self.config.started, now);
        self.config
            .timeout
            .is_some_and(|timeout| elapsed >= timeout)
    }

    /// True if the user does not want this workload to end the run.
    fn is_ignored(&self, workload: &ObjectRef) -> bool {
        self.config
            .ignore
            .iter()
            .any(|ignored| ignored.is(workload))
    }

    /// Once the streams have ended, there is nothing left to wait for.
    pub(super) fn end_if_all_ended(&mut self, now: Timestamp) {
        let streams = &self.streams;
        let all = !streams.argocd && !streams.logs && !streams.events;
        if matches!(self.phase, Phase::Draining { .. }) && all {
            self.over(now);
        }
    }
}

fn is_success(cause: &Cause) -> bool {
    match cause {
        Cause::Argocd(exited) => exited.is_success(),
        cause => *cause == Cause::Complete,
    }
}
