//! Waits of argocd, apart from the progress of the workloads: for resources of any kind, the
//! operation, the sync.

use std::time::Duration;

use argo_core::{
    resource::OperationState,
    text::{
        cap,
        duration::{between, in_words},
        listed,
    },
};
use argo_workloads::{
    diagnosis::{Code, Finding, without_credentials},
    resources::{Health, Wait},
};
use jiff::Timestamp;

use super::Session;
use crate::{
    argocd::{ArgocdOutcome, Condition},
    heartbeat::Other,
};

/// Resources that a sentence names; the rest is counted.
const NAMES: usize = 2;
/// The time after which a running operation is something to wait for.
const OPERATION: Duration = Duration::from_secs(10);
/// Characters of a reason.
const REASON: usize = 200;
/// The state of a sync that a sync window forbids.
const BLOCKED: &str = "blocked by a sync window of the project";

impl Session {
    /// Returns the resources without a progress of their own that argocd waits for.
    pub(super) fn waits(&self, now: Timestamp) -> Vec<Wait> {
        if !self.waits_for(Condition::Health) {
            return Vec::new();
        }
        let waits = self.observer.waits(now).into_iter();
        waits
            .filter(|wait| self.is_selected(&wait.object))
            .collect()
    }

    /// True if argocd, or a run without it, waits for the condition.
    pub(super) fn waits_for(&self, condition: Condition) -> bool {
        let run = self.config.argocd.as_ref();
        run.is_none_or(|run| run.wait.conditions.contains(&condition))
    }

    /// Returns what the heartbeat names beside the workloads.
    pub(crate) fn others(&self, now: Timestamp) -> Vec<Other> {
        let mut others: Vec<Other> = self
            .waits(now)
            .into_iter()
            .map(|wait| Other {
                what: format!("{} {}", wait.object, wait.health.as_str()),
                why: cap(&wait.words, REASON),
                age: Some(between(wait.since, now)),
            })
            .collect();
        others.extend(self.expected.instead.as_ref().map(|instead| Other {
            what: "what is expected".to_owned(),
            why: cap(instead, REASON),
            age: None,
        }));
        others.extend(self.operation_wait(now).or_else(|| self.sync_wait()));
        // A workload that is not ready says more than its application.
        if others.is_empty() && self.progress().incomplete().is_empty() {
            others.extend(self.children_wait());
        }
        others
    }

    fn operation_wait(&self, now: Timestamp) -> Option<Other> {
        let operation = self.application()?.status.operation_state.as_ref()?;
        let began = operation.started_at.as_ref()?.0;
        let age = between(began, now);
        let is_waited_for = operation.is_running() && age >= OPERATION;
        let message = operation.message.as_deref().unwrap_or_default();
        // `Sync operation blocked by sync window`: Running, though nothing runs.
        let why = match message.contains("sync window") {
            true => BLOCKED.to_owned(),
            false => cap(&without_credentials(message), REASON),
        };
        let what = match operation.phase.as_str() {
            "Running" => "the sync".to_owned(),
            phase => format!("the sync ({phase})"),
        };
        (is_waited_for && self.waits_for(Condition::Operation)).then_some(Other {
            what,
            why,
            age: Some(age),
        })
    }

    fn has_failed_sync(&self) -> bool {
        let application = self.application();
        let operation = application.and_then(|it| it.status.operation_state.as_ref());
        operation.is_some_and(OperationState::has_failed)
    }

    fn sync_wait(&self) -> Option<Other> {
        let application = self.application()?;
        let sync = application
            .status
            .sync
            .status
            .as_deref()
            .filter(|sync| *sync != "Synced")?;
        // Any other cause has a paragraph of its own.
        let found = self
            .findings()
            .into_iter()
            .find(|finding| matches!(finding.code, Code::OutOfSync | Code::SyncWindow));
        (!application.operation && self.waits_for(Condition::Sync)).then(|| Other {
            what: format!("{} {sync}", self.config.app.name),
            why: match found {
                Some(finding) => cap(without(sync, &finding.sentence), REASON),
                None if self.has_failed_sync() => "its last sync failed".to_owned(),
                None => String::new(),
            },
            age: None,
        })
    }

