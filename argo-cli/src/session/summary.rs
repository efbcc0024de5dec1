//! Collects the facts of a run for its verdict.

use argo_core::text::duration;
use argo_core::{
    Level, Record, Runs,
    record::{Body, Status},
    resource::Application,
};
use argo_workloads::{
    diagnosis::{Finding, Thresholds, doomed_workloads, without_credentials},
    progress::WorkloadProgress,
};
use jiff::Timestamp;
use std::time::Duration;

use super::{Cause, Exited, Session, phase::OVERDUE};
use crate::{
    argocd::{ArgocdExit, ArgocdOutcome},
    exit, heartbeat,
    summary::{self, Outcome, Summary},
};

impl Session {
    /// Collects the facts for the verdict. `argocd` is the meaning of argocd's exit.
    pub fn summary(&self, argocd: Option<&ArgocdOutcome>, now: Timestamp) -> Summary {
        Summary {
            app: self.config.app.name.clone(),
            outcome: self.outcome(),
            reason: self.reason(argocd).to_owned(),
            argocd_exit: self.argocd.exited.and_then(|exited| code(exited.exit)),
            argocd: argocd.map(|outcome| self.words(outcome, now)),
            wait: self.config.argocd.as_ref().map(|run| run.wait.clone()),
            argocd_next: argocd.and_then(ArgocdOutcome::next_step).map(str::to_owned),
            elapsed: duration::between(self.config.started, self.ended_at(now)),
            workloads: self.rows(now),
            pods: self.progress().new_pods(),
            findings: self.findings(),
            log_store: None,
            operation: self.operation(),
            events: self.events.values().map(Into::into).collect(),
            doomed_for: self.doomed_for(now),
            exit: self.exit_code(),
            apps: Vec::new(),
        }
    }

    /// Returns the time for which the workload that ended the run has been doomed.
    fn doomed_for(&self, now: Timestamp) -> Option<Duration> {
        let Some(Cause::Doomed(name)) = self.cause() else {
            return None;
        };
        let doomed = doomed_workloads(self.observer.findings());
        let mut since = doomed.into_iter();
        let (_, since) = since.find(|(workload, _)| workload.to_string() == *name)?;
        Some(duration::between(since, now))
    }

    /// Returns the end of the rollout: the time at which everything was healthy, not the end of
    /// settling.
    fn ended_at(&self, now: Timestamp) -> Timestamp {
        let healthy = self
            .healthy_at
            .filter(|_| self.outcome() == Outcome::Succeeded);
        let Some(healthy) = healthy else { return now };
        // A workload may have changed again while settling.
        let workloads = self.progress().workloads().into_iter();
        let took = workloads.filter_map(|workload| workload.timing.took).max();
        let last = took.map(|took| duration::later(self.config.started, took));
        healthy.max(last.unwrap_or(healthy)).min(now)
    }

    /// Examines once without grace times and returns the facts for the verdict.
    pub fn look_once(&mut self, now: Timestamp) -> Summary {
        self.examine_with(&Thresholds::one_look(), now);
        let failed = self.findings().iter().any(Finding::is_doomed) || self.has_failed();
        let (outcome, exit) = if failed {
            (Outcome::Failed, exit::FAILED)
        } else if self.progress().is_complete() {
            (Outcome::Succeeded, exit::OK)
        } else if self.progress().paused(|_| false).is_some() {
            (Outcome::Paused, self.paused_code())
        } else if self.found_nothing() {
            (Outcome::Waiting, self.nothing_code())
        } else {
            (Outcome::Waiting, exit::TIMEOUT)
        };
        let mut looked = self.summary(None, now);
        // What happened before is all that one look can tell.
        for row in &mut looked.workloads {
            let workloads = self.progress().workloads().into_iter();
            let own = workloads.filter(|workload| workload.object.same_name(&row.object));
            let ever = own.map(|workload| self.observer.restarts_ever(workload));
            row.restarts = ever.max().unwrap_or(row.restarts);
        }
        Summary {
            outcome,
            exit,
            elapsed: Duration::ZERO,
            ..looked
        }
    }

    fn has_failed(&self) -> bool {
        self.operation_failed()
            || self
                .progress()
                .incomplete()
                .iter()
                .any(|workload| workload.rollout.failed.is_some())
    }

    /// Returns the status of everything, because somebody asks for it.
    pub(crate) fn status_now(&self, now: Timestamp) -> Record {
        let elapsed = duration::in_words(duration::between(self.config.started, now));
        let mut msg = format!("status after {elapsed}:");
        let (rows, findings) = (self.rows(now), self.findings());
        if rows.is_empty() {
            msg.push_str(" no workload yet");
        }
        for row in &rows {
            msg.push_str("\n    ");
            msg.push_str(&heartbeat::workload(row, &findings));
        }
        Record::at(now, Level::Info, msg, Body::Status(Status::default()))
    }

