//! The followed Applications, also those that were deleted.

use std::{collections::BTreeMap, sync::Arc};

use argo_core::resource::Application;
use jiff::Timestamp;

use super::sync_failures::SyncFailures;

/// The Applications, by uid.
#[derive(Clone, Debug, Default)]
pub(crate) struct Applications {
    known: BTreeMap<Arc<str>, Arc<Application>>,
    /// The results that stand as failed in the sync of an Application, over all its attempts.
    failures: BTreeMap<Arc<str>, SyncFailures>,
    /// Those that were deleted while they were followed. They stay known.
    deleted: BTreeMap<Arc<str>, Timestamp>,
}

impl Applications {
    pub(super) fn apply(&mut self, uid: Arc<str>, application: &Arc<Application>) {
        if let Some(operation) = &application.status.operation_state {
            let failures = self.failures.entry(Arc::clone(&uid)).or_default();
            failures.observe(operation);
        }
        self.deleted.remove(&uid);
        self.known.insert(uid, Arc::clone(application));
    }

    pub(super) fn delete(&mut self, uid: &Arc<str>, now: Timestamp) {
        self.deleted.insert(Arc::clone(uid), now);
    }

    pub(crate) fn get(&self, uid: &str) -> Option<&Application> {
        self.known.get(uid).map(|application| &**application)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Application>)> {
        self.known.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(super) fn deleted_at(&self, uid: &str) -> Option<Timestamp> {
        self.deleted.get(uid).copied()
    }

    pub(super) fn failures_of(&self, uid: &str) -> Option<&SyncFailures> {
        self.failures.get(uid)
    }
}
