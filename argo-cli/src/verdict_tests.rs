use std::time::Duration;

use argo_core::GroupKind;
use argo_workloads::diagnosis::{Code, Finding, NewPods, Severity};

use super::*;
use crate::summary::EventNote;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let lookup = |name: &str| {
        let found = pairs.iter().find(|(n, _)| *n == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let mut settings = Settings::of_pipe(&lookup).0;
    settings.zone = TimeZone::UTC;
    settings
}

fn object(kind: &str, name: &str) -> ObjectRef {
    let group = if kind == "Job" { "batch" } else { "apps" };
    ObjectRef {
        kind: GroupKind::new(group, kind),
        namespace: "shop-prod".into(),
        name: name.into(),
        uid: name.into(),
    }
}

fn time(second: i64) -> Timestamp {
    let start: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
    start + Duration::from_secs(second.unsigned_abs())
}

fn row(kind: &str, name: &str, ready: i64, desired: i64) -> Row {
    let complete = ready == desired;
    Row {
        object: object(kind, name),
        runs_once: kind == "Job",
        state: if complete { "complete" } else { "progressing" }.to_owned(),
        ready: Some(ready),
        desired: Some(desired),
        pods: None,
        restarts: 0,
        seconds: complete.then_some(4),
        waiting_for: (!complete).then(|| format!("{ready} of {desired} ready")),
        held_up_by: None,
        complete,
        holds_up: true,
        failed: None,
    }
}

fn finding(code: Code, workload: ObjectRef, pods: &[&str], sentence: &str) -> Finding {
    Finding {
        code,
        severity: Severity::Doomed,
        since: time(60),
        workload,
        pods: pods.iter().map(|&pod| pod.to_owned()).collect(),
        containers: vec!["app".to_owned()],
        new_pods: NewPods {
            count: pods.len(),
            any_dooms: false,
        },
        sentence: sentence.to_owned(),
        cause: sentence.to_owned(),
        evidence: Vec::new(),
        last_lines: Vec::new(),
        next: None,
    }
}

fn event(root: ObjectRef, second: i64, reason: &str, message: &str, count: u32) -> EventNote {
    EventNote {
        time: time(second),
        level: Level::Warning,
        object: object("Pod", &format!("{}-1", root.name)),
        root,
        reason: reason.to_owned(),
        message: message.to_owned(),
        count,
    }
}

fn summary(outcome: Outcome, reason: &str, seconds: u64) -> Summary {
    Summary {
        app: "shop".to_owned(),
        outcome,
        reason: reason.to_owned(),
        elapsed: Duration::from_secs(seconds),
        exit: 1,
        ..Summary::default()
    }
}

fn good() -> Summary {
    let mut slow = row("Deployment", "web", 3, 3);
    slow.seconds = Some(58);
    slow.held_up_by = Some("readiness of web-6d4cf56db-9kq2z".to_owned());
    Summary {
        workloads: vec![
            row("Job", "migrate", 1, 1),
            slow,
            row("StatefulSet", "db", 1, 1),
        ],
        pods: 5,
        argocd_exit: Some(0),
        exit: 0,
        ..summary(Outcome::Succeeded, "argocd", 66)
    }
}

fn crash_loop() -> Summary {
    let sentence = "db-1: container postgres crashes on start (exit 1, 3 times in 55 s): \
                    FATAL:  data directory \"/data\" has wrong ownership";
    let db = object("StatefulSet", "db");
    let mut crash = finding(Code::CrashLoop, db.clone(), &["db-1"], sentence);
    crash.evidence = vec!["exit code 1, 2 s after its start; 6 restarts since 10:01:46".to_owned()];
    crash.last_lines = vec![
        (
            time(372),
            "FATAL:  data directory \"/data\" has wrong ownership".to_owned(),
        ),
        (
            time(372),
            "HINT:  The server must be started by the user that owns the data directory."
                .to_owned(),
        ),
    ];
    crash.next = Some("kubectl -n shop-prod logs db-1 -c postgres --previous".to_owned());
    let mut stuck = row("StatefulSet", "db", 1, 2);
    stuck.restarts = 6;
    let web = row("Deployment", "web", 3, 3);
    Summary {
        workloads: vec![web, stuck, row("Job", "shop-migrate", 1, 1)],
        argocd_exit: Some(20),
        argocd: Some("argocd gave up waiting: its --timeout ran out".to_owned()),
        findings: vec![crash],
        events: vec![
            event(
                db,
                370,
                "BackOff",
                "Back-off restarting failed container postgres",
                12,
            ),
            event(
                object("Deployment", "web"),
                12,
                "Unhealthy",
                "of another workload",
                1,
            ),
        ],
        exit: 20,
        ..summary(Outcome::TimedOut, "timeout", 300)
    }
}

fn image_typo() -> Summary {
    let of = |name: &str, pods: &[&str]| {
        let sentence = format!(
            "image registry.example.com/shop/web:v1.42 does not exist ({} of {} new pods)",
            pods.len(),
            pods.len()
        );
        let mut finding = finding(Code::ImagePull, object("Deployment", name), pods, &sentence);
        finding.cause = "image registry.example.com/shop/web:v1.42 does not exist".to_owned();
        finding.evidence = vec!["the registry answers: manifest unknown".to_owned()];
        finding.next = Some(format!("kubectl -n shop-prod describe pod {}", pods[0]));
        finding
    };
    Summary {
        workloads: vec![
            row("Deployment", "web", 0, 3),
            row("Deployment", "worker", 0, 2),
        ],
        findings: vec![
            of("web", &["web-a", "web-b", "web-c"]),
            of("worker", &["worker-a", "worker-b"]),
        ],
        exit: 1,
        doomed_for: Some(Duration::from_secs(60)),
        ..summary(Outcome::Failed, "fail-fast", 91)
    }
}

fn hook_failed() -> Summary {
    let sentence = "PreSync hook Job/shop-migrate failed: exit 3: \
                    ERROR: relation \"orders\" already exists";
    let hook = object("Job", "shop-migrate");
    let mut failed = finding(Code::HookFailed, hook, &["shop-migrate-x7k2p"], sentence);
    failed.next = Some("kubectl -n shop-prod logs job/shop-migrate".to_owned());
    Summary {
        findings: vec![failed],
        operation: vec!["The sync failed before anything was deployed.".to_owned()],
        exit: 1,
        ..summary(Outcome::Failed, "degraded", 17)
    }
}

fn nothing() -> Summary {
    let web = object("Deployment", "web");
    Summary {
        workloads: vec![row("Deployment", "web", 2, 3)],
        events: vec![
            event(
                web.clone(),
                12,
                "Unhealthy",
                "Readiness probe failed: HTTP 503",
                3,
            ),
            event(
                web.clone(),
                40,
                "Unhealthy",
                "Readiness probe failed: HTTP 503",
                9,
            ),
            event(
                web,
                20,
                "FailedToUpdateEndpoint",
                "the object has been modified",
                1,
            ),
        ],
        exit: 70,
        ..summary(Outcome::TimedOut, "timeout", 300)
    }
}

fn interrupted() -> Summary {
    let mut waiting = row("Deployment", "web", 1, 3);
    waiting.waiting_for = Some("2 of 3 updated".to_owned());
    Summary {
        workloads: vec![waiting, row("StatefulSet", "db", 0, 1)],
        exit: 130,
        ..summary(Outcome::Interrupted, "SIGINT", 12)
    }
}

#[track_caller]
fn check(summary: &Summary, expected: &str) {
    let text = text(summary, &settings(&[]));
    assert!(text == expected.trim_start_matches('\n'), "got:\n{text}");
}

#[test]
fn hostile_text_obeys_nobody() {
    let mut summary = crash_loop();
    summary.app = "shop\u{1b}]0;owned\u{7}".to_owned();
    summary.argocd = Some("::error::no\r##[error]x".to_owned());
    summary.findings[0].sentence = "a\n::set-output name=x::y ##vso[task.complete]".to_owned();
    summary.findings[0].last_lines[0].1 = "\u{1b}[2J\u{1b}[31mred".to_owned();
    summary.operation = vec!["::error::operation".to_owned()];
    summary.findings[0].evidence = vec!["::error::evidence".to_owned()];
    summary.workloads[0].waiting_for = Some("a\tb\n::add-mask::c".to_owned());
    summary.workloads[0].complete = false;
    let text = text(&summary, &settings(&[("LOG_FORCE_COLORS", "true")]));
    assert!(!text.contains("##[") && !text.contains("##vso["), "{text}");
    assert!(
        !text.contains("[2J") && !text.contains("]0;") && !text.contains('\r'),
        "{text}"
    );
    let is_command = |line: &str| line.trim_start().starts_with("::");
    assert!(!text.lines().any(is_command), "{text}");
    assert!(!text.contains("\u{1b}[31mred"), "{text}");
}

#[test]
fn no_workload_gets_more_than_25_lines_and_no_line_is_too_wide() {
    let mut summary = crash_loop();
    let finding = &mut summary.findings[0];
    finding.sentence = "words and words ".repeat(31);
    finding.evidence = (0..6)
        .map(|n| format!("{n} {}", "a fact ".repeat(25)))
        .collect();
    finding.last_lines = (0..10).map(|n| (time(n), format!("line {n}"))).collect();
    let mut second = finding.clone();
    second.code = Code::OomKilled;
    let mut third = finding.clone();
    third.code = Code::ProbeFailing;
    summary.findings.extend([second, third]);
    let text = text(&summary, &settings(&[]));
    let block: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("StatefulSet/db  crash-loop"))
        .collect();
    let own = block.iter().take_while(|line| **line != "Also:").count();
    assert!(own <= 26, "{own} lines:\n{text}");
    assert!(text.contains("Also:\n  StatefulSet/db: words"), "{text}");
    assert!(
        text.contains("  Next: kubectl -n shop-prod logs db-1"),
        "{text}"
    );
    assert!(
        text.ends_with("(and StatefulSet/db oom-killed, StatefulSet/db probe-failing)\n"),
        "{text}"
    );
    let widest = block[..own]
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap();
    assert!(widest <= WIDTH, "{widest}:\n{text}");
}

