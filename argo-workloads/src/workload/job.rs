//! A Job owns its pods; hooks are Jobs mostly.

use argo_core::{KindTraits, Runs, resource::WorkloadObject};

use super::WorkloadKind;
use crate::rollout as rules;

/// The kind.
pub(super) fn job() -> WorkloadKind {
    WorkloadKind::new("batch", "v1", "Job", "jobs")
        .rollout(rules::job)
        .traits(traits)
}

fn traits(_: &WorkloadObject) -> KindTraits {
    KindTraits {
        runs: Runs::Once,
        ..KindTraits::default()
    }
}
