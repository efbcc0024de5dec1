//! The ownership graph: which objects belong to the application.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use argo_core::{
    Bystanders, GroupKind, ObjectName, ObjectRef, Tracked, TrackedBody,
    resource::{PackedPod, PodHead},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::workload::Scope;

mod body;
mod coverage;
mod left_out;
mod links;
mod marks;
mod node;

pub(crate) use body::Body;
pub use node::UnknownOwner;
pub(crate) use node::{Node, Place, State};

use self::{
    coverage::Coverage,
    links::{Links, Uid},
    marks::KnownMarks,
};

/// Deleted owners that are remembered, as their objects may still arrive. Above this the
/// oldest is dropped.
const TOMBSTONES: usize = 512;

/// A consequence of an observed object.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every change is the large one"
)]
pub enum Change {
    /// An object belongs to the application, or changed. Its owner came before it.
    Applied(Tracked),
    /// An object is gone, or no longer belongs to the application.
    Removed(ObjectRef),
    /// No watch delivers this owner: the caller reads it and calls
    /// [`owner_read`](Index::owner_read). Reported once, and again when a new object names an
    /// owner that was read and belongs to nobody: it may have got its tracking id since.
    Want(UnknownOwner),
    /// A pod that was left out belongs to the application now: the caller reads it and calls
    /// [`apply_pod`](Index::apply_pod).
    Read(ObjectRef),
}

/// The ownership graph, and thereby the membership of each object in the application.
///
/// The index takes every object of a namespace, as an object without an owner may be adopted
/// later. An object belongs to the application by its own marks or because an object that
/// does owns it, to any depth. Objects are told apart by uid: two pods of one name are two
/// pods.
///
/// Objects may arrive in any order. An object with an unknown owner waits. A deleted owner
/// still counts for the objects that it leaves behind until they are gone too, or are
/// released: the pods of a deleted Job have logs to the end.
#[derive(Debug)]
pub struct Index {
    new_since: Timestamp,
    nodes: HashMap<Uid, Box<Node>>,
    links: Links,
    /// Unknown owners that were asked for, whatever the answer was.
    asked: HashSet<Uid>,
    coverage: Coverage,
    tombstones: VecDeque<Uid>,
    marks: KnownMarks,
    /// Pods that are nobody's: their bodies are dropped, and their watch leaves out their
    /// changes. Absent where every change is wanted.
    bystanders: Option<Bystanders>,
    /// Strings that many objects have: kinds, namespaces.
    names: HashSet<Arc<str>>,
}

/// The objects whose places are computed again after a change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The objects below any object whose place has changed.
    Moved,
    /// All objects below: ownership has changed. Where owners form a circle the place of an
    /// object may change although that of its owner does not.
    All,
}

impl Index {
    /// Creates an empty index. Objects created at `new_since` or later are new.
    pub fn new(new_since: Timestamp) -> Self {
        Self {
            new_since,
            nodes: HashMap::new(),
            links: Links::default(),
            asked: HashSet::new(),
            coverage: Coverage::default(),
            tombstones: VecDeque::new(),
            marks: KnownMarks::default(),
            bystanders: None,
            names: HashSet::new(),
        }
    }

    /// Drops the bodies of pods that are nobody's, and tells their watch to leave them out.
    #[must_use]
    pub fn leaving_out(mut self, bystanders: Bystanders) -> Self {
        self.bystanders = Some(bystanders);
        self
    }

    /// Takes an object that is there or has changed; `own` if it belongs to the application
    /// by its own marks. An object without a uid is ignored.
    #[expect(clippy::needless_pass_by_value, reason = "the index keeps the body")]
    pub fn apply(&mut self, kind: &GroupKind, body: TrackedBody, own: bool) -> Vec<Change> {
        self.take(Node::new(kind, &body, own, self.coverage.generation()))
    }

    /// Takes a pod as [`apply`](Self::apply) does.
    pub fn apply_pod(&mut self, pod: &Arc<PackedPod>, head: &PodHead, own: bool) -> Vec<Change> {
        let generation = self.coverage.generation();
        let mut node = Node::packed(pod, head, &mut self.marks, generation);
        node.own = own;
        let changes = self.take(node);
        self.leave_out(pod.uid());
        changes
    }

