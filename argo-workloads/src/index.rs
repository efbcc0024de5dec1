//! Who owns whom.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use argo_core::{GroupKind, ObjectRef, Tracked, TrackedBody};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::Scope;

mod body;
mod node;

pub(crate) use body::Body;
pub use node::Wanted;
pub(crate) use node::{Node, Place, State};

type Uid = Arc<str>;
/// Kind, namespace and name.
type Name = (GroupKind, Arc<str>, Arc<str>);

/// Owners that are gone and of which an object may still arrive.
const GRAVES: usize = 512;

/// What follows from something that was seen.
#[derive(Clone, Debug)]
pub enum Change {
    /// An object belongs to the application, or changed. What it follows came before it.
    Applied(Tracked),
    /// An object is gone, or no longer belongs to the application.
    Removed(ObjectRef),
    /// Something is owned by this, which no watch brings: read it and say
    /// [`owner_read`](Index::owner_read). Said once, and again when something new names an
    /// owner that was read and is nobody's: it may have got its mark since.
    Want(Wanted),
}

/// Knows who owns whom, and thereby what belongs to the application.
///
/// It is told everything of a namespace, as what belongs to nobody today may be adopted
/// tomorrow. An object belongs to the application by its own marks or because an object
/// that does owns it, to any depth. All is by uid: two pods of one name are two pods.
///
/// Objects may arrive in any order. What is owned by something unknown waits. An owner
/// that is gone still counts for what it leaves behind until that is gone too, or is
/// released: the pods of a deleted Job have logs to the end.
#[derive(Debug)]
pub struct Index {
    new_since: Timestamp,
    nodes: HashMap<Uid, Node>,
    /// By the uid of an owner, known or not.
    children: HashMap<Uid, BTreeSet<Uid>>,
    names: HashMap<Name, Uid>,
    /// By what they use.
    users: HashMap<Name, BTreeSet<Uid>>,
    /// Unknown owners that were asked for, whatever the answer.
    asked: HashSet<Uid>,
    covered: BTreeSet<(GroupKind, Scope)>,
    /// Lists that are being read, with the generation in which they began.
    lists: BTreeMap<(GroupKind, Scope), u64>,
    generation: u64,
    graves: VecDeque<Uid>,
}

/// How far down a change reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// To what is below an object whose place is another now.
    Moved,
    /// To all that is below: who owns whom has changed. Where owners go round in circles
    /// the place of an object may change although that of its owner does not.
    All,
}

impl Index {
    /// Nothing is known. What was created at `new_since` or later is new.
    pub fn new(new_since: Timestamp) -> Self {
        Self {
            new_since,
            nodes: HashMap::new(),
            children: HashMap::new(),
            names: HashMap::new(),
            users: HashMap::new(),
            asked: HashSet::new(),
            covered: BTreeSet::new(),
            lists: BTreeMap::new(),
            generation: 0,
            graves: VecDeque::new(),
        }
    }

    /// An object is there, or changed; `own` if it belongs to the application by its own
    /// marks. An object without a uid is ignored.
    pub fn apply(&mut self, kind: &GroupKind, body: TrackedBody, own: bool) -> Vec<Change> {
        let mut changes = Vec::new();
        let node = Node::new(kind, body, own, self.generation);
        if node.object.uid.is_empty() {
            log::debug!("ignoring {}, which has no uid", node.object);
            return changes;
        }
        self.replaced(&node, &mut changes);
        self.insert(node, &mut changes);
        changes
    }

    /// An object is gone.
    pub fn delete(&mut self, uid: &str) -> Vec<Change> {
        let mut changes = Vec::new();
        self.leave(uid, &mut changes);
        changes
    }

    /// A kind is watched: what is owned by one waits for it, and it is not asked for.
    pub fn cover(&mut self, kind: &GroupKind, scope: &Scope) {
        self.covered.insert((kind.clone(), scope.clone()));
    }

    /// A list of a kind begins.
    pub fn begin_list(&mut self, kind: &GroupKind, scope: &Scope) {
        self.generation += 1;
        let list = (kind.clone(), scope.clone());
        self.lists.insert(list, self.generation);
    }

