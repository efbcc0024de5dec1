//! Snapshots of one success and four failures in each form of the output and in each file.

use std::{fmt::Write as _, time::Duration};

use argo_core::{
    AppRef, GroupKind, Level, ObjectRef, Record,
    record::{self, Body},
};
use argo_workloads::diagnosis::{Code, Finding, NewPods, Severity};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    recording::{ContainerFact, Fact, Header, PodFact, RunFact},
    render::Renderer,
    report::{self, Story},
    screen::{LogBudget, Screen},
    settings::Settings,
    summary::{Outcome, Row, Summary},
    terminal::{Cause, Counts, Size, Table},
    view::{Choice, View},
};

fn time(second: i64) -> Timestamp {
    let start: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
    start + Duration::from_secs(second.unsigned_abs())
}

fn object(group: &str, kind: &str, name: &str) -> ObjectRef {
    ObjectRef {
        kind: GroupKind::new(group, kind),
        namespace: "shop-prod".into(),
        name: name.into(),
        uid: name.into(),
    }
}

fn row(name: &str, ready: i64, desired: i64) -> Row {
    let complete = ready == desired;
    Row {
        object: object("apps", "Deployment", name),
        runs_once: false,
        state: if complete { "complete" } else { "progressing" }.to_owned(),
        ready: Some(ready),
        desired: Some(desired),
        pods: None,
        restarts: if complete { 0 } else { 3 },
        seconds: complete.then_some(8),
        waiting_for: (!complete).then(|| "1 new pod is not ready".to_owned()),
        held_up_by: None,
        complete,
        holds_up: true,
        failed: None,
    }
}

fn finding(code: Code, workload: ObjectRef, sentence: &str, next: &str) -> Finding {
    Finding {
        code,
        severity: Severity::Doomed,
        since: time(20),
        workload,
        pods: vec!["api-7c9d8-x2x7p".to_owned()],
        containers: vec!["app".to_owned()],
        new_pods: NewPods {
            count: 1,
            any_dooms: false,
        },
        sentence: sentence.to_owned(),
        cause: sentence.to_owned(),
        evidence: vec!["image registry.example.com/shop/api:1.42".to_owned()],
        last_lines: Vec::new(),
        next: Some(next.to_owned()),
    }
}

fn ended(outcome: Outcome, reason: &str, exit: i32) -> Summary {
    Summary {
        app: "shop".to_owned(),
        outcome,
        reason: reason.to_owned(),
        elapsed: Duration::from_secs(83),
        workloads: vec![row("web", 3, 3), row("api", 0, 1)],
        pods: 4,
        argocd_exit: (exit < 70).then_some(exit),
        exit,
        ..Summary::default()
    }
}

