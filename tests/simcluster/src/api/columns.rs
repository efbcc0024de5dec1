//! The columns of each type (kubernetes, `pkg/printers/internalversion/printers.go`).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::store::ResourceType;

mod age;
mod pod;

use age::{human, since};
use pod::{pod_status, readiness, readiness_gates, restarts};

/// One column.
pub(super) struct Column {
    pub(super) name: &'static str,
    /// `string` or `integer`.
    pub(super) kind: &'static str,
    /// 1: only with `-o wide`.
    pub(super) priority: u8,
    pub(super) cell: fn(&Value, Timestamp) -> Value,
}

type Cell = fn(&Value, Timestamp) -> Value;

const NONE: &str = "<none>";

fn text(name: &'static str, cell: Cell) -> Column {
    Column {
        name,
        kind: "string",
        priority: 0,
        cell,
    }
}

fn wide(name: &'static str, cell: Cell) -> Column {
    Column {
        priority: 1,
        ..text(name, cell)
    }
}

fn number(name: &'static str, cell: Cell) -> Column {
    Column {
        kind: "integer",
        ..text(name, cell)
    }
}

pub(super) fn columns(resource: &ResourceType) -> Vec<Column> {
    let name = || text("Name", |object, _| object["metadata"]["name"].clone());
    let age = || {
        text("Age", |object, now| {
            json!(since(&object["metadata"]["creationTimestamp"], now))
        })
    };
    let mut columns = match resource.name().as_str() {
        "events" => return events(),
        "pods" => pods(),
        "deployments.apps" => deployments(),
        "replicasets.apps" => replica_sets(),
        "statefulsets.apps" => vec![text("Ready", |object, _| ready(object))],
        "daemonsets.apps" => daemon_sets(),
        "jobs.batch" => jobs(),
        "cronjobs.batch" => cron_jobs(),
        "namespaces" => vec![text("Status", |object, _| {
            object["status"]["phase"].clone()
        })],
        "configmaps" | "secrets" => data(resource),
        "rollouts.argoproj.io" => rollouts(),
        "applications.argoproj.io" => vec![
            text("Sync Status", |object, _| {
                object["status"]["sync"]["status"].clone()
            }),
            text("Health Status", |object, _| {
                object["status"]["health"]["status"].clone()
            }),
        ],
        "services" => services(),
        _ => {
            return vec![
                name(),
                text("Created At", |object, _| {
                    object["metadata"]["creationTimestamp"].clone()
                }),
            ];
        }
    };
    columns.insert(0, name());
    // Age is the last of the narrow columns.
    let narrow = columns
        .iter()
        .position(|column| column.priority > 0)
        .unwrap_or(columns.len());
    columns.insert(narrow, age());
    if matches!(
        resource.name().as_str(),
        "deployments.apps" | "replicasets.apps" | "daemonsets.apps"
    ) {
        columns.extend(templates());
        columns.push(wide("Selector", |object, _| {
            json!(selector(&object["spec"]["selector"]))
        }));
    } else if matches!(resource.name().as_str(), "statefulsets.apps" | "jobs.batch") {
        columns.extend(templates());
    }
    columns
}

fn templates() -> [Column; 2] {
    [
        wide("Containers", |object, _| {
            json!(containers(&object["spec"]["template"]["spec"], "name"))
        }),
        wide("Images", |object, _| {
            json!(containers(&object["spec"]["template"]["spec"], "image"))
        }),
    ]
}

fn pods() -> Vec<Column> {
    vec![
        text("Ready", |pod, _| {
            let (ready, total) = readiness(pod);
            json!(format!("{ready}/{total}"))
        }),
        text("Status", |pod, _| json!(pod_status(pod))),
        text("Restarts", |pod, now| json!(restarts(pod, now))),
        wide("IP", |pod, _| some(&pod["status"]["podIP"])),
        wide("Node", |pod, _| some(&pod["spec"]["nodeName"])),
        wide("Nominated Node", |pod, _| {
            some(&pod["status"]["nominatedNodeName"])
        }),
        wide("Readiness Gates", |pod, _| json!(readiness_gates(pod))),
    ]
}