#[test]
fn many_workloads_are_no_wall() {
    let mut summary = nothing();
    summary.workloads = (0..300)
        .map(|n| row("Deployment", &format!("w{n}"), 1, 1))
        .collect();
    summary.workloads[250] = row("Deployment", "late", 0, 1);
    let text = text(&summary, &settings(&[]));
    assert!(text.lines().count() < 40, "{text}");
    let names: Vec<_> = text
        .lines()
        .filter(|line| line.contains("Deployment/"))
        .collect();
    assert!(names[0].contains("· Deployment/late "), "{text}");
    assert!(
        text.contains("… and 280 more workloads, all complete"),
        "{text}"
    );
}

#[test]
fn workloads_of_several_namespaces_are_told_apart() {
    let mut summary = nothing();
    let mut other = row("Deployment", "web", 0, 1);
    other.object.namespace = "shop-jobs".into();
    summary.workloads.push(other);
    let text = text(&summary, &settings(&[]));
    assert!(text.contains("Deployment/web (shop-prod)   2/3"), "{text}");
    assert!(text.contains("Deployment/web (shop-jobs)   0/1"), "{text}");
}

#[test]
fn colours_stand_in_marks_and_the_outcome_only() {
    let text = text(&crash_loop(), &settings(&[("LOG_FORCE_COLORS", "true")]));
    assert!(
        text.contains("\u{1b}[1m\u{1b}[31mTIMED OUT\u{1b}[0m  shop"),
        "{text:?}"
    );
    assert!(
        text.contains("\u{1b}[32m✔\u{1b}[0m Deployment/web"),
        "{text:?}"
    );
    assert!(
        text.contains("\u{1b}[31m✘\u{1b}[0m StatefulSet/db"),
        "{text:?}"
    );
    let plain = super::text(&crash_loop(), &settings(&[]));
    let stripped = ["\u{1b}[1m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[0m"]
        .iter()
        .fold(text, |text, code| text.replace(code, ""));
    assert_eq!(stripped, plain);
}

