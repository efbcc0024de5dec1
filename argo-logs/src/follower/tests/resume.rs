//! Responses that break or end, and how the log goes on.

use super::*;

#[test]
fn nothing_is_opened_before_the_pod_tells_of_a_run() {
    let mut story = Story::new(true);
    assert_eq!(story.status(view(None, None)), [""; 0]);
    assert!(story.follower.is_idle() && story.follower.deadline().is_none());
    assert_eq!(story.status(running()), ["open follow"]);
    assert!(!story.follower.is_idle());
}

#[test]
fn a_cut_is_resumed_at_once_from_a_whole_second_with_slack() {
    let mut story = reading();
    assert_eq!(story.bytes("2026-11-24T00:01:07.9"), [""; 0]);
    assert_eq!(story.lost(), ["ask"]);
    assert_eq!(
        story.answer(running()),
        ["open follow since 2026-11-24T00:01:06Z"]
    );
    assert_eq!(story.bytes(&format!("{ONE}{TWO}")), ["two"]);
}

/// Recording 15, `restarts`: the second follow brings the ended run from its first line.
#[test]
fn a_follow_reopened_right_after_a_run_ended_repeats_nothing() {
    let mut story = Story::new(true);
    story.status(running());
    let first = story.replay(include_str!("../../../testdata/restart.follow-1.jsonl"));
    assert_eq!(
        (first.len(), first[0].as_str(), first[30].as_str()),
        (31, "run tick 1", "exiting")
    );
    assert_eq!(story.end(End::Clean), ["ask"]);
    // The status lags: it is asked again before anything is opened.
    assert_eq!(story.answer(running()), [""; 0]);
    assert_eq!(story.wait(), ["ask"]);
    assert_eq!(
        story.answer(running()),
        ["open follow since 2026-11-24T00:01:10Z"]
    );
    assert_eq!(
        story.replay(include_str!("../../../testdata/restart.follow-2.jsonl")),
        [""; 0]
    );
    assert_eq!(story.end(End::Clean), ["ask"]);
    // Known to have ended it is read without following, which brings nothing new.
    assert_eq!(story.answer(ended()), ["open since 2026-11-24T00:01:10Z"]);
    assert_eq!(
        story.replay(include_str!("../../../testdata/restart.follow-2.jsonl")),
        [""; 0]
    );
    assert_eq!(story.end(End::Clean), [""; 0]);
    assert!(story.follower.is_idle());
    let next = view(Some(run("B", 1, true)), Some(run("A", 0, false)));
    assert_eq!(story.status(next), ["open follow"]);
}

/// Recording 13: a clean end, then 500 and 404 while the kubelet restarts.
#[test]
fn a_kubelet_restart_is_no_end() {
    let mut story = Story::new(true);
    story.status(running());
    let lines = story.replay(include_str!("../../../testdata/kubelet-term.follow.jsonl"));
    assert_eq!(lines.len(), 17);
    assert_eq!(story.end(End::Clean), ["ask"]);
    story.answer(running());
    assert_eq!(story.wait(), ["ask"]);
    story.answer(running());
    for (n, line) in include_str!("../../../testdata/kubelet-term.responses.jsonl")
        .lines()
        .enumerate()
    {
        let response: Value = serde_json::from_str(line).unwrap();
        let body: Value = serde_json::from_str(response["body_text"].as_str().unwrap()).unwrap();
        let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
        let kind = body["details"]["kind"].as_str().unwrap_or_default();
        let told = story.refused(status, kind, body["message"].as_str().unwrap());
        // At once first, then later and later.
        assert_eq!(told, if n == 0 { vec!["ask"] } else { vec![] }, "{n}");
        if n > 0 {
            assert_eq!(story.wait(), ["ask"]);
        }
        assert_eq!(
            story.answer(running()),
            ["open follow since 2026-11-24T00:11:03Z"]
        );
    }
    assert_eq!(
        story
            .bytes("2026-11-24T00:11:09.500000000Z tick 455\n")
            .last()
            .unwrap(),
        "tick 455"
    );
}

/// As in recording 12, `firehose`: one response goes back and repeats itself.
#[test]
fn lines_that_come_twice_in_one_response_are_shown_once() {
    let line = |n: i64| {
        format!(
            "2026-11-24T00:01:{:02}.{:09}Z line {n}\n",
            n / 50,
            n % 50 * 20_000_000
        )
    };
    let lines = |from, to| (from..to).map(line).collect::<String>();
    let mut story = Story::new(true);
    story.status(running());
    assert_eq!(story.bytes(&lines(0, 500)).len(), 500);
    // The last three seconds are known.
    assert_eq!(story.bytes(&lines(355, 500)), [""; 0]);
    assert_eq!(story.bytes(&lines(500, 520)).len(), 20);
    // Behind it nobody knows, which is said once.
    let told = story.bytes(&lines(300, 520));
    assert_eq!(told[0], "! LinesMissing");
    assert_eq!(told.len(), 1 + 50);
    let told = story.bytes(&lines(200, 521));
    assert_eq!(told.last().unwrap(), "line 520");
    assert_eq!(story.notices.len(), 1);
}

