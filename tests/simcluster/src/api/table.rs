//! `Table`: objects as kubectl prints them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::columns::{Column, columns, is_completed};
use crate::store::ResourceType;

/// A table of these objects. `include` is `includeObject` of the query.
pub(super) fn table<'a>(
    resource: &ResourceType,
    metadata: &Value,
    objects: impl IntoIterator<Item = &'a Value>,
    include: Option<&str>,
    definitions: bool,
    now: Timestamp,
) -> Value {
    let columns = columns(resource);
    let rows: Vec<Value> = objects
        .into_iter()
        .map(|object| row(&columns, object, include, now))
        .collect();
    let definitions = if definitions {
        columns.iter().map(definition).collect()
    } else {
        Value::Null
    };
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": rows,
    })
}

fn definition(column: &Column) -> Value {
    json!({
        "name": column.name,
        "type": column.kind,
        "format": if column.name == "Name" { "name" } else { "" },
        "description": column.name,
        "priority": column.priority,
    })
}

fn row(columns: &[Column], object: &Value, include: Option<&str>, now: Timestamp) -> Value {
    let cells: Vec<Value> = columns
        .iter()
        .map(|column| (column.cell)(object, now))
        .collect();
    let shown = match include {
        Some("None") => Value::Null,
        Some("Object") => object.clone(),
        _ => json!({
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": object["metadata"],
        }),
    };
    let mut row = json!({ "cells": cells, "object": shown });
    if is_completed(object) {
        row["conditions"] = json!([{
            "type": "Completed",
            "status": "True",
            "reason": object["status"]["phase"],
            "message": "The pod has completed.",
        }]);
    }
    row
}
