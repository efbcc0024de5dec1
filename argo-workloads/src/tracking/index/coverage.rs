//! The kinds that watches deliver, and the lists of them that are being read.

use std::collections::{BTreeMap, BTreeSet};

use argo_core::{GroupKind, ObjectRef};

use crate::workload::Scope;

/// The watched kinds, each in its scope.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    covered: BTreeSet<(GroupKind, Scope)>,
    /// Lists that are being read, with the generation in which they began.
    lists: BTreeMap<(GroupKind, Scope), u64>,
    generation: u64,
    /// The watched kinds of which a list was complete.
    listed: BTreeSet<(GroupKind, Scope)>,
}

impl Coverage {
    /// Number of lists so far. An object that a list did not hold has an older one.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn cover(&mut self, kind: &GroupKind, scope: &Scope) {
        self.covered.insert((kind.clone(), scope.clone()));
    }

    /// Gives a kind up, and with it a list that will not end any more.
    pub(super) fn uncover(&mut self, kind: &GroupKind, scope: &Scope) {
        let list = (kind.clone(), scope.clone());
        self.covered.remove(&list);
        self.lists.remove(&list);
        self.listed.remove(&list);
    }

    pub(super) fn begin_list(&mut self, kind: &GroupKind, scope: &Scope) {
        self.generation += 1;
        let list = (kind.clone(), scope.clone());
        self.lists.insert(list, self.generation);
    }

    /// Ends a list. Returns the generation in which it began.
    pub(super) fn end_list(&mut self, kind: &GroupKind, scope: &Scope) -> Option<u64> {
        let list = (kind.clone(), scope.clone());
        let began = self.lists.remove(&list);
        self.listed.insert(list);
        began
    }

    /// True once every watched kind that may own pods was listed.
    pub(super) fn owners_are_listed(&self) -> bool {
        // Applications own no pods, and their lists do not come here.
        let owns_none =
            |kind: &GroupKind| kind.is("", "Pod") || kind.is("argoproj.io", "Application");
        let mut covered = self.covered.iter();
        covered.all(|one| owns_none(&one.0) || self.listed.contains(one))
    }

    /// True while a list is being read that the object may be part of.
    pub(super) fn is_listed(&self, object: &ObjectRef) -> bool {
        let mut lists = self.lists.keys();
        lists.any(|(kind, scope)| *kind == object.kind && scope.covers(&object.namespace))
    }

    /// True if a watch delivers the objects of this kind in this namespace.
    pub(super) fn delivers(&self, kind: &GroupKind, namespace: &str) -> bool {
        let mut covered = self.covered.iter();
        covered.any(|(covered, scope)| covered == kind && scope.covers(namespace))
    }
}