    /// Returns the rows of the verdict's table.
    pub(crate) fn rows(&self, now: Timestamp) -> Vec<summary::Row> {
        let workloads = self.progress().workloads().into_iter();
        let selected = workloads.filter(|workload| self.is_selected(&workload.object));
        selected.map(|workload| self.row(workload, now)).collect()
    }

    /// Returns the meaning of argocd's exit. After a timeout it names the conditions that argocd
    /// waited for, if they were not the whole rollout.
    fn words(&self, outcome: &ArgocdOutcome, now: Timestamp) -> String {
        let run = self.config.argocd.as_ref();
        match (outcome, run.filter(|run| !run.wait.is_whole_rollout())) {
            (ArgocdOutcome::TimedOut, Some(run)) => format!(
                "argocd gave up waiting for {}: its --timeout ran out",
                run.wait.sentence(&self.config.app.name)
            ),
            (ArgocdOutcome::PermissionDenied(_) | ArgocdOutcome::NotFound(_), _) => {
                format!("{outcome}{}", self.suggestion())
            }
            _ => self
                .gave_up(outcome, now)
                .unwrap_or_else(|| outcome.to_string()),
        }
    }

    /// ` (did you mean "shop"?)`, or nothing.
    fn suggestion(&self) -> String {
        let suggestion = self.unseen.suggestion.as_ref();
        suggestion.map_or_else(String::new, |sentence| format!(" ({sentence})"))
    }

    fn row(&self, workload: &WorkloadProgress, now: Timestamp) -> summary::Row {
        let shown = summary::Row::new(workload.object.clone(), &workload.rollout);
        let clean = |text: Option<String>| text.map(|text| without_credentials(&text));
        summary::Row {
            runs_once: workload.runs == Runs::Once,
            restarts: self.observer.restarts(workload),
            held_up_by: workload
                .pods
                .held_up_by
                .as_ref()
                .map(|pod| format!("readiness of {pod}")),
            // A CronJob is always complete: it is never the slowest.
            seconds: workload
                .timing
                .took
                .filter(|_| !workload.only_starts_others())
                .map(|took| took.as_secs())
                .or((workload.involvement.changed && workload.rollout.complete).then_some(0)),
            holds_up: self.progress().holds_up(workload),
            failed: clean(shown.failed.clone()).filter(|_| !workload.inherited),
            waiting_for: clean(waiting_for(workload, now)),
            pods: (!shown.complete).then(|| self.observer.pods(workload)),
            ..shown
        }
    }

    fn outcome(&self) -> Outcome {
        match self.cause() {
            None => Outcome::Waiting,
            Some(Cause::Signal(_)) => Outcome::Interrupted,
            Some(Cause::Timeout | Cause::ArgocdOverdue) => Outcome::TimedOut,
            Some(Cause::Complete) => Outcome::Succeeded,
            Some(Cause::Elsewhere) => Outcome::Waiting,
            Some(Cause::Paused) => Outcome::Paused,
            Some(Cause::Argocd(exited)) if exited.is_success() && !self.operation_failed() => {
                match self.exit_code() {
                    exit::NOTHING_FOUND | exit::NO_PERMISSION => Outcome::Failed,
                    _ => Outcome::Succeeded,
                }
            }
            Some(
                Cause::Argocd(_)
                | Cause::Superseded(_)
                | Cause::NotAsExpected(_)
                | Cause::CannotTell
                | Cause::CrashedAfterSuccess
                | Cause::LostAfterSuccess(_)
                | Cause::Doomed(_),
            ) => Outcome::Failed,
        }
    }

