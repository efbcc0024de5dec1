//! What the Application says: its sync, its hooks, its health.
//!
//! argocd's exit code does not tell: it is 0 after a failed PostSync hook and after a
//! terminated operation, and `argocd app wait` waits for ever after a failed PreSync hook
//! (recordings argocd/cr, argocd/wait).

use std::collections::BTreeSet;

use argo_core::resource::{OperationState, ResourceResult};
use argo_core::text::{cap, similar::without_numbers};
use jiff::Timestamp;

use super::job;
use crate::diagnosis::{
    context::{ApplicationView, WorkloadView},
    facts::SyncFailures,
    finding::Severity,
    observation::{Observation, kubectl},
    redact::clean,
    span::{age, secs},
};

/// Sync results that are listed as evidence.
const RESULTS: usize = 5;

/// Hooks that failed, as the operation tells it. Where the hook's Job is followed its own
/// rule says more.
pub(super) fn hook_failed(view: &ApplicationView<'_>) -> Vec<Observation> {
    let Some(operation) = current(view) else {
        return Vec::new();
    };
    let failed = view.failures().into_iter().flat_map(SyncFailures::hooks);
    failed
        .filter(|_| !was_terminated(operation))
        .map(|result| hook(view, operation, result))
        .collect()
}

fn hook(
    view: &ApplicationView<'_>,
    operation: &OperationState,
    result: &ResourceResult,
) -> Observation {
    let phase = clean(result.hook_type.as_deref().unwrap_or_default());
    let (kind, name) = (clean(&result.kind), clean(&result.name));
    let message = job::hook_message(result.message.as_deref().unwrap_or_default());
    let why = match message.is_empty() {
        true => String::new(),
        false => format!(": {message}"),
    };
    let consequence = match phase == "PreSync" && nothing_deployed(operation) {
        true => "; nothing was deployed",
        false => "",
    };
    let cause = format!("{phase} hook {kind}/{name} failed{why}");
    let mut facts = view.context.facts.workloads.values();
    let fact = facts.find(|fact| job::same_object(fact, result));
    let object = fact.map(|fact| fact.object.clone());
    let next = kubectl(
        &result.namespace,
        &["describe", &result.kind.to_ascii_lowercase(), &result.name],
    );
    let observation = Observation::new(severity(operation), since(view, operation), cause)
        .consequence(consequence)
        .evidence(operation.message.as_deref().unwrap_or_default())
        .next(next);
    match object {
        Some(object) => observation.about(object),
        None => observation,
    }
}

/// A sync that failed for anything but a hook.
pub(super) fn sync_failed(view: &ApplicationView<'_>) -> Vec<Observation> {
    let Some(operation) = current(view) else {
        return Vec::new();
    };
    let failures = || view.failures().into_iter();
    let refused: Vec<&ResourceResult> = failures().flat_map(SyncFailures::refused).collect();
    let ended = matches!(operation.phase.as_str(), "Failed" | "Error");
    let hook = failures().flat_map(SyncFailures::hooks).next().is_some();
    let hook_alone = hook && refused.is_empty() && !was_terminated(operation);
    if (!ended && refused.is_empty()) || hook_alone {
        return Vec::new();
    }
    let phrase = sync_phrase(operation, &refused);
    let observation = Observation::new(severity(operation), since(view, operation), phrase);
    let observation = match refused.is_empty() || was_terminated(operation) {
        true => observation,
        false => observation.key(reasons(&refused)),
    };
    let observation = refused
        .iter()
        .take(RESULTS)
        .fold(observation, |observation, result| {
            observation.evidence(result_phrase(result))
        });
    let name = view.name();
    let observation = observation.next(format!(
        "argocd app get {}",
        crate::diagnosis::observation::quoted(name)
    ));
    vec![observation]
}

