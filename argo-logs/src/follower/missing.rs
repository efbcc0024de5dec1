//! Tells which part of a log a report is about, for a second source.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Follower,
    hole::{Hole, SecondSource},
    notices::{Report, Trouble},
};
use crate::reader::nanos;

const SECOND: i64 = 1_000_000_000;
/// Nanoseconds before the follower began, of a log of which only the last lines are wanted: a
/// node's clock need not agree with ours.
const TAIL: i64 = 10 * SECOND;

impl Follower {
    /// Makes the follower tell which lines are missing, for a second source:
    /// [`Action::Missing`](super::Action::Missing) takes the place of the notice about them.
    /// The pod came into being at `created`; the time is `began`.
    #[must_use]
    pub fn with_second_source(mut self, created: Option<Timestamp>, began: Timestamp) -> Self {
        self.second = Some(SecondSource { created, began });
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
        let is_forgotten = |time| window.has_forgotten(time) && window.newest().is_some();
        let behind = until;
        let until = behind.map(|behind| match is_forgotten(behind) {
            true => behind,
            // The line behind the hole counts, since others may have its time.
            false => behind.saturating_add(1),
        });
        Hole {
            notice: None,
            from: from + i64::from(is_forgotten(from)),
            until,
            behind,
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
        let began = self.second.map(|second| nanos(second.began) - TAIL);
        let began = began.filter(|_| is_tail);
        let from = newest.filter(is_of_run).or(began).or(beginning)?;
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
