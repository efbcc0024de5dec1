//! The settings of a log stream.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use regex::{Regex, bytes};

use crate::LogStore;

/// Lines shown first of a pod older than the rollout, if nothing else is set.
const TAIL: i64 = 10;

/// The settings of a [`LogStream`](crate::LogStream).
///
/// ```
/// use argo_logs::LogConfig;
///
/// let config = LogConfig::default().tail(100).replicas(2);
/// assert_eq!(config.replicas, Some(2));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogConfig {
    /// Lines shown first of a pod older than the rollout; a negative number means all.
    /// `None` means 10, or all where `since` is set. Everything of a new pod is shown.
    pub tail: Option<i64>,
    /// Lines of pods older than the rollout are shown from this time on.
    pub since: Option<Timestamp>,
    /// Only containers with a matching name are followed. The pattern may match anywhere
    /// in the name.
    pub containers: Option<Regex>,
    /// Containers with a matching name are not followed. The pattern may match anywhere in
    /// the name.
    pub exclude_containers: Option<Regex>,
    /// Only lines with a match are shown.
    pub include: Option<bytes::Regex>,
    /// Lines with a match are not shown.
    pub exclude: Option<bytes::Regex>,
    /// Beyond this many lines nothing more of a container of a pod is shown. A notice has
    /// the number of lines left out.
    pub max_lines_per_container: Option<u64>,
    /// Lines a second shown of a container of a pod, on average over a few seconds.
    /// Notices have the number of lines left out.
    pub rate: Option<u64>,
    /// New pods of a workload that are followed, and likewise older ones. A pod in which a
    /// container failed is always followed.
    pub replicas: Option<usize>,
    /// Requests that may wait for the head of an answer at one time. Default 16. A request
    /// that waits longer than two seconds does not count any more. Containers in a
    /// back-off, that ended with an error or that are not ready ask before others.
    pub concurrent_opens: usize,
    /// Time for the last reads of all containers together, once the pods have ended.
    /// Default 3 s.
    pub finish_within: Duration,
    /// A log store, which is asked for lines that the source does not have (any more).
    pub store: Option<Arc<dyn LogStore>>,
    /// A log store from which logs are read in place of the cluster; pods are still read there.
    pub instead: Option<Arc<dyn LogStore>>,
    /// Seed for the jitter of delays.
    pub seed: u64,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            tail: None,
            since: None,
            containers: None,
            exclude_containers: None,
            include: None,
            exclude: None,
            max_lines_per_container: None,
            rate: None,
            replicas: None,
            concurrent_opens: 16,
            finish_within: Duration::from_secs(3),
            store: None,
            instead: None,
            seed: 1,
        }
    }
}

impl LogConfig {
    /// Sets [`tail`](Self::tail).
    #[must_use]
    pub fn tail(mut self, lines: i64) -> Self {
        self.tail = Some(lines);
        self
    }

    /// Sets [`since`](Self::since).
    #[must_use]
    pub fn since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }

    /// Sets [`containers`](Self::containers).
    #[must_use]
    pub fn containers(mut self, name: Regex) -> Self {
        self.containers = Some(name);
        self
    }

    /// Sets [`exclude_containers`](Self::exclude_containers).
    #[must_use]
    pub fn exclude_containers(mut self, name: Regex) -> Self {
        self.exclude_containers = Some(name);
        self
    }

    /// Sets [`include`](Self::include).
    #[must_use]
    pub fn include(mut self, text: bytes::Regex) -> Self {
        self.include = Some(text);
        self
    }

    /// Sets [`exclude`](Self::exclude).
    #[must_use]
    pub fn exclude(mut self, text: bytes::Regex) -> Self {
        self.exclude = Some(text);
        self
    }

    /// Sets [`max_lines_per_container`](Self::max_lines_per_container).
    #[must_use]
    pub fn max_lines_per_container(mut self, lines: u64) -> Self {
        self.max_lines_per_container = Some(lines);
        self
    }

    /// Sets [`rate`](Self::rate).
    #[must_use]
    pub fn rate(mut self, lines_per_second: u64) -> Self {
        self.rate = Some(lines_per_second);
        self
    }

    /// Sets [`replicas`](Self::replicas).
    #[must_use]
    pub fn replicas(mut self, pods: usize) -> Self {
        self.replicas = Some(pods);
        self
    }

    /// Sets [`concurrent_opens`](Self::concurrent_opens).
    #[must_use]
    pub fn concurrent_opens(mut self, opens: usize) -> Self {
        self.concurrent_opens = opens;
        self
    }

    /// Sets [`finish_within`](Self::finish_within).
    #[must_use]
    pub fn finish_within(mut self, time: Duration) -> Self {
        self.finish_within = time;
        self
    }

    /// Sets [`store`](Self::store).
    #[must_use]
    pub fn store(mut self, store: Arc<dyn LogStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Sets [`instead`](Self::instead).
    #[must_use]
    pub fn instead(mut self, store: Arc<dyn LogStore>) -> Self {
        self.instead = Some(store);
        self
    }

    /// Sets [`seed`](Self::seed).
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Returns the number of lines shown first of an older pod, `None` for all.
    pub(crate) fn first_lines(&self) -> Option<i64> {
        match (self.tail, self.since) {
            (Some(lines), _) => (lines >= 0).then_some(lines),
            (None, Some(_)) => None,
            (None, None) => Some(TAIL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_time_shows_all_lines_unless_a_tail_is_set() {
        let config = LogConfig::default;
        let since = Timestamp::UNIX_EPOCH;
        assert_eq!(config().first_lines(), Some(10));
        assert_eq!(config().since(since).first_lines(), None);
        assert_eq!(config().tail(5).since(since).first_lines(), Some(5));
        assert_eq!(config().tail(-1).first_lines(), None);
    }
}