    fn reason(&self, argocd: Option<&ArgocdOutcome>) -> &'static str {
        match self.cause() {
            None => "look",
            Some(_) if self.exit_code() == exit::NOTHING_FOUND => "nothing-found",
            Some(Cause::Argocd(_)) if self.exit_code() == exit::NO_PERMISSION => "no-permission",
            Some(Cause::Elsewhere) => "another-application",
            Some(Cause::Argocd(_)) => argocd.map_or("argocd", of_argocd),
            Some(Cause::Superseded(_)) => "superseded",
            Some(Cause::NotAsExpected(_)) => "not-as-expected",
            Some(Cause::CannotTell) => "no-permission",
            Some(Cause::Complete) => "complete",
            Some(Cause::Paused) => "paused",
            Some(Cause::CrashedAfterSuccess | Cause::LostAfterSuccess(_)) => "settle",
            Some(Cause::Timeout | Cause::ArgocdOverdue) => "timeout",
            Some(Cause::Doomed(_)) => "fail-fast",
            Some(Cause::Signal(_)) => "signal",
        }
    }

    /// True if the operation failed. argocd ignores its phase and exits with 0 after a failed
    /// PostSync hook and after a terminated sync (recorded).
    fn operation_failed(&self) -> bool {
        self.application()
            .is_some_and(|application| failed_operation(application).is_some())
    }

    fn operation(&self) -> Vec<String> {
        let mut notes = Vec::new();
        notes.extend(self.own_reason());
        if let (Some(Cause::ArgocdOverdue), Some(timeout)) = (
            self.cause(),
            self.config.argocd.as_ref().and_then(|run| run.timeout),
        ) {
            notes.push(format!(
                "argocd was still running {} after its own --timeout of {}, and was ended",
                duration::in_words(OVERDUE),
                duration::in_words(timeout)
            ));
        }
        if self.cause() == Some(&Cause::CrashedAfterSuccess) && self.runs_argocd() {
            notes.push("argocd reports Healthy, but a new container crashed after that".to_owned());
        }
        if let Some(Cause::LostAfterSuccess(what)) = self.cause()
            && self.runs_argocd()
        {
            notes.push(format!("argocd reports Healthy, but after that {what}"));
        }
        let failed = self.application().and_then(failed_operation);
        if let Some(failed) = failed {
            let healthy = self.argocd.exited.is_some_and(Exited::is_success);
            let but = if healthy {
                "argocd reports success, but the "
            } else {
                "The "
            };
            notes.push(format!("{but}{failed}"));
        }
        notes
    }
}

/// Returns the missing step; a pause with its age and the number of new pods.
fn waiting_for(workload: &WorkloadProgress, now: Timestamp) -> Option<String> {
    let rollout = &workload.rollout;
    let inherited = rollout.failed.as_ref().filter(|_| workload.inherited);
    if let Some(failed) = inherited {
        return Some(format!("a new release; the last one failed: {failed}"));
    }
    let words = rollout.pause.map(|pause| pause.words(now));
    match (words, rollout.updated, rollout.desired) {
        (Some(words), Some(updated), Some(desired)) if !rollout.complete => {
            Some(format!("{words}, {updated} of {desired} pods new"))
        }
        _ => rollout.waiting_for.clone(),
    }
}

impl Session {
    fn nothing_found(&self) -> String {
        let (app, suggestion) = (&self.config.app, self.suggestion());
        format!(
            "neither the Application {app} nor any object of it was found in this cluster{suggestion}"
        )
    }

    /// Returns the sentence of an end that neither argocd nor a finding explains.
    fn own_reason(&self) -> Option<String> {
        let app = &self.config.app;
        if self.cause().is_none() && self.found_nothing() {
            return Some(self.nothing_found());
        }
        match self.cause()? {
            Cause::Superseded(sentence) => Some(sentence.clone()),
            Cause::NotAsExpected(instead) if self.runs_argocd() => {
                Some(format!("not what was expected: {instead}"))
            }
            Cause::NotAsExpected(instead) => Some(instead.clone()),
            Cause::CannotTell => Some(format!(
                "the Application {app} cannot be read, so nobody can tell whether the expected revision runs"
            )),
            Cause::Argocd(_) if self.exit_code() == exit::NO_PERMISSION => Some(format!(
                "argocd reports success, but the Application {app} may not be read, so nobody can tell what was rolled out"
            )),
            _ if self.exit_code() == exit::NOTHING_FOUND => Some(self.nothing_found()),
            _ => None,
        }
    }
}

fn of_argocd(outcome: &ArgocdOutcome) -> &'static str {
    match outcome {
        ArgocdOutcome::TimedOut => "timeout",
        ArgocdOutcome::Degraded { .. } => "degraded",
        _ => "argocd",
    }
}

fn failed_operation(application: &Application) -> Option<String> {
    let operation = application.status.operation_state.as_ref()?;
    let message = operation.message.as_deref().unwrap_or_default();
    operation
        .has_failed()
        .then(|| match message.lines().next() {
            Some(line) => format!(
                "sync operation ended {}: {}",
                operation.phase,
                without_credentials(line)
            ),
            None => format!("sync operation ended {}", operation.phase),
        })
}

fn code(exit: ArgocdExit) -> Option<i32> {
    match exit {
        ArgocdExit::Code(code) => Some(code),
        ArgocdExit::Signal(_) | ArgocdExit::Unknown => None,
    }
}
