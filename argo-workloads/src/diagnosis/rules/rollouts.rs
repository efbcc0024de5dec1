//! Rollouts of Argo Rollouts that are paused, aborted or invalid.
//!
//! Phase and message tell (argo-rollouts `utils/rollout/rolloututil.go`); events do not, since
//! the controller drops most of them.

use argo_core::PausedBy;

use super::analysis::{self, Measured};
use crate::diagnosis::{
    context::WorkloadView,
    observation::{Observation, rollouts},
};
use crate::message::without_credentials;

/// Finds a Rollout that is paused until a person acts.
pub(super) fn paused(view: WorkloadView<'_>) -> Option<Observation> {
    if !view.fact.is_rollout() || !view.state.waits_for_a_person() {
        return None;
    }
    let pause = view.state.pause?;
    let object = &view.fact.object;
    let since = pause.since.unwrap_or(view.context.facts.started);
    let words = pause.words(view.context.now);
    let (updated, desired) = (view.state.updated?, view.state.desired?);
    let pods = format!("{updated} of {desired} pods new");
    let promote = rollouts(object, &["promote"]);
    let look = rollouts(object, &["get", "rollout"]);
    let observation = |cause: String| Observation::suspicious(since, cause).key("paused");
    Some(match (pause.by, analysis::of_pause(view)) {
        (PausedBy::Inconclusive, Some(analysis)) => {
            let cause = format!("{words}, {pods}: {}", analysis.words);
            let found = observation(cause).last_log(analysis.lines);
            match analysis.measured {
                Measured::Yes => found.next(promote),
                // A promotion runs it again, and passes over nothing that was measured.
                Measured::No => found
                    .evidence("nothing was measured: mend the analysis before the Rollout goes on")
                    .next(look),
            }
        }
        (PausedBy::Inconclusive, None) => {
            observation(format!("{words}, {pods}: a person has to decide")).next(look)
        }
        (PausedBy::Spec, _) => observation(format!("{words}, {pods}: a person has to resume it"))
            .evidence("if the pause stands in git, remove it there: Argo CD sets it again")
            .next(promote),
        _ => observation(format!("{words}, {pods}: a person has to promote it")).next(promote),
    })
}

/// Finds a Rollout that went back to its old revision.
pub(super) fn aborted(view: WorkloadView<'_>) -> Option<Observation> {
    let failed = view.state.failed.as_deref()?;
    if !view.fact.is_rollout() || !view.state.aborted || invalid_message(view).is_some() {
        return None;
    }
    let time = view.fact.workload.status.aborted_at.as_ref();
    let since = time.map_or(view.context.now, |time| time.0);
    let message = failed.strip_prefix("RolloutAborted: ").unwrap_or(failed);
    let update = message.strip_prefix("Rollout aborted update to ");
    let object = &view.fact.object;
    let look = rollouts(object, &["get", "rollout"]);
    let retry = rollouts(object, &["retry", "rollout"]);
    let (cause, next) = match update.map(|update| update.split_once(": ").ok_or(update)) {
        // The controller names its reason; a person has none.
        Some(Ok((revision, why))) => (
            format!(
                "the update to {revision} was aborted: {}",
                without_credentials(why)
            ),
            look,
        ),
        Some(Err(revision)) => (format!("someone aborted the update to {revision}"), retry),
        None => (
            format!("the update was aborted: {}", without_credentials(message)),
            look,
        ),
    };
    let cause = cause.trim_end_matches('.').to_owned();
    let observation = Observation::doomed(since, cause).key("aborted").next(next);
    Some(observation.of_release(view))
}

/// Finds a Rollout whose spec the controller refuses.
pub(super) fn invalid(view: WorkloadView<'_>) -> Option<Observation> {
    if !view.fact.is_rollout() {
        return None;
    }
    let message = invalid_message(view)?;
    let condition = view.fact.workload.condition("InvalidSpec");
    let time = condition.and_then(|condition| {
        let time = condition.last_update_time.as_ref();
        time.or(condition.last_transition_time.as_ref())
    });
    let since = time.map_or(view.context.now, |time| time.0);
    let object = &view.fact.object;
    let own = format!("The Rollout \"{}\" is invalid: ", object.name);
    let message = without_credentials(message);
    let why = message.strip_prefix(&own).unwrap_or(&message);
    let cause = format!("the controller refuses the spec: {why}");
    let next = rollouts(object, &["get", "rollout"]);
    Some(
        Observation::doomed(since, cause)
            .next(next)
            .of_release(view),
    )
}

fn invalid_message(view: WorkloadView<'_>) -> Option<&str> {
    view.state.failed.as_deref()?.strip_prefix("InvalidSpec: ")
}

#[cfg(test)]
#[path = "rollouts_tests.rs"]
mod tests;
