//! An Argo Rollout owns ReplicaSets; its kind exists only where Argo Rollouts is installed.

use super::WorkloadKind;
use crate::rollout;

/// The kind.
pub(super) fn rollout() -> WorkloadKind {
    WorkloadKind::new("argoproj.io", "v1alpha1", "Rollout", "rollouts").rollout(rollout::rollout)
}
