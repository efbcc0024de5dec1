//! The whole program on a cluster that forbids its logs.

use argo_core::NoticeCode;
use argo_tests::fake_store::{FakeStore, Kind};
use jiff::Timestamp;

use super::{minute_ago, nanos};
use crate::{
    assistant::{Ended, until},
    rollout::{Rollout, logs, on, records},
    workload::{Workload, synced},
};

const QUERY: &str = r#"{namespace="shop-prod", pod="db-0"}"#;

/// A rollout that fails, on a cluster that forbids its logs.
async fn without_logs() -> Rollout {
    let db = "app: {run: [{log: hidden}, {sleep: 1s}, {exit: 1}]}";
    let workload = Workload::new("StatefulSet", "db", db);
    let rollout = Rollout::written(&synced(&[workload]), 1.0).await;
    let faults = rollout.cluster.api().faults();
    faults.add(simcluster::api::Fault {
        on: on("log", "pods/log"),
        action: simcluster::api::Action::Status {
            code: 403,
            retry_after: None,
            message: None,
        },
    });
    rollout.begun().await
}

/// Plays the rollout to its end, whose block has the query. `finding` is the mark of a finding
/// in the output.
async fn played(variables: &[(&str, &str)], finding: &str) -> Ended {
    let rollout = without_logs().await;
    let fake = FakeStore::start(Kind::Loki).await.unwrap();
    fake.add(("other", "x", "y"), nanos(minute_ago()), "of another pod");
    let url = fake.url().replace("http://", "http://me:hunter2@");
    let script = format!("steps: [{{await: {:?}}}, {{exit: 20}}]", rollout.go());
    let run = rollout.watched(&["--log-store", &url, "--allow-restarts", "0"]);
    let run = variables
        .iter()
        .fold(run.script(&script), |run, (name, value)| {
            run.env(name, value)
        });
    let mut run = run.start();
    let is_asked = || {
        let requests = fake.requests();
        requests.iter().any(|request| request.path.contains("db-0"))
    };
    run.drain_until(until("question", is_asked)).await;
    // Behind the start of the run.
    let now = nanos(Timestamp::now());
    fake.add(("shop-prod", "db-0", "app"), now, "from the store");
    run.until("from the store").await;
    run.until(finding).await;
    let ended = rollout.finish(run).await;
    assert!(!ended.stdout.contains("hunter2") && !ended.stderr.contains("hunter2"));
    ended
}

#[tokio::test]
async fn text_marks_the_lines_of_the_store() {
    let ended = played(&[], "[finding]").await;
    let line = "[db-0/app from loki] from the store";
    assert!(ended.stdout.contains(line), "{}", ended.stdout);
    let query = format!("Logs (LogQL): {QUERY}");
    assert!(ended.stdout.contains(&query), "{}", ended.stdout);
}

#[tokio::test]
async fn json_marks_the_lines_of_the_store() {
    let ended = played(&[("LOG_FORMAT", "json")], "\"kind\":\"finding\"").await;
    let records = records(&ended);
    assert_eq!(logs(&records)["db-0/app"], ["from the store"]);
    let is_log = |record: &&serde_json::Value| record["kind"] == "log";
    let log = records.iter().find(is_log).unwrap();
    assert_eq!(log["store"], "loki");
    let code = serde_json::to_value(NoticeCode::FromStore).unwrap();
    assert!(records.iter().any(|record| record["code"] == code));
    let verdict = records.last().unwrap();
    assert_eq!(verdict["findings"][0]["log_query"], QUERY, "{verdict}");
}
