//! Crashes and evictions while settling: the next one may take as long as the last one.

use super::*;

/// A container that ran for 12 s before it crashed for the `restarts`th time.
fn slow_crash(restarts: i32) -> Input {
    let ended = json!({"terminated": {"exitCode": 2, "reason": "Error", "containerID": "containerd://a",
        "startedAt": at(0).to_string(), "finishedAt": at(12).to_string()}});
    pod(
        &json!({"name": "app", "ready": true, "restartCount": restarts, "containerID": "containerd://b",
        "state": {"running": {"startedAt": at(13).to_string()}}, "lastState": ended}),
    )
}

fn evicted(name: &str) -> Input {
    let value = json!({"spec": {"containers": [{"name": "app"}]},
        "status": {"phase": "Failed", "reason": "Evicted"}});
    let root = object(GroupKind::new("apps", "Deployment"), "web");
    let gone = object(GroupKind::new("", "Pod"), name);
    let body = TrackedBody::Pod(Arc::new(serde_json::from_value(value).unwrap()));
    applied(gone, root, body)
}

#[test]
fn a_crash_after_12_s_is_watched_for_longer_than_10_s() {
    let mut run = Run::new(config());
    run.tell(deployment(1), 1)
        .tell(running(0), 1)
        .tell(Input::Argocd(SUCCESS), 4)
        .tell(slow_crash(1), 13)
        .until(14, 30);
    assert!(run.done.is_empty(), "one and a half times 12 s are 18 s");
    run.until(31, 33);
    assert_eq!(run.result(), (vec!["drain"], 0));
}

#[test]
fn the_third_slow_crash_is_a_failure_and_not_missed() {
    let mut run = Run::new(Config {
        argocd: None,
        ..config()
    });
    run.tell(deployment(1), 1).tell(running(0), 1).until(2, 12);
    for (restarts, second) in [(1, 13), (2, 26), (3, 39)] {
        run.tell(slow_crash(restarts), second)
            .until(second, second + 12);
    }
    let (done, exit) = run.result();
    assert_eq!((done[0], exit), ("drain", 1), "{:?}", run.said);
}

#[test]
fn an_eviction_while_settling_may_come_again() {
    let mut run = Run::new(config());
    run.tell(deployment(1), 1)
        .tell(running(0), 1)
        .tell(Input::Argocd(SUCCESS), 4)
        .tell(evicted("web-0"), 8)
        .until(9, 36);
    assert!(run.done.is_empty(), "a kubelet needs some rounds");
    run.until(37, 40);
    assert_eq!(run.result(), (vec!["drain"], 0));
}

#[test]
fn more_evictions_than_restarts_are_allowed_are_a_failure() {
    let mut run = Run::new(config());
    run.tell(deployment(1), 1)
        .tell(running(0), 1)
        .tell(Input::Argocd(SUCCESS), 4);
    for (name, second) in [("a", 8), ("b", 18), ("c", 28)] {
        run.tell(evicted(name), second).until(second, second + 1);
        let is_over = name == "c";
        assert_eq!(!run.done.is_empty(), is_over, "{name}: {:?}", run.said);
    }
    assert_eq!(run.session.summary(None, at(30)).outcome.name(), "failed");
}
