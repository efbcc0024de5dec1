//! Responses that fall silent.

use super::*;

#[test]
fn a_log_that_is_read_on_and_falls_silent_is_looked_at_soon() {
    let mut story = reading();
    story.lost();
    story.answer(running());
    assert_eq!(story.bytes(ONE), [""; 0]);
    // The kubelet has missed that the file was rotated.
    assert_eq!(story.wait_long(), ["probe since 2026-11-24T00:01:06Z"]);
    assert!(story.now < Duration::from_secs(4), "{:?}", story.now);
    let two = Bytes::from_static(TWO.as_bytes());
    story.follower.probe_bytes(&two);
    story.follower.probe_end(&End::Clean, story.now);
    assert_eq!(story.wait_long(), ["close", "ask"]);
    // Should that be a habit of the way there, it is not done again at once.
    story.answer(running());
    assert_eq!(story.bytes(ONE), [""; 0]);
    let then = story.now;
    assert_eq!(story.wait_long(), ["probe since 2026-11-24T00:01:06Z"]);
    assert!(
        story.now - then > Duration::from_secs(40),
        "{:?}",
        story.now
    );
}

#[test]
fn a_run_that_ends_while_its_log_is_looked_at_is_given_up_soon() {
    let mut story = reading();
    story.lost();
    story.answer(running());
    assert_eq!(story.bytes(ONE), [""; 0]);
    story.status(ended());
    assert_eq!(story.wait_long(), ["close", "ask"]);
    assert!(story.now < Duration::from_secs(7), "{:?}", story.now);
}

#[test]
fn a_log_that_was_silent_before_is_not_looked_at_so_soon() {
    let mut story = reading();
    story.lost();
    story.answer(running());
    let later = "2026-11-24T00:09:00Z".parse().ok();
    story.follower.opened(later, story.now);
    assert_eq!(story.wait_long(), ["probe since 2026-11-24T00:01:06Z"]);
    assert!(story.now > Duration::from_secs(40), "{:?}", story.now);
}

#[test]
fn a_silent_response_is_probed_and_given_up_only_if_there_is_more() {
    let mut story = reading();
    assert_eq!(story.wait(), [""; 0]);
    assert!((45..=60).contains(&story.now.as_secs()), "{:?}", story.now);
    assert_eq!(story.wait(), ["probe since 2026-11-24T00:01:06Z"]);
    story
        .follower
        .probe_bytes(&Bytes::from_static(ONE.as_bytes()));
    story.follower.probe_end(&End::Clean, story.now);
    assert_eq!(story.wait(), ["probe since 2026-11-24T00:01:06Z"]);
    story
        .follower
        .probe_bytes(&Bytes::from(format!("{ONE}{TWO}")));
    story.follower.probe_end(&End::Clean, story.now);
    // It may be on its way.
    assert_eq!(story.told(), [""; 0]);
    assert_eq!(story.wait(), ["close", "ask"]);
    assert_eq!(
        story.answer(running()),
        ["open follow since 2026-11-24T00:01:06Z"]
    );
    assert_eq!(story.bytes(&format!("{ONE}{TWO}")), ["two"]);
}

#[test]
fn what_was_on_its_way_saves_the_response() {
    let mut story = reading();
    story.wait();
    story.wait();
    story
        .follower
        .probe_bytes(&Bytes::from(format!("{ONE}{TWO}")));
    story.follower.probe_end(&End::Clean, story.now);
    assert_eq!(story.bytes(TWO), ["two"]);
    assert_eq!(story.wait(), [""; 0]);
}

#[test]
fn no_response_lives_for_four_hours() {
    let mut story = reading();
    for n in 1.. {
        let told = story.wait();
        if told == ["close", "ask"] {
            break;
        }
        story.bytes(&format!("2026-11-24T{:02}:{:02}:00Z {n}\n", n / 60, n % 60));
    }
    let hours = story.now.as_secs_f64() / 3600.0;
    assert!((2.8..3.9).contains(&hours), "{hours}");
}

#[test]
fn a_run_that_ended_under_a_silent_response_is_read_again() {
    let mut story = reading();
    assert_eq!(story.status(ended()), [""; 0]);
    assert_eq!(story.wait(), ["close", "ask"]);
    assert!(story.now <= Duration::from_secs(6));
    assert_eq!(story.answer(ended()), ["open since 2026-11-24T00:01:06Z"]);
}
