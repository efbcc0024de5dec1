//! Jobs, hooks among them: they own pods that end by themselves.

use argo_core::{KindTraits, RolloutState, Runs, resource::WorkloadObject};

use super::{Names, Workload};
use crate::rollout::{pause, words};

/// A Job; hooks are Jobs mostly. `desired` and `ready` count successful pods.
///
/// Its progress follows Argo CD, but two to three seconds earlier: `FailureTarget` and
/// `SuccessCriteriaMet` are as final as `Failed` and `Complete`, which follow once the
/// last pod is gone (recording 08-jobs).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Job;

static NAMES: Names = Names::new("batch", "v1", "Job", "jobs");

impl Workload for Job {
    fn names(&self) -> &Names {
        &NAMES
    }

    fn rollout(&self, object: &WorkloadObject) -> RolloutState {
        let status = &object.status;
        let state = RolloutState {
            desired: Some(object.spec.completions.unwrap_or(1)),
            ready: Some(status.succeeded.unwrap_or(0)),
            pause: object.spec.suspend.then(pause::by_suspend),
            ..RolloutState::default()
        };
        let holds = |type_| {
            object
                .condition(type_)
                .filter(|condition| condition.status == "True")
        };
        if let Some(condition) = holds("Failed").or_else(|| holds("FailureTarget")) {
            return state.fails(words(condition, "the Job failed"));
        }
        if holds("Complete").is_some() || holds("SuccessCriteriaMet").is_some() {
            return state.done();
        }
        let (desired, succeeded) = (state.desired.unwrap_or(1), state.ready.unwrap_or(0));
        let failed = status.failed.unwrap_or(0);
        match (state.pause.is_some(), failed > 0) {
            (true, _) => state.waits("suspended"),
            (false, true) => state.waits(format!(
                "{succeeded} of {desired} succeeded, {failed} failed"
            )),
            (false, false) => state.waits(format!("{succeeded} of {desired} succeeded")),
        }
    }

    fn traits(&self, _: &WorkloadObject) -> KindTraits {
        KindTraits {
            runs: Runs::Once,
            ..KindTraits::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rollout::tests::object;

    fn with(status: &Value) -> RolloutState {
        Job.rollout(&object(
            json!({"spec": {"completions": 2}, "status": status}),
        ))
    }

    #[test]
    fn it_ends_with_its_first_final_condition() {
        let condition = |type_: &str| json!({"conditions": [{"type": type_, "status": "True", "message": "m"}]});
        assert_eq!(
            with(&condition("FailureTarget")).failed.as_deref(),
            Some("m")
        );
        assert_eq!(with(&condition("Failed")).failed.as_deref(), Some("m"));
        assert!(with(&condition("SuccessCriteriaMet")).complete);
        assert!(with(&condition("Complete")).complete);
    }

    #[test]
    fn until_then_it_counts() {
        let words = |status: &Value| with(status).waiting_for.unwrap();
        assert_eq!(words(&json!({"succeeded": 1})), "1 of 2 succeeded");
        assert_eq!(words(&json!({"failed": 1})), "0 of 2 succeeded, 1 failed");
        let suspended = object(json!({"spec": {"suspend": true}}));
        assert!(Job.rollout(&suspended).waits_for_a_person());
    }
}
