//! A StatefulSet owns its pods.

use super::WorkloadKind;
use crate::rollout;

/// The kind.
pub(super) fn statefulset() -> WorkloadKind {
    WorkloadKind::new("apps", "v1", "StatefulSet", "statefulsets").rollout(rollout::statefulset)
}
