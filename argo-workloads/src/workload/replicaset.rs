//! A ReplicaSet is the level between a Deployment or Rollout and its pods; its events tell why no pod can be created.

use argo_core::{KindTraits, OwnedRevision, RefusedPods, RevisionLabel, resource::WorkloadObject};

use super::WorkloadKind;
use crate::rollout as rules;

/// The kind.
pub(super) fn replicaset() -> WorkloadKind {
    WorkloadKind::new("apps", "v1", "ReplicaSet", "replicasets")
        .rollout(rules::replicaset)
        .traits(traits)
}

/// The controllers that own ReplicaSets, by the annotation in which they number them and
/// the label that tells their pods apart. A rollback gives an old ReplicaSet a new number
/// (kubernetes `pkg/controller/deployment/sync.go`).
const REVISIONS: [(&str, &str); 2] = [
    ("deployment.kubernetes.io/revision", "pod-template-hash"),
    ("rollout.argoproj.io/revision", "rollouts-pod-template-hash"),
];

fn traits(object: &WorkloadObject) -> KindTraits {
    KindTraits {
        refused_pods: RefusedPods::Condition,
        revision: REVISIONS
            .iter()
            .find_map(|(annotation, label)| revision(object, annotation, label)),
        ..KindTraits::default()
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
