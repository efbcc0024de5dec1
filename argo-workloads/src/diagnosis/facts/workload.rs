//! A workload at any depth.

use std::sync::Arc;

use argo_core::{KindTraits, ObjectRef, RolloutState, resource::WorkloadObject};
use jiff::Timestamp;

use crate::workload::{Rollout, Workload};

/// A workload at any depth.
#[derive(Clone, Debug)]
pub(crate) struct WorkloadFact {
    pub(crate) object: ObjectRef,
    pub(crate) owner: Option<ObjectRef>,
    pub(crate) root: ObjectRef,
    pub(crate) hook: Option<Arc<str>>,
    pub(crate) is_new: bool,
    pub(crate) rollout: RolloutState,
    pub(crate) traits: KindTraits,
    pub(crate) workload: Arc<WorkloadObject>,
    /// The time at which the workload's newest revision was first seen.
    pub(crate) revision_since: Timestamp,
    /// The time since which the controller has not seen the newest spec.
    pub(crate) unseen_since: Option<Timestamp>,
    /// True if this is a hook that failed and was deleted: the hook counts until its next run
    /// has a result.
    pub(crate) is_gone: bool,
}

impl WorkloadFact {
    /// True for a Rollout of Argo Rollouts.
    pub(crate) fn is_rollout(&self) -> bool {
        Rollout.names().is(&self.object.kind)
    }

    /// Returns the metric that the Job measures for an analysis of Argo Rollouts.
    pub(crate) fn metric(&self) -> Option<&str> {
        let annotations = self.workload.metadata.annotations.as_ref()?;
        let metric = annotations.get("analysisrun.argoproj.io/metric-name")?;
        Some(metric)
    }

    /// Returns the time at which the Job failed, if the workload is a hook.
    pub(super) fn failed_hook(&self) -> Option<Timestamp> {
        self.hook.as_ref()?;
        let conditions = ["FailureTarget", "Failed"];
        let conditions = conditions.map(|type_| self.workload.condition(type_));
        let mut failed = conditions.into_iter().flatten();
        let failed = failed.find(|condition| condition.status == "True")?;
        Some(failed.last_transition_time.as_ref()?.0)
    }
}
