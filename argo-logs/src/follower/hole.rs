//! Parts of a log that the source does not have, and that a second source may have.

use std::sync::Arc;

use argo_core::Notice;
use jiff::Timestamp;

use crate::reader::SeenLines;

/// A part of a log that is missing.
#[derive(Clone, Debug)]
pub struct Hole {
    /// The notice about it; `None` if nobody knows whether anything is missing.
    pub(crate) notice: Option<Notice>,
    /// Time of the first line that may be missing, in nanoseconds since 1970.
    pub(crate) from: i64,
    /// The first time of which nothing is missing; `None` for the present.
    pub(crate) until: Option<i64>,
    /// Time of the line behind the hole, or of the end of the run: a store that has a line of
    /// this time or later has come this far.
    pub(crate) behind: Option<i64>,
    /// Number of runs before the one whose lines are missing.
    pub(crate) restart: i32,
    /// The id of that run, if its end is missing: nothing of it was printed that is newer.
    pub(crate) run: Option<Arc<str>>,
    /// The lines that were printed lately.
    pub(crate) printed: SeenLines,
    /// True if later lines of the hole may still be written: the log cannot be read at present.
    pub(crate) is_open: bool,
}

impl Hole {
    /// Returns the first time that a store need not be asked for: it is asked for the line behind
    /// the hole, too.
    pub(crate) fn read_until(&self) -> Option<i64> {
        let behind = self.behind.map(|behind| behind.saturating_add(1));
        self.until
            .map(|until| behind.map_or(until, |behind| behind.max(until)))
    }
}

/// The settings for a second source.
#[derive(Clone, Copy, Debug)]
pub(super) struct SecondSource {
    /// Time at which the pod came into being.
    pub(super) created: Option<Timestamp>,
    /// Time at which the follower began.
    pub(super) began: Timestamp,
}
