//! Requests of a rollout to the API server, counted one by one.

use std::{collections::BTreeMap, time::Instant};

use serde_json::Value;
use simcluster::api::LoggedRequest;

use crate::{
    assistant::until,
    rollout::Rollout,
    workload::{Workload, manifests},
};

/// Counts the requests for each of these.
fn counted<K: Ord>(
    requests: &[LoggedRequest],
    key: impl Fn(&LoggedRequest) -> Option<K>,
) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for key in requests.iter().filter_map(key) {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

/// All but those of the scripted argocd, which reads the Application and nothing else.
async fn asked(rollout: &Rollout) -> Vec<LoggedRequest> {
    let mut requests = rollout.cluster.api().requests();
    requests.retain(|it| (it.verb.as_str(), it.resource.as_str()) != ARGOCD);
    requests
}

const ARGOCD: (&str, &str) = ("get", "applications.argoproj.io");

/// One list and one watch of each kind in each namespace, and no more.
fn streams(requests: &[LoggedRequest]) -> BTreeMap<(String, String, String), usize> {
    let streams = counted(requests, |it| {
        let is = ["list", "watch"].contains(&it.verb.as_str());
        is.then(|| (it.resource.clone(), it.namespace.clone(), it.verb.clone()))
    });
    assert!(streams.values().all(|count| *count == 1), "{streams:#?}");
    streams
}

/// Each log is followed once, and read once more when it or the rollout ends.
fn logs(requests: &[LoggedRequest], follow: bool) -> BTreeMap<(String, String), usize> {
    let logs = counted(requests, |it| {
        let is = it.verb == "log" && it.query.contains("follow=true") == follow;
        is.then(|| (it.name.clone(), it.container.clone()))
    });
    assert!(logs.values().all(|count| *count == 1), "{logs:#?}");
    logs
}

#[tokio::test]
async fn a_rollout_asks_for_each_thing_once() {
    let rollout = Rollout::named("good", 10.0).await.begun().await;
    let started = Instant::now();
    let mut run = rollout.sync(&["--", "--timeout", "300"]).start();
    run.until("Waiting with argocd").await;
    let first = started.elapsed();
    run.until("[status]").await;
    println!(
        "first line after {first:?}, first status after {:?}",
        started.elapsed()
    );
    let ended = run.end().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);

    let requests = asked(&rollout).await;
    println!("{} requests", requests.len());
    let streams = streams(&requests);
    let (follows, reads) = (logs(&requests, true), logs(&requests, false));
    assert!(follows.len() >= 6, "{follows:#?}");
    // A pod is read when the follow of one of its logs ends, which none of those that go on does.
    let gets = counted(&requests, |it| (it.verb == "get").then(|| it.path.clone()));
    for (path, count) in &gets {
        let is_ended = ["/import-", "/report-"]
            .iter()
            .any(|name| path.contains(name));
        assert!(*count == 1 && (is_ended || path == "/version"), "{gets:#?}");
    }
    let sum: usize = [&follows, &reads].iter().map(|it| it.len()).sum();
    assert_eq!(requests.len(), streams.len() + sum + gets.len());
}

/// Three pods of an owner whose kind is not watched, known by its mark only.
const UNKNOWN_OWNER: &str = r#"
name: unknown
controllers: false
application: {name: shop, destination: shop-prod}
steps:
- at: 0s
  put: |
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: old
      namespace: shop-prod
      uid: rc-1
      annotations: {argocd.argoproj.io/tracking-id: "shop:/ConfigMap:shop-prod/old"}
- {at: 1s, put: {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop-prod, uid: a, creationTimestamp: "$now", ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: old, uid: rc-1, controller: true}]}, spec: {nodeName: n, containers: [{name: app}]}, status: {phase: Running, containerStatuses: [{name: app, ready: true, restartCount: 0, containerID: "containerd://a", state: {running: {startedAt: "$now"}}}]}}}
- {at: 1s, put: {apiVersion: v1, kind: Pod, metadata: {name: b, namespace: shop-prod, uid: b, creationTimestamp: "$now", ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: old, uid: rc-1, controller: true}]}, spec: {nodeName: n, containers: [{name: app}]}, status: {phase: Running, containerStatuses: [{name: app, ready: true, restartCount: 0, containerID: "containerd://b", state: {running: {startedAt: "$now"}}}]}}}
- {at: 2s, log: {pod: shop-prod/a, container: app, lines: "hello of a\n"}}
- {at: 2s, log: {pod: shop-prod/b, container: app, lines: "hello of b\n"}}
"#;

