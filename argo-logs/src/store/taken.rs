//! The lines of one container that were taken from a store.
//!
//! A store is read again while lines may still be on their way, and the kubelet may send the same
//! lines when it answers again. So lines are counted by time and text, as the window does.

use std::collections::HashMap;

use super::StoreLine;
use crate::{
    Batch,
    reader::{Entry, SeenLines},
};

/// Beyond this many lines the oldest ones are forgotten: they would be shown twice.
const MOST: usize = 200_000;

/// The lines that were taken, and those of the present reading.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    counts: HashMap<Entry, Count>,
    pass: HashMap<Entry, u32>,
    newest: Option<i64>,
    /// Lines that the kubelet has sent.
    printed: SeenLines,
}

/// Number of equal lines.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// Those that the store gave.
    read: u32,
    /// Those of them that the kubelet had not sent, so that they were handed out.
    given: u32,
}

impl Taken {
    /// Leaves out lines that the kubelet has sent, each as often as it did.
    pub(crate) fn exclude(&mut self, printed: SeenLines) {
        self.printed = printed;
    }

    /// Begins to read again: lines may come once more.
    pub(crate) fn begin(&mut self) {
        self.pass.clear();
    }

    /// True if the line was neither taken nor sent by the kubelet. It then counts as taken.
    pub(crate) fn is_new(&mut self, line: &StoreLine) -> bool {
        let entry = Entry::of(line.time, line.text.as_bytes());
        let pass = self.pass.entry(entry).or_insert(0);
        *pass += 1;
        let count = self.counts.entry(entry).or_default();
        if *pass <= count.read {
            return false;
        }
        count.read += 1;
        if self.printed.take(entry) {
            return false;
        }
        count.given += 1;
        self.newest = self.newest.max(Some(line.time));
        if self.counts.len() > MOST {
            self.forget();
        }
        true
    }

    /// The greatest time of the lines that were handed out.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// True if nothing was handed out.
    pub(crate) fn is_empty(&self) -> bool {
        self.newest.is_none()
    }

    /// True if lines of a range were handed out.
    pub(crate) fn has_between(&self, from: i64, until: i64) -> bool {
        let given = self.counts.iter().filter(|(_, count)| count.given > 0);
        let mut times = given.map(|(entry, _)| entry.time);
        times.any(|time| (from..until).contains(&time))
    }

    /// Removes lines from a batch of the kubelet that were handed out before.
    pub(crate) fn remove_from(&mut self, batch: &mut Batch) {
        let counts = &mut self.counts;
        batch.retain(|line| {
            let Some(time) = line.nanos() else {
                return true;
            };
            match counts.get_mut(&Entry::of(time, line.text)) {
                Some(count) if count.given > 0 => {
                    count.given -= 1;
                    count.read -= 1;
                    false
                }
                _ => true,
            }
        });
        let last = batch.lines().last().and_then(|line| line.nanos());
        // What comes now is behind all that the store had.
        if last
            > self
                .newest
                .map(|newest| newest.saturating_add(2_000_000_000))
        {
            *self = Self::default();
        }
    }

    fn forget(&mut self) {
        let mut times: Vec<i64> = self.counts.keys().map(|entry| entry.time).collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        self.counts.retain(|entry, _| entry.time >= median);
        self.pass.retain(|entry, _| entry.time >= median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Line, store::StoreRun};

    fn line(time: i64, text: &str) -> StoreLine {
        StoreLine {
            time,
            text: text.to_owned(),
            run: StoreRun::default(),
        }
    }

    #[test]
    fn equal_lines_count() {
        let mut taken = Taken::default();
        assert!(taken.is_new(&line(1, "a")) && taken.is_new(&line(1, "a")));
        taken.begin();
        let again = [1, 1, 1].map(|time| taken.is_new(&line(time, "a")));
        assert_eq!(again, [false, false, true]);
    }

    #[test]
    fn lines_of_the_kubelet_are_left_out_as_often_as_it_sent_them() {
        let mut window = crate::reader::Window::default();
        window.push(Entry::of(5, b"x"));
        let mut taken = Taken::default();
        taken.exclude(window.seen_lines());
        assert!(!taken.is_new(&line(5, "x")));
        assert!(taken.is_new(&line(5, "x")));
        taken.begin();
        assert!(!taken.is_new(&line(5, "x")) && !taken.is_new(&line(5, "x")));
    }

    #[test]
    fn lines_of_the_kubelet_were_not_handed_out() {
        let mut window = crate::reader::Window::default();
        window.push(Entry::of(5, b"x"));
        let mut taken = Taken::default();
        taken.exclude(window.seen_lines());
        assert!(!taken.is_new(&line(5, "x")) && !taken.has_between(5, 6));
        assert!(taken.is_new(&line(6, "y")) && taken.has_between(6, 7));
        // The kubelet wrote an equal line once more, which nobody has seen yet.
        let lines = [Line::new(Some(5), b"x"), Line::new(Some(6), b"y")];
        let mut batch = Batch::from_lines("A".into(), 0, lines.into_iter());
        taken.remove_from(&mut batch);
        let left: Vec<_> = batch.lines().map(|line| line.text.to_vec()).collect();
        assert_eq!(left, [b"x"]);
        assert!(!taken.has_between(0, 10));
    }

    #[test]
    fn a_kubelet_that_answers_again_repeats_nothing() {
        let mut taken = Taken::default();
        taken.is_new(&line(1, "a"));
        taken.is_new(&line(2, "b"));
        let lines = [
            Line::new(Some(1), b"a"),
            Line::new(Some(2), b"other"),
            Line::new(Some(2), b"b"),
            Line::new(None, b"a"),
        ];
        let mut batch = Batch::from_lines("A".into(), 0, lines.into_iter());
        taken.remove_from(&mut batch);
        let left: Vec<_> = batch.lines().map(|line| line.text.to_vec()).collect();
        assert_eq!(left, [&b"other"[..], b"a"]);
    }
}
