//! What is read of an event.

use std::borrow::Cow;

use argo_core::resource::slim_metadata;
use jiff::Timestamp;
use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Resource;
use serde::{Deserialize, Serialize};

/// An event (core/v1) without what nobody here reads.
///
/// The older API is read because events.k8s.io requires fields that some writers leave
/// out, and one such event makes a whole list undecodable; both show the same objects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// Name, namespace, uid, resource version and creation time.
    #[serde(deserialize_with = "slim_metadata")]
    pub metadata: ObjectMeta,
    /// What the event is about.
    pub involved_object: InvolvedObject,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// A reason in one camel-case word.
    pub reason: Option<String>,
    /// A sentence.
    pub message: Option<String>,
    /// How often it happened; absent in events written through events.k8s.io.
    pub count: Option<i64>,
    /// How often it happened, in events written through events.k8s.io, from the second
    /// time on.
    pub series: Option<Series>,
    /// When it first happened, in whole seconds.
    pub first_timestamp: Option<Timestamp>,
    /// When it last happened, in whole seconds.
    pub last_timestamp: Option<Timestamp>,
    /// When it first happened, in microseconds, in events written through events.k8s.io.
    pub event_time: Option<Timestamp>,
    /// Who wrote it.
    pub reporting_component: Option<String>,
    /// Who wrote it, in older events.
    pub source: Option<Source>,
}

/// What an event is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InvolvedObject {
    /// Kind.
    pub kind: Option<String>,
    /// Namespace; absent for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Uid.
    pub uid: Option<String>,
    /// Which part of the object: `spec.containers{app}`.
    pub field_path: Option<String>,
}

/// How often an event happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Series {
    /// How often so far.
    pub count: Option<i64>,
    /// When it last happened, in microseconds.
    pub last_observed_time: Option<Timestamp>,
}

/// Who wrote an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// Name of the program.
    pub component: Option<String>,
}

impl Event {
    /// Uid of the event itself; empty where there is none.
    pub fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Uid of the object that the event is about; empty where there is none.
    pub fn object_uid(&self) -> &str {
        self.involved_object.uid.as_deref().unwrap_or_default()
    }

    /// The program that wrote the event; empty where it does not say.
    pub fn component(&self) -> &str {
        let source = self.source.as_ref().and_then(|s| s.component.as_deref());
        let reporting = self.reporting_component.as_deref();
        let named = |name: &&str| !name.is_empty();
        let either = reporting.filter(named).or(source.filter(named));
        either.unwrap_or_default()
    }

    /// The container that the event is about: what stands in braces in
    /// `spec.containers{app}`, `spec.initContainers{migrate}` or
    /// `spec.ephemeralContainers{debug}` (Kubernetes `pkg/kubelet/container/ref.go`).
    pub fn container(&self) -> Option<&str> {
        let path = self.involved_object.field_path.as_deref()?;
        let (field, name) = path.strip_suffix('}')?.split_once('{')?;
        (field.ends_with("ontainers") && !name.is_empty()).then_some(name)
    }
}

impl Resource for Event {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Event".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "events".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_container_stands_in_the_field_path() {
        for (path, container) in [
            (Some("spec.containers{app}"), Some("app")),
            (Some("spec.initContainers{migrate}"), Some("migrate")),
            (Some("spec.ephemeralContainers{debug}"), Some("debug")),
            (Some("spec.containers[2]"), None),
            (Some("spec.volumes{data}"), None),
            (Some("spec.containers{}"), None),
            (Some("implicitly required container POD"), None),
            (None, None),
        ] {
            let mut event = Event::default();
            event.involved_object.field_path = path.map(str::to_owned);
            assert_eq!(event.container(), container, "{path:?}");
        }
    }

    #[test]
    fn nothing_is_required() {
        let event: Event =
            serde_json::from_str(r#"{"metadata":{},"source":{},"series":null}"#).unwrap();
        assert_eq!(event.object_uid(), "");
        assert_eq!(event.component(), "");
    }
}
