//! One writer for everything that goes to standard output.

use std::{io::Write, time::Duration};

/// How much may wait for a slow reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Bytes that wait in memory; what is more goes to a file.
    pub memory: u64,
    /// Bytes that wait in all; from then on [`Output::ready`] waits.
    pub total: u64,
}

impl Default for SpoolLimits {
    fn default() -> Self {
        Self {
            memory: 32 << 20,
            total: 1 << 30,
        }
    }
}

/// What the output has to say about itself, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The reader is slow: what waits goes to a temporary file from here on.
    Spooling,
    /// As much waits as may: whoever asks [`Output::ready`] waits too.
    Full,
    /// Everything that waited is written.
    CaughtUp,
    /// The temporary file cannot be made or written; memory is all there is.
    NoSpool(String),
    /// Writing fails; what could not be written is lost.
    WriteFailed(String),
}

/// Writes on a thread of its own, so that a slow reader does not hold up whoever reads
/// from the cluster.
#[derive(Debug)]
pub struct Output {}

impl Output {
    /// To standard output.
    pub fn stdout(limits: SpoolLimits) -> Self {
        Self::to(Box::new(std::io::stdout()), limits)
    }

    /// To anything.
    pub fn to(_writer: Box<dyn Write + Send>, _limits: SpoolLimits) -> Self {
        Self {}
    }

    /// Hands over whole lines. It never waits for the reader.
    pub fn push(&self, _bytes: Vec<u8>) {}

    /// True once the reader has gone away.
    pub fn is_closed(&self) -> bool {
        false
    }

    /// Waits until the reader goes away; that shows at the next write.
    pub async fn closed(&self) {}

    /// Waits until all that was pushed so far is written. False if that takes longer.
    pub async fn flush(&self, _within: Duration) -> bool {
        true
    }

    /// Bytes that wait to be written.
    pub fn backlog(&self) -> u64 {
        0
    }

    /// Waits while as much waits as may.
    pub async fn ready(&self) {}

    /// What there is to say since the last time.
    pub fn take_news(&self) -> Vec<News> {
        Vec::new()
    }
}
