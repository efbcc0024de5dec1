//! The times at which a live object is read again.

use std::time::Duration;

use argo_core::text::duration::between;
use jiff::Timestamp;

/// Objects that are asked for in one look.
pub(super) const AT_ONCE: usize = 4;
/// Time for which a resource may be unhealthy without being read: most become healthy at
/// once.
const FIRST: Duration = Duration::from_secs(2);
/// The shortest and the longest pause between two reads of one object.
const SOON: Duration = Duration::from_secs(5);
const LATE: Duration = Duration::from_secs(30);
/// The pause between two reads of an object of which there is news.
const HURRIED: Duration = Duration::from_secs(1);

/// The reads of one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Schedule {
    reads: u32,
    asked: Option<Timestamp>,
    answered: Option<Timestamp>,
    is_open: bool,
    /// True if there is news of the object.
    is_hurried: bool,
}

impl Schedule {
    /// True if the object should be read at `now`; `since` is the start of its present state.
    pub(super) fn is_due(&self, since: Timestamp, now: Timestamp) -> bool {
        let Some(asked) = self.asked else {
            return between(since, now) >= FIRST;
        };
        if self.is_hurried && !self.is_open {
            return between(asked, now) >= HURRIED;
        }
        let pause = SOON.saturating_mul(1 << self.reads.min(4)).min(LATE);
        // A read that is never answered does not stop all others.
        let pause = if self.is_open { 2 * LATE } else { pause };
        between(asked, now) >= pause
    }

    pub(super) fn asked(&mut self, now: Timestamp) {
        (self.asked, self.is_open, self.is_hurried) = (Some(now), true, false);
    }

    pub(super) fn hurry(&mut self) {
        self.is_hurried = true;
    }

    /// True if the object was read at `since` or later.
    pub(super) fn is_answered_since(&self, since: Timestamp) -> bool {
        self.answered.is_some_and(|answered| answered >= since)
    }

    pub(super) fn answered(&mut self, now: Timestamp) {
        self.reads = self.reads.saturating_add(1);
        (self.asked, self.answered, self.is_open) = (Some(now), Some(now), false);
    }

    /// Begins anew: the state of the resource has changed.
    pub(super) fn restart(&mut self) {
        (self.reads, self.is_hurried) = (0, true);
    }
}
