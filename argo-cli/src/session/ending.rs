//! When a run is over, why, and what its exit code is.

use std::time::Duration;

use argo_core::{Level, Notice, NoticeCode};
use jiff::Timestamp;

use super::{Effect, Exited, Session};
use crate::{
    argocd::{ArgocdExit, Signal},
    args::OnDegraded,
    exit, span, summary,
};

/// How long everything may take that comes after the end: the last lines of the logs, and
/// argocd after a signal.
const LAST: Duration = Duration::from_secs(4);
/// How long the first lists may take after argocd has ended at once.
const FIRST_LOOK: Duration = Duration::from_secs(3);
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
    /// Everything was called healthy; a crash may still come until then.
    Settling {
        /// When looking ends.
        until: Timestamp,
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

    /// A first signal asks everyone to end, a second one does not ask.
    pub(super) fn signal(&mut self, signal: Signal, now: Timestamp) {
        let asked = matches!(
            &self.phase,
            Phase::Draining {
                cause: Cause::Signal(_),
                ..
            }
        );
        if !asked {
            self.effects.push(Effect::Interrupt(signal));
            self.drain(Cause::Signal(signal), now);
            return;
        }
        self.effects.push(Effect::Kill);
        self.over();
    }

    pub(super) fn argocd_ended(&mut self, exited: Exited, now: Timestamp) {
        self.argocd = Some(exited);
        self.streams.argocd = false;
        if self.phase != Phase::Waiting {
            return;
        }
        if exited.is_success() {
            self.settle(Cause::Argocd(exited), now);
        } else if exited.degraded
            && self.config.on_degraded == OnDegraded::Wait
            && self.again < AGAIN
        {
            self.heal(now);
        } else {
            self.drain(Cause::Argocd(exited), now);
        }
    }

    /// argocd gave up on the first sign of trouble; perhaps it passes.
    fn heal(&mut self, now: Timestamp) {
        self.again += 1;
        let grace = summary::elapsed(self.config.grace);
        let msg =
            format!("argocd gave up because something is Degraded; waiting {grace} for it to heal");
        self.notice(&Notice::new(NoticeCode::Other, Level::Warning, msg));
        self.phase = Phase::Healing {
            until: span::later(now, self.config.grace),
        };
    }

    /// It is healthy, they say. Look on where that proves little, and where nothing is known
    /// yet.
    fn settle(&mut self, cause: Cause, now: Timestamp) {
        if self.is_settled(now) {
            return self.drain(cause, now);
        }
        if self.synced {
            let msg = format!(
                "healthy; looking {} longer, because new containers without a readiness probe may still crash",
                summary::elapsed(self.config.settle)
            );
            self.notice(&Notice::new(NoticeCode::Other, Level::Info, msg));
        }
        let settle = if self.synced {
            self.config.settle
        } else {
            self.config.settle.max(FIRST_LOOK)
        };
        self.phase = Phase::Settling {
            until: span::later(now, settle),
        };
    }

    /// True if what is there at the start is known, and no crash is to be feared.
    fn is_settled(&self, now: Timestamp) -> bool {
        let settle = self.config.settle;
        self.synced && (settle.is_zero() || !self.board.may_still_crash(settle, now))
    }

    fn drain(&mut self, cause: Cause, now: Timestamp) {
        self.phase = Phase::Draining {
            cause,
            until: span::later(now, LAST),
        };
        self.effects.push(Effect::Drain);
    }

    fn over(&mut self) {
        let Some(cause) = self.cause().cloned() else {
            return;
        };
        if !matches!(self.phase, Phase::Over(_)) {
            self.phase = Phase::Over(cause);
            self.effects.push(Effect::End);
        }
    }

    /// Looks whether the time for something has come.
    pub(super) fn consider(&mut self, now: Timestamp) {
        match self.phase.clone() {
            Phase::Waiting => self.consider_waiting(now),
            Phase::Healing { until } => self.consider_healing(until, now),
            Phase::Settling { until } => self.consider_settling(until, now),
            Phase::Draining { until, .. } if now >= until => {
                self.effects.push(Effect::Kill);
                self.over();
            }
            Phase::Draining { .. } | Phase::Over(_) => {}
        }
    }

    fn consider_waiting(&mut self, now: Timestamp) {
        if self.is_timeout(now) {
            return self.end_argocd(Cause::Timeout, now);
        }
        let fails = self.config.fail_fast || !self.config.argocd;
        let doomed = self
            .causes
            .doomed(&self.config.ignore, self.config.grace, now);
        if let Some(workload) = doomed.filter(|_| fails) {
            return self.end_argocd(Cause::Doomed(workload.to_string()), now);
        }
        if !self.config.argocd && self.synced && self.is_rolled_out() {
            self.settle(Cause::Complete, now);
        }
    }

    fn consider_healing(&mut self, until: Timestamp, now: Timestamp) {
        let healed = self.health().is_none_or(|health| health != "Degraded")
            && self.causes.current().is_empty();
        if self.is_timeout(now) {
            self.drain(Cause::Timeout, now);
        } else if healed && now >= until {
            self.phase = Phase::Waiting;
            self.streams.argocd = true;
            self.effects.push(Effect::Again);
        } else if now >= until {
            self.end_as_argocd(now);
        }
    }

    fn consider_settling(&mut self, until: Timestamp, now: Timestamp) {
        let crashed = self.causes.current().iter().any(|finding| {
            finding.severity > argo_workloads::diagnosis::Severity::Info
                && !finding.containers.is_empty()
        });
        if crashed {
            self.drain(Cause::Unsettled, now);
        } else if now >= until || self.is_timeout(now) || self.is_settled(now) {
            self.end_as_argocd(now);
        }
    }

    fn end_as_argocd(&mut self, now: Timestamp) {
        let cause = self.argocd.map_or(Cause::Complete, Cause::Argocd);
        self.drain(cause, now);
    }

    /// We end it, not argocd: it is asked to, and has as long as the logs have.
    fn end_argocd(&mut self, cause: Cause, now: Timestamp) {
        if self.streams.argocd {
            self.effects.push(Effect::Interrupt(Signal::SIGTERM));
        }
        self.drain(cause, now);
    }

    fn is_timeout(&self, now: Timestamp) -> bool {
        let elapsed = span::between(self.config.started, now);
        self.config
            .timeout
            .is_some_and(|timeout| elapsed >= timeout)
    }

    /// Without argocd: everything is there and complete, and no sync runs.
    fn is_rolled_out(&self) -> bool {
        let syncing = self.application.as_ref().is_some_and(|application| {
            let operation = application.status.operation_state.as_ref();
            application.operation
                || operation.is_some_and(argo_core::resource::OperationState::is_running)
        });
        !syncing && self.board.is_complete()
    }

    pub(super) fn health(&self) -> Option<&str> {
        self.application.as_ref()?.status.health.status.as_deref()
    }

    /// Once the streams have ended, there is nothing left to wait for.
    pub(super) fn end_if_all_ended(&mut self, now: Timestamp) {
        let streams = &self.streams;
        if matches!(self.phase, Phase::Draining { .. })
            && !streams.argocd
            && !streams.logs
            && !streams.events
        {
            self.examine(now);
            self.over();
        }
    }
}
