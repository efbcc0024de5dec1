//! The tracking id, by which Argo CD marks the objects of an application.

use std::{fmt, str::FromStr};

use crate::GroupKind;

/// The value of the annotation `argocd.argoproj.io/tracking-id`:
/// `<application>:<group>/<kind>:<namespace>/<name>`.
///
/// Grammar and printing follow Argo CD `util/argo/resource_tracking.go`
/// (`ParseAppInstanceValue`, `BuildAppInstanceValue`): only the first two colons split,
/// so names with colons survive; the second and third part hold exactly one slash each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TrackingId {
    /// The instance name of the application: `<app>`, or `<namespace>_<app>`.
    pub application: String,
    /// Group and kind of the object.
    pub kind: GroupKind,
    /// Namespace of the object; for cluster-scoped ones the application's destination.
    pub namespace: String,
    /// Name of the object; empty for hooks with `generateName`.
    pub name: String,
}

impl TrackingId {
    /// The annotation that holds a tracking id (Argo CD `common/common.go`).
    pub const ANNOTATION: &'static str = "argocd.argoproj.io/tracking-id";
}

impl fmt::Display for TrackingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            application,
            kind,
            namespace,
            name,
        } = self;
        write!(
            f,
            "{application}:{}/{}:{namespace}/{name}",
            kind.group, kind.kind
        )
    }
}

/// A text that is no tracking id; Argo CD counts such an object as untracked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no tracking id; expected <application>:<group>/<kind>:<namespace>/<name>")]
pub struct ParseTrackingIdError(pub String);

impl FromStr for TrackingId {
    type Err = ParseTrackingIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseTrackingIdError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<TrackingId> {
    let mut parts = text.splitn(3, ':');
    let application = parts.next()?;
    let (group, kind) = one_slash(parts.next()?)?;
    let (namespace, name) = one_slash(parts.next()?)?;
    Some(TrackingId {
        application: application.to_owned(),
        kind: GroupKind::new(group, kind),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })
}

fn one_slash(text: &str) -> Option<(&str, &str)> {
    text.split_once('/').filter(|(_, rest)| !rest.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_ids() {
        for (text, application, kind, namespace, name) in [
            (
                "my-app:/Service:default/web",
                "my-app",
                ("", "Service"),
                "default",
                "web",
            ),
            (
                "a_b:apps/Deployment:ns/web",
                "a_b",
                ("apps", "Deployment"),
                "ns",
                "web",
            ),
            ("app:batch/Job:ns/", "app", ("batch", "Job"), "ns", ""),
            ("app:/Namespace:/foo", "app", ("", "Namespace"), "", "foo"),
            (
                "app:rbac.authorization.k8s.io/ClusterRole:ns/system:foo",
                "app",
                ("rbac.authorization.k8s.io", "ClusterRole"),
                "ns",
                "system:foo",
            ),
        ] {
            let id: TrackingId = text.parse().unwrap();
            assert_eq!(id.application, application);
            assert_eq!(id.kind, GroupKind::new(kind.0, kind.1));
            assert_eq!((id.namespace.as_str(), id.name.as_str()), (namespace, name));
            assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn what_argo_cd_calls_untracked() {
        for text in [
            "",
            "app",
            "app:apps/Deployment",
            "app:Deployment:ns/x",
            "app:a/b/c:ns/x",
            "app:a/b:ns/x/y",
        ] {
            assert_eq!(
                text.parse::<TrackingId>(),
                Err(ParseTrackingIdError(text.to_owned()))
            );
        }
    }
}