    /// Takes a change of a pod that belongs to nobody and still does. Returns false, and takes
    /// nothing, if that may have changed.
    pub fn refresh_pod(&mut self, pod: &Arc<PackedPod>) -> bool {
        let generation = self.coverage.generation();
        let node = self.nodes.get_mut(pod.uid());
        let is_taken = node.is_some_and(|node| node.refresh(pod, generation));
        if is_taken {
            self.leave_out(pod.uid());
        }
        is_taken
    }

    fn take(&mut self, mut node: Node) -> Vec<Change> {
        let mut changes = Vec::new();
        self.share(&mut node);
        if node.object.uid.is_empty() {
            log::debug!("ignoring {}, which has no uid", node.object);
            return changes;
        }
        self.replaced(&node, &mut changes);
        self.insert(node, &mut changes);
        changes
    }

    /// Takes a deletion.
    pub fn delete(&mut self, uid: &str) -> Vec<Change> {
        let mut changes = Vec::new();
        self.leave(uid, &mut changes);
        changes
    }

    /// Records that a kind is watched: objects wait for owners of that kind, and these are
    /// not asked for one by one.
    pub fn cover(&mut self, kind: &GroupKind, scope: &Scope) {
        self.coverage.cover(kind, scope);
    }

    /// Begins a list of a kind.
    pub fn begin_list(&mut self, kind: &GroupKind, scope: &Scope) {
        self.coverage.begin_list(kind, scope);
    }

    /// Ends a list: objects that the list did not hold are gone.
    pub fn end_list(&mut self, kind: &GroupKind, scope: &Scope) -> Vec<Change> {
        let Some(began) = self.coverage.end_list(kind, scope) else {
            return Vec::new();
        };
        let missing = |node: &&Node| {
            let here = node.object.kind == *kind && scope.covers(&node.object.namespace);
            here && node.state == State::Present && node.seen < began
        };
        let mut gone: Vec<_> = self.all().filter(missing).collect();
        // The map has no order, but equal inputs must give equal events.
        gone.sort_by(|a, b| a.object.name.cmp(&b.object.name));
        let gone: Vec<Uid> = gone.iter().map(|node| node.object.uid.clone()).collect();
        let mut changes = Vec::new();
        for uid in gone {
            self.leave(&uid, &mut changes);
        }
        self.leave_out_all();
        changes
    }

    /// Records that a kind cannot be watched: owners of that kind are asked for one by one.
    pub fn uncover(&mut self, kind: &GroupKind, scope: &Scope) -> Vec<Change> {
        self.coverage.uncover(kind, scope);
        let waiting = |node: &&Node| node.place.is_none() && node.state == State::Present;
        let waiting: Vec<Uid> = self
            .all()
            .filter(waiting)
            .map(|node| node.object.uid.clone())
            .collect();
        let mut changes = Vec::new();
        for uid in waiting {
            self.ask(&uid, &mut changes);
        }
        self.leave_out_all();
        changes
    }

    /// Takes the metadata of an owner that was asked for, or its absence. The owner is not
    /// asked for again while anything refers to it.
    pub fn owner_read(
        &mut self,
        unknown: &UnknownOwner,
        found: Option<ObjectMeta>,
        own: bool,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let uid = &unknown.owner.uid;
        let seen = self
            .nodes
            .get(uid)
            .is_some_and(|node| node.state != State::Read);
        // A watch may have delivered the owner meanwhile, or nothing refers to it any more.
        let known = seen || !self.links.is_owner(uid);
        // An object of the same name with another uid is a successor, not this owner.
        let Some(meta) = found.filter(|meta| meta.uid.as_deref() == Some(uid) && !known) else {
            return changes;
        };
        let body = TrackedBody::Other(Arc::new(meta));
        let mut node = Node::new(&unknown.owner.kind, &body, own, self.coverage.generation());
        node.state = State::Read;
        self.insert(node, &mut changes);
        // It is read again when its pods change.
        for owned in self.links.owned_by(uid) {
            self.let_in(owned);
        }
        changes
    }

