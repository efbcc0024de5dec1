//! Judges whether a run that ended was read to its end.

use std::time::Duration;

/// A kubelet may be this far ahead of the pod's status: two reads within this time may both
/// have been answered from the log of the next run.
const STATUS_LAG: Duration = Duration::from_millis(1500);

/// The reads of a run that ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Drain {
    /// Nothing is known yet.
    #[default]
    Open,
    /// All reads since then brought nothing new.
    Quiet { since: Duration },
    /// All reads since then brought nothing new, and the last one brought the last printed
    /// line again.
    Proven { since: Duration },
    /// Everything was read.
    Complete,
}

/// One read of a run that ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct DrainPass {
    pub(super) lines: PassLines,
    /// True if the last printed line came again: it is the right run, and was read that far.
    pub(super) is_proven: bool,
    /// True if the read ended inside a line. That is either the end of this run, or the
    /// beginning of a line of the next one.
    pub(super) has_tail: bool,
    /// True if there cannot be another run.
    pub(super) is_last: bool,
}

/// The lines that a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PassLines {
    /// No new line, and the same end as the read before.
    None,
    /// Lines of another run.
    Foreign,
    /// New lines, another end, or a read that broke off.
    Some,
}

impl Drain {
    pub(super) fn is_complete(self) -> bool {
        self == Self::Complete
    }

    /// Time since which reads are quiet, while they do not prove that the run is complete.
    pub(super) fn quiet_since(self) -> Option<Duration> {
        match self {
            Self::Quiet { since } | Self::Proven { since } => Some(since),
            Self::Open | Self::Complete => None,
        }
    }

    /// Takes back the proof: another response has begun.
    pub(super) fn unproven(self) -> Self {
        match self {
            Self::Proven { since } => Self::Quiet { since },
            other => other,
        }
    }

    /// Judges a read. One that brings nothing new and ends with the last printed line is
    /// enough. Without such a line, because none was printed or the file was rotated, it
    /// takes two reads, further apart than the kubelet can be ahead of the pod's status.
    pub(super) fn judge(self, pass: DrainPass, previous: bool, now: Duration) -> Self {
        if pass.lines != PassLines::None {
            return Self::Open;
        }
        let lag = if pass.is_last {
            Duration::ZERO
        } else {
            STATUS_LAG
        };
        let is_confirmed = self.quiet_since().is_some_and(|since| now >= since + lag);
        // A tail proves nothing while the next run might have written it.
        let is_proven = pass.is_proven && (pass.is_last || previous || !pass.has_tail);
        let since = self.quiet_since().unwrap_or(now);
        if is_proven || is_confirmed {
            Self::Complete
        } else if pass.is_proven {
            Self::Proven { since }
        } else {
            Self::Quiet { since }
        }
    }

    /// Returns the delay before the next read.
    pub(super) fn next_delay(self, pass: DrainPass) -> Duration {
        match self.quiet_since() {
            Some(_) if !pass.is_last => STATUS_LAG,
            // The pod will soon tell of the run whose lines came.
            _ if pass.lines == PassLines::Foreign => STATUS_LAG / 4,
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: DrainPass = DrainPass {
        lines: PassLines::None,
        is_proven: false,
        has_tail: false,
        is_last: false,
    };
    const START: Duration = Duration::from_secs(10);

    #[test]
    fn a_read_that_ends_with_the_last_printed_line_is_enough() {
        let pass = DrainPass {
            is_proven: true,
            ..QUIET
        };
        assert!(Drain::Open.judge(pass, false, START).is_complete());
        let pass = DrainPass {
            has_tail: true,
            ..pass
        };
        let proven = Drain::Open.judge(pass, false, START);
        assert_eq!(proven, Drain::Proven { since: START });
        assert_eq!(proven.unproven(), Drain::Quiet { since: START });
        assert!(Drain::Open.judge(pass, true, START).is_complete());
    }

    #[test]
    fn without_it_two_reads_further_apart_than_the_lag_are() {
        let once = Drain::Open.judge(QUIET, false, START);
        assert_eq!(once, Drain::Quiet { since: START });
        assert_eq!(once.next_delay(QUIET), STATUS_LAG);
        let soon = once.judge(QUIET, false, START + STATUS_LAG / 2);
        assert_eq!(soon, once);
        assert!(soon.judge(QUIET, false, START + STATUS_LAG).is_complete());
    }

    #[test]
    fn the_last_run_takes_two_reads_at_any_distance() {
        let pass = DrainPass {
            is_last: true,
            ..QUIET
        };
        let once = Drain::Open.judge(pass, false, START);
        assert_eq!(once.next_delay(pass), Duration::ZERO);
        assert!(once.judge(pass, false, START).is_complete());
    }

    #[test]
    fn a_new_line_begins_it_anew() {
        let quiet = Drain::Quiet { since: START };
        for lines in [PassLines::Some, PassLines::Foreign] {
            let pass = DrainPass { lines, ..QUIET };
            assert_eq!(quiet.judge(pass, false, START), Drain::Open);
        }
    }
}
