//! The fields of an event that are read.

use std::borrow::Cow;

use argo_core::resource::slim_metadata;
use jiff::Timestamp;
use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Resource;
use serde::{Deserialize, Serialize};

/// An event (core/v1), without the fields that this crate does not use.
///
/// The older API is read because events.k8s.io requires fields that some writers omit, and
/// one such event makes a whole list undecodable. Both APIs show the same objects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// Name, namespace, uid, resource version and creation time.
    #[serde(deserialize_with = "slim_metadata")]
    pub metadata: ObjectMeta,
    /// The object that the event is about.
    pub involved_object: InvolvedObject,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// A reason in one camel-case word.
    pub reason: Option<String>,
    /// The message, a sentence for people.
    pub message: Option<String>,
    /// Number of occurrences; absent in events written through events.k8s.io.
    pub count: Option<i64>,
    /// Repeats, in events written through events.k8s.io; present from the second occurrence
    /// on.
    pub series: Option<Series>,
    /// Time of the first occurrence, in whole seconds.
    pub first_timestamp: Option<Timestamp>,
    /// Time of the last occurrence, in whole seconds.
    pub last_timestamp: Option<Timestamp>,
    /// Time of the first occurrence, in microseconds, in events written through
    /// events.k8s.io.
    pub event_time: Option<Timestamp>,
    /// Name of the program that wrote it.
    pub reporting_component: Option<String>,
    /// Name of the program that wrote it, in older events.
    pub source: Option<Source>,
}

/// The object that an event is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InvolvedObject {
    /// Kind of the object.
    pub kind: Option<String>,
    /// Namespace of the object; absent for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Name of the object.
    pub name: Option<String>,
    /// Uid of the object.
    pub uid: Option<String>,
    /// The part of the object, for example `spec.containers{app}`.
    pub field_path: Option<String>,
}

/// Repeats of an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Series {
    /// Number of occurrences so far.
    pub count: Option<i64>,
    /// Time of the last occurrence, in microseconds.
    pub last_observed_time: Option<Timestamp>,
}

/// The writer of an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// Name of the program.
    pub component: Option<String>,
}

impl Event {
    /// Returns the uid of the event itself, or an empty string.
    pub fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Returns the uid of the object that the event is about, or an empty string.
    pub fn object_uid(&self) -> &str {
        self.involved_object.uid.as_deref().unwrap_or_default()
    }

    /// Returns the name of the program that wrote the event, or an empty string.
    pub fn component(&self) -> &str {
        let source = self.source.as_ref().and_then(|s| s.component.as_deref());
        let reporting = self.reporting_component.as_deref();
        reporting
            .filter(|name| !name.is_empty())
            .or(source)
            .unwrap_or_default()
    }

    /// Returns the container that the event is about: the name in braces in
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
