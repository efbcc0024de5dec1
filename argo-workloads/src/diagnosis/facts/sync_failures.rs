//! The failures of the attempts of a sync.
//!
//! Argo CD starts each retry with an empty list of results (recordings argocd/cr) and in any
//! order: an object that an attempt has not reached yet keeps its last result.

use argo_core::resource::{OperationState, ResourceResult};

/// Failures that are remembered of one operation; further ones are dropped.
const FAILURES: usize = 100;

/// The results that stand as failed, by kind, namespace and name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SyncFailures(Vec<ResourceResult>);

impl SyncFailures {
    /// Takes in the present state of the operation.
    pub(crate) fn observe(&mut self, operation: &OperationState) {
        let results = &operation.sync_result.resources;
        // Another operation owes nothing to the one before.
        let is_retry = operation.is_running() && operation.retry_count > Some(0);
        let is_open = |old: &ResourceResult| {
            let decided = |new: &ResourceResult| name(old) == name(new) && !is_pending(new);
            is_retry && !results.iter().any(decided)
        };
        self.0.retain(is_open);
        let failed = results.iter().filter(|result| has_failed(result));
        self.0.extend(failed.cloned());
        self.0.sort_by(|a, b| name(a).cmp(&name(b)));
        self.0.truncate(FAILURES);
    }

    /// Returns the objects that the server refused.
    pub(crate) fn refused(&self) -> impl Iterator<Item = &ResourceResult> {
        self.0.iter().filter(|result| is_refused(result))
    }

    /// Returns the hooks that failed.
    pub(crate) fn hooks(&self) -> impl Iterator<Item = &ResourceResult> {
        self.0.iter().filter(|result| is_failed_hook(result))
    }
}

fn has_failed(result: &ResourceResult) -> bool {
    is_refused(result) || is_failed_hook(result)
}

fn is_refused(result: &ResourceResult) -> bool {
    result.status.as_deref() == Some("SyncFailed")
}

fn is_failed_hook(result: &ResourceResult) -> bool {
    let phase = result.hook_phase.as_deref();
    result.hook_type.is_some() && matches!(phase, Some("Failed" | "Error"))
}

/// True if the result is that of a hook that was created and has not ended.
fn is_pending(result: &ResourceResult) -> bool {
    let phase = result.hook_phase.as_deref();
    result.hook_type.is_some() && !is_refused(result) && matches!(phase, None | Some("Running"))
}

fn name(result: &ResourceResult) -> (&str, &str, &str, &str) {
    (&result.kind, &result.group, &result.namespace, &result.name)
}
