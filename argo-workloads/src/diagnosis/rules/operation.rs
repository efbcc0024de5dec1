//! Failures that the Application reports: its sync, its hooks, its health.
//!
//! argocd's exit code does not tell: it is 0 after a failed PostSync hook and after a
//! terminated operation, and `argocd app wait` waits for ever after a failed PreSync hook
//! (recordings argocd/cr, argocd/wait).

use std::{borrow::Cow, collections::BTreeSet};

use argo_core::Runs;
use argo_core::resource::{OperationState, ResourceResult};
use argo_core::text::{cap, similar::without_numbers};
use jiff::Timestamp;

use super::sync_error;
use crate::diagnosis::{
    context::{
        ApplicationView, WorkloadView,
        application::{nothing_deployed, severity, was_terminated},
    },
    facts::Claim,
    observation::{Observation, kubectl},
    span::{age, secs},
};
use crate::message::without_credentials;

/// Sync results that are listed as evidence at most.
const RESULTS: usize = 5;

/// Finds a sync that failed for anything but a hook.
pub(super) fn sync_failed(view: &ApplicationView<'_>) -> Vec<Observation> {
    let Some(operation) = view.operation() else {
        return Vec::new();
    };
    let refused = view.refused();
    let ended = matches!(operation.phase.as_str(), "Failed" | "Error");
    let hook = view.failed_hooks().next().is_some();
    let hook_alone = hook && refused.is_empty() && !was_terminated(operation);
    if (!ended && refused.is_empty()) || hook_alone {
        return Vec::new();
    }
    let phrase = sync_phrase(operation, &refused);
    let observation = Observation::new(severity(operation), view.failed_since(operation), phrase);
    let observation = if refused.is_empty() || was_terminated(operation) {
        observation
    } else {
        observation.key(reasons(&refused))
    };
    let observation = refused
        .iter()
        .take(RESULTS)
        .fold(observation, |observation, result| {
            observation.evidence(result_phrase(result))
        });
    vec![with_advice(observation, operation, &refused, view.name())]
}

/// Adds what the error means, whether Argo CD goes on trying, and the next step.
fn with_advice(
    observation: Observation,
    operation: &OperationState,
    refused: &[&ResourceResult],
    app: &str,
) -> Observation {
    let message = operation.message.as_deref().unwrap_or_default();
    let first = refused.first().and_then(|result| result.message.as_deref());
    let observation = match sync_error::retries(message) {
        Some(retries) if !operation.is_running() => observation.evidence(format!(
            "Argo CD tried it {} times and has given up",
            retries + 1
        )),
        _ => observation,
    };
    match sync_error::advice(first.unwrap_or(message)).filter(|_| !was_terminated(operation)) {
        Some(advice) => observation.evidence(advice.meaning).next(advice.next),
        None => observation.next(format!(
            "argocd app get {}",
            crate::diagnosis::observation::quoted(app)
        )),
    }
}

/// Lists the reasons for which objects were refused, each once, in an order of its own: one
/// webhook that refuses a second object is no news, and neither is another order of the
/// results.
fn reasons(refused: &[&ResourceResult]) -> String {
    let reason = |result: &&ResourceResult| {
        let message = without_credentials(result.message.as_deref().unwrap_or_default());
        without_numbers(&message.replace(&format!("\"{}\"", result.name), "#"))
    };
    let reasons: BTreeSet<String> = refused.iter().map(reason).collect();
    reasons.into_iter().collect::<Vec<_>>().join("; ")
}

/// Describes the failure of a sync in one sentence.
fn sync_phrase(operation: &OperationState, refused: &[&ResourceResult]) -> String {
    if was_terminated(operation) {
        return "the sync was terminated by someone".to_owned();
    }
    let when = if nothing_deployed(operation) {
        "sync failed before anything was applied"
    } else {
        "sync failed"
    };
    match refused {
        [] => {
            let message = operation.message.as_deref().unwrap_or("no reason is given");
            format!("{when}: {}", without_credentials(message))
        }
        [one] => format!("{when}: {}", result_phrase(one)),
        [first, rest @ ..] => {
            let more = rest.len();
            format!("{when}: {}; and {more} more", result_phrase(first))
        }
    }
}

