//! Owners that no watch delivers.

use super::*;

impl Tracker {
    pub(super) fn want(&mut self, unknown: UnknownOwner) {
        let namespaces = self.plan.namespaces();
        // A watch of the whole cluster delivers objects of other namespaces, too.
        let is_in_scope =
            self.config.all_namespaces || namespaces.contains(&*unknown.owner.namespace);
        if let Some(refused) = self.owners.want(unknown, is_in_scope, self.now) {
            self.owner_refused(refused);
        }
    }

    /// Reads an owner of a changed pod again that belongs to no application, if it is time.
    pub(super) fn recheck_owners(&mut self, pod: &str) {
        let owners = self.index.unclaimed_owners(pod);
        if let Some(due) = self.owners.recheck(owners, self.now) {
            self.want(due);
        }
    }

    /// Reads owners again that belong to no application although the Application lists them:
    /// they may have got their tracking id by now.
    pub(super) fn recheck_listed_owners(&mut self, found: &Application) {
        for unknown in self.index.all_unclaimed_owners() {
            if application::lists(found, &unknown.owner) {
                self.want(unknown);
            }
        }
    }

    pub(super) fn owner_refused(&mut self, unknown: UnknownOwner) {
        if self.infer(&unknown) {
            return;
        }
        self.owners.keep_unreadable(unknown);
        if self.phase == Phase::Synced {
            self.report_unreadable_owners();
        }
    }

    /// Tries again to infer the owners that may not be read, as objects have come that may
    /// tell.
    pub(super) fn infer_owners(&mut self) {
        for unknown in self.owners.take_unreadable() {
            let is_needed = self.index.owned_by(&unknown.owner.uid).next().is_some();
            if is_needed && !self.infer(&unknown) {
                self.owners.keep_unreadable(unknown);
            }
        }
    }

    /// Puts inferred metadata in the place of an owner's own. True if that is possible.
    pub(super) fn infer(&mut self, unknown: &UnknownOwner) -> bool {
        let inferred = infer_owner(&self.index, &self.selectors, &self.kinds, unknown);
        let Some(inferred) = inferred else {
            return false;
        };
        let changes = self
            .index
            .owner_read(unknown, Some(inferred.meta), inferred.own);
        self.report(changes);
        true
    }

    /// Reports the owners that may not be read, once for each kind in a namespace.
    pub(super) fn report_unreadable_owners(&mut self) {
        for (unknown, message) in self.owners.refusals() {
            let scope = Scope::Namespace(Arc::clone(&unknown.owner.namespace));
            let watched = self.kinds.find(&unknown.owner.kind);
            let resource = watched.map(|kind| kind.names().resource());
            // Where the kind may not be listed either, its notice covers the owners.
            let is_covered = resource
                .is_some_and(|resource| self.notices.access.cover_owners(&scope, &resource));
            if !is_covered {
                self.report_unreadable(&unknown, &message);
            }
        }
    }

    pub(super) fn report_unreadable(&mut self, unknown: &UnknownOwner, message: &str) {
        let owner = &unknown.owner;
        let key = NoticeKey::Owner(owner.kind.clone(), Arc::clone(&owner.namespace));
        self.once(key, notices::owner_unreadable(owner, message));
    }
}
