//! The sentences about lines that cannot be known or read.

use std::collections::HashSet;

use argo_core::{Level, Notice, NoticeCode, ObjectRef, text::redacted};
use jiff::Timestamp;

use super::{FollowerConfig, gap::Gap};

/// The message about a log whose last read did not come to its end.
pub(crate) const END_UNREAD: &str =
    "the last lines may be missing: the log could not be read to its end in time";

/// An event worth a notice.
#[derive(Clone, Debug)]
pub(super) enum Report {
    /// Lines may be missing between two responses.
    Gap(Gap),
    /// The first line of a log comes `seconds` after the start of a run that writes fast.
    BeginsLate { first: i64, seconds: i64 },
    /// A response went back to this time, further than lines are remembered.
    Repeated { since: i64 },
    /// Runs that came and went unread, by the number of restarts before the first and the
    /// last of them.
    RunsLost { first: i32, last: i32 },
    /// The log of a run is gone before it was read to its end.
    EndLost {
        restart: i32,
        printed: usize,
        /// True if the printed lines may be the tail of a run that was not known yet.
        is_tail: bool,
        /// True if it is in doubt whether anything is missing.
        in_doubt: bool,
    },
    /// A tail was cut off the log of a run that was not known yet.
    NextBeginLost,
    /// The last read did not come to its end in time.
    EndUnread,
    /// A trouble, which is reported once.
    Trouble(Trouble, String),
    /// The log can be read again.
    Restored,
}

/// A trouble with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Trouble {
    Waiting,
    Unauthorized,
    Forbidden,
    Unavailable,
    /// The API server cannot be reached.
    Lost,
    Unreadable,
    Polling,
}

/// Makes notices of reports, each trouble once.
#[derive(Debug)]
pub(super) struct Reports {
    pod: ObjectRef,
    container: String,
    /// Troubles with a notice.
    reported: HashSet<Trouble>,
    /// The lost end of a run, of which nothing needs to be said unless the log can be read again.
    unsaid: Option<Report>,
}

impl Reports {
    pub(super) fn new(config: &FollowerConfig) -> Self {
        Self {
            pod: config.pod.clone(),
            container: config.container.to_string(),
            reported: HashSet::new(),
            unsaid: None,
        }
    }

    /// True while a report says that the log cannot be read at the moment.
    fn is_unreachable(&self) -> bool {
        [Trouble::Unavailable, Trouble::Unauthorized, Trouble::Lost]
            .iter()
            .any(|trouble| self.reported.contains(trouble))
    }

    /// True while reading the log is forbidden.
    pub(super) fn is_forbidden(&self) -> bool {
        self.reported.contains(&Trouble::Forbidden)
    }

    /// Keeps the loss of a run's end for the time when the log can be read again: until then the
    /// report that it cannot be read says as much.
    pub(super) fn keep_back(&mut self, lost: Report) {
        if self.is_unreachable() {
            self.unsaid = Some(lost);
        }
    }

    /// Returns the notice of a report, if it is worth one. Nothing else is worth a notice
    /// while reading the log is forbidden.
    pub(super) fn notice(&mut self, report: &Report) -> Option<Notice> {
        let was_forbidden = self.is_forbidden();
        // A log that could not be read before could not be read to its end either.
        if matches!(report, Report::EndUnread) && self.is_unreachable() {
            return None;
        }
        if let Report::Trouble(trouble, _) = report
            && !self.reported.insert(*trouble)
        {
            return None;
        }
        let (code, level) = report.kind();
        if was_forbidden && code != NoticeCode::Forbidden {
            return None;
        }
        let mut notice = Notice::new(code, level, report.message()).about(self.pod.clone());
        notice.container = Some(self.container.clone());
        Some(notice)
    }

    /// Forgets the troubles that are over once a log opens. Returns what is to be said of that.
    pub(super) fn restore(&mut self) -> Vec<Report> {
        let over = [
            Trouble::Unavailable,
            Trouble::Unauthorized,
            Trouble::Lost,
            Trouble::Forbidden,
        ];
        let before = self.reported.len();
        self.reported.retain(|trouble| !over.contains(trouble));
        if self.reported.len() == before {
            return Vec::new();
        }
        let lost = self.unsaid.take();
        [Report::Restored].into_iter().chain(lost).collect()
    }
}

impl Report {
    fn kind(&self) -> (NoticeCode, Level) {
        match self {
            Self::Gap(gap) => (NoticeCode::LinesMissing, doubtful(gap.in_doubt)),
            Self::EndLost {
                printed: 0,
                in_doubt,
                ..
            } => (NoticeCode::InstancesLost, doubtful(*in_doubt)),
            Self::EndLost { in_doubt, .. } => (NoticeCode::LinesMissing, doubtful(*in_doubt)),
            Self::RunsLost { .. } => (NoticeCode::InstancesLost, Level::Warning),
            Self::BeginsLate { .. }
            | Self::Repeated { .. }
            | Self::NextBeginLost
            | Self::EndUnread => (NoticeCode::LinesMissing, Level::Warning),
            Self::Trouble(trouble, _) => trouble.kind(),
            Self::Restored => (NoticeCode::Restored, Level::Info),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Gap(gap) => rotated(gap),
            Self::BeginsLate { first, seconds } => begins_late(*first, *seconds),
            Self::Repeated { since } => format!(
                "lines since {} may appear twice (the kubelet sent the log again)",
                clock(*since)
            ),
            Self::RunsLost { first, last } => runs_lost(*first, *last),
            Self::EndLost {
                restart,
                printed,
                is_tail,
                ..
            } => end_lost(*restart, *printed, *is_tail),
            Self::NextBeginLost => {
                "the first lines of the next run may be missing: it was not known yet".to_owned()
            }
            Self::EndUnread => END_UNREAD.to_owned(),
            Self::Trouble(trouble, text) => trouble.message(text),
            Self::Restored => "the log can be read again".to_owned(),
        }
    }
}

