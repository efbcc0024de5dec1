//! One rule each, with the bytes of recordings where there are some.

use argo_core::{GroupKind, Level, NoticeCode};
use serde_json::Value;

use super::*;
use crate::{Instance, Refused, line::CAP};

/// A follower, and a clock that only goes when it is told to.
struct Story {
    follower: Follower,
    now: Duration,
    notices: Vec<Notice>,
}

impl Story {
    fn new(is_new: bool) -> Self {
        let follower = Follower::new(FollowerConfig {
            pod: ObjectRef {
                kind: GroupKind::new("", "Pod"),
                namespace: "n".into(),
                name: "p".into(),
                uid: "u".into(),
            },
            container: "c".into(),
            is_new,
            tail: (!is_new).then_some(10),
            since: None,
            seed: 7,
        });
        Self {
            follower,
            now: Duration::ZERO,
            notices: Vec::new(),
        }
    }

    /// What it answers: `open…`, `ask`, lines as they are, `! Code` for a notice.
    fn told(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(action) = self.follower.next_action() {
            match action {
                Action::Open(params) => told.push(format!("open{}", query(&params))),
                Action::Probe(params) => told.push(format!("probe{}", query(&params))),
                Action::Close => told.push("close".to_owned()),
                Action::AskStatus => told.push("ask".to_owned()),
                Action::Emit(batch) => told.extend(batch.lines().map(|line| {
                    let (before, after) = (line.continuation, line.continues);
                    let marks = [if before { "…" } else { "" }, if after { "…" } else { "" }];
                    format!(
                        "{}{}{}",
                        marks[0],
                        String::from_utf8_lossy(line.text),
                        marks[1]
                    )
                })),
                Action::Notice(notice) => {
                    told.push(format!("! {:?}", notice.code));
                    self.notices.push(notice);
                }
                Action::Done => told.push("done".to_owned()),
            }
        }
        told
    }

    fn status(&mut self, view: ContainerView) -> Vec<String> {
        self.follower.status(view, self.now);
        self.told()
    }

    fn answer(&mut self, view: ContainerView) -> Vec<String> {
        self.follower.answer(view, self.now);
        self.told()
    }

    fn bytes(&mut self, text: &str) -> Vec<String> {
        self.follower
            .opened("2026-11-24T00:01:00Z".parse().ok(), self.now);
        self.follower.bytes(Bytes::copy_from_slice(text.as_bytes()));
        self.told()
    }

    fn end(&mut self, end: End) -> Vec<String> {
        self.follower.end(end, self.now);
        self.told()
    }

    fn lost(&mut self) -> Vec<String> {
        self.end(End::Lost("reset".to_owned()))
    }

    fn refused(&mut self, status: u16, kind: &str, message: &str) -> Vec<String> {
        self.end(End::Refused(Refused {
            status,
            kind: kind.to_owned(),
            message: message.to_owned(),
            ..Refused::default()
        }))
    }

    /// Lets time go to the deadline.
    fn wait(&mut self) -> Vec<String> {
        self.now = self.follower.deadline().expect("a deadline").max(self.now);
        self.follower.timer(self.now);
        self.told()
    }

    /// Lets time go until there is something to do.
    fn wait_long(&mut self) -> Vec<String> {
        for _ in 0..10 {
            let told = self.wait();
            if !told.is_empty() {
                return told;
            }
        }
        panic!("nothing happens");
    }

    /// A whole response, as recorded.
    fn replay(&mut self, recording: &str) -> Vec<String> {
        self.follower.opened(None, self.now);
        for chunk in chunks(recording) {
            self.follower.bytes(Bytes::from(chunk.into_bytes()));
        }
        self.told()
    }
}

fn query(params: &OpenParams) -> String {
    let mut query = String::new();
    for (is, word) in [(params.follow, " follow"), (params.previous, " previous")] {
        query.push_str(if is { word } else { "" });
    }
    if let Some(tail) = params.tail_lines {
        query.push_str(&format!(" tail {tail}"));
    }
    if let Some(since) = params.since_time {
        query.push_str(&format!(" since {since}"));
    }
    query
}

fn chunks(recording: &str) -> Vec<String> {
    let lines = recording
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter_map(|line: Value| line["text"].as_str().map(str::to_owned))
        .collect()
}

