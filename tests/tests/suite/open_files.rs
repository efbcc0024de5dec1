//! More logs than this process may have open files.

use serde_json::{Value, json};
use simcluster::api::{Action, After, LoggedRequest};

use crate::{
    assistant::{Ended, until},
    rollout::{Rollout, logs, on, records},
    workload::{Workload, synced},
};

const PODS: usize = 80;
const FILES: u32 = 64;

/// Pods that write, live for a while, write again and end.
fn many() -> String {
    let load = Workload::new(
        "Job",
        "load",
        "app: {run: [{log: begin}, {sleep: 30s}, {log: end}, {exit: 0}]}",
    );
    synced(&[load.spec(&json!({"completions": PODS, "parallelism": PODS}))])
}

fn assert_told_once_and_read_in_full(ended: &Ended) {
    assert_eq!((ended.code(), ended.stderr.as_str()), (Some(0), ""));
    let records = records(ended);
    let warnings = |record: &&Value| record["kind"] == "notice" && record["level"] != "info";
    let warnings: Vec<_> = records.iter().filter(warnings).collect();
    let [told] = warnings[..] else {
        panic!("{warnings:#?}")
    };
    let text = told["msg"].as_str().unwrap();
    let limit = format!("reached its limit of {FILES} open files");
    assert!(text.contains(&limit), "{text}");
    let logs = logs(&records);
    assert_eq!(logs.len(), PODS);
    for (pod, lines) in &logs {
        assert_eq!(lines[..], ["begin", "end"], "{pod}");
    }
}

#[tokio::test]
async fn what_does_not_fit_waits_and_the_limit_is_named() {
    let rollout = Rollout::written(&many(), 5.0).await.begun().await;
    let run = rollout.sync(&["--", "--timeout", "300"]);
    let run = run.env("LOG_FORMAT", "json").open_files(FILES);
    assert_told_once_and_read_in_full(&run.run().await);
}

/// A watch that ends gets its file back, though many logs wait for one.
#[tokio::test]
async fn logs_leave_the_files_of_others_to_them() {
    let rollout = Rollout::written(&many(), 5.0).await.begun().await;
    let run = rollout.sync(&["--", "--timeout", "300"]);
    let mut run = run.env("LOG_FORMAT", "json").open_files(FILES).start();
    run.until("open files").await;
    let api = rollout.cluster.api();
    let watches = || {
        let requests = api.requests();
        let is = |it: &&LoggedRequest| it.verb == "watch" && it.resource == "pods";
        requests.iter().filter(is).count()
    };
    let (mut rounds, log) = (0, on("log", "pods/log"));
    while api.faults().open(&log) > 0 {
        let (before, end) = (watches(), After::default());
        api.faults()
            .end_open(&on("watch", "pods"), &Action::End { after: end });
        let again = until("the next watch", || watches() > before);
        run.drain_until(again).await;
        rounds += 1;
    }
    assert!(rounds > 3, "{rounds}");
    assert_told_once_and_read_in_full(&run.end().await);
}
