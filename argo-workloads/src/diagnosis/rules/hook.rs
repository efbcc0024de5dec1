//! Hooks of a sync that fail, told by their Job and by the Application.

use argo_core::resource::{OperationState, ResourceResult};

use super::job::{failed_condition, is_deadline, job_observation, too_long};
use crate::diagnosis::{
    context::{
        ApplicationView, WorkloadView,
        application::{nothing_deployed, severity, was_terminated},
    },
    facts::{PodFact, WorkloadFact},
    observation::{Observation, kubectl},
};
use crate::message::without_credentials;

/// Finds a hook whose Job failed. Its name is part of the cause: the sync stops with it.
pub(super) fn job_failed(view: WorkloadView<'_>) -> Option<Observation> {
    let phase = view.fact.hook.as_ref()?;
    let condition = failed_condition(view)?;
    let how = if is_deadline(condition) {
        too_long(view)
    } else {
        "failed".to_owned()
    };
    let cause = format!("{phase} hook {} {how}", view.fact.object);
    let mut applications = view.context.applications();
    let nothing = applications.any(|application| {
        let operation = application.application.status.operation_state.as_ref();
        operation.is_some_and(nothing_deployed)
    });
    let observation = job_observation(view, condition, cause);
    Some(
        observation
            .consequence(consequence(phase, nothing))
            .about(view.fact.object.clone()),
    )
}

/// Finds hooks that failed according to the operation. Where the hook's Job is followed, its
/// own rule says more, and so does that of a pod.
pub(super) fn reported_failed(view: &ApplicationView<'_>) -> Vec<Observation> {
    let Some(operation) = view.operation().filter(|it| !was_terminated(it)) else {
        return Vec::new();
    };
    let failed = view.failed_hooks();
    let pods = &view.context.facts.pods;
    failed
        .filter(|hook| !pods.values().any(|pod| is_failed_pod(pod, hook)))
        .map(|hook| observation(view, operation, hook))
        .collect()
}

fn observation(
    view: &ApplicationView<'_>,
    operation: &OperationState,
    hook: &ResourceResult,
) -> Observation {
    let phase = without_credentials(hook.hook_type.as_deref().unwrap_or_default());
    let (kind, name) = (
        without_credentials(&hook.kind),
        without_credentials(&hook.name),
    );
    let mut cause = format!("{phase} hook {kind}/{name} failed");
    if let Some(message) = message(hook) {
        cause = format!("{cause}: {message}");
    }
    let kind = hook.kind.to_ascii_lowercase();
    let next = kubectl(&hook.namespace, &["describe", &kind, &hook.name]);
    let since = view.failed_since(operation);
    let observation = Observation::new(severity(operation), since, cause)
        .consequence(consequence(&phase, nothing_deployed(operation)))
        .evidence(operation.message.as_deref().unwrap_or_default())
        .next(next);
    let mut workloads = view.context.facts.workloads.values();
    match workloads.find(|fact| is_hook(fact, hook)) {
        Some(fact) => observation.about(fact.object.clone()),
        None => observation,
    }
}

fn consequence(phase: &str, nothing_deployed: bool) -> &'static str {
    if phase == "PreSync" && nothing_deployed {
        "; nothing was deployed"
    } else {
        ""
    }
}

/// True for the failed pod that is the hook of a result.
fn is_failed_pod(fact: &PodFact, result: &ResourceResult) -> bool {
    let object = &fact.object;
    result.kind == "Pod"
        && *object.name == *result.name
        && *object.namespace == *result.namespace
        && fact.pod.status.phase.as_deref() == Some("Failed")
}

/// True if a tracked object is the hook of a result of Argo CD, which has no uid.
fn is_hook(fact: &WorkloadFact, result: &ResourceResult) -> bool {
    let object = &fact.object;
    *object.kind.kind == *result.kind
        && *object.name == *result.name
        && *object.namespace == *result.namespace
}

/// Returns the message of a hook's health, unless it only says that the hook failed.
fn message(hook: &ResourceResult) -> Option<String> {
    let message = without_credentials(hook.message.as_deref()?);
    let is_telling =
        !message.is_empty() && message != "Job has reached the specified backoff limit";
    is_telling.then_some(message)
}
