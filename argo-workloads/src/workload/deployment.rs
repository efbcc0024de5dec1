//! A Deployment owns ReplicaSets, and those own its pods.

use argo_core::{KindTraits, Newest, RefusedPods, resource::WorkloadObject};

use super::WorkloadKind;
use crate::rollout as rules;

/// The kind.
pub(super) fn deployment() -> WorkloadKind {
    WorkloadKind::new("apps", "v1", "Deployment", "deployments")
        .rollout(rules::deployment)
        .traits(traits)
}

fn traits(object: &WorkloadObject) -> KindTraits {
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
