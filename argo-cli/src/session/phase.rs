//! The phases of a run, its cause of ending and its exit code.

use std::time::Duration;

use argo_core::text::{
    counted,
    duration::{self, in_words},
    listed,
};
use argo_core::{Level, Notice, NoticeCode, ObjectRef};
use argo_workloads::{
    diagnosis::{Finding, doomed_workloads},
    expectation::Judgement,
};
use jiff::Timestamp;

use super::{Exited, Session};
use crate::{
    argocd::{ArgocdExit, Signal},
    args::{OnDegraded, OnPaused},
    exit,
    follow::{
        pausing,
        settling::{Patience, Settled, Settling},
    },
    session::Effect,
};

/// Time limit for the first lists if argocd ends at once. After it, the run ends without them.
const FIRST_LISTS: Duration = Duration::from_secs(3);
/// Time to wait for the explanation of a failure. The status of a container and the event of
/// its back-off arrive up to a second after the failure (measured).
const AFTERMATH: Duration = Duration::from_secs(1);
/// Number of recoveries after which argocd is run again. After one more Degraded resource the
/// run ends.
const RESTARTS: u32 = 3;
/// Time after argocd's own `--timeout` at which it is ended. It asks the server once more
/// before it gives up, and a server that does not answer makes it hang.
pub(super) const OVERDUE: Duration = Duration::from_secs(30);

/// The phase of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for the rollout.
    Waiting,
    /// argocd gave up because a resource is Degraded, and the resource may recover.
    AwaitingRecovery {
        /// The end of the waiting.
        until: Timestamp,
    },
    /// argocd reported success, but what is expected does not run yet.
    Expecting {
        /// The exit of argocd.
        exited: Exited,
        /// The end of the waiting.
        until: Timestamp,
    },
    /// The run is over; the first lists, or the changes just before the end, are still to come.
    Looking {
        /// The cause of the end.
        cause: Cause,
        /// The end of the looking.
        until: Timestamp,
    },
    /// Everything was reported healthy, but a new container may still crash.
    Settling {
        /// The cause of the end if nothing crashes.
        cause: Cause,
        /// The watch for crashes and incomplete workloads.
        look: Settling,
    },
    /// The cause is decided; the rest of the streams is read.
    Draining {
        /// The cause of the end.
        cause: Cause,
        /// The end of the reading.
        until: Timestamp,
    },
    /// The run has ended.
    Over(Cause),
}

/// The cause of the end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// argocd ended.
    Argocd(Exited),
    /// Everything is rolled out (only without argocd).
    Complete,
    /// A new container crashed after success.
    CrashedAfterSuccess,
    /// After success something else went wrong: a workload became incomplete and stayed so, or
    /// its pods are evicted one after the other.
    LostAfterSuccess(String),
    /// Everything that is not complete is paused until a person acts.
    Paused,
    /// Our own `--timeout` ran out.
    Timeout,
    /// argocd did not end at its own `--timeout`.
    ArgocdOverdue,
    /// This workload can no longer become complete.
    Doomed(String),
    /// Another sync took the place of the one that is expected; holds a sentence.
    Superseded(String),
    /// Something else runs than what is expected; holds what it is.
    NotAsExpected(String),
    /// The Application cannot be read, so that nobody can tell what runs.
    CannotTell,
    /// argocd, or the run, ended because of another application.
    Elsewhere,
    /// A signal asked us to end.
    Signal(Signal),
}

impl Exited {
    /// True if argocd exited with 0.
    pub fn is_success(self) -> bool {
        self.exit == ArgocdExit::Code(0)
    }
}

impl Session {
    /// Returns the cause of the end, once it is decided.
    pub fn cause(&self) -> Option<&Cause> {
        match &self.phase {
            Phase::Draining { cause, .. } | Phase::Over(cause) => Some(cause),
            _ => None,
        }
    }

