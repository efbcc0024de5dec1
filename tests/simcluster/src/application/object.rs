//! Fields of objects.

use serde_json::Value;

/// A field of the metadata.
pub(super) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// An annotation.
pub(super) fn annotation<'a>(object: &'a Value, name: &str) -> &'a str {
    object["metadata"]["annotations"][name]
        .as_str()
        .unwrap_or_default()
}

/// Group and version of the `apiVersion`.
fn group_version(object: &Value) -> (&str, &str) {
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    api_version.split_once('/').unwrap_or(("", api_version))
}

pub(super) fn group(object: &Value) -> &str {
    group_version(object).0
}

pub(super) fn version(object: &Value) -> &str {
    group_version(object).1
}

/// The images of its pod template.
pub(super) fn images(object: &Value) -> Vec<Value> {
    let spec = match object["kind"].as_str() {
        Some("Pod") => &object["spec"],
        Some("CronJob") => &object["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        _ => &object["spec"]["template"]["spec"],
    };
    let lists = ["initContainers", "containers"];
    let containers = lists
        .iter()
        .filter_map(|list| spec[list].as_array())
        .flatten();
    let mut images: Vec<Value> = containers
        .map(|container| container["image"].clone())
        .collect();
    images.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    images.dedup();
    images
}