impl Trouble {
    fn kind(self) -> (NoticeCode, Level) {
        match self {
            Self::Waiting => (NoticeCode::LogUnreadable, Level::Info),
            Self::Unauthorized | Self::Unavailable => (NoticeCode::Unreachable, Level::Warning),
            Self::Forbidden => (NoticeCode::Forbidden, Level::Warning),
            Self::Unreadable => (NoticeCode::LogUnreadable, Level::Warning),
            Self::Lost => (NoticeCode::Disconnected, Level::Warning),
            Self::Polling => (NoticeCode::LogPolled, Level::Info),
        }
    }

    /// `text` is the answer of the server.
    fn message(self, text: &str) -> String {
        let text = redacted(text);
        match self {
            Self::Waiting if text.is_empty() => "the pod has no node yet".to_owned(),
            Self::Waiting => text.into_owned(),
            Self::Unauthorized | Self::Unavailable | Self::Lost => {
                format!("the log cannot be read now: {text}")
            }
            Self::Forbidden => format!("reading the log is forbidden: {text}"),
            Self::Unreadable => format!("the kubelet cannot read the log: {text}"),
            Self::Polling => format!("read every few seconds, not followed: {text}"),
        }
    }
}

/// Returns the level of a warning, or `Debug` where nearly always nothing is missing.
fn doubtful(in_doubt: bool) -> Level {
    if in_doubt {
        Level::Debug
    } else {
        Level::Warning
    }
}

fn rotated(gap: &Gap) -> String {
    if gap.has_no_times() {
        return "lines may be missing: the log was rotated between two reads".to_owned();
    }
    let range = match gap.before {
        Some(before) => format!("between {} and {}", clock(gap.after), clock(before)),
        None => format!("after {}", clock(gap.after)),
    };
    format!("lines may be missing {range}: the log was rotated before it was read on")
}

fn begins_late(first: i64, seconds: i64) -> String {
    format!(
        "lines before {} may be missing: the log could be read only {seconds} s after the start, \
         and grows so fast that its file may have been rotated",
        clock(first)
    )
}

fn runs_lost(first: i32, last: i32) -> String {
    if first == last {
        return format!(
            "{} ended before it could be read; its log is gone",
            run(first)
        );
    }
    format!(
        "{} runs ({} to {}) ended before they could be read; their logs are gone",
        last - first + 1,
        short(first),
        short(last)
    )
}

fn end_lost(restart: i32, printed: usize, is_tail: bool) -> String {
    match printed {
        0 => runs_lost(restart, restart),
        _ if is_tail => format!(
            "lines of {} and of the next one may be missing or appear twice: its log is gone",
            run(restart)
        ),
        _ => format!(
            "the last lines of {} may be missing: its log is gone",
            run(restart)
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

/// Formats a time to the millisecond.
fn clock(nanos: i64) -> String {
    Timestamp::from_nanosecond(i128::from(nanos))
        .map_or_else(|_| nanos.to_string(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use argo_core::GroupKind;

    use super::*;

    fn reports() -> Reports {
        Reports {
            pod: ObjectRef {
                kind: GroupKind::new("", "Pod"),
                namespace: "n".into(),
                name: "p".into(),
                uid: "u".into(),
            },
            container: "c".to_owned(),
            reported: HashSet::new(),
            unsaid: None,
        }
    }

    #[test]
    fn a_trouble_is_reported_once_until_it_is_over() {
        let mut reports = reports();
        let trouble = Report::Trouble(Trouble::Unavailable, "503".to_owned());
        assert!(reports.notice(&trouble).is_some());
        assert!(reports.notice(&trouble).is_none());
        assert!(!reports.restore().is_empty());
        assert!(reports.restore().is_empty());
        assert!(reports.notice(&trouble).is_some());
    }

    #[test]
    fn a_forbidden_log_is_worth_no_other_notice() {
        let mut reports = reports();
        let forbidden = Report::Trouble(Trouble::Forbidden, "no".to_owned());
        assert!(reports.notice(&forbidden).is_some());
        assert!(reports.notice(&Report::EndUnread).is_none());
        assert!(!reports.restore().is_empty());
        assert!(reports.notice(&Report::EndUnread).is_some());
    }

    #[test]
    fn the_end_of_an_unreachable_log_is_worth_no_second_notice() {
        for trouble in [Trouble::Unavailable, Trouble::Unauthorized, Trouble::Lost] {
            let mut reports = reports();
            assert!(reports.notice(&Report::EndUnread).is_some());
            let unreachable = Report::Trouble(trouble, "no".to_owned());
            assert!(reports.notice(&unreachable).is_some());
            assert!(reports.notice(&Report::EndUnread).is_none());
            reports.restore();
            assert!(reports.notice(&Report::EndUnread).is_some());
        }
    }

    #[test]
    fn lost_runs_are_named_by_their_restarts() {
        for (first, last, message) in [
            (
                0,
                0,
                "the first run ended before it could be read; its log is gone",
            ),
            (
                2,
                2,
                "the run after restart 2 ended before it could be read; its log is gone",
            ),
            (
                0,
                2,
                "3 runs (the first to after restart 2) ended before they could be read; \
                 their logs are gone",
            ),
        ] {
            assert_eq!(Report::RunsLost { first, last }.message(), message);
        }
    }
}