    /// Returns the exit code of the program.
    pub fn exit_code(&self) -> i32 {
        match self.cause() {
            None | Some(Cause::Complete) => exit::OK,
            Some(Cause::Argocd(exited)) if exited.is_success() && self.is_kept_out() => {
                exit::NO_PERMISSION
            }
            // Whoever may not look finds nothing either, and argocd has seen more than we.
            Some(Cause::Argocd(exited))
                if exited.is_success() && self.unseen.is_told_nothing && self.found_nothing() =>
            {
                exit::NOTHING_FOUND
            }
            Some(Cause::Argocd(exited)) => exited.exit.shell_code(),
            Some(Cause::Superseded(_)) => exit::SUPERSEDED,
            Some(Cause::NotAsExpected(_)) => exit::FAILED,
            Some(Cause::CannotTell) => exit::NO_PERMISSION,
            Some(Cause::Timeout) if !self.runs_argocd() && self.found_nothing() => {
                self.nothing_code()
            }
            // A pipeline that goes by argocd's 0 must not fail because this program looked longer.
            Some(Cause::CrashedAfterSuccess | Cause::LostAfterSuccess(_))
                if self.runs_argocd() && !self.config.fail_fast =>
            {
                exit::OK
            }
            Some(Cause::CrashedAfterSuccess | Cause::LostAfterSuccess(_) | Cause::Doomed(_)) => {
                exit::FAILED
            }
            Some(Cause::Paused) => self.paused_code(),
            // An application that another one has ended was not rolled out in its time either.
            Some(Cause::Timeout | Cause::ArgocdOverdue | Cause::Elsewhere) => exit::TIMEOUT,
            Some(Cause::Signal(signal)) => exit::SIGNAL + *signal as i32,
        }
    }

    /// True if the Application may not be read, and nothing else of it was found: nobody can
    /// tell what argocd has waited for.
    fn is_kept_out(&self) -> bool {
        let has_nothing = self.unseen.is_refused && self.found_nothing();
        self.application().is_none() && (self.unseen.is_shut_out || has_nothing)
    }

    /// True if everything is rolled out, and what is expected runs.
    pub(crate) fn is_done(&self, now: Timestamp) -> bool {
        self.progress().is_rolled_out(now) && self.expected.instead.is_none()
    }

    /// True if the run has ended well for this application.
    pub(crate) fn has_succeeded(&self) -> bool {
        self.cause().is_some_and(is_success)
    }

    /// Takes the end of the run, which another application has brought about.
    pub(super) fn ended_elsewhere(&mut self, now: Timestamp) {
        self.streams.argocd = false;
        if matches!(self.phase, Phase::Draining { .. } | Phase::Over(_)) {
            return;
        }
        let cause = if self.is_done(now) {
            Cause::Complete
        } else {
            Cause::Elsewhere
        };
        self.drain(cause, now);
    }

    /// Returns the exit code of a run that ends because of a pause.
    pub(super) fn paused_code(&self) -> i32 {
        match self.config.on_paused {
            Some(OnPaused::Succeed) => exit::OK,
            Some(OnPaused::Fail) => exit::FAILED,
            Some(OnPaused::Wait) | None => exit::PAUSED,
        }
    }

    /// True if a pause that lasts until a person acts ends the run: argocd waits for it by
    /// default.
    fn ends_when_paused(&self) -> bool {
        match self.config.on_paused {
            Some(OnPaused::Wait) => false,
            Some(OnPaused::Succeed | OnPaused::Fail) => true,
            None => !self.runs_argocd(),
        }
    }

    /// Returns the exit code of a run that found nothing.
    pub(super) fn nothing_code(&self) -> i32 {
        if self.unseen.is_refused {
            exit::NO_PERMISSION
        } else {
            exit::NOTHING_FOUND
        }
    }

    /// Ends the run on a signal; once the cause is decided, a signal ends the draining too.
    /// The result of an argocd that has already exited stays.
    pub(super) fn signal(&mut self, signal: Signal, now: Timestamp) {
        if self.cause().is_some() {
            // A second signal is the user's last word, and GitHub's runner kills 2.5 s after its SIGTERM.
            self.effects.push(Effect::Kill);
            return self.over(now);
        }
        self.effects.push(Effect::Interrupt(signal));
        let ended = self.argocd.exited.filter(|_| !self.streams.argocd);
        self.drain(ended.map_or(Cause::Signal(signal), Cause::Argocd), now);
    }

