//! The lines printed lately, with which a response that begins in the past is compared.
//!
//! The window holds two to four seconds of log time, since a resume can only ask for whole
//! seconds, and at most [`MOST`] lines (6 MiB): a container that writes more in that time,
//! or runs on a node whose clock was set back for hours, must not take all the memory.
//! Lines beyond the limit are forgotten. A resume then takes every line older than the
//! remembered ones for printed, so lines that the kubelet had skipped and sends late are
//! lost with them. If a response sends forgotten lines again, they are printed twice, with
//! one notice.
//!
//! Lines lie in pieces that never change. So the checkpoints of a run (up to four) and the
//! lines that a response is compared with share their memory with the window.

mod seen_lines;

use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
    sync::Arc,
};

pub(crate) use self::seen_lines::SeenLines;
use super::{entry::Entry, pieced_lines::PiecedLines};

pub(super) const SECOND: i64 = 1_000_000_000;
/// Nanoseconds; the two streams of a container are stamped by two goroutines, so a line may
/// lie in the file before one that is stamped up to this much earlier.
const SLACK: i64 = SECOND;

/// Nanoseconds by which stdout and stderr overtake each other on a machine that is not
/// overloaded.
pub(crate) const OVERTAKEN: i64 = SECOND / 500;

/// Nanoseconds; a line that is older than the newest by more than this is no line that was
/// overtaken but part of a file that is sent again.
pub(crate) const JUMP: i64 = SECOND / 10;

/// Nanoseconds; lines are remembered this much longer than a resume needs, since a kubelet
/// that cannot keep up sends files again within one response (recording 12, `firehose`:
/// 1.5 s back).
const REPEATS: i64 = 2 * SECOND;

/// Lines in a piece, which takes 1.5 KiB. A checkpoint copies at most one piece and shares the
/// others, so it costs little while there are few of them.
const PIECE: usize = 126;

/// Beyond this many lines the oldest are forgotten: 130,000 a second over four seconds.
const MOST: usize = 512 * 1024;

/// The lines printed in the last seconds of log time, in the order of the file.
///
/// A resume can only ask for whole seconds, so the remembered lines begin at a whole second
/// or before it: they include every line that a resume may bring again.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pieces: VecDeque<Piece>,
    /// The latest lines, which are in no piece yet.
    open: Vec<Entry>,
    /// Number of lines in pieces.
    count: usize,
    newest: Option<i64>,
    /// Lines before this time are forgotten.
    kept: i64,
    /// Lines before this time are forgotten because there were more than [`MOST`].
    dropped: i64,
    /// A line from this time on moves `kept`.
    next: i64,
    /// Lines of which a response may bring the rest.
    pub(super) pieced: PiecedLines,
}

/// Returns the time that a resume has to ask for: a second before the second of the newest
/// line.
fn floor(newest: i64) -> i64 {
    newest - newest.rem_euclid(SECOND) - SLACK
}

/// A run of lines that never changes.
#[derive(Clone, Debug)]
struct Piece {
    entries: Arc<[Entry]>,
    /// Greatest time of the entries.
    newest: i64,
}

impl Piece {
    fn new(entries: Arc<[Entry]>) -> Self {
        Self {
            newest: newest(&entries),
            entries,
        }
    }
}

impl Default for Window {
    fn default() -> Self {
        Self {
            pieces: VecDeque::new(),
            open: Vec::new(),
            count: 0,
            newest: None,
            kept: i64::MIN,
            dropped: i64::MIN,
            next: i64::MIN,
            pieced: PiecedLines::default(),
        }
    }
}

impl Window {
    /// Remembers a line that is printed.
    #[inline]
    pub(crate) fn push(&mut self, entry: Entry) {
        self.open.push(entry);
        if self.newest.is_none_or(|newest| entry.time > newest) {
            self.newest = Some(entry.time);
            if entry.time >= self.next {
                self.forget(entry.time);
            }
        }
        if self.open.len() >= PIECE {
            self.seal();
        }
    }

    /// Remembers a line that was printed some time before the others: the last one stays.
    pub(crate) fn add_earlier(&mut self, entry: Entry) {
        self.count += 1;
        self.pieces.push_front(Piece::new([entry].into()));
    }

    /// Returns a copy of the window as it is now. The copy shares its pieces.
    pub(crate) fn checkpoint(&mut self) -> Self {
        self.seal();
        self.clone()
    }

