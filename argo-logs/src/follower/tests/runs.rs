//! Runs one after another.

use super::*;

/// Recording 03: beside a run that ended, the one before is removed already.
#[test]
fn a_run_that_was_removed_is_told_once() {
    let bodies: Vec<Value> = include_str!("../../../testdata/crash-loop.responses.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let body = |n: usize| bodies[n]["body_text"].as_str().unwrap();
    let mut story = Story::new(true);
    let mut second = run("B", 1, false);
    second.finished_at = "2026-11-24T00:01:40Z".parse().ok();
    let first = view(Some(second), Some(run("A", 0, false)));
    assert_eq!(story.status(first.clone()), ["open previous"]);
    assert_eq!(story.bytes(body(1)), [""; 0]);
    assert_eq!(story.end(End::Clean), ["! InstancesLost", "open"]);
    assert_eq!(story.bytes(body(0)), ["one", "two", "three"]);
    assert_eq!(story.end(End::Clean), ["ask"]);
    assert_eq!(story.answer(first), ["open since 2026-11-24T00:01:39Z"]);
    assert_eq!(story.bytes(body(0)), [""; 0]);
    assert_eq!(story.end(End::Clean), [""; 0]);
    assert!(story.follower.is_idle());
    assert_eq!(story.status(view(None, Some(run("B", 1, false)))), [""; 0]);
}

/// Restart `restart` of the container: runs, or has ended.
fn nth(restart: i32, running: bool) -> Run {
    run(
        ["A", "B", "C"][usize::try_from(restart).unwrap()],
        restart,
        running,
    )
}

#[test]
fn what_the_next_run_wrote_early_is_no_hole() {
    let mut story = reading();
    story.lost();
    // The pod still tells of the first run.
    assert_eq!(
        story.answer(running()),
        ["open follow since 2026-11-24T00:01:06Z"]
    );
    assert_eq!(
        story.bytes("2026-11-24T00:01:21.000000000Z next\n"),
        ["next"]
    );
    assert_eq!(story.wait(), [""; 0]);
    let both = view(Some(nth(1, true)), Some(nth(0, false)));
    assert_eq!(story.status(both.clone()), [""; 0]);
    assert_eq!(story.wait(), ["close", "ask"]);
    let again = "open previous since 2026-11-24T00:01:06Z";
    assert_eq!(story.answer(both.clone()), [again]);
    for _ in 0..2 {
        assert_eq!(story.bytes(ONE), [""; 0]);
        if story.end(End::Clean) == ["ask"] {
            story.answer(both.clone());
        }
    }
    assert_eq!(
        story.bytes("2026-11-24T00:01:21.000000000Z next\n"),
        [""; 0]
    );
    story.wait();
    assert!(story.notices.is_empty(), "{:?}", story.notices);
}

#[test]
fn a_run_read_late_is_not_cut_by_what_a_later_one_wrote() {
    let mut story = reading();
    story.lost();
    story.answer(running());
    // This is the third run already.
    story.bytes("2026-11-24T00:01:45.000000000Z three\n");
    let late = view(Some(nth(2, true)), Some(nth(1, false)));
    story.status(late.clone());
    assert_eq!(story.wait_long(), ["close", "ask"]);
    assert_eq!(
        story.answer(late.clone()),
        ["! LinesMissing", "open previous"]
    );
    let two = "2026-11-24T00:01:25.000000000Z two\n";
    assert_eq!(story.bytes(two), ["two"]);
    story.lost();
    let since = "open previous since 2026-11-24T00:01:24Z";
    assert_eq!(story.answer(late), [since]);
    // As often as it was written.
    assert_eq!(story.bytes(&two.repeat(3)), ["two", "two"]);
}

#[test]
fn of_a_new_pod_that_crashed_before_the_run_before_is_read_first() {
    let mut story = Story::new(true);
    let crashed = view(Some(run("D", 3, true)), Some(run("C", 2, false)));
    assert_eq!(story.status(crashed), ["! InstancesLost", "open previous"]);
    assert!(
        story.notices[0]
            .message
            .contains("(the first to after restart 1)"),
        "{:?}",
        story.notices
    );
    story.bytes("2026-11-24T00:01:41Z c\n");
    story.end(End::Clean);
    let crashed = view(Some(run("D", 3, true)), Some(run("C", 2, false)));
    assert_eq!(
        story.answer(crashed),
        ["open previous since 2026-11-24T00:01:40Z"]
    );
    story.bytes("2026-11-24T00:01:41Z c\n");
    assert_eq!(story.end(End::Clean), ["open follow"]);
}

/// Recording 08: a pod that is Pending, with a container that has ended.
#[test]
fn a_run_that_was_never_seen_running_is_read() {
    let mut story = Story::new(true);
    assert_eq!(story.status(ended()), ["open"]);
    assert_eq!(story.bytes(ONE), ["one"]);
    assert_eq!(story.end(End::Clean), ["ask"]);
    assert_eq!(
        story.answer(finished()),
        ["open since 2026-11-24T00:01:06Z"]
    );
    assert_eq!(story.bytes(ONE), [""; 0]);
    assert_eq!(story.end(End::Clean), ["done"]);
}

#[test]
fn a_response_of_the_next_run_is_not_waited_for() {
    let mut story = Story::new(true);
    assert_eq!(story.status(running()), ["open follow"]);
    // The node was faster than the status: this is the second run already, and it goes on.
    story.bytes("2026-11-24T00:01:21.000000000Z second\n");
    let both = view(Some(nth(1, true)), Some(nth(0, false)));
    story.status(both.clone());
    story.bytes("2026-11-24T00:01:22.000000000Z more\n");
    assert_eq!(story.wait(), ["close", "ask"]);
    assert_eq!(story.answer(both), ["open previous"]);
}

/// Kubernetes 1.37, RestartAllContainers: the container is removed while it is followed, and
/// the pod forgets its id.
#[test]
fn a_run_removed_at_the_end_of_its_follow_was_read_whole() {
    let removed = "rpc error: code = NotFound desc = an error occurred when try to find \
                   container \"A\": not found";
    for lines in [ONE, ""] {
        let mut story = Story::new(true);
        assert_eq!(story.status(running()), ["open follow"]);
        story.bytes(lines);
        story.bytes(removed);
        assert_eq!(story.end(End::Clean), [""; 0]);
        assert_eq!(story.wait(), ["ask"]);
        assert_eq!(story.answer(view(None, None)), [""; 0]);
        let next = view(Some(nth(1, true)), None);
        let told = story.status(next);
        assert_eq!(told.last().map(String::as_str), Some("open follow"));
        let shown = story.notices.iter().filter(|n| n.level != Level::Debug);
        assert_eq!(shown.count(), 0, "{:?}", story.notices);
    }
}

/// Three runs that follow each other within two seconds: the kubelet was two runs ahead of
/// the pod, and answered for the first run with the third.
fn two_runs_ahead() -> (Story, ContainerView) {
    let at = |restart: i32, started: i64, running: bool| Run {
        started_at: Timestamp::from_second(1_795_478_460 + started).ok(),
        finished_at: Timestamp::from_second(1_795_478_461 + started)
            .ok()
            .filter(|_| !running),
        ..nth(restart, running)
    };
    let mut story = Story::new(true);
    story.status(view(Some(at(0, 0, true)), None));
    story.bytes("2026-11-24T00:01:05.100000000Z c\n");
    story.lost();
    let late = view(Some(at(2, 3, true)), Some(at(1, 2, false)));
    assert_eq!(
        story.answer(late.clone()),
        ["! LinesMissing", "open previous"]
    );
    (story, late)
}

#[test]
fn a_run_resumes_behind_its_own_lines() {
    let (mut story, late) = two_runs_ahead();
    story.bytes("2026-11-24T00:01:02.100000000Z b\n");
    story.lost();
    let since = "open previous since 2026-11-24T00:01:01Z";
    assert_eq!(story.answer(late), [since]);
}

#[test]
fn lines_printed_out_of_turn_are_missed_once_their_file_is_rotated() {
    let (mut story, late) = two_runs_ahead();
    let mut told = story.end(End::Clean);
    for _ in 0..12 {
        if told == ["ask"] {
            told = story.answer(late.clone());
        } else if told
            .iter()
            .any(|action| action.starts_with("open previous"))
        {
            story.bytes("");
            told = story.end(End::Clean);
        } else if told.is_empty() {
            told = story.wait();
        }
    }
    assert_eq!(told, ["open follow since 2026-11-24T00:01:04Z"]);
    assert_eq!(story.bytes("2026-11-24T00:01:09Z last\n"), ["last"]);
    assert_eq!(story.wait_long(), ["! LinesMissing"]);
}
