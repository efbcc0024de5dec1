//! Analyses of Argo Rollouts: they own the Jobs that measure.

use argo_core::{GroupKind, KindTraits, RolloutState, Runs, resource::WorkloadObject};

use super::{Names, Rollout, Workload};

/// An AnalysisRun. A Rollout makes one for each step that analyses; it may also stand in git,
/// as a hook most often.
///
/// Its progress follows Argo CD's health check (argo-cd
/// `resource_customizations/argoproj.io/AnalysisRun/health.lua`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnalysisRun;

static NAMES: Names = Names::new("argoproj.io", "v1alpha1", "AnalysisRun", "analysisruns");

impl Workload for AnalysisRun {
    fn names(&self) -> &Names {
        &NAMES
    }

    fn rollout(&self, object: &WorkloadObject) -> RolloutState {
        by_phase(object, "the analysis")
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

/// Judges a run by its phase.
pub(super) fn by_phase(object: &WorkloadObject, what: &str) -> RolloutState {
    let state = RolloutState::default();
    let phase = object.status.phase.as_deref().unwrap_or("Pending");
    let message = object.status.message.as_deref().unwrap_or_default();
    match phase {
        "Successful" => state.done(),
        "Failed" | "Error" | "Inconclusive" if message.is_empty() => {
            state.fails(format!("{what} ended {phase}"))
        }
        "Failed" | "Error" | "Inconclusive" => state.fails(message),
        _ => state.waits(what),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rollout::tests::object;

    #[test]
    fn the_phase_decides() {
        let with = |phase: &str| {
            let status = json!({"phase": phase, "message": "Metric \"a\" assessed Failed"});
            AnalysisRun.rollout(&object(json!({ "status": status })))
        };
        assert!(with("Successful").complete);
        assert!(with("Running").waiting_for.is_some());
        let failed = with("Failed").failed;
        assert_eq!(failed.as_deref(), Some("Metric \"a\" assessed Failed"));
    }
}
