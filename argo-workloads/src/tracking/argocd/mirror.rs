//! The objects as the trees and the reads of single objects show them. No clock, no client.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use argo_core::{
    AppRef, GroupKind, TrackedBody,
    argocd::{Node, ResourceQuery, ResourceTree},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::meta;
use crate::workload::Kinds;

/// The objects by uid.
#[derive(Debug)]
pub(super) struct Mirror {
    kinds: Kinds,
    entries: HashMap<String, Entry>,
    queue: VecDeque<String>,
    /// Applications whose tree was taken at least once.
    known: BTreeSet<String>,
    generation: u64,
}

#[derive(Debug)]
struct Entry {
    app: AppRef,
    /// The name of the application in tracking ids.
    instance: String,
    node: Node,
    body: Option<TrackedBody>,
    read: Read,
    /// True once the first read was answered, whatever the answer.
    is_answered: bool,
    seen: u64,
}

/// The state of the reads of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    None,
    Queued,
    Running,
    /// The node changed while the object was read.
    Stale,
}

/// The way in which objects of a kind are known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// From a read.
    Pod,
    /// From a read.
    Workload,
    /// From the node alone.
    Other,
}

/// A change of an object.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Applied(GroupKind, TrackedBody),
    Removed(GroupKind, TrackedBody),
}

/// An object to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) uid: String,
    pub(super) app: AppRef,
    pub(super) query: ResourceQuery,
    pub(super) is_pod: bool,
}

impl Mirror {
    pub(super) fn new(kinds: Kinds) -> Self {
        Self {
            kinds,
            entries: HashMap::new(),
            queue: VecDeque::new(),
            known: BTreeSet::new(),
            generation: 0,
        }
    }

    /// Takes the tree of an application, whose name in tracking ids is `instance`.
    pub(super) fn tree(
        &mut self,
        app: &AppRef,
        instance: &str,
        tree: &ResourceTree,
    ) -> Vec<Change> {
        self.known.insert(app.to_string());
        self.generation += 1;
        let mut changes = Vec::new();
        for node in &tree.nodes {
            // An object that does not exist yet has no uid.
            if !node.object.uid.is_empty() {
                changes.extend(self.node(app, instance, node));
            }
        }
        let generation = self.generation;
        let is_gone = |entry: &Entry| entry.app == *app && entry.seen != generation;
        let gone: Vec<String> = self
            .entries
            .iter()
            .filter(|(_, entry)| is_gone(entry))
            .map(|(uid, _)| uid.clone())
            .collect();
        for uid in gone {
            let removed = self.entries.remove(&uid);
            let removed = removed.and_then(|entry| {
                Some(Change::Removed(entry.node.object.group_kind(), entry.body?))
            });
            changes.extend(removed);
        }
        changes
    }

    fn node(&mut self, app: &AppRef, instance: &str, node: &Node) -> Option<Change> {
        let sort = self.sort(&node.object.group_kind());
        let uid = &node.object.uid;
        let generation = self.generation;
        let entry = self.entries.entry(uid.clone()).or_insert_with(|| Entry {
            app: app.clone(),
            instance: instance.to_owned(),
            node: Node::default(),
            body: None,
            read: Read::None,
            is_answered: false,
            seen: 0,
        });
        if entry.seen == generation {
            return None;
        }
        entry.seen = generation;
        let is_changed =
            entry.node.resource_version != node.resource_version || entry.node.info != node.info;
        if entry.node != *node {
            entry.node = node.clone();
        }
        if !is_changed && entry.body.is_some() {
            return None;
        }
        if sort == Sort::Other {
            let meta = Arc::new(meta::of_node(node, instance));
            entry.is_answered = true;
            entry.body = Some(TrackedBody::Other(Arc::clone(&meta)));
            return Some(Change::Applied(
                node.object.group_kind(),
                TrackedBody::Other(meta),
            ));
        }
        let version = entry
            .body
            .as_ref()
            .and_then(|body| body.metadata().resource_version.clone());
        if is_changed && version.as_ref() != Some(&node.resource_version) {
            self.want(&node.object.uid);
        }
        None
    }

