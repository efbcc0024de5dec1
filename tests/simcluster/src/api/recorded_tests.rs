//! The requests of recordings 14 and 15, asked again.

use serde_json::{Value, json};

use super::client::{Answer, Cluster, End};
use super::{Rule, Token};
use crate::logs::{Origin, parse_stamp};

const RESPONSES: &str = include_str!("../../../recordings/answers/api.responses.jsonl");

/// Answers that differ from the recorded ones, and the reason. The status is equal in all of them.
const OTHERWISE: [(&str, &str); 10] = [
    (
        "list with resourceVersion=1 NotOlderThan (200)",
        "the pod was gone by then",
    ),
    (
        "bad continue",
        "the cause is in the words of another JSON parser",
    ),
    ("/apis", "other groups are served"),
    (
        "403: service account without rights, discovery /apis",
        "other groups are served",
    ),
    ("/api/v1", "fewer types are served"),
    ("/apis/apps/v1", "no storageVersionHash"),
    ("/apis/batch/v1", "no storageVersionHash"),
    ("/api", "another address"),
    ("good field selector", "the objects are shorter"),
    ("events of one object", "the objects are shorter"),
];

/// Answers of a state of the cluster that another test covers.
const ELSEWHERE: [(&str, &str); 8] = [
    ("watch of a single name, old form", "below"),
    ("previous=true after the restarts", "logs: recorded_tests"),
    ("longpartial, read at the end", "logs: recorded_tests"),
    ("longpartial, tailLines=3", "logs: recorded_tests"),
    (
        "orphan: log after the main process ended",
        "the same as any ended container",
    ),
    (
        "get an object after compaction (200/404 as ever)",
        "not-found",
    ),
    ("continue token older than the compaction", "watch_tests"),
    ("ticker while being deleted", "the log as ever, then 404"),
];

const NOBODY: &str = "system:serviceaccount:s14:nobody-special";

fn pod(namespace: &str, name: &str, node: Option<&str>, state: &Value) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"containers": [{"name": "c", "image": "x"}]},
        "status": {"containerStatuses": [{
            "name": "c", "state": state, "containerID": "containerd://1",
        }]},
    });
    if let Some(node) = node {
        pod["spec"]["nodeName"] = json!(node);
    }
    pod
}

/// The cluster as the recorded answers need it, at the time of the last tick.
async fn world() -> Cluster {
    let tokens = [("admin", "admin"), ("nobody", NOBODY)];
    let tokens = tokens.map(|(token, user)| Token {
        token: token.to_owned(),
        user: user.to_owned(),
    });
    let cluster = Cluster::with(100.0, |builder| builder.tokens(tokens)).await;
    cluster.server.faults().forbid(Rule {
        user: Some(NOBODY.to_owned()),
        ..Rule::default()
    });
    let running = json!({"running": {}});
    let creating = json!({"waiting": {"reason": "ContainerCreating"}});
    let node = Some("node1");
    let web = pod("s14", "web-6fd7dd6595-25j9k", node, &running);
    let web = cluster.store.create(web).unwrap();
    let mut up = cluster.logs.start(&web, "c", 0, "containerd://1");
    up.line(Origin::Stdout, 0, "up");
    for (name, node, state) in [
        ("noimage", node, &creating),
        ("unscheduled", None, &creating),
        ("gone", node, &running),
        ("ticker", node, &running),
    ] {
        cluster.store.create(pod("s15", name, node, state)).unwrap();
    }
    let gone = cluster.store.get("pods", "s15", "gone").unwrap();
    cluster
        .logs
        .start(&gone, "c", 0, "containerd://1")
        .instance()
        .remove_file();
    // Versions as large as the recorded ones, of which none is kept.
    while cluster.store.resource_version() < 13_000 {
        let count = cluster.store.resource_version();
        let change = |node: &mut Value| node["metadata"]["labels"]["n"] = json!(count.to_string());
        cluster
            .store
            .modify("pods", "s15", "noimage", change)
            .unwrap();
    }
    cluster.store.compact();
    cluster
}

