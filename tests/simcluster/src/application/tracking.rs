//! Marks on the objects of an Application (argo-cd, util/argo/resource_tracking.go).

use serde::Deserialize;
use serde_json::{Value, json};

use super::object::{group, text};

/// The annotation that holds the tracking id.
pub(super) const ID: &str = "argocd.argoproj.io/tracking-id";
const LABEL: &str = "app.kubernetes.io/instance";

/// Kind of mark on the objects of an Application.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Tracking {
    /// By the annotation alone.
    #[default]
    #[serde(rename = "annotation")]
    Annotation,
    /// By the label `app.kubernetes.io/instance` alone.
    #[serde(rename = "label")]
    Label,
    /// By both, where only the annotation counts.
    #[serde(rename = "annotation+label")]
    AnnotationAndLabel,
}

/// `<instance>:<group>/<kind>:<namespace>/<name>`; a hook with `generateName` has no name yet.
pub(super) fn id(object: &Value, instance: &str, destination: &str) -> String {
    let namespace = match text(object, "namespace") {
        "" => destination,
        namespace => namespace,
    };
    let kind = object["kind"].as_str().unwrap_or_default();
    let name = text(object, "name");
    format!("{instance}:{}/{kind}:{namespace}/{name}", group(object))
}

impl Tracking {
    pub(super) fn mark(self, object: &mut Value, instance: &str, destination: &str) {
        if self != Self::Label {
            object["metadata"]["annotations"][ID] = json!(id(object, instance, destination));
        }
        if self != Self::Annotation {
            // With the annotation the label is for people only, and cut to what a label may be.
            let label = match self {
                Self::AnnotationAndLabel => cut(instance),
                _ => instance,
            };
            object["metadata"]["labels"][LABEL] = json!(label);
        }
    }

    /// Returns true if a live object has a mark that is not a copy of another object's.
    pub(super) fn owns(self, object: &Value, instance: &str, destination: &str) -> bool {
        let meta = &object["metadata"];
        if meta["ownerReferences"]
            .as_array()
            .is_some_and(|owners| !owners.is_empty())
        {
            return false;
        }
        if self == Self::Label {
            return meta["labels"][LABEL] == *instance;
        }
        let mut unnamed = object.clone();
        unnamed["metadata"]["name"].take();
        let found = &meta["annotations"][ID];
        *found == *id(object, instance, destination)
            || meta["generateName"].is_string() && *found == *id(&unnamed, instance, destination)
    }
}

fn cut(instance: &str) -> &str {
    let short = instance.get(..63).unwrap_or(instance);
    short.trim_end_matches(|last: char| !last.is_ascii_alphanumeric())
}
