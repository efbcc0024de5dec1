//! Owners that may not be read, and what is known of them all the same.

use argo_core::{GroupKind, ObjectRef};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::{Index, Wanted, index::Node, marks::Marks};

/// The labels by which controllers name the ReplicaSet of a pod: it is called after what
/// made it and this hash.
const HASHES: [(&str, &str, &str); 2] = [
    ("pod-template-hash", "apps", "Deployment"),
    ("rollouts-pod-template-hash", "argoproj.io", "Rollout"),
];

/// Metadata that takes the place of that of an owner which may not be read, and whether the
/// owner belongs to the application by itself.
///
/// A ReplicaSet follows from its name and a label of its pods. Of other owners only the
/// label of the application on what they own can tell, if labels count.
pub(crate) fn stand_in(
    index: &Index,
    marks: &Marks,
    wanted: &Wanted,
) -> Option<(ObjectMeta, bool)> {
    let owner = &wanted.owner;
    let maker = index
        .owned_by(&owner.uid)
        .find_map(|node| maker(index, owner, node));
    if let Some(maker) = maker {
        let mut meta = meta(owner);
        meta.owner_references = Some(vec![reference(&maker)]);
        return Some((meta, false));
    }
    let labelled = index
        .owned_by(&owner.uid)
        .any(|node| marks.labelled(node.body.get().metadata()));
    labelled.then(|| (meta(owner), true))
}

/// The Deployment or Rollout that made a ReplicaSet.
fn maker(index: &Index, set: &ObjectRef, pod: &Node) -> Option<ObjectRef> {
    if set.kind != GroupKind::new("apps", "ReplicaSet") {
        return None;
    }
    let body = pod.body.get();
    let labels = body.metadata().labels.as_ref()?;
    HASHES.iter().find_map(|(label, group, kind)| {
        let hash = labels.get(*label)?;
        let name = set.name.strip_suffix(hash.as_str())?.strip_suffix('-')?;
        index.named(&GroupKind::new(group, kind), &set.namespace, name)
    })
}

fn meta(owner: &ObjectRef) -> ObjectMeta {
    ObjectMeta {
        name: Some(owner.name.to_string()),
        namespace: Some(owner.namespace.to_string()),
        uid: Some(owner.uid.to_string()),
        ..ObjectMeta::default()
    }
}

fn reference(maker: &ObjectRef) -> OwnerReference {
    OwnerReference {
        api_version: format!("{}/v1", maker.kind.group),
        kind: maker.kind.kind.to_string(),
        name: maker.name.to_string(),
        uid: maker.uid.to_string(),
        controller: Some(true),
        ..OwnerReference::default()
    }
}
