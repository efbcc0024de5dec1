//! Faults over HTTP.

use serde_json::json;

use super::client::{Cluster, End};
use super::{Action, Fault, Match, Rule, Token};
use crate::logs::{LogWriter, Origin};

const LOG: &str = "GET /api/v1/namespaces/a/pods/p/log?follow=true&container=c";
const PODS: &str = "GET /api/v1/namespaces/a/pods";

fn fault(yaml: &str) -> Fault {
    serde_yaml_ng::from_str(yaml).unwrap()
}

/// A pod whose container has written one line and goes on.
async fn cluster() -> (Cluster, LogWriter) {
    let tokens = [("one", "u1"), ("two", "u2")];
    let tokens = tokens.map(|(token, user)| Token {
        token: token.to_owned(),
        user: user.to_owned(),
    });
    let cluster = Cluster::with(50.0, |builder| builder.tokens(tokens)).await;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "a", "name": "p"},
        "spec": {"nodeName": "n", "containers": [{"name": "c"}]},
        "status": {"containerStatuses": [{"name": "c", "state": {"running": {}}, "containerID": "containerd://1"}]},
    });
    let pod = cluster.store.create(pod).unwrap();
    let mut writer = cluster.logs.start(&pod, "c", 0, "containerd://1");
    writer.line(Origin::Stdout, 0, "0123456789");
    (cluster, writer)
}

const ONE: &[&str] = &["Authorization: Bearer one"];

#[tokio::test]
async fn a_stream_ends_in_each_way_after_so_many_bytes() {
    let (cluster, _writer) = cluster().await;
    for (kind, end) in [
        ("reset", End::Reset),
        ("cut", End::Cut),
        ("end", End::Clean),
    ] {
        let yaml = format!(
            "{{on: {{verb: log, container: c}}, do: {{kind: {kind}, after: {{bytes: 4}}}}}}"
        );
        let id = cluster.server.faults().add(fault(&yaml));
        let mut log = cluster.send(LOG, ONE, "").await;
        // A RST may overtake what was sent before it.
        match log.chunk().await {
            Ok(chunk) => {
                assert_eq!(chunk, b"0123");
                assert_eq!(log.chunk().await.unwrap_err(), end, "{kind}");
            }
            Err(found) => assert_eq!((found, kind), (end, "reset")),
        }
        assert_eq!(cluster.server.faults().fired(id), 1);
        assert!(cluster.server.faults().remove(id));
    }
}

#[tokio::test]
async fn a_connection_ends_before_the_answer() {
    let (cluster, _writer) = cluster().await;
    for (kind, end) in [("reset", End::Reset), ("cut", End::Cut)] {
        cluster.server.faults().clear();
        cluster
            .server
            .faults()
            .add(fault(&format!("{{do: {{kind: {kind}}}}}")));
        let answer = cluster.send(PODS, ONE, "").await.whole().await;
        assert_eq!((answer.status, answer.end), (0, end));
    }
    assert!(
        cluster
            .server
            .requests()
            .iter()
            .all(|request| request.status == 0)
    );
}

#[tokio::test]
async fn a_stream_stalls_and_the_others_go_on() {
    let (cluster, mut writer) = cluster().await;
    cluster.server.faults().add(fault(
        "{on: {verb: log, nth: 1}, do: {kind: stall, after: {chunks: 1}}}",
    ));
    let mut stalled = cluster.send(LOG, ONE, "").await;
    assert_eq!(stalled.chunk().await.unwrap(), b"0123456789\n");
    let mut other = cluster.send(LOG, ONE, "").await;
    assert_eq!(other.chunk().await.unwrap(), b"0123456789\n");
    writer.line(Origin::Stdout, 0, "more");
    assert_eq!(other.chunk().await.unwrap(), b"more\n");
    // Whatever the stalled stream would send, this comes before: its connection is killed.
    assert_eq!(
        cluster
            .server
            .faults()
            .end_open(&Match::default(), &Action::Cut { after: None }),
        1
    );
    assert_eq!(other.chunk().await.unwrap_err(), End::Cut);
    cluster.server.core.kill();
    assert_eq!(stalled.chunk().await.unwrap_err(), End::Cut);
}

