//! Lists and watches over HTTP.

use serde_json::{Value, json};

use super::client::{Cluster, End};
use crate::store::DeleteOptions;

fn pod(name: &str, team: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "a", "labels": {"team": team}},
        "spec": {"containers": [{"name": "c", "image": "x"}]},
    })
}

fn summary(event: &Value) -> String {
    let object = &event["object"];
    let name = object["metadata"]["name"].as_str().unwrap_or("-");
    let kind = event["type"].as_str().unwrap();
    format!("{kind} {name}")
}

async fn cluster_of(names: &[&str]) -> Cluster {
    let cluster = Cluster::start().await;
    for name in names {
        cluster.store.create(pod(name, "x")).unwrap();
    }
    cluster
}

#[tokio::test]
async fn a_watch_from_a_list_misses_nothing() {
    let cluster = cluster_of(&["p1"]).await;
    let list = cluster.ask("GET /api/v1/namespaces/a/pods").await.json();
    let version = list["metadata"]["resourceVersion"].as_str().unwrap();
    cluster.store.create(pod("p2", "x")).unwrap();
    let path = format!("GET /api/v1/namespaces/a/pods?watch=1&resourceVersion={version}");
    let mut watch = cluster.open(&path).await;
    assert_eq!(summary(&watch.event().await.unwrap()), "ADDED p2");
    cluster
        .store
        .delete_gracefully("pods", "a", "p1", &DeleteOptions::default())
        .unwrap();
    assert_eq!(summary(&watch.event().await.unwrap()), "DELETED p1");
}

#[tokio::test]
async fn an_object_enters_and_leaves_a_selection() {
    let cluster = cluster_of(&["p1"]).await;
    let mut watch = cluster
        .open(
            "GET /api/v1/pods?watch=1&labelSelector=team%3Da&fieldSelector=metadata.namespace%3Da",
        )
        .await;
    watch.head().await.unwrap();
    for (team, wanted) in [("a", "ADDED p1"), ("b", "DELETED p1")] {
        let patch = json!({"metadata": {"labels": {"team": team}}});
        let new = cluster
            .store
            .merge_patch("pods", "a", "p1", &patch)
            .unwrap();
        let event = watch.event().await.unwrap();
        assert_eq!(summary(&event), wanted);
        let metadata = &event["object"]["metadata"];
        // As recorded: the last state that was in it, under the new version.
        assert_eq!(metadata["labels"]["team"], "a");
        assert_eq!(
            metadata["resourceVersion"],
            new["metadata"]["resourceVersion"]
        );
    }
}

#[tokio::test]
async fn a_watch_ends_cleanly_at_its_timeout_after_a_bookmark() {
    let cluster = Cluster::with(200.0, |builder| builder).await;
    cluster.store.create(pod("p1", "x")).unwrap();
    let path = "GET /api/v1/pods?watch=1&allowWatchBookmarks=true&timeoutSeconds=130";
    let answer = cluster.ask(path).await;
    assert_eq!(answer.end, End::Clean);
    let events = answer.events();
    let seen: Vec<String> = events.iter().map(summary).collect();
    // Recording 14: the end of the initial events, 60 s, 120 s, 128 s.
    assert_eq!(
        seen,
        [
            "ADDED p1",
            "BOOKMARK -",
            "BOOKMARK -",
            "BOOKMARK -",
            "BOOKMARK -"
        ]
    );
    let version = cluster.store.resource_version().to_string();
    assert_eq!(
        events[1]["object"],
        json!({
            "kind": "Pod", "apiVersion": "v1",
            "metadata": {"resourceVersion": version, "annotations": {"k8s.io/initial-events-end": "true"}},
            "spec": {"containers": null}, "status": {},
        })
    );
    assert_eq!(
        events[2]["object"]["metadata"],
        json!({"resourceVersion": version})
    );
}

