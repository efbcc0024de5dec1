//! Pods that are nobody's: their bodies are dropped, and their watch leaves out their changes.

use super::*;

/// Levels of owners above a pod that are looked at. More are none that people make.
const DEPTH: usize = 8;

impl Index {
    /// Leaves out a pod from now on, if it is nobody's and its owners are known. Owners that
    /// were only read are read again when their pods change, so such changes are wanted.
    pub(super) fn leave_out(&mut self, uid: &str) {
        let Some(bystanders) = &self.bystanders else {
            return;
        };
        if !self.coverage.owners_are_listed() {
            return;
        }
        let is_watched = |owner: &UnknownOwner| {
            let known = self.nodes.get(&owner.owner.uid);
            known.is_some_and(|known| known.state == State::Present)
        };
        let is_nobodys = self.nodes.get(uid).is_some_and(|node| {
            let is_there = node.state == State::Present && node.place.is_none();
            is_there && node.owners.iter().all(is_watched) && self.is_decided(node, DEPTH)
        });
        if is_nobodys && let Some(node) = self.nodes.get_mut(uid) {
            node.leave_out().inspect(|it| bystanders.insert(*it));
        }
    }

    /// True if all objects above a node are known.
    fn is_decided(&self, node: &Node, depth: usize) -> bool {
        depth > 0
            && node.owners.iter().all(|owner| {
                let known = self.nodes.get(&owner.owner.uid);
                known.is_some_and(|known| self.is_decided(known, depth - 1))
            })
    }

    pub(super) fn leave_out_all(&mut self) {
        let Some(bystanders) = &self.bystanders else {
            return;
        };
        if !self.coverage.owners_are_listed() {
            return;
        }
        bystanders.owners_are_known();
        self.marks.shrink();
        let pods = self.all().filter(|node| node.is_packed_pod());
        let pods: Vec<Uid> = pods.map(|node| Arc::clone(&node.object.uid)).collect();
        for uid in pods {
            self.leave_out(&uid);
        }
    }

    /// True for a pod that is there and whose body is not.
    pub(crate) fn is_left_out(&self, uid: &str) -> bool {
        let node = self.nodes.get(uid);
        node.is_some_and(|node| !node.is_gone() && node.left_out().is_some())
    }

    /// Ends the leaving out of a pod.
    pub(super) fn let_in(&self, uid: &str) {
        let left_out = self.nodes.get(uid).and_then(|node| node.left_out());
        if let (Some(fingerprint), Some(bystanders)) = (left_out, &self.bystanders) {
            bystanders.remove(fingerprint);
        }
    }

    /// Replaces strings of a node by equal ones that others have. A reference to a cluster-scoped
    /// owner has the namespace of its pod, unlike the owner, and is looked up by it: it stays as
    /// it is.
    pub(super) fn share(&mut self, node: &mut Node) {
        for UnknownOwner { owner, .. } in &mut node.owners {
            let known = self.nodes.get(&owner.uid).map(|known| &known.object);
            if let Some(known) = known.filter(|known| *known == owner) {
                *owner = known.clone();
            }
        }
        for text in node.common_names() {
            match self.names.get(text) {
                Some(known) => *text = Arc::clone(known),
                None => drop(self.names.insert(Arc::clone(text))),
            }
        }
    }
}
