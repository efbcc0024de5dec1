//! Reading objects that are JSON.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::kubelet::timing::fnv1a;
use crate::store::Object;

/// A write of a controller; writes are carried out in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Write {
    /// Create an object.
    Create(Value),
    /// Create a pod for an owner; failures become events and a retry.
    CreatePod(Value),
    /// A JSON merge patch to anything of the object, status included.
    Patch {
        resource: &'static str,
        namespace: String,
        name: String,
        patch: Value,
    },
    /// Replace the status.
    Status {
        resource: &'static str,
        namespace: String,
        name: String,
        status: Value,
    },
    /// Delete, with the object's own grace.
    Delete {
        resource: &'static str,
        namespace: String,
        name: String,
    },
    /// An event about an object.
    Event {
        about: Value,
        warning: bool,
        reason: &'static str,
        message: String,
    },
    /// Look at the object again after this time.
    Again(Duration),
}

impl Write {
    pub(crate) fn patch(resource: &'static str, object: &Object, patch: Value) -> Self {
        Self::Patch {
            resource,
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
            patch,
        }
    }

    pub(crate) fn status(resource: &'static str, object: &Object, status: Value) -> Self {
        Self::Status {
            resource,
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
            status,
        }
    }

    pub(crate) fn delete(resource: &'static str, object: &Object) -> Self {
        Self::Delete {
            resource,
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
        }
    }

    pub(crate) fn normal(about: &Value, reason: &'static str, message: String) -> Self {
        Self::Event {
            about: about.clone(),
            warning: false,
            reason,
            message,
        }
    }

    pub(crate) fn warning(about: &Value, reason: &'static str, message: String) -> Self {
        Self::Event {
            about: about.clone(),
            warning: true,
            reason,
            message,
        }
    }
}

/// A number, or the default if there is none.
pub(crate) fn int(value: &Value, or: i64) -> i64 {
    value.as_i64().unwrap_or(or)
}

/// A number or a percentage of `total`.
pub(crate) fn share(value: &Value, or: &str, total: i64, up: bool) -> i64 {
    if let Some(number) = value.as_i64() {
        return number;
    }
    let text = value.as_str().unwrap_or(or);
    let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
    let rest = if up { 99 } else { 0 };
    (total * percent + rest) / 100
}

pub(crate) fn deleted(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

pub(crate) fn phase(pod: &Value) -> &str {
    pod["status"]["phase"].as_str().unwrap_or("Pending")
}

pub(crate) fn ended(pod: &Value) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Not ended, not deleted.
pub(crate) fn active(pod: &Value) -> bool {
    !ended(pod) && !deleted(pod)
}

pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = object["status"]["conditions"].as_array()?;
    conditions
        .iter()
        .find(|condition| condition["type"] == kind)
}

pub(crate) fn ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|ready| ready["status"] == "True")
}

/// Returns the time for which the pod still has to be ready before it is available; zero if it is.
pub(crate) fn until_available(pod: &Value, min_ready: i64, now: Timestamp) -> Option<Duration> {
    let ready = condition(pod, "Ready").filter(|ready| ready["status"] == "True")?;
    let since: Timestamp = ready["lastTransitionTime"].as_str()?.parse().ok()?;
    let at = since
        .checked_add(jiff::SignedDuration::from_secs(min_ready))
        .ok()?;
    Some(if min_ready == 0 {
        Duration::ZERO
    } else {
        Duration::try_from(at.duration_since(now)).unwrap_or_default()
    })
}

pub(crate) fn available(pod: &Value, min_ready: i64, now: Timestamp) -> bool {
    until_available(pod, min_ready, now) == Some(Duration::ZERO)
}

pub(crate) fn time_of(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

pub(crate) fn min_ready(owner: &Value) -> i64 {
    int(&owner["spec"]["minReadySeconds"], 0)
}

/// A controller's `ownerReferences` entry.
pub(crate) fn owner_reference(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"],
        "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// A pod from the template of its owner, with the defaults an API server would fill in.
pub(crate) fn pod_of(owner: &Object, template: &Value) -> Value {
    let empty = || Value::Object(Map::new());
    let meta = &template["metadata"];
    let field = |name: &str| {
        if meta[name].is_object() {
            meta[name].clone()
        } else {
            empty()
        }
    };
    let mut spec = if template["spec"].is_object() {
        template["spec"].clone()
    } else {
        empty()
    };
    let mut default = |name: &str, value: Value| {
        if spec[name].is_null() {
            spec[name] = value;
        }
    };
    default("restartPolicy", json!("Always"));
    default("terminationGracePeriodSeconds", json!(30));
    default("dnsPolicy", json!("ClusterFirst"));
    default("serviceAccountName", json!("default"));
    default("schedulerName", json!("default-scheduler"));
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {
            "generateName": format!("{}-", owner.name()), "namespace": owner.namespace(),
            "labels": field("labels"), "annotations": field("annotations"),
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": spec,
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    })
}

/// A hash as the controllers name templates by it: a number in letters that make no words.
pub(crate) fn hash_of(template: &Value) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let number = fnv1a(template.to_string().as_bytes()).to_string();
    let letter = |byte: u8| char::from(LETTERS[usize::from(byte) % LETTERS.len()]);
    number.bytes().map(letter).collect()
}

/// Oldest first; the name decides between those of one second.
pub(crate) fn by_age(objects: &mut [Arc<Object>]) {
    objects.sort_by_key(|object| {
        let created = object["metadata"]["creationTimestamp"].as_str();
        (
            created.unwrap_or_default().to_owned(),
            object.name().to_owned(),
        )
    });
}
