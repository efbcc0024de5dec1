//! One rule each, with the bytes of recordings where there are some.

mod finish;
mod go_original;
mod holes;
mod lines;
mod polled;
mod refusals;
mod resume;
mod rotated_line;
mod runs;
mod silence;

use argo_core::{GroupKind, Level, Notice, NoticeCode, ObjectRef};
use serde_json::Value;

use super::*;
use crate::{OpenParams, PodState, Refused, Run, reader::CAP};

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
            last_read: Duration::ZERO,
            seed: 7,
        });
        Self {
            follower,
            now: Duration::ZERO,
            notices: Vec::new(),
        }
    }

    /// The follower's actions: `open…`, `ask`, lines as they are, `! Code` for a notice.
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
                Action::Missing(hole) => told.push(missing(&hole)),
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

/// `? 00:01:07.1 to 00:01:15 of 0`
fn missing(hole: &Hole) -> String {
    let time = |nanos: i64| {
        Timestamp::from_nanosecond(nanos.into())
            .unwrap()
            .to_string()
    };
    let until = hole.until.map_or_else(|| "now".to_owned(), time);
    let is_left_out = hole.until.is_some() && hole.behind == hole.until;
    let behind = if is_left_out { ", left out," } else { "" };
    let open = if hole.is_open { " open" } else { "" };
    let code = hole.notice.as_ref().map(|notice| notice.code);
    let code = code.map_or_else(String::new, |code| format!(" {code:?}"));
    let line = format!(
        "?{open} {} to {until}{behind} of {}{code}",
        time(hole.from),
        hole.restart
    );
    line.replace("2026-11-24T", "")
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

fn run(id: &str, restart: i32, running: bool) -> Run {
    let second = 60 + i64::from(restart) * 20;
    let at = |second| Timestamp::from_second(1_795_478_400 + second).ok();
    Run {
        id: id.into(),
        restart,
        started_at: at(second),
        finished_at: at(second + 15).filter(|_| !running),
        running,
    }
}

fn view(current: Option<Run>, last: Option<Run>) -> ContainerView {
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
