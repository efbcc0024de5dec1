//! The stretch of a resumed response in which lines may have been printed before.

use super::{
    entry::Entry,
    window::{OVERTAKEN, SECOND, SeenLines, Window},
};

/// The beginning of a response.
#[derive(Clone, Debug, Default)]
pub(crate) enum Start {
    /// No line of the response can have been printed.
    #[default]
    Fresh,
    /// The response begins in the past, with lines that may have been printed.
    Again {
        /// True if the last printed line is of this run: then it has to come again.
        same_run: bool,
        /// The first line that was printed of a pod older than the rollout. Lines before
        /// it are not wanted.
        from: Option<Entry>,
        /// The requested time in nanoseconds; lines before it were printed. `None` if the
        /// whole run was asked for: then the newest printed line may be a later run's.
        since: Option<i64>,
    },
}

/// The printed lines that a response is compared with.
#[derive(Debug)]
pub(super) struct Overlap {
    seen: SeenLines,
    /// Time of the newest line that may have been printed.
    until: i64,
    /// The last line printed by earlier responses, until it comes again.
    last: Option<Entry>,
    /// Time of the first new line that arrived before `last` was seen again; marks a
    /// possible gap.
    early: Option<i64>,
    /// While true, a line without a timestamp is the tail of a long line that was already
    /// printed.
    has_old_tails: bool,
    /// Lines before this time were not asked for, or are forgotten.
    since: i64,
    from: Option<Entry>,
    /// True once a line at or behind `from` came.
    has_begun: bool,
}

/// The result of comparing a line with the printed ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The line was printed before, or is not wanted.
    Printed,
    /// The line is new. `gap` has the time of the last printed line if that should have
    /// come before this one; `is_over` is true once no later line can have been printed.
    New { gap: Option<i64>, is_over: bool },
}

impl Overlap {
    /// Returns `None` if no line of the response can have been printed.
    pub(super) fn new(start: &Start, bound: i64, window: &Window) -> Option<Self> {
        let Start::Again {
            same_run,
            from,
            since: asked,
        } = start
        else {
            return None;
        };
        let since = asked.unwrap_or(i64::MIN);
        Some(Self {
            seen: window.seen_lines(),
            until: window.until()?,
            last: window.last(since, bound).filter(|_| *same_run),
            early: None,
            has_old_tails: true,
            since: match asked {
                Some(since) => window.printed_before(*since, bound),
                None => i64::MIN,
            },
            from: *from,
            has_begun: from.is_none(),
        })
    }

    /// The overlap of a response that jumped back in time. `last` is taken over from the
    /// overlap before, if there was one.
    pub(super) fn after_jump(before: Option<Self>, newest: i64, window: &Window) -> Self {
        Self {
            seen: window.seen_lines(),
            until: window.newest().unwrap_or(newest),
            last: before.and_then(|before| before.last),
            early: None,
            has_old_tails: false,
            since: i64::MIN,
            from: None,
            has_begun: true,
        }
    }

    pub(super) fn compare(&mut self, entry: Entry) -> Comparison {
        if self.takes(entry) {
            return Comparison::Printed;
        }
        self.early.get_or_insert(entry.time);
        let mut gap = None;
        if entry.time > self.until {
            // Behind the newest printed line nothing can be the tail of an older one.
            self.has_old_tails = false;
            gap = self.last.take().map(|last| last.time);
        }
        Comparison::New {
            gap,
            is_over: entry.time > self.until + SECOND,
        }
    }

    /// True for a line without a timestamp that was printed as part of a longer one. Such
    /// a line also shows that the file reaches back that far, so it was not rotated.
    pub(super) fn takes_tail(&mut self) -> bool {
        if self.has_old_tails {
            self.last = None;
        }
        self.has_old_tails
    }

    /// True if `entry`, the first line of a file, is the rest of the printed line `whole`,
    /// unless it was printed as a line of its own. The file follows that of `whole`.
    pub(super) fn takes_rest(&mut self, entry: Entry, whole: Entry) -> bool {
        if entry.time <= self.until && self.seen.has(entry) {
            return false;
        }
        self.has_begun = true;
        if self.last == Some(whole) {
            self.last = None;
        }
        true
    }

    /// The last printed line, if it should have come again and did not.
    pub(super) fn missing(&self) -> Option<i64> {
        self.last.map(|entry| entry.time)
    }

    /// Returns a gap if new lines came although the last printed line did not: the file
    /// was rotated, or the kubelet sent lines late that it had skipped.
    pub(super) fn close(&mut self) -> Option<(i64, i64)> {
        let (last, before) = (self.last?, self.early?);
        self.last = None;
        Some((last.time, before.max(last.time)))
    }

    /// Stops expecting the last printed line.
    pub(super) fn settle(&mut self) {
        self.last = None;
    }

    /// Counts the printed lines from `time` on that did not come again.
    pub(super) fn count_missing_from(&self, time: i64) -> usize {
        self.seen.count_from(time)
    }

    fn takes(&mut self, entry: Entry) -> bool {
        if entry.time <= self.until && self.seen.take(entry) {
            self.has_begun = true;
            if self.last == Some(entry) && !self.seen.has(entry) {
                self.last = None;
            }
            return true;
        }
        entry.time < self.since || self.precedes(entry)
    }

    /// True for a line before the first wanted one. Where many lines share one timestamp,
    /// only their order in the file tells.
    fn precedes(&self, entry: Entry) -> bool {
        let Some(from) = self.from else {
            return false;
        };
        !self.has_begun && entry.time <= from.time + OVERTAKEN
    }
}
