//! Whether a log that is opened late still begins with the first line of its run.
//!
//! The kubelet rotates a file that has grown too large, and looks for such files every ten
//! seconds unless told otherwise (`containerLogMaxSize`, `containerLogMonitorInterval`). Of
//! a log that is opened for the first time only the newest file is read.

use crate::reading::Reading;

const SECOND: i64 = 1_000_000_000;
/// What is opened sooner after the start, or begins sooner, was not rotated.
const LATE: i64 = 5 * SECOND;
/// Only a log that grows fast is rotated so soon: so many bytes
const MANY: usize = 64 << 10;
/// within so much of its time.
const FAST: i64 = 4 * SECOND;

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
    pub(super) fn is_known(&self) -> bool {
        self.bytes >= MANY
    }

    /// The first line, and after how many seconds the log was opened, if lines before it
    /// may be gone. `date` is when it was opened, in seconds.
    pub(super) fn missing(&self, reading: &Reading, date: Option<i64>) -> Option<(i64, i64)> {
        let (begins, opened) = (reading.begins()?, date? * SECOND);
        let is_late = opened - self.started >= LATE && begins - self.started >= LATE;
        let is_fast = reading.newest() - begins <= FAST;
        (is_late && is_fast).then_some((begins, (opened - self.started) / SECOND))
    }
}
