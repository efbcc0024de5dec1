//! Nodes that ignore `follow`, or `timestamps` too: each response is the log so far.

use super::*;

/// A story of a node that answers each request with the log so far, and what it tells.
fn poll(lines: impl Fn(u64) -> String) -> (Vec<String>, usize, Story) {
    let mut story = Story::new(true);
    let (mut told, mut requests) = (story.status(running()), 0);
    let mut printed = Vec::new();
    while story.now < Duration::from_secs(20) {
        if told.iter().any(|action| action.starts_with("open")) {
            requests += 1;
            printed.extend(story.bytes(&lines(story.now.as_secs())));
            told = story.end(End::Clean);
        } else if told.last().is_some_and(|action| action == "ask") {
            told = story.answer(running());
        } else {
            told = story.wait();
        }
    }
    (printed, requests, story)
}

/// A log that begins with many lines, and grows by one every two seconds.
fn growing(stamp: &'static str) -> impl Fn(u64) -> String {
    move |second| {
        let lines = (0..200 + second / 2).map(|n| {
            let time = if n < 200 { 0 } else { n - 199 };
            let stamp = stamp.replace("SS", &format!("{:02}", 2 + time * 2));
            format!("{stamp}tick {n}\n")
        });
        lines.collect()
    }
}

#[test]
fn each_line_comes_once_by_its_position() {
    let (printed, requests, story) = poll(growing(""));
    let expected: Vec<_> = (0..printed.len()).map(|n| format!("tick {n}")).collect();
    assert_eq!(printed, expected);
    assert!(printed.len() > 205, "{}", printed.len());
    assert!((6..=11).contains(&requests), "{requests}");
    assert_eq!(story.notices.len(), 1, "{:?}", story.notices);
}

#[test]
fn a_log_with_times_is_polled_as_slowly() {
    let (printed, requests, story) = poll(growing("2026-11-24T00:01:SS.000000000Z "));
    let expected: Vec<_> = (0..printed.len()).map(|n| format!("tick {n}")).collect();
    assert_eq!(printed, expected);
    assert!((6..=11).contains(&requests), "{requests}");
    assert_eq!(story.notices.len(), 1, "{:?}", story.notices);
}

#[test]
fn pauses_grow_while_nothing_comes() {
    let (printed, requests, _) = poll(|_| "up\n".to_owned());
    assert_eq!(printed, ["up"]);
    assert!((4..=8).contains(&requests), "{requests}");
}

#[test]
fn the_run_is_read_to_its_end_without_times() {
    let mut story = Story::new(true);
    story.status(running());
    assert_eq!(story.bytes("one\ntwo\n"), ["one", "two"]);
    story.end(End::Clean);
    let mut told = story.answer(finished());
    let mut printed = Vec::new();
    for _ in 0..12 {
        if told.iter().any(|action| action.starts_with("open")) {
            printed.extend(story.bytes("one\ntwo\ntwo\nlast"));
            told = story.end(End::Clean);
        } else if told.last().is_some_and(|action| action == "ask") {
            told = story.answer(finished());
        }
    }
    assert_eq!(printed, ["two"]);
    assert_eq!(told, ["last", "done"]);
    assert!(story.notices.is_empty(), "{:?}", story.notices);
}
