//! Metadata of objects that are known from a tree alone.

use argo_core::{
    TrackingId,
    argocd::{Node, NodeRef},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

/// Makes the metadata of a node: name, uid, owners, labels, and for an object of the manifests
/// the mark of the application.
pub(super) fn of_node(node: &Node, instance: &str) -> ObjectMeta {
    let object = &node.object;
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let owners: Vec<_> = node.parent_refs.iter().filter_map(owner).collect();
    let labels = node
        .networking_info
        .as_ref()
        .map(|info| info.labels.clone());
    let mut meta = ObjectMeta {
        name: text(&object.name),
        namespace: text(&object.namespace),
        uid: text(&object.uid),
        resource_version: text(&node.resource_version),
        creation_timestamp: node.created_at.clone(),
        labels: labels.filter(|labels| !labels.is_empty()),
        owner_references: (!owners.is_empty()).then_some(owners),
        ..ObjectMeta::default()
    };
    mark(&mut meta, node, instance);
    meta
}

/// Adds the mark of the application to an object of the manifests that has none: where Argo CD
/// tracks by label, the tree says whose the object is.
pub(super) fn mark(meta: &mut ObjectMeta, node: &Node, instance: &str) {
    let is_root = node.parent_refs.is_empty() && meta.owner_references.is_none();
    if !is_root {
        return;
    }
    let NodeRef {
        group,
        kind,
        namespace,
        name,
        ..
    } = &node.object;
    let annotations = meta.annotations.get_or_insert_default();
    annotations
        .entry(TrackingId::ANNOTATION.to_owned())
        .or_insert_with(|| format!("{instance}:{group}/{kind}:{namespace}/{name}"));
}

fn owner(parent: &NodeRef) -> Option<OwnerReference> {
    let group_version = match parent.group.as_str() {
        "" => parent.version.clone(),
        group => format!("{group}/{}", parent.version),
    };
    (!parent.uid.is_empty()).then(|| OwnerReference {
        api_version: group_version,
        kind: parent.kind.clone(),
        name: parent.name.clone(),
        uid: parent.uid.clone(),
        controller: Some(true),
        ..OwnerReference::default()
    })
}
