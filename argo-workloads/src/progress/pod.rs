//! One pod, as far as it counts for its workload.

use std::{sync::Arc, time::Duration};

use argo_core::{Tracked, resource::Pod, text::duration::between};
use jiff::Timestamp;

use super::crashes::{Crashes, permanent, until_next};

#[derive(Debug)]
pub(super) struct PodProgress {
    /// Uid of the workload at the top of the pod's ownership chain.
    pub(super) root: Arc<str>,
    /// True if the pod came into being with this rollout.
    pub(super) is_new: bool,
    /// Restarts of all containers of the pod.
    pub(super) restarts: u32,
    /// Restarts of all containers of the pod, also those from before the rollout.
    pub(super) restarts_ever: u32,
    /// Ends of containers that nobody asked for.
    pub(super) crashes: Crashes,
    /// Restarts that it had when it was first seen, if it was there before.
    baseline: u32,
    pod: Arc<Pod>,
}

impl PodProgress {
    pub(super) fn new(tracked: &Tracked, pod: &Arc<Pod>, before: Option<&Self>) -> Self {
        let all = restarts(pod);
        let first = if tracked.is_new { 0 } else { all };
        let baseline = before.map_or(first, |before| before.baseline);
        let known = before.map(|before| (&before.crashes, &*before.pod));
        Self {
            root: Arc::clone(&tracked.root.uid),
            is_new: tracked.is_new,
            restarts: all.saturating_sub(baseline),
            restarts_ever: all,
            crashes: Crashes::after(known, pod, tracked.is_new),
            baseline,
            pod: Arc::clone(pod),
        }
    }

    /// True if the pod is a new one that its node drove away: for what it used itself, or for
    /// want of room.
    pub(super) fn is_evicted(&self) -> bool {
        self.is_new && self.pod.status.reason.as_deref() == Some("Evicted")
    }

    /// True if the pod is being deleted and has not ended.
    pub(super) fn is_going(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some() && !self.pod.is_finished()
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.pod.metadata.name.as_deref()
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.pod.metadata.namespace.as_deref()
    }

    /// True if its containers are started again whenever they end.
    pub(super) fn keeps_running(&self) -> bool {
        self.pod.spec.restart_policy.as_deref().unwrap_or("Always") == "Always"
    }

    /// True if the pod is meant to be ready some time and to stay so.
    pub(super) fn is_awaited(&self) -> bool {
        let is_going = self.pod.metadata.deletion_timestamp.is_some();
        self.keeps_running() && !is_going && !self.pod.is_finished()
    }

    /// True if the pod is ready, is not being deleted and does not end by itself.
    pub(super) fn serves(&self) -> bool {
        self.is_ready() && self.pod.metadata.deletion_timestamp.is_none() && self.keeps_running()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.pod
            .condition("Ready")
            .is_some_and(|ready| ready.status == "True")
    }

    /// True if a crash may still come: without a readiness probe, or ready for less than
    /// `settle`. Of a pod that was there before only a container without a probe that has just
    /// started is in doubt.
    pub(super) fn may_still_crash(&self, settle: Duration, now: Timestamp) -> bool {
        if self.pod.is_finished() {
            return false;
        }
        // The workload will say in a moment what it lacks without it.
        if self.pod.metadata.deletion_timestamp.is_some() {
            return self.is_new;
        }
        if self.is_new {
            // One that ran for 14 s before it ended has proven nothing after 10 s.
            let settle = until_next(settle, self.crashes.longest());
            return !self.has_readiness_probes() || !self.is_ready_for(settle, now);
        }
        let mut unproven = permanent(&self.pod)
            .filter(|(container, _)| container.readiness_probe.is_none())
            .filter_map(|(_, status)| status.state.running.as_ref()?.started_at.as_ref());
        unproven.any(|started| between(started.0, now) < settle)
    }

    fn is_ready_for(&self, long: Duration, now: Timestamp) -> bool {
        let ready = self.pod.condition("Ready").filter(|_| self.is_ready());
        let since = ready.and_then(|ready| ready.last_transition_time.as_ref());
        since.is_some_and(|since| between(since.0, now) >= long)
    }

    fn has_readiness_probes(&self) -> bool {
        let mut containers = self.pod.spec.containers.iter();
        containers.all(|container| container.readiness_probe.is_some())
    }
}

fn restarts(pod: &Pod) -> u32 {
    let statuses = pod.containers().filter_map(|(_, status)| status);
    let restarts = statuses.map(|status| u32::try_from(status.restart_count).unwrap_or(0));
    restarts.sum()
}
