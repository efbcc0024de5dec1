//! A DaemonSet owns its pods.

use super::WorkloadKind;
use crate::rollout;

/// The kind.
pub(super) fn daemonset() -> WorkloadKind {
    WorkloadKind::new("apps", "v1", "DaemonSet", "daemonsets").rollout(rollout::daemonset)
}