/// Describes a result: `Deployment/web: spec.replicas: Invalid value: -1`
pub(super) fn result_phrase(result: &ResourceResult) -> String {
    let message = without_credentials(result.message.as_deref().unwrap_or_default());
    let is_invalid = format!("\"{}\" is invalid: ", result.name);
    let (kind, name) = (
        without_credentials(&result.kind),
        without_credentials(&result.name),
    );
    match message.split_once(&is_invalid) {
        Some((_, why)) => format!(
            "{kind}/{name} is invalid: {}",
            cap(&without_value(why), 200)
        ),
        None => format!("{kind}/{name}: {}", cap(&message, 200)),
    }
}

/// A longer value says less than the reason behind it.
const VALUE: usize = 80;

/// Leaves a long value out: that of an immutable `spec.template` is a whole pod.
fn without_value(why: &str) -> Cow<'_, str> {
    let shortened = || {
        let (field, rest) = why.split_once(": Invalid value: ")?;
        let end = ["}: ", "]: ", "\": "].into_iter();
        let end = end.filter_map(|end| rest.rfind(end)).max()?;
        // Of several errors the first one's value has no certain end.
        let is_one = !field.starts_with('[') && !rest.contains(": Invalid value: ");
        (is_one && end > VALUE).then(|| format!("{field}: {}", &rest[end + 3..]))
    };
    shortened().map_or(Cow::Borrowed(why), Cow::Owned)
}

/// Finds an Application whose manifests Argo CD cannot work out.
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
        let message = without_credentials(innermost(&condition.message));
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

/// Returns the end of a chain of gRPC errors.
fn innermost(message: &str) -> &str {
    message.rsplit("desc = ").next().unwrap_or(message)
}

/// Finds objects that another application owns, too. Argo CD writes one condition a resource;
/// without one, a tracking id that changed shows it.
pub(super) fn shared(view: &ApplicationView<'_>) -> Vec<Observation> {
    let (sharing, now) = (&view.context.facts.sharing, view.context.now);
    let name = crate::diagnosis::observation::quoted(view.name());
    let found = match sharing.warnings(view.application, now) {
        Some((warnings, since)) => {
            let messages = warnings.iter().map(|warning| warning.message.as_str());
            warned(&messages.collect::<Vec<_>>(), since)
        }
        None => claimed(sharing.claims(now)),
    };
    let found = found.map(|observation| {
        let next = format!("argocd app get {name} --show-conditions");
        observation.key("shared resource").next(next)
    });
    found.into_iter().collect()
}

fn warned(messages: &[&str], since: Timestamp) -> Option<Observation> {
    let (first, rest) = messages.split_first()?;
    let more = match rest.len() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let told = without_credentials(first.trim_end_matches('.'));
    let cause = format!("{told}{more}: each undoes what the other applies");
    let observation = Observation::suspicious(since, cause);
    let rest = rest.iter().take(RESULTS);
    Some(rest.fold(observation, |observation, message| {
        observation.evidence(message)
    }))
}

/// An object that keeps the id of the other application has moved there, perhaps on purpose.
fn claimed<'a>(claims: impl Iterator<Item = &'a Claim>) -> Option<Observation> {
    let claims: Vec<_> = claims.collect();
    let first = claims.first()?;
    let more = match claims.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let (object, by) = (&first.object, without_credentials(&first.by));
    let cause = if first.came_back {
        format!(
            "{object}{more} carries the tracking id of application {by} in turn with this one's: each undoes what the other applies"
        )
    } else {
        format!(
            "{object}{more} carries the tracking id of application {by} now, so it is not followed any more"
        )
    };
    Some(Observation::suspicious(first.since, cause))
}

/// Finds an Application whose health is Suspended: `argocd app wait --health` never ends by
/// itself.
pub(super) fn suspended(view: &ApplicationView<'_>) -> Vec<Observation> {
    let health = &view.application.status.health;
    if health.status.as_deref() != Some("Suspended") {
        return Vec::new();
    }
    let since = health.last_transition_time.as_ref();
    let since = since.map_or(view.context.facts.started, |time| time.0);
    let cause = "the application is Suspended: someone has to resume it".to_owned();
    let paused = || {
        let workloads = view.context.workloads();
        workloads.filter(|workload| workload.state.pause.is_some())
    };
    // A timed pause waits for nobody.
    let is_timed = |workload: WorkloadView<'_>| !workload.state.waits_for_a_person();
    if paused().next().is_some() && paused().all(is_timed) {
        return Vec::new();
    }
    let paused = paused();
    let observation = paused.take(RESULTS).fold(
        Observation::suspicious(since, cause),
        |observation, workload| observation.evidence(format!("{} is paused", workload.fact.object)),
    );
    vec![observation]
}

