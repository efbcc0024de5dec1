//! Parts of a log that the source does not have, and that a second source may have.

use std::sync::Arc;

use argo_core::Notice;
use jiff::Timestamp;

use super::{
    Follower,
    notices::{Report, Trouble},
};
use crate::reader::{SeenLines, nanos};

const SECOND: i64 = 1_000_000_000;

/// A part of a log that is missing.
#[derive(Clone, Debug)]
pub struct Hole {
    /// The notice about it; `None` if nobody knows whether anything is missing.
    pub(crate) notice: Option<Notice>,
    /// Time of the first line that may be missing, in nanoseconds since 1970.
    pub(crate) from: i64,
    /// The first time of which nothing is missing; `None` for the present.
    pub(crate) until: Option<i64>,
    /// Number of runs before the one whose lines are missing.
    pub(crate) restart: i32,
    /// The id of that run, if its end is missing: nothing of it was printed that is newer.
    pub(crate) run: Option<Arc<str>>,
    /// The lines that were printed lately.
    pub(crate) printed: SeenLines,
    /// True if later lines of the hole may still be written: the log cannot be read at present.
    pub(crate) is_open: bool,
}

/// The settings for a second source.
#[derive(Clone, Copy, Debug)]
pub(super) struct SecondSource {
    /// Time at which the pod came into being.
    created: Option<Timestamp>,
}

impl Follower {
    /// Makes the follower tell which lines are missing, for a second source:
    /// [`Action::Missing`](super::Action::Missing) takes the place of the notice about them.
    #[must_use]
    pub fn with_second_source(mut self, created: Option<Timestamp>) -> Self {
        self.second = Some(SecondSource { created });
        self
    }

    /// Returns the hole that a report is about, if a second source may have the lines.
    pub(super) fn hole(&self, report: &Report) -> Option<Hole> {
        let range = match report {
            Report::Gap(gap) if gap.in_doubt || gap.has_no_times() => None,
            Report::Gap(gap) => Some((gap.after, gap.before)),
            Report::BeginsLate { first, .. } => self.beginning().map(|from| (from, Some(*first))),
            Report::EndLost { in_doubt: true, .. } => None,
            Report::EndLost { .. } => self.unread(),
            Report::RunsLost { .. } => self.between_runs(),
            Report::EndUnread => self.unread(),
            Report::Trouble(trouble, _) if trouble.keeps_the_log() => {
                self.unread().map(|(from, _)| (from, None))
            }
            _ => None,
        };
        let (from, until) = range.filter(|_| self.second.is_some())?;
        let restart = match report {
            Report::RunsLost { first, .. } => *first,
            Report::EndLost { restart, .. } => *restart,
            _ => self.runs.current().map_or(0, |run| run.run.restart),
        };
        let mut hole = self.hole_between(from, until, restart);
        hole.is_open = matches!(report, Report::Trouble(..));
        let is_end = matches!(
            report,
            Report::EndLost { .. } | Report::EndUnread | Report::Trouble(..)
        );
        let run = self.runs.current().filter(|_| is_end);
        hole.run = run.map(|run| Arc::clone(&run.run.id));
        Some(hole)
    }

    /// Returns the whole log of the current run, of a pod that left before any of it was read.
    pub(super) fn never_read(&self) -> Option<Hole> {
        self.second?;
        let Some(run) = self.runs.current() else {
            // The pod never told of a run.
            let from = self.beginning().filter(|_| self.runs.were_never_known())?;
            return Some(self.hole_between(from, None, 0));
        };
        let was_read = run.printed > 0 || run.reader.is_some() || run.is_complete();
        if was_read || run.run.never_started() {
            return None;
        }
        let (from, until) = self.unread()?;
        Some(Hole {
            run: Some(Arc::clone(&run.run.id)),
            ..self.hole_between(from, until, run.run.restart)
        })
    }

    fn hole_between(&self, from: i64, until: Option<i64>, restart: i32) -> Hole {
        let window = self.printed.window();
        // Lines that are no longer remembered would be shown twice.
        let is_forgotten = window.has_forgotten(from) && window.newest().is_some();
        Hole {
            notice: None,
            from: from + i64::from(is_forgotten),
            // The line behind the hole counts, since others may have its time.
            until: until.map(|until| until.saturating_add(1)),
            restart,
            run: None,
            printed: window.seen_lines(),
            is_open: false,
        }
    }

    /// Returns the start of the current run, or that of the pod.
    fn beginning(&self) -> Option<i64> {
        let started = self.runs.current().and_then(|run| run.run.started_at);
        let created = self.second.and_then(|second| second.created);
        started.or(created).or(self.config.since).map(nanos)
    }

    /// Returns the times from the last printed line of the current run to its end.
    fn unread(&self) -> Option<(i64, Option<i64>)> {
        let run = self.runs.current();
        let beginning = self.beginning();
        let newest = self.printed.window().newest();
        let is_of_run = |newest: &i64| beginning.is_none_or(|begin| *newest >= begin);
        let is_tail = run.is_some_and(|run| run.tail.is_some() && run.printed == 0);
        // Of a log of which only the last lines are wanted, nothing old is missing.
        let opened = is_tail.then(|| nanos(Timestamp::now()) - 10 * SECOND);
        let from = newest.filter(is_of_run).or(opened).or(beginning)?;
        // The end is given in whole seconds, and the last line is stamped a little later.
        let until = run.and_then(|run| run.bound());
        Some((from, until))
    }

    /// Returns the times from the last printed line of the run before to the current run.
    fn between_runs(&self) -> Option<(i64, Option<i64>)> {
        let run = self.runs.current()?;
        let until = run.run.started_at.map(nanos)?;
        let created = self.second.and_then(|second| second.created).map(nanos);
        let newest = self
            .printed
            .window()
            .newest()
            .filter(|newest| *newest <= until);
        Some((newest.or(created)?, Some(until + SECOND - 1)))
    }
}

impl Trouble {
    /// True if the log cannot be read while the trouble lasts.
    fn keeps_the_log(self) -> bool {
        matches!(
            self,
            Self::Unauthorized | Self::Forbidden | Self::Unavailable | Self::Unreadable
        )
    }
}