#[tokio::test]
async fn an_owner_that_is_not_watched_is_read_once() {
    let rollout = Rollout::written(UNKNOWN_OWNER, 20.0).await;
    let mut run = rollout.watched(&["--tail", "100"]).start();
    run.until("[b/app] hello of b").await;
    let ended = rollout.finish(run).await;
    assert_eq!(
        (ended.code(), ended.count("[a/app] hello of a")),
        (Some(0), 1)
    );
    let owners = counted(&asked(&rollout).await, |it| {
        (it.resource == "configmaps").then(|| it.verb.clone())
    });
    assert_eq!(owners, BTreeMap::from([("get".to_owned(), 1)]));
}

/// Pods whose owners are of a kind that is not watched.
const OWNED: &str = r#"
name: fifty
application: {name: shop, destination: shop-prod}
steps:
- at: 0s
  put: |
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: old
      namespace: shop-prod
      uid: rc-old
      annotations: {argocd.argoproj.io/tracking-id: "shop:/ConfigMap:shop-prod/old"}
- at: 0s
  put: |
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: theirs, namespace: shop-prod, uid: rc-theirs}
- {at: 1s, put: {apiVersion: v1, kind: Pod, metadata: {name: old-a, namespace: shop-prod, uid: old-a, creationTimestamp: "$now", ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: old, uid: rc-old, controller: true}]}, spec: {containers: [{name: app, image: "old:1"}]}, status: {phase: Pending}}}
- {at: 1s, put: {apiVersion: v1, kind: Pod, metadata: {name: old-b, namespace: shop-prod, uid: old-b, creationTimestamp: "$now", ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: old, uid: rc-old, controller: true}]}, spec: {containers: [{name: app, image: "old:1"}]}, status: {phase: Pending}}}
- {at: 1s, put: {apiVersion: v1, kind: Pod, metadata: {name: theirs-a, namespace: shop-prod, uid: theirs-a, creationTimestamp: "$now", ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: theirs, uid: rc-theirs, controller: true}]}, spec: {containers: [{name: app, image: "theirs:1"}]}, status: {phase: Pending}}}
"#;

/// 48 pods of a Deployment with two containers each, and those.
fn fifty() -> String {
    let web = Workload::deployment(
        "web",
        r#"
        app: {run: [{log: "listening"}, {sleep: 1s}, {ready: true}, {lines: {rate: 2, text: "GET {n}"}}]}
        proxy: {run: [{log: "proxying"}, {ready: true}, {forever: true}]}
        "#,
    );
    let web = Value::from(manifests(&[web.with_container("proxy").replicas(48)]));
    format!("{OWNED}- {{at: 1s, sync: {{manifests: {web}}}}}\n")
}

#[tokio::test]
async fn fifty_pods_ask_for_each_log_and_each_unknown_owner_once() {
    let rollout = Rollout::written(&fifty(), 5.0).await.begun().await;
    let mut run = rollout.watched(&[]).start();
    let is_follow = |it: &&LoggedRequest| it.verb == "log" && it.query.contains("follow=true");
    let api = rollout.cluster.api();
    let follows = || api.requests().iter().filter(is_follow).count();
    run.drain_until(until("logs", || follows() >= 48 * 2 + 2))
        .await;
    let ended = rollout.finish(run).await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);

    let requests = asked(&rollout).await;
    let streams = streams(&requests);
    let (follows, reads) = (logs(&requests, true), logs(&requests, false));
    assert_eq!(follows.len(), 48 * 2 + 2, "{follows:#?}");
    assert!(follows.keys().all(|(pod, _)| !pod.starts_with("theirs-")));
    assert!(
        reads
            .keys()
            .all(|container| follows.contains_key(container))
    );
    let gets = counted(&requests, |it| (it.verb == "get").then(|| it.path.clone()));
    let owner = |name| format!("/api/v1/namespaces/shop-prod/configmaps/{name}");
    // `/api/v1` is discovery: no watch covers the kind of the two owners.
    let wanted = [
        "/version".into(),
        "/api/v1".into(),
        owner("old"),
        owner("theirs"),
    ];
    assert_eq!(gets, wanted.map(|path| (path, 1)).into());
    let sum = streams.len() + follows.len() + reads.len() + gets.len();
    println!(
        "{} requests: {} streams, {} follows, {} last reads, {} gets",
        requests.len(),
        streams.len(),
        follows.len(),
        reads.len(),
        gets.len()
    );
    assert_eq!(requests.len(), sum);
}