    /// Evaluates every object's own marks again, after the rule for them has changed.
    pub fn reselect(&mut self, own: impl Fn(&ObjectRef, &ObjectMeta) -> bool) -> Vec<Change> {
        let mut changed = Vec::new();
        for node in self.nodes.values_mut() {
            let now = own(&node.object, &node.metadata());
            if now != node.own {
                node.own = now;
                changed.push(node.object.clone());
            }
        }
        changed
            .sort_by(|a, b| (&a.namespace, &a.name, &a.uid).cmp(&(&b.namespace, &b.name, &b.uid)));
        let changed: Vec<Uid> = changed.into_iter().map(|object| object.uid).collect();
        let mut changes = Vec::new();
        self.recompute(&changed, Reach::All, false, &mut changes);
        changes
    }

    /// Moves the time from which on objects are new. Objects that were new stay so.
    pub fn new_since(&mut self, new_since: Timestamp) -> Vec<Change> {
        self.new_since = new_since;
        let stale = |node: &&Node| {
            let listed = !node.is_gone() && node.place.is_some();
            listed && node.created.is_some_and(|at| at >= new_since) && !node.is_new
        };
        let stale = self.all().filter(stale);
        let stale: Vec<Uid> = stale.map(|node| node.object.uid.clone()).collect();
        let mut changes = Vec::new();
        self.recompute(&stale, Reach::Moved, true, &mut changes);
        changes
    }

    fn all(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().map(|node| &**node)
    }

    /// Returns all objects that are known and not deleted.
    pub(crate) fn present(&self) -> impl Iterator<Item = &Node> {
        self.all().filter(|node| !node.is_gone())
    }

