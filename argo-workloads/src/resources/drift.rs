//! The fields in which a live object differs from git.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Fields that are kept of one object.
const FIELDS: usize = 50;

/// Fields that the cluster writes: they differ without anybody's doing.
const OF_THE_CLUSTER: &[&str] = &[
    "status",
    "metadata.managedFields",
    "metadata.resourceVersion",
    "metadata.generation",
    "metadata.uid",
    "metadata.creationTimestamp",
    "metadata.annotations[\"kubectl.kubernetes.io/last-applied-configuration\"]",
];

/// Returns the fields in which the live object differs from what a sync would make of it, both
/// JSON texts as Argo CD gives them: `spec.replicas (5, git has 3)`. Of strings only the path is
/// told, as they may be secrets, except for images.
pub(crate) fn fields(live: &str, predicted: &str) -> Vec<String> {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    let (Some(live), Some(predicted)) = (parsed(live), parsed(predicted)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if live.is_object() && predicted.is_object() {
        compare("", &live, &predicted, &mut found);
    }
    found
}

fn compare(path: &str, live: &Value, wanted: &Value, found: &mut Vec<String>) {
    if live == wanted || found.len() >= FIELDS || OF_THE_CLUSTER.contains(&path) {
        return;
    }
    match (live, wanted) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let path = below(path, key);
                both(&path, one.get(key), other.get(key), found);
            }
        }
        (Value::Array(one), Value::Array(other)) => items(path, one, other, found),
        _ => found.push(words(path, live, wanted)),
    }
}

fn both(path: &str, live: Option<&Value>, wanted: Option<&Value>, found: &mut Vec<String>) {
    match (live, wanted) {
        _ if OF_THE_CLUSTER.contains(&path) || found.len() >= FIELDS => {}
        (Some(live), Some(wanted)) => compare(path, live, wanted, found),
        (Some(_), None) => found.push(format!("{path} (not in git)")),
        (None, Some(_)) => found.push(format!("{path} (only in git)")),
        (None, None) => {}
    }
}

/// Compares lists by the names of their items where all have one, as containers have; else by
/// place.
fn items(path: &str, live: &[Value], wanted: &[Value], found: &mut Vec<String>) {
    if let (Some(one), Some(other)) = (by_name(live), by_name(wanted)) {
        let names: BTreeSet<&str> = one.keys().chain(other.keys()).copied().collect();
        for name in names {
            let path = format!("{path}[{name}]");
            both(
                &path,
                one.get(name).copied(),
                other.get(name).copied(),
                found,
            );
        }
    } else if live.len() == wanted.len() {
        for (place, (live, wanted)) in live.iter().zip(wanted).enumerate() {
            compare(&format!("{path}[{place}]"), live, wanted, found);
        }
    } else {
        let (here, there) = (live.len(), wanted.len());
        found.push(format!("{path} (a list of {here}, git has {there})"));
    }
}

fn by_name(items: &[Value]) -> Option<BTreeMap<&str, &Value>> {
    let named = items
        .iter()
        .map(|item| Some((item.get("name")?.as_str()?, item)));
    let named: BTreeMap<&str, &Value> = named.collect::<Option<_>>()?;
    (named.len() == items.len()).then_some(named)
}

/// `spec.replicas`, or `metadata.annotations["a/b"]` where the key is no plain word.
fn below(path: &str, key: &str) -> String {
    let is_plain = key
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    match (path, is_plain) {
        ("", true) => key.to_owned(),
        (path, true) => format!("{path}.{key}"),
        (path, false) => format!("{path}[\"{key}\"]"),
    }
}

fn words(path: &str, live: &Value, wanted: &Value) -> String {
    let is_plain = |value: &Value| value.is_number() || value.is_boolean();
    let is_image = path.ends_with(".image") && live.is_string() && wanted.is_string();
    match (live, wanted) {
        (Value::String(live), Value::String(wanted)) if is_image => {
            format!("{path} ({live}, git has {wanted})")
        }
        (live, wanted) if is_plain(live) && is_plain(wanted) => {
            format!("{path} ({live}, git has {wanted})")
        }
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers write json! in place"
    )]
    fn of(live: Value, predicted: Value) -> Vec<String> {
        fields(&live.to_string(), &predicted.to_string())
    }

    #[test]
    fn fields_are_named_by_their_path() {
        let container = |image: &str, token: &str| json!({"name": "app", "image": image, "env": [{"name": "TOKEN", "value": token}]});
        let live = json!({
            "metadata": {"generation": 4, "labels": {"app": "web", "a/b": "1"}, "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "x"}},
            "spec": {"replicas": 5, "paused": true, "args": ["a"], "ports": [{"port": 80}],
                "containers": [container("web:1", "s3cret"), {"name": "sidecar"}]},
            "status": {"replicas": 5},
        });
        let predicted = json!({
            "metadata": {"generation": 3, "labels": {"app": "web", "a/b": "2"}, "annotations": {}},
            "spec": {"replicas": 3, "args": ["a", "b"], "ports": [{"port": 8080}],
                "containers": [container("web:2", "other")], "strategy": {"type": "Recreate"}},
            "status": {"replicas": 3},
        });
        assert_eq!(
            of(live, predicted),
            [
                "metadata.labels[\"a/b\"]",
                "spec.args (a list of 1, git has 2)",
                "spec.containers[app].env[TOKEN].value",
                "spec.containers[app].image (web:1, git has web:2)",
                "spec.containers[sidecar] (not in git)",
                "spec.paused (not in git)",
                "spec.ports[0].port (80, git has 8080)",
                "spec.replicas (5, git has 3)",
                "spec.strategy (only in git)",
            ]
        );
    }

    #[test]
    fn what_is_missing_on_one_side_has_no_fields() {
        assert_eq!(fields("null", "{\"spec\":{}}"), [""; 0]);
        assert_eq!(fields("{\"spec\":{}}", ""), [""; 0]);
        assert_eq!(of(json!({"spec": {}}), json!({"spec": {}})), [""; 0]);
        let many: serde_json::Map<_, _> = (0..90).map(|n| (format!("k{n}"), json!(n))).collect();
        assert_eq!(of(json!({"data": many}), json!({"data": {}})).len(), FIELDS);
    }
}
