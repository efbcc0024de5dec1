//! A record of each kind, with and without what may be missing.

use super::*;

pub(in super::super) fn records() -> Vec<Record> {
    [
        logs(),
        events(),
        argocd_and_statuses(),
        findings(),
        notices(),
        verdicts(),
        of_another_application(),
    ]
    .concat()
}

fn at(level: Level, msg: &str, body: Body) -> Record {
    Record::at(time("2026-11-23T10:00:08.113Z"), level, msg, body)
}

fn logs() -> Vec<Record> {
    vec![
        at(
            Level::Info,
            "listening on :8080",
            Body::Log(Log {
                app: "shop".into(),
                namespace: "shop-prod".into(),
                workload: Some("Deployment/web".into()),
                pod: "web-6d4cf56db-x2x7p".into(),
                uid: None,
                container: "app".into(),
                restart: 0,
                partial: false,
                store: None,
            }),
        ),
        at(
            Level::Info,
            "x",
            Body::Log(Log {
                partial: true,
                store: Some("loki".into()),
                ..Log::default()
            }),
        ),
    ]
}

fn events() -> Vec<Record> {
    vec![
        at(
            Level::Warning,
            "Unhealthy: readiness probe failed: HTTP 503",
            Body::Event(record::Event {
                app: None,
                namespace: "shop-prod".into(),
                object: "Pod/web-6d4cf56db-x2x7p".into(),
                container: Some("app".into()),
                reason: "Unhealthy".into(),
                count: 1,
            }),
        ),
        at(
            Level::Info,
            "Created pod: a",
            Body::Event(record::Event {
                object: "Job/migrate".into(),
                ..record::Event::default()
            }),
        ),
    ]
}

fn argocd_and_statuses() -> Vec<Record> {
    vec![
        at(
            Level::Info,
            "Health Status: Healthy",
            Body::Argo(record::Argo {
                stream: "stdout".into(),
                partial: true,
            }),
        ),
        at(
            Level::Info,
            "2/3 ready",
            Body::Status(Status {
                app: None,
                namespace: "shop-prod".into(),
                workload: "Deployment/web".into(),
                ready: Some(2),
                desired: Some(3),
                complete: false,
            }),
        ),
        at(
            Level::Info,
            "still waiting after 50 s",
            Body::Status(Status::default()),
        ),
    ]
}

fn findings() -> Vec<Record> {
    vec![
        at(
            Level::Error,
            "db-1: container postgres crashes on start",
            Body::Finding(crash()),
        ),
        at(
            Level::Info,
            "StatefulSet/db: resolved after 2 m 10 s: db-1: container postgres crashes on start",
            Body::Finding(Finding {
                doomed: false,
                resolved: true,
                evidence: Vec::new(),
                lines: Vec::new(),
                ..crash()
            }),
        ),
        at(
            Level::Error,
            "no cause",
            Body::Finding(Finding {
                next: None,
                ..Finding::default()
            }),
        ),
    ]
}

fn notices() -> Vec<Record> {
    vec![
        at(
            Level::Warning,
            "lines may be missing",
            Body::Notice(NoticeBody {
                app: None,
                code: NoticeCode::LinesMissing,
                object: Some("web-1/app".into()),
                hint: None,
            }),
        ),
        at(
            Level::Warning,
            "nothing of application shop found\nin shop-prod",
            Body::Notice(NoticeBody {
                app: None,
                code: NoticeCode::NothingFound,
                object: None,
                hint: Some("try -n shop-live".into()),
            }),
        ),
    ]
}

fn verdicts() -> Vec<Record> {
    vec![
        at(
            Level::Error,
            "StatefulSet/db: db-1 crashes",
            Body::Verdict(Verdict {
                app: "shop".into(),
                outcome: "failed".into(),
                reason: "timeout".into(),
                argocd_exit: Some(20),
                exit: 20,
                seconds: 300,
                next: Some("set ARGOCD_AUTH_TOKEN".into()),
                findings: vec![Finding {
                    log_query: Some(r#"{namespace="shop-prod", pod="db-1"}"#.into()),
                    ..crash()
                }],
                workloads: vec![stuck(), record::WorkloadSummary::default()],
                apps: vec![record::AppVerdict {
                    app: "shop".into(),
                    outcome: "failed".into(),
                    exit: 20,
                }],
            }),
        ),
        at(
            Level::Info,
            "Rolled out",
            Body::Verdict(Verdict {
                outcome: "succeeded".into(),
                ..Verdict::default()
            }),
        ),
    ]
}

fn of_another_application() -> Vec<Record> {
    vec![
        at(
            Level::Info,
            "Created pod: b",
            Body::Event(record::Event {
                object: "Job/migrate".into(),
                ..record::Event::default()
            }),
        )
        .of_app("pay"),
        at(Level::Info, "waits", Body::Status(Status::default())).of_app("pay"),
        at(Level::Error, "found", Body::Finding(Finding::default())).of_app("pay"),
        at(
            Level::Info,
            "complete",
            Body::Notice(NoticeBody {
                app: None,
                code: NoticeCode::Other,
                object: None,
                hint: None,
            }),
        )
        .of_app("pay"),
    ]
}

fn crash() -> Finding {
    Finding {
        app: None,
        code: "crash-loop".into(),
        namespace: "shop-prod".into(),
        workload: "StatefulSet/db".into(),
        pods: vec!["db-1".into()],
        doomed: true,
        resolved: false,
        evidence: vec!["exit code 1".into()],
        lines: vec![LastLine {
            time: time("2026-11-23T10:00:07Z"),
            text: "FATAL: wrong ownership".into(),
        }],
        next: Some("kubectl logs db-1 --previous".into()),
        log_query: None,
    }
}

fn stuck() -> record::WorkloadSummary {
    record::WorkloadSummary {
        namespace: "shop-prod".into(),
        workload: "StatefulSet/db".into(),
        ready: Some(1),
        desired: Some(2),
        complete: false,
        restarts: 6,
        seconds: Some(3),
        waiting_for: Some("1 of 2 ready".into()),
    }
}
