//! Holes between two responses: said once it is clear that both were of one run.
//!
//! A kubelet that is ahead of the pod answers with the log of the next run. That does not
//! go on where the one before ended, yet nothing is missing: the pod will tell.

use std::time::Duration;

use super::{Follower, notices, run::Run};

/// So long a kubelet may be ahead of what the API says of the pod.
const LAG: Duration = Duration::from_secs(2);

/// Lines that may be missing, by the times of the lines around them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    after: i64,
    /// None: nothing came after them.
    before: Option<i64>,
    in_doubt: bool,
    /// In which response of the run, counted.
    pub(super) response: usize,
    /// When it was seen, once there was a clock.
    since: Option<Duration>,
}

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

    fn due(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since + LAG)
    }
}

impl Follower {
    /// Keeps it until the pod had time to tell of a next run.
    pub(super) fn hold(&mut self, mut gap: Gap) {
        match &mut self.run {
            Some(run) => {
                gap.response = run.responses;
                run.gaps.push(gap);
            }
            None => self.say_gap(gap),
        }
    }

    /// When [`check_gaps`](Self::check_gaps) has something to do.
    pub(super) fn gaps_due(&self) -> Option<Duration> {
        let mut runs = self.run.iter().chain(&self.retired);
        if runs.all(|run| run.gaps.is_empty()) {
            return None;
        }
        let unseen = |run: &&Run| run.gaps.iter().any(|gap| gap.since.is_none());
        let run = self.run.as_ref();
        let run = run.filter(|run| unseen(run) || !self.has_moved());
        let runs = run.into_iter().chain(&self.retired);
        runs.flat_map(|run| &run.gaps).map(Gap::due).min()
    }

    /// Says what the pod did not explain in time. While it tells of an end, the run is read
    /// again first.
    pub(super) fn check_gaps(&mut self, now: Duration) {
        let has_moved = self.has_moved();
        for run in self.run.iter_mut().chain(&mut self.retired) {
            for gap in &mut run.gaps {
                gap.since.get_or_insert(now);
            }
        }
        let due = |run: &mut Run| run.gaps.extract_if(.., |gap| now >= gap.due()).collect();
        let mut gaps: Vec<Gap> = self.retired.as_mut().map(due).unwrap_or_default();
        gaps.extend(
            self.run
                .as_mut()
                .filter(|_| !has_moved)
                .map(due)
                .unwrap_or_default(),
        );
        gaps.into_iter().for_each(|gap| self.say_gap(gap));
    }

    /// Says all of them: nothing will explain them any more.
    pub(super) fn say_gaps(&mut self, run: &mut Run) {
        for gap in std::mem::take(&mut run.gaps) {
            self.say_gap(gap);
        }
    }

    fn say_gap(&mut self, gap: Gap) {
        let message = notices::rotated(gap.after, gap.before);
        self.say(self.config.doubtful(message, gap.in_doubt));
    }
}