#[test]
fn a_controller_that_gave_up_is_a_cause() {
    let mut summary = nothing();
    summary.workloads[0].failed = Some("ReplicaSet web-1 has timed out progressing.".to_owned());
    let sentence = sentence(&summary);
    assert_eq!(
        sentence,
        "Deployment/web: ReplicaSet web-1 has timed out progressing."
    );
}

#[test]
fn where_all_workloads_are_complete_argocd_is_the_cause() {
    let mut summary = good();
    summary.outcome = Outcome::Failed;
    summary.argocd = Some("argocd cannot reach Argo CD: connection refused".to_owned());
    assert_eq!(
        sentence(&summary),
        "shop: argocd cannot reach Argo CD: connection refused; every workload is complete"
    );
}

fn waiting_for(extra: &[&str]) -> Option<Wait> {
    let extra: Vec<_> = extra.iter().map(std::ffi::OsString::from).collect();
    Some(Wait::of(&extra))
}

#[test]
fn only_a_rollout_is_called_rolled_out() {
    let mut partly = good();
    partly.workloads[1] = row("Deployment", "web", 1, 3);
    for (extra, wanted) in [
        (
            &["--degraded"][..],
            "shop: argocd waited for it to be degraded, which took 1 m 06 s; 2 of 3 workloads are \
             complete.",
        ),
        (
            &["--sync"],
            "shop: argocd waited for it to be synced, which took 1 m 06 s; 2 of 3 workloads are complete.",
        ),
        (
            &["--delete"],
            "shop: argocd waited for it to be deleted, which took 1 m 06 s; 2 of 3 workloads are \
             complete.",
        ),
    ] {
        let summary = Summary {
            wait: waiting_for(extra),
            ..partly.clone()
        };
        assert_eq!(sentence(&summary), wanted);
    }
    let summary = Summary {
        workloads: Vec::new(),
        wait: waiting_for(&["--resource", ":ConfigMap:settings"]),
        ..good()
    };
    assert_eq!(
        sentence(&summary),
        "shop: argocd waited for ConfigMap/settings to be synced and without an operation, which took \
         1 m 06 s."
    );
}

