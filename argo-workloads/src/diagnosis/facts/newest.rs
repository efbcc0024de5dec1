//! The pods of the newest revision of their workload.
//!
//! Only these pods count: trouble of an old ReplicaSet's pods while they are replaced is no
//! news.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use argo_core::{Newest, OwnedRevision, RevisionLabel, resource::Pod};

use super::{Facts, PodFact, WorkloadFact};

impl Facts {
    /// Returns the uids of the pods of the newest revision of their workload.
    pub fn newest_pods(&self) -> BTreeSet<&str> {
        let mut by_root: BTreeMap<&str, Vec<&PodFact>> = BTreeMap::new();
        for fact in self.pods.values() {
            by_root.entry(&fact.root.uid).or_default().push(fact);
        }
        let mut newest = BTreeSet::new();
        for (root, pods) in by_root {
            let root = self.workloads.get(root);
            let wanted = root.and_then(|root| wanted(self, root, &pods));
            let of_newest = pods.into_iter().filter(|fact| {
                wanted.is_none_or(|(key, value)| label(&fact.pod, key) == Some(value))
            });
            newest.extend(of_newest.map(|fact| &*fact.object.uid));
        }
        newest
    }
}

/// Returns the label that pods of the newest revision carry, and its value; nothing where all
/// pods count as alike.
fn wanted<'a>(
    facts: &'a Facts,
    root: &'a WorkloadFact,
    pods: &[&'a PodFact],
) -> Option<(&'a str, &'a str)> {
    match &root.traits.newest {
        Newest::All => None,
        Newest::Labelled(labels) => {
            let is_carried =
                |wanted: &&RevisionLabel| pods.iter().any(|fact| has(&fact.pod, wanted));
            let decisive = labels.iter().find(is_carried).or(labels.last())?;
            value(decisive, pods)
        }
        Newest::Owned => value(&newest_owned(facts, root)?.label, pods),
    }
}

/// Returns the revision with the highest number among those of the objects that a workload
/// owns.
fn newest_owned<'a>(facts: &'a Facts, root: &WorkloadFact) -> Option<&'a OwnedRevision> {
    let owned = facts.workloads.values().filter(|fact| {
        let owner = fact.owner.as_ref();
        owner.is_some_and(|owner| owner.uid == root.object.uid)
    });
    let revisions = owned.filter_map(|fact| fact.traits.revision.as_ref());
    revisions.max_by_key(|revision| revision.number)
}

fn value<'a>(label: &'a RevisionLabel, pods: &[&'a PodFact]) -> Option<(&'a str, &'a str)> {
    let known = label.value.as_ref().map(Arc::as_ref);
    let value = known.or_else(|| of_youngest(pods, &label.key))?;
    Some((&label.key, value))
}

fn of_youngest<'a>(pods: &[&'a PodFact], key: &str) -> Option<&'a str> {
    let created = |fact: &&&PodFact| fact.pod.metadata.creation_timestamp.as_ref().map(|t| t.0);
    let youngest = pods.iter().max_by_key(created)?;
    label(&youngest.pod, key)
}

fn has(pod: &Pod, wanted: &RevisionLabel) -> bool {
    label(pod, &wanted.key).is_some()
}

fn label<'a>(pod: &'a Pod, name: &str) -> Option<&'a str> {
    let labels = pod.metadata.labels.as_ref()?;
    labels.get(name).map(String::as_str)
}
