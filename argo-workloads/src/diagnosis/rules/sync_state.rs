//! The state of the sync, where it holds the application up: out of sync with nobody who
//! syncs, a sync window, a wave that does not end, an Application that goes.

use std::collections::BTreeSet;

use argo_core::{
    GroupKind, ObjectName,
    resource::{Application, ResourceResult, ResourceStatus},
    text::listed,
};
use jiff::Timestamp;

use super::{operation::result_phrase, sync_error};
use crate::diagnosis::{
    context::ApplicationView,
    finding::Severity,
    observation::{Observation, quoted},
    span::{age, span},
};
use crate::{
    message::without_credentials,
    resources::{Drift, Health, Live},
    workload::{Job, Workload},
};

/// Resources that a sentence names; the rest is counted.
const NAMES: usize = 3;
/// Resources that are listed as evidence.
const FACTS: usize = 5;
/// Fields of one resource that a sentence names.
const FIELDS: usize = 4;
/// Said where the cluster alone is read, which holds no comparison.
const UNKNOWN_FIELDS: &str =
    "which fields differ is known to Argo CD's API only (argocd app diff shows it)";

/// The reason for which one resource is out of sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// It is not in git any more.
    Prune,
    /// Its TTL took the Job.
    Taken(i64),
    /// It is a Job that is not in the cluster.
    JobMissing,
    /// It is not in the cluster.
    Missing,
    /// It differs from git.
    Differs,
}

/// Finds an Application whose objects differ from git although no sync runs.
pub(super) fn out_of_sync(view: &ApplicationView<'_>) -> Vec<Observation> {
    let application = view.application;
    let status = &application.status;
    let operation = status.operation_state.as_ref();
    let is_busy =
        application.operation || operation.is_some_and(|operation| operation.is_running());
    if status.sync.status.as_deref() != Some("OutOfSync") || is_busy {
        return Vec::new();
    }
    let differing: Vec<(&ResourceStatus, Why)> = status
        .resources
        .iter()
        .filter(|listed| listed.status.as_deref() == Some("OutOfSync") && !listed.hook)
        .map(|listed| (listed, why(view, listed)))
        .collect();
    if differing.is_empty() {
        return Vec::new();
    }
    let since = differing
        .iter()
        .filter_map(|(listed, _)| since(view, listed))
        .max();
    let since = since.unwrap_or(view.context.facts.started);
    let (standstill, next) = standstill(view, &differing);
    let told = match differing.as_slice() {
        [(listed, why @ Why::Differs)] => phrase(view, listed, *why),
        all => told(all),
    };
    let cause = format!("OutOfSync: {told}; {standstill}");
    let observation = Observation::suspicious(since, cause)
        .key(format!("out of sync {standstill}"))
        .next(next);
    let facts = differing.iter().take(FACTS);
    let observation = facts.fold(observation, |observation, (listed, why)| {
        observation.evidence(phrase(view, listed, *why))
    });
    let observation = match is_drift_unknown(view, &differing) {
        true => observation.evidence(UNKNOWN_FIELDS),
        false => observation,
    };
    vec![
        warnings(application)
            .into_iter()
            .fold(observation, |o, fact| o.evidence(fact)),
    ]
}

fn why(view: &ApplicationView<'_>, listed: &ResourceStatus) -> Why {
    let name = name(listed);
    let resource = view.context.facts.resources().get(&name);
    let is_absent = listed.health.status.as_deref() == Some("Missing")
        || resource.is_some_and(|resource| {
            resource.reported == Some(Health::Missing) || resource.live == Live::Absent
        });
    let is_job = Job.names().is(&name.kind);
    let taken = view.context.facts.taken(&name);
    let is_tracked = view
        .context
        .facts
        .workloads
        .values()
        .any(|fact| fact.object.name() == name && !fact.is_gone);
    match taken.and_then(|taken| taken.ttl) {
        _ if listed.requires_pruning => Why::Prune,
        Some(ttl) if !is_tracked => Why::Taken(ttl),
        // Argo CD 3 leaves the health out; a Job is immutable, so it is missing, not changed.
        _ if is_job && (is_absent || !is_tracked) => Why::JobMissing,
        _ if is_absent => Why::Missing,
        _ => Why::Differs,
    }
}

fn since(view: &ApplicationView<'_>, listed: &ResourceStatus) -> Option<Timestamp> {
    let resource = view.context.facts.resources().get(&name(listed))?;
    Some(resource.since)
}