/// Writes the recorded lines of `ticker` that came up to an answer.
fn write_ticks(cluster: &Cluster, body: &str) {
    let ticker = cluster.store.get("pods", "s15", "ticker").unwrap();
    cluster.logs.remove_pod(ticker.uid());
    let mut writer = cluster.logs.start(&ticker, "c", 0, "containerd://1");
    for line in body.lines() {
        let (time, text) = line.split_once(' ').unwrap_or((line, ""));
        // `limitBytes` tore the last time.
        let time = if time.ends_with('Z') {
            time.to_owned()
        } else {
            format!("{time}Z")
        };
        let time = parse_stamp(time.as_bytes()).unwrap();
        writer.record(Origin::Stdout, time, true, text.as_bytes());
    }
}

async fn ask(cluster: &Cluster, line: &Value) -> Answer {
    let headers: Vec<&str> = line["headers"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let mut sent: Vec<&str> = headers
        .iter()
        .map(|header| {
            if header.contains("<token") {
                "Authorization: Bearer nobody"
            } else {
                *header
            }
        })
        .collect();
    let name = line["name"].as_str().unwrap();
    if !name.starts_with("no credentials") && !sent.iter().any(|header| header.starts_with("Auth"))
    {
        sent.push("Authorization: Bearer admin");
    }
    cluster
        .send(line["request"].as_str().unwrap(), &sent, "")
        .await
        .whole()
        .await
}

/// JSON with the versions of this run put out of the way.
fn comparable(body: &str) -> Value {
    let Ok(mut value) = serde_json::from_str::<Value>(body) else {
        return json!(body);
    };
    if value["metadata"]["resourceVersion"].is_string() {
        value["metadata"]["resourceVersion"] = json!("");
    }
    if let Some((before, _)) = value["message"]
        .as_str()
        .and_then(|text| text.split_once("current: "))
    {
        value["message"] = json!(before);
    }
    value
}

fn named(table: &[(&str, &str)], name: &str) -> bool {
    table.iter().any(|(listed, _)| *listed == name)
}

#[tokio::test]
async fn the_recorded_requests_get_the_recorded_answers() {
    let cluster = world().await;
    let mut compared = 0;
    for line in RESPONSES.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let name = line["name"].as_str().unwrap();
        if named(&ELSEWHERE, name) {
            continue;
        }
        let wanted = line["body"].as_str().unwrap();
        // `sinceSeconds` depends on the time of the answer, and the ticks on what was written.
        let ticks = name.starts_with("tailLines")
            || name.starts_with("limit")
            || name.starts_with("since")
            || name.contains("state in the API: running");
        if ticks {
            write_ticks(&cluster, wanted);
        }
        if name.contains("state in the API: waiting") {
            continue;
        }
        let answer = ask(&cluster, &line).await;
        assert_eq!(
            u64::from(answer.status),
            line["status"].as_u64().unwrap(),
            "{name}"
        );
        assert_eq!(answer.end, End::Clean, "{name}");
        assert_eq!(
            answer.header("content-type").unwrap_or_default(),
            line["contentType"],
            "{name}"
        );
        assert_eq!(
            answer.header("retry-after"),
            line["retryAfter"].as_str(),
            "{name}"
        );
        if named(&OTHERWISE, name) || name == "sinceSeconds=1" {
            continue;
        }
        let chunked = answer.header("transfer-encoding").is_some();
        assert_eq!(chunked, line["transfer"] == "chunked", "{name}");
        let mut found = comparable(&answer.text());
        let mut wanted = comparable(wanted);
        if name.starts_with("log file removed") {
            // The path holds the uid of the pod.
            let start = |value: &Value| {
                value
                    .as_str()
                    .unwrap()
                    .split('_')
                    .next()
                    .unwrap()
                    .to_owned()
            };
            (found, wanted) = (json!(start(&found)), json!(start(&wanted)));
        }
        assert_eq!(found, wanted, "{name}");
        compared += 1;
    }
    assert!(compared > 55, "{compared}");
}

#[tokio::test]
async fn one_name_is_watched_in_the_old_form() {
    let cluster = world().await;
    let line = json!({
        "name": "", "headers": [],
        "request": "GET /api/v1/watch/namespaces/s14/pods/web-6fd7dd6595-25j9k?timeoutSeconds=1",
    });
    let answer = ask(&cluster, &line).await;
    let events = answer.events();
    assert_eq!((events.len(), &events[0]["type"]), (1, &json!("ADDED")));
}
