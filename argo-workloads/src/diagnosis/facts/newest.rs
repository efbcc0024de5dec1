//! The pods of the newest revision of their workload.
//!
//! Only these pods count: trouble of an old ReplicaSet's pods while they are replaced is no
//! news.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use argo_core::{Newest, ObjectRef, OwnedRevision, RevisionLabel, resource::Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Facts, PodFact, WorkloadFact};
use crate::expectation::RunningImage;
use crate::rollout::revision;
use crate::workload::{AnalysisRun, Experiment, Workload};

impl Facts {
    /// Returns the images of the containers of the newest pods, as they are asked for and as
    /// the nodes resolved them.
    pub fn images(&self) -> Vec<RunningImage> {
        let newest = self.newest_pods();
        let pods = self.pods.iter().filter(|(uid, fact)| {
            newest.contains(&***uid) && fact.pod.metadata.deletion_timestamp.is_none()
        });
        let images = pods.flat_map(|(_, fact)| {
            fact.pod
                .containers()
                .map(|(container, status)| RunningImage {
                    workload: fact.root.clone(),
                    image: container.image.clone().unwrap_or_default(),
                    id: status
                        .and_then(|status| status.image_id.clone())
                        .unwrap_or_default(),
                })
        });
        images.collect()
    }

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
            let of_newest = pods.into_iter().filter(|fact| match run_of(self, fact) {
                Some(run) => root.is_some_and(|root| run.revision == revision(&root.workload)),
                None => wanted.is_none_or(|(key, value)| label(&fact.pod, key) == Some(value)),
            });
            newest.extend(of_newest.map(|fact| &*fact.object.uid));
        }
        newest
    }

    /// Returns the uids of the pods that belong to an analysis or an Experiment of a Rollout:
    /// they serve nobody.
    pub fn pods_of_runs(&self) -> BTreeSet<&str> {
        let pods = self.pods.values();
        let of_runs = pods.filter(|fact| run_of(self, fact).is_some());
        of_runs.map(|fact| &*fact.object.uid).collect()
    }
}

/// An analysis or Experiment that a Rollout made, between the Rollout and its pods.
pub(crate) struct Run<'a> {
    /// The AnalysisRun or Experiment.
    pub(crate) object: &'a ObjectRef,
    /// The revision of the Rollout that it was made for.
    revision: Option<&'a str>,
}

/// Returns the analysis or Experiment that a pod belongs to, the outermost one.
pub(crate) fn run_of<'a>(facts: &'a Facts, fact: &'a PodFact) -> Option<Run<'a>> {
    const REVISION: &str = "rollout.argoproj.io/revision";
    let is_below_root = |owner: &&ObjectRef| owner.uid != fact.root.uid;
    let chain = std::iter::successors(fact.owner.as_ref(), |owner| owner_of(facts, &owner.uid));
    let runs = chain
        .take(8)
        .take_while(is_below_root)
        .filter(|owner| AnalysisRun.names().is(&owner.kind) || Experiment.names().is(&owner.kind));
    let object = runs.last()?;
    let annotations = meta_of(facts, &object.uid).and_then(|meta| meta.annotations.as_ref());
    let revision = annotations.and_then(|annotations| annotations.get(REVISION));
    Some(Run {
        object,
        revision: revision.map(String::as_str),
    })
}

fn owner_of<'a>(facts: &'a Facts, uid: &str) -> Option<&'a ObjectRef> {
    match facts.workloads.get(uid) {
        Some(fact) => fact.owner.as_ref(),
        None => facts.others.get(uid)?.owner.as_ref(),
    }
}

fn meta_of<'a>(facts: &'a Facts, uid: &str) -> Option<&'a ObjectMeta> {
    match facts.workloads.get(uid) {
        Some(fact) => Some(&fact.workload.metadata),
        None => Some(&*facts.others.get(uid)?.meta),
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
