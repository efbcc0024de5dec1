//! One version of one object.

use std::ops::Deref;
use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::{Value, json};

/// An object as it was at one resource version. Reads as the [`Value`] it holds.
///
/// Its JSON is written once, however many watchers get it.
#[derive(Debug)]
pub struct Object {
    value: Value,
    resource_version: u64,
    /// Every request looks at these of every object: not by way of the value.
    namespace: Box<str>,
    name: Box<str>,
    json: OnceLock<Bytes>,
    partial: OnceLock<Bytes>,
}

impl Object {
    pub(super) fn new(mut value: Value, resource_version: u64) -> Self {
        value["metadata"]["resourceVersion"] = Value::from(resource_version.to_string());
        let text = |field: &str| value["metadata"][field].as_str().unwrap_or_default().into();
        Self {
            namespace: text("namespace"),
            name: text("name"),
            value,
            resource_version,
            json: OnceLock::new(),
            partial: OnceLock::new(),
        }
    }

    /// The whole object.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The version as a number.
    #[must_use]
    pub fn resource_version(&self) -> u64 {
        self.resource_version
    }

    /// The object as compact JSON.
    #[must_use]
    pub fn json(&self) -> Bytes {
        self.json.get_or_init(|| written(&self.value)).clone()
    }

    /// The object as `PartialObjectMetadata` in compact JSON.
    #[must_use]
    pub fn partial_json(&self) -> Bytes {
        let partial = || {
            written(&json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": self.value["metadata"],
            }))
        };
        self.partial.get_or_init(partial).clone()
    }

    /// `metadata.name`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `metadata.namespace`, empty for a cluster-scoped object.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `metadata.uid`.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.value["metadata"]["uid"].as_str().unwrap_or_default()
    }
}

impl Deref for Object {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

fn written(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}
