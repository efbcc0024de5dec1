//! The answers of the oldest and of later versions, where they differ.

use argo_core::{argocd::Trees, resource::Pod};
use argo_events::{ArgocdEvents, EventScope, EventSource};
use argo_tests::fake_argocd::{FakeArgocd, Request, Step, answer, events};
use futures::StreamExt;
use serde_json::json;

use super::{app, client, entry, path, program::assistant};
use crate::{
    assistant::{Ended, Folder, until},
    token_answers::serve,
};

/// Runs `sync` against a server of this version on which `can-i` says that logs may not be read,
/// while `logs` is the answer of the log itself. Returns the number of requests for logs too.
async fn without_the_right(version: &str, logs: Vec<Step>, asked: usize) -> (Ended, usize) {
    let version = json!({ "Version": version }).to_string();
    let fake = FakeArgocd::start(move |request, _| match path(request) {
        "/api/version" => answer(200, &version),
        path if path.contains("/can-i/") => answer(200, r#"{"value":"no"}"#),
        path if path.ends_with("/logs") => logs.clone(),
        _ => serve(request),
    });
    let fake = fake.await.unwrap();
    let folder = Folder::new("versions");
    let go = folder.path().join("go");
    let mut run = assistant(&fake, &["sync", "shop", "argocd", "--settle", "0"])
        .script(&format!("steps: [{{await: {go:?}}}]"))
        .start();
    let of = |what: fn(&Request) -> bool| fake.requests().iter().filter(|it| what(it)).count();
    let reads = || of(|request| request.path.contains("/resource?"));
    run.drain_until(until("all objects", || reads() >= 12))
        .await;
    let logs = || of(|request| path(request).ends_with("/logs"));
    run.drain_until(until("all logs", || logs() >= asked)).await;
    std::fs::write(go, "").unwrap();
    let ended = run.end().await;
    assert_eq!(ended.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
    (ended, of(|request| path(request).ends_with("/logs")))
}

/// Before 3.0 a setting decides whether logs need a right of their own, and `can-i` does not know
/// it.
#[tokio::test]
async fn logs_before_3_0_are_asked_for_without_the_right() {
    let line = [events(&[entry(1, "up on 2.9")]), vec![Step::Hang]].concat();
    let (ended, _) = without_the_right("v2.9.22+4fe1fd8", line, 10).await;
    assert_eq!(ended.count("up on 2.9"), 10, "{}", ended.stdout);
    assert_eq!(ended.count("does not allow"), 0, "{}", ended.stdout);
}

#[tokio::test]
async fn logs_since_3_0_are_not_asked_for_without_the_right() {
    for version in ["v3.0.0", "v3.6.1+unknown"] {
        let (ended, requests) = without_the_right(version, vec![Step::Hang], 0).await;
        let policy = "Policy line to add: p, ci, logs, get, default/shop, allow";
        assert_eq!(ended.count(policy), 1, "{}", ended.stdout);
        assert_eq!(requests, 0, "{version}");
    }
}

/// Since 3.5 the server may read as the service account of the project. The cluster's refusal
/// comes in the place of a line.
#[tokio::test]
async fn a_service_account_that_may_not_read_logs_is_named_once() {
    let said = r#"pods "web-1-0" is forbidden: User "system:serviceaccount:shop:deployer" cannot get resource "pods/log" in API group "" in the namespace "shop""#;
    let entry = json!({"result": {"content": said, "timeStamp": null, "timeStampStr": "0001-01-01T00:00:00Z", "last": false, "podName": ""}});
    let refused = events(&[entry.to_string()]);
    let (ended, _) = without_the_right("v2.14.0", refused, 10).await;
    let sentence = "cannot get pods/log in shop (403 forbidden): logs are missing";
    assert_eq!(ended.count(sentence), 1, "{}", ended.stdout);
    let grant = "--user=system:serviceaccount:shop:deployer ";
    assert_eq!(ended.count(grant), 1, "{}", ended.stdout);
}

/// Since 3.5 events are of `events.k8s.io` in the gRPC form; the JSON form is as it was. The
/// answer is one of a 3.6.1.
#[tokio::test]
async fn events_of_3_6_are_read() {
    let pod: Pod = super::pod();
    let uid = pod.metadata.uid.clone().unwrap();
    let event = json!({"metadata": {"name": "web-1.18ec278917d95ae4", "namespace": "shop", "uid": "e1", "creationTimestamp": "2026-11-28T08:17:01Z",
            "managedFields": [{"manager": "kube-scheduler", "apiVersion": "events.k8s.io/v1"}]},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-1", "uid": uid, "apiVersion": "v1"},
        "reason": "FailedScheduling", "message": "0/1 nodes are available", "source": {}, "firstTimestamp": null, "lastTimestamp": null,
        "type": "Warning", "eventTime": "2026-11-28T08:17:01.123456Z", "action": "Scheduling", "reportingComponent": "default-scheduler", "reportingInstance": "default-scheduler-node1"});
    let list = json!({"metadata": {"resourceVersion": "730"}, "items": [event]}).to_string();
    let fake = FakeArgocd::start(move |request, _| match path(request) {
        path if path.contains("/stream/") => vec![Step::Hang],
        path if path.ends_with("/resource-tree") => {
            let node = json!({"version": "v1", "kind": "Pod", "namespace": "shop", "name": "web-1", "uid": "u1", "resourceVersion": "1", "health": {"status": "Progressing"}});
            answer(200, &json!({ "nodes": [node] }).to_string())
        }
        _ => answer(200, &list),
    });
    let fake = fake.await.unwrap();
    let trees = Trees::new(client(&fake));
    trees.follow(&app());
    let scope = EventScope {
        namespace: "shop".into(),
        applications: false,
        fields: None,
    };
    let mut watch = ArgocdEvents::new(trees).watch(&scope);
    let read = async {
        loop {
            if let argo_core::WatchEvent::Applied(event) = watch.next().await.unwrap() {
                return event;
            }
        }
    };
    let event = tokio::time::timeout(std::time::Duration::from_secs(20), read).await;
    let event = serde_json::to_value(event.unwrap()).unwrap();
    assert_eq!(event["reason"], "FailedScheduling");
    assert_eq!(event["involvedObject"]["uid"], "u1");
}
