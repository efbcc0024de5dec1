//! A StatefulSet owns its pods.

use argo_core::{KindTraits, Newest, RevisionLabel, resource::WorkloadObject};

use super::WorkloadKind;
use crate::rollout as rules;

/// The kind.
pub(super) fn statefulset() -> WorkloadKind {
    WorkloadKind::new("apps", "v1", "StatefulSet", "statefulsets")
        .rollout(rules::statefulset)
        .traits(traits)
}

fn traits(object: &WorkloadObject) -> KindTraits {
    let revision = object.status.update_revision.as_deref();
    let label = |revision| RevisionLabel::new("controller-revision-hash", revision);
    KindTraits {
        ordered: object.spec.pod_management_policy.as_deref() != Some("Parallel"),
        keeps_pod_names: true,
        any_pod_dooms: true,
        newest: revision.map_or(Newest::All, |revision| {
            Newest::Labelled(vec![label(revision)])
        }),
        ..KindTraits::default()
    }
}
