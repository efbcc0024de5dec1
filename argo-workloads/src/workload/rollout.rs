//! An Argo Rollout owns ReplicaSets; its kind exists only where Argo Rollouts is installed.

use argo_core::{KindTraits, Newest, RefusedPods, RevisionLabel, resource::WorkloadObject};

use super::WorkloadKind;
use crate::rollout as rules;

/// The kind.
pub(super) fn rollout() -> WorkloadKind {
    WorkloadKind::new("argoproj.io", "v1alpha1", "Rollout", "rollouts")
        .rollout(rules::rollout)
        .traits(traits)
}

fn traits(object: &WorkloadObject) -> KindTraits {
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let hash = object.status.current_pod_hash.as_deref();
    let label = |hash| RevisionLabel::new("rollouts-pod-template-hash", hash);
    KindTraits {
        refused_pods: RefusedPods::Condition,
        resume: Some(vec![
            "argo".into(),
            "rollouts".into(),
            "promote".into(),
            name.into(),
        ]),
        newest: hash.map_or(Newest::All, |hash| Newest::Labelled(vec![label(hash)])),
        ..KindTraits::default()
    }
}
