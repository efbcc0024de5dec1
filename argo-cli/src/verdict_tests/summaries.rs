//! The ends of a run that the tests show.

use std::time::Duration;

use argo_core::GroupKind;
use argo_workloads::diagnosis::{Code, NewPods, Severity};

use super::*;
use crate::{argocd::Wait, summary::EventNote};

pub(super) fn object(kind: &str, name: &str) -> ObjectRef {
    let group = if kind == "Job" { "batch" } else { "apps" };
    ObjectRef {
        kind: GroupKind::new(group, kind),
        namespace: "shop-prod".into(),
        name: name.into(),
        uid: name.into(),
    }
}

pub(super) fn time(second: i64) -> Timestamp {
    let start: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
    start + Duration::from_secs(second.unsigned_abs())
}

pub(super) fn row(kind: &str, name: &str, ready: i64, desired: i64) -> Row {
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

pub(super) fn finding(code: Code, workload: ObjectRef, pods: &[&str], sentence: &str) -> Finding {
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

pub(super) fn good() -> Summary {
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

pub(super) fn crash_loop() -> Summary {
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

pub(super) fn image_typo() -> Summary {
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

pub(super) fn hook_failed() -> Summary {
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

pub(super) fn nothing() -> Summary {
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

pub(super) fn interrupted() -> Summary {
    let mut waiting = row("Deployment", "web", 1, 3);
    waiting.waiting_for = Some("2 of 3 updated".to_owned());
    Summary {
        workloads: vec![waiting, row("StatefulSet", "db", 0, 1)],
        exit: 130,
        ..summary(Outcome::Interrupted, "SIGINT", 12)
    }
}

pub(super) fn no_token() -> Summary {
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

pub(super) fn waiting_for(extra: &[&str]) -> Option<Wait> {
    let extra: Vec<_> = extra.iter().map(std::ffi::OsString::from).collect();
    Some(Wait::of(&extra))
}
