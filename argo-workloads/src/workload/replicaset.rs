//! A ReplicaSet is the level between a Deployment or Rollout and its pods; its events tell why no pod can be created.

use super::WorkloadKind;
use crate::rollout;

/// The kind.
pub(super) fn replicaset() -> WorkloadKind {
    WorkloadKind::new("apps", "v1", "ReplicaSet", "replicasets").rollout(rollout::replicaset)
}