/// Why objects were refused, each reason once, in an order of its own: one webhook that
/// refuses a second object is no news, and neither is another order of the results.
fn reasons(refused: &[&ResourceResult]) -> String {
    let reason = |result: &&ResourceResult| {
        let message = clean(result.message.as_deref().unwrap_or_default());
        without_numbers(&message.replace(&format!("\"{}\"", result.name), "#"))
    };
    let reasons: BTreeSet<String> = refused.iter().map(reason).collect();
    reasons.into_iter().collect::<Vec<_>>().join("; ")
}

/// What failed, in one sentence.
fn sync_phrase(operation: &OperationState, refused: &[&ResourceResult]) -> String {
    if was_terminated(operation) {
        return "the sync was terminated by someone".to_owned();
    }
    let when = match nothing_deployed(operation) {
        true => "sync failed before anything was applied",
        false => "sync failed",
    };
    match refused {
        [] => {
            let message = operation.message.as_deref().unwrap_or("no reason is given");
            format!("{when}: {}", clean(message))
        }
        [one] => format!("{when}: {}", result_phrase(one)),
        [first, rest @ ..] => {
            let more = rest.len();
            format!("{when}: {}; and {more} more", result_phrase(first))
        }
    }
}

/// `Deployment/web: spec.replicas: Invalid value: -1`
fn result_phrase(result: &ResourceResult) -> String {
    let message = clean(result.message.as_deref().unwrap_or_default());
    let is_invalid = format!("\"{}\" is invalid: ", result.name);
    let (kind, name) = (clean(&result.kind), clean(&result.name));
    match message.split_once(&is_invalid) {
        Some((_, why)) => format!("{kind}/{name} is invalid: {}", cap(why, 200)),
        None => format!("{kind}/{name}: {}", cap(&message, 200)),
    }
}

/// Argo CD cannot work out what to deploy.
pub(super) fn comparison_error(view: &ApplicationView<'_>) -> Vec<Observation> {
    let conditions = view.application.status.conditions.iter();
    let errors = conditions.filter(|condition| {
        matches!(
            condition.type_.as_str(),
            "ComparisonError" | "InvalidSpecError"
        )
    });
    let observations = errors.take(RESULTS).map(|condition| {
        let since = condition.last_transition_time.as_ref();
        let since = since.map_or(view.context.facts.started, |time| time.0);
        let message = clean(innermost(&condition.message));
        let cause = format!("Argo CD cannot work out what to deploy: {message}");
        let next = format!(
            "argocd app get {} --hard-refresh",
            crate::diagnosis::observation::quoted(view.name())
        );
        Observation::doomed(since, cause)
            .evidence(&condition.message)
            .next(next)
    });
    observations.collect()
}

/// The end of a chain of gRPC errors.
fn innermost(message: &str) -> &str {
    message.rsplit("desc = ").next().unwrap_or(message)
}

/// Health is Suspended: `argocd app wait --health` never ends by itself.
pub(super) fn suspended(view: &ApplicationView<'_>) -> Vec<Observation> {
    let health = &view.application.status.health;
    if health.status.as_deref() != Some("Suspended") {
        return Vec::new();
    }
    let since = health.last_transition_time.as_ref();
    let since = since.map_or(view.context.facts.started, |time| time.0);
    let cause = "the application is Suspended: someone has to resume it".to_owned();
    let paused = view
        .context
        .workloads()
        .filter(|workload| workload.state.paused);
    let observation = paused.take(RESULTS).fold(
        Observation::suspicious(since, cause),
        |observation, workload| observation.evidence(format!("{} is paused", workload.fact.object)),
    );
    vec![observation]
}

