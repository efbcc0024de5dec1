//! Experiments of Argo Rollouts: they own ReplicaSets beside those of their Rollout.

use argo_core::{GroupKind, KindTraits, RolloutState, Runs, resource::WorkloadObject};

use super::{Names, Rollout, Workload, analysis_run::by_phase};

/// An Experiment. A Rollout makes one for each step that experiments; it may also stand in git.
///
/// Its progress follows Argo CD's health check (argo-cd
/// `resource_customizations/argoproj.io/Experiment/health.lua`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Experiment;

static NAMES: Names = Names::new("argoproj.io", "v1alpha1", "Experiment", "experiments");

impl Workload for Experiment {
    fn names(&self) -> &Names {
        &NAMES
    }

    fn rollout(&self, object: &WorkloadObject) -> RolloutState {
        by_phase(object, "the Experiment")
    }

    fn traits(&self, _: &WorkloadObject) -> KindTraits {
        KindTraits {
            runs: Runs::Once,
            ..KindTraits::default()
        }
    }

    fn beside(&self) -> Option<GroupKind> {
        Some(Rollout.names().group_kind())
    }
}
