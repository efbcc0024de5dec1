//! CronJobs.

use argo_core::resource::WorkloadObject;

use super::RolloutState;

/// The state of a CronJob: complete as soon as it is there, since its next run may be
/// weeks away.
///
/// Argo CD (since 3.2) says Degraded where the last run failed. Here the run says so
/// itself: it is a Job of its own.
pub fn cronjob(object: &WorkloadObject) -> RolloutState {
    RolloutState {
        paused: object.spec.suspend,
        ..RolloutState::default()
    }
    .done()
}