/// A Deployment, Rollout or Job that someone paused.
pub(super) fn paused(view: WorkloadView<'_>) -> Option<Observation> {
    if !view.state.paused || view.state.complete || view.state.failed.is_some() {
        return None;
    }
    let since = ["Progressing", "Paused", "Suspended"];
    let since = since.iter().find_map(|type_| view.condition_time(type_));
    let since = since.unwrap_or(view.context.facts.started);
    let waiting = view.state.waiting_for.as_deref().unwrap_or_default();
    let namespace = &view.fact.object.namespace;
    let name = &view.fact.object.name;
    let (cause, next) = match &*view.fact.object.kind.kind {
        "Deployment" => {
            let target = format!("deployment/{name}");
            let next = kubectl(namespace, &["rollout", "resume", &target]);
            (format!("the rollout is {waiting}"), Some(next))
        }
        "Job" => ("the Job is suspended".to_owned(), None),
        "Rollout" => {
            let next = kubectl(namespace, &["argo", "rollouts", "promote", name]);
            (
                format!("the rollout waits for {}", clean(waiting)),
                Some(next),
            )
        }
        _ => ("it is paused".to_owned(), None),
    };
    let observation = Observation::suspicious(since, cause);
    Some(match next {
        Some(next) => observation.next(next),
        None => observation,
    })
}

/// Health was Degraded before, and still is: `argocd app wait` fails on a change to
/// Degraded only, so it waits for its timeout (argo-cd issue 8496).
pub(super) fn already_degraded(view: &ApplicationView<'_>) -> Vec<Observation> {
    let health = &view.application.status.health;
    let started = view.context.facts.started;
    let since = health.last_transition_time.as_ref().map(|time| time.0);
    let Some(since) = since.filter(|since| *since < started) else {
        return Vec::new();
    };
    if health.status.as_deref() != Some("Degraded") {
        return Vec::new();
    }
    let ago = crate::diagnosis::span::span(age(started, since));
    let cause = format!(
        "the application was Degraded {ago} before this rollout began and still is; argocd waits for it to recover"
    );
    let observation = Observation::suspicious(since, cause).key("already degraded");
    // Its grace runs from the start of the rollout.
    let grace = age(started, since).saturating_add(secs(60));
    let message = health.message.as_deref().unwrap_or_default();
    let resources = view.application.status.resources.iter();
    let degraded = resources.filter(|r| r.health.status.as_deref() == Some("Degraded"));
    let observation =
        degraded
            .take(RESULTS)
            .fold(observation.evidence(message), |observation, resource| {
                observation.evidence(format!("{}/{} is Degraded", resource.kind, resource.name))
            });
    vec![observation.grace(grace)]
}

/// The operation, unless it ended well before this rollout began: then another one is yet
/// to come. One look has no beginning.
fn current<'a>(view: &ApplicationView<'a>) -> Option<&'a OperationState> {
    let operation = view.application.status.operation_state.as_ref()?;
    let finished = operation.finished_at.as_ref().map(|time| time.0);
    let is_past = finished.is_some_and(|finished| {
        age(view.context.facts.started, finished) > secs(120) && !operation.is_running()
    });
    let one_look = view.context.thresholds.is_one_look();
    (!is_past || one_look).then_some(operation)
}

/// A new operation that is asked for, or a retry, may still succeed.
fn severity(operation: &OperationState) -> Severity {
    match operation.is_running() {
        true => Severity::Suspicious,
        false => Severity::Doomed,
    }
}

fn since(view: &ApplicationView<'_>, operation: &OperationState) -> Timestamp {
    let finished = operation.finished_at.as_ref();
    let time = finished.or(operation.started_at.as_ref());
    time.map_or(view.context.now, |time| time.0)
}

fn was_terminated(operation: &OperationState) -> bool {
    operation.phase == "Terminating" || operation.message.as_deref() == Some("Operation terminated")
}

/// True if nothing but hooks and namespaces was applied.
pub(super) fn nothing_deployed(operation: &OperationState) -> bool {
    let results = operation.sync_result.resources.iter();
    let mut applied = results.filter(|result| {
        result.hook_type.is_none()
            && result.status.as_deref() == Some("Synced")
            && result.kind != "Namespace"
    });
    applied.next().is_none()
}

#[cfg(test)]
#[path = "operation_tests.rs"]
mod tests;
