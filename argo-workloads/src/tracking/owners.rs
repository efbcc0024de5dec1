//! Owners that no watch delivers: which of them are read, when again, and which may not be.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use argo_core::GroupKind;

use super::index::UnknownOwner;

/// The time for which a 403 on an owner is remembered before the owner is read again.
const REFUSED: Duration = Duration::from_secs(300);
/// The shortest time between two reads of one owner.
const READ_AGAIN: Duration = Duration::from_secs(10);
/// The shortest time until an owner outside the application is read again because one of its
/// pods changed: the owner may have got its tracking id since.
const RECHECK: Duration = Duration::from_secs(60);
/// The shortest time between two such reads of any owners.
const BETWEEN_RECHECKS: Duration = Duration::from_secs(5);

/// A kind in a namespace, the unit in which a role allows or refuses reads.
type Place = (GroupKind, Arc<str>);

/// Keeps account of the owners that no watch delivers.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    to_read: VecDeque<UnknownOwner>,
    /// Owners that are being read, or wait to be, by uid.
    reading: HashSet<Arc<str>>,
    /// Times at which owners were read, by uid.
    read_at: HashMap<Arc<str>, Duration>,
    last_recheck: Option<Duration>,
    refused: HashMap<Place, Refusal>,
    /// Owners that may not be read and of which nothing else is known.
    unreadable: Vec<UnknownOwner>,
    /// Owners seen by a cluster-wide watch in namespaces that are not followed; read if
    /// such a namespace joins.
    out_of_scope: Vec<UnknownOwner>,
}

#[derive(Debug)]
struct Refusal {
    until: Duration,
    message: String,
}

impl Owners {
    /// Asks for an owner. Returns it if it is known already that it may not be read.
    pub(crate) fn want(
        &mut self,
        owner: UnknownOwner,
        is_in_scope: bool,
        now: Duration,
    ) -> Option<UnknownOwner> {
        let uid = &owner.owner.uid;
        let read_at = self.read_at.get(uid);
        if read_at.is_some_and(|at| now < *at + READ_AGAIN) {
            return None;
        }
        // RBAC allows kinds, not objects: one 403 stands for all owners of the kind.
        let refusal = self.refused.get(&place(&owner));
        if refusal.is_some_and(|refusal| now < refusal.until) {
            return Some(owner);
        }
        if !is_in_scope {
            self.out_of_scope.push(owner);
        } else if self.reading.insert(Arc::clone(uid)) {
            self.to_read.push_back(owner);
        }
        None
    }

    /// Takes the next owner to read.
    pub(crate) fn next(&mut self) -> Option<UnknownOwner> {
        self.to_read.pop_front()
    }

    /// Takes the owners in namespaces that were not followed, as one has joined.
    pub(crate) fn take_out_of_scope(&mut self) -> Vec<UnknownOwner> {
        std::mem::take(&mut self.out_of_scope)
    }

    /// True while no owner is being read.
    pub(crate) fn is_idle(&self) -> bool {
        self.reading.is_empty()
    }

    /// Records that the read of an owner has ended, with whatever result.
    pub(crate) fn answered(&mut self, owner: &UnknownOwner, now: Duration) {
        let uid = &owner.owner.uid;
        self.reading.remove(uid);
        self.read_at.insert(Arc::clone(uid), now);
    }

    /// Records a 403: owners of that kind in that namespace are not read for a while.
    pub(crate) fn refused(&mut self, owner: &UnknownOwner, message: String, now: Duration) {
        let until = now + REFUSED;
        self.refused
            .insert(place(owner), Refusal { until, message });
    }

    /// Picks the owner to read again because a pod of it changed, if it is time.
    pub(crate) fn recheck(
        &mut self,
        owners: Vec<UnknownOwner>,
        now: Duration,
    ) -> Option<UnknownOwner> {
        if self
            .last_recheck
            .is_some_and(|last| now < last + BETWEEN_RECHECKS)
        {
            return None;
        }
        let due = owners.into_iter().find(|owner| {
            let read_at = self.read_at.get(&owner.owner.uid);
            read_at.is_some_and(|at| now >= *at + RECHECK)
        })?;
        self.last_recheck = Some(now);
        Some(due)
    }

    /// Remembers an owner of which nothing is known because it may not be read.
    pub(crate) fn keep_unreadable(&mut self, owner: UnknownOwner) {
        self.unreadable.push(owner);
    }

    pub(crate) fn has_unreadable(&self) -> bool {
        !self.unreadable.is_empty()
    }

    pub(crate) fn take_unreadable(&mut self) -> Vec<UnknownOwner> {
        std::mem::take(&mut self.unreadable)
    }

    /// Returns one unreadable owner for each kind in a namespace, with the server's message.
    pub(crate) fn refusals(&self) -> Vec<(UnknownOwner, String)> {
        let mut first: BTreeMap<Place, &UnknownOwner> = BTreeMap::new();
        for owner in &self.unreadable {
            first.entry(place(owner)).or_insert(owner);
        }
        let refusals = first.into_iter().filter_map(|(place, owner)| {
            let refusal = self.refused.get(&place)?;
            Some((owner.clone(), refusal.message.clone()))
        });
        refusals.collect()
    }
}

fn place(owner: &UnknownOwner) -> Place {
    let owner = &owner.owner;
    (owner.kind.clone(), Arc::clone(&owner.namespace))
}

#[cfg(test)]
mod tests {
    use argo_core::ObjectRef;

    use super::*;

    fn owner(uid: &str) -> UnknownOwner {
        UnknownOwner {
            owner: ObjectRef {
                kind: GroupKind::new("example.com", "Database"),
                namespace: "shop".into(),
                name: uid.into(),
                uid: uid.into(),
            },
            api_version: "example.com/v1".into(),
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_owner_is_read_once_at_a_time_and_not_again_at_once() {
        let mut owners = Owners::default();
        assert!(owners.want(owner("a"), true, seconds(0)).is_none());
        assert!(owners.want(owner("a"), true, seconds(0)).is_none());
        assert!(owners.next().is_some() && owners.next().is_none() && !owners.is_idle());
        owners.answered(&owner("a"), seconds(1));
        owners.want(owner("a"), true, seconds(10));
        assert!(owners.next().is_none() && owners.is_idle());
        owners.want(owner("a"), true, seconds(11));
        assert!(owners.next().is_some());
    }

    #[test]
    fn a_refusal_holds_for_the_kind_in_its_namespace_and_for_five_minutes() {
        let mut owners = Owners::default();
        owners.refused(&owner("a"), "no".to_owned(), seconds(0));
        assert!(owners.want(owner("b"), true, seconds(299)).is_some());
        owners.keep_unreadable(owner("a"));
        owners.keep_unreadable(owner("b"));
        let refusals = owners.refusals();
        assert_eq!(refusals, [(owner("a"), "no".to_owned())]);
        assert!(owners.want(owner("b"), true, seconds(300)).is_none());
        assert!(owners.next().is_some());
    }

    #[test]
    fn one_owner_is_rechecked_in_five_seconds_and_none_within_a_minute() {
        let mut owners = Owners::default();
        owners.answered(&owner("a"), seconds(0));
        owners.answered(&owner("b"), seconds(0));
        let both = || vec![owner("a"), owner("b")];
        assert!(owners.recheck(both(), seconds(59)).is_none());
        assert_eq!(owners.recheck(both(), seconds(60)), Some(owner("a")));
        assert!(owners.recheck(both(), seconds(64)).is_none());
        assert!(
            owners.recheck(vec![owner("c")], seconds(90)).is_none(),
            "never read"
        );
    }
}
