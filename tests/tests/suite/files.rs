//! The files of a run: they are written after the verdict, from the recording.

use std::fs;

use crate::{
    assistant::{Assistant, Ended, Folder},
    rollout::Rollout,
};

const SPEED: f64 = 20.0;

fn last(ended: &Ended) -> &str {
    ended.stdout.lines().last().unwrap_or_default()
}

#[tokio::test]
async fn every_file_of_a_run_and_the_run_again_from_its_recording() {
    let folder = Folder::new("files");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let files = [
        ("--record", path("run.jsonl.zst")),
        ("--report", path("run.html")),
        ("--junit", path("run.xml")),
        ("--summary", path("run.md")),
        ("--trace", path("run.json")),
        ("--log-dir", path("logs")),
    ];
    let rollout = Rollout::named("shop", SPEED).await.begun().await;
    let mut flags: Vec<&str> = Vec::new();
    for (flag, path) in &files {
        flags.extend([flag, path.as_str()]);
    }
    flags.extend(["--", "--timeout", "180"]);
    let ended = rollout.sync(&flags).run().await;
    let end = (ended.code(), ended.stderr.as_str());
    assert_eq!(end, (Some(20), ""), "{}", ended.stdout);

    let read = |name: &str| fs::read_to_string(path(name)).unwrap();
    assert!(read("run.html").contains("Deployment/banner"));
    assert!(read("run.xml").contains("<failure "));
    assert!(read("run.md").contains("Deployment/banner"));
    let trace: serde_json::Value = serde_json::from_str(&read("run.json")).unwrap();
    let events = trace["traceEvents"].as_array();
    assert!(events.is_some_and(|events| !events.is_empty()));
    // The StatefulSet gives its new pod the name of the old one.
    let log = |pod: &str| read(&format!("logs/shop-prod/{pod}/postgres.log"));
    let old = log("db-0");
    assert!(old.contains("received fast shutdown request"), "{old}");
    let new = log("db-0~2");
    assert!(new.starts_with("starting PostgreSQL 17.2\n"), "{new}");

    let again = Assistant::new(&["replay", &path("run.jsonl.zst")])
        .run()
        .await;
    assert_eq!(again.stdout, ended.stdout);
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_reported_after_the_verdict() {
    let folder = Folder::new("files");
    let gone = folder.path().join("gone");
    fs::create_dir(&gone).unwrap();
    let junit = gone.join("run.xml").to_string_lossy().into_owned();
    let rollout = Rollout::named("shop", SPEED).await.begun().await;
    let mut run = rollout
        .sync(&["--junit", &junit, "--", "--timeout", "180"])
        .start();
    run.until("schema is at 0042").await;
    fs::remove_dir_all(&gone).unwrap();
    let ended = run.end().await;
    assert_eq!(ended.code(), Some(20), "{}", ended.stdout);
    let cause = last(&ended);
    assert!(
        cause.starts_with("Deployment/banner: image"),
        "{}",
        ended.stdout
    );
    let lines: Vec<_> = ended.stdout.lines().rev().skip(1).take(2).collect();
    assert!(
        lines[0].contains("ERRO [assistant] cannot write ") && lines[0].contains("run.xml: "),
        "{lines:?}"
    );
    assert_eq!(lines[1], cause, "the verdict did not wait for the file");
}

#[tokio::test]
async fn a_run_that_cannot_start_leaves_the_recording_that_was_there() {
    let folder = Folder::new("files");
    let record = folder.write("run.jsonl", "the run before\n");
    let record = record.to_string_lossy();
    let ended = Assistant::new(&[
        "follow",
        "shop",
        "argocd",
        "--record",
        &record,
        "--kubeconfig",
        "/nowhere",
    ])
    .run()
    .await;
    assert_eq!(ended.code(), Some(2), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&*record).unwrap(), "the run before\n");
}
