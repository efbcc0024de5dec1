//! A DaemonSet owns its pods.

use argo_core::{KindTraits, Newest, RevisionLabel, resource::WorkloadObject};

use super::WorkloadKind;
use crate::rollout as rules;

/// The kind.
pub(super) fn daemonset() -> WorkloadKind {
    WorkloadKind::new("apps", "v1", "DaemonSet", "daemonsets")
        .rollout(rules::daemonset)
        .traits(traits)
}

/// The controller numbers its templates and labels pods with the number. The hash of the
/// revision stands nowhere in the DaemonSet: without the number the youngest pod tells it.
fn traits(object: &WorkloadObject) -> KindTraits {
    const GENERATION: &str = "deprecated.daemonset.template.generation";
    let annotations = object.metadata.annotations.as_ref();
    let generation = annotations.and_then(|annotations| annotations.get(GENERATION));
    let numbered = generation.map(|number| RevisionLabel::new("pod-template-generation", number));
    let hashed = RevisionLabel::of_youngest_pod("controller-revision-hash");
    KindTraits {
        any_pod_dooms: true,
        newest: Newest::Labelled(numbered.into_iter().chain([hashed]).collect()),
        ..KindTraits::default()
    }
}
