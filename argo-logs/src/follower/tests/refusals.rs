//! Answers other than a log.

use super::*;

#[test]
fn waiting_is_told_once_and_polled() {
    let mut story = Story::new(true);
    story.status(running());
    let text = "container \"c\" in pod \"p\" is waiting to start: ContainerCreating";
    assert_eq!(story.refused(400, "", text), ["! LogUnreadable"]);
    assert_eq!(story.follower.deadline(), Some(POLL));
    assert_eq!(story.wait(), ["ask"]);
    assert_eq!(story.answer(running()), ["open follow"]);
    assert_eq!(story.refused(400, "", text), [""; 0]);
    // Any word of the pod is quicker.
    assert_eq!(story.status(running()), ["open follow"]);
}

#[test]
fn forbidden_is_asked_again_every_five_minutes() {
    let mut story = Story::new(true);
    story.status(running());
    assert_eq!(story.refused(403, "", "no"), ["! Forbidden"]);
    let minutes = Duration::from_secs(300);
    assert_eq!(story.follower.deadline(), Some(story.now + minutes));
    assert_eq!(story.wait(), ["ask"]);
    assert_eq!(story.answer(running()), ["open follow"]);
    assert_eq!(story.refused(403, "", "no"), [""; 0]);
    story.wait();
    story.answer(running());
    assert_eq!(story.bytes(ONE), ["! Restored", "one"]);
}

#[test]
fn what_may_not_be_read_ends_without_another_word() {
    let mut story = Story::new(true);
    story.status(running());
    story.refused(403, "", "no");
    story.follower.finish(story.now);
    assert_eq!(story.told(), ["done"]);

    let mut story = Story::new(true);
    story.status(running());
    story.refused(403, "", "no");
    assert_eq!(story.status(ContainerView::gone()), ["done"]);
}

#[test]
fn unauthorized_slows_it_down() {
    let mut story = Story::new(true);
    story.status(running());
    assert_eq!(story.refused(401, "", "Unauthorized"), ["! Unreachable"]);
    assert!(story.follower.deadline().unwrap() >= Duration::from_secs(10));
    assert_eq!(story.wait(), ["ask"]);
    story.answer(running());
    assert_eq!(story.refused(401, "", "Unauthorized"), [""; 0]);
    story.wait();
    story.answer(running());
    assert_eq!(story.bytes(ONE), ["! Restored", "one"]);
}

#[test]
fn tries_slow_down_and_go_fast_again_after_a_line() {
    let mut story = reading();
    assert_eq!(story.lost(), ["ask"]);
    let mut last = Duration::ZERO;
    for n in 0..8 {
        story.answer(running());
        let told = story.lost();
        assert!(
            told.iter().all(|told| told == "! Disconnected"),
            "{n}: {told:?}"
        );
        let delay = story.follower.deadline().unwrap() - story.now;
        assert!(
            delay > last / 2 && delay <= Duration::from_secs(15),
            "{n}: {delay:?}"
        );
        last = delay;
        assert_eq!(story.wait(), ["ask"]);
    }
    assert!(last > Duration::from_secs(10));
    story.answer(running());
    story.bytes(TWO);
    assert_eq!(story.lost(), ["ask"]);
}

#[test]
fn a_pod_that_cannot_be_asked_is_asked_again() {
    let mut story = reading();
    assert_eq!(story.lost(), ["ask"]);
    for _ in 0..3 {
        story.follower.no_answer("refused", story.now);
        assert_eq!(story.told(), [""; 0]);
        assert_eq!(story.wait(), ["ask"]);
    }
    story.follower.no_answer("refused", story.now);
    // The watch has more luck.
    assert_eq!(
        story.status(running()),
        ["open follow since 2026-11-24T00:01:06Z"]
    );
    assert!(
        !story
            .notices
            .iter()
            .any(|notice| notice.code == NoticeCode::LinesMissing)
    );
}

#[test]
fn a_connection_that_stays_lost_is_reported_once_and_so_is_its_return() {
    let mut story = reading();
    assert_eq!(story.lost(), ["ask"]);
    let mut told = Vec::new();
    while story.now < Duration::from_secs(300) {
        story.follower.no_answer("connection refused", story.now);
        told.extend(story.told());
        told.extend(story.wait());
    }
    told.retain(|told| told != "ask");
    assert_eq!(told, ["! Disconnected"]);
    story.answer(running());
    assert_eq!(story.bytes(TWO)[0], "! Restored");
}

#[test]
fn a_connection_that_comes_back_soon_is_not_reported() {
    let mut story = reading();
    for _ in 0..20 {
        story.lost();
        story.now += Duration::from_secs(10);
        story.follower.timer(story.now);
        story.answer(running());
        story.bytes(TWO);
        story.now += Duration::from_secs(10);
    }
    let told = story.notices.iter().map(|notice| notice.code);
    assert!(!told.clone().any(|code| code == NoticeCode::Disconnected));
    assert!(!told.clone().any(|code| code == NoticeCode::Restored));
}

#[test]
fn a_file_that_is_gone_takes_no_doubt_to_a_log_that_was_followed_to_its_end() {
    let message = "failed to try resolving symlinks in path \"/var/log/pods/n_p_u/c/0.log\": lstat /var/log/pods/n_p_u/c/0.log: no such file or directory";
    let mut story = reading();
    assert_eq!(story.end(End::Clean), ["ask"]);
    assert_eq!(
        story.answer(finished()),
        ["open since 2026-11-24T00:01:06Z"]
    );
    // The kubelet has removed the log of an evicted pod before its object goes.
    assert_eq!(story.bytes(message), [""; 0]);
    assert_eq!(story.end(End::Clean), ["ask"]);
    assert_eq!(story.answer(ContainerView::gone()), ["done"]);
    assert!(story.notices.is_empty(), "{:?}", story.notices);

    // One that broke off may lack its end.
    let mut story = reading();
    assert_eq!(story.lost(), ["ask"]);
    story.answer(finished());
    story.bytes(message);
    story.end(End::Clean);
    assert_eq!(
        story.status(ContainerView::gone()),
        ["! LinesMissing", "done"]
    );
}
