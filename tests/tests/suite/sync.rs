//! Whole rollouts, as their reader sees them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    assistant::Ended,
    rollout::{Rollout, logs, messages, records},
};

const SPEED: f64 = 20.0;

/// Numbers that follow `text` in the lines of a container.
fn numbers(lines: &[String], text: &str) -> Vec<u64> {
    let after = lines.iter().filter_map(|line| line.strip_prefix(text));
    after.map(|number| number.parse().unwrap()).collect()
}

/// Places of the first lines that contain these texts, which must be in this order.
fn assert_order(ended: &Ended, texts: &[&str]) {
    let mut lines = ended.stdout.lines();
    for text in texts {
        let found = lines.any(|line| line.contains(text));
        assert!(found, "no {text:?} in its place in:\n{}", ended.stdout);
    }
}

#[tokio::test]
async fn the_shop_from_its_first_line_to_the_cause() {
    let rollout = Rollout::named("shop", SPEED).await.begun().await;
    let ended = rollout.sync(&["--", "--timeout", "180"]).run().await;
    assert_eq!(ended.code(), Some(20), "argocd's: {}", ended.stdout);
    assert_eq!(ended.stderr, "");

    // Logs of all five kinds, of the old pods too.
    for part in [
        "/app] web 1.42 starting, 4 workers",
        "/app] got TERM, draining 3 connections",
        "[db-0/postgres] starting PostgreSQL 17.2",
        "/agent] agent 3.1 on node-1",
        "/migrate] applying 0042_add_index.sql",
        "/report] report: 8,412 orders, 3 refunds",
        "/worker] panic: cannot reach queue",
    ] {
        assert!(ended.count(part) > 0, "no {part:?} in:\n{}", ended.stdout);
    }
    assert_order(
        &ended,
        &[
            "/migrate] schema is at 0042",
            "/wait-for-db] db:5432 answers",
            "/app] web 1.42 starting",
            "FAILED",
        ],
    );
    // Events with levels.
    let event = |level: &str, text: &str| {
        let mut lines = ended.lines().into_iter();
        lines.any(|line| line.starts_with(level) && line.contains(text))
    };
    assert!(
        event("INFO [", "Scaled up replica set web-"),
        "{}",
        ended.stdout
    );
    assert!(
        event("WARN [", "Back-off pulling image"),
        "{}",
        ended.stdout
    );
    assert!(event("INFO [argo] ", "banner"), "{}", ended.stdout);
    assert!(
        event("INFO [argo] ", "Health Status:      Degraded"),
        "{}",
        ended.stdout
    );

    let last = ended.stdout.lines().next_back().unwrap();
    let cause = "Deployment/banner: image registry.example.com/shop/baner:1.42 does not exist";
    assert!(last.starts_with(cause), "{last}");
}

#[tokio::test]
async fn the_shop_as_json_has_each_line_once() {
    let rollout = Rollout::named("shop", SPEED).await.begun().await;
    let run = rollout
        .sync(&["--", "--timeout", "180"])
        .env("LOG_FORMAT", "json");
    let records = records(&run.run().await);
    each_record_has_its_fields(&records);
    let logs = logs(&records);
    let of = |prefix: &str| {
        let found = logs.iter().find(|(name, _)| name.starts_with(prefix));
        found
            .unwrap_or_else(|| panic!("no {prefix} in {logs:#?}"))
            .1
    };
    both_runs_are_whole(of("worker-"));
    for (name, text) in [
        ("worker-", "processed order "),
        ("agent-", "shipped batch "),
    ] {
        let found = numbers(of(name), text);
        let wanted: Vec<_> = (1..=found.len() as u64).collect();
        assert_eq!(found, wanted, "{name}");
    }
    let verdict = records.last().unwrap();
    assert_eq!(verdict["kind"], "verdict");
    let (outcome, exit) = (&verdict["outcome"], &verdict["argocd_exit"]);
    assert_eq!((outcome, exit), (&"failed".into(), &20.into()));
    let findings = verdict["findings"].as_array().unwrap();
    let codes: Vec<_> = findings.iter().map(|it| &it["code"]).collect();
    assert_eq!(codes, ["image-pull"], "{verdict:#}");
}

fn each_record_has_its_fields(records: &[Value]) {
    let kinds: BTreeSet<_> = records
        .iter()
        .map(|it| it["kind"].as_str().unwrap())
        .collect();
    let wanted = [
        "argo", "event", "finding", "log", "notice", "status", "verdict",
    ];
    assert_eq!(kinds, BTreeSet::from(wanted));
    let fields = ["time", "level", "msg", "schema"];
    let is_whole = |it: &Value| fields.iter().all(|field| !it[*field].is_null());
    assert!(records.iter().all(is_whole));
}

/// Checks both runs of a container that restarts: no line of them comes twice. At this speed a
/// second is over before a status is read, so the second run may come first; within a run the
/// order holds.
fn both_runs_are_whole(worker: &[String]) {
    let orders = numbers(worker, "processed order ");
    assert!(orders.len() > 3, "{worker:?}");
    let mut others: Vec<_> = worker
        .iter()
        .filter(|line| !line.starts_with("processed"))
        .collect();
    let panic = others.iter().position(|line| line.starts_with("panic:"));
    assert_eq!(others[panic.unwrap() + 1], "goroutine 1 [running]:");
    others.sort();
    assert_eq!(
        others,
        [
            "connected to queue orders",
            "goroutine 1 [running]:",
            "main.main() /src/main.go:41",
            "panic: cannot reach queue: dial tcp 10.0.3.7:5672: connection refused",
            "worker 1.42 starting",
            "worker 1.42 starting",
        ]
    );
}

