//! Owners that may not be read, inferred from the objects that they own.

use argo_core::ObjectRef;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::{
    Index,
    index::{Node, UnknownOwner},
    selectors::Selectors,
};
use crate::workload::Kinds;

/// The metadata that takes the place of an owner's own.
pub(crate) struct InferredOwner {
    pub(crate) meta: ObjectMeta,
    /// True if the owner belongs to the application by itself.
    pub(crate) own: bool,
}

/// Infers an owner that may not be read.
///
/// The workload above a ReplicaSet follows from the ReplicaSet's name and a label of its
/// pods. Of other owners only the application's label on the objects that they own can
/// tell, if labels count.
pub(crate) fn infer_owner(
    index: &Index,
    selectors: &Selectors,
    kinds: &Kinds,
    unknown: &UnknownOwner,
) -> Option<InferredOwner> {
    let owner = &unknown.owner;
    let mut owned = index.owned_by(&owner.uid);
    if let Some(maker) = owned.find_map(|node| maker(index, kinds, owner, node)) {
        let mut meta = meta(owner);
        meta.owner_references = Some(vec![reference(&maker)]);
        return Some(InferredOwner { meta, own: false });
    }
    let mut owned = index.owned_by(&owner.uid);
    let is_labelled = owned.any(|node| selectors.labelled(&node.metadata()));
    is_labelled.then(|| InferredOwner {
        meta: meta(owner),
        own: true,
    })
}

/// Finds the workload that made an intermediate object: controllers name it after the
/// workload and the hash that its pods carry as a label.
fn maker(index: &Index, kinds: &Kinds, made: &ObjectRef, pod: &Node) -> Option<ObjectRef> {
    let meta = pod.metadata();
    let labels = meta.labels.as_ref()?;
    kinds.iter().find_map(|kind| {
        let intermediate = kind.intermediate().filter(|one| one.kind == made.kind)?;
        let hash = labels.get(intermediate.hash_label)?;
        let name = made.name.strip_suffix(hash.as_str())?.strip_suffix('-')?;
        index.named(&kind.names().group_kind(), &made.namespace, name)
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
