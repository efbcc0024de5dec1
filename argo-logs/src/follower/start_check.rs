//! Checks whether a log that is opened late still begins with the first line of its run.
//!
//! The kubelet rotates a file that has grown too large (`containerLogMaxSize`, 10 MiB by
//! default), and looks for such files every ten seconds (`containerLogMonitorInterval`).
//! The first request for a log reads the newest file only. Only the speed at which the log
//! grows tells whether that file is the first one.

use crate::reader::ResponseReader;

const SECOND: i64 = 1_000_000_000;
/// Nanoseconds; a log opened sooner after the start, or that begins sooner, was not rotated.
const LATE: i64 = 5 * SECOND;
/// Nanoseconds of log time from which the speed is measured: longer than any stack trace
/// takes.
const SPAN: i64 = SECOND;
/// Bytes; if less than this was written before the first line, the file was not rotated. What
/// writes as much within [`SPAN`] is no stack trace.
const FILE: i64 = 1 << 20;

/// The first response of a run, until the check is done.
#[derive(Debug)]
pub(super) struct StartCheck {
    started: i64,
    bytes: usize,
}

impl StartCheck {
    /// Checks the log of a run that began at `started` (nanoseconds).
    pub(super) fn new(started: i64) -> Self {
        Self { started, bytes: 0 }
    }

    /// Counts bytes of the response.
    pub(super) fn feed(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// True once enough of the log came to judge it.
    pub(super) fn is_ready(&self, reader: &ResponseReader) -> bool {
        // A program that writes all it has in bursts may be silent after the last one.
        let is_much = i64::try_from(self.bytes).is_ok_and(|bytes| bytes >= FILE);
        let begins = reader.begins();
        begins.is_some_and(|begins| is_much || reader.newest().saturating_sub(begins) >= SPAN)
    }

    /// Returns the time of the first line, and the seconds from the start of the run to
    /// `date` (when the log was opened, in seconds), if lines before it may be gone.
    pub(super) fn missing(&self, reader: &ResponseReader, date: Option<i64>) -> Option<(i64, i64)> {
        let (begins, opened) = (reader.begins()?, date? * SECOND);
        let (silence, lateness) = (begins - self.started, opened - self.started);
        let millis = (reader.newest() - begins) / 1_000_000;
        let rate = i64::try_from(self.bytes).ok()? * 1000 / millis.max(1);
        let is_long = rate.saturating_mul(silence / SECOND) >= FILE;
        let is_late = lateness >= LATE && silence >= LATE;
        (is_late && is_long).then_some((begins, lateness / SECOND))
    }
}
