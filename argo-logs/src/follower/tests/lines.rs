//! The bytes of a response become lines.

use super::*;

/// Recording 15: a line of stderr between the pieces of a long line.
#[test]
fn a_long_line_with_another_inside_is_told_as_it_comes() {
    let mut story = Story::new(true);
    story.status(running());
    let recording = include_str!("../../../testdata/longpartial.follow.jsonl");
    let lines = story.replay(recording);
    let lengths: Vec<_> = lines.iter().map(String::len).collect();
    assert_eq!(lengths, [32_768 + 10, 7235, 5]);
    assert!(lines[0].ends_with("aaastderr one"));
    assert_eq!(story.lost(), ["ask"]);
    assert_eq!(
        story.answer(running()),
        ["open follow since 2026-11-24T00:01:20Z"]
    );
    // What the kubelet sends then: the pieces before are older.
    let all = chunks(recording);
    let resumed = format!("{}{}2026-11-24T00:01:23.000000000Z end\n", all[3], all[4]);
    assert_eq!(story.bytes(&resumed), ["end"]);
    assert!(story.notices.is_empty(), "{:?}", story.notices);
}

/// Recording 12, `partial`: the last line has no line end.
#[test]
fn last_words_come_when_the_run_is_read_to_its_end() {
    let mut story = Story::new(true);
    story.status(running());
    let recording = include_str!("../../../testdata/partial.follow.jsonl");
    assert_eq!(story.replay(recording), ["prompt> answer"]);
    assert_eq!(story.end(End::Clean), ["ask"]);
    story.answer(finished());
    assert_eq!(story.replay(recording), [""; 0]);
    assert_eq!(story.end(End::Clean), ["last words", "done"]);
}

/// Recording 12, `steady`: a read while the file is rotated.
#[test]
fn what_the_kubelet_says_is_no_line() {
    let recording = include_str!("../../../testdata/steady.since.jsonl");
    let stats: Value = serde_json::from_str(recording.lines().last().unwrap()).unwrap();
    let text = stats["rest_without_newline"].as_str().unwrap();
    let mut story = reading();
    assert_eq!(story.bytes(&TWO[..34]), [""; 0]);
    assert_eq!(story.bytes(text), [""; 0]);
    assert_eq!(story.end(End::Clean), ["ask"]);
    assert_eq!(
        story.answer(running()),
        ["open follow since 2026-11-24T00:01:06Z"]
    );
    assert_eq!(story.bytes(&format!("{ONE}{TWO}")), ["two"]);
}

/// A log of 130 bytes a line that begins so many seconds after the run, and takes `span` seconds
/// for a thousand lines.
fn flood(begins: i64, span: i64, lines: i64) -> String {
    let line = |n: i64| {
        let nanos = (1_795_478_460 + begins) * 1_000_000_000 + n * span * 1_000_000;
        let time = Timestamp::from_nanosecond(i128::from(nanos)).unwrap();
        format!("{time:.9} {}\n", "x".repeat(100))
    };
    (0..lines).map(line).collect()
}

#[test]
fn a_log_that_is_opened_late_and_grows_fast_may_have_lost_its_beginning() {
    for (opened, begins, span, lines, is_told) in [
        ("2026-11-24T00:01:30Z", 24, 2, 1000, true),
        // One burst of many, after which it was silent.
        ("2026-11-24T00:01:30Z", 24, 0, 10_000, true),
        // It begins with the run.
        ("2026-11-24T00:01:30Z", 1, 2, 1000, false),
        ("2026-11-24T00:01:30Z", 1, 0, 10_000, false),
        // It would not have been rotated, and neither would a stack trace after a silence.
        ("2026-11-24T00:01:30Z", 24, 60, 1000, false),
        ("2026-11-24T00:01:30Z", 24, 0, 1000, false),
        // It was silent until then.
        ("2026-11-24T00:01:01Z", 24, 2, 1000, false),
    ] {
        let mut story = Story::new(true);
        story.status(running());
        story.follower.opened(opened.parse().ok(), story.now);
        story
            .follower
            .bytes(Bytes::from(flood(begins, span, lines)));
        assert_eq!(
            story.told().len(),
            usize::try_from(lines).unwrap() + usize::from(is_told),
            "{opened} {begins} {span} {lines}"
        );
        assert_eq!(story.notices.len(), usize::from(is_told));
    }
}

#[test]
fn last_words_without_a_line_end_are_kept_when_the_next_run_comes_instead() {
    let mut story = reading();
    let words = format!("{ONE}2026-11-24T00:01:14.000000000Z oops");
    assert_eq!(story.bytes("2026-11-24T00:01:14.000000000Z oops"), [""; 0]);
    story.end(End::Clean);
    assert_eq!(story.answer(ended()), ["open since 2026-11-24T00:01:06Z"]);
    assert_eq!(story.bytes(&words), [""; 0]);
    assert_eq!(story.end(End::Clean), [""; 0]);
    assert_eq!(story.wait(), ["ask"]);
    story.answer(ended());
    assert_eq!(
        story.bytes("2026-11-24T00:01:16.000000000Z next\n"),
        ["next"]
    );
    assert_eq!(story.end(End::Clean), ["oops", "ask"]);
}

#[test]
fn a_line_over_the_cap_comes_in_pieces_and_once() {
    let long = format!(
        "2026-11-24T00:01:08.000000000Z {}\n",
        "x".repeat(2 * CAP + 5)
    );
    let mut story = reading();
    let mut told = Vec::new();
    for chunk in long.as_bytes().chunks(60_000) {
        told.extend(story.bytes(std::str::from_utf8(chunk).unwrap()));
    }
    let lengths = |told: &[String]| {
        told.iter()
            .map(|line| line.matches('x').count())
            .collect::<Vec<_>>()
    };
    assert_eq!(lengths(&told), [CAP, CAP, 5]);
    let marks: Vec<_> = told
        .iter()
        .map(|line| (line.starts_with('…'), line.ends_with('…')))
        .collect();
    assert_eq!(marks, [(false, true), (true, true), (true, false)]);
    story.lost();
    story.answer(running());
    // In one chunk, and cut in the middle.
    assert_eq!(story.bytes(&format!("{ONE}{long}")), [""; 0]);
    assert_eq!(story.bytes("2026-11-24T00:01:09Z after\n"), ["after"]);
}

#[test]
fn carriage_returns_at_the_end_belong_to_the_line_end() {
    let mut story = reading();
    let told = story
        .bytes("2026-11-24T00:01:08Z a\rb\r\n2026-11-24T00:01:08Z \n2026-11-24T00:01:08Z \r\n");
    assert_eq!(told, ["a\rb", "", ""]);
}

#[test]
fn batches_share_the_bytes_that_came() {
    let mut story = reading();
    let bytes = Bytes::from(format!("{ONE}{TWO}2026"));
    story.follower.bytes(bytes.clone());
    let Some(Action::Emit(batch)) = story.follower.next_action() else {
        panic!("no lines");
    };
    let text = batch.lines().next().unwrap().text;
    assert!(bytes.as_ptr_range().contains(&text.as_ptr()));
}