fn ends() -> [(&'static str, Summary); 5] {
    let api = || object("apps", "Deployment", "api");
    let mut success = ended(Outcome::Succeeded, "argocd", 0);
    success.workloads = vec![row("web", 3, 3), row("api", 1, 1)];
    let mut crash = ended(Outcome::Failed, "degraded", 20);
    let mut cause = finding(
        Code::CrashLoop,
        api(),
        "container app crashes right after its start (exit 1, 3 times in 40 s): ERROR: cannot connect to db:5432",
        "kubectl -n shop-prod logs api-7c9d8-x2x7p -c app --previous",
    );
    cause.last_lines = vec![
        (time(70), "connecting to db:5432".to_owned()),
        (
            time(71),
            "ERROR: cannot connect to db:5432 </script> ::error::x".to_owned(),
        ),
    ];
    crash.findings = vec![cause];
    let mut image = ended(Outcome::Failed, "fail-fast", 1);
    image.argocd_exit = None;
    image.doomed_for = Some(Duration::from_secs(60));
    image.findings = vec![finding(
        Code::ImagePull,
        api(),
        "image registry.example.com/shop/api:1.42 does not exist",
        "kubectl -n shop-prod describe pod api-7c9d8-x2x7p",
    )];
    let mut ingress = ended(Outcome::Failed, "argocd", 20);
    ingress.workloads = success.workloads.clone();
    let mut cause = finding(
        Code::WaitingForResource,
        object("networking.k8s.io", "Ingress", "front"),
        "is still Progressing: no address yet",
        "kubectl -n shop-prod describe ingress front",
    );
    (cause.pods, cause.containers) = (Vec::new(), Vec::new());
    cause.evidence = vec!["argocd gave up after 1 m 23 s".to_owned()];
    ingress.findings = vec![cause];
    let mut superseded = ended(Outcome::Failed, "superseded", 71);
    superseded.operation = vec!["superseded by abc1234 (synced by alice)".to_owned()];
    [
        ("success", success),
        ("crash", crash),
        ("image", image),
        ("ingress", ingress),
        ("superseded", superseded),
    ]
}

fn shown(view: View, summary: &Summary) -> String {
    shown_on(view, summary, None)
}

/// Returns the end as a terminal with so many columns shows it.
fn shown_on(view: View, summary: &Summary, columns: Option<u16>) -> String {
    let choice = Choice {
        view,
        shows_colors: false,
    };
    let mut settings = Settings::read(&|_| None, choice).0;
    settings.zone = TimeZone::UTC;
    settings.fit(columns);
    let renderer = Renderer::new(settings, false, time(0), "shop".to_owned());
    let mut screen = Screen::new(renderer, false, LogBudget::new(Some(0), view));
    let mut out = Vec::new();
    screen.verdict(summary, time(83), &mut out);
    let text = String::from_utf8(out).unwrap();
    text.replace('\x1b', "<ESC>").replace('\r', "<CR>")
}

fn table(summary: &Summary, columns: usize, rows: usize) -> String {
    let causes: Vec<_> = summary.findings.iter().map(Cause::from).collect();
    let table = Table {
        app: &summary.app,
        elapsed: Duration::from_secs(60),
        rows: &summary.workloads,
        causes: &causes,
        argocd: Some("Progressing".to_owned()),
        counts: Counts {
            lines: 12_345,
            warnings: 2,
        },
        colors: false,
        reads_keys: true,
    };
    let lines = table.lines(Size { columns, rows });
    assert!(lines.len() <= (rows / 3).max(3), "{lines:?}");
    lines.join("\n") + "\n"
}

fn forms(summary: &Summary) -> String {
    let header = Header::new(&AppRef::new("shop", "argocd"), time(0));
    let mut story = Story::of(header.of(summary.app.clone()));
    story.header.program = "argo-assistant".to_owned();
    story.fact(Fact::Pod(pod(summary)), time(20));
    story.record(seen(summary));
    story.fact(
        Fact::Summary {
            summary: Box::new(summary.clone()),
        },
        time(83),
    );
    story.ended = time(83);
    let mut all = String::new();
    let views = [
        View::Text,
        View::Github,
        View::Gitlab,
        View::Azure,
        View::Buildkite,
        View::Teamcity,
        View::Json,
    ];
    for view in views {
        let _ = write!(all, "━━ {view:?}\n{}", shown(view, summary));
    }
    for (columns, rows) in [(80, 24), (200, 50), (40, 12)] {
        let end = shown_on(View::Terminal, summary, u16::try_from(columns).ok());
        let table = table(summary, columns, rows);
        let _ = write!(all, "━━ terminal {columns}×{rows}\n{table}\n{end}");
    }
    let _ = write!(
        all,
        "━━ JUnit\n{}\n━━ Markdown\n{}",
        report::junit(&story),
        report::markdown(&story)
    );
    let trace: serde_json::Value = serde_json::from_str(&report::trace(&story)).unwrap();
    let _ = writeln!(all, "━━ trace");
    for event in trace["traceEvents"].as_array().unwrap() {
        let _ = writeln!(all, "{event}");
    }
    let _ = write!(all, "━━ page\n{}", text_of(&report::html(&story)));
    all
}

/// A pod of the workload that fails, if one does: it ran twice.
fn pod(summary: &Summary) -> PodFact {
    let is_well = summary.outcome == Outcome::Succeeded;
    let run = |restart, started, finished: Option<i64>| RunFact {
        restart,
        started: Some(time(started)),
        finished: finished.map(time),
        exit: finished.map(|_| 1),
        reason: finished.map(|_| "Error".to_owned()),
    };
    PodFact {
        uid: "pod".to_owned(),
        namespace: "shop-prod".to_owned(),
        name: "api-7c9d8-x2x7p".to_owned(),
        workload: "Deployment/api".to_owned(),
        new: true,
        created: Some(time(1)),
        phase: "Running".to_owned(),
        conditions: vec![("PodScheduled".to_owned(), Some(time(1)))],
        containers: vec![ContainerFact {
            name: "app".to_owned(),
            image: "registry.example.com/shop/api:1.42".to_owned(),
            restarts: i32::from(!is_well),
            ready: is_well,
            runs: match is_well {
                true => vec![run(0, 3, None)],
                false => vec![run(0, 3, Some(9)), run(1, 19, Some(25))],
            },
            ..ContainerFact::default()
        }],
        ..PodFact::default()
    }
}

fn seen(summary: &Summary) -> Record {
    let (level, reason, text) = match summary.outcome {
        Outcome::Succeeded => (Level::Info, "Started", "Started container app"),
        _ => (
            Level::Warning,
            "BackOff",
            "Back-off restarting failed container app",
        ),
    };
    let body = Body::Event(record::Event {
        namespace: "shop-prod".to_owned(),
        object: "Pod/api-7c9d8-x2x7p".to_owned(),
        reason: reason.to_owned(),
        count: 1,
        ..record::Event::default()
    });
    Record::at(time(10), level, text.to_owned(), body)
}

/// Returns what a page says: its text without tags, and the facts that its script shows.
fn text_of(page: &str) -> String {
    let (mut text, mut facts) = (String::new(), String::new());
    let mut rest = &page[page.find("<body").unwrap()..];
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        let end = at + rest[at..].find('>').unwrap();
        let tag = &rest[at..=end];
        rest = &rest[end + 1..];
        if tag.starts_with("<script") {
            let (script, after) = rest.split_once("</script>").unwrap();
            if tag.contains("id=\"data\"") {
                let data: serde_json::Value = serde_json::from_str(script).unwrap();
                for (name, fact) in data.as_object().unwrap() {
                    let _ = writeln!(facts, "{name}: {fact}");
                }
            }
            rest = after;
        }
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    format!("{}\n{facts}", lines.join("\n"))
}

/// A run about three applications, one of which does not exist.
fn several() -> Summary {
    let [(_, mut shop), (_, mut pay), ..] = ends();
    for (app, name) in [(&mut shop, "shop"), (&mut pay, "pay")] {
        app.app = name.to_owned();
        let namespace = format!("{name}-prod");
        let rows = app.workloads.iter_mut().map(|row| &mut row.object);
        let findings = app.findings.iter_mut();
        for object in rows.chain(findings.map(|finding| &mut finding.workload)) {
            object.namespace = namespace.as_str().into();
        }
    }
    let mut search = ended(Outcome::Failed, "nothing-found", 72);
    search.app = "search".to_owned();
    search.workloads.clear();
    search.operation = vec!["Argo CD has no such application in argocd".to_owned()];
    crate::summary::together(vec![shop, pay, search], Some(20))
}

#[test]
fn each_end_in_each_form() {
    insta::assert_snapshot!("several", forms(&several()));
    for (name, summary) in ends() {
        insta::assert_snapshot!(name, forms(&summary));
    }
}
