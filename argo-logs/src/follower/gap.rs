//! Gaps between two responses. They are reported once both responses are certainly of one
//! run.
//!
//! A kubelet that is ahead of the pod's status answers with the log of the next run. That
//! log does not continue where the one before ended, yet nothing is missing: the pod will
//! tell of the next run soon.

use std::time::Duration;

/// A gap is held back this long: a kubelet may be that far ahead of the pod's status.
const LAG: Duration = Duration::from_secs(2);

const NO_TIME: i64 = i64::MIN;

/// Lines that may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// Time of the last line before the gap.
    pub(super) after: i64,
    /// Time of the first line behind the gap; `None` if none came.
    pub(super) before: Option<i64>,
    /// True if it is in doubt whether anything is missing.
    pub(super) in_doubt: bool,
    /// Number of the response in which the gap was found.
    response: usize,
    /// Time since which the gap is held back; `None` until the next timer.
    since: Option<Duration>,
}

/// The gaps of one run that are held back.
#[derive(Debug, Default)]
pub(super) struct Gaps(Vec<Gap>);

impl Gap {
    pub(super) fn new(after: i64, before: Option<i64>, in_doubt: bool) -> Self {
        Self {
            after,
            before,
            in_doubt,
            response: 0,
            since: None,
        }
    }

    /// Creates a gap of a log whose lines have no times.
    pub(super) fn without_times(in_doubt: bool) -> Self {
        Self::new(NO_TIME, None, in_doubt)
    }

    /// True if the times of the gap are not known.
    pub(super) fn has_no_times(&self) -> bool {
        self.after == NO_TIME
    }

    fn due(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since + LAG)
    }
}

impl Gaps {
    /// Holds a gap back that was found in a response.
    pub(super) fn hold(&mut self, gap: Gap, response: usize) {
        self.0.push(Gap { response, ..gap });
    }

    /// True if the clock of a gap has not started yet.
    pub(super) fn has_new(&self) -> bool {
        self.0.iter().any(|gap| gap.since.is_none())
    }

    /// Time at which the next gap is due.
    pub(super) fn due(&self) -> Option<Duration> {
        self.0.iter().map(Gap::due).min()
    }

    /// Starts the clock of new gaps.
    pub(super) fn start(&mut self, now: Duration) {
        for gap in &mut self.0 {
            gap.since.get_or_insert(now);
        }
    }

    pub(super) fn take_due(&mut self, now: Duration) -> Vec<Gap> {
        self.0.extract_if(.., |gap| now >= gap.due()).collect()
    }

    pub(super) fn take_all(&mut self) -> Vec<Gap> {
        std::mem::take(&mut self.0)
    }

    /// Forgets the gaps found in a response or later ones.
    pub(super) fn forget_from(&mut self, response: usize) {
        self.0.retain(|gap| gap.response < response);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_gap_is_due_two_seconds_after_the_first_timer() {
        let mut gaps = Gaps::default();
        gaps.hold(Gap::new(1, Some(2), false), 1);
        assert!(gaps.has_new());
        assert_eq!(gaps.due(), Some(Duration::ZERO));
        gaps.start(SECOND);
        assert_eq!(gaps.due(), Some(3 * SECOND));
        assert_eq!(gaps.take_due(2 * SECOND), []);
        assert_eq!(gaps.take_due(3 * SECOND).len(), 1);
        assert_eq!(gaps.due(), None);
    }

    #[test]
    fn gaps_of_responses_that_are_taken_back_are_forgotten() {
        let mut gaps = Gaps::default();
        for response in 1..=3 {
            gaps.hold(Gap::new(1, None, false), response);
        }
        gaps.forget_from(2);
        assert_eq!(gaps.take_all().len(), 1);
    }
}