    pub(super) fn argocd_ended(&mut self, exited: Exited, now: Timestamp) {
        self.argocd.exited = Some(exited);
        self.streams.argocd = false;
        // In any other phase the cause is decided, and argocd ended because we asked it to.
        if self.phase != Phase::Waiting {
            return;
        }
        let run = self.config.argocd.as_ref();
        let waits = run.is_some_and(|run| run.on_degraded == OnDegraded::Wait);
        // Healthy may still be the release before: Argo CD looks at git every three minutes only.
        if exited.is_success() && !self.expected.is_empty() {
            self.expect(exited, now);
        } else if exited.degraded && waits && self.argocd.restarts < RESTARTS {
            self.await_recovery(now);
        } else {
            self.look_on(Cause::Argocd(exited), now);
        }
    }

    /// Waits for the Degraded resource to recover, since argocd gives up on the first one.
    fn await_recovery(&mut self, now: Timestamp) {
        self.argocd.restarts += 1;
        let grace = in_words(self.config.grace);
        let msg = format!(
            "argocd gave up because a resource is Degraded; waiting up to {grace} for it to recover"
        );
        self.notice(&Notice::new(NoticeCode::Other, Level::Warning, msg));
        self.phase = Phase::AwaitingRecovery {
            until: duration::later(now, self.config.grace),
        };
    }

    /// Goes on looking for an explanation before the cause is decided.
    pub(super) fn look_on(&mut self, cause: Cause, now: Timestamp) {
        let longest = match (self.progress().is_synced(), is_success(&cause)) {
            (false, _) => FIRST_LISTS,
            (true, false) => AFTERMATH,
            (true, true) => return self.settle(cause, now),
        };
        if !is_success(&cause) {
            // argocd has just seen what a read of some seconds ago did not show.
            self.observer.hurry();
            self.read(now);
        }
        self.phase = Phase::Looking {
            cause,
            until: duration::later(now, longest),
        };
    }

    /// Ends the run after success, or goes on looking if a new container may still crash.
    fn settle(&mut self, cause: Cause, now: Timestamp) {
        if self.are_children_unseen(now) {
            self.phase = Phase::Looking { cause, until: now };
            return;
        }
        if self.waits_on_for_children(now) {
            return;
        }
        self.healthy_at = Some(now);
        let settle = self.config.settle;
        let patience = self.patience();
        let look = Settling::begin(&self.observer, patience, self.is_left_out(), now);
        let Some(look) = look else {
            return self.drain(cause, now);
        };
        if patience.is_early(&self.observer, self.is_left_out()) {
            let msg = format!("complete; waiting for {}", self.ends_of_pods());
            self.notice(&Notice::new(NoticeCode::Other, Level::Info, msg));
        }
        // Without a readiness probe a container is Ready the moment that it runs, so that Argo CD
        // calls an application Healthy that is about to crash.
        if self.observer.may_still_crash(settle, now) {
            let settle = in_words(settle);
            let msg = if self.findings().iter().any(Finding::is_doomed) {
                format!("complete, but findings remain; watching for another {settle}")
            } else {
                format!(
                    "healthy; watching for another {settle}: some new containers have no readiness probe or have only just become ready"
                )
            };
            self.notice(&Notice::new(NoticeCode::Other, Level::Info, msg));
        }
        self.phase = Phase::Settling { cause, look };
    }

    /// `2 pods to end: web-1, web-2`
    fn ends_of_pods(&self) -> String {
        let going = self.progress().terminating(self.is_left_out());
        let unseen = self.progress().terminating_unseen(self.is_left_out());
        let names = match going.len() {
            0 => String::new(),
            _ => format!(": {}", listed(&going)),
        };
        format!("{} to end{names}", counted(going.len() + unseen, "pod"))
    }

