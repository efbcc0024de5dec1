//! A CronJob owns Jobs, and those own its pods.

use super::WorkloadKind;
use crate::rollout;

/// The kind.
pub(super) fn cronjob() -> WorkloadKind {
    WorkloadKind::new("batch", "v1", "CronJob", "cronjobs").rollout(rollout::cronjob)
}
