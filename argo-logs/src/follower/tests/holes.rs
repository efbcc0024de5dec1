//! The requests to a second source.

use super::*;

/// A new pod, with a second source.
fn story() -> Story {
    let mut story = Story::new(true);
    let created = "2026-11-24T00:00:50Z".parse().ok();
    let began = "2026-11-24T00:01:00Z".parse().unwrap();
    story.follower = story.follower.with_second_source(created, began);
    story
}

fn reading() -> Story {
    let mut story = story();
    story.status(running());
    story.bytes(ONE);
    story
}

#[test]
fn lines_that_were_rotated_away() {
    let mut story = reading();
    story.lost();
    story.answer(running());
    story.bytes("2026-11-24T00:01:08.5Z nine\n");
    story.wait();
    assert_eq!(
        story.wait_long(),
        ["? 00:01:07.1Z to 00:01:08.500000001Z of 0 LinesMissing"]
    );
}

#[test]
fn far_behind_the_last_line_it_is_not_asked_for_again() {
    let mut story = reading();
    story.lost();
    story.answer(running());
    story.bytes("2026-11-24T00:01:31.87Z nine\n");
    story.wait();
    assert_eq!(
        story.wait_long(),
        ["? 00:01:07.100000001Z to 00:01:31.870000001Z of 0 LinesMissing"]
    );
}

#[test]
fn far_before_the_last_line_the_line_behind_it_is_not_asked_for_again() {
    let mut story = reading();
    story.lost();
    story.answer(running());
    story.bytes("2026-11-24T00:01:31.87Z nine\n");
    story.bytes("2026-11-24T00:01:51.9Z ten\n");
    story.wait();
    assert_eq!(
        story.wait_long(),
        ["? 00:01:07.100000001Z to 00:01:31.87Z, left out, of 0 LinesMissing"]
    );
}

#[test]
fn runs_that_came_and_went() {
    let mut story = story();
    let crashed = view(Some(run("D", 3, true)), Some(run("C", 2, false)));
    assert_eq!(
        story.status(crashed),
        [
            "? 00:00:50Z to 00:01:41Z of 0 InstancesLost",
            "open previous"
        ]
    );
}

#[test]
fn the_end_of_a_pod_that_left() {
    let mut story = reading();
    story.lost();
    assert_eq!(
        story.answer(ContainerView::gone()),
        ["? 00:01:07.1Z to now of 0 LinesMissing", "done"]
    );
}

#[test]
fn a_pod_that_left_before_its_log_was_opened() {
    let mut story = story();
    story.status(ended());
    assert_eq!(story.refused(404, "pods", "pods \"p\" not found"), ["ask"]);
    assert_eq!(
        story.answer(ContainerView::gone()),
        ["? 00:01:00Z to 00:01:17.000000001Z of 0", "done"]
    );
}

#[test]
fn a_pod_that_left_before_it_told_of_a_run() {
    let mut story = story();
    assert_eq!(
        story.status(ContainerView::gone()),
        ["? 00:00:50Z to now of 0", "done"]
    );
}

#[test]
fn a_log_that_was_read_is_asked_for_nothing_when_its_pod_leaves() {
    let mut story = reading();
    story.end(End::Clean);
    assert_eq!(story.answer(ContainerView::gone()), ["done"]);
}

#[test]
fn a_log_that_cannot_be_read_at_present() {
    for (status, code) in [(401, "Unreachable"), (403, "Forbidden")] {
        let mut story = reading();
        story.lost();
        story.answer(running());
        assert_eq!(
            story.refused(status, "", "no"),
            [format!("? open 00:01:07.1Z to now of 0 {code}")]
        );
    }
}

#[test]
fn without_a_second_source_the_notice_is_all() {
    let mut story = Story::new(true);
    story.status(ended());
    story.refused(404, "pods", "pods \"p\" not found");
    assert_eq!(story.answer(ContainerView::gone()), ["done"]);
}