fn run(id: &str, restart: i32, running: bool) -> Instance {
    let second = 60 + i64::from(restart) * 20;
    let at = |second| Timestamp::from_second(1_795_478_400 + second).ok();
    Instance {
        id: id.into(),
        restart,
        started_at: at(second),
        finished_at: at(second + 15).filter(|_| !running),
        running,
    }
}

fn view(current: Option<Instance>, last: Option<Instance>) -> ContainerView {
    ContainerView {
        current,
        last,
        ..ContainerView::default()
    }
}

fn running() -> ContainerView {
    view(Some(run("A", 0, true)), None)
}

fn ended() -> ContainerView {
    view(Some(run("A", 0, false)), None)
}

fn finished() -> ContainerView {
    ContainerView {
        pod: PodState::Finished,
        ..ended()
    }
}

const ONE: &str = "2026-11-24T00:01:07.100000000Z one\n";
const TWO: &str = "2026-11-24T00:01:07.900000000Z two\n";

/// A follower that has read the first line.
fn reading() -> Story {
    let mut story = Story::new(true);
    assert_eq!(story.status(running()), ["open follow"]);
    assert_eq!(story.bytes(ONE), ["one"]);
    story
}

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
    let first = story.replay(include_str!("../testdata/restart.follow-1.jsonl"));
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
        story.replay(include_str!("../testdata/restart.follow-2.jsonl")),
        [""; 0]
    );
    assert_eq!(story.end(End::Clean), ["ask"]);
    // Known to have ended it is read without following, which brings nothing new.
    assert_eq!(story.answer(ended()), ["open since 2026-11-24T00:01:10Z"]);
    assert_eq!(
        story.replay(include_str!("../testdata/restart.follow-2.jsonl")),
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
    let lines = story.replay(include_str!("../testdata/kubelet-term.follow.jsonl"));
    assert_eq!(lines.len(), 17);
    assert_eq!(story.end(End::Clean), ["ask"]);
    story.answer(running());
    assert_eq!(story.wait(), ["ask"]);
    story.answer(running());
    for (n, line) in include_str!("../testdata/kubelet-term.responses.jsonl")
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

/// Recording 15: a line of stderr between the pieces of a long line.
#[test]
fn a_long_line_with_another_inside_is_told_as_it_comes() {
    let mut story = Story::new(true);
    story.status(running());
    let recording = include_str!("../testdata/longpartial.follow.jsonl");
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
    let recording = include_str!("../testdata/partial.follow.jsonl");
    assert_eq!(story.replay(recording), ["prompt> answer"]);
    assert_eq!(story.end(End::Clean), ["ask"]);
    story.answer(finished());
    assert_eq!(story.replay(recording), [""; 0]);
    assert_eq!(story.end(End::Clean), ["last words", "done"]);
}

/// Recording 12, `steady`: a read while the file is rotated.
#[test]
fn what_the_kubelet_says_is_no_line() {
    let recording = include_str!("../testdata/steady.since.jsonl");
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

/// Recording 03: beside a run that ended, the one before is removed already.
#[test]
fn a_run_that_was_removed_is_told_once() {
    let bodies: Vec<Value> = include_str!("../testdata/crash-loop.responses.jsonl")
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

/// A log of 130 KiB that begins so many seconds after the run, and takes `span` seconds.
fn flood(begins: i64, span: i64) -> String {
    let line = |n: i64| {
        let nanos = (1_795_478_460 + begins) * 1_000_000_000 + n * span * 1_000_000;
        let time = Timestamp::from_nanosecond(i128::from(nanos)).unwrap();
        format!("{time:.9} {}\n", "x".repeat(100))
    };
    (0..1000).map(line).collect()
}

#[test]
fn a_log_that_is_opened_late_and_grows_fast_may_have_lost_its_beginning() {
    for (opened, begins, span, is_told) in [
        ("2026-11-24T00:01:30Z", 24, 2, true),
        // It begins with the run.
        ("2026-11-24T00:01:30Z", 1, 2, false),
        // It would not have been rotated, and neither would a stack trace after a silence.
        ("2026-11-24T00:01:30Z", 24, 60, false),
        ("2026-11-24T00:01:30Z", 24, 0, false),
        // It was silent until then.
        ("2026-11-24T00:01:01Z", 24, 2, false),
    ] {
        let mut story = Story::new(true);
        story.status(running());
        story.follower.opened(opened.parse().ok(), story.now);
        story.follower.bytes(Bytes::from(flood(begins, span)));
        assert_eq!(
            story.told().len(),
            1000 + usize::from(is_told),
            "{opened} {begins} {span}"
        );
        assert_eq!(story.notices.len(), usize::from(is_told));
    }
}

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
fn a_file_that_is_rotated_before_the_last_read_is_no_loss_while_it_was_followed() {
    let mut story = reading();
    story.follower.finish(story.now);
    assert_eq!(story.told(), ["close", "open since 2026-11-24T00:01:06Z"]);
    story.bytes("");
    assert_eq!(story.end(End::Clean), ["! LinesMissing", "done"]);
    assert_eq!(story.notices[0].level, Level::Debug);
}

/// Restart `restart` of the container: runs, or has ended.
fn nth(restart: i32, running: bool) -> Instance {
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
        assert_eq!(story.lost(), [""; 0], "{n}");
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

#[test]
fn a_node_without_inotify_is_polled() {
    let mut story = reading();
    story.bytes("failed to create fsnotify watcher: too many open files");
    assert_eq!(story.end(End::Clean), ["! Other"]);
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

/// What the Go original does wrong, one test each: it forgets a stream when it ends and
/// begins again at the next update of the pod, reads the dead run once more in each
/// back-off, and knows lines by their second.
mod original {
    use super::*;

    /// Carries out what the follower wants, of a pod that says `view` and whose log is `log`,
    /// until it wants nothing more; the lines that it gives out.
    fn lines(
        story: &mut Story,
        mut told: Vec<String>,
        view: &ContainerView,
        log: &str,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        for _ in 0..20 {
            let Some(last) = told.last().cloned() else {
                break;
            };
            lines.extend(told.drain(..).filter(|told| {
                !["open", "ask", "done"]
                    .iter()
                    .any(|word| told.starts_with(word))
            }));
            told = if last.starts_with("open") {
                let mut told = story.bytes(log);
                told.extend(story.end(End::Clean));
                told
            } else if last == "ask" {
                story.answer(view.clone())
            } else {
                break;
            };
            if told.is_empty() && !story.follower.is_idle() {
                told = story.wait();
            }
        }
        lines
    }

    #[test]
    fn a_finished_init_container_is_not_read_again_at_each_update_of_the_pod() {
        let mut story = Story::new(true);
        let told = story.status(ended());
        assert_eq!(
            lines(&mut story, told, &ended(), &format!("{ONE}{TWO}")),
            ["one", "two"]
        );
        for _ in 0..10 {
            assert_eq!(story.status(ended()), [""; 0]);
        }
    }

    #[test]
    fn a_back_off_does_not_read_the_dead_run_again() {
        let mut story = reading();
        let back_off = view(None, Some(run("A", 0, false)));
        let told = story.end(End::Clean);
        assert_eq!(
            lines(&mut story, told, &back_off, &format!("{ONE}{TWO}")),
            ["two"]
        );
        for _ in 0..10 {
            assert_eq!(story.status(back_off.clone()), [""; 0]);
        }
        let next = view(Some(run("B", 1, true)), Some(run("A", 0, false)));
        let told = story.status(next);
        assert!(
            told.len() == 1 && told[0].starts_with("open follow"),
            "{told:?}"
        );
    }

    #[test]
    fn a_connection_that_breaks_leaves_no_hole() {
        let mut story = reading();
        assert_eq!(story.lost(), ["ask"]);
        assert_eq!(
            story.answer(running()),
            ["open follow since 2026-11-24T00:01:06Z"]
        );
        let meanwhile = "2026-11-24T00:01:20.000000000Z three\n";
        assert_eq!(
            story.bytes(&format!("{ONE}{TWO}{meanwhile}")),
            ["two", "three"]
        );
    }

    #[test]
    fn lines_of_the_same_second_are_kept_even_if_they_are_equal() {
        let mut story = reading();
        let again = "2026-11-24T00:01:07.100000000Z one\n";
        story.lost();
        story.answer(running());
        assert_eq!(story.bytes(&format!("{ONE}{again}{TWO}")), ["one", "two"]);
    }
}