#[test]
fn a_paused_workload_is_never_called_rolled_out() {
    const STATE: &str = "Rollout/web is paused at step 2/4 (weight 25) for 8 s, 1 of 4 pods new.";
    let words = STATE
        .trim_start_matches("Rollout/web is ")
        .trim_end_matches('.');
    let mut paused = good();
    paused.workloads[1] = Row {
        state: "paused".to_owned(),
        waiting_for: Some(words.to_owned()),
        ..row("Rollout", "web", 3, 4)
    };
    let suspended = Summary {
        wait: waiting_for(&["--suspended"]),
        ..paused.clone()
    };
    for summary in [paused, suspended] {
        let said = sentence(&summary);
        assert!(said.ends_with(STATE), "{said}");
        assert!(!said.to_lowercase().contains("rolled out"), "{said}");
    }
}

#[test]
fn a_rollout_of_a_selection_names_it() {
    let mut summary = good();
    summary.workloads.truncate(1);
    summary.wait = waiting_for(&["--resource", "batch:Job:migrate"]);
    assert_eq!(
        sentence(&summary),
        "Rolled out shop in 1 m 06 s: 1 workload, 5 pods, 0 restarts. argocd waited for Job/migrate only."
    );
}

fn no_token() -> Summary {
    let mut summary = good();
    summary.workloads[1] = row("Deployment", "web", 1, 3);
    Summary {
        argocd_exit: Some(20),
        argocd: Some("Argo CD does not accept the token: no session information".to_owned()),
        argocd_next: Some("set ARGOCD_AUTH_TOKEN, or run argocd login".to_owned()),
        exit: 20,
        ..summary
    }
}

#[test]
fn the_advice_on_a_failure_of_argocd_is_shown() {
    let summary = Summary {
        outcome: Outcome::Failed,
        ..no_token()
    };
    let text = text(&summary, &settings(&[]));
    assert!(
        text.contains("\n  Next: set ARGOCD_AUTH_TOKEN, or run argocd login\n"),
        "{text}"
    );
    let last = "shop: Argo CD does not accept the token: no session information; \
                1 of 3 workloads are not complete\n";
    assert!(text.ends_with(last), "{text}");
    let Body::Verdict(verdict) = record(&summary, time(1)).body else {
        panic!("a verdict");
    };
    assert_eq!(verdict.next, summary.argocd_next);
}