fn events() -> Vec<Column> {
    vec![
        text("Last Seen", |event, now| json!(last_seen(event, now))),
        text("Type", |event, _| event["type"].clone()),
        text("Reason", |event, _| event["reason"].clone()),
        text("Object", |event, _| {
            let object = &event["involvedObject"];
            let kind = object["kind"].as_str().unwrap_or_default().to_lowercase();
            json!(format!(
                "{kind}/{}",
                object["name"].as_str().unwrap_or_default()
            ))
        }),
        wide("Subobject", |event, _| {
            event["involvedObject"]["fieldPath"].clone()
        }),
        wide("Source", |event, _| json!(source(event))),
        text("Message", |event, _| {
            json!(event["message"].as_str().unwrap_or_default().trim())
        }),
        wide("First Seen", |event, now| {
            let first = &event["firstTimestamp"];
            json!(since(
                if first.is_null() {
                    &event["eventTime"]
                } else {
                    first
                },
                now
            ))
        }),
        wide("Count", |event, _| json!(count(event))),
        wide("Name", |event, _| event["metadata"]["name"].clone()),
    ]
}

fn deployments() -> Vec<Column> {
    vec![
        text("Ready", |object, _| ready(object)),
        number("Up-to-date", |object, _| {
            json!(int(&object["status"]["updatedReplicas"]))
        }),
        number("Available", |object, _| {
            json!(int(&object["status"]["availableReplicas"]))
        }),
    ]
}

fn replica_sets() -> Vec<Column> {
    vec![
        number("Desired", |object, _| json!(wanted(object))),
        number("Current", |object, _| {
            json!(int(&object["status"]["replicas"]))
        }),
        number("Ready", |object, _| {
            json!(int(&object["status"]["readyReplicas"]))
        }),
    ]
}

fn rollouts() -> Vec<Column> {
    let mut columns = replica_sets();
    columns.truncate(2);
    columns.extend(deployments().into_iter().skip(1));
    columns
}

fn daemon_sets() -> Vec<Column> {
    vec![
        number("Desired", |object, _| {
            json!(int(&object["status"]["desiredNumberScheduled"]))
        }),
        number("Current", |object, _| {
            json!(int(&object["status"]["currentNumberScheduled"]))
        }),
        number("Ready", |object, _| {
            json!(int(&object["status"]["numberReady"]))
        }),
        number("Up-to-date", |object, _| {
            json!(int(&object["status"]["updatedNumberScheduled"]))
        }),
        number("Available", |object, _| {
            json!(int(&object["status"]["numberAvailable"]))
        }),
        text("Node Selector", |object, _| {
            json!(labels(&object["spec"]["template"]["spec"]["nodeSelector"]))
        }),
    ]
}

fn jobs() -> Vec<Column> {
    vec![
        text("Status", |job, _| json!(job_status(job))),
        text("Completions", |job, _| {
            let done = int(&job["status"]["succeeded"]);
            let wanted = job["spec"]["completions"].as_i64().unwrap_or(1);
            json!(format!("{done}/{wanted}"))
        }),
        text("Duration", |job, now| {
            let Some(start) = time(&job["status"]["startTime"]) else {
                return json!("");
            };
            let end = time(&job["status"]["completionTime"]).unwrap_or(now);
            json!(human(end.duration_since(start).as_secs()))
        }),
    ]
}

fn cron_jobs() -> Vec<Column> {
    vec![
        text("Schedule", |job, _| job["spec"]["schedule"].clone()),
        text("Timezone", |job, _| some(&job["spec"]["timeZone"])),
        text("Suspend", |job, _| {
            let suspended = job["spec"]["suspend"].as_bool().unwrap_or_default();
            json!(if suspended { "True" } else { "False" })
        }),
        number("Active", |job, _| {
            json!(job["status"]["active"].as_array().map_or(0, Vec::len))
        }),
        text("Last Schedule", |job, now| {
            let last = &job["status"]["lastScheduleTime"];
            json!(if last.is_null() {
                NONE.to_owned()
            } else {
                since(last, now)
            })
        }),
    ]
}

fn services() -> Vec<Column> {
    vec![
        text("Type", |object, _| some(&object["spec"]["type"])),
        text("Cluster-IP", |object, _| some(&object["spec"]["clusterIP"])),
        text("External-IP", |_, _| json!(NONE)),
        text("Port(s)", |object, _| {
            let ports = items(&object["spec"]["ports"]);
            let one = |port: &Value| {
                let protocol = port["protocol"].as_str().unwrap_or("TCP");
                format!("{}/{protocol}", port["port"])
            };
            json!(ports.iter().map(one).collect::<Vec<_>>().join(","))
        }),
    ]
}

