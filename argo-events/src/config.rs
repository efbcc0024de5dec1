//! The settings of an event stream.

use std::time::Duration;

use jiff::Timestamp;

use crate::LevelOverrides;

/// Settings of an [`EventStream`](crate::EventStream) or a [`snapshot`](crate::snapshot()).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EventConfig {
    /// Events that last happened earlier are marked as
    /// [`before_start`](crate::EventRecord::before_start). Default now.
    pub since: Timestamp,
    /// Levels that replace the built-in ones. Default none.
    pub overrides: LevelOverrides,
    /// An event that repeats is reported again after this time at the earliest; repeats in
    /// between are counted. Default one minute.
    pub repeat_after: Duration,
    /// An event whose object is not tracked is dropped after this time, and an object that
    /// was removed still gets its events for as long. Default 30 s.
    pub wait: Duration,
    /// Above this number of events that wait for their object, the oldest is dropped.
    /// Default 4096.
    pub max_pending: usize,
}

impl Default for EventConfig {
    fn default() -> Self {
        Self {
            since: Timestamp::now(),
            overrides: LevelOverrides::default(),
            repeat_after: Duration::from_secs(60),
            wait: Duration::from_secs(30),
            max_pending: 4096,
        }
    }
}

impl EventConfig {
    /// Sets [`since`](Self::since).
    #[must_use]
    pub const fn since(mut self, since: Timestamp) -> Self {
        self.since = since;
        self
    }

    /// Sets [`overrides`](Self::overrides).
    #[must_use]
    pub fn overrides(mut self, overrides: LevelOverrides) -> Self {
        self.overrides = overrides;
        self
    }

    /// Sets [`repeat_after`](Self::repeat_after).
    #[must_use]
    pub const fn repeat_after(mut self, repeat_after: Duration) -> Self {
        self.repeat_after = repeat_after;
        self
    }

    /// Sets [`wait`](Self::wait).
    #[must_use]
    pub const fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Sets [`max_pending`](Self::max_pending).
    #[must_use]
    pub const fn max_pending(mut self, max_pending: usize) -> Self {
        self.max_pending = max_pending;
        self
    }
}
