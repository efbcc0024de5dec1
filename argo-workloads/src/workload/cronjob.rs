//! A CronJob owns Jobs, and those own its pods.

use argo_core::{KindTraits, RefusedPods, Runs, resource::WorkloadObject};

use super::WorkloadKind;
use crate::rollout as rules;

/// The kind.
pub(super) fn cronjob() -> WorkloadKind {
    WorkloadKind::new("batch", "v1", "CronJob", "cronjobs")
        .rollout(rules::cronjob)
        .traits(traits)
}

fn traits(_: &WorkloadObject) -> KindTraits {
    KindTraits {
        runs: Runs::OnSchedule,
        refused_pods: RefusedPods::Condition,
        ..KindTraits::default()
    }
}