    /// Returns the pods whose end is waited for after success.
    pub(super) fn awaited_ends(&self) -> Option<crate::heartbeat::Other> {
        let is_settling = matches!(self.phase, Phase::Settling { .. });
        let patience = self.patience();
        let is_early = is_settling && patience.is_early(&self.observer, self.is_left_out());
        is_early.then(|| crate::heartbeat::Other {
            what: self.ends_of_pods(),
            why: String::new(),
            age: None,
        })
    }

    fn patience(&self) -> Patience {
        Patience {
            settle: self.config.settle,
            allow_restarts: self.config.allow_restarts,
            incomplete_for: self.config.grace.max(self.config.settle),
            until_terminated: self.config.wait_terminated,
        }
    }

    /// Tells the workloads that do not decide.
    fn is_left_out(&self) -> impl Fn(&ObjectRef) -> bool + '_ {
        |workload| self.is_ignored(workload) || !self.is_selected(workload)
    }

    /// Moves to the next phase if the condition for it holds at `now`.
    pub(super) fn consider(&mut self, now: Timestamp) {
        match self.phase.clone() {
            Phase::Waiting => self.consider_waiting(now),
            Phase::AwaitingRecovery { until } => self.consider_recovery(until, now),
            Phase::Expecting { exited, until } => self.consider_expecting(exited, until, now),
            Phase::Looking { cause, until } => self.consider_looking(cause, until, now),
            Phase::Settling { cause, look } => self.consider_settling(cause, look, now),
            Phase::Draining { until, .. } if now >= until => self.cut(now),
            Phase::Draining { .. } | Phase::Over(_) => {}
        }
    }

    fn consider_waiting(&mut self, now: Timestamp) {
        // The limits come first: a wait that is over ends whatever else is true at that moment.
        if self.is_timeout(now) {
            return self.end_argocd(Cause::Timeout, now);
        }
        if self.is_argocd_overdue(now) {
            return self.end_argocd(Cause::ArgocdOverdue, now);
        }
        if !self.expected.is_empty()
            && let Some(cause) = self.cannot_come()
        {
            return self.end_argocd(cause, now);
        }
        // Without --fail-fast argocd alone decides: it may go on waiting for a doomed workload.
        let fails = self.config.fail_fast || !self.runs_argocd();
        let doomed = self.observer.doomed(self.config.grace, now);
        let doomed = doomed
            .into_iter()
            .find(|workload| self.is_selected(workload) && !self.is_ignored(workload));
        if let Some(workload) = doomed.filter(|_| fails) {
            return self.end_argocd(Cause::Doomed(workload.to_string()), now);
        }
        if self.ends_when_paused() && pausing::is_paused(&self.observer, self.is_left_out(), now) {
            return self.end_argocd(Cause::Paused, now);
        }
        if !self.runs_argocd() && self.progress().is_rolled_out(now) {
            match self.judge() {
                Judgement::Met => self.settle(Cause::Complete, now),
                Judgement::Unknown => self.drain(Cause::CannotTell, now),
                // The others were looked for above.
                _ => {}
            }
        }
    }

    /// Returns ` (ends in 40 s, as Deployment/web cannot succeed)` once a doomed workload will
    /// end the run.
    pub(super) fn end_in_sight(&self, now: Timestamp) -> Option<String> {
        if !self.config.fail_fast && self.runs_argocd() {
            return None;
        }
        let doomed = doomed_workloads(self.observer.findings()).into_iter();
        let mut deciding =
            doomed.filter(|(workload, _)| self.is_selected(workload) && !self.is_ignored(workload));
        let (workload, since) = deciding.next()?;
        let left = self
            .config
            .grace
            .checked_sub(duration::between(since, now))?;
        Some(format!(
            " (ends in {}, as {workload} cannot succeed)",
            in_words(left)
        ))
    }

    /// Runs argocd again as soon as the resource has recovered, or, where the Application
    /// cannot be read, once the time is over.
    fn consider_recovery(&mut self, until: Timestamp, now: Timestamp) {
        let healed = self
            .is_degraded()
            .map_or(now >= until, |degraded| !degraded);
        if self.is_timeout(now) {
            self.drain(Cause::Timeout, now);
        // Progressing again is no recovery while something cannot succeed: argocd would give up on
        // the next Degraded and use up one of its restarts.
        } else if healed && !self.findings().iter().any(Finding::is_doomed) {
            self.phase = Phase::Waiting;
            self.argocd.exited = None;
            self.argocd.started = now;
            self.streams.argocd = true;
            self.effects.push(Effect::RestartArgocd);
        } else if now >= until {
            let exited = self.argocd.exited;
            let cause = exited.map_or(Cause::Complete, Cause::Argocd);
            self.drain(cause, now);
        }
    }

    fn consider_looking(&mut self, cause: Cause, until: Timestamp, now: Timestamp) {
        // A success needs no explanation, only the first lists, which tell whether to settle.
        let known = self.progress().is_synced() && is_success(&cause);
        if now < until && !known {
            return;
        }
        self.examine(now);
        if is_success(&cause) && self.progress().is_synced() {
            self.settle(cause, now);
        } else {
            self.drain(cause, now);
        }
    }

    fn consider_settling(&mut self, cause: Cause, mut look: Settling, now: Timestamp) {
        let patience = self.patience();
        let settled = look.consider(&self.observer, patience, self.is_left_out(), now);
        match settled {
            Settled::Crashed => return self.drain(Cause::CrashedAfterSuccess, now),
            Settled::Evicted(pods) => {
                let what = format!("{pods} pods of one workload were evicted");
                return self.drain(Cause::LostAfterSuccess(what), now);
            }
            Settled::Done => return self.drain(cause, now),
            // argocd has ended: nothing else decides any more.
            Settled::StaysLost(state) if self.runs_argocd() => {
                let what = format!("a workload became incomplete and stayed so: {state}");
                return self.drain(Cause::LostAfterSuccess(what), now);
            }
            Settled::Lost(state) | Settled::StaysLost(state) => {
                let msg = format!("no longer complete, waiting again: {state}");
                self.notice(&Notice::new(NoticeCode::Other, Level::Warning, msg));
                self.healthy_at = None;
                if !self.runs_argocd() {
                    self.phase = Phase::Waiting;
                    return;
                }
            }
            Settled::Regained => {
                self.healthy_at = Some(now);
                let settle = in_words(self.config.settle);
                let msg = format!("complete again; watching for another {settle}");
                self.notice(&Notice::new(NoticeCode::Other, Level::Info, msg));
            }
            Settled::GoOn => {}
        }
        let is_early = patience.is_early(&self.observer, self.is_left_out());
        if is_early {
            // The rollout takes until the old pods have ended.
            self.healthy_at = self.healthy_at.map(|_| now);
        }
        if self.is_timeout(now) {
            // The limit ends the watch and not the success: only what is incomplete by now is too late.
            let is_lost = look.is_lost() || is_early;
            return self.drain(if is_lost { Cause::Timeout } else { cause }, now);
        }
        self.phase = Phase::Settling { cause, look };
    }

    /// True if argocd should have ended by its own `--timeout` some time ago.
    fn is_argocd_overdue(&self, now: Timestamp) -> bool {
        let timeout = self.config.argocd.as_ref().and_then(|run| run.timeout);
        let elapsed = duration::between(self.argocd.started, now);
        // argocd waits for one application after the other, for each as long as its limit says.
        let apps = u32::try_from(self.children.len()).unwrap_or(u32::MAX);
        let limit = timeout.map(|timeout| timeout.saturating_mul(apps) + OVERDUE);
        self.streams.argocd && limit.is_some_and(|limit| elapsed >= limit)
    }

    /// True for `sync`, where argocd decides.
    pub(super) fn runs_argocd(&self) -> bool {
        self.config.argocd.is_some()
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
}

pub(super) fn is_success(cause: &Cause) -> bool {
    match cause {
        Cause::Argocd(exited) => exited.is_success(),
        cause => *cause == Cause::Complete,
    }
}
