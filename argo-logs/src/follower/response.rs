//! A response that is requested or open.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    drain::{DrainPass, PassLines},
    request::Request,
    run::ReadRun,
    start_check::StartCheck,
    watchdog::Watchdog,
};
use crate::{OpenParams, reader::ResponseReader};

const SECOND: i64 = 1_000_000_000;
/// A log whose last line is at most this many seconds old is busy.
const RECENT: i64 = 30;
/// A response that lived this long worked.
const WORKED: Duration = Duration::from_secs(30);
/// A follow that ends sooner ended with the log as it was.
const AT_ONCE: Duration = Duration::from_secs(1);
/// If nothing came for this long, the log was empty when it was opened.
const SETTLED: Duration = Duration::from_secs(1);

/// The one response of a container.
#[derive(Debug)]
pub(super) struct OpenResponse {
    pub(super) params: OpenParams,
    pub(super) reader: ResponseReader,
    /// True if the response has to bring the last printed line again.
    pub(super) is_tied: bool,
    /// Time of the request.
    requested: Duration,
    head: Option<Head>,
    /// Set for the first response of a run until the check is done.
    start_check: Option<StartCheck>,
    pub(super) watchdog: Watchdog,
}

/// The head of the answer (200).
#[derive(Clone, Copy, Debug)]
struct Head {
    /// Time of the answer, in seconds of the server's clock.
    date: Option<i64>,
}

impl OpenResponse {
    pub(super) fn new(
        request: Request,
        start_check: Option<StartCheck>,
        requested: Duration,
        watchdog: Watchdog,
    ) -> Self {
        Self {
            is_tied: request.reader.unseen().is_some(),
            params: request.params,
            reader: request.reader,
            requested,
            head: None,
            start_check,
            watchdog,
        }
    }

    /// Judges a response of `run` by itself. `is_clean` is true if it ended cleanly with the
    /// log, `is_last` if there cannot be another run.
    pub(super) fn pass(&mut self, run: &mut ReadRun, is_clean: bool, is_last: bool) -> DrainPass {
        if let Some(before) = &mut run.reader {
            self.reader.complete_from(before);
        }
        let reader = &self.reader;
        // A run that ends or is followed by another one meanwhile is requested otherwise.
        let is_same = run.previous == self.params.previous && run.ended_like(reader);
        let lines = if reader.is_foreign() {
            PassLines::Foreign
        } else if is_clean && is_same && reader.printed() == 0 {
            PassLines::None
        } else {
            PassLines::Some
        };
        DrainPass {
            lines,
            has_tail: reader.has_tail(),
            is_proven: self.is_tied && reader.unseen().is_none(),
            is_last,
        }
    }

    /// True once the head of the answer came.
    pub(super) fn has_begun(&self) -> bool {
        self.head.is_some()
    }

    /// Takes the head of the answer. `newest` is the time of the newest printed line.
    pub(super) fn begin(&mut self, date: Option<Timestamp>, newest: Option<i64>, now: Duration) {
        let date = date.map(Timestamp::as_second);
        self.head = Some(Head { date });
        let is_recent = match (date, newest) {
            (Some(date), Some(newest)) => date - newest.div_euclid(SECOND) <= RECENT,
            _ => false,
        };
        let resumes = self.params.follow && self.is_tied;
        self.watchdog.begin(resumes && is_recent, now);
    }

    /// Counts bytes that came. Returns the time of the first line, and the seconds from the
    /// start of the run until the log was opened, if lines before it may be gone.
    pub(super) fn begins_late(&mut self, bytes: usize) -> Option<(i64, i64)> {
        let check = self.start_check.as_mut()?;
        check.feed(bytes);
        if !check.is_ready(&self.reader) {
            return None;
        }
        let check = self.start_check.take()?;
        check.missing(&self.reader, self.date())
    }

    /// True if the response brought new lines, or lived long.
    pub(super) fn has_worked(&self, now: Duration) -> bool {
        let has_lived = self.has_begun() && self.params.follow && self.lived(now) >= WORKED;
        self.reader.printed() > 0 || has_lived
    }

    /// Returns the time at which the log was empty, in seconds of the server's clock.
    pub(super) fn empty_at(&self, now: Duration) -> Option<i64> {
        let has_settled = self.lived(now) >= SETTLED;
        let is_empty = has_settled && self.reader.is_empty();
        self.date().filter(|_| is_empty)
    }

    /// True for a follow that ended as a read without following does.
    pub(super) fn ended_at_once(&self, now: Duration) -> bool {
        self.params.follow && self.lived(now) < AT_ONCE
    }

    fn lived(&self, now: Duration) -> Duration {
        now.saturating_sub(self.requested)
    }

    fn date(&self) -> Option<i64> {
        self.head?.date
    }
}
