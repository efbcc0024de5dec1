//! A Job owns its pods; hooks are Jobs mostly.

use super::WorkloadKind;
use crate::rollout;

/// The kind.
pub(super) fn job() -> WorkloadKind {
    WorkloadKind::new("batch", "v1", "Job", "jobs").rollout(rollout::job)
}
