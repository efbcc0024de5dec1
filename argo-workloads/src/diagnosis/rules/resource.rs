//! Resources of any kind that Argo CD waits for.

use argo_core::{ObjectRef, text::cap};
use jiff::Timestamp;

use crate::diagnosis::{
    context::ResourceView,
    facts::EventFact,
    observation::{Observation, kubectl},
    span::{age, secs, span},
};
use crate::message::without_credentials;
use crate::resources::{Health, Live, Wait};

/// Characters of a reason; the rest is evidence.
const REASON: usize = 240;
/// Characters of an event that gives the reason.
const WARNING: usize = 160;

/// Finds a resource that is not healthy yet and has not failed.
pub(super) fn waiting(view: ResourceView<'_>) -> Option<Observation> {
    if view.is_followed() {
        return None;
    }
    let wait = wait(view).filter(|wait| wait.health != Health::Degraded)?;
    Some(observation(
        view,
        &wait,
        format!("still {}", wait.health.as_str()),
    ))
}

/// Finds a resource that is Degraded.
pub(super) fn degraded(view: ResourceView<'_>) -> Option<Observation> {
    if view.is_followed() {
        return None;
    }
    let wait = wait(view).filter(|wait| wait.health == Health::Degraded)?;
    let mut observation = observation(view, &wait, "Degraded".to_owned());
    observation.weight = 1;
    Some(observation)
}

/// Returns the wait for the resource, if its application waits for health.
fn wait(view: ResourceView<'_>) -> Option<Wait> {
    let application = view.application();
    let is_healthy = application
        .is_some_and(|application| application.status.health.status.as_deref() == Some("Healthy"));
    let wait = view.resource.wait(view.context.now)?;
    (!is_healthy).then_some(wait)
}

fn observation(view: ResourceView<'_>, wait: &Wait, how: String) -> Observation {
    let words = match wait.words.as_str() {
        "" => how,
        words => format!("{how}: {}", cap(words, REASON)),
    };
    // What the object lacks says less than why: `storageclass "fast" not found`.
    let words = match warning(view).filter(|_| wait.health != Health::Degraded) {
        Some(event) => format!("{words} ({})", cap(&told(event), WARNING)),
        None => words,
    };
    let started = view.context.facts.started;
    let observation = Observation::suspicious(wait.since, words)
        .key(format!("{} {}", wait.health.as_str(), wait.words))
        .next(describe(&wait.object));
    let observation = notes(view, observation);
    let observation = match blocked(view) {
        Some(fact) => observation.evidence(fact),
        None => observation,
    };
    // The grace runs within this rollout: what was so before may be about to change.
    if is_older(view, wait.since) {
        let since = age(started, wait.since);
        let observation = observation
            .evidence(format!(
                "it has been so for {}",
                span(age(view.context.now, wait.since))
            ))
            .consequence("; already so before this sync");
        return observation.grace(since.saturating_add(secs(30)));
    }
    observation
}

/// True if the resource was in this state well before the run began.
fn is_older(view: ResourceView<'_>, since: Timestamp) -> bool {
    age(view.context.facts.started, since) > secs(30)
}

/// Adds what the live object and its events say.
fn notes(view: ResourceView<'_>, observation: Observation) -> Observation {
    let assessed = view.resource.assessed();
    let notes = assessed.into_iter().flat_map(|assessed| &assessed.notes);
    let observation = notes.fold(observation, |observation, note| observation.evidence(note));
    match (&view.resource.live, warning(view)) {
        (Live::Absent, _) => observation.evidence("it is not in the cluster"),
        (_, Some(event)) => observation.evidence(format!("{}: {}", event.reason, told(event))),
        (_, None) => observation,
    }
}

/// Returns the last warning about the live object.
fn warning(view: ResourceView<'_>) -> Option<&EventFact> {
    let Live::Found { uid, .. } = &view.resource.live else {
        return None;
    };
    view.context.event(uid, |event| event.type_ == "Warning")
}

fn told(event: &EventFact) -> String {
    without_credentials(event.message.trim_end_matches('.'))
}

/// Names what the sync has not applied yet because it waits for this resource.
fn blocked(view: ResourceView<'_>) -> Option<String> {
    let application = view.application()?;
    let operation = application.status.operation_state.as_ref()?;
    if !operation.is_running() {
        return None;
    }
    let wave = view.resource.wave;
    let later = application.status.resources.iter().filter(|listed| {
        listed.sync_wave.unwrap_or(0) > wave && listed.status.as_deref() == Some("OutOfSync")
    });
    let names: Vec<String> = later
        .map(|listed| format!("{}/{}", listed.kind, listed.name))
        .collect();
    let (first, rest) = names.split_first()?;
    let more = match rest.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "the sync is in wave {wave} and has not applied {first}{more} of later waves"
    ))
}

/// `kubectl -n shop describe certificate.cert-manager.io web`
fn describe(object: &ObjectRef) -> String {
    let kind = object.kind.to_string().to_ascii_lowercase();
    kubectl(&object.namespace, &["describe", &kind, &object.name])
}

#[cfg(test)]
#[path = "resource_tests.rs"]
mod tests;
