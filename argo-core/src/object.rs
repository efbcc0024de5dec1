//! Names of Kubernetes objects.

use std::{fmt, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde::{Deserialize, Serialize};

/// An API group and a kind, without a version: tracking ids and owner references agree on
/// these two while versions come and go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupKind {
    /// The API group, empty for the core group.
    pub group: Arc<str>,
    /// The kind, in singular and camel case.
    pub kind: Arc<str>,
}

impl GroupKind {
    /// Names a kind.
    pub fn new(group: &str, kind: &str) -> Self {
        Self {
            group: group.into(),
            kind: kind.into(),
        }
    }

    /// True if this is the kind of that group and name.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        *self.group == *group && *self.kind == *kind
    }

    /// Returns the kind of an `apiVersion` (`apps/v1`, `v1`) and a `kind`.
    pub fn from_api_version(api_version: &str, kind: &str) -> Self {
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        Self::new(group, kind)
    }
}

impl fmt::Display for GroupKind {
    /// Writes the kind like kubectl: `Deployment.apps`, `Pod`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.group {
            "" => f.write_str(&self.kind),
            group => write!(f, "{}.{group}", self.kind),
        }
    }
}

/// One object at one time: kind, namespace, name, and the uid that tells it from
/// another of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Group and kind.
    pub kind: GroupKind,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Uid; empty if it is unknown.
    pub uid: Arc<str>,
}

impl ObjectRef {
    /// Returns the object that a kind and its metadata describe.
    pub fn from_meta(kind: GroupKind, meta: &ObjectMeta) -> Self {
        Self {
            kind,
            namespace: meta.namespace.as_deref().unwrap_or_default().into(),
            name: meta.name.as_deref().unwrap_or_default().into(),
            uid: meta.uid.as_deref().unwrap_or_default().into(),
        }
    }

    /// Returns the owner that a reference in `namespace` names. An owner in no namespace
    /// looks the same here: owner references carry none.
    pub fn from_owner(namespace: &str, owner: &OwnerReference) -> Self {
        Self {
            kind: GroupKind::from_api_version(&owner.api_version, &owner.kind),
            namespace: namespace.into(),
            name: owner.name.as_str().into(),
            uid: owner.uid.as_str().into(),
        }
    }

    /// True for an Application of Argo CD.
    pub fn is_application(&self) -> bool {
        self.kind.is("argoproj.io", "Application")
    }

    /// True if both name the same thing of the cluster, even if it was created anew: kind,
    /// namespace and name agree, the uid may differ.
    pub fn same_name(&self, other: &Self) -> bool {
        self.name() == other.name()
    }

    /// Returns kind, namespace and name, to be compared or used as a key: the object without
    /// its uid.
    pub fn name(&self) -> ObjectName {
        ObjectName {
            kind: self.kind.clone(),
            namespace: Arc::clone(&self.namespace),
            name: Arc::clone(&self.name),
        }
    }
}

/// The name of an object without its uid, so that an object keeps it when it is created anew.
///
/// The name is the key for facts about a workload that may be deleted and created again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// Group and kind.
    pub kind: GroupKind,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

impl fmt::Display for ObjectRef {
    /// Writes `Deployment/web`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.kind, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_what_stands_before_the_version() {
        assert_eq!(
            GroupKind::from_api_version("v1", "Pod"),
            GroupKind::new("", "Pod")
        );
        let rollout = GroupKind::from_api_version("argoproj.io/v1alpha1", "Rollout");
        assert_eq!(rollout, GroupKind::new("argoproj.io", "Rollout"));
        assert_eq!(rollout.to_string(), "Rollout.argoproj.io");
    }

    #[test]
    fn an_object_that_was_created_again_has_the_same_name() {
        let web = |kind: &str, namespace: &str, name: &str, uid: &str| ObjectRef {
            kind: GroupKind::new("apps", kind),
            namespace: namespace.into(),
            name: name.into(),
            uid: uid.into(),
        };
        let first = web("Deployment", "shop", "web", "1");
        assert!(first.same_name(&web("Deployment", "shop", "web", "2")));
        assert!(!first.same_name(&web("StatefulSet", "shop", "web", "1")));
        assert!(!first.same_name(&web("Deployment", "cart", "web", "1")));
        assert!(!first.same_name(&web("Deployment", "shop", "db", "1")));
    }
}