#[test]
fn an_argocd_that_could_not_ask_is_the_end_unless_something_cannot_recover() {
    let mut waiting = finding(
        Code::WaitingForResource,
        object("Ingress", "web"),
        &[],
        "still Progressing: no address yet",
    );
    waiting.severity = Severity::Suspicious;
    let summary = Summary {
        outcome: Outcome::Failed,
        findings: vec![waiting],
        ..no_token()
    };
    let last = sentence(&summary);
    assert!(last.starts_with("shop: "), "{last}");
    assert!(
        last.ends_with("(and Ingress/web waiting-for-resource)"),
        "{last}"
    );
    let summary = Summary {
        outcome: Outcome::Failed,
        findings: crash_loop().findings,
        ..no_token()
    };
    assert!(
        sentence(&summary).starts_with("StatefulSet/db"),
        "{}",
        sentence(&summary)
    );
}

#[test]
fn more_time_is_no_advice_where_a_cause_is_known() {
    let advice = Some("give it longer: -- --timeout SECONDS".to_owned());
    for (summary, shown) in [(crash_loop(), false), (nothing(), true)] {
        let summary = Summary {
            argocd_next: advice.clone(),
            ..summary
        };
        let text = text(&summary, &settings(&[]));
        assert_eq!(text.contains("give it longer"), shown, "{text}");
    }
}

#[test]
fn the_record_has_the_facts_of_the_block() {
    let record = record(&crash_loop(), time(300));
    assert_eq!(record.level, Level::Error);
    assert!(text(&crash_loop(), &settings(&[])).ends_with(&format!("{}\n", record.msg)));
    let Body::Verdict(verdict) = record.body else {
        panic!("a verdict");
    };
    assert_eq!(
        (verdict.outcome.as_str(), verdict.reason.as_str()),
        ("timeout", "timeout")
    );
    assert_eq!(
        (verdict.argocd_exit, verdict.exit, verdict.seconds),
        (Some(20), 20, 300)
    );
    assert_eq!(verdict.findings[0].code, "crash-loop");
    let restarts: Vec<_> = verdict.workloads.iter().map(|row| row.restarts).collect();
    assert_eq!(restarts, [0, 6, 0]);
}

#[test]
fn a_good_rollout_is_one_line() {
    check(
        &good(),
        r#"
Rolled out shop in 1 m 06 s: 3 workloads, 5 pods, 0 restarts. Slowest: Deployment/web, 58 s (readiness of web-6d4cf56db-9kq2z).
"#,
    );
}

#[test]
fn a_good_rollout_with_something_to_tell_is_three_lines_at_most() {
    let mut summary = good();
    summary.findings = crash_loop().findings;
    summary.operation = vec!["PostSync hook Job/smoke failed.".to_owned()];
    check(
        &summary,
        r#"
Rolled out shop in 1 m 06 s: 3 workloads, 5 pods, 0 restarts. Slowest: Deployment/web, 58 s (readiness of web-6d4cf56db-9kq2z).
Worth a look: StatefulSet/db: db-1: container postgres crashes on start (exit 1, 3 times in 55 s): FATAL:  data directory "/data" has wrong ownership
PostSync hook Job/smoke failed.
"#,
    );
}

