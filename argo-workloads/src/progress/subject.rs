//! The state of the workload or Application that a finding is about.

use argo_core::resource::Application;

/// The state of the workload or Application that a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectState {
    /// The workload is rolled out; an Application is synced.
    Complete,
    /// The rollout is under way.
    InProgress,
    /// The rollout is under way with other pods than those of the finding.
    PodsReplaced,
    /// The controller has given up.
    Failed,
    /// The object was deleted.
    Gone,
}

/// Reads the state of an Application from its last sync.
pub(super) fn of_sync(application: &Application) -> SubjectState {
    let operation = application.status.operation_state.as_ref();
    match operation.map(|operation| operation.phase.as_str()) {
        Some("Succeeded") => SubjectState::Complete,
        Some("Failed" | "Error") => SubjectState::Failed,
        _ => SubjectState::InProgress,
    }
}
