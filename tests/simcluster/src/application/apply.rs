//! `kubectl apply`: a three-way patch over the last applied state.

use serde_json::{Map, Value, json};

use super::object::{group, text};
use crate::player::ensure_namespace;
use crate::store::{Store, StoreError, merge_patch};

/// The annotation in which the last applied state is kept.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Result of an apply, in the words that kubectl prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Name of the object, which may have been generated.
    pub name: String,
    /// `deployment.apps/web configured`.
    pub message: String,
}

/// Creates or changes an object as `kubectl apply` does. What an earlier apply set and this one
/// does not is removed; lists are replaced.
///
/// # Errors
///
/// If the store refuses the object.
pub fn apply(store: &Store, manifest: &Value) -> Result<Applied, StoreError> {
    let mut wanted = manifest.clone();
    let Some(resource) = store.resource_of(&wanted) else {
        return Err(StoreError::UnknownType(format!(
            "{} {}",
            wanted["apiVersion"], wanted["kind"]
        )));
    };
    if resource.namespaced && text(&wanted, "namespace").is_empty() {
        wanted["metadata"]["namespace"] = json!("default");
    }
    ensure_namespace(store, &wanted)?;
    let last = wanted.to_string();
    wanted["metadata"]["annotations"][LAST_APPLIED] = json!(last);
    let live = store.get(
        &resource.name(),
        text(&wanted, "namespace"),
        text(&wanted, "name"),
    );
    let (name, verb) = match live {
        None => (store.create(wanted.clone())?.name().to_owned(), "created"),
        Some(live) => {
            let before = live.resource_version();
            let removed = live["metadata"]["annotations"][LAST_APPLIED].as_str();
            let removed = removed.and_then(|last| serde_json::from_str(last).ok());
            let patch = removals(removed.as_ref(), &wanted);
            let object =
                store.modify(&resource.name(), live.namespace(), live.name(), |object| {
                    let status = object.get("status").cloned();
                    merge_patch(object, &patch);
                    if let Some(status) = status {
                        object["status"] = status;
                    }
                })?;
            let verb = if object.resource_version() == before {
                "unchanged"
            } else {
                "configured"
            };
            (object.name().to_owned(), verb)
        }
    };
    let kind = wanted["kind"].as_str().unwrap_or_default().to_lowercase();
    let kind = match group(&wanted) {
        "" => kind,
        group => format!("{kind}.{group}"),
    };
    Ok(Applied {
        message: format!("{kind}/{name} {verb}"),
        name,
    })
}

/// The wanted state as a merge patch that also removes what only the last one had.
fn removals(last: Option<&Value>, wanted: &Value) -> Value {
    let (Some(Value::Object(last)), Value::Object(wanted)) = (last, wanted) else {
        return wanted.clone();
    };
    let mut patch: Map<String, Value> = wanted
        .iter()
        .map(|(field, value)| (field.clone(), removals(last.get(field), value)))
        .collect();
    for field in last.keys() {
        patch.entry(field).or_insert(Value::Null);
    }
    Value::Object(patch)
}

/// Returns true if a live object has everything that the manifest asks for.
pub(super) fn is_applied(wanted: &Value, live: &Value) -> bool {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => wanted
            .iter()
            .all(|(field, value)| live.get(field).is_some_and(|live| is_applied(value, live))),
        (Value::Array(wanted), Value::Array(live)) => {
            wanted.len() == live.len()
                && wanted
                    .iter()
                    .zip(live)
                    .all(|(wanted, live)| is_applied(wanted, live))
        }
        _ => wanted == live,
    }
}