    /// Moves the latest lines into a piece, joined with the last piece if that is small.
    #[cold]
    fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let room = PIECE.saturating_sub(self.open.len());
        let is_small = |last: &Piece| last.entries.len() <= room;
        let small = self.pieces.back().is_some_and(is_small);
        let small = small.then(|| self.pieces.pop_back()).flatten();
        let before = small.iter().flat_map(|last| last.entries.iter());
        let entries = before.chain(&self.open).copied().collect();
        self.pieces.push_back(Piece::new(entries));
        self.count += self.open.len();
        self.open.clear();
        while self.count > MOST {
            self.drop_first();
        }
    }

    /// Forgets the oldest piece although its lines may come again.
    fn drop_first(&mut self) {
        let Some(first) = self.pop_first() else {
            return;
        };
        // A line that was overtaken comes late: within `JUMP` of the newest one it may still
        // be new.
        let latest = self
            .newest
            .map_or(i64::MIN, |newest| newest.saturating_sub(JUMP));
        let left = latest.min(first.newest.saturating_add(1));
        (self.dropped, self.kept) = (self.dropped.max(left), self.kept.max(left));
    }

    fn pop_first(&mut self) -> Option<Piece> {
        let first = self.pieces.pop_front()?;
        self.count -= first.entries.len();
        Some(first)
    }

    fn forget(&mut self, newest: i64) {
        self.next = newest - newest.rem_euclid(SECOND) + SECOND;
        self.kept = self.kept.max(floor(newest) - REPEATS);
        let kept = self.kept;
        let is_old = |first: &Piece| first.newest < kept;
        while self.pieces.front().is_some_and(is_old) {
            self.pop_first();
        }
        // Trim inside the first piece too: which lines are remembered must not depend on
        // piece boundaries.
        let old = |entry: &&Entry| entry.time < kept;
        if let Some(first) = self.pieces.front_mut() {
            let old = first.entries.iter().take_while(old).count();
            if old > 0 {
                first.entries = first.entries[old..].into();
                self.count -= old;
            }
        } else {
            let old = self.open.iter().take_while(old).count();
            self.open.drain(..old);
        }
    }

    /// The greatest time of all printed lines.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// The greatest time of all remembered lines before `limit`.
    pub(crate) fn newest_before(&self, limit: Option<i64>) -> Option<i64> {
        match limit {
            Some(limit) if self.newest? >= limit => {
                let times = self.entries().map(|entry| entry.time);
                times.filter(|time| *time < limit).max()
            }
            _ => self.newest,
        }
    }

    /// Counts the remembered lines in a range of times.
    pub(crate) fn count_in(&self, times: Range<i64>) -> usize {
        let entries = self.entries();
        entries
            .filter(|entry| times.contains(&{ entry.time }))
            .count()
    }

    /// Returns the second at which a resume has to begin after a newest line of this time.
    pub(crate) fn since(newest: i64) -> i64 {
        floor(newest).div_euclid(SECOND)
    }

    /// Returns the time before which lines count as printed in a resume that begins at
    /// `since`.
    pub(crate) fn printed_before(&self, since: i64, bound: i64) -> i64 {
        // Dropped lines from `bound` on are a later run's and say nothing about this one.
        if self.dropped < bound {
            since.max(self.dropped)
        } else {
            since
        }
    }

    /// True if lines of this time are no longer remembered.
    pub(crate) fn has_forgotten(&self, time: i64) -> bool {
        time < self.kept
    }

    /// The line printed last, of those from `since` on and before `bound`: a resume brings
    /// it back.
    pub(crate) fn last(&self, since: i64, bound: i64) -> Option<Entry> {
        let mut shown = self.entries().rev();
        shown.find(|entry| (since..bound).contains(&{ entry.time }))
    }

    /// Returns the lines to compare a response with.
    pub(crate) fn seen_lines(&self) -> SeenLines {
        let pieces = self.pieces.iter().map(|piece| Arc::clone(&piece.entries));
        let open = (!self.open.is_empty()).then(|| self.open.as_slice().into());
        SeenLines::new(pieces.chain(open).collect())
    }

    /// Merges the lines of other checkpoints into this window, each as often as its highest
    /// count. The most recently printed line stays the last one.
    #[must_use]
    pub(crate) fn merged_with(mut self, others: &[Self]) -> Self {
        let mut missing: HashMap<Entry, u32> = HashMap::new();
        for (entry, count) in others.iter().flat_map(Self::counts) {
            let most = missing.entry(entry).or_insert(0);
            *most = count.max(*most);
        }
        for (entry, count) in self.counts() {
            missing
                .entry(entry)
                .and_modify(|most| *most = most.saturating_sub(count));
        }
        let repeated = |(entry, count)| std::iter::repeat_n(entry, count as usize);
        let mut missing: Vec<Entry> = missing.into_iter().flat_map(repeated).collect();
        missing.sort_unstable();
        for piece in missing.rchunks(PIECE) {
            self.count += piece.len();
            self.pieces.push_front(Piece::new(piece.into()));
        }
        self
    }

    /// The greatest time of all remembered lines.
    pub(crate) fn until(&self) -> Option<i64> {
        let open = (!self.open.is_empty()).then(|| newest(&self.open));
        self.pieces
            .iter()
            .map(|piece| piece.newest)
            .chain(open)
            .max()
    }

    fn entries(&self) -> impl DoubleEndedIterator<Item = Entry> {
        let pieces = self.pieces.iter().flat_map(|piece| piece.entries.iter());
        pieces.chain(&self.open).copied()
    }

    fn counts(&self) -> HashMap<Entry, u32> {
        let mut counts = HashMap::new();
        for entry in self.entries() {
            *counts.entry(entry).or_insert(0) += 1;
        }
        counts
    }
}

fn newest(entries: &[Entry]) -> i64 {
    entries
        .iter()
        .map(|entry| entry.time)
        .max()
        .unwrap_or(i64::MIN)
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
