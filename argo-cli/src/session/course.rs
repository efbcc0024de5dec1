//! How what a finding is about goes on.

use argo_core::{ObjectRef, resource::Application};

use super::Board;

/// How a workload or an Application goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Rolled out; of an Application, synced.
    Complete,
    /// Under way.
    Going,
    /// Under way, with other pods than those of the finding.
    Anew,
    /// It failed, says its controller.
    Failed,
    /// It is no more.
    Gone,
}

impl Course {
    /// What is known of this object; `pods` are those that the finding is about.
    pub(super) fn of(
        object: &ObjectRef,
        pods: &[String],
        board: &Board,
        application: Option<&Application>,
    ) -> Self {
        let uid = Some(&*object.uid);
        match &*object.kind.kind {
            "Application" => application
                .filter(|application| application.metadata.uid.as_deref() == uid)
                .map_or(Self::Going, of_sync),
            _ => board.course(object, pods),
        }
    }
}

fn of_sync(application: &Application) -> Course {
    let operation = application.status.operation_state.as_ref();
    match operation.map(|operation| operation.phase.as_str()) {
        Some("Succeeded") => Course::Complete,
        Some("Failed" | "Error") => Course::Failed,
        _ => Course::Going,
    }
}