/// Names the resources by reason: `Job/seed is missing in the cluster`.
fn told(differing: &[(&ResourceStatus, Why)]) -> String {
    let reasons: BTreeSet<Why> = differing.iter().map(|(_, why)| *why).collect();
    let told = reasons.into_iter().map(|reason| {
        let of_reason = differing.iter().filter(|(_, why)| *why == reason);
        let names: Vec<String> = of_reason.map(|(listed, _)| short(listed)).collect();
        let is = if names.len() == 1 { "is" } else { "are" };
        format!("{} {is} {}", some(&names, NAMES), words(reason))
    });
    told.collect::<Vec<_>>().join(", ")
}

fn words(why: Why) -> String {
    match why {
        Why::Prune => "not in git any more and must be pruned".to_owned(),
        Why::Taken(ttl) => format!("gone: ttlSecondsAfterFinished ({ttl} s) deleted it after it finished"),
        Why::JobMissing => "missing in the cluster: a finished Job that its TTL or somebody deleted counts as OutOfSync".to_owned(),
        Why::Missing => "missing in the cluster".to_owned(),
        Why::Differs => "different from git".to_owned(),
    }
}

fn phrase(view: &ApplicationView<'_>, listed: &ResourceStatus, why: Why) -> String {
    let fields = fields(view, listed).filter(|_| why == Why::Differs);
    let fields = fields.map_or_else(String::new, |fields| {
        format!(" in {}", some(fields, FIELDS))
    });
    format!("{} is {}{fields}", short(listed), words(why))
}

/// Returns the fields in which an object differs from git, if Argo CD told.
fn fields<'a>(view: &ApplicationView<'a>, listed: &ResourceStatus) -> Option<&'a [String]> {
    let resource = view.context.facts.resources().get(&name(listed))?;
    match &resource.drift {
        Drift::Fields(fields) => Some(fields),
        _ => None,
    }
}

/// True if objects differ and nobody can tell where.
fn is_drift_unknown(view: &ApplicationView<'_>, differing: &[(&ResourceStatus, Why)]) -> bool {
    let resources = view.context.facts.resources();
    let changed = differing.iter().filter(|(_, why)| *why == Why::Differs);
    let mut drifts = changed.filter_map(|(listed, _)| Some(&resources.get(&name(listed))?.drift));
    drifts.any(|drift| *drift == Drift::Unknown)
}

/// Returns why nothing changes that, and the next step.
fn standstill(
    view: &ApplicationView<'_>,
    differing: &[(&ResourceStatus, Why)],
) -> (String, String) {
    let application = view.application;
    let app = quoted(view.name());
    let only = |wanted: fn(Why) -> bool| differing.iter().all(|(_, why)| wanted(*why));
    let policy = &application.spec.sync_policy;
    if only(|why| why == Why::Prune) {
        let prunes = policy.automated.as_ref().and_then(|it| it.prune) == Some(true);
        let told = if prunes {
            "the next sync prunes it"
        } else {
            "no sync prunes without being told to"
        };
        return (told.to_owned(), format!("argocd app sync {app} --prune"));
    }
    let job = only(|why| matches!(why, Why::Taken(_) | Why::JobMissing));
    let next = if job {
        "make the Job a hook (argocd.argoproj.io/hook: Sync), or leave out ttlSecondsAfterFinished"
            .to_owned()
    } else {
        format!("argocd app sync {app}")
    };
    if let Some(failed) = failed_sync(application) {
        let again = match policy.is_automated() {
            true => "; auto-sync does not try a commit twice",
            false => "",
        };
        let told = format!("its last sync failed{}{again}", detail(failed));
        let next = advice(failed).map_or(next, |advice| advice.next.to_owned());
        return (told, next);
    }
    let told = if !policy.is_automated() {
        "auto-sync is off, and nobody syncs it".to_owned()
    } else if is_synced_to(application) && policy.heals() {
        "self-heal applied this commit already: something changes it back".to_owned()
    } else if is_synced_to(application) {
        "auto-sync applies each commit once, and selfHeal is off".to_owned()
    } else {
        "auto-sync has not begun yet".to_owned()
    };
    let next = if !policy.heals() || job {
        next
    } else {
        format!("argocd app diff {app}")
    };
    (told, next)
}

