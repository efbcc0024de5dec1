//! Answers of the server. Unknown fields are ignored, missing ones are empty.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Deserializer};

use crate::{GroupKind, resource::Health};

/// The version of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Version {
    /// For example `v3.2.11+abc1234`.
    #[serde(rename = "Version")]
    pub version: String,
}

impl Version {
    /// Returns major and minor, if the text has the form of a release.
    pub fn major_minor(&self) -> Option<(u32, u32)> {
        let mut parts = self.version.strip_prefix('v')?.split('.');
        let mut number = || parts.next()?.parse().ok();
        Some((number()?, number()?))
    }
}

/// The user that the server takes us for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UserInfo {
    /// True if the server knows the token.
    pub logged_in: bool,
    /// The user or account.
    pub username: String,
    /// Its groups.
    #[serde(deserialize_with = "nullable")]
    pub groups: Vec<String>,
}

/// The objects of an application: those of its manifests and those that these own.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceTree {
    /// The objects.
    #[serde(deserialize_with = "nullable")]
    pub nodes: Vec<Node>,
    /// Objects in the namespace that belong to no application.
    #[serde(deserialize_with = "nullable")]
    pub orphaned_nodes: Vec<Node>,
}

/// An object of the tree.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Node {
    /// Kind, place, name and uid.
    #[serde(flatten)]
    pub object: NodeRef,
    /// Its owners.
    #[serde(deserialize_with = "nullable")]
    pub parent_refs: Vec<NodeRef>,
    /// Facts for people: `Status Reason`, `Containers`, `Restart Count`…
    #[serde(deserialize_with = "nullable")]
    pub info: Vec<NodeInfo>,
    /// Labels of a pod, targets of a Service.
    #[serde(deserialize_with = "nullable")]
    pub networking_info: Option<NetworkingInfo>,
    /// Changes with each change of the object.
    #[serde(deserialize_with = "nullable")]
    pub resource_version: String,
    /// The images of a pod.
    #[serde(deserialize_with = "nullable")]
    pub images: Vec<String>,
    /// Health as Argo CD sees it.
    #[serde(deserialize_with = "nullable")]
    pub health: Option<Health>,
    /// The time at which the object was made.
    #[serde(deserialize_with = "nullable")]
    pub created_at: Option<Time>,
}

/// Kind, place, name and uid of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub struct NodeRef {
    /// API group, empty for the core group.
    #[serde(deserialize_with = "nullable")]
    pub group: String,
    /// Version of the API.
    #[serde(deserialize_with = "nullable")]
    pub version: String,
    /// Kind.
    #[serde(deserialize_with = "nullable")]
    pub kind: String,
    /// Namespace; empty for cluster-scoped objects.
    #[serde(deserialize_with = "nullable")]
    pub namespace: String,
    /// Name.
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    /// Empty for an object that does not exist.
    #[serde(deserialize_with = "nullable")]
    pub uid: String,
}

impl NodeRef {
    /// Returns group and kind.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind::new(self.group.as_str(), self.kind.as_str())
    }
}

/// A fact about an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NodeInfo {
    /// The name of the fact.
    pub name: String,
    /// Its text.
    pub value: String,
}

/// Labels and targets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkingInfo {
    /// Labels of a pod.
    #[serde(deserialize_with = "nullable")]
    pub labels: BTreeMap<String, String>,
}

/// A top-level object with its live and its wanted state, as of the last comparison. Hooks are
/// not among them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagedResource {
    /// API group, empty for the core group.
    #[serde(deserialize_with = "nullable")]
    pub group: String,
    /// Kind.
    #[serde(deserialize_with = "nullable")]
    pub kind: String,
    /// Namespace; empty for cluster-scoped objects.
    #[serde(deserialize_with = "nullable")]
    pub namespace: String,
    /// Name.
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    /// The object in the cluster as JSON, or `null`.
    #[serde(deserialize_with = "nullable")]
    pub live_state: String,
    /// The object of the manifests as JSON, or `null`.
    #[serde(deserialize_with = "nullable")]
    pub target_state: String,
    /// The live object without what is left out of the comparison.
    #[serde(deserialize_with = "nullable")]
    pub normalized_live_state: String,
    /// The live object as a sync would make it.
    #[serde(deserialize_with = "nullable")]
    pub predicted_live_state: String,
    /// True if the two differ.
    #[serde(deserialize_with = "nullable")]
    pub modified: bool,
}

/// A change of an application.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, bound(deserialize = "A: Default + Deserialize<'de>"))]
pub struct ApplicationEvent<A> {
    /// `ADDED`, `MODIFIED` or `DELETED`.
    #[serde(rename = "type")]
    pub type_: String,
    /// The application after the change.
    pub application: A,
}

/// A list under the name `items`, which is missing if it is empty.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct Items<T> {
    pub(super) items: Option<Vec<T>>,
}

/// One live object as JSON in a text.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Manifest {
    pub(super) manifest: String,
}

/// An answer to can-i.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct CanI {
    pub(super) value: String,
}

fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read() {
        let text = r#"{"nodes":[{"version":"v1","kind":"Pod","namespace":"api-one","name":"web-1","uid":"u","parentRefs":[{"group":"apps","version":"v1","kind":"ReplicaSet","namespace":"api-one","name":"web","uid":"r"}],"info":[{"name":"Containers","value":"1/2"}],"networkingInfo":{"labels":{"app":"web"}},"resourceVersion":"851","images":["busybox:1"],"health":{"status":"Degraded","message":"back-off"},"createdAt":"2026-11-28T06:50:43Z"},{"kind":"Ingress","group":"networking.k8s.io","name":"web","health":null}],"hosts":[{"name":"node1"}],"shardsCount":1}"#;
        let tree: ResourceTree = serde_json::from_str(text).unwrap();
        let pod = &tree.nodes[0];
        assert_eq!(pod.object.group_kind(), GroupKind::new("", "Pod"));
        assert_eq!(pod.parent_refs[0].uid, "r");
        assert_eq!(
            pod.health.as_ref().unwrap().status.as_deref(),
            Some("Degraded")
        );
        assert_eq!(tree.nodes[1].object.uid, "", "it does not exist");
    }

    #[test]
    fn versions() {
        let of = |text: &str| {
            Version {
                version: text.to_owned(),
            }
            .major_minor()
        };
        assert_eq!(of("v3.2.11+abc"), Some((3, 2)));
        assert_eq!(of("v99.99.99+unknown"), Some((99, 99)));
        assert_eq!(of("latest"), None);
    }
}
