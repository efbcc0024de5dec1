//! Deployments: they own ReplicaSets, and those own the pods.

use argo_core::{KindTraits, Newest, RefusedPods, RolloutState, resource::WorkloadObject};

use super::{Intermediate, Names, Workload};
use crate::rollout::{NOT_SEEN, not_available, old_terminating, pause};

/// A Deployment. Its progress follows `kubectl rollout status`.
///
/// A paused Deployment is never complete: Argo CD calls it `Suspended` whatever its counts. A status of an older generation says nothing: right after an apply it still
/// praises the old ReplicaSet (`NewReplicaSetAvailable`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deployment;

static NAMES: Names = Names::new("apps", "v1", "Deployment", "deployments");

impl Workload for Deployment {
    fn names(&self) -> &Names {
        &NAMES
    }

    fn rollout(&self, object: &WorkloadObject) -> RolloutState {
        let state = RolloutState::replicas(object);
        if !object.is_observed() {
            return state.waits(NOT_SEEN);
        }
        if exceeded_deadline(object) {
            let seconds = object.spec.progress_deadline_seconds.unwrap_or(600);
            return state.fails(format!("no progress for {seconds} s"));
        }
        let (desired, updated) = (state.desired.unwrap_or(1), state.updated.unwrap_or(0));
        let (ready, available) = (state.ready.unwrap_or(0), state.available.unwrap_or(0));
        let old = object.status.replicas.unwrap_or(0).saturating_sub(updated);
        if object.spec.paused {
            let state = state.pauses(pause::by_spec(object, None));
            if updated < desired {
                state.waits(format!("paused at {updated} of {desired} updated"))
            } else {
                state
            }
        } else if updated < desired {
            state.waits(format!("{updated} of {desired} updated"))
        } else if old > 0 {
            state.waits(old_terminating(old))
        } else if available < updated {
            state.waits(not_available(available, ready, updated))
        } else {
            state.done()
        }
    }

    fn intermediate(&self) -> Option<Intermediate> {
        Some(Intermediate::replicaset("pod-template-hash"))
    }

    fn traits(&self, object: &WorkloadObject) -> KindTraits {
        let name = object.metadata.name.as_deref().unwrap_or_default();
        KindTraits {
            refused_pods: RefusedPods::Condition,
            resume: Some(vec![
                "rollout".into(),
                "resume".into(),
                format!("deployment/{name}"),
            ]),
            newest: Newest::Owned,
            ..KindTraits::default()
        }
    }
}

/// True once the controller has given up. The deadline shows in the reason of the
/// condition, never in an event (kubernetes
/// `pkg/controller/deployment/util/deployment_util.go`).
fn exceeded_deadline(object: &WorkloadObject) -> bool {
    object
        .condition("Progressing")
        .is_some_and(|condition| condition.reason.as_deref() == Some("ProgressDeadlineExceeded"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rollout::tests::object;

    fn waiting(spec: &Value, status: &Value) -> Option<String> {
        let metadata = json!({"generation": 2});
        let deployment = json!({"metadata": metadata, "spec": spec, "status": status});
        Deployment.rollout(&object(deployment)).waiting_for
    }

    #[test]
    fn what_is_missing_comes_in_kubectls_order() {
        let spec = json!({"replicas": 3});
        let status = |updated, replicas, ready, available| {
            json!({"observedGeneration": 2, "updatedReplicas": updated, "replicas": replicas,
                "readyReplicas": ready, "availableReplicas": available})
        };
        let cases = [
            (json!({"observedGeneration": 1}), Some(NOT_SEEN)),
            (status(1, 4, 3, 3), Some("1 of 3 updated")),
            (status(3, 4, 3, 3), Some("1 old pod terminating")),
            (status(3, 3, 2, 2), Some("2 of 3 ready")),
            (status(3, 3, 3, 2), Some("2 of 3 ready for minReadySeconds")),
            (status(3, 3, 3, 3), None),
        ];
        for (status, expected) in cases {
            assert_eq!(waiting(&spec, &status).as_deref(), expected);
        }
    }

    #[test]
    fn a_deadline_fails_and_a_pause_does_not() {
        let late = object(
            json!({"spec": {"progressDeadlineSeconds": 20}, "status": {"conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}}),
        );
        let state = Deployment.rollout(&late);
        assert_eq!(state.failed.as_deref(), Some("no progress for 20 s"));
        assert!(!state.complete && state.waiting_for.is_none());
        let paused = waiting(&json!({"paused": true}), &json!({"observedGeneration": 2}));
        assert_eq!(paused.as_deref(), Some("paused at 0 of 1 updated"));
        let updated = json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1,
            "readyReplicas": 1, "availableReplicas": 1});
        let paused = waiting(&json!({"paused": true}), &updated);
        assert_eq!(paused.as_deref(), Some("paused by spec.paused"));
    }
}