#[test]
fn a_crash_loop() {
    check(
        &crash_loop(),
        r#"
──────────────────────────────────────────────────────────────────────────────
TIMED OUT  shop  after 5 m: StatefulSet/db crash-loop  (timeout; argocd exit 20)
  argocd gave up waiting: its --timeout ran out

    Workload           Ready   Restarts   Waiting for
  ✔ Deployment/web     3/3     0          –
  ✘ StatefulSet/db     1/2     6          db-1: container postgres crashes on start (exit 1, 3 time…
  ✔ Job/shop-migrate   done    0          –

StatefulSet/db  crash-loop
  db-1: container postgres crashes on start (exit 1, 3 times in 55 s): FATAL: data directory "/data"
  has wrong ownership.
  exit code 1, 2 s after its start; 6 restarts since 10:01:46
    10:06:12  FATAL:  data directory "/data" has wrong ownership
    10:06:12  HINT:  The server must be started by the user that owns the data directory.
  Next: kubectl -n shop-prod logs db-1 -c postgres --previous

StatefulSet/db: db-1: container postgres crashes on start (exit 1, 3 times in 55 s): FATAL:  data directory "/data" has wrong ownership
"#,
    );
}

#[test]
fn two_deployments_with_one_cause_share_a_paragraph() {
    check(
        &image_typo(),
        r#"
──────────────────────────────────────────────────────────────────────────────
FAILED  shop  after 1 m 31 s: Deployment/web, Deployment/worker image-pull  (doomed for 1 m)

    Workload            Ready   Restarts   Waiting for
  ✘ Deployment/web      0/3     0          image registry.example.com/shop/web:v1.42 does not exist…
  ✘ Deployment/worker   0/2     0          image registry.example.com/shop/web:v1.42 does not exist…

Deployment/web, Deployment/worker  image-pull
  image registry.example.com/shop/web:v1.42 does not exist (5 pods).
  In Deployment/web (3 pods), Deployment/worker (2 pods)
  the registry answers: manifest unknown
  Next: kubectl -n shop-prod describe pod web-a

Deployment/web, Deployment/worker: image registry.example.com/shop/web:v1.42 does not exist (5 pods)
"#,
    );
}

#[test]
fn a_failed_hook() {
    check(
        &hook_failed(),
        r#"
──────────────────────────────────────────────────────────────────────────────
FAILED  shop  after 17 s: Job/shop-migrate hook-failed  (degraded)
  The sync failed before anything was deployed.

Job/shop-migrate  hook-failed
  PreSync hook Job/shop-migrate failed: exit 3: ERROR: relation "orders" already exists.
  Next: kubectl -n shop-prod logs job/shop-migrate

PreSync hook Job/shop-migrate failed: exit 3: ERROR: relation "orders" already exists
"#,
    );
}

#[test]
fn a_timeout_with_nothing_found() {
    check(
        &nothing(),
        r#"
──────────────────────────────────────────────────────────────────────────────
TIMED OUT  shop  after 5 m  (timeout)

    Workload         Ready   Restarts   Waiting for
  · Deployment/web   2/3     0          2 of 3 ready

No cause found. The last warnings:
    10:00:20  Pod/web-1 FailedToUpdateEndpoint: the object has been modified
    10:00:40  Pod/web-1 Unhealthy: Readiness probe failed: HTTP 503 (×9)
  Next: kubectl -n shop-prod describe deployment.apps/web

Deployment/web: 2 of 3 ready after 5 m, and no cause found
"#,
    );
}

#[test]
fn an_interruption() {
    check(
        &interrupted(),
        r#"
──────────────────────────────────────────────────────────────────────────────
INTERRUPTED  shop  after 12 s  (SIGINT)

    Workload         Ready   Restarts   Waiting for
  · Deployment/web   1/3     0          2 of 3 updated
  · StatefulSet/db   0/1     0          0 of 1 ready

Deployment/web: 2 of 3 updated after 12 s, when it was interrupted (and StatefulSet/db)
"#,
    );
}

#[test]
fn success_is_not_said_of_a_workload_that_is_incomplete() {
    let waiting = Row {
        waiting_for: Some("somebody to delete 1 old pod (OnDelete)".to_owned()),
        ..row("StatefulSet", "db", 1, 2)
    };
    let mut summary = good();
    summary.workloads.push(waiting);
    let text = sentence(&summary);
    assert!(
        text.contains("not complete: StatefulSet/db (somebody to delete 1 old pod (OnDelete))"),
        "{text}"
    );
    // A run of a CronJob comes by the clock.
    let last = summary.workloads.len() - 1;
    summary.workloads[last].holds_up = false;
    assert!(sentence(&summary).starts_with("Rolled out"));
}

#[test]
fn a_log_store_is_asked_by_a_query_that_is_ready() {
    let names = argo_logs::LabelNames::new("namespace", "pod", "container");
    let indexed = names_of(&["namespace", "pod", "container"]);
    let query = argo_logs::StoreQuery::new(argo_logs::StoreKind::Loki, names, indexed);
    let summary = Summary {
        log_store: Some(query),
        ..crash_loop()
    };
    let wanted = r#"{namespace="shop-prod", pod="db-1"}"#;
    let text = text(&summary, &settings(&[]));
    assert!(
        text.contains(&format!("\n  Logs (LogQL): {wanted}\n")),
        "{text}"
    );
    let Body::Verdict(verdict) = record(&summary, time(0)).body else {
        panic!();
    };
    assert_eq!(verdict.findings[0].log_query.as_deref(), Some(wanted));
    // A replay says the same.
    let json = serde_json::to_string(&summary).unwrap();
    assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), summary);
}

fn names_of(names: &[&str]) -> std::collections::BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