fn data(resource: &ResourceType) -> Vec<Column> {
    let count = number("Data", |object, _| {
        let len = |field: &str| object[field].as_object().map_or(0, serde_json::Map::len);
        json!(len("data") + len("binaryData"))
    });
    let mut columns = vec![count];
    if resource.plural == "secrets" {
        columns.insert(0, text("Type", |object, _| some(&object["type"])));
    }
    columns
}

/// Returns true if the row of a pod is marked as completed.
pub(super) fn is_completed(object: &Value) -> bool {
    let phase = object["status"]["phase"].as_str();
    object["kind"] == "Pod" && matches!(phase, Some("Succeeded" | "Failed"))
}

fn last_seen(event: &Value, now: Timestamp) -> String {
    let series = &event["series"];
    let first = if event["firstTimestamp"].is_null() {
        &event["eventTime"]
    } else {
        &event["firstTimestamp"]
    };
    let last = [&series["lastObservedTime"], &event["lastTimestamp"], first]
        .into_iter()
        .find(|time| time.is_string())
        .unwrap_or(first);
    if count(event) > 1 {
        format!(
            "{} (x{} over {})",
            since(last, now),
            count(event),
            since(first, now)
        )
    } else {
        since(last, now)
    }
}

fn count(event: &Value) -> i64 {
    int(&event["series"]["count"])
        .max(int(&event["count"]))
        .max(1)
}

fn source(event: &Value) -> String {
    let part = |value: &Value| {
        value
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let component =
        part(&event["source"]["component"]).or_else(|| part(&event["reportingComponent"]));
    let host = part(&event["source"]["host"]);
    [component, host]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

fn job_status(job: &Value) -> &'static str {
    let conditions = items(&job["status"]["conditions"]);
    let has = |kind: &str| {
        conditions
            .iter()
            .any(|one| one["type"] == kind && one["status"] == "True")
    };
    match () {
        () if has("Complete") => "Complete",
        () if has("Failed") => "Failed",
        () if job["metadata"]["deletionTimestamp"].is_string() => "Terminating",
        () if has("Suspended") => "Suspended",
        () if has("FailureTarget") => "FailureTarget",
        () if has("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn ready(object: &Value) -> Value {
    json!(format!(
        "{}/{}",
        int(&object["status"]["readyReplicas"]),
        wanted(object)
    ))
}

fn wanted(object: &Value) -> i64 {
    object["spec"]["replicas"].as_i64().unwrap_or(1)
}

fn containers(spec: &Value, field: &str) -> String {
    let names = items(&spec["containers"]).iter();
    let names: Vec<&str> = names
        .filter_map(|container| container[field].as_str())
        .collect();
    names.join(",")
}

fn selector(selector: &Value) -> String {
    let mut parts = vec![labels(&selector["matchLabels"])];
    for expression in items(&selector["matchExpressions"]) {
        let values: Vec<&str> = items(&expression["values"])
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let key = expression["key"].as_str().unwrap_or_default();
        parts.push(match expression["operator"].as_str() {
            Some("In") => format!("{key} in ({})", values.join(",")),
            Some("NotIn") => format!("{key} notin ({})", values.join(",")),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.retain(|part| part != NONE);
    if parts.is_empty() {
        NONE.to_owned()
    } else {
        parts.join(",")
    }
}

fn labels(labels: &Value) -> String {
    let pairs: Vec<String> = labels
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    if pairs.is_empty() {
        NONE.to_owned()
    } else {
        pairs.join(",")
    }
}

fn some(value: &Value) -> Value {
    match value.as_str() {
        Some(text) if !text.is_empty() => json!(text),
        _ => json!(NONE),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_as_kubectl_writes_them() {
        for (seconds, wanted) in [
            (-5, "<invalid>"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (3600, "60m"),
            (3 * 3600 + 300, "3h5m"),
            (9 * 3600 + 300, "9h"),
            (3 * 86_400 + 7200, "3d2h"),
            (20 * 86_400, "20d"),
        ] {
            assert_eq!(human(seconds), wanted);
        }
    }
}