    /// The list is complete: what it did not hold is gone.
    pub fn end_list(&mut self, kind: &GroupKind, scope: &Scope) -> Vec<Change> {
        let Some(began) = self.lists.remove(&(kind.clone(), scope.clone())) else {
            return Vec::new();
        };
        let missing = |node: &&Node| {
            let here = node.object.kind == *kind && scope.covers(&node.object.namespace);
            here && node.state == State::Present && node.seen < began
        };
        let mut gone: Vec<_> = self.nodes.values().filter(missing).collect();
        gone.sort_by(|a, b| a.object.name.cmp(&b.object.name));
        let gone: Vec<Uid> = gone.iter().map(|node| node.object.uid.clone()).collect();
        let mut changes = Vec::new();
        for uid in gone {
            self.leave(&uid, &mut changes);
        }
        changes
    }

    /// A kind cannot be watched: owners of that kind are asked for one by one.
    pub fn uncover(&mut self, kind: &GroupKind, scope: &Scope) -> Vec<Change> {
        let list = (kind.clone(), scope.clone());
        self.covered.remove(&list);
        self.lists.remove(&list);
        let waiting = |node: &&Node| node.place.is_none() && node.state == State::Present;
        let waiting: Vec<Uid> = self
            .nodes
            .values()
            .filter(waiting)
            .map(|node| node.object.uid.clone())
            .collect();
        let mut changes = Vec::new();
        for uid in waiting {
            self.ask(&uid, &mut changes);
        }
        changes
    }

    /// What was found of an owner that was asked for: its metadata, or nothing. It is not
    /// asked for again while anything refers to it.
    pub fn owner_read(
        &mut self,
        wanted: &Wanted,
        found: Option<ObjectMeta>,
        own: bool,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let uid = &wanted.owner.uid;
        let seen = self
            .nodes
            .get(uid)
            .is_some_and(|node| node.state != State::Read);
        let known = seen || !self.children.contains_key(uid);
        let Some(meta) = found.filter(|meta| meta.uid.as_deref() == Some(uid) && !known) else {
            return changes;
        };
        let body = TrackedBody::Other(Arc::new(meta));
        let mut node = Node::new(&wanted.owner.kind, body, own, self.generation);
        node.state = State::Read;
        self.insert(node, &mut changes);
        changes
    }

    /// Looks again at every object's own marks, after the rule for them changed.
    pub fn reselect(&mut self, own: impl Fn(&ObjectRef, &ObjectMeta) -> bool) -> Vec<Change> {
        let mut changed = Vec::new();
        for node in self.nodes.values_mut() {
            let now = own(&node.object, node.body.get().metadata());
            if now != node.own {
                node.own = now;
                changed.push(node.object.clone());
            }
        }
        changed
            .sort_by(|a, b| (&a.namespace, &a.name, &a.uid).cmp(&(&b.namespace, &b.name, &b.uid)));
        let changed: Vec<Uid> = changed.into_iter().map(|object| object.uid).collect();
        let mut changes = Vec::new();
        self.settle(&changed, Depth::All, false, &mut changes);
        changes
    }

    /// Moves the moment from which on objects are new. What was new stays so.
    pub fn new_since(&mut self, new_since: Timestamp) -> Vec<Change> {
        self.new_since = new_since;
        let stale = |node: &&Node| {
            let listed = node.state != State::Gone && node.place.is_some();
            listed && node.created.is_some_and(|at| at >= new_since) && !node.is_new
        };
        let stale = self.nodes.values().filter(stale);
        let stale: Vec<Uid> = stale.map(|node| node.object.uid.clone()).collect();
        let mut changes = Vec::new();
        self.settle(&stale, Depth::Moved, true, &mut changes);
        changes
    }

    /// Everything that is known and there.
    pub(crate) fn present(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().filter(|node| node.state != State::Gone)
    }

