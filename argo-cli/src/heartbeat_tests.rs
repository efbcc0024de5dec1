use argo_core::{GroupKind, ObjectRef};
use argo_workloads::diagnosis::{Code, NewPods, Severity};
use jiff::Timestamp;

use super::*;

fn row(name: &str, ready: i64, desired: i64, waiting_for: &str) -> Row {
    Row {
        object: ObjectRef {
            kind: GroupKind::new("apps", "Deployment"),
            namespace: "n".into(),
            name: name.into(),
            uid: name.into(),
        },
        runs_once: false,
        state: "progressing".to_owned(),
        ready: Some(ready),
        desired: Some(desired),
        pods: None,
        restarts: 0,
        seconds: None,
        waiting_for: Some(waiting_for.to_owned()),
        held_up_by: None,
        complete: ready == desired,
        holds_up: true,
        failed: None,
    }
}

fn finding(workload: &ObjectRef, sentence: &str) -> Finding {
    Finding {
        code: Code::ProbeFailing,
        severity: Severity::Suspicious,
        since: Timestamp::UNIX_EPOCH,
        workload: workload.clone(),
        pods: Vec::new(),
        containers: Vec::new(),
        new_pods: NewPods {
            count: 3,
            any_dooms: false,
        },
        sentence: sentence.to_owned(),
        cause: "readiness probe failing".to_owned(),
        evidence: Vec::new(),
        last_lines: Vec::new(),
        next: None,
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn on_change_but_not_more_often_than_every_twenty_seconds() {
    let mut heartbeat = Heartbeat::new();
    let (before, after) = (
        [row("web", 1, 3, "1 of 3 ready")],
        [row("web", 2, 3, "2 of 3 ready")],
    );
    let mut said = Vec::new();
    for second in 0..=80 {
        let rows = if second < 45 { &before } else { &after };
        if let Some(line) = heartbeat.beat(at(second), rows, &[], &[]) {
            said.push((second, line));
        }
    }
    let said: Vec<_> = said.iter().map(|(at, line)| (*at, line.as_str())).collect();
    assert_eq!(
        said,
        [
            (20, "still waiting after 20 s: Deployment/web 1/3 ready"),
            (45, "still waiting after 45 s: Deployment/web 2/3 ready"),
            (75, "still waiting after 1 m 15 s: Deployment/web 2/3 ready"),
        ]
    );
}

#[test]
fn a_cause_stands_behind_the_counts_and_its_durations_are_no_change() {
    let mut heartbeat = Heartbeat::new();
    let rows = [row("web", 2, 3, "2 of 3 ready"), row("db", 1, 1, "")];
    let mut beat = |second: u64, failing: u64| {
        let sentence = format!("web-1: readiness of app fails for {failing} s\u{1b}[2J");
        heartbeat.beat(
            at(second),
            &rows,
            &[finding(&rows[0].object, &sentence)],
            &[],
        )
    };
    let expected = "still waiting after 20 s: Deployment/web 2/3 ready — web-1: readiness of app \
                    fails for 5 s";
    assert_eq!(beat(20, 5).as_deref(), Some(expected));
    assert_eq!(beat(35, 20), None);
    assert!(beat(50, 35).is_some());
}

#[test]
fn a_missing_that_is_no_count_is_told_and_many_workloads_are_counted() {
    let rows = ["a", "b", "c", "d", "e"].map(|name| row(name, 0, 1, "1 of 2 updated"));
    let line = Heartbeat::new().beat(at(60), &rows, &[], &[]).unwrap();
    assert_eq!(
        line,
        "still waiting after 1 m: Deployment/a 0/1 ready — 1 of 2 updated; \
         Deployment/b 0/1 ready — 1 of 2 updated; Deployment/c 0/1 ready — 1 of 2 updated; \
         and 2 more"
    );
}

#[test]
fn nothing_is_said_when_nothing_is_missing() {
    let mut heartbeat = Heartbeat::new();
    let complete = [row("web", 3, 3, "")];
    assert_eq!(heartbeat.beat(at(500), &complete, &[], &[]), None);
    assert_eq!(heartbeat.beat(at(500), &[], &[], &[]), None);
}

#[test]
fn what_is_no_workload_is_named_too() {
    let ingress = Other {
        what: "Ingress/web Progressing".to_owned(),
        why: "no address yet".to_owned(),
        age: Some(at(120)),
    };
    let complete = [row("web", 3, 3, "")];
    let line = Heartbeat::new().beat(at(130), &complete, &[], &[ingress]);
    assert_eq!(
        line.as_deref(),
        Some("still waiting after 2 m 10 s: Ingress/web Progressing — no address yet (2 m)")
    );
}

/// Half an hour in which nothing moves.
#[test]
fn the_pauses_grow_while_nothing_changes() {
    let mut heartbeat = Heartbeat::new();
    let rows = [row("web", 1, 3, "1 of 3 ready")];
    let said: Vec<u64> = (0..=1800)
        .filter(|second| heartbeat.beat(at(*second), &rows, &[], &[]).is_some())
        .collect();
    assert_eq!(said, [20, 50, 110, 230, 530, 830, 1130, 1430, 1730]);
}

#[test]
fn a_job_counts_successes() {
    let mut heartbeat = Heartbeat::new();
    let job = Row {
        runs_once: true,
        ..row("migrate", 0, 1, "0 of 1 succeeded")
    };
    assert_eq!(
        heartbeat.beat(at(20), &[job], &[], &[]).as_deref(),
        Some("still waiting after 20 s: Deployment/migrate 0/1 succeeded")
    );
}
