//! One pod, as far as it counts for its workload.

use std::{sync::Arc, time::Duration};

use argo_core::{Tracked, resource::Pod, text::duration::between};
use jiff::Timestamp;

#[derive(Debug)]
pub(super) struct PodProgress {
    /// Uid of the workload at the top of the pod's ownership chain.
    pub(super) root: Arc<str>,
    /// True if the pod came into being with this rollout.
    pub(super) is_new: bool,
    /// Restarts of all containers of the pod.
    pub(super) restarts: u32,
    pod: Arc<Pod>,
}

impl PodProgress {
    pub(super) fn new(tracked: &Tracked, pod: &Arc<Pod>) -> Self {
        let statuses = pod.containers().filter_map(|(_, status)| status);
        let restarts = statuses.map(|status| u32::try_from(status.restart_count).unwrap_or(0));
        Self {
            root: Arc::clone(&tracked.root.uid),
            is_new: tracked.is_new,
            restarts: restarts.sum(),
            pod: Arc::clone(pod),
        }
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.pod.metadata.name.as_deref()
    }

    /// True if its containers are started again whenever they end.
    pub(super) fn keeps_running(&self) -> bool {
        self.pod.spec.restart_policy.as_deref().unwrap_or("Always") == "Always"
    }

    /// True if the pod has ended for good.
    pub(super) fn is_finished(&self) -> bool {
        self.pod.is_finished()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.pod
            .condition("Ready")
            .is_some_and(|ready| ready.status == "True")
    }

    /// True if it has been ready for that long.
    pub(super) fn is_ready_for(&self, long: Duration, now: Timestamp) -> bool {
        let ready = self.pod.condition("Ready").filter(|_| self.is_ready());
        let since = ready.and_then(|ready| ready.last_transition_time.as_ref());
        since.is_some_and(|since| between(since.0, now) >= long)
    }

    /// True if every main container has a readiness probe.
    pub(super) fn has_readiness_probes(&self) -> bool {
        let mut containers = self.pod.spec.containers.iter();
        containers.all(|container| container.readiness_probe.is_some())
    }

    /// Returns how often its containers have ended: each restart is one end, and so is a
    /// container that has ended and was not started again yet. Init containers are meant to
    /// end.
    pub(super) fn container_ends(&self) -> u32 {
        let statuses = &self.pod.status.container_statuses;
        let ends = statuses.iter().map(|status| {
            let ended = u32::from(status.state.terminated.is_some());
            u32::try_from(status.restart_count).unwrap_or(0) + ended
        });
        ends.sum()
    }
}
