//! Recordings of a real cluster: what its follows had, and nothing else, is printed.

use std::collections::{BTreeMap, HashMap};

use simcluster::player::{Act, Recording, RunKey};

use crate::rollout::{Rollout, logs, on, records};

/// The lines of each `pod/container` in their order, runs one after another.
fn recorded(name: &str) -> BTreeMap<String, Vec<String>> {
    let timeline = Recording::builtin(name).unwrap().timeline().unwrap();
    let mut names = HashMap::new();
    let mut lines: BTreeMap<(String, u32), String> = BTreeMap::new();
    let mut name_of = |run: &RunKey, pod: &str, restart| {
        let key = (format!("{pod}/{}", run.container), restart);
        names.insert(run.id.clone(), key);
    };
    for entry in timeline.entries() {
        if let Act::Start {
            run, pod, restart, ..
        } = &entry.act
        {
            name_of(run, pod, *restart);
        }
    }
    for entry in timeline.entries() {
        if let Act::Line {
            run, full, text, ..
        } = &entry.act
        {
            let log = lines.entry(names[&run.id].clone()).or_default();
            log.push_str(std::str::from_utf8(text).unwrap());
            log.push_str(if *full { "\n" } else { "" });
        }
    }
    let mut by_container: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for ((container, _), text) in lines {
        let all = by_container.entry(container).or_default();
        all.extend(text.lines().map(str::to_owned));
    }
    by_container
}

/// Plays it from the moment on at which the program watches.
async fn printed(name: &str, speed: f64, json: bool) -> crate::assistant::Ended {
    let number = name.split('-').next().unwrap();
    let scenario = format!(
        "name: {name}\n\
         application: {{name: recorded, destination: s{number}}}\n\
         steps: [{{at: 2s, recording: {{name: {name}, application: recorded}}}}]\n"
    );
    let rollout = Rollout::written(&scenario, speed).await;
    // However late the first look comes on a busy machine, nothing is left out.
    let run = rollout.watched(&["--tail", "1000000"]);
    let run = run.env("LOG_FORMAT", if json { "json" } else { "text" });
    let mut run = run.start();
    rollout.open(on("watch", "pods"), 1).await;
    run.drain_until(rollout.cluster.finished()).await.unwrap();
    rollout.finish(run).await
}

async fn assert_printed_once(name: &str, speed: f64) {
    let ended = printed(name, speed, true).await;
    assert_eq!((ended.code(), ended.stderr.as_str()), (Some(0), ""));
    let records = records(&ended);
    let is_notice = |record: &&serde_json::Value| record["kind"] == "notice";
    let notices: Vec<_> = records.iter().filter(is_notice).collect();
    assert_eq!(logs(&records), recorded(name), "{name}: {notices:#?}");
    assert_eq!(records.last().unwrap()["kind"], "verdict");
}

#[tokio::test]
async fn a_rollout_01() {
    assert_printed_once("01-deployment-rollout-ok", 10.0).await;
}

#[tokio::test]
async fn a_crash_loop_03() {
    assert_printed_once("03-crash-loop", 10.0).await;
}

#[tokio::test]
async fn init_containers_and_a_sidecar_04() {
    assert_printed_once("04-init-and-sidecar", 10.0).await;
}

#[tokio::test]
async fn a_failing_init_container_05() {
    assert_printed_once("05-failing-init", 10.0).await;
}

#[tokio::test]
async fn a_stuck_stateful_set_06() {
    assert_printed_once("06-statefulset-stuck", 10.0).await;
}

#[tokio::test]
async fn jobs_08() {
    assert_printed_once("08-jobs", 3.0).await;
}

#[tokio::test]
async fn text_tells_the_same() {
    let ended = printed("01-deployment-rollout-ok", 10.0, false).await;
    let mut printed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in ended.lines() {
        let Some((tag, text)) = line
            .strip_prefix("INFO [")
            .and_then(|it| it.split_once("] "))
        else {
            continue;
        };
        if tag.starts_with("web-") && tag.ends_with("/app") {
            let lines = printed.entry(tag.to_owned()).or_default();
            lines.push(text.to_owned());
        }
    }
    assert_eq!(printed, recorded("01-deployment-rollout-ok"));
}
