//! The end of the pod and of the deploy.

use super::*;

#[test]
fn a_file_that_is_rotated_before_the_last_read_is_no_loss_while_it_was_followed() {
    let mut story = reading();
    story.follower.finish(story.now);
    assert_eq!(story.told(), ["close", "open since 2026-11-24T00:01:06Z"]);
    story.bytes("");
    assert_eq!(story.end(End::Clean), ["! LinesMissing", "done"]);
    assert_eq!(story.notices[0].level, Level::Debug);
}

/// An ordinary deletion: the stream was open until the container ended, and when it is to
/// be read once more there is nothing any more.
#[test]
fn a_deleted_pod_whose_stream_ended_cleanly_is_no_reason_to_warn() {
    for (status, kind, message) in [
        (404, "pods", "pods \"p\" not found"),
        (400, "", "container \"c\" in pod \"p\" is terminated"),
    ] {
        let mut story = reading();
        assert_eq!(story.end(End::Clean), ["ask"]);
        assert_eq!(story.answer(ended()), ["open since 2026-11-24T00:01:06Z"]);
        story.refused(status, kind, message);
        if story.follower.deadline().is_some() {
            assert_eq!(story.wait(), ["ask"]);
        }
        assert_eq!(story.answer(ContainerView::gone()), ["done"]);
        assert!(story.notices.is_empty(), "{:?}", story.notices);
    }
}

#[test]
fn a_deleted_pod_whose_kubelet_did_not_answer_is() {
    let mut story = reading();
    assert_eq!(story.end(End::Clean), ["ask"]);
    assert_eq!(story.answer(ended()), ["open since 2026-11-24T00:01:06Z"]);
    assert_eq!(story.refused(500, "", "connection refused"), ["ask"]);
    assert_eq!(
        story.answer(ContainerView::gone()),
        ["! LinesMissing", "done"]
    );
    assert_eq!(
        story.notices[0].message,
        "the last lines of the first run may be missing: its log is gone"
    );
}

#[test]
fn a_deploy_that_ends_as_the_pod_is_deleted_is_in_doubt_only_if_it_broke_off() {
    let mut story = reading();
    story.end(End::Clean);
    story.follower.finish(story.now);
    story.told();
    assert_eq!(story.refused(404, "pods", "pods \"p\" not found"), ["done"]);

    let mut story = reading();
    story.follower.finish(story.now);
    story.told();
    assert_eq!(
        story.refused(404, "pods", "pods \"p\" not found"),
        ["! LinesMissing", "done"]
    );
}

#[test]
fn a_pod_that_is_gone_may_still_send() {
    let mut story = reading();
    assert_eq!(story.status(ContainerView::gone()), [""; 0]);
    assert_eq!(story.bytes(TWO), ["two"]);
    assert_eq!(story.end(End::Clean), ["ask"]);
    assert_eq!(story.answer(ContainerView::gone()), ["done"]);
}

#[test]
fn at_the_end_what_is_left_is_read_once() {
    let mut story = reading();
    story.follower.finish(story.now);
    assert_eq!(story.told(), ["close", "open since 2026-11-24T00:01:06Z"]);
    assert_eq!(
        story.bytes(&format!("{ONE}{TWO}2026-11-24T00:01:08Z last wor")),
        ["two"]
    );
    assert_eq!(story.end(End::Clean), ["last wor", "done"]);

    let mut story = Story::new(true);
    story.follower.finish(story.now);
    assert_eq!(story.told(), ["done"]);
}

#[test]
fn at_the_end_nobody_waits_for_long() {
    let mut story = reading();
    story.follower.finish(story.now);
    story.told();
    assert_eq!(story.wait(), ["! LinesMissing", "done"]);
    assert_eq!(story.now, LAST_READ);
    assert_eq!(story.follower.deadline(), None);
}

#[test]
fn a_last_read_that_is_lost_is_tried_again_while_there_is_time() {
    let mut story = reading();
    story.follower.finish(story.now);
    assert_eq!(story.told(), ["close", "open since 2026-11-24T00:01:06Z"]);
    assert_eq!(story.lost(), ["open since 2026-11-24T00:01:06Z"]);
    assert_eq!(story.bytes(&format!("{ONE}{TWO}")), ["two"]);
    assert_eq!(story.end(End::Clean), ["done"]);
}

/// While the log cannot be read at all, one notice says so of every run. Once the next run's log
/// opens, that notice is taken back, but the end of the run before was not read.
#[test]
fn the_unread_end_of_a_run_is_told_once_the_next_log_opens() {
    let mut story = reading();
    story.lost();
    let both = view(Some(run("B", 1, true)), Some(run("A", 0, false)));
    story.answer(both.clone());
    while story.notices.is_empty() {
        if story.refused(500, "", "dial tcp: connection refused") != ["ask"] {
            story.wait_long();
        }
        story.answer(both.clone());
    }
    assert_eq!(story.notices[0].code, NoticeCode::Unreachable);
    story.follower.finish(story.now);
    story.told();
    assert_eq!(
        story.refused(400, "", "container \"c\" is waiting to start"),
        ["open"]
    );
    assert_eq!(
        story.bytes("2026-11-24T00:01:21.000000000Z next\n"),
        ["! Restored", "! LinesMissing", "next"]
    );
    let lost = &story.notices[2].message;
    assert!(lost.contains("the first run"), "{lost}");
}
