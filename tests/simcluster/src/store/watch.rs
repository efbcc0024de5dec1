//! Changes of the objects of one type, in order.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use tokio::sync::watch;

use super::object::Object;
use super::{Inner, locked};

/// Kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// A new object.
    Added,
    /// An object with a new version.
    Modified,
    /// A deleted object.
    Deleted,
}

/// One change of one object.
#[derive(Debug)]
pub struct Change {
    /// Kind of the change.
    pub kind: ChangeKind,
    /// The new version; of a deleted object its last state under the version of the deletion.
    pub object: Arc<Object>,
    /// The version before, unless the object is new.
    pub previous: Option<Arc<Object>>,
}

/// End of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WatchEnd {
    /// Changes that the watch had not read yet are no longer kept: 410 in a server.
    #[error("changes were dropped before they were read")]
    Expired,
    /// The type is no longer served, or the store is gone.
    #[error("the type is no longer served")]
    Closed,
}

/// Reads the changes of one type from a version on. A slow reader costs the store nothing; it
/// expires when what it still had to read leaves the history.
#[derive(Debug)]
pub struct Watch {
    store: Weak<Inner>,
    resource: String,
    position: u64,
    pending: VecDeque<Arc<Change>>,
    changed: watch::Receiver<u64>,
}

impl Watch {
    pub(super) fn new(
        store: Weak<Inner>,
        resource: String,
        position: u64,
        changed: watch::Receiver<u64>,
    ) -> Self {
        Self {
            store,
            resource,
            position,
            pending: VecDeque::new(),
            changed,
        }
    }

    /// The next change; waits for it.
    ///
    /// # Errors
    ///
    /// When the watch has ended; it then stays ended.
    pub async fn next(&mut self) -> Result<Arc<Change>, WatchEnd> {
        loop {
            if let Some(change) = self.try_next()? {
                return Ok(change);
            }
            if self.changed.changed().await.is_err() {
                return Err(WatchEnd::Closed);
            }
        }
    }

    /// The next change if there is one.
    ///
    /// # Errors
    ///
    /// When the watch has ended.
    pub fn try_next(&mut self) -> Result<Option<Arc<Change>>, WatchEnd> {
        if self.pending.is_empty() {
            self.fetch()?;
        }
        Ok(self.pending.pop_front())
    }

    /// The version up to which the watch has read: that of the last change, or a later one at
    /// which nothing was waiting. A bookmark may carry it.
    #[must_use]
    pub fn resource_version(&self) -> u64 {
        match self.pending.front() {
            Some(change) => change.object.resource_version() - 1,
            None => self.position,
        }
    }

    fn fetch(&mut self) -> Result<(), WatchEnd> {
        self.changed.mark_unchanged();
        if self.changed.has_changed().is_err() {
            return Err(WatchEnd::Closed);
        }
        let store = self.store.upgrade().ok_or(WatchEnd::Closed)?;
        let state = locked(&store.state);
        let table = state.tables.get(&self.resource).ok_or(WatchEnd::Closed)?;
        if self.position < table.dropped {
            return Err(WatchEnd::Expired);
        }
        self.pending.extend(table.since(self.position).cloned());
        self.position = state.resource_version;
        Ok(())
    }
}
