//! A line of any length comes out, in pieces that say so.

use serde_json::Value;
use simcluster::logs::{LogWriter, Origin};

use crate::rollout::{Rollout, records};

/// One pod that was there before, whose log the test writes.
const QUIET: &str = r#"
name: quiet
controllers: false
application: {name: shop, destination: shop-prod}
steps:
- {at: 0s, put: {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop-prod, uid: u, creationTimestamp: "$now", annotations: {argocd.argoproj.io/tracking-id: "shop:/Pod:shop-prod/web"}}, spec: {nodeName: n, containers: [{name: app}]}, status: {phase: Running, containerStatuses: [{name: app, ready: true, restartCount: 0, containerID: "containerd://a", state: {running: {startedAt: "$now"}}}]}}}
- {at: 0s, log: {pod: shop-prod/web, container: app, lines: "before\n"}}
"#;

/// No two mebibytes of it are alike.
fn line() -> String {
    (0..2_621_440 / 8).map(|n| format!("{n:07} ")).collect()
}

/// Runs the program on a pod that writes `line` between two others.
async fn printed(format: &str, line: &str) -> crate::assistant::Ended {
    let rollout = Rollout::written(QUIET, 20.0).await;
    let run = rollout.watched(&["--tail", "-1"]);
    let mut run = run.env("LOG_FORMAT", format).start();
    run.until("before").await;
    let now = i64::try_from(rollout.cluster.store().clock().now().as_nanosecond()).unwrap();
    let mut log = LogWriter::new(rollout.cluster.logs().newest("u", "app").unwrap());
    log.line(Origin::Stdout, now, line);
    log.line(Origin::Stdout, now, "after");
    run.until("after").await;
    let ended = rollout.finish(run).await;
    assert_eq!((ended.code(), ended.stderr.as_str()), (Some(0), ""));
    ended
}

#[tokio::test]
async fn in_json_each_piece_but_the_last_is_partial() {
    let line = line();
    let ended = printed("json", &line).await;
    let records = records(&ended);
    let logs = records.iter().filter(|record| record["kind"] == "log");
    let logs: Vec<_> = logs
        .map(|record| (record["msg"].as_str().unwrap(), &record["partial"]))
        .collect();
    let partial: Vec<_> = logs.iter().map(|(_, partial)| *partial).collect();
    let (yes, no) = (Value::Bool(true), Value::Null);
    assert_eq!(partial, [&no, &yes, &yes, &no, &no]);
    let pieces: String = logs[1..4].iter().map(|(text, _)| *text).collect();
    assert!(pieces == line, "{} bytes of {}", pieces.len(), line.len());
    assert_eq!((logs[0].0, logs[4].0), ("before", "after"));
    assert!(logs.iter().all(|(text, _)| text.len() <= 1 << 20));
}

#[tokio::test]
async fn in_text_each_piece_is_marked_where_it_was_cut() {
    let line = line();
    let ended = printed("text", &line).await;
    let pieces = ended.lines().into_iter();
    let pieces = pieces.filter_map(|shown| shown.split_once("[web/app] "));
    let pieces: Vec<&str> = pieces.map(|(_, text)| text).collect();
    let [before, first, second, last, after] = pieces[..] else {
        panic!("{} pieces", pieces.len())
    };
    assert_eq!((before, after), ("before", "after"));
    let first = first.strip_suffix(" …").unwrap();
    let second = second.strip_prefix("… ").unwrap();
    let second = second.strip_suffix(" …").unwrap();
    let last = last.strip_prefix("… ").unwrap();
    assert!([first, second, last].concat() == line);
}
