//! A file that is rotated inside of a line: the next one begins with the rest of the line.

use super::*;

const DONE: &str = "2026-11-24T00:01:12.500000000Z done\n";

/// A line that the container writes over ten seconds.
fn progress() -> String {
    let parts: Vec<_> = (0..5000).map(|n| format!("import {n} of 5000")).collect();
    format!("{}\n", parts.join("\r"))
}

/// The line as a follow brings it, in pieces, and as the next file has it: from `of` on.
fn line(text: &str) -> [String; 2] {
    let (begin, end) = text.split_at(text.len() / 2);
    let stamp = "2026-11-24T00:01:03.000000000Z ";
    [format!("{stamp}{begin}"), end.to_owned()]
}

fn rest(text: &str) -> String {
    let at = text.len() * 3 / 4;
    format!("2026-11-24T00:01:11.000000000Z {}", &text[at..])
}

fn story(pieces: &[String; 2]) -> Story {
    let mut story = Story::new(true);
    assert_eq!(story.status(running()), ["open follow"]);
    assert_eq!(story.bytes(&pieces[0]), [""; 0]);
    story
}

#[test]
fn the_rest_of_a_long_line_is_not_printed_again() {
    let text = progress();
    let pieces = line(&text);
    let mut story = story(&pieces);
    assert_eq!(
        story.bytes(&format!("{}{DONE}", pieces[1])),
        [text.trim_end(), "done"]
    );
    assert_eq!(story.end(End::Clean), ["ask"]);
    assert_eq!(
        story.answer(finished()),
        ["open since 2026-11-24T00:01:11Z"]
    );
    assert_eq!(story.bytes(&format!("{}{DONE}", rest(&text))), [""; 0]);
    assert_eq!(story.end(End::Clean), ["done"]);
    assert!(story.notices.is_empty(), "{:?}", story.notices);
}

/// A runtime that writes a record for each read makes pieces of short lines too.
#[test]
fn nor_is_that_of_a_short_one() {
    let text = "10 %\r20 %\r30 %\r40 %\n";
    let pieces = line(text);
    let mut story = story(&pieces);
    story.bytes(&format!("{}{DONE}", pieces[1]));
    story.lost();
    assert_eq!(
        story.answer(running()),
        ["open follow since 2026-11-24T00:01:11Z"]
    );
    let next = "2026-11-24T00:01:13.000000000Z next\n";
    assert_eq!(
        story.bytes(&format!("{}{DONE}{next}", rest(text))),
        ["next"]
    );
    assert!(story.notices.is_empty(), "{:?}", story.notices);
}

#[test]
fn the_rest_stands_for_the_last_printed_line() {
    let text = progress();
    let pieces = line(&text);
    let mut story = story(&pieces);
    assert_eq!(story.bytes(&pieces[1]), [text.trim_end()]);
    story.end(End::Clean);
    story.answer(finished());
    assert_eq!(story.bytes(&rest(&text)), [""; 0]);
    let mut told = story.end(End::Clean);
    if told == ["ask"] {
        told = story.answer(finished());
        assert_eq!(told[0].split(' ').next(), Some("open"));
        story.bytes(&rest(&text));
        told = story.end(End::Clean);
    }
    assert_eq!(told, ["done"]);
    assert!(story.notices.is_empty(), "{:?}", story.notices);
}

#[test]
fn last_words_keep_their_beginning() {
    let text = progress();
    let pieces = line(text.trim_end());
    let mut story = story(&pieces);
    assert_eq!(story.bytes(&pieces[1]), [""; 0]);
    story.end(End::Clean);
    let mut told = story.answer(finished());
    for _ in 0..3 {
        if told.iter().any(|action| action.starts_with("open")) {
            story.bytes(&rest(text.trim_end()));
            told = story.end(End::Clean);
        } else if told == ["ask"] {
            told = story.answer(finished());
        }
    }
    assert_eq!(told, [text.trim_end(), "done"]);
    assert!(story.notices.is_empty(), "{:?}", story.notices);
}

/// The rest that was read first, because the file before could not be, is a line.
#[test]
fn a_rest_that_was_printed_comes_again_as_itself() {
    let text = progress();
    let mut story = Story::new(true);
    story.status(running());
    assert_eq!(story.bytes(&format!("{}{DONE}", rest(&text))).len(), 2);
    story.lost();
    story.answer(running());
    assert_eq!(story.bytes(&format!("{}{DONE}", rest(&text))), [""; 0]);
    assert_eq!(story.end(End::Clean), ["ask"]);
    assert!(story.notices.is_empty(), "{:?}", story.notices);
}

/// A line that repeats itself, as a run leaves it that ends inside of it.
const UNFINISHED: &str = "2026-11-24T00:01:13.000000000Z ping ping";

/// Reads a run that has ended, whose file was rotated after `one`, until the follower is done.
fn read_rotated(mut story: Story, responses: &[&str]) -> (Vec<String>, Vec<Notice>) {
    let mut responses = responses
        .iter()
        .chain(std::iter::repeat(&responses[responses.len() - 1]));
    let mut lines = Vec::new();
    let mut told = story.answer(ended());
    for _ in 0..20 {
        if told.iter().any(|action| action.starts_with("open")) {
            lines.extend(story.bytes(responses.next().unwrap()));
            told = story.end(End::Clean);
        } else if told.iter().any(|action| action == "ask") {
            told = story.answer(ended());
        } else if story.follower.deadline().is_some() {
            told = story.wait();
        } else {
            break;
        }
        let words = ["open", "ask", "done", "!"];
        let is_line = |action: &&String| !words.iter().any(|word| action.starts_with(word));
        lines.extend(told.iter().filter(is_line).cloned());
    }
    (lines, story.notices)
}

/// The second response is cut inside the line whose end is its beginning: it looks like the
/// rest that a rotation leaves.
#[test]
fn a_piece_that_was_cut_hides_no_missing_lines() {
    let mut story = reading();
    story.lost();
    let cut = UNFINISHED.strip_suffix(" ping").unwrap();
    let (lines, notices) = read_rotated(story, &[UNFINISHED, cut, UNFINISHED]);
    assert_eq!(lines, ["ping ping"]);
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!(notices[0].code, NoticeCode::LinesMissing);
}

#[test]
fn nor_does_the_rest_of_a_line_behind_them() {
    let mut story = reading();
    story.lost();
    let rest = "2026-11-24T00:01:13.000001000Z ping";
    let (lines, notices) = read_rotated(story, &[UNFINISHED, rest]);
    assert_eq!(lines, ["ping ping"]);
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!(notices[0].code, NoticeCode::LinesMissing);
}

/// The other stream's line stands before the piece and is stamped 0.3 ms later: a response
/// that ends between them has not passed the piece.
#[test]
fn a_piece_is_not_passed_by_the_line_before_it() {
    let mut story = reading();
    story.lost();
    let later = "2026-11-24T00:01:13.000300000Z out\n";
    let whole = format!("{ONE}{later}{UNFINISHED}");
    let cut = format!("{ONE}{later}");
    let (lines, notices) = read_rotated(story, &[&whole, &whole, &cut, &whole]);
    assert_eq!(lines, ["out", "ping ping"]);
    assert!(notices.is_empty(), "{notices:?}");
}
