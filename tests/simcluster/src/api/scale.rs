//! The `scale` subresource.

use serde_json::{Value, json};

use super::list::{find, resolve};
use super::reply::{self, Refusal, Reply};
use super::request::Target;
use super::server::Core;

pub(super) fn get(core: &Core, target: &Target) -> Result<Reply, Refusal> {
    resolve(&core.store, target)?;
    Ok(reply::json(200, &scale(find(core, target)?.value())))
}

/// `autoscaling/v1` Scale of a workload.
pub(super) fn scale(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let labels = object["spec"]["selector"]["matchLabels"].as_object();
    let selector: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
            "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": { "replicas": object["spec"]["replicas"].as_i64().unwrap_or(1) },
        "status": {
            "replicas": object["status"]["replicas"].as_i64().unwrap_or(0),
            "selector": selector.join(","),
        },
    })
}
