//! ReplicaSets that nobody owns.

use argo_core::resource::WorkloadObject;

use super::{NOT_SEEN, RolloutState, not_available, words};

/// The state of a ReplicaSet, as Argo CD's health check decides it; `kubectl rollout
/// status` knows no ReplicaSets. All its pods are of one revision.
pub fn replicaset(object: &WorkloadObject) -> RolloutState {
    let mut state = RolloutState::replicas(object);
    state.updated = object.status.replicas;
    if !object.is_observed() {
        return state.waits(NOT_SEEN);
    }
    let failure = object
        .condition("ReplicaFailure")
        .filter(|condition| condition.status == "True");
    if let Some(condition) = failure {
        return state.fails(words(condition, "pods cannot be created"));
    }
    let (desired, available) = (state.desired.unwrap_or(1), state.available.unwrap_or(0));
    if available < desired {
        let ready = state.ready.unwrap_or(0);
        return state.waits(not_available(available, ready, desired));
    }
    state.done()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::object, *};

    #[test]
    fn a_refused_pod_fails_it() {
        let refused = object(json!({"spec": {"replicas": 2}, "status": {"conditions": [
            {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]}}));
        assert_eq!(
            replicaset(&refused).failed.as_deref(),
            Some("exceeded quota")
        );
        let slow = object(json!({"spec": {"replicas": 2}, "status": {"readyReplicas": 1}}));
        assert_eq!(
            replicaset(&slow).waiting_for.as_deref(),
            Some("1 of 2 ready")
        );
    }
}
