//! CronJobs: they own Jobs, and those own the pods.

use argo_core::{KindTraits, RefusedPods, RolloutState, Runs, resource::WorkloadObject};

use super::{Names, Workload};
use crate::rollout::pause;

/// A CronJob. It is complete as soon as it is there, since its next run may be weeks away.
///
/// Argo CD (since 3.2) calls it Degraded where the last run failed. Here the run reports
/// its failure itself: it is a Job of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CronJob;

static NAMES: Names = Names::new("batch", "v1", "CronJob", "cronjobs");

impl Workload for CronJob {
    fn names(&self) -> &Names {
        &NAMES
    }

    fn rollout(&self, object: &WorkloadObject) -> RolloutState {
        RolloutState {
            pause: object.spec.suspend.then(pause::by_suspend),
            ..RolloutState::default()
        }
        .done()
    }

    fn traits(&self, _: &WorkloadObject) -> KindTraits {
        KindTraits {
            runs: Runs::OnSchedule,
            refused_pods: RefusedPods::Condition,
            ..KindTraits::default()
        }
    }
}
