//! A pod, and whether its node refused it.

use std::{collections::BTreeMap, sync::Arc};

use argo_core::{
    ObjectRef, RolloutState,
    resource::{ContainerStatus, Pod},
};

use super::history::ContainerHistory;

/// A pod and the history of its containers.
#[derive(Clone, Debug)]
pub(crate) struct PodFact {
    pub(crate) object: ObjectRef,
    pub(crate) owner: Option<ObjectRef>,
    pub(crate) root: ObjectRef,
    pub(crate) is_new: bool,
    /// Absent for a pod that a workload owns.
    pub(crate) rollout: Option<RolloutState>,
    pub(crate) pod: Arc<Pod>,
    /// By name; boxed, since the smallest map has room for eleven.
    pub(crate) containers: BTreeMap<String, Box<ContainerHistory>>,
}

/// Reasons of failed pods that the kubelet had taken, or that node pressure drove away.
const OTHER_ENDS: [&str; 6] = [
    "Evicted",
    "Preempting",
    "Terminated",
    "DeadlineExceeded",
    "NodeLost",
    "UnexpectedJobFailure",
];

impl PodFact {
    /// True if the kubelet refused the pod: it failed with a reason, and none of its containers
    /// ever ran.
    pub(crate) fn was_refused(&self) -> bool {
        let status = &self.pod.status;
        let reason = status.reason.as_deref().unwrap_or_default();
        let has_ended = self.containers.values().any(|known| !known.ends.is_empty());
        let runs = |status: &ContainerStatus| status.state.running.is_some();
        let has_run = has_ended || self.pod.containers().any(|(_, it)| it.is_some_and(runs));
        let is_other = reason.is_empty() || OTHER_ENDS.contains(&reason);
        status.phase.as_deref() == Some("Failed") && !has_run && !is_other
    }
}