/// The last sync, if it failed and was to the revision that is compared with.
#[derive(Clone, Copy)]
struct FailedSync<'a> {
    /// The first object that it failed for.
    object: Option<&'a ResourceResult>,
}

fn failed_sync(application: &Application) -> Option<FailedSync<'_>> {
    let operation = application.status.operation_state.as_ref()?;
    let (result, compared) = (&operation.sync_result, &application.status.sync);
    if !operation.has_failed() || result.revision != compared.revision {
        return None;
    }
    let object = result.resources.iter().find(|applied| {
        let is_failed = |state: &Option<String>| {
            matches!(state.as_deref(), Some("Failed" | "Error" | "SyncFailed"))
        };
        is_failed(&applied.hook_phase) || is_failed(&applied.status)
    });
    Some(FailedSync { object })
}

/// ` (PreSync hook Job/migrate)`, ` (Deployment/web: namespaces "shop" not found)`
fn detail(failed: FailedSync<'_>) -> String {
    let Some(object) = failed.object else {
        return String::new();
    };
    match &object.hook_type {
        Some(hook) => format!(" ({hook} hook {}/{})", object.kind, object.name),
        None if object.message.is_none() => format!(" ({}/{})", object.kind, object.name),
        None => format!(" ({})", result_phrase(object)),
    }
}

fn advice(failed: FailedSync<'_>) -> Option<sync_error::Advice> {
    sync_error::advice(failed.object?.message.as_deref()?)
}

/// True if the last operation succeeded with the revision that is compared with.
fn is_synced_to(application: &Application) -> bool {
    let Some(operation) = &application.status.operation_state else {
        return false;
    };
    let (result, compared) = (&operation.sync_result, &application.status.sync);
    operation.phase == "Succeeded"
        && result.revision == compared.revision
        && result.revisions == compared.revisions
}

/// Returns what Argo CD warns of: other owners, excluded resources.
fn warnings(application: &Application) -> Vec<String> {
    const TYPES: [&str; 3] = [
        "SharedResourceWarning",
        "RepeatedResourceWarning",
        "ExcludedResourceWarning",
    ];
    let conditions = application.status.conditions.iter();
    let warnings = conditions.filter(|condition| TYPES.contains(&condition.type_.as_str()));
    warnings
        .take(FACTS)
        .map(|condition| without_credentials(&condition.message))
        .collect()
}

/// Finds a Job that is deleted after its end and made again by self-heal, without end.
pub(super) fn job_taken(view: &ApplicationView<'_>) -> Vec<Observation> {
    let resources = view.application.status.resources.iter();
    let jobs = resources.filter(|listed| Job.names().is(&name(listed).kind));
    let heals = view.application.spec.sync_policy.heals();
    let found = jobs.filter_map(|listed| {
        let taken = view.context.facts.taken(&name(listed))?;
        let ttl = taken.ttl.filter(|_| heals)?;
        let times = match taken.times {
            1 => "once so far".to_owned(),
            times => format!("{times} times so far"),
        };
        let cause = format!(
            "{} is deleted {ttl} s after it finished (ttlSecondsAfterFinished), and self-heal makes it \
             again and again ({times}): the application is never Synced for long",
            short(listed)
        );
        Some(
            Observation::suspicious(taken.first, cause)
                .key(format!("ttl {}", short(listed)))
                .next("make the Job a hook (argocd.argoproj.io/hook: Sync), or leave out ttlSecondsAfterFinished"),
        )
    });
    found.collect()
}

/// Finds a sync that Argo CD refuses to begin by itself.
pub(super) fn auto_sync_refused(view: &ApplicationView<'_>) -> Vec<Observation> {
    let conditions = view.application.status.conditions.iter();
    let refused = conditions.filter(|condition| {
        condition.type_ == "SyncError" && condition.message.starts_with("Skipping sync attempt")
    });
    let found = refused.take(1).map(|condition| {
        let since = condition.last_transition_time.as_ref();
        let since = since.map_or(view.context.facts.started, |time| time.0);
        let message = without_credentials(&condition.message);
        let cause = format!("Argo CD does not sync by itself: {message}");
        let observation = Observation::suspicious(since, cause);
        match sync_error::advice(&condition.message) {
            Some(advice) => observation.evidence(advice.meaning).next(advice.next),
            None => observation,
        }
    });
    found.collect()
}