#[tokio::test]
async fn pages_show_one_version_whatever_happens_meanwhile() {
    let cluster = cluster_of(&["p1", "p2", "p3", "p4", "p5"]).await;
    let mut names = Vec::new();
    let mut path = "GET /api/v1/pods?limit=2".to_owned();
    let mut versions = Vec::new();
    loop {
        let list = cluster.ask(&path).await.json();
        versions.push(list["metadata"]["resourceVersion"].clone());
        let items = list["items"].as_array().unwrap();
        names.extend(
            items
                .iter()
                .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()),
        );
        // Gone, changed and new after the first page: none of it shows.
        if names.len() == 2 {
            cluster.store.delete("pods", "a", "p4").unwrap();
            cluster.store.create(pod("p3a", "x")).unwrap();
            cluster.store.delete("pods", "a", "p3").unwrap();
            cluster.store.create(pod("p3", "new")).unwrap();
        }
        let Some(token) = list["metadata"]["continue"].as_str() else {
            break;
        };
        path = format!("GET /api/v1/pods?limit=2&continue={token}");
    }
    assert_eq!(names, ["p1", "p2", "p3", "p4", "p5"]);
    versions.dedup();
    assert_eq!(versions.len(), 1);
}

#[tokio::test]
async fn a_token_older_than_the_compaction_can_only_go_on_inconsistently() {
    let cluster = cluster_of(&["p1", "p2", "p3"]).await;
    let first = cluster
        .ask("GET /api/v1/namespaces/a/pods?limit=1")
        .await
        .json();
    assert_eq!(first["metadata"]["remainingItemCount"], 2);
    let token = first["metadata"]["continue"].as_str().unwrap();
    cluster.store.create(pod("p4", "x")).unwrap();
    cluster.store.compact();
    let path = format!("GET /api/v1/namespaces/a/pods?limit=1&continue={token}");
    let refused = cluster.ask(&path).await;
    assert_eq!(
        (refused.status, refused.json()["reason"].clone()),
        (410, json!("Expired"))
    );
    let status = refused.json();
    let token = status["metadata"]["continue"].as_str().unwrap();
    let path = format!("GET /api/v1/namespaces/a/pods?continue={token}");
    let rest = cluster.ask(&path).await.json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_is_too_old_is_told_within_the_stream() {
    let cluster = cluster_of(&["p1", "p2"]).await;
    cluster.store.compact();
    for (resource, message) in [
        (
            "pods",
            format!(
                "too old resource version: 1 ({})",
                cluster.store.resource_version()
            ),
        ),
        (
            "events",
            "The resourceVersion for the provided watch is too old.".to_owned(),
        ),
    ] {
        let answer = cluster
            .ask(&format!("GET /api/v1/{resource}?watch=1&resourceVersion=1"))
            .await;
        assert_eq!((answer.status, answer.end), (200, End::Clean));
        assert_eq!(
            answer.events(),
            [json!({"type": "ERROR", "object": {
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": "Expired", "code": 410,
            }})]
        );
    }
}

#[tokio::test]
async fn an_older_server_refuses_streaming_lists() {
    let cluster = Cluster::with(1.0, |builder| builder.streaming_lists(false)).await;
    let query =
        "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let answer = cluster.ask(&format!("GET /api/v1/pods?{query}")).await;
    assert_eq!(answer.status, 422);
    assert_eq!(
        answer.json()["details"]["causes"][0]["field"],
        "sendInitialEvents"
    );
}

#[tokio::test]
async fn metadata_and_tables_by_accept() {
    let cluster = cluster_of(&["p1"]).await;
    let partial =
        "Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
    let table = "Accept: application/json;as=Table;g=meta.k8s.io;v=v1,application/json";
    let ask =
        async |path: &str, accept: &str| cluster.send(path, &[accept], "").await.whole().await;
    let list = ask("GET /api/v1/pods", partial).await.json();
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["kind"], "PartialObjectMetadata");
    assert_eq!(list["items"][0].get("spec"), None);
    let list = ask("GET /api/v1/pods", table).await.json();
    assert_eq!(list["rows"][0]["cells"][0], "p1");
    assert_eq!(list["columnDefinitions"].as_array().unwrap().len(), 9);

    let mut watch = cluster.send("GET /api/v1/pods?watch=1", &[table], "").await;
    let first = watch.event().await.unwrap();
    assert!(first["object"]["columnDefinitions"].is_array());
    cluster.store.create(pod("p2", "x")).unwrap();
    let second = watch.event().await.unwrap();
    assert!(second["object"]["columnDefinitions"].is_null());
    assert_eq!(
        second["object"]["rows"][0]["object"]["metadata"]["name"],
        "p2"
    );
}
