//! Rollouts of Argo Rollouts: they own ReplicaSets, and those own the pods.

use argo_core::{KindTraits, Newest, RefusedPods, RolloutState, resource::WorkloadObject};

use super::{Intermediate, Names, Workload};
use crate::rollout::{NOT_SEEN, not_available, old_terminating, pause, words};

/// A Rollout of Argo Rollouts; the kind exists only where Argo Rollouts is installed.
///
/// Its progress follows Argo CD's health check (argo-cd
/// `resource_customizations/argoproj.io/Rollout/health.lua`): its `status.phase` where it
/// has one, else its conditions and counts. Events tell nothing reliable: the controller
/// sends 25 for each Rollout, then one in five minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rollout;

static NAMES: Names = Names::new("argoproj.io", "v1alpha1", "Rollout", "rollouts");

impl Workload for Rollout {
    fn names(&self) -> &Names {
        &NAMES
    }

    fn rollout(&self, object: &WorkloadObject) -> RolloutState {
        let mut state = RolloutState::replicas(object);
        if !is_observed(object) {
            return state.waits(NOT_SEEN);
        }
        state.step = pause::step(object);
        let message = || {
            let message = object.status.message.clone();
            message.filter(|message| !message.is_empty())
        };
        match object.status.phase.as_deref() {
            Some("Healthy") => {
                state.step = None;
                state.done()
            }
            Some("Degraded") => {
                state.aborted = object.status.abort;
                state.step = None;
                state.fails(message().unwrap_or_else(|| "degraded".to_owned()))
            }
            // Who promotes takes the reasons away; the phase follows when the controller goes on.
            Some("Paused") if !object.spec.paused && object.status.pause_conditions.is_empty() => {
                state.waits("the Rollout's controller to go on")
            }
            Some("Paused") => state.pauses(pause::of_rollout(object)),
            _ => match analysis(object) {
                Some((what, name)) => state.waits(format!("the {what} {name}")),
                None => by_counts(object, state),
            },
        }
    }

    fn intermediate(&self) -> Option<Intermediate> {
        Some(Intermediate::replicaset("rollouts-pod-template-hash"))
    }

    fn traits(&self, object: &WorkloadObject) -> KindTraits {
        KindTraits {
            refused_pods: RefusedPods::Condition,
            newest: Newest::labelled(
                "rollouts-pod-template-hash",
                object.status.current_pod_hash.as_deref(),
            ),
            ..KindTraits::default()
        }
    }
}

/// Returns the analysis or Experiment that the current step or the promotion waits for.
fn analysis(object: &WorkloadObject) -> Option<(&'static str, &str)> {
    let status = &object.status;
    let step = pause::current_step(object);
    if step.is_some_and(|step| step.experiment) {
        let name = status.canary.current_experiment.as_deref()?;
        return Some(("Experiment", name));
    }
    let of_step = status.canary.current_step_analysis_run_status.as_ref();
    let of_step = of_step.filter(|_| step.is_some_and(|step| step.analysis));
    let runs = of_step.into_iter().chain(status.blue_green.analyses());
    let mut open = runs.filter(|run| ["Pending", "Running"].contains(&&*run.status));
    open.next().map(|run| ("analysis", run.name.as_str()))
}

/// True once the controller has seen the newest spec. Before Argo Rollouts 1.0 there was
/// no phase, and `observedGeneration` was a hash, which reads as none here.
fn is_observed(object: &WorkloadObject) -> bool {
    match object.status.observed_generation {
        Some(_) => object.is_observed(),
        None => object.status.phase.is_some() || !object.status.conditions.is_empty(),
    }
}

fn by_counts(object: &WorkloadObject, state: RolloutState) -> RolloutState {
    const FAILED: [&str; 3] = ["InvalidSpec", "RolloutAborted", "ProgressDeadlineExceeded"];
    let failed = object.status.conditions.iter().find(|condition| {
        let reason = condition.reason.as_deref().unwrap_or_default();
        FAILED.contains(&reason) || (condition.type_ == "InvalidSpec" && condition.status == "True")
    });
    if let Some(condition) = failed {
        return state.fails(words(condition, "degraded"));
    }
    let (desired, updated) = (state.desired.unwrap_or(1), state.updated.unwrap_or(0));
    let (ready, available) = (state.ready.unwrap_or(0), state.available.unwrap_or(0));
    let old = object.status.replicas.unwrap_or(0).saturating_sub(updated);
    if updated < desired {
        state.waits(format!("{updated} of {desired} updated"))
    } else if available < updated {
        state.waits(not_available(available, ready, updated))
    } else if old > 0 && object.spec.strategy.blue_green.is_none() {
        state.waits(old_terminating(old))
    } else if object.status.phase.is_some() {
        // `active service cutover pending`, `waiting for all steps to complete`
        let message = object.status.message.as_deref().unwrap_or_default();
        let message = message.strip_prefix("waiting for ").unwrap_or(message);
        match message {
            "" => state.waits("the Rollout's controller"),
            message => state.waits(message),
        }
    } else {
        state.done()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rollout::tests::object;

    fn with(status: &Value) -> RolloutState {
        Rollout.rollout(&object(
            json!({"metadata": {"generation": 4}, "spec": {"replicas": 2}, "status": status}),
        ))
    }

    #[test]
    fn the_phase_decides() {
        assert!(with(&json!({"observedGeneration": "4", "phase": "Healthy"})).complete);
        assert!(!with(&json!({"observedGeneration": "3", "phase": "Healthy"})).complete);
        let paused =
            with(&json!({"phase": "Paused", "pauseConditions": [{"reason": "CanaryPauseStep"}]}));
        assert!(paused.waits_for_a_person() && !paused.complete);
        let promoted = with(&json!({"phase": "Paused", "controllerPause": true}));
        assert!(!promoted.waits_for_a_person() && !promoted.complete);
        assert_eq!(
            promoted.waiting_for.as_deref(),
            Some("the Rollout's controller to go on")
        );
        let degraded = with(&json!({"phase": "Degraded", "message": "aborted", "abort": true}));
        assert_eq!(degraded.failed.as_deref(), Some("aborted"));
        assert!(degraded.aborted);
    }

    #[test]
    fn without_a_phase_the_conditions_and_counts_do() {
        let aborted = json!({"conditions": [{"type": "Progressing", "reason": "RolloutAborted"}]});
        assert_eq!(with(&aborted).failed.as_deref(), Some("RolloutAborted"));
        let half = json!({"phase": "Progressing", "updatedReplicas": 1});
        assert_eq!(with(&half).waiting_for.as_deref(), Some("1 of 2 updated"));
    }
}