    /// `argocd gave up after 5 m because Ingress/web is still Progressing: no address yet; all
    /// 3 workloads are complete`. Returns `None` if nothing is known of the reason.
    pub(super) fn gave_up(&self, outcome: &ArgocdOutcome, now: Timestamp) -> Option<String> {
        let waits = self.waits(now);
        let because = match outcome {
            ArgocdOutcome::TimedOut => self.because(&waits, now)?,
            ArgocdOutcome::Degraded { .. } => {
                let degraded: Vec<Wait> = waits
                    .into_iter()
                    .filter(|wait| wait.health == Health::Degraded)
                    .collect();
                clause(&degraded, "is")?
            }
            _ => return None,
        };
        let after = in_words(between(self.config.started, now));
        let state = self.state_of_workloads(now);
        Some(format!(
            "argocd gave up after {after} because {because}{state}"
        ))
    }

    fn because(&self, waits: &[Wait], now: Timestamp) -> Option<String> {
        if let Some(clause) = clause(waits, "is still") {
            return Some(clause);
        }
        let Some(other) = self.operation_wait(now).or_else(|| self.sync_wait()) else {
            return self.child_clause();
        };
        let why = match other.why.as_str() {
            "" => String::new(),
            why => format!(": {why}"),
        };
        Some(match other.age {
            Some(_) if other.why == BLOCKED => format!("{} is {BLOCKED}", other.what),
            Some(_) => format!("{} still goes on{why}", other.what),
            None => {
                let (app, sync) = other.what.rsplit_once(' ')?;
                format!("{app} is {sync}{why}")
            }
        })
    }

    fn state_of_workloads(&self, now: Timestamp) -> String {
        let rows = self.rows(now);
        let complete = rows.iter().filter(|row| row.complete).count();
        match (rows.len(), complete) {
            (0, _) => String::new(),
            (1, 1) => "; the workload is complete".to_owned(),
            (1, _) => "; the workload is not complete".to_owned(),
            (all, complete) if all == complete => format!("; all {all} workloads are complete"),
            (all, complete) => format!("; {complete} of {all} workloads are complete"),
        }
    }
}

/// Gives an OutOfSync without a reason the one that is known so far, before it is certain.
pub(super) fn explain(others: &mut [Other], reasons: &[Finding]) {
    let of_app = reasons
        .iter()
        .find(|finding| finding.workload.is_application());
    let bare = |other: &&mut Other| other.why.is_empty() && other.what.ends_with(" OutOfSync");
    if let (Some(finding), Some(other)) = (of_app, others.iter_mut().find(bare)) {
        other.why = cap(without("OutOfSync", &finding.sentence), REASON);
    }
}

/// Returns the sentence of a finding without the state that it begins with.
fn without<'a>(state: &str, sentence: &'a str) -> &'a str {
    let rest = sentence.strip_prefix(state);
    rest.and_then(|rest| rest.strip_prefix(": "))
        .unwrap_or(sentence)
}

/// `Ingress/web is still Progressing: no address yet`
fn clause(waits: &[Wait], is: &str) -> Option<String> {
    let first = waits.first()?;
    let why = match first.words.as_str() {
        "" => String::new(),
        words => format!(": {}", cap(words, REASON)),
    };
    if waits.len() == 1 {
        return Some(format!(
            "{} {is} {}{why}",
            first.object,
            first.health.as_str()
        ));
    }
    let names: Vec<String> = waits
        .iter()
        .take(NAMES)
        .map(|wait| wait.object.to_string())
        .collect();
    let names = match waits.len() - names.len() {
        0 => listed(&names.iter().map(String::as_str).collect::<Vec<_>>()),
        more => format!("{} and {more} more", names.join(", ")),
    };
    let are = is.replacen("is", "are", 1);
    Some(format!(
        "{names} {are} not healthy; {} is {}{why}",
        first.object,
        first.health.as_str()
    ))
}
