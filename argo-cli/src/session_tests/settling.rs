//! The watch after success.

use super::*;

#[test]
fn after_success_a_crash_may_still_come() {
    for (fail_fast, exit) in [(false, 0), (true, 1)] {
        let mut run = Run::new(Config {
            fail_fast,
            allow_restarts: 0,
            ..config()
        });
        run.tell(deployment(1), 1)
            .tell(running(0), 1)
            .tell(Input::Argocd(SUCCESS), 2);
        run.until(3, 4);
        assert!(run.done.is_empty());
        run.tell(crashing(1), 5).until(6, 7);
        assert_eq!(run.result(), (vec!["drain"], exit));
        run.streams_end(7);
        let summary = run.session.summary(None, at(7));
        assert!(!summary.findings.is_empty(), "the verdict has the crash");
        assert_eq!(summary.outcome.name(), "failed");
        assert_eq!(
            summary.operation[0],
            "argocd reports Healthy, but a new container crashed after that"
        );
    }
}

#[test]
fn restarts_that_are_allowed_are_waited_for_after_success() {
    let mut run = Run::new(config());
    run.tell(deployment(1), 1)
        .tell(running(0), 1)
        .tell(Input::Argocd(SUCCESS), 2);
    run.tell(crashing(1), 5).tell(deployment(0), 5).until(6, 20);
    assert!(run.done.is_empty(), "{:?}", run.said);
    let lost = "no longer complete, waiting again: Deployment/web: 0 of 1 ready";
    assert!(run.said.iter().any(|said| said == lost), "{:?}", run.said);
    run.tell(running(1), 21)
        .tell(deployment(1), 21)
        .until(21, 30);
    assert!(run.done.is_empty(), "the time begins anew");
    run.until(31, 32);
    assert_eq!(run.result(), (vec!["drain"], 0));
    assert_eq!(
        run.session.summary(None, at(32)).outcome.name(),
        "succeeded"
    );
}

#[test]
fn a_workload_that_stays_incomplete_after_success_is_a_failure() {
    let mut run = Run::new(config());
    run.tell(deployment(1), 1)
        .tell(running(0), 1)
        .tell(Input::Argocd(SUCCESS), 2)
        .tell(deployment(0), 5)
        .until(5, 64);
    assert!(run.done.is_empty(), "{:?}", run.said);
    run.until(65, 66).streams_end(66);
    let summary = run.session.summary(None, at(66));
    assert_eq!((summary.outcome.name(), summary.exit), ("failed", 0));
    assert!(
        summary.operation[0].ends_with("stayed so: Deployment/web: 0 of 1 ready"),
        "{:?}",
        summary.operation
    );
}

#[test]
fn a_deleted_pod_is_no_crash_after_success() {
    let mut run = Run::new(config());
    run.tell(deployment(1), 1)
        .tell(running(0), 1)
        .tell(Input::Argocd(SUCCESS), 2);
    let ended =
        json!({"name": "app", "state": {"terminated": {"exitCode": 143, "reason": "Error"}}});
    let value = json!({"metadata": {"deletionTimestamp": at(4).to_string()},
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": "Running", "containerStatuses": [ended]}});
    let root = object(GroupKind::new("apps", "Deployment"), "web");
    let pod = object(GroupKind::new("", "Pod"), "web-1");
    let body = TrackedBody::Pod(Arc::new(serde_json::from_value(value).unwrap()));
    run.tell(applied(pod, root, body), 4).until(5, 12);
    assert_eq!(run.result(), (vec!["drain"], 0));
    let summary = run.session.summary(None, at(12));
    assert_eq!(summary.outcome.name(), "succeeded", "{:?}", run.said);
}

#[test]
fn follow_waits_again_for_what_becomes_incomplete() {
    let mut run = Run::new(Config {
        argocd: None,
        ..config()
    });
    run.tell(deployment(1), 1).tell(running(0), 1).until(2, 8);
    assert!(run.said.iter().any(|said| said.starts_with("healthy; ")));
    run.tell(deployment(0), 9).until(9, 200);
    assert!(run.done.is_empty(), "{:?}", run.said);
    run.tell(deployment(1), 201).until(201, 212);
    assert_eq!(run.result(), (vec!["drain"], 0));
}
