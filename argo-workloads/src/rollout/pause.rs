//! Pauses of Rollouts and Deployments, and the step of a canary.

use std::time::Duration;

use argo_core::{
    Pause, PausedBy, Step,
    resource::{CanaryStep, WorkloadObject},
};
use jiff::{SignedDuration, Timestamp};

/// Returns the pause of a workload with `spec.paused`.
pub(crate) fn by_spec(object: &WorkloadObject, step: Option<Step>) -> Pause {
    let since = object.condition("Progressing").filter(|condition| {
        let reason = condition.reason.as_deref().unwrap_or_default();
        ["DeploymentPaused", "RolloutPaused"].contains(&reason)
    });
    Pause {
        by: PausedBy::Spec,
        step,
        since: since
            .and_then(|condition| condition.last_transition_time.as_ref())
            .map(|time| time.0),
        lasts: None,
    }
}

/// Returns the pause of a Job or CronJob with `spec.suspend`.
pub(crate) fn by_suspend() -> Pause {
    Pause {
        by: PausedBy::Suspend,
        step: None,
        since: None,
        lasts: None,
    }
}

/// Returns the pause of a Rollout whose phase says that it is paused.
///
/// Its age stands in `pauseConditions` alone: the conditions of the status follow up to 0.8 s
/// later and change with each pod that becomes ready (Argo Rollouts 1.10.2).
pub(crate) fn of_rollout(object: &WorkloadObject) -> Pause {
    let step = step(object);
    let Some(condition) = object.status.pause_conditions.first() else {
        return by_spec(object, step);
    };
    if object.spec.paused {
        return by_spec(object, step);
    }
    let (by, lasts) = match condition.reason.as_str() {
        "BlueGreenPause" => (PausedBy::Promotion, until_promotion(object)),
        "InconclusiveAnalysisRun" | "InconclusiveExperiment" => (PausedBy::Inconclusive, None),
        _ => (PausedBy::Step, current_step(object).and_then(pause_of)),
    };
    Pause {
        by,
        step,
        since: condition.start_time.as_ref().map(|time| time.0),
        lasts,
    }
}

/// Returns the step that a canary is at; nothing once all steps are done.
pub(crate) fn step(object: &WorkloadObject) -> Option<Step> {
    let steps = &object.spec.strategy.canary.as_ref()?.steps;
    let done = object.status.current_step_index.unwrap_or(0);
    let index = usize::try_from(done).ok()?;
    let passed = steps.get(..=index)?;
    Some(Step {
        number: done + 1,
        of: i64::try_from(steps.len()).ok()?,
        weight: passed.iter().rev().find_map(|step| step.set_weight),
    })
}

/// Returns the current step of a canary.
pub(crate) fn current_step(object: &WorkloadObject) -> Option<&CanaryStep> {
    let steps = &object.spec.strategy.canary.as_ref()?.steps;
    steps.get(usize::try_from(object.status.current_step_index.unwrap_or(0)).ok()?)
}

/// Returns the length of a step's pause; nothing if it lasts until a person promotes.
fn pause_of(step: &CanaryStep) -> Option<Duration> {
    let text = step.pause.as_ref()?.duration.as_deref()?;
    length(text).filter(|length| !length.is_zero())
}

/// Parses `75`, `75s` or `1h30m` as the controller does (argo-rollouts
/// `RolloutPause.DurationSeconds`).
fn length(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let length: SignedDuration = text.parse().ok()?;
    Duration::try_from(length).ok()
}

/// Returns the time between the pause and the promotion, unless a person promotes: without
/// `autoPromotionEnabled` the controller ignores the seconds (argo-rollouts
/// `CompletedBlueGreenPause`).
fn until_promotion(object: &WorkloadObject) -> Option<Duration> {
    let strategy = object.spec.strategy.blue_green.as_ref()?;
    let seconds = strategy.auto_promotion_seconds.unwrap_or(0);
    let is_automatic = strategy.auto_promotion_enabled.unwrap_or(true) && seconds > 0;
    let seconds = u64::try_from(seconds).ok()?;
    is_automatic.then(|| Duration::from_secs(seconds))
}

/// True if a timed pause should have ended some time ago.
pub(crate) fn is_overdue(pause: &Pause, now: Timestamp, by: SignedDuration) -> bool {
    pause
        .until()
        .is_some_and(|until| now.duration_since(until) >= by)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rollout::tests::object;

    /// `Rollout/web` of a real cluster (Argo Rollouts 1.10.2), paused at a step.
    fn paused(step: &Value, reason: &str) -> Pause {
        of_rollout(&object(
            json!({"spec": {"strategy": {"canary": {"steps": [{"setWeight": 25}, step, {"setWeight": 50}]}}},
            "status": {"phase": "Paused", "message": reason, "controllerPause": true, "currentStepIndex": 1,
                "pauseConditions": [{"reason": reason, "startTime": "2026-11-28T07:10:25Z"}]}}),
        ))
    }

    fn seconds(step: &Value) -> Option<u64> {
        let pause = paused(&json!({ "pause": step }), "CanaryPauseStep");
        pause.lasts.map(|lasts| lasts.as_secs())
    }

    #[test]
    fn a_step_pauses_for_a_time_or_for_a_person() {
        assert_eq!(seconds(&json!({})), None);
        assert_eq!(seconds(&json!({"duration": 0})), None);
        assert_eq!(seconds(&json!({"duration": 75})), Some(75));
        assert_eq!(seconds(&json!({"duration": "75"})), Some(75));
        assert_eq!(seconds(&json!({"duration": "75s"})), Some(75));
        assert_eq!(seconds(&json!({"duration": "1h30m"})), Some(5400));
        let pause = paused(&json!({"pause": {}}), "CanaryPauseStep");
        let step = pause.step.unwrap();
        assert_eq!((step.number, step.of, step.weight), (2, 3, Some(25)));
        assert_eq!(
            pause.since.unwrap().to_string(),
            "2026-11-28T07:10:25Z",
            "the age is that of the pause, not of a condition"
        );
    }

    #[test]
    fn an_inconclusive_analysis_waits_for_a_person() {
        let pause = paused(&json!({"analysis": {}}), "InconclusiveAnalysisRun");
        assert_eq!((pause.by, pause.lasts), (PausedBy::Inconclusive, None));
    }

    #[test]
    fn blue_green_promotes_by_itself_only_if_it_may() {
        let lasts = |strategy: Value| {
            let object = object(json!({"spec": {"strategy": {"blueGreen": strategy}},
                "status": {"pauseConditions": [{"reason": "BlueGreenPause"}]}}));
            of_rollout(&object).lasts.map(|lasts| lasts.as_secs())
        };
        assert_eq!(lasts(json!({"autoPromotionEnabled": false})), None);
        let both = json!({"autoPromotionEnabled": false, "autoPromotionSeconds": 30});
        assert_eq!(lasts(both), None);
        assert_eq!(lasts(json!({"autoPromotionSeconds": 30})), Some(30));
    }

    #[test]
    fn a_pause_in_the_spec_is_nobodys_step() {
        let object = object(json!({"spec": {"paused": true}, "status": {"conditions": [
            {"type": "Progressing", "reason": "DeploymentPaused", "lastTransitionTime": "2026-11-28T07:10:25Z"}]}}));
        let pause = of_rollout(&object);
        assert_eq!((pause.by, pause.step), (PausedBy::Spec, None));
        assert!(pause.waits_for_a_person() && pause.since.is_some());
    }
}
