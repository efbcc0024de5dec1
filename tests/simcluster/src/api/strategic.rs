//! Strategic merge patches: lists are merged by a key of their elements.
//!
//! The keys come from the `patchMergeKey` tags of `k8s.io/api`, by the name of the field: builtin
//! types agree on them but for `ports`, where it depends on the elements. `$setElementOrder` is
//! read over: elements keep their order, new ones come last.

use serde_json::{Map, Value};

/// Merge key of each list that is merged; all other lists are replaced.
const KEYS: [(&str, &str); 17] = [
    ("conditions", "type"),
    ("containers", "name"),
    ("initContainers", "name"),
    ("ephemeralContainers", "name"),
    ("env", "name"),
    ("volumes", "name"),
    ("volumeMounts", "mountPath"),
    ("volumeDevices", "devicePath"),
    ("imagePullSecrets", "name"),
    ("hostAliases", "ip"),
    ("topologySpreadConstraints", "topologyKey"),
    ("resourceClaims", "name"),
    ("ownerReferences", "uid"),
    ("secrets", "name"),
    ("podIPs", "ip"),
    ("hostIPs", "ip"),
    ("addresses", "type"),
];

/// Lists of plain values that are merged as sets.
const SETS: [&str; 1] = ["finalizers"];

/// Applies a strategic merge patch.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if changes.get("$patch").and_then(Value::as_str) == Some("replace") {
        *target = Value::Object(without_directives(changes));
        return;
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(fields) = target.as_object_mut() else {
        return;
    };
    if let Some(kept) = changes.get("$retainKeys").and_then(Value::as_array) {
        fields.retain(|name, _| kept.iter().any(|key| key == name));
    }
    for (name, change) in changes {
        if let Some(list) = name.strip_prefix("$deleteFromPrimitiveList/") {
            remove_values(fields.get_mut(list), change);
        } else if name.starts_with('$') {
        } else if change.is_null() || is_deletion(change) {
            fields.remove(name);
        } else {
            merge_field(
                name,
                fields.entry(name.clone()).or_insert(Value::Null),
                change,
            );
        }
    }
}

fn merge_field(name: &str, target: &mut Value, change: &Value) {
    match change {
        Value::Array(elements) if SETS.contains(&name) => add_values(target, elements),
        Value::Array(elements) => match key_of(name, elements) {
            Some(key) => merge_list(target, elements, key),
            None => *target = change.clone(),
        },
        change => merge(target, change),
    }
}

fn key_of(list: &str, elements: &[Value]) -> Option<&'static str> {
    if list == "ports" {
        let of_container = elements
            .iter()
            .any(|port| port["containerPort"].is_number());
        return Some(if of_container {
            "containerPort"
        } else {
            "port"
        });
    }
    let (_, key) = KEYS.iter().find(|(name, _)| *name == list)?;
    // Some lists share a name but not a type, such as `secrets` of plain names.
    elements
        .iter()
        .all(|element| element.is_object())
        .then_some(key)
}

fn merge_list(target: &mut Value, elements: &[Value], key: &str) {
    if elements
        .iter()
        .any(|element| element["$patch"] == "replace")
    {
        let mut kept = elements.to_vec();
        kept.retain(|element| element["$patch"] != "replace");
        *target = Value::Array(kept);
        return;
    }
    if !target.is_array() {
        *target = Value::Array(Vec::new());
    }
    let Some(list) = target.as_array_mut() else {
        return;
    };
    for element in elements {
        let found = list.iter().position(|old| old[key] == element[key]);
        match found {
            Some(index) if is_deletion(element) => {
                list.remove(index);
            }
            Some(index) => merge(&mut list[index], element),
            None if is_deletion(element) => {}
            None => {
                let mut new = Value::Null;
                merge(&mut new, element);
                list.push(new);
            }
        }
    }
}

fn is_deletion(change: &Value) -> bool {
    change["$patch"] == "delete"
}

fn add_values(target: &mut Value, values: &[Value]) {
    let mut all = target.as_array().cloned().unwrap_or_default();
    for value in values {
        if !all.contains(value) {
            all.push(value.clone());
        }
    }
    *target = Value::Array(all);
}

fn remove_values(target: Option<&mut Value>, values: &Value) {
    let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some(list) = target.and_then(Value::as_array_mut) {
        list.retain(|value| !values.contains(value));
    }
}

fn without_directives(changes: &Map<String, Value>) -> Map<String, Value> {
    let plain = changes.iter().filter(|(name, _)| !name.starts_with('$'));
    plain
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_merged_by_their_keys() {
        let mut pod = json!({"spec": {
            "containers": [
                {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}], "args": ["1", "2"]},
                {"name": "b", "image": "b:1"},
            ],
            "tolerations": [{"key": "old"}],
        }});
        merge(
            &mut pod,
            &json!({"spec": {
                "$setElementOrder/containers": [{"name": "a"}, {"name": "c"}],
                "containers": [
                    {"name": "a", "image": "a:2", "env": [{"name": "Y", "value": "2"}], "args": ["3"]},
                    {"name": "b", "$patch": "delete"},
                    {"name": "c", "image": "c:1"},
                ],
                "tolerations": [{"key": "new"}],
            }}),
        );
        assert_eq!(
            pod,
            json!({"spec": {
                "containers": [
                    {"name": "a", "image": "a:2",
                     "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}], "args": ["3"]},
                    {"name": "c", "image": "c:1"},
                ],
                "tolerations": [{"key": "new"}],
            }})
        );
    }

    #[test]
    fn directives() {
        let mut object = json!({
            "metadata": {"finalizers": ["a", "b"], "labels": {"x": "1"}},
            "spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}},
        });
        merge(
            &mut object,
            &json!({
                "metadata": {
                    "$deleteFromPrimitiveList/finalizers": ["a"],
                    "labels": {"$patch": "replace", "y": "2"},
                },
                "spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}},
            }),
        );
        assert_eq!(
            object,
            json!({
                "metadata": {"finalizers": ["b"], "labels": {"y": "2"}},
                "spec": {"strategy": {"type": "Recreate"}},
            })
        );
    }
}