    /// Returns an object, even a deleted one.
    pub(crate) fn node(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid).map(|node| &**node)
    }

    /// Returns the objects that name this one as their owner.
    pub(crate) fn owned_by(&self, uid: &str) -> impl Iterator<Item = &Node> {
        let owned = self.links.owned_by(uid);
        owned.filter_map(|uid| self.node(uid))
    }

    /// Returns the owners of an object without a place that were read and have no place
    /// either.
    pub(crate) fn unclaimed_owners(&self, uid: &str) -> Vec<UnknownOwner> {
        let node = self.nodes.get(uid).filter(|node| node.place.is_none());
        let owners = node.into_iter().flat_map(|node| &node.owners);
        owners
            .filter(|owner| self.is_read(owner))
            .cloned()
            .collect()
    }

    /// Returns all owners that were read and have no place.
    pub(crate) fn all_unclaimed_owners(&self) -> Vec<UnknownOwner> {
        let read = self.all();
        let read = read.filter(|node| node.state == State::Read && node.place.is_none());
        let owners = read.filter_map(|read| {
            let uid = &read.object.uid;
            let mut owned = self.owned_by(uid).flat_map(|node| &node.owners);
            owned.find(|owner| owner.owner.uid == *uid).cloned()
        });
        owners.collect()
    }

    fn is_read(&self, unknown: &UnknownOwner) -> bool {
        let owner = self.nodes.get(&unknown.owner.uid);
        owner.is_some_and(|owner| owner.state == State::Read)
    }

    /// Finds an object by name.
    pub(crate) fn named(&self, kind: &GroupKind, namespace: &str, name: &str) -> Option<ObjectRef> {
        let name = ObjectName {
            kind: kind.clone(),
            namespace: namespace.into(),
            name: name.into(),
        };
        let node = self.nodes.get(self.links.named(&name)?)?;
        Some(node.object.clone())
    }

    /// Removes the object that had the same name before, whatever the watch says later.
    fn replaced(&mut self, node: &Node, changes: &mut Vec<Change>) {
        let before = self.links.named(&node.name()).cloned();
        if let Some(before) = before.filter(|before| *before != node.object.uid) {
            self.leave(&before, changes);
        }
    }

    fn insert(&mut self, mut node: Node, changes: &mut Vec<Change>) {
        let uid = Arc::clone(&node.object.uid);
        self.let_in(&uid);
        let before = self.nodes.remove(&uid);
        let is_news = before.is_none();
        let same = before.as_ref().is_some_and(|before| before.is_same(&node));
        // While a list is being read, an unknown object may be old: its creation time
        // decides.
        node.is_new =
            is_news && node.state == State::Present && !self.coverage.is_listed(&node.object);
        let relinked = before
            .as_ref()
            .is_none_or(|before| !before.is_linked_as(&node));
        self.links.add(&node);
        let mut touched = self.links.used_by(&node);
        let mut left = Vec::new();
        if let Some(before) = before {
            node.is_new = before.is_new;
            node.reported = before.reported;
            node.place.clone_from(&before.place);
            touched.extend(self.links.used_by(&before));
            left = self.unlink(&before, Some(&node));
        }
        self.nodes.insert(Arc::clone(&uid), Box::new(node));
        let reach = if relinked { Reach::All } else { Reach::Moved };
        self.recompute(&[Arc::clone(&uid)], reach, !same, changes);
        self.recompute(&touched, Reach::Moved, false, changes);
        if is_news {
            self.ask_again(&uid, changes);
        }
        for owner in left {
            self.forget(&owner, changes);
        }
    }

    /// Removes the references of a node, except those that `now` has too. Returns the
    /// owners that it leaves.
    fn unlink(&mut self, node: &Node, now: Option<&Node>) -> Vec<Uid> {
        let left = self.links.remove(node, now);
        for owner in &left {
            // Nothing refers to the owner any more: a later object may ask for it anew.
            if !self.links.is_owner(owner) {
                self.asked.remove(owner);
            }
        }
        left
    }

    /// Removes an object. A tombstone stays while anything refers to it, and longer unless
    /// it is a pod: the objects that it owned may arrive later (a hook Job is deleted 0.4 s
    /// after its end, and the watch of its pods may just be cut).
    fn leave(&mut self, uid: &str, changes: &mut Vec<Change>) {
        self.let_in(uid);
        let Some(mut node) = self.nodes.remove(uid) else {
            return;
        };
        if node.is_gone() {
            self.nodes.insert(Arc::clone(&node.object.uid), node);
            return;
        }
        let uid = Arc::clone(&node.object.uid);
        if std::mem::take(&mut node.reported) {
            changes.push(Change::Removed(node.object.clone()));
        }
        let used = self.links.used_by(&node);
        // The owners stay linked: the tombstone holds the place of the objects below.
        self.links.remove_uses(&mut node);
        let retained = !node.is_pod();
        node.state = State::Gone { retained };
        if retained {
            self.tombstones.push_back(Arc::clone(&uid));
        }
        self.nodes.insert(Arc::clone(&uid), node);
        self.recompute(&used, Reach::Moved, false, changes);
        self.forget(&uid, changes);
        if self.tombstones.len() > TOMBSTONES {
            self.drop_oldest_tombstone(changes);
        }
    }

    fn drop_oldest_tombstone(&mut self, changes: &mut Vec<Change>) {
        let Some(uid) = self.tombstones.pop_front() else {
            return;
        };
        // An object may have come back under its uid.
        if let Some(node) = self.nodes.get_mut(&uid).filter(|node| node.is_gone()) {
            node.state = State::Gone { retained: false };
        }
        self.forget(&uid, changes);
    }

    /// Drops a node that was kept only for the objects that refer to it, once none does.
    fn forget(&mut self, uid: &str, changes: &mut Vec<Change>) {
        let Some(node) = self.nodes.get(uid) else {
            return;
        };
        let is_held = matches!(node.state, State::Present | State::Gone { retained: true });
        if is_held || self.links.is_owner(uid) {
            return;
        }
        let Some(node) = self.nodes.remove(uid) else {
            return;
        };
        if node.reported {
            changes.push(Change::Removed(node.object.clone()));
        }
        for owner in self.unlink(&node, None) {
            self.forget(&owner, changes);
        }
    }

    /// Computes the places of objects and of all that depend on them, and reports the
    /// changes, owners first. With `report` the objects themselves are reported although
    /// their places are as before.
    fn recompute(&mut self, starts: &[Uid], reach: Reach, report: bool, changes: &mut Vec<Change>) {
        let mut placed = self.recompute_places(starts, reach);
        placed.sort_by_cached_key(|(uid, _)| self.depth(uid));
        let mut removed = Vec::new();
        for (uid, moved) in &placed {
            let Some(node) = self.nodes.get_mut(uid) else {
                continue;
            };
            if node.is_gone() {
                continue;
            }
            if node.place.is_some()
                && let Some(fingerprint) = node.left_out()
            {
                let bystanders = self.bystanders.as_ref();
                bystanders.inspect(|bystanders| bystanders.remove(fingerprint));
                changes.push(Change::Read(node.object.clone()));
                continue;
            }
            let news = *moved || !node.reported || (report && starts.contains(uid));
            match node.tracked(self.new_since) {
                Some(tracked) if news => {
                    node.reported = true;
                    changes.push(Change::Applied(tracked));
                }
                None if std::mem::take(&mut node.reported) => {
                    removed.push(Change::Removed(node.object.clone()));
                }
                _ => {}
            }
        }
        // Owned objects are removed before their owners.
        changes.extend(removed.into_iter().rev());
        for (uid, _) in placed {
            self.ask(&uid, changes);
        }
    }

    /// Computes the places of objects and of those below them. Returns each with whether its
    /// place has changed.
    fn recompute_places(&mut self, starts: &[Uid], reach: Reach) -> Vec<(Uid, bool)> {
        let mut visited: HashSet<Uid> = starts.iter().cloned().collect();
        let mut queue: VecDeque<Uid> = starts.iter().cloned().collect();
        let mut placed = Vec::new();
        while let Some(uid) = queue.pop_front() {
            let place = self.resolve(&uid, &mut Vec::new());
            let Some(node) = self.nodes.get_mut(&uid) else {
                continue;
            };
            let moved = node.place.as_deref() != place.as_ref();
            node.place = place.map(Box::new);
            if moved || reach == Reach::All {
                let below = self.below(&uid);
                queue.extend(below.into_iter().filter(|uid| visited.insert(uid.clone())));
            }
            placed.push((uid, moved));
        }
        placed
    }

    /// Counts the objects from an object up to its root. Owners may form a circle.
    fn depth(&self, uid: &Uid) -> usize {
        let above = |uid: &Uid| {
            let place = self.nodes.get(uid)?.place.as_ref()?;
            place.parent.as_ref().map(|parent| Arc::clone(&parent.uid))
        };
        let chain = std::iter::successors(Some(Arc::clone(uid)), above);
        chain.take(self.nodes.len()).count()
    }

    /// Returns the objects that an object owns or uses.
    fn below(&self, uid: &Uid) -> Vec<Uid> {
        let owned = self.links.owned_by(uid).cloned();
        let used = self.nodes.get(uid).map(|node| self.links.used_by(node));
        owned.chain(used.unwrap_or_default()).collect()
    }

    /// Resolves the place of an object: its own, or below the first of its owners that has
    /// one. `path` holds the objects that are being resolved: owners may form a circle.
    fn resolve(&self, uid: &Uid, path: &mut Vec<Uid>) -> Option<Place> {
        let node = self.nodes.get(uid)?;
        if node.own {
            return Some(Place::root(node));
        }
        // A circle of owners leads to no root.
        if path.contains(uid) {
            return None;
        }
        path.push(Arc::clone(uid));
        let owners = node.owners.iter().map(|owner| &owner.owner.uid);
        let name = node.name();
        let found = owners.chain(self.links.users_of(&name)).find_map(|above| {
            let place = self.resolve(above, path)?;
            Some(place.below(&self.nodes.get(above)?.object))
        });
        path.pop();
        found
    }

    /// Asks once more for the owners of an object that were read and have no place.
    fn ask_again(&self, uid: &Uid, changes: &mut Vec<Change>) {
        changes.extend(self.unclaimed_owners(uid).into_iter().map(Change::Want));
    }

    /// Asks for the owners of an object that are unknown and delivered by no watch.
    fn ask(&mut self, uid: &Uid, changes: &mut Vec<Change>) {
        let Some(node) = self.nodes.get(uid) else {
            return;
        };
        // An object that has a place needs no further owner.
        if node.place.is_some() || node.is_gone() {
            return;
        }
        let namespace = &node.object.namespace;
        for unknown in &node.owners {
            let owner = &unknown.owner;
            // The pods that a node runs by itself belong to no application.
            let is_node = owner.kind.is("", "Node");
            let known = self.nodes.contains_key(&owner.uid);
            if known || is_node || self.coverage.delivers(&owner.kind, namespace) {
                continue;
            }
            if self.asked.insert(Arc::clone(&owner.uid)) {
                changes.push(Change::Want(unknown.clone()));
            }
        }
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
