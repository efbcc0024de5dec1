use argo_core::GroupKind;

use super::*;
use crate::{ContainerView, FollowerConfig, Instance, OpenParams, PodState, follower::Action};

const NOW: Duration = Duration::ZERO;

fn follower() -> Follower {
    Follower::new(FollowerConfig {
        pod: argo_core::ObjectRef {
            kind: GroupKind::new("", "Pod"),
            namespace: "n".into(),
            name: "p".into(),
            uid: "u".into(),
        },
        container: "c".into(),
        is_new: true,
        tail: None,
        since: None,
        seed: 7,
    })
}

fn run(restart: i32, started: &str, finished: Option<&str>) -> Instance {
    Instance {
        id: format!("containerd://{restart}").into(),
        restart,
        started_at: Some(started.parse().unwrap()),
        finished_at: finished.map(|time| time.parse().unwrap()),
        running: finished.is_none(),
    }
}

fn view(current: Instance, last: Option<Instance>) -> ContainerView {
    ContainerView {
        pod: PodState::Live,
        current: Some(current),
        last,
        over: false,
    }
}

/// What it answers: `open…`, `close`, `ask`, lines as they are, `!` for a notice.
fn told(follower: &mut Follower) -> Vec<String> {
    let opened = |params: OpenParams| match (params.follow, params.previous) {
        (true, _) => "open follow",
        (false, true) => "open previous",
        (false, false) => "open",
    };
    let mut told = Vec::new();
    while let Some(action) = follower.next_action() {
        match action {
            Action::Open(params) | Action::Probe(params) => told.push(opened(params).to_owned()),
            Action::Close => told.push("close".to_owned()),
            Action::AskStatus => told.push("ask".to_owned()),
            Action::Emit(batch) => {
                let lines = batch.lines();
                told.extend(lines.map(|line| String::from_utf8_lossy(line.text).into_owned()));
            }
            Action::Notice(notice) => told.push(format!("! {}", notice.message)),
            Action::Done => told.push("done".to_owned()),
        }
    }
    told
}

fn feed(follower: &mut Follower, text: &'static str) -> Vec<String> {
    follower.opened(None, NOW);
    follower.bytes(bytes::Bytes::from_static(text.as_bytes()));
    told(follower)
}

#[test]
fn a_last_read_that_is_lost_is_tried_again_while_there_is_time() {
    let mut follower = follower();
    let running = view(run(0, "2026-11-24T00:00:00Z", None), None);
    follower.status(running, NOW);
    assert_eq!(told(&mut follower), ["open follow"]);
    assert_eq!(
        feed(&mut follower, "2026-11-24T00:00:01.000000000Z one\n"),
        ["one"]
    );
    follower.finish(NOW);
    assert_eq!(told(&mut follower), ["close", "open"]);
    follower.end(End::Lost("reset".to_owned()), NOW);
    assert_eq!(told(&mut follower), ["open"]);
    let both = "2026-11-24T00:00:01.000000000Z one\n2026-11-24T00:00:02.000000000Z two\n";
    assert_eq!(feed(&mut follower, both), ["two"]);
    follower.end(End::Clean, NOW);
    assert_eq!(told(&mut follower), ["done"]);
}

#[test]
fn a_response_of_the_next_run_is_not_waited_for() {
    let mut follower = follower();
    let first = |finished| run(0, "2026-11-24T00:00:00Z", finished);
    follower.status(view(first(None), None), NOW);
    assert_eq!(told(&mut follower), ["open follow"]);
    // The node was faster than the status: this is the second run already, and it goes on.
    feed(&mut follower, "2026-11-24T00:00:11.000000000Z second\n");
    let second = run(1, "2026-11-24T00:00:11Z", None);
    let ended = first(Some("2026-11-24T00:00:09Z"));
    follower.status(view(second.clone(), Some(ended.clone())), NOW);
    feed(&mut follower, "2026-11-24T00:00:12.000000000Z more\n");
    let later = follower.deadline().unwrap();
    follower.timer(later);
    assert_eq!(told(&mut follower), ["close", "ask"]);
    follower.answer(view(second, Some(ended)), later);
    assert_eq!(told(&mut follower), ["open previous"]);
}