/// Finds a Deployment or Job that someone paused.
pub(super) fn paused(view: WorkloadView<'_>) -> Option<Observation> {
    if !view.state.waits_for_a_person() || view.fact.is_rollout() {
        return None;
    }
    let since = ["Progressing", "Suspended"];
    let since = since.iter().find_map(|type_| view.condition_time(type_));
    let since = since.unwrap_or(view.context.facts.started);
    let waiting = view.state.waiting_for.as_deref().unwrap_or_default();
    let cause = if view.fact.traits.runs_once() {
        format!("the {} is suspended", view.fact.object.kind.kind)
    } else if waiting.is_empty() {
        "it is paused".to_owned()
    } else if waiting.starts_with("paused") {
        format!("the rollout is {}", without_credentials(waiting))
    } else {
        format!("the rollout waits for {}", without_credentials(waiting))
    };
    let observation = Observation::suspicious(since, cause);
    Some(match &view.fact.traits.resume {
        Some(arguments) => {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            observation
                .evidence("if the pause stands in git, remove it there: Argo CD sets it again")
                .next(kubectl(&view.fact.object.namespace, &arguments))
        }
        None => observation,
    })
}

/// Finds an Application whose health was Degraded before and still is. `argocd app wait`
/// fails only on a change to Degraded, so it waits for its timeout (argo-cd issue 8496).
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
    let broken = broken_workloads(view);
    let because = broken.first().map(|first| {
        let more = match broken.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(" because of {first}{more}")
    });
    let cause = format!(
        "the application was Degraded {ago} before this rollout began and still is{}; argocd waits for it to recover",
        because.unwrap_or_default()
    );
    let observation = Observation::suspicious(since, cause).key("already degraded");
    // Its grace runs from the start of the rollout.
    let grace = age(started, since).saturating_add(secs(60));
    let message = health.message.as_deref().unwrap_or_default();
    let resources = view.application.status.resources.iter();
    let degraded = resources.filter(|r| r.health.status.as_deref() == Some("Degraded"));
    let observation = broken
        .iter()
        .take(RESULTS)
        .fold(observation, |observation, broken| {
            observation.evidence(broken)
        });
    let observation =
        degraded
            .take(RESULTS)
            .fold(observation.evidence(message), |observation, resource| {
                observation.evidence(format!("{}/{} is Degraded", resource.kind, resource.name))
            });
    vec![observation.grace(grace)]
}

/// Returns the workloads that failed before, each with its reason and since when. The
/// Application itself names none: Argo CD 3 leaves the health of resources out.
fn broken_workloads(view: &ApplicationView<'_>) -> Vec<String> {
    let cron_jobs = view.context.workloads().filter_map(unsuccessful_run);
    let failed = view.context.workloads().filter_map(|workload| {
        let why = without_credentials(workload.state.failed.as_deref()?);
        let types = ["Failed", "FailureTarget", "Progressing", "ReplicaFailure"];
        let since = types
            .iter()
            .find_map(|type_| workload.condition_time(type_));
        let since = since.map_or(String::new(), |since| {
            let ago = crate::diagnosis::span::span(age(view.context.now, since));
            format!(", {ago} ago")
        });
        let (root, object) = (&workload.fact.root, &workload.fact.object);
        let own = if workload.is_root() {
            String::new()
        } else {
            format!("{object}: ")
        };
        Some(format!("{root} ({own}{why}{since})"))
    });
    failed.chain(cron_jobs).collect()
}

/// Describes the last run of a CronJob if it has not succeeded. Its Job may be gone; Argo CD
/// (since 3.2) calls the CronJob Degraded until a later run succeeds.
fn unsuccessful_run(view: WorkloadView<'_>) -> Option<String> {
    let status = &view.fact.workload.status;
    let started = status.last_schedule_time.as_ref()?.0;
    let succeeded = status.last_successful_time.as_ref().map(|time| time.0);
    let owns_failed = view.context.workloads().any(|job| {
        job.fact.root.uid == view.fact.object.uid && !job.is_root() && job.state.failed.is_some()
    });
    if view.fact.traits.runs != Runs::OnSchedule || owns_failed || succeeded >= Some(started) {
        return None;
    }
    let ago = crate::diagnosis::span::span(age(view.context.now, started));
    let object = &view.fact.object;
    Some(format!(
        "{object} (its last run, {ago} ago, has not succeeded)"
    ))
}

#[cfg(test)]
#[path = "operation_tests.rs"]
mod tests;
