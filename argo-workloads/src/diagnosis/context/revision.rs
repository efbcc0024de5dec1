//! Which pods have the newest revision of their workload.
//!
//! Only these count: what an old ReplicaSet's pods do while they are replaced is no news.

use std::collections::{BTreeMap, BTreeSet};

use argo_core::resource::Pod;

use crate::diagnosis::facts::{Facts, PodFact, WorkloadFact};

/// The uids of all pods of the newest revision of their workload.
pub(crate) fn newest(facts: &Facts) -> BTreeSet<&str> {
    let mut by_root: BTreeMap<&str, Vec<&PodFact>> = BTreeMap::new();
    for fact in facts.pods.values() {
        by_root.entry(&fact.root.uid).or_default().push(fact);
    }
    let mut newest = BTreeSet::new();
    for (root, pods) in by_root {
        let root = facts.workloads.get(root);
        let wanted = root.and_then(|root| wanted(facts, root, &pods));
        let of_newest = pods.into_iter().filter(|fact| match (root, &wanted) {
            (Some(_), Some((label, hash))) => self::label(&fact.pod, label) == Some(hash),
            _ => true,
        });
        newest.extend(of_newest.map(|fact| &*fact.object.uid));
    }
    newest
}

/// The label by which pods of the newest revision are known, and its value; nothing where
/// all pods are alike.
fn wanted<'a>(
    facts: &'a Facts,
    root: &'a WorkloadFact,
    pods: &[&'a PodFact],
) -> Option<(&'static str, &'a str)> {
    let status = &root.workload.status;
    match &*root.object.kind.kind {
        "Deployment" => {
            let hash = newest_replicaset(facts, root)?;
            Some(("pod-template-hash", hash))
        }
        "StatefulSet" => {
            let revision = status.update_revision.as_deref()?;
            Some(("controller-revision-hash", revision))
        }
        "DaemonSet" => newest_generation(root, pods),
        "Rollout" => {
            let hash = status.current_pod_hash.as_deref()?;
            Some(("rollouts-pod-template-hash", hash))
        }
        _ => None,
    }
}

/// The template hash of the ReplicaSet with the highest revision. A rollback gives an old
/// ReplicaSet a new revision (kubernetes `pkg/controller/deployment/sync.go`).
fn newest_replicaset<'a>(facts: &'a Facts, root: &WorkloadFact) -> Option<&'a str> {
    const REVISION: &str = "deployment.kubernetes.io/revision";
    let revision = |fact: &WorkloadFact| {
        let annotations = fact.workload.metadata.annotations.as_ref()?;
        annotations.get(REVISION)?.parse::<i64>().ok()
    };
    let owned = facts.workloads.values().filter(|fact| {
        let owner = fact.owner.as_ref();
        &*fact.object.kind.kind == "ReplicaSet"
            && owner.is_some_and(|owner| owner.uid == root.object.uid)
    });
    let newest = owned.max_by_key(|fact| revision(fact))?;
    let labels = newest.workload.metadata.labels.as_ref()?;
    labels.get("pod-template-hash").map(String::as_str)
}

/// The DaemonSet controller numbers its templates, and labels pods with the number. The
/// hash of the revision stands nowhere in the DaemonSet: without the number the youngest
/// pod tells it.
fn newest_generation<'a>(
    root: &'a WorkloadFact,
    pods: &[&'a PodFact],
) -> Option<(&'static str, &'a str)> {
    const GENERATION: &str = "deprecated.daemonset.template.generation";
    const LABEL: &str = "pod-template-generation";
    const HASH: &str = "controller-revision-hash";
    let annotations = root.workload.metadata.annotations.as_ref();
    let generation = annotations.and_then(|annotations| annotations.get(GENERATION));
    let labelled = pods.iter().any(|fact| label(&fact.pod, LABEL).is_some());
    if let (Some(generation), true) = (generation, labelled) {
        return Some((LABEL, generation));
    }
    let created = |fact: &&&PodFact| fact.pod.metadata.creation_timestamp.as_ref().map(|t| t.0);
    let youngest = pods.iter().max_by_key(created)?;
    Some((HASH, label(&youngest.pod, HASH)?))
}

fn label<'a>(pod: &'a Pod, name: &str) -> Option<&'a str> {
    let labels = pod.metadata.labels.as_ref()?;
    labels.get(name).map(String::as_str)
}
