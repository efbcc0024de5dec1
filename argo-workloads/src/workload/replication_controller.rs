//! ReplicationControllers: they kept pods running before there were ReplicaSets.

use argo_core::{GroupKind, KindTraits, RefusedPods, RolloutState, resource::WorkloadObject};

use super::{Names, ReplicaSet, Workload};

/// A ReplicationController. Its status has the fields of a ReplicaSet's, and they mean the same.
///
/// Few applications have one, and few roles allow its kind, so it is watched only where the
/// application has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicationController;

static NAMES: Names = Names::new("", "v1", "ReplicationController", "replicationcontrollers");

impl Workload for ReplicationController {
    fn names(&self) -> &Names {
        &NAMES
    }

    fn rollout(&self, object: &WorkloadObject) -> RolloutState {
        ReplicaSet.rollout(object)
    }

    fn traits(&self, _object: &WorkloadObject) -> KindTraits {
        KindTraits {
            refused_pods: RefusedPods::Condition,
            ..KindTraits::default()
        }
    }

    fn beside(&self) -> Option<GroupKind> {
        Some(NAMES.group_kind())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rollout::tests::object;

    #[test]
    fn its_progress_is_that_of_a_replica_set() {
        let slow = object(json!({"spec": {"replicas": 2, "selector": {"app": "old"}},
            "status": {"replicas": 2, "readyReplicas": 1}}));
        let state = ReplicationController.rollout(&slow);
        assert_eq!(state.waiting_for.as_deref(), Some("1 of 2 ready"));
        let done = object(json!({"spec": {"replicas": 1},
            "status": {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1}}));
        assert!(ReplicationController.rollout(&done).complete);
        let refused = object(json!({"spec": {"replicas": 1}, "status": {"conditions": [
            {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]}}));
        let state = ReplicationController.rollout(&refused);
        assert_eq!(state.failed.as_deref(), Some("exceeded quota"));
    }
}
