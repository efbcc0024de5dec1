//! A Deployment owns ReplicaSets, and those own its pods.

use super::WorkloadKind;
use crate::rollout;

/// The kind.
pub(super) fn deployment() -> WorkloadKind {
    WorkloadKind::new("apps", "v1", "Deployment", "deployments").rollout(rollout::deployment)
}
