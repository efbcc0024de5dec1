//! The sentences about what cannot be known or read.

use argo_core::{Level, Notice, NoticeCode};
use jiff::Timestamp;

use super::FollowerConfig;
use crate::Instance;

impl FollowerConfig {
    pub(super) fn notice(
        &self,
        code: NoticeCode,
        level: Level,
        message: impl Into<String>,
    ) -> Notice {
        let mut notice = Notice::new(code, level, message).about(self.pod.clone());
        notice.container = Some(self.container.to_string());
        notice
    }

    pub(super) fn missing(&self, what: impl Into<String>) -> Notice {
        self.notice(NoticeCode::LinesMissing, Level::Warning, what)
    }

    /// The same, where nearly always nothing is missing: for who looks closely.
    pub(super) fn doubtful(&self, what: impl Into<String>, in_doubt: bool) -> Notice {
        let mut notice = self.missing(what);
        if in_doubt {
            notice.level = Level::Debug;
        }
        notice
    }
}

pub(super) fn rotated(after: i64, before: Option<i64>) -> String {
    let range = match before {
        Some(before) => format!("between {} and {}", clock(after), clock(before)),
        None => format!("after {}", clock(after)),
    };
    format!("lines may be missing {range}: the log was rotated before it was read on")
}

pub(super) fn begins_late(first: i64, seconds: i64) -> String {
    format!(
        "lines before {} may be missing: the log could be read only {seconds} s after the start, \
         and grows so fast that its file may have been rotated",
        clock(first)
    )
}

pub(super) fn repeated(from: i64, to: i64) -> String {
    format!(
        "lines from {} on may come twice: the log went back from {}",
        clock(to),
        clock(from)
    )
}

/// Runs that nobody could read, told by how many restarts came before the first and the
/// last of them.
pub(super) fn lost(first: i32, last: i32) -> String {
    match last - first {
        0 => format!(
            "{} ended before it could be read; its log is gone",
            run(first)
        ),
        more => format!(
            "{} runs ({} to {}) ended before they could be read; their logs are gone",
            more + 1,
            short(first),
            short(last)
        ),
    }
}

/// `is_tail`: what was shown may have been the tail of a run that nobody knew of yet.
pub(super) fn end_unread(instance: &Instance, shown: usize, is_tail: bool) -> String {
    let restarts = instance.restart;
    match shown {
        0 => lost(restarts, restarts),
        _ if is_tail => format!(
            "lines of {} and of the next one may be missing or come twice: its log is gone",
            run(restarts)
        ),
        _ => format!(
            "the last lines of {} may be missing: its log is gone",
            run(restarts)
        ),
    }
}

fn run(restarts: i32) -> String {
    match restarts {
        0 => "the first run".to_owned(),
        _ => format!("the run {}", short(restarts)),
    }
}

fn short(restarts: i32) -> String {
    match restarts {
        0 => "the first".to_owned(),
        _ => format!("after restart {restarts}"),
    }
}

/// The time of day to the millisecond, as a log has it.
fn clock(nanos: i64) -> String {
    Timestamp::from_nanosecond(i128::from(nanos))
        .map_or_else(|_| nanos.to_string(), |time| format!("{time:.3}"))
}