#[tokio::test]
async fn refusals_have_their_headers() {
    let (cluster, _writer) = cluster().await;
    let faults = cluster.server.faults();
    faults.add(fault(
        "{on: {verb: list, count: 1}, do: {kind: throttle, retryAfter: 3}}",
    ));
    faults.add(fault(
        "{on: {verb: list, nth: 1}, do: {kind: status, code: 429, retryAfter: 2}}",
    ));
    faults.add(fault(
        "{on: {verb: list, nth: 1}, do: {kind: status, code: 503}}",
    ));
    let throttled = cluster.send(PODS, ONE, "").await.whole().await;
    assert_eq!(
        (throttled.status, throttled.header("retry-after")),
        (429, Some("3"))
    );
    assert_eq!(
        throttled.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(cluster.send(PODS, ONE, "").await.whole().await.status, 200);

    faults.clear();
    faults.add(fault("{do: {kind: status, code: 429, retryAfter: 2}}"));
    let refused = cluster.send(PODS, ONE, "").await.whole().await;
    assert_eq!(refused.header("retry-after"), Some("2"));
    assert_eq!(
        refused.json(),
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "Too many requests, please try again later.", "reason": "TooManyRequests",
            "details": {"retryAfterSeconds": 2}, "code": 429,
        })
    );
}

#[tokio::test]
async fn tokens_expire_and_users_lose_rights() {
    let (cluster, mut writer) = cluster().await;
    let faults = cluster.server.faults();
    let mut open = cluster.send(LOG, ONE, "").await;
    open.chunk().await.unwrap();
    faults.add(fault(
        "{on: {verb: list, nth: 1}, do: {kind: expire-token}}",
    ));
    for _ in 0..2 {
        assert_eq!(cluster.send(PODS, ONE, "").await.whole().await.status, 401);
    }
    // What is open stays open.
    writer.line(Origin::Stdout, 0, "on");
    assert_eq!(open.chunk().await.unwrap(), b"on\n");
    let two = &["Authorization: Bearer two"];
    assert_eq!(cluster.send(PODS, two, "").await.whole().await.status, 200);
    faults.forbid(Rule {
        user: Some("u2".to_owned()),
        resource: Some("pods/log".to_owned()),
        ..Rule::default()
    });
    assert_eq!(cluster.send(LOG, two, "").await.whole().await.status, 403);
    assert_eq!(cluster.send(PODS, two, "").await.whole().await.status, 200);
}

#[tokio::test]
async fn the_watch_cache_forgets() {
    let (cluster, _writer) = cluster().await;
    let version = cluster.store.resource_version() - 1;
    cluster
        .server
        .faults()
        .add(fault("{on: {verb: watch}, do: {kind: compact}}"));
    let path = format!("{PODS}?watch=1&resourceVersion={version}");
    let events = cluster.send(&path, ONE, "").await.whole().await.events();
    assert_eq!(events[0]["object"]["code"], 410);
}

#[tokio::test]
async fn the_server_restarts_by_a_fault() {
    let (cluster, _writer) = cluster().await;
    let mut open = cluster.send(LOG, ONE, "").await;
    open.chunk().await.unwrap();
    cluster.server.faults().add(fault(
        "{on: {verb: list, nth: 1}, do: {kind: restart, downMillis: 100}}",
    ));
    assert_eq!(
        cluster.send(PODS, ONE, "").await.whole().await.end,
        End::Cut
    );
    assert_eq!(open.chunk().await.unwrap_err(), End::Cut);
    let address = cluster.server.url().replace("http://", "");
    while tokio::net::TcpStream::connect(&address).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(cluster.send(PODS, ONE, "").await.whole().await.status, 200);
}

#[tokio::test]
async fn chance_is_the_same_in_every_run() {
    let run = async || {
        let (cluster, _writer) = cluster().await;
        cluster.server.faults().add(fault(
            "{on: {probability: 0.5, seed: 7}, do: {kind: status, code: 500}}",
        ));
        let mut statuses = Vec::new();
        for _ in 0..16 {
            statuses.push(cluster.send(PODS, ONE, "").await.whole().await.status);
        }
        statuses
    };
    let first = run().await;
    assert!(first.contains(&200) && first.contains(&500), "{first:?}");
    assert_eq!(first, run().await);
}
