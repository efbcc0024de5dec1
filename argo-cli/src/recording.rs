//! A recording: everything that a run said, with the time at which it was said.
//!
//! It is NDJSON. The first line is the [`Header`]. After it, each line is one of three:
//!
//! | line | meaning |
//! |---|---|
//! | `{"at":1234}` | the lines that follow arrived 1234 ms after the start |
//! | `{"time":…,"kind":…}` | a record as in JSON output, whatever its level |
//! | `{"fact":…}` | a [`Fact`]: not a line on the screen, but in the reports |
//!
//! Container lines are recorded as they were written; one that is no UTF-8 has its bytes in
//! hexadecimal beside the text. Everything else is recorded as it was shown, which is without
//! credentials. A recording that was cut off is readable to its last whole line.

mod fact;
mod reader;
mod writer;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use fact::{ContainerFact, Fact, ObjectFact, Operation, PodFact, RunFact, SyncedObject};
pub use reader::{Entry, ReadError, Reader};
pub use writer::{Recorder, RecordingFile};

/// Version of the form of a recording.
pub const VERSION: u32 = 1;

/// The first line of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Always [`VERSION`].
    pub recording: u32,
    /// Start of the run.
    pub started: Timestamp,
    /// Name of the application.
    pub app: String,
    /// Namespace of the Application resource.
    pub namespace: String,
    /// Version of the program that recorded.
    pub program: String,
    /// The redaction that was on.
    pub redaction: Redaction,
}

/// The texts from which credentials were cut before they were recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Redaction {
    /// True if events, findings, notices, argocd's output and the verdict hold no credentials.
    pub messages: bool,
    /// True if the lines of containers hold no credentials.
    pub container_lines: bool,
}

impl Header {
    /// Describes a run of this program.
    pub fn new(app: &argo_core::AppRef, started: Timestamp) -> Self {
        Self {
            recording: VERSION,
            started,
            app: app.name.clone(),
            namespace: app.namespace.clone(),
            program: format!("argo-assistant {}", env!("CARGO_PKG_VERSION")),
            redaction: Redaction {
                messages: true,
                container_lines: false,
            },
        }
    }

    /// Names what the run is about: one application, or several.
    #[must_use]
    pub fn of(mut self, title: String) -> Self {
        self.app = title;
        self
    }
}

/// Returns a time as a recording keeps it: in whole milliseconds after the start.
pub fn arrival(started: Timestamp, now: Timestamp) -> Timestamp {
    at(started, since(started, now))
}

/// Returns the milliseconds from the start to `now`.
pub(crate) fn since(started: Timestamp, now: Timestamp) -> i64 {
    let millis = now.as_nanosecond().saturating_sub(started.as_nanosecond()) / 1_000_000;
    i64::try_from(millis).unwrap_or_default().max(0)
}

/// Returns the time so many milliseconds after the start.
pub(crate) fn at(started: Timestamp, millis: i64) -> Timestamp {
    let nanos = started.as_nanosecond() + i128::from(millis) * 1_000_000;
    Timestamp::from_nanosecond(nanos).unwrap_or(started)
}

#[cfg(test)]
#[path = "recording_tests.rs"]
mod tests;
