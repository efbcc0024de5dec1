//! Which lines were shown lately: what a response that begins in the past is held against.

use std::collections::{HashMap, VecDeque};

use crate::mutant::{Mutant, mutated};

const SECOND: i64 = 1_000_000_000;
/// Two streams of one container are stamped by two goroutines: the later one of a second
/// may lie in the file before the last one of the second before.
const SLACK: i64 = SECOND;

/// A kubelet that cannot keep up sends files again, within one response (recording 12,
/// `firehose`: 1.5 s back): so much more is kept.
const REPEATS: i64 = 2 * SECOND;

/// One line as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) time: i64,
    /// Of the text as it came.
    pub(crate) hash: u64,
}

/// The lines shown in the last seconds of log time, in the order of the file.
///
/// A resume can only ask for whole seconds, so the lines that are kept begin at a whole
/// second too: everything that may come again is here.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    ring: VecDeque<Entry>,
    newest: Option<i64>,
    /// Lines before this are forgotten.
    kept: i64,
    /// A line from here on moves that.
    next: i64,
}

/// What a resume has to ask for: a second before the second of the newest line.
fn floor(newest: i64) -> i64 {
    let slack = if mutated(Mutant::NoSlack) { 0 } else { SLACK };
    newest - newest.rem_euclid(SECOND) - slack
}

impl Default for Window {
    fn default() -> Self {
        Self {
            ring: VecDeque::new(),
            newest: None,
            kept: i64::MIN,
            next: i64::MIN,
        }
    }
}

impl Window {
    /// Keeps a line that is shown.
    #[inline]
    pub(crate) fn push(&mut self, entry: Entry) {
        self.ring.push_back(entry);
        if self.newest.is_none_or(|newest| entry.time > newest) {
            self.newest = Some(entry.time);
            if entry.time >= self.next {
                self.forget(entry.time);
            }
        }
    }

    fn forget(&mut self, newest: i64) {
        self.kept = floor(newest) - REPEATS;
        self.next = newest - newest.rem_euclid(SECOND) + SECOND;
        while self
            .ring
            .front()
            .is_some_and(|first| first.time < self.kept)
        {
            self.ring.pop_front();
        }
    }

    /// The greatest time of all lines.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// The greatest time of all lines before this one.
    pub(crate) fn newest_before(&self, limit: Option<i64>) -> Option<i64> {
        match limit {
            Some(limit) if self.newest? >= limit => {
                let times = self.ring.iter().map(|entry| entry.time);
                times.filter(|time| *time < limit).max()
            }
            _ => self.newest,
        }
    }

    /// Where a resume has to begin, in seconds, if the newest line shown is of this time.
    pub(crate) fn since(newest: i64) -> i64 {
        if mutated(Mutant::NoFloor) {
            // What kube makes of a time that is not floored.
            return (newest + SECOND / 2).div_euclid(SECOND);
        }
        floor(newest).div_euclid(SECOND)
    }

    /// True if lines of this time are not kept any more.
    pub(crate) fn has_forgotten(&self, time: i64) -> bool {
        time < self.kept
    }

    /// The line that was shown last, of those from `since` on and before `bound`: what a
    /// resume brings back.
    pub(crate) fn last(&self, since: i64, bound: i64) -> Option<Entry> {
        let shown = self.ring.iter().rev();
        let comes_again = |entry: &Entry| (since..bound).contains(&entry.time);
        shown.copied().find(comes_again)
    }

    /// The lines to hold a response against.
    pub(crate) fn known(&self) -> Known {
        let mut known = Known::default();
        for entry in &self.ring {
            *known.0.entry(*entry).or_insert(0) += 1;
        }
        known
    }

    /// Knows also the lines of other states, in which some of the same lines were shown.
    /// What was shown last stays so.
    #[must_use]
    pub(crate) fn knowing(mut self, others: &[Self]) -> Self {
        let mut missing: HashMap<Entry, u32> = HashMap::new();
        for (entry, count) in others.iter().flat_map(|other| other.known().0) {
            let most = missing.entry(entry).or_insert(0);
            *most = count.max(*most);
        }
        for (entry, count) in self.known().0 {
            missing
                .entry(entry)
                .and_modify(|most| *most = most.saturating_sub(count));
        }
        for (entry, count) in missing {
            (0..count).for_each(|_| self.ring.push_front(entry));
        }
        self
    }

    /// The greatest time of a line that is known.
    pub(crate) fn until(&self) -> Option<i64> {
        self.ring.iter().map(|entry| entry.time).max()
    }
}

/// Lines that may come again, each as often as it was shown: a container that writes one
/// line twice within one timestamp means it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(HashMap<Entry, u32>);

impl Known {
    /// True if the line is one of them; it is one less then.
    pub(crate) fn take(&mut self, entry: Entry) -> bool {
        match self.0.get_mut(&entry) {
            Some(count) if mutated(Mutant::Set) => *count > 0,
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }

    /// How many there are from this time on.
    pub(crate) fn count_from(&self, time: i64) -> usize {
        let counts = self.0.iter().filter(|(entry, _)| entry.time >= time);
        counts.map(|(_, count)| *count as usize).sum()
    }

    /// True if the line is one of them.
    pub(crate) fn has(&self, entry: Entry) -> bool {
        self.0.get(&entry).is_some_and(|count| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(millis: i64, hash: u64) -> Entry {
        Entry {
            time: millis * 1_000_000,
            hash,
        }
    }

    #[test]
    fn it_begins_a_second_before_the_second_of_the_newest() {
        let mut window = Window::default();
        assert_eq!(window.newest(), None);
        for millis in [900, 1000, 3999, 4500, 4499] {
            window.push(entry(millis, 0));
        }
        assert_eq!(window.newest().map(Window::since), Some(3));
        assert_eq!(window.newest_before(None), window.newest());
        let limit = Some(entry(4000, 0).time);
        assert_eq!(window.newest_before(limit), Some(entry(3999, 0).time));
        assert_eq!(window.last(3_000_000_000, i64::MAX), Some(entry(4499, 0)));
        let known = window.known();
        assert!(!known.has(entry(900, 0)) && known.has(entry(1000, 0)));
        assert!(window.has_forgotten(999_999_999) && !window.has_forgotten(1_000_000_000));
    }

    #[test]
    fn times_before_1970_are_floored_too() {
        let mut window = Window::default();
        window.push(entry(-1500, 0));
        assert_eq!(window.newest().map(Window::since), Some(-3));
    }

    #[test]
    fn a_line_is_known_as_often_as_it_was_shown() {
        let mut window = Window::default();
        for hash in [7, 7, 8] {
            window.push(entry(5, hash));
        }
        let mut known = window.known();
        let taken = [7, 7, 7, 8, 8].map(|hash| known.take(entry(5, hash)));
        assert_eq!(taken, [true, true, false, true, false]);
    }
}
