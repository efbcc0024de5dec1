//! All objects by uid and by owner.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::store::{Change, ChangeKind, Object};

type Children = BTreeMap<(String, String), Arc<Object>>;

/// The objects by the watches so far, and their owners.
#[derive(Debug, Default)]
pub(crate) struct Index {
    kinds: HashMap<String, String>,
    children: HashMap<String, Children>,
}

impl Index {
    /// Takes in a change of an object of `resource`.
    pub(crate) fn apply(&mut self, resource: &str, change: &Change) {
        if let Some(previous) = &change.previous {
            self.leave(previous);
        }
        match change.kind {
            ChangeKind::Deleted => {
                self.leave(&change.object);
                self.kinds.remove(change.object.uid());
            }
            ChangeKind::Added | ChangeKind::Modified => self.add(resource, &change.object),
        }
    }

    pub(crate) fn add(&mut self, resource: &str, object: &Arc<Object>) {
        self.kinds
            .insert(object.uid().to_owned(), resource.to_owned());
        for owner in owners(object) {
            let children = self.children.entry(owner.to_owned()).or_default();
            let key = (object.name().to_owned(), object.uid().to_owned());
            children.insert(key, Arc::clone(object));
        }
    }

    fn leave(&mut self, object: &Arc<Object>) {
        for owner in owners(object) {
            if let Some(children) = self.children.get_mut(owner) {
                children.remove(&(object.name().to_owned(), object.uid().to_owned()));
                if children.is_empty() {
                    self.children.remove(owner);
                }
            }
        }
    }

    /// The objects of one type that belong to an owner, by name.
    pub(crate) fn children(&self, owner: &str, resource: &str) -> Vec<Arc<Object>> {
        let of_type = |child: &&Arc<Object>| self.resource(child.uid()) == Some(resource);
        self.all_children(owner).filter(of_type).cloned().collect()
    }

    pub(crate) fn all_children(&self, owner: &str) -> impl Iterator<Item = &Arc<Object>> {
        self.children
            .get(owner)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// The type of a living object.
    pub(crate) fn resource(&self, uid: &str) -> Option<&str> {
        self.kinds.get(uid).map(String::as_str)
    }

    /// Returns true if any owner of the object still exists.
    pub(crate) fn is_owned(&self, object: &Object) -> bool {
        owners(object).any(|owner| self.kinds.contains_key(owner))
    }
}

fn owners(object: &Object) -> impl Iterator<Item = &str> {
    let owners = object["metadata"]["ownerReferences"].as_array();
    owners
        .into_iter()
        .flatten()
        .filter_map(|owner: &Value| owner["uid"].as_str())
}