    /// Puts an object in the queue of those to be read.
    pub(super) fn want(&mut self, uid: &str) {
        let Some(entry) = self.entries.get_mut(uid) else {
            return;
        };
        match entry.read {
            Read::None => {
                entry.read = Read::Queued;
                self.queue.push_back(uid.to_owned());
            }
            Read::Running => entry.read = Read::Stale,
            Read::Queued | Read::Stale => {}
        }
    }

    /// Takes the next object to read. The caller answers with [`read`](Self::read).
    pub(super) fn next_read(&mut self) -> Option<Wanted> {
        while let Some(uid) = self.queue.pop_front() {
            let Some(entry) = self.entries.get_mut(&uid) else {
                continue;
            };
            entry.read = Read::Running;
            let object = &entry.node.object;
            return Some(Wanted {
                app: entry.app.clone(),
                is_pod: object.group.is_empty() && object.kind == "Pod",
                query: ResourceQuery {
                    group: object.group.clone(),
                    version: object.version.clone(),
                    kind: object.kind.clone(),
                    namespace: object.namespace.clone(),
                    name: object.name.clone(),
                },
                uid,
            });
        }
        None
    }

    /// Takes the answer to a read; `None` if the object could not be read. Returns the change, and
    /// true if the object changed meanwhile and has to be [wanted](Self::want) again.
    pub(super) fn read(&mut self, uid: &str, body: Option<TrackedBody>) -> (Option<Change>, bool) {
        let Some(entry) = self.entries.get_mut(uid) else {
            return (None, false);
        };
        let is_stale = entry.read == Read::Stale;
        entry.read = Read::None;
        entry.is_answered = true;
        // Another object of the same name: the tree will show it.
        let body = body.filter(|body| body.metadata().uid.as_deref() == Some(uid));
        let Some(mut body) = body else {
            return (None, is_stale);
        };
        mark(&mut body, &entry.node, &entry.instance);
        let is_known = entry.body.as_ref().is_some_and(|known| {
            let version = |body: &TrackedBody| body.metadata().resource_version.clone();
            version(known) == version(&body)
        });
        let kind = entry.node.object.group_kind();
        entry.body = Some(body.clone());
        ((!is_known).then_some(Change::Applied(kind, body)), is_stale)
    }

    /// Returns the objects of a kind.
    pub(super) fn objects<'a>(
        &'a self,
        kind: &'a GroupKind,
    ) -> impl Iterator<Item = &'a TrackedBody> {
        let entries = self.entries.values();
        let same = entries.filter(move |entry| entry.node.object.group_kind() == *kind);
        same.filter_map(|entry| entry.body.as_ref())
    }

    /// True once every tree is known, and all of their objects were read or could not be.
    pub(super) fn is_complete(&self, apps: usize) -> bool {
        self.known.len() >= apps.max(1) && self.entries.values().all(|entry| entry.is_answered)
    }

    /// Returns the metadata of any object of the trees.
    pub(super) fn metadata(&self, uid: &str) -> Option<ObjectMeta> {
        let entry = self.entries.get(uid)?;
        Some(match &entry.body {
            Some(body) => body.metadata().clone(),
            None => meta::of_node(&entry.node, &entry.instance),
        })
    }

    fn sort(&self, kind: &GroupKind) -> Sort {
        if kind.group.is_empty() && &*kind.kind == "Pod" {
            Sort::Pod
        } else if self.kinds.find(kind).is_some() {
            Sort::Workload
        } else {
            Sort::Other
        }
    }
}

fn mark(body: &mut TrackedBody, node: &Node, instance: &str) {
    match body {
        TrackedBody::Pod(pod) => meta::mark(&mut Arc::make_mut(pod).metadata, node, instance),
        TrackedBody::Workload(object) => {
            meta::mark(&mut Arc::make_mut(object).metadata, node, instance);
        }
        TrackedBody::Other(found) => meta::mark(Arc::make_mut(found), node, instance),
    }
}

#[cfg(test)]
#[path = "mirror_tests.rs"]
mod tests;
