//! What a run knows at its end.

use argo_core::resource::Application;
use argo_core::text::duration;
use argo_workloads::{
    diagnosis::{Finding, Thresholds, without_credentials},
    progress::WorkloadProgress,
};
use jiff::Timestamp;

use super::{Cause, Exited, Session};
use crate::{
    argocd::{ArgocdExit, ArgocdOutcome},
    exit,
    summary::{self, Outcome, Summary},
};

impl Session {
    /// Everything for the verdict. `argocd` is what the end of argocd means.
    pub fn summary(&self, argocd: Option<&ArgocdOutcome>, now: Timestamp) -> Summary {
        Summary {
            app: self.config.app.name.clone(),
            outcome: self.outcome(),
            reason: self.reason(argocd).to_owned(),
            argocd_exit: self.argocd.and_then(|exited| code(exited.exit)),
            argocd: argocd.map(ToString::to_string),
            elapsed: duration::between(self.config.started, self.ended_at(now)),
            workloads: self.rows(),
            pods: self.progress.new_pods(),
            findings: self.timeline.current().to_vec(),
            operation: self.operation(),
            events: self.events.values().map(Into::into).collect(),
            exit: self.exit_code(),
        }
    }

    /// A rollout takes until everything is healthy, not until we stop looking.
    fn ended_at(&self, now: Timestamp) -> Timestamp {
        self.healthy_at
            .filter(|_| self.outcome() == Outcome::Succeeded)
            .unwrap_or(now)
    }

    /// One look at what is known: everything that is wrong counts at once.
    pub fn look_once(&mut self, now: Timestamp) -> Summary {
        self.examine_with(&Thresholds::one_look(), now);
        let failed = self.timeline.current().iter().any(Finding::is_doomed) || self.has_failed();
        let (outcome, exit) = if failed {
            (Outcome::Failed, exit::FAILED)
        } else if self.progress.is_complete() {
            (Outcome::Succeeded, exit::OK)
        } else {
            (Outcome::Waiting, exit::TIMEOUT)
        };
        Summary {
            outcome,
            exit,
            ..self.summary(None, now)
        }
    }

    fn has_failed(&self) -> bool {
        self.operation_failed()
            || self
                .progress
                .workloads()
                .iter()
                .any(|workload| workload.rollout.failed.is_some())
    }

    /// The workloads as they stand in the verdict.
    pub(super) fn rows(&self) -> Vec<summary::Row> {
        let workloads = self.progress.workloads();
        workloads
            .into_iter()
            .map(|workload| self.row(workload))
            .collect()
    }

    fn row(&self, workload: &WorkloadProgress) -> summary::Row {
        let shown = summary::Row::new(workload.object.clone(), &workload.rollout);
        let clean = |text: Option<String>| text.map(|text| without_credentials(&text));
        summary::Row {
            restarts: self.progress.restarts(workload),
            held_up_by: workload
                .held_up_by
                .as_ref()
                .map(|pod| format!("readiness of {pod}")),
            // A CronJob is always complete: it is never the slowest.
            seconds: workload
                .took
                .filter(|_| !workload.only_starts_others())
                .map(|took| took.as_secs()),
            failed: clean(shown.failed.clone()),
            waiting_for: clean(shown.waiting_for.clone()),
            ..shown
        }
    }

    fn outcome(&self) -> Outcome {
        match self.cause() {
            None => Outcome::Waiting,
            Some(Cause::Signal(_)) => Outcome::Interrupted,
            Some(Cause::Timeout) => Outcome::TimedOut,
            Some(Cause::Complete) => Outcome::Succeeded,
            Some(Cause::Argocd(exited)) if exited.is_success() && !self.operation_failed() => {
                Outcome::Succeeded
            }
            Some(Cause::Argocd(_) | Cause::Unsettled | Cause::Doomed(_)) => Outcome::Failed,
        }
    }

    fn reason(&self, argocd: Option<&ArgocdOutcome>) -> &'static str {
        match self.cause() {
            None => "look",
            Some(Cause::Argocd(_)) => argocd.map_or("argocd", of_argocd),
            Some(Cause::Complete) => "complete",
            Some(Cause::Unsettled) => "settle",
            Some(Cause::Timeout) => "timeout",
            Some(Cause::Doomed(_)) => "fail-fast",
            Some(Cause::Signal(_)) => "signal",
        }
    }

    /// argocd does not look at the phase of the operation: it exits with 0 after a failed
    /// PostSync hook and after a terminated sync (recorded).
    fn operation_failed(&self) -> bool {
        self.application()
            .is_some_and(|application| failed_operation(application).is_some())
    }

    fn operation(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.cause() == Some(&Cause::Unsettled) && self.config.argocd {
            notes.push("argocd reports Healthy, but a new container crashed after that".to_owned());
        }
        let failed = self.application().and_then(failed_operation);
        if let Some(failed) = failed {
            let healthy = self.argocd.is_some_and(Exited::is_success);
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

fn of_argocd(outcome: &ArgocdOutcome) -> &'static str {
    match outcome {
        ArgocdOutcome::TimedOut => "timeout",
        ArgocdOutcome::Degraded { .. } => "degraded",
        _ => "argocd",
    }
}

fn failed_operation(application: &Application) -> Option<String> {
    let operation = application.status.operation_state.as_ref()?;
    let failed = matches!(operation.phase.as_str(), "Failed" | "Error");
    let message = operation.message.as_deref().unwrap_or_default();
    failed.then(|| match message.lines().next() {
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
