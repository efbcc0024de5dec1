//! The questions that the rules ask about an Application: its operation, above all.

use argo_core::{
    GroupKind, ObjectRef,
    resource::{OperationState, ResourceResult},
};
use jiff::Timestamp;

use super::ApplicationView;
use crate::diagnosis::{
    facts::SyncFailures,
    finding::Severity,
    span::{age, secs},
};

impl<'a> ApplicationView<'a> {
    /// Returns the Application as an object.
    pub(crate) fn object(&self) -> ObjectRef {
        let kind = GroupKind::new("argoproj.io", "Application");
        ObjectRef::from_meta(kind, &self.application.metadata)
    }

    pub(crate) fn name(&self) -> &str {
        let name = self.application.metadata.name.as_deref();
        name.unwrap_or_default()
    }

    /// Returns the operation, unless it ended well before this rollout began: then another
    /// one is yet to come. One look has no beginning.
    pub(crate) fn operation(&self) -> Option<&'a OperationState> {
        let operation = self.application.status.operation_state.as_ref()?;
        let finished = operation.finished_at.as_ref().map(|time| time.0);
        let is_past = finished.is_some_and(|finished| {
            age(self.context.facts.started, finished) > secs(120) && !operation.is_running()
        });
        let one_look = self.context.thresholds.is_one_look();
        (!is_past || one_look).then_some(operation)
    }

    /// Returns the time from which a failure of the operation counts.
    pub(crate) fn failed_since(&self, operation: &OperationState) -> Timestamp {
        let finished = operation.finished_at.as_ref();
        let time = finished.or(operation.started_at.as_ref());
        time.map_or(self.context.now, |time| time.0)
    }

    /// Returns the objects that the operation's attempts were refused.
    pub(crate) fn refused(&self) -> Vec<&'a ResourceResult> {
        let failures = self.failures().into_iter();
        failures.flat_map(SyncFailures::refused).collect()
    }

    /// Returns the hooks that failed in the operation's attempts.
    pub(crate) fn failed_hooks(&self) -> impl Iterator<Item = &'a ResourceResult> {
        self.failures().into_iter().flat_map(SyncFailures::hooks)
    }

    fn failures(&self) -> Option<&'a SyncFailures> {
        let uid = self.application.metadata.uid.as_deref();
        self.context.facts.failures_of(uid.unwrap_or_default())
    }
}

/// Returns how bad a failure of the operation is: an operation that runs, or is retried, may
/// still succeed.
pub(crate) fn severity(operation: &OperationState) -> Severity {
    if operation.is_running() {
        Severity::Suspicious
    } else {
        Severity::Doomed
    }
}

/// True if a user terminated the operation.
pub(crate) fn was_terminated(operation: &OperationState) -> bool {
    operation.phase == "Terminating" || operation.message.as_deref() == Some("Operation terminated")
}

/// True if nothing but hooks and namespaces was applied.
pub(crate) fn nothing_deployed(operation: &OperationState) -> bool {
    let results = operation.sync_result.resources.iter();
    let mut applied = results.filter(|result| {
        result.hook_type.is_none()
            && result.status.as_deref() == Some("Synced")
            && result.kind != "Namespace"
    });
    applied.next().is_none()
}