#[tokio::test]
async fn a_good_rollout_ends_with_the_success_line() {
    let rollout = Rollout::named("good", SPEED).await.begun().await;
    let ended = rollout.sync(&["--", "--timeout", "180"]).run().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
    let last = ended.stdout.lines().next_back().unwrap();
    assert!(last.starts_with("Rolled out good in "), "{last}");
    assert_eq!(ended.count("[import-"), 2, "{}", ended.stdout);
}

#[tokio::test]
async fn a_failed_hook_is_the_cause() {
    let rollout = Rollout::named("hook-failed", SPEED).await.begun().await;
    let ended = rollout.sync(&["--", "--timeout", "60"]).run().await;
    assert_eq!(ended.code(), Some(20), "{}", ended.stdout);
    let last = ended.stdout.lines().next_back().unwrap();
    assert!(
        last.contains("PreSync hook Job/shop-migrate failed"),
        "{}",
        ended.stdout
    );
    assert_eq!(ended.count("/rollback] rolled back to 0040"), 1);
}

#[tokio::test]
async fn follow_needs_no_argocd() {
    let rollout = Rollout::named("good", SPEED).await.begun().await;
    let run = rollout.command("follow", &["--settle", "0"]);
    let ended = run.env("ARGOCD", "/nonexistent").run().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
    assert_eq!(
        (ended.count("[argo]"), ended.count("/agent] agent started")),
        (0, 1)
    );
    let last = ended.stdout.lines().next_back().unwrap();
    assert!(last.starts_with("Rolled out good in "), "{last}");

    let rollout = Rollout::named("crash-loop", SPEED).await.begun().await;
    let ended = rollout.command("follow", &["--grace", "1s"]).run().await;
    assert_eq!(ended.code(), Some(1), "{}", ended.stdout);
    let last = ended.stdout.lines().next_back().unwrap();
    assert!(last.starts_with("StatefulSet/db: "), "{last}");
}

#[tokio::test]
async fn diagnose_looks_once() {
    let good = Rollout::named("good", SPEED).await.begun().await;
    let early = good.command("diagnose", &[]).run().await;
    assert_eq!(early.code(), Some(70), "{}", early.stdout);
    let ended = good.sync(&["--", "--timeout", "180"]).run().await;
    assert_eq!(ended.code(), Some(0));
    // The CronJob was fired late.
    good.cluster.finished().await.unwrap();
    let follow = good.command("follow", &["--settle", "0"]).run().await;
    assert_eq!(follow.code(), Some(0), "{}", follow.stdout);
    let late = good.command("diagnose", &[]).run().await;
    assert_eq!(late.code(), Some(0), "{}", late.stdout);

    let shop = Rollout::named("shop", SPEED).await.begun().await;
    shop.sync(&["--", "--timeout", "180"]).run().await;
    let run = shop.command("diagnose", &[]).env("LOG_FORMAT", "json");
    let ended = run.run().await;
    assert_eq!(ended.code(), Some(1), "{}", ended.stdout);
    let found = records(&ended);
    let verdicts = messages(&found, "verdict");
    assert!(
        verdicts[0].starts_with("Deployment/banner: image"),
        "{verdicts:?}"
    );
}

#[tokio::test]
async fn explain_tells_what_is_followed_and_why() {
    let rollout = Rollout::named("shop", SPEED).await.begun().await;
    let mut run = rollout.sync(&[]).start();
    run.until("/agent] agent 3.1 on node-1").await;
    let ended = rollout.command("explain", &[]).run().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    for part in [
        "Deployment/web",
        // Its pod may be about to be replaced.
        "apps/StatefulSet:shop-prod/db",
        "DaemonSet/agent",
        "Job/shop-migrate",
    ] {
        assert!(ended.stdout.contains(part), "no {part} in {}", ended.stdout);
    }
}

/// The Secret comes once it was missed; that takes the 15 s that operators are given.
#[tokio::test]
async fn a_finding_that_healed_is_taken_back() {
    let text = include_str!("../../scenarios/secret-comes-late.yaml").replace("19s", "2h");
    let rollout = Rollout::written(&text, SPEED).await.begun().await;
    let sync = rollout.sync(&["--", "--timeout", "1800"]);
    let mut run = sync.env("LOG_FORMAT", "json").start();
    run.until("\"kind\":\"finding\"").await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "db-password", "namespace": "late"}, "stringData": {"password": "x"}});
    rollout.cluster.store().create(secret).unwrap();
    let ended = run.end().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
    let records = records(&ended);
    let findings = records.iter().filter(|record| record["kind"] == "finding");
    let told: Vec<_> = findings
        .map(|finding| {
            let msg = finding["msg"].as_str().unwrap().to_owned();
            (msg, &finding["level"], &finding["resolved"])
        })
        .collect();
    let [(missing, error, none), (over, info, resolved)] = &told[..] else {
        panic!("{told:#?}")
    };
    let sentence = missing.strip_prefix("Deployment/web: ").unwrap();
    assert!(
        sentence.starts_with("Secret \"db-password\" does not exist"),
        "{missing}"
    );
    assert!(
        over.starts_with("Deployment/web: resolved after ") && over.ends_with(sentence),
        "{over}"
    );
    assert_eq!((*error, *none), (&json!("error"), &Value::Null));
    assert_eq!((*info, *resolved), (&json!("info"), &json!(true)));
    let verdict = records.last().unwrap();
    assert_eq!(verdict["outcome"], "succeeded");
    assert_eq!(verdict["findings"], json!([]));
}
