//! Changes of the API server to an object's metadata when it is created, changed or deleted.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::names::Names;
use super::resource_type::ResourceType;
use crate::clock::time;

/// Metadata that no update changes.
const KEPT: [&str; 6] = [
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// Options of a deletion. The propagation policy is read but not followed: dependents are the
/// garbage collector's work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteOptions {
    /// Seconds a pod has to end; its own number if not given.
    #[serde(default)]
    pub grace_period_seconds: Option<u64>,
    /// Conditions on the object.
    #[serde(default)]
    pub preconditions: Option<Preconditions>,
    /// `Background`, `Foreground` or `Orphan`.
    #[serde(default)]
    pub propagation_policy: Option<String>,
}

/// Conditions on an object for its deletion.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preconditions {
    /// The uid it must have.
    #[serde(default)]
    pub uid: Option<String>,
    /// The version it must have.
    #[serde(default)]
    pub resource_version: Option<String>,
}

impl Preconditions {
    pub(super) fn hold(&self, object: &Value) -> bool {
        let holds = |wanted: &Option<String>, actual: &Value| {
            wanted.as_deref().is_none_or(|wanted| *actual == *wanted)
        };
        holds(&self.uid, &object["metadata"]["uid"])
            && holds(
                &self.resource_version,
                &object["metadata"]["resourceVersion"],
            )
    }
}

/// Fills in what the server gives a new object.
pub(super) fn create(
    object: &mut Value,
    resource: &ResourceType,
    names: &mut Names,
    now: Timestamp,
) {
    let metadata = &mut object["metadata"];
    if metadata["name"].as_str().unwrap_or_default().is_empty()
        && let Some(prefix) = metadata["generateName"].as_str()
    {
        metadata["name"] = Value::from(format!("{prefix}{}", names.suffix()));
    }
    metadata["uid"] = Value::from(names.uid());
    metadata["creationTimestamp"] = Value::from(time(now));
    set(metadata, "deletionTimestamp", None);
    set(metadata, "deletionGracePeriodSeconds", None);
    set(
        metadata,
        "generation",
        resource.generation.then(|| Value::from(1)),
    );
}

/// Puts back what may not change and counts the generation.
pub(super) fn update(old: &Value, new: &mut Value, resource: &ResourceType) {
    for field in KEPT {
        set(
            &mut new["metadata"],
            field,
            old["metadata"].get(field).cloned(),
        );
    }
    let generation = old["metadata"]["generation"].as_u64();
    let generation = generation.map(|count| count + u64::from(wants_else(old, new, resource)));
    set(
        &mut new["metadata"],
        "generation",
        generation.map(Value::from),
    );
    new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
    new["kind"] = old["kind"].clone();
    new["apiVersion"] = old["apiVersion"].clone();
}

/// Takes one top-level field from another version of the object.
pub(super) fn keep(field: &str, from: &Value, object: &mut Value) {
    set(object, field, from.get(field).cloned());
}

/// Returns true if anything but the metadata and a separate status differs.
fn wants_else(old: &Value, new: &Value, resource: &ResourceType) -> bool {
    let apart =
        |field: &str| field == "metadata" || (field == "status" && resource.status_subresource);
    let wanted = |object: &Value| -> Vec<(String, Value)> {
        let fields = object.as_object().into_iter().flatten();
        fields
            .filter(|(field, _)| !apart(field))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect()
    };
    let same = |field: &(String, Value)| old.get(&field.0) == Some(&field.1);
    let new = wanted(new);
    new.len() != wanted(old).len() || !new.iter().all(same)
}

/// Marks an object for deletion. `None`: nothing holds it, it goes at once.
pub(super) fn begin_deletion(
    object: &Value,
    options: &DeleteOptions,
    now: Timestamp,
) -> Option<Value> {
    let grace = grace(object, options);
    if grace == 0 && !has_finalizers(object) {
        return None;
    }
    let mut marked = object.clone();
    let metadata = &mut marked["metadata"];
    let running = metadata["deletionGracePeriodSeconds"].as_u64();
    if running.is_some_and(|running| running <= grace) {
        return Some(marked);
    }
    let seconds = jiff::SignedDuration::from_secs(i64::try_from(grace).unwrap_or(i64::MAX));
    let at = now.checked_add(seconds).unwrap_or(Timestamp::MAX);
    metadata["deletionTimestamp"] = Value::from(time(at));
    metadata["deletionGracePeriodSeconds"] = json!(grace);
    // Marking counts as a change of what is wanted (apiserver, pkg/registry/rest/delete.go).
    if let Some(generation) = metadata["generation"].as_u64() {
        metadata["generation"] = json!(generation + 1);
    }
    Some(marked)
}

/// Returns true if an object that was marked for deletion has no finalizer and no grace left.
pub(super) fn may_go(object: &Value) -> bool {
    let metadata = &object["metadata"];
    metadata["deletionTimestamp"].is_string()
        && metadata["deletionGracePeriodSeconds"].as_u64() == Some(0)
        && !has_finalizers(object)
}

/// Only pods have a grace period, and only while a node may run them
/// (kubernetes, pkg/registry/core/pod/strategy.go, `CheckGracefulDelete`).
fn grace(object: &Value, options: &DeleteOptions) -> u64 {
    let spec = &object["spec"];
    let ended = matches!(
        object["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    );
    if object["kind"] != "Pod" || spec["nodeName"].as_str().is_none_or(str::is_empty) || ended {
        return 0;
    }
    let own = || spec["terminationGracePeriodSeconds"].as_u64();
    options.grace_period_seconds.or_else(own).unwrap_or(30)
}

fn has_finalizers(object: &Value) -> bool {
    let finalizers = object["metadata"]["finalizers"].as_array();
    finalizers.is_some_and(|finalizers| !finalizers.is_empty())
}

fn set(object: &mut Value, field: &str, value: Option<Value>) {
    match value {
        Some(value) => object[field] = value,
        None => {
            if let Some(fields) = object.as_object_mut() {
                fields.remove(field);
            }
        }
    }
}