/// Finds a sync that waits for its sync window. `Running`, though nothing runs (argo-cd
/// `controller/sync.go`).
pub(super) fn window(view: &ApplicationView<'_>) -> Vec<Observation> {
    let operation = view.application.status.operation_state.as_ref();
    let parked = operation.filter(|operation| {
        let message = operation.message.as_deref().unwrap_or_default();
        operation.is_running() && message.contains("sync window")
    });
    let Some(operation) = parked else {
        return Vec::new();
    };
    let began = operation.started_at.as_ref().map(|time| time.0);
    let began = began.unwrap_or(view.context.facts.started);
    let project = view
        .application
        .spec
        .project
        .as_deref()
        .unwrap_or("default");
    let waited = span(age(view.context.now, began));
    let cause =
        "a sync window of its project forbids the sync, which waits until the window lets it"
            .to_owned();
    vec![
        // It is parked from the start, so the grace begins with this run.
        Observation::suspicious(began.max(view.context.facts.started), cause)
            .evidence(format!(
                "the operation has been waiting for {waited}: {}",
                without_credentials(operation.message.as_deref().unwrap_or_default())
            ))
            .next(format!("argocd proj windows list {}", quoted(project))),
    ]
}

/// Finds a sync that stays in one of its waves.
pub(super) fn wave(view: &ApplicationView<'_>) -> Vec<Observation> {
    let operation = view.application.status.operation_state.as_ref();
    let Some(operation) = operation.filter(|operation| operation.is_running()) else {
        return Vec::new();
    };
    let message = without_credentials(operation.message.as_deref().unwrap_or_default());
    let waits = [
        "waiting for healthy state of ",
        "waiting for completion of hook ",
        "waiting for deletion of ",
    ];
    if !waits.iter().any(|wait| message.starts_with(wait)) {
        return Vec::new();
    }
    let began = operation
        .started_at
        .as_ref()
        .map_or(view.context.facts.started, |time| time.0);
    let later: Vec<String> = view
        .application
        .status
        .resources
        .iter()
        .filter(|listed| listed.status.as_deref() == Some("OutOfSync") && !listed.hook)
        .map(short)
        .collect();
    let not_yet = match later.as_slice() {
        [] => String::new(),
        names => format!("; not applied yet: {}", some(names, NAMES)),
    };
    let cause = format!("the sync is {message}{not_yet}");
    let app = quoted(view.name());
    vec![
        Observation::new(Severity::Suspicious, began, cause)
            .key(message)
            .next(format!("argocd app get {app} --show-operation")),
    ]
}

/// Finds an Application that is being deleted, or is gone. A child that another one no longer
/// lists goes as it should.
pub(super) fn deleted(view: &ApplicationView<'_>) -> Option<Observation> {
    let application = view.application;
    let meta = &application.metadata;
    let uid = meta.uid.as_deref().unwrap_or_default();
    let is_child = view.context.facts.applications.iter().any(|(_, other)| {
        let mut listed = other.status.resources.iter();
        listed
            .any(|listed| listed.kind == "Application" && Some(&listed.name) == meta.name.as_ref())
    });
    if is_child {
        return None;
    }
    if let Some(gone) = view.context.facts.deleted_at(uid) {
        let cause = "somebody deleted the Application: there is nothing left to wait for";
        return Some(Observation::doomed(gone, cause));
    }
    let since = meta.deletion_timestamp.as_ref()?.0;
    let finalizers = meta.finalizers.clone().unwrap_or_default();
    let observation = Observation::doomed(since, "somebody is deleting the Application");
    Some(if finalizers.is_empty() {
        observation
    } else {
        observation.evidence(format!("its finalizers: {}", finalizers.join(", ")))
    })
}

fn name(listed: &ResourceStatus) -> ObjectName {
    ObjectName {
        kind: GroupKind::new(&listed.group, &listed.kind),
        namespace: listed.namespace.as_str().into(),
        name: listed.name.as_str().into(),
    }
}

fn short(listed: &ResourceStatus) -> String {
    format!(
        "{}/{}",
        without_credentials(&listed.kind),
        without_credentials(&listed.name)
    )
}

/// `A, B, C and 2 more`
fn some(names: &[String], most: usize) -> String {
    let shown = names
        .iter()
        .take(most)
        .map(String::as_str)
        .collect::<Vec<_>>();
    match names.len().saturating_sub(most) {
        0 => listed(&shown),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
#[path = "sync_state_tests.rs"]
mod tests;
