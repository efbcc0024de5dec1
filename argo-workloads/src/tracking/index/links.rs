//! The references between objects, in both directions.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    sync::Arc,
};

use argo_core::ObjectName;

use super::node::{Node, UnknownOwner};

pub(super) type Uid = Arc<str>;

/// The references of all nodes, by the object at their other end.
///
/// The sets are ordered, so that equal inputs give equal events.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Owned objects by the uid of their owner, known or not.
    owned: HashMap<Uid, BTreeSet<Uid>>,
    names: HashMap<ObjectName, Uid>,
    /// Users by the object that they use.
    users: HashMap<ObjectName, BTreeSet<Uid>>,
}

impl Links {
    /// Records the references of a node.
    pub(super) fn add(&mut self, node: &Node) {
        let uid = &node.object.uid;
        for owner in &node.owners {
            let owned = self.owned.entry(Arc::clone(&owner.owner.uid));
            owned.or_default().insert(Arc::clone(uid));
        }
        for used in &node.uses {
            let users = self.users.entry(used.clone()).or_default();
            users.insert(Arc::clone(uid));
        }
        self.names.insert(node.name(), Arc::clone(uid));
    }

    /// Removes the references of a node, except those that `now` has too. Returns the owners
    /// that it leaves.
    pub(super) fn remove(&mut self, node: &Node, now: Option<&Node>) -> Vec<Uid> {
        let uid = &node.object.uid;
        let mut left = Vec::new();
        for UnknownOwner { owner, .. } in &node.owners {
            let stays = |now: &Node| now.owners.iter().any(|other| other.owner.uid == owner.uid);
            if now.is_some_and(stays) {
                continue;
            }
            take(&mut self.owned, &owner.uid, uid);
            left.push(Arc::clone(&owner.uid));
        }
        for name in &node.uses {
            if now.is_none_or(|now| !now.uses.contains(name)) {
                take(&mut self.users, name, uid);
            }
        }
        if now.is_none() {
            self.remove_name(node);
        }
        left
    }

    /// Removes the name of a node and the objects that it uses.
    pub(super) fn remove_uses(&mut self, node: &mut Node) {
        for name in std::mem::take(&mut node.uses) {
            take(&mut self.users, &name, &node.object.uid);
        }
        self.remove_name(node);
    }

    /// Removes the name of a node, unless another object has taken it since.
    fn remove_name(&mut self, node: &Node) {
        let name = node.name();
        if self.names.get(&name) == Some(&node.object.uid) {
            self.names.remove(&name);
        }
    }

    pub(super) fn named(&self, name: &ObjectName) -> Option<&Uid> {
        self.names.get(name)
    }

    /// True if any object names this one as its owner.
    pub(super) fn is_owner(&self, uid: &str) -> bool {
        self.owned.contains_key(uid)
    }

    pub(super) fn owned_by(&self, uid: &str) -> impl Iterator<Item = &Uid> {
        self.owned.get(uid).into_iter().flatten()
    }

    /// Returns the known objects that a node uses.
    pub(super) fn used_by(&self, node: &Node) -> Vec<Uid> {
        let used = node.uses.iter().filter_map(|name| self.names.get(name));
        used.cloned().collect()
    }

    pub(super) fn users_of(&self, name: &ObjectName) -> impl Iterator<Item = &Uid> {
        self.users.get(name).into_iter().flatten()
    }
}

fn take<K: Hash + Eq>(sets: &mut HashMap<K, BTreeSet<Uid>>, key: &K, uid: &Uid) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(uid);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}