#[test]
fn equal_lines_are_counted() {
    let mut story = reading();
    assert_eq!(story.bytes(&TWO.repeat(2)), ["two", "two"]);
    story.lost();
    story.answer(running());
    assert_eq!(story.bytes(&format!("{ONE}{}", TWO.repeat(3))), ["two"]);
}

#[test]
fn a_rotation_while_the_connection_was_down_is_told_with_both_times() {
    let mut story = reading();
    story.lost();
    story.answer(running());
    let told = story.bytes("2026-11-24T00:01:31.870000000Z nine\n");
    assert_eq!(told, ["nine"]);
    // It would be none if the pod told of a next run now.
    assert_eq!(story.wait(), [""; 0]);
    assert_eq!(story.wait_long(), ["! LinesMissing"]);
    let message = &story.notices[0].message;
    assert!(
        message.contains("between 2026-11-24T00:01:07.100Z and 2026-11-24T00:01:31.870Z"),
        "{message}"
    );
    // The rest of the file is no news about that.
    assert_eq!(story.bytes("2026-11-24T00:01:32.870000000Z ten\n"), ["ten"]);
}

#[test]
fn a_rotation_before_the_last_line_shown_lost_nothing() {
    let mut story = reading();
    story.bytes(TWO);
    story.lost();
    story.answer(running());
    let told = story.bytes(&format!("{TWO}2026-11-24T00:01:31.870000000Z nine\n"));
    assert_eq!(told, ["nine"]);
}

#[test]
fn a_node_without_inotify_is_polled() {
    let mut story = reading();
    story.bytes("failed to create fsnotify watcher: too many open files");
    assert_eq!(story.end(End::Clean), ["! LogPolled"]);
    for _ in 0..2 {
        assert_eq!(story.wait(), ["ask"]);
        assert_eq!(story.answer(running()), ["open since 2026-11-24T00:01:06Z"]);
        story.bytes(ONE);
        assert_eq!(story.end(End::Clean), [""; 0]);
        let delay = story.follower.deadline().unwrap() - story.now;
        assert!(delay >= Duration::from_secs(1) && delay <= Duration::from_secs(2));
    }
}

#[test]
fn of_an_old_pod_the_tail_is_shown_once() {
    let mut story = Story::new(false);
    let crashed = view(Some(run("B", 1, true)), Some(run("A", 0, false)));
    assert_eq!(story.status(crashed.clone()), ["open follow tail 10"]);
    assert_eq!(story.bytes(TWO), ["two"]);
    story.lost();
    assert_eq!(
        story.answer(crashed),
        ["open follow since 2026-11-24T00:01:06Z"]
    );
    // The line before the tail is not wanted.
    assert_eq!(
        story.bytes(&format!("{ONE}{TWO}2026-11-24T00:01:08Z three\n")),
        ["three"]
    );
    assert!(story.notices.is_empty());
}

#[test]
fn of_an_old_pod_that_had_not_written_all_is_news() {
    let mut story = Story::new(false);
    story.status(running());
    story.bytes("");
    story.now = Duration::from_secs(90);
    story.lost();
    assert_eq!(
        story.answer(running()),
        ["open follow since 2026-11-24T00:00:59Z"]
    );
}

#[test]
fn an_old_word_of_the_watch_changes_nothing() {
    let mut story = reading();
    story.end(End::Clean);
    assert_eq!(story.answer(ended()), ["open since 2026-11-24T00:01:06Z"]);
    story.bytes(ONE);
    story.end(End::Clean);
    assert_eq!(story.status(running()), [""; 0]);
    assert_eq!(story.status(view(None, None)), [""; 0]);
    assert!(story.follower.is_idle());
}

#[test]
fn another_pod_of_the_same_name_ends_it() {
    let mut story = reading();
    assert_eq!(story.end(End::Clean), ["ask"]);
    assert_eq!(story.answer(ContainerView::gone()), ["done"]);

    let mut story = reading();
    assert_eq!(story.lost(), ["ask"]);
    assert_eq!(
        story.answer(ContainerView::gone()),
        ["! LinesMissing", "done"]
    );
}
