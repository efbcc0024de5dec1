//! Kubernetes manifests inside a scenario.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Objects: a text with one or many YAML documents, one mapping, or a list of mappings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Manifests(pub Vec<Value>);

impl<'de> Deserialize<'de> for Manifests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let objects = match value {
            Value::String(text) => documents(&text),
            Value::Array(items) => Ok(items),
            object @ Value::Object(_) => Ok(vec![object]),
            _ => Err("manifests are a text with YAML documents, a mapping or a list".to_owned()),
        };
        let objects = objects.and_then(|objects| {
            objects.iter().enumerate().try_for_each(check)?;
            Ok(objects)
        });
        objects.map(Self).map_err(serde::de::Error::custom)
    }
}

fn documents(text: &str) -> Result<Vec<Value>, String> {
    let mut objects = Vec::new();
    for (index, document) in serde_yaml_ng::Deserializer::from_str(text).enumerate() {
        let object = Value::deserialize(document)
            .map_err(|error| format!("manifest {} of this text: {error}", index + 1))?;
        // A `---` at the end, or a document that is all comment.
        if !object.is_null() {
            objects.push(object);
        }
    }
    Ok(objects)
}

fn check((index, object): (usize, &Value)) -> Result<(), String> {
    let has = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let missing = if !has(&object["apiVersion"]) {
        "apiVersion"
    } else if !has(&object["kind"]) {
        "kind"
    } else if !has(&object["metadata"]["name"]) && !has(&object["metadata"]["generateName"]) {
        "metadata.name"
    } else {
        return Ok(());
    };
    let name = object["metadata"]["name"].as_str().unwrap_or("no name");
    let kind = object["kind"].as_str().unwrap_or("no kind");
    Err(format!(
        "manifest {} ({kind}, {name}) has no {missing}",
        index + 1
    ))
}
