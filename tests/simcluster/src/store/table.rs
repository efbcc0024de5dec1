//! The objects of one type and their latest changes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::watch;

use super::object::Object;
use super::resource_type::ResourceType;
use super::watch::{Change, ChangeKind};

/// Namespace (empty for a cluster-scoped type) and name: etcd's order of a list.
pub(super) type Key = (String, String);

#[derive(Debug)]
pub(super) struct Table {
    pub(super) resource: Arc<ResourceType>,
    pub(super) objects: BTreeMap<Key, Arc<Object>>,
    pub(super) changed: watch::Sender<u64>,
    /// Version of the newest change that left the history.
    pub(super) dropped: u64,
    history: VecDeque<Arc<Change>>,
}

impl Table {
    pub(super) fn new(resource: ResourceType) -> Self {
        Self {
            resource: Arc::new(resource),
            objects: BTreeMap::new(),
            changed: watch::Sender::new(0),
            dropped: 0,
            history: VecDeque::new(),
        }
    }

    /// Changes after a version, oldest first.
    pub(super) fn since(&self, version: u64) -> impl Iterator<Item = &Arc<Change>> {
        let first = self
            .history
            .partition_point(|change| change.object.resource_version() <= version);
        self.history.range(first..)
    }

    pub(super) fn put(&mut self, key: Key, object: Arc<Object>, window: usize) {
        let previous = self.objects.insert(key, Arc::clone(&object));
        let kind = match previous {
            Some(_) => ChangeKind::Modified,
            None => ChangeKind::Added,
        };
        self.record(kind, object, previous, window);
    }

    /// `object` is the last state under the version of the deletion.
    pub(super) fn remove(&mut self, key: &Key, object: Arc<Object>, window: usize) {
        let previous = self.objects.remove(key);
        self.record(ChangeKind::Deleted, object, previous, window);
    }

    fn record(
        &mut self,
        kind: ChangeKind,
        object: Arc<Object>,
        previous: Option<Arc<Object>>,
        window: usize,
    ) {
        let version = object.resource_version();
        self.history.push_back(Arc::new(Change {
            kind,
            object,
            previous,
        }));
        self.forget(window);
        self.changed.send_replace(version);
    }

    /// Keeps the newest changes only.
    pub(super) fn forget(&mut self, keep: usize) {
        while self.history.len() > keep {
            if let Some(change) = self.history.pop_front() {
                self.dropped = change.object.resource_version();
            }
        }
    }
}