    /// What is known of an object, even if it is gone.
    pub(crate) fn node(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid)
    }

    /// What names this as its owner.
    pub(crate) fn owned_by(&self, uid: &str) -> impl Iterator<Item = &Node> {
        let owned = self.children.get(uid).into_iter().flatten();
        owned.filter_map(|uid| self.nodes.get(uid))
    }

    /// The owners of an object that belongs to nobody which were read and are nobody's
    /// either.
    pub(crate) fn unclaimed_owners(&self, uid: &str) -> Vec<Wanted> {
        let node = self.nodes.get(uid).filter(|node| node.place.is_none());
        let owners = node.into_iter().flat_map(|node| &node.owners);
        owners
            .filter(|owner| self.is_read(owner))
            .cloned()
            .collect()
    }

    /// All owners that were read and are nobody's.
    pub(crate) fn all_unclaimed_owners(&self) -> Vec<Wanted> {
        let read = self.nodes.values();
        let read = read.filter(|node| node.state == State::Read && node.place.is_none());
        let wanted = read.filter_map(|read| {
            let uid = &read.object.uid;
            let mut owned = self.owned_by(uid).flat_map(|node| &node.owners);
            owned.find(|wanted| wanted.owner.uid == *uid).cloned()
        });
        wanted.collect()
    }

    fn is_read(&self, wanted: &Wanted) -> bool {
        let owner = self.nodes.get(&wanted.owner.uid);
        owner.is_some_and(|owner| owner.state == State::Read)
    }

    /// The object of this name that is there.
    pub(crate) fn named(&self, kind: &GroupKind, namespace: &str, name: &str) -> Option<ObjectRef> {
        let name = (kind.clone(), namespace.into(), name.into());
        let node = self.nodes.get(self.names.get(&name)?)?;
        Some(node.object.clone())
    }

    /// An object of the same name was there before: it is gone, whatever the watch says
    /// later.
    fn replaced(&mut self, node: &Node, changes: &mut Vec<Change>) {
        let before = self.names.get(&node.name()).cloned();
        if let Some(before) = before.filter(|before| *before != node.object.uid) {
            self.leave(&before, changes);
        }
    }

    fn insert(&mut self, mut node: Node, changes: &mut Vec<Change>) {
        let uid = Arc::clone(&node.object.uid);
        let before = self.nodes.remove(&uid);
        let is_news = before.is_none();
        let same = before.as_ref().is_some_and(|before| before.is_same(&node));
        node.arrived = match &before {
            Some(before) => before.arrived,
            None => node.state == State::Present && !self.is_listed(&node),
        };
        let relinked = before
            .as_ref()
            .is_none_or(|before| !before.is_linked_as(&node));
        let mut touched = self.link(&node);
        let mut left = Vec::new();
        if let Some(before) = before {
            node.is_new = before.is_new;
            node.told = before.told;
            node.place.clone_from(&before.place);
            touched.extend(self.used_by(&before));
            left = self.unlink(&before, Some(&node));
        }
        self.nodes.insert(Arc::clone(&uid), node);
        let depth = if relinked { Depth::All } else { Depth::Moved };
        self.settle(&[Arc::clone(&uid)], depth, !same, changes);
        self.settle(&touched, Depth::Moved, false, changes);
        if is_news {
            self.ask_again(&uid, changes);
        }
        for owner in left {
            self.forget(&owner, changes);
        }
    }

    fn is_listed(&self, node: &Node) -> bool {
        let object = &node.object;
        self.lists
            .keys()
            .any(|(kind, scope)| *kind == object.kind && scope.covers(&object.namespace))
    }

    /// Notes whom a node refers to; answers what that concerns besides its children.
    fn link(&mut self, node: &Node) -> Vec<Uid> {
        let uid = &node.object.uid;
        for owner in &node.owners {
            let children = self.children.entry(Arc::clone(&owner.owner.uid));
            children.or_default().insert(Arc::clone(uid));
        }
        for used in &node.uses {
            let users = self.users.entry(used.clone()).or_default();
            users.insert(Arc::clone(uid));
        }
        self.names.insert(node.name(), Arc::clone(uid));
        self.used_by(node)
    }

    /// Takes back what a node refers to, except what `now` does too; answers the owners
    /// that it leaves.
    fn unlink(&mut self, node: &Node, now: Option<&Node>) -> Vec<Uid> {
        let uid = &node.object.uid;
        let mut left = Vec::new();
        for Wanted { owner, .. } in &node.owners {
            let stays = |now: &Node| now.owners.iter().any(|other| other.owner.uid == owner.uid);
            if now.is_some_and(stays) {
                continue;
            }
            remove(&mut self.children, &owner.uid, uid);
            if !self.children.contains_key(&owner.uid) {
                self.asked.remove(&owner.uid);
            }
            left.push(Arc::clone(&owner.uid));
        }
        for name in &node.uses {
            if now.is_none_or(|now| !now.uses.contains(name)) {
                remove(&mut self.users, name, uid);
            }
        }
        if now.is_none() && self.names.get(&node.name()) == Some(uid) {
            self.names.remove(&node.name());
        }
        left
    }

    fn used_by(&self, node: &Node) -> Vec<Uid> {
        let used = node.uses.iter().filter_map(|name| self.names.get(name));
        used.cloned().collect()
    }

    /// An object is gone. It stays as a grave while something refers to it, and a while
    /// longer unless it is a pod: what it owned may be seen after it (a hook Job is
    /// deleted 0.4 s after its end, and the watch of its pods may just be cut).
    fn leave(&mut self, uid: &str, changes: &mut Vec<Change>) {
        let Some(mut node) = self.nodes.remove(uid) else {
            return;
        };
        if node.state == State::Gone {
            self.nodes.insert(Arc::clone(&node.object.uid), node);
            return;
        }
        let uid = Arc::clone(&node.object.uid);
        if std::mem::take(&mut node.told) {
            changes.push(Change::Removed(node.object.clone()));
        }
        let used = self.used_by(&node);
        for name in std::mem::take(&mut node.uses) {
            remove(&mut self.users, &name, &uid);
        }
        if self.names.get(&node.name()) == Some(&uid) {
            self.names.remove(&node.name());
        }
        node.state = State::Gone;
        node.kept = !node.is_pod();
        if node.kept {
            self.graves.push_back(Arc::clone(&uid));
        }
        self.nodes.insert(Arc::clone(&uid), node);
        self.settle(&used, Depth::Moved, false, changes);
        self.forget(&uid, changes);
        if self.graves.len() > GRAVES {
            self.level_a_grave(changes);
        }
    }

    fn level_a_grave(&mut self, changes: &mut Vec<Change>) {
        let Some(uid) = self.graves.pop_front() else {
            return;
        };
        if let Some(node) = self.nodes.get_mut(&uid) {
            node.kept = false;
        }
        self.forget(&uid, changes);
    }

    /// Lets go of what is only known because something refers to it, when nothing does.
    fn forget(&mut self, uid: &str, changes: &mut Vec<Change>) {
        let Some(node) = self.nodes.get(uid) else {
            return;
        };
        let needed = node.state == State::Present || node.kept || self.children.contains_key(uid);
        if needed {
            return;
        }
        let Some(node) = self.nodes.remove(uid) else {
            return;
        };
        if node.told {
            changes.push(Change::Removed(node.object.clone()));
        }
        for owner in self.unlink(&node, None) {
            self.forget(&owner, changes);
        }
    }

    /// Works out the places of objects and of all that depends on them, and tells what
    /// changed, owners first. `told` if the objects themselves are to be told although
    /// their places are as before.
    fn settle(&mut self, starts: &[Uid], depth: Depth, told: bool, changes: &mut Vec<Change>) {
        let mut placed = self.place(starts, depth);
        placed.sort_by_cached_key(|(uid, _)| self.hops(uid));
        let mut removed = Vec::new();
        for (uid, moved) in &placed {
            let Some(node) = self.nodes.get_mut(uid) else {
                continue;
            };
            if node.state == State::Gone {
                continue;
            }
            let news = *moved || !node.told || (told && starts.contains(uid));
            match node.tracked(self.new_since) {
                Some(tracked) if news => {
                    node.told = true;
                    changes.push(Change::Applied(tracked));
                }
                None if std::mem::take(&mut node.told) => {
                    removed.push(Change::Removed(node.object.clone()));
                }
                _ => {}
            }
        }
        changes.extend(removed.into_iter().rev());
        for (uid, _) in placed {
            self.ask(&uid, changes);
        }
    }

    /// Places objects and what is below them.
    fn place(&mut self, starts: &[Uid], depth: Depth) -> Vec<(Uid, bool)> {
        let mut visited: HashSet<Uid> = starts.iter().cloned().collect();
        let mut queue: VecDeque<Uid> = starts.iter().cloned().collect();
        let mut placed = Vec::new();
        while let Some(uid) = queue.pop_front() {
            let place = self.resolve(&uid, &mut Vec::new());
            let Some(node) = self.nodes.get_mut(&uid) else {
                continue;
            };
            let moved = node.place != place;
            node.place = place;
            if moved || depth == Depth::All {
                let below = self.below(&uid);
                queue.extend(below.into_iter().filter(|uid| visited.insert(uid.clone())));
            }
            placed.push((uid, moved));
        }
        placed
    }

    /// How far an object is from its root. Owners may go round in circles.
    fn hops(&self, uid: &Uid) -> usize {
        let above = |uid: &Uid| {
            let place = self.nodes.get(uid)?.place.as_ref()?;
            place.parent.as_ref().map(|parent| Arc::clone(&parent.uid))
        };
        let chain = std::iter::successors(Some(Arc::clone(uid)), above);
        chain.take(self.nodes.len()).count()
    }

    /// What an object owns or uses.
    fn below(&self, uid: &Uid) -> Vec<Uid> {
        let owned = self.children.get(uid).into_iter().flatten().cloned();
        let used = self.nodes.get(uid).map(|node| self.used_by(node));
        owned.chain(used.unwrap_or_default()).collect()
    }

    /// Where an object belongs: by itself, or by the first of its owners that does. `path`
    /// holds what is being asked already: owners may go round in circles.
    fn resolve(&self, uid: &Uid, path: &mut Vec<Uid>) -> Option<Place> {
        let node = self.nodes.get(uid)?;
        if node.own {
            return Some(Place::root(node));
        }
        if path.contains(uid) {
            return None;
        }
        path.push(Arc::clone(uid));
        let owners = node.owners.iter().map(|owner| &owner.owner.uid);
        let users = self.users.get(&node.name()).into_iter().flatten();
        let found = owners.chain(users).find_map(|above| {
            let place = self.resolve(above, path)?;
            Some(place.below(&self.nodes.get(above)?.object))
        });
        path.pop();
        found
    }

    /// Asks once more for the owners of an object that were read and are nobody's.
    fn ask_again(&self, uid: &Uid, changes: &mut Vec<Change>) {
        changes.extend(self.unclaimed_owners(uid).into_iter().map(Change::Want));
    }

    /// Asks for the owners of an object that nothing is known of and no watch will bring.
    fn ask(&mut self, uid: &Uid, changes: &mut Vec<Change>) {
        let Some(node) = self.nodes.get(uid) else {
            return;
        };
        if node.place.is_some() || node.state == State::Gone {
            return;
        }
        let namespace = &node.object.namespace;
        for wanted in &node.owners {
            let owner = &wanted.owner;
            let covered =
                |(kind, scope): &(GroupKind, Scope)| *kind == owner.kind && scope.covers(namespace);
            // The pods that a node runs by itself belong to no application.
            let node = &*owner.kind.kind == "Node" && owner.kind.group.is_empty();
            let known = self.nodes.contains_key(&owner.uid);
            if known || node || self.covered.iter().any(covered) {
                continue;
            }
            if self.asked.insert(Arc::clone(&owner.uid)) {
                changes.push(Change::Want(wanted.clone()));
            }
        }
    }
}

fn remove<K>(sets: &mut HashMap<K, BTreeSet<Uid>>, key: &K, uid: &Uid)
where
    K: std::hash::Hash + Eq,
{
    if let Some(set) = sets.get_mut(key) {
        set.remove(uid);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
