//! Whether a log that is opened late still begins with the first line of its run.
//!
//! The kubelet rotates a file that has grown too large (`containerLogMaxSize`, 10 MiB unless
//! told otherwise), and looks for such files every ten seconds
//! (`containerLogMonitorInterval`). Of a log that is opened for the first time only the
//! newest file is read. That it is not the first one can only be told by how fast it grows.

use crate::reading::Reading;

const SECOND: i64 = 1_000_000_000;
/// What is opened sooner after the start, or begins sooner, was not rotated.
const LATE: i64 = 5 * SECOND;
/// So much of its time tells how fast it grows: a stack trace, however long, takes less.
const SPAN: i64 = SECOND;
/// If it grew so fast from the start, so many bytes are missing: fewer are not rotated.
const FILE: i64 = 1 << 20;

/// The first response of a run, as far as it matters here.
#[derive(Debug)]
pub(super) struct Beginning {
    started: i64,
    bytes: usize,
}

impl Beginning {
    /// Of a run that began at `started` (nanoseconds).
    pub(super) fn new(started: i64) -> Self {
        Self { started, bytes: 0 }
    }

    /// More bytes of it came.
    pub(super) fn feed(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// True once enough came to tell.
    pub(super) fn is_known(&self, reading: &Reading) -> bool {
        let begins = reading.begins();
        begins.is_some_and(|begins| reading.newest().saturating_sub(begins) >= SPAN)
    }

    /// The first line, and after how many seconds the log was opened, if lines before it
    /// may be gone. `date` is when it was opened, in seconds.
    pub(super) fn missing(&self, reading: &Reading, date: Option<i64>) -> Option<(i64, i64)> {
        let (begins, opened) = (reading.begins()?, date? * SECOND);
        let (silence, lateness) = (begins - self.started, opened - self.started);
        let millis = (reading.newest() - begins) / 1_000_000;
        let rate = i64::try_from(self.bytes).ok()? * 1000 / millis.max(1);
        let is_long = rate.saturating_mul(silence / SECOND) >= FILE;
        let is_late = lateness >= LATE && silence >= LATE;
        (is_late && is_long).then_some((begins, lateness / SECOND))
    }
}
