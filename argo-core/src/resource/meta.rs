//! Metadata without the fields that are not read.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use serde::{Deserialize, Deserializer, Serialize};

use super::lenient::nullable;

/// A condition of any object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// The type in camel case, such as `Available`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// A reason in one camel-case word.
    pub reason: Option<String>,
    /// A sentence.
    pub message: Option<String>,
    /// The time at which `status` last changed.
    pub last_transition_time: Option<Time>,
    /// The time at which the condition was last written.
    pub last_update_time: Option<Time>,
}

/// The last-applied configuration is a second copy of the whole object, with all its
/// environment values.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct SlimMeta {
    name: Option<String>,
    generate_name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    deletion_grace_period_seconds: Option<i64>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    #[serde(deserialize_with = "nullable")]
    owner_references: Vec<OwnerReference>,
    #[serde(deserialize_with = "nullable")]
    finalizers: Vec<String>,
}

/// Reads metadata without managed fields and the last-applied configuration, for
/// `#[serde(deserialize_with)]`.
pub fn slim_metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let slim = SlimMeta::deserialize(deserializer)?;
    let annotations = slim.annotations.map(|mut annotations| {
        annotations.remove(LAST_APPLIED);
        annotations
    });
    Ok(ObjectMeta {
        name: slim.name,
        generate_name: slim.generate_name,
        namespace: slim.namespace,
        uid: slim.uid,
        resource_version: slim.resource_version,
        generation: slim.generation,
        creation_timestamp: slim.creation_timestamp,
        deletion_timestamp: slim.deletion_timestamp,
        deletion_grace_period_seconds: slim.deletion_grace_period_seconds,
        labels: slim.labels,
        annotations,
        owner_references: some(slim.owner_references),
        finalizers: some(slim.finalizers),
        ..ObjectMeta::default()
    })
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
