//! The state of the workload or Application that a finding is about.

use argo_core::resource::Application;

/// The state of the workload or Application that a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectState {
    /// It is rolled out; an Application is synced.
    Complete,
    /// It is under way.
    InProgress,
    /// It is under way with other pods than those of the finding.
    PodsReplaced,
    /// Its controller has given up.
    Failed,
    /// It was deleted.
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
