//! ReplicaSets: they stand between a Deployment or Rollout and its pods, or alone.

use argo_core::{
    KindTraits, OwnedRevision, RefusedPods, RevisionLabel, RolloutState, resource::WorkloadObject,
};

use super::{Intermediate, Names, Workload};
use crate::rollout::{NOT_SEEN, not_available, words};

/// A ReplicaSet. Its progress follows Argo CD's health check; `kubectl rollout status`
/// knows no ReplicaSets. All its pods are of one revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicaSet;

static NAMES: Names = Names::new("apps", "v1", "ReplicaSet", "replicasets");

/// The controllers that own ReplicaSets, by the annotation in which they number them and
/// the label that tells their pods apart. A rollback gives an old ReplicaSet a new number
/// (kubernetes `pkg/controller/deployment/sync.go`).
const REVISIONS: [(&str, &str); 2] = [
    ("deployment.kubernetes.io/revision", "pod-template-hash"),
    ("rollout.argoproj.io/revision", "rollouts-pod-template-hash"),
];

impl Workload for ReplicaSet {
    fn names(&self) -> &Names {
        &NAMES
    }

    fn rollout(&self, object: &WorkloadObject) -> RolloutState {
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

    fn traits(&self, object: &WorkloadObject) -> KindTraits {
        KindTraits {
            refused_pods: RefusedPods::Condition,
            revision: REVISIONS
                .iter()
                .find_map(|(annotation, label)| revision(object, annotation, label)),
            ..KindTraits::default()
        }
    }
}

fn revision(
    object: &WorkloadObject,
    annotation: &str,
    label: &'static str,
) -> Option<OwnedRevision> {
    let hash = object.metadata.labels.as_ref()?.get(label)?;
    let annotations = object.metadata.annotations.as_ref();
    let number = annotations.and_then(|annotations| annotations.get(annotation));
    Some(OwnedRevision {
        number: number.and_then(|number| number.parse().ok()),
        label: RevisionLabel::new(label, hash),
    })
}

impl Intermediate {
    /// Describes a ReplicaSet whose pods carry its hash in this label.
    pub(super) fn replicaset(hash_label: &'static str) -> Self {
        Self {
            kind: ReplicaSet.names().group_kind(),
            hash_label,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rollout::tests::object;

    #[test]
    fn a_refused_pod_fails_it() {
        let refused = object(json!({"spec": {"replicas": 2}, "status": {"conditions": [
            {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]}}));
        assert_eq!(
            ReplicaSet.rollout(&refused).failed.as_deref(),
            Some("exceeded quota")
        );
        let slow = object(json!({"spec": {"replicas": 2}, "status": {"readyReplicas": 1}}));
        assert_eq!(
            ReplicaSet.rollout(&slow).waiting_for.as_deref(),
            Some("1 of 2 ready")
        );
    }
}
