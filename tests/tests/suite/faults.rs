//! Rollouts on a cluster that misbehaves: each numbered line once, whatever happens.

use serde_json::{Value, json};
use simcluster::api::{Action, After, Fault, Match};

use crate::{
    assistant::{Ended, Running, until},
    rollout::{Rollout, logs, on, records},
    workload::{Workload, synced},
};

const LINES: u64 = 400;

/// Five pods, ready once each has written its 400 lines; a restart comes on the way.
fn counting() -> String {
    let web = r#"app: {run: [{lines: {rate: 40, count: 400, text: "{n}"}}, {ready: true}, {forever: true}]}"#;
    let db = r#"
        app:
          runs:
          - [{lines: {rate: 40, count: 200, text: "{n}"}}, {exit: 1}]
          - [{lines: {rate: 40, count: 200, text: "{n}"}}, {ready: true}, {forever: true}]
        "#;
    let parallel = json!({"podManagementPolicy": "Parallel"});
    synced(&[
        Workload::deployment("web", web).replicas(3),
        Workload::new("StatefulSet", "db", db)
            .replicas(2)
            .spec(&parallel),
    ])
}

/// Ten seconds of lines take two.
const SPEED: f64 = 5.0;

async fn start() -> (Rollout, Running) {
    let rollout = Rollout::written(&counting(), SPEED).await.begun().await;
    let run = rollout.sync(&["--", "--timeout", "300"]);
    let run = run.env("LOG_FORMAT", "json").start();
    (rollout, run)
}

/// Waits until a line in the middle was printed.
async fn halfway(run: &mut Running) {
    run.until("\"msg\":\"100\"").await;
}

/// Each run's numbers in their order. A kubelet that is ahead of the pod gives out the next
/// run's first lines before the last ones of this run could be read.
fn is_each_once(found: &[u64], runs: usize, count: u64) -> bool {
    let mut next = vec![1; runs];
    let mut takes = |number: u64| {
        let run = next.iter_mut().find(|next| **next == number);
        run.map(|next| *next += 1)
    };
    found.iter().all(|number| takes(*number).is_some())
        && next.iter().all(|next| *next == count + 1)
}

fn assert_each_line_once(ended: &Ended) {
    assert_eq!(
        (ended.code(), ended.stderr.as_str()),
        (Some(0), ""),
        "{}",
        ended.stdout
    );
    let records = records(ended);
    let logs = logs(&records);
    let notices = || records.iter().filter(|record| record["kind"] == "notice");
    assert_eq!(logs.len(), 5, "{:?}", logs.keys());
    for (container, lines) in &logs {
        let found: Vec<u64> = lines.iter().map(|line| line.parse().unwrap()).collect();
        let (runs, count) = match container.as_str() {
            "db-0/app" | "db-1/app" => (2, LINES / 2),
            _ => (1, LINES),
        };
        let notices: Vec<_> = notices()
            .filter(|notice| notice["object"] == **container)
            .collect();
        assert!(
            is_each_once(&found, runs, count),
            "{container}: {notices:#?} {found:?}"
        );
    }
    for notice in notices() {
        let code = notice["code"].as_str().unwrap();
        assert!(
            !["lines-missing", "instances-lost"].contains(&code),
            "{notice}"
        );
    }
}

#[tokio::test]
async fn the_api_server_is_killed_and_comes_back() {
    let (mut rollout, mut run) = start().await;
    halfway(&mut run).await;
    rollout.cluster.api_mut().stop().await;
    rollout.cluster.api_mut().restart().await.unwrap();
    assert_each_line_once(&run.end().await);
}

#[tokio::test]
async fn the_kubelet_dies_and_comes_back() {
    let (rollout, mut run) = start().await;
    halfway(&mut run).await;
    let kubelet = rollout.cluster.kubelet().unwrap();
    kubelet.set_down();
    rollout.closed(on("log", "pods/log")).await;
    rollout.refused("pods/log", 500).await;
    kubelet.set_up();
    assert_each_line_once(&run.end().await);
}

#[tokio::test]
async fn watches_are_cut_and_their_history_is_gone() {
    let (rollout, mut run) = start().await;
    halfway(&mut run).await;
    let faults = rollout.cluster.api().faults();
    let watches = Match {
        verb: Some("watch".to_owned()),
        ..Match::default()
    };
    faults.add(Fault {
        on: watches.clone(),
        action: Action::Compact,
    });
    assert!(faults.end_open(&watches, &Action::Cut { after: None }) >= 5);
    assert_each_line_once(&run.end().await);
}

/// Every pod has written all that it writes.
fn is_all_written(rollout: &Rollout) -> bool {
    let pods = rollout.cluster.store().list("pods", Some("shop-prod"));
    let pods = pods.unwrap().items;
    let is_done = |pod: &Value| {
        let status = &pod["status"]["containerStatuses"][0];
        let runs = u64::from(pod["metadata"]["name"].as_str().unwrap().starts_with("db-"));
        status["ready"] == true && status["restartCount"] == runs
    };
    pods.len() == 5 && pods.iter().all(|pod| is_done(pod.value()))
}

/// Log connections end in every way there is, after so many bytes each. What is missing in the
/// end, the last read brings: that one is left alone.
async fn hostile(seed: u64) {
    let rollout = Rollout::written(&counting(), SPEED).await.begun().await;
    let some = |seed| Match {
        probability: Some(0.4),
        seed,
        ..on("log", "pods/log")
    };
    let after = |bytes| After {
        bytes: Some(bytes),
        chunks: None,
    };
    let actions = [
        Action::Reset {
            after: Some(after(1500)),
        },
        Action::Cut {
            after: Some(after(2222)),
        },
        Action::Status {
            code: 500,
            retry_after: None,
            message: None,
        },
    ];
    let faults = rollout.cluster.api().faults();
    let add = |(seed, action)| {
        let on = some(seed);
        faults.add(Fault { on, action })
    };
    let mut ids: Vec<_> = (seed..).zip(actions).map(add).collect();
    // A clean end is where the kubelet happens to be. Twice at the same byte nobody could tell
    // it from the end of the log.
    ids.extend((0..8).map(|n| {
        let on = Match {
            count: Some(1),
            ..some(seed + 10 + n)
        };
        let after = after(999 + 211 * n);
        let action = Action::End { after };
        faults.add(Fault { on, action })
    }));
    let mut run = rollout.watched(&[]).env("LOG_FORMAT", "json").start();
    run.drain_until(until("end of writing", || is_all_written(&rollout)))
        .await;
    let fired: u64 = ids.iter().map(|id| faults.fired(*id)).sum();
    assert!(fired >= 5, "{fired}");
    faults.clear();
    assert_each_line_once(&rollout.finish(run).await);
}

/// Each seed is a schedule of five containers; `FAULT_SEEDS=60` plays more than three.
#[tokio::test]
async fn log_connections_break_at_random() {
    let given = std::env::var("FAULT_SEEDS").ok();
    let seeds = given.and_then(|seeds| seeds.parse().ok()).unwrap_or(3);
    for seed in 0..seeds {
        println!("seed {seed}");
        hostile(1 + 20 * seed).await;
    }
}
