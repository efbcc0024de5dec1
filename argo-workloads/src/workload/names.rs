//! The names of a kind, and the API paths that follow from them.

use std::borrow::Cow;

use argo_core::GroupKind;
use kube::core::ApiResource;

/// The names of a kind, as a CustomResourceDefinition lists them.
///
/// ```
/// use argo_workloads::workload::Names;
///
/// const CLONE_SET: Names = Names::new("apps.kruise.io", "v1alpha1", "CloneSet", "clonesets");
/// assert_eq!(CLONE_SET.resource(), "clonesets.apps.kruise.io");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Names {
    group: Cow<'static, str>,
    version: Cow<'static, str>,
    kind: Cow<'static, str>,
    plural: Cow<'static, str>,
}

impl Names {
    /// Names a kind: API group (empty for the core group), version, kind and plural.
    pub const fn new(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
    ) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            kind: Cow::Borrowed(kind),
            plural: Cow::Borrowed(plural),
        }
    }

    /// Names a kind that is known only when the program runs.
    pub fn owned(group: &str, version: &str, kind: &str, plural: &str) -> Self {
        let owned = |text: &str| Cow::Owned(text.to_owned());
        Self {
            group: owned(group),
            version: owned(version),
            kind: owned(kind),
            plural: owned(plural),
        }
    }

    /// Returns the group and the kind.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind::new(&self.group, &self.kind)
    }

    /// True if these are the names of `kind`.
    pub fn is(&self, kind: &GroupKind) -> bool {
        kind.is(&self.group, &self.kind)
    }

    /// Returns the plural with its group as RBAC names it: `deployments.apps`, `pods`.
    pub fn resource(&self) -> String {
        rbac_name(&self.plural, &self.group)
    }

    /// Returns the resource as kube's client takes it.
    pub fn api_resource(&self) -> ApiResource {
        let (group, version) = (&*self.group, &*self.version);
        let api_version = if group.is_empty() {
            version.to_owned()
        } else {
            format!("{group}/{version}")
        };
        ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version,
            kind: self.kind.to_string(),
            plural: self.plural.to_string(),
        }
    }
}

/// Joins plural and group: `deployments.apps`, `pods`.
pub(crate) fn rbac_name(plural: &str, group: &str) -> String {
    if group.is_empty() {
        plural.to_owned()
    } else {
        format!("{plural}.{group}")
    }
}
