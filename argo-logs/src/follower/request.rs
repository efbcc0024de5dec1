//! The next request: where to begin, and which lines of the answer may be printed already.

use std::sync::Arc;

use jiff::Timestamp;

use super::{FollowerConfig, run::ReadRun};
use crate::{
    OpenParams,
    reader::{Entry, ResponseReader, RunId, Start, Window, nanos},
};

const SECOND: i64 = 1_000_000_000;

/// A request, and the reader for its answer.
pub(super) struct Request {
    pub(super) params: OpenParams,
    pub(super) reader: ResponseReader,
    /// True if the whole log is requested, and none of it was printed.
    pub(super) is_whole: bool,
}

/// The facts that a request depends on.
pub(super) struct RequestFacts<'a> {
    pub(super) config: &'a FollowerConfig,
    pub(super) run: &'a ReadRun,
    /// The open response, if the request is a probe.
    pub(super) open: Option<&'a ResponseReader>,
    pub(super) window: &'a Window,
    /// Start of the run behind this one, if that is known.
    pub(super) successor: Option<i64>,
}

impl RequestFacts<'_> {
    pub(super) fn request(&self, follow: bool) -> Request {
        let (params, start) = self.params(follow);
        let run = RunId {
            container_id: Arc::clone(&self.run.run.id),
            restart: self.run.run.restart,
        };
        let mut reader = ResponseReader::new(run, &start, self.run.bound(), self.window);
        let open = self.open.and_then(ResponseReader::beginning);
        reader.expect_positions(open.map_or_else(|| self.run.beginnings(), |open| vec![open]));
        let is_whole = matches!(start, Start::Fresh) && params.tail_lines.is_none();
        Request {
            params,
            reader,
            is_whole,
        }
    }

    fn params(&self, follow: bool) -> (OpenParams, Start) {
        let mut params = OpenParams {
            container: Arc::clone(&self.config.container),
            follow,
            previous: self.run.previous,
            since_time: None,
            tail_lines: None,
        };
        let printed = self.printed();
        let newest = self.window.newest_before(self.limit(printed));
        let is_tail = self.run.tail.is_some() && printed == 0;
        if is_tail {
            // If the log was empty when it was requested first, all of it is new.
            let empty_at = self.run.was_empty_at().and_then(|date| second(date - 1));
            params.since_time = empty_at.max(self.floored_since());
            params.tail_lines = self.config.tail.filter(|_| empty_at.is_none());
        } else if printed > 0 || newest.is_some_and(|newest| self.may_be_of_run(newest)) {
            params.since_time = newest.map(Window::since).and_then(second);
        }
        let newest = self.window.newest();
        let may_repeat = newest.is_some_and(|newest| self.may_be_of_run(newest));
        if printed == 0 && !self.run.is_rewound() && (is_tail || !may_repeat) {
            return (params, Start::Fresh);
        }
        let start = Start::Again {
            same_run: printed > 0,
            from: self.first_of_tail(),
            since: params.since_time.map(nanos),
        };
        (params, start)
    }

    /// Returns the time from which on lines cannot be this run's. The last printed line may
    /// be a later run's, if that was read before this one.
    fn limit(&self, printed: usize) -> Option<i64> {
        // The start is given in whole seconds: within that second lines may be of either run.
        // Once this run has printed lines, its newest one is among them.
        let slack = if printed > 0 { SECOND } else { 0 };
        let next = self.successor.map(|start| start + slack);
        self.run.bound().into_iter().chain(next).min()
    }

    fn may_be_of_run(&self, time: i64) -> bool {
        let started = self.run.run.started_at.map(nanos);
        started.is_none_or(|started| time >= started)
    }

    /// Number of printed lines of the run.
    fn printed(&self) -> usize {
        self.run.printed + self.open.map_or(0, ResponseReader::printed)
    }

    /// Returns the first printed line, if only the last lines of the log were wanted.
    fn first_of_tail(&self) -> Option<Entry> {
        let tail = self.run.tail?;
        tail.first.or(self.open.and_then(ResponseReader::first))
    }

    fn floored_since(&self) -> Option<Timestamp> {
        second(self.config.since?.as_second())
    }
}

fn second(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second).ok()
}
