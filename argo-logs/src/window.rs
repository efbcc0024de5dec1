//! Which lines were shown lately: what a response that begins in the past is held against.
//!
//! It holds two to four seconds of log time, since a resume can only ask for whole seconds,
//! and at most [`MOST`] lines, 8 MiB: a container that writes more in that time, or one on a
//! node whose clock went back for hours, must not take all the memory. What is beyond that
//! cannot be told apart any more. A resume then takes what is older than the lines that
//! are left for shown, so that lines which the kubelet had skipped and sends late are lost
//! with it; and of lines that are sent again within a response those are shown twice, which
//! is one notice.
//!
//! Lines lie in pieces that never change, so that an earlier state (four are kept of a run)
//! and the lines of a response cost next to nothing as long as this holds the same lines.

use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
    sync::Arc,
};

use crate::mutant::{Mutant, mutated};

const SECOND: i64 = 1_000_000_000;
/// Two streams of one container are stamped by two goroutines: the later one of a second
/// may lie in the file before the last one of the second before.
const SLACK: i64 = SECOND;

/// They overtake each other by less, a file that is sent again goes back more.
pub(crate) const JUMP: i64 = SECOND / 10;

/// A kubelet that cannot keep up sends files again, within one response (recording 12,
/// `firehose`: 1.5 s back): so much more is kept.
const REPEATS: i64 = 2 * SECOND;

/// Lines in a piece. With what the allocator adds it is 2 KiB, so that two of them fit
/// where a buffer of a connection lay before: most of what a crowd of busy streams
/// allocates is these two.
const PIECE: usize = 126;

/// So many lines are kept at most: of 130,000 a second in the four seconds.
const MOST: usize = 512 * 1024;

/// One line as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entry {
    pub(crate) time: i64,
    /// Of the text as it came.
    pub(crate) hash: u64,
}

/// The lines shown in the last seconds of log time, in the order of the file.
///
/// A resume can only ask for whole seconds, so the lines that are kept begin at a whole
/// second or before it: everything that may come again is here.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pieces: VecDeque<Piece>,
    /// The latest lines.
    open: Vec<Entry>,
    /// How many lie in pieces.
    count: usize,
    newest: Option<i64>,
    /// Lines before this are forgotten.
    kept: i64,
    /// Lines before this are forgotten because there are too many.
    dropped: i64,
    /// A line from here on moves the first of them.
    next: i64,
}

/// What a resume has to ask for: a second before the second of the newest line.
fn floor(newest: i64) -> i64 {
    let slack = if mutated(Mutant::NoSlack) { 0 } else { SLACK };
    newest - newest.rem_euclid(SECOND) - slack
}

/// Lines that stay together.
#[derive(Clone, Debug)]
struct Piece {
    entries: Arc<[Entry]>,
    /// Their greatest time.
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
        }
    }
}

impl Window {
    /// Keeps a line that is shown.
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

    /// What was shown so far, to be kept beside this.
    pub(crate) fn state(&mut self) -> Self {
        self.seal();
        self.clone()
    }

    /// Makes a piece of the latest lines, together with the last piece if that is small.
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

    /// Forgets the first lines although they may come again.
    fn drop_first(&mut self) {
        let Some(first) = self.pop_first() else {
            return;
        };
        // What overtakes another line was not shown.
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
        // What is known shall not hang on where a piece begins.
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

    /// The greatest time of all lines.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// The greatest time of all lines before this one.
    pub(crate) fn newest_before(&self, limit: Option<i64>) -> Option<i64> {
        match limit {
            Some(limit) if self.newest? >= limit => {
                let times = self.entries().map(|entry| entry.time);
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

    /// Lines before this count as shown in a resume that begins at `since`.
    pub(crate) fn shown_before(&self, since: i64, bound: i64) -> i64 {
        // What was dropped may be a later run's.
        since.max(if self.dropped < bound {
            self.dropped
        } else {
            i64::MIN
        })
    }

    /// True if lines of this time are not kept any more.
    pub(crate) fn has_forgotten(&self, time: i64) -> bool {
        time < self.kept
    }

    /// The line that was shown last, of those from `since` on and before `bound`: what a
    /// resume brings back.
    pub(crate) fn last(&self, since: i64, bound: i64) -> Option<Entry> {
        let mut shown = self.entries().rev();
        shown.find(|entry| (since..bound).contains(&entry.time))
    }

    /// The lines to hold a response against.
    pub(crate) fn known(&self) -> Known {
        let pieces = self.pieces.iter().map(|piece| Arc::clone(&piece.entries));
        let open = (!self.open.is_empty()).then(|| self.open.as_slice().into());
        Known {
            pieces: pieces.chain(open).collect(),
            ..Known::default()
        }
    }

    /// Knows also the lines of other states, in which some of the same lines were shown.
    /// What was shown last stays so.
    #[must_use]
    pub(crate) fn knowing(mut self, others: &[Self]) -> Self {
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

    /// The greatest time of a line that is known.
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

/// Lines that may come again, each as often as it was shown: a container that writes one
/// line twice within one timestamp means it.
///
/// A file that is read again has its lines in the same order. As long as they come so this
/// only remembers how far they have come; at the first one that does not, what is left is
/// sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pieces: Vec<Arc<[Entry]>>,
    /// Those that came, by their number.
    taken: Range<usize>,
    /// Where the next one lies: in which piece, and where there.
    next: (usize, usize),
    left: Option<Left>,
}

/// Lines in any order, sorted, with how often each may come.
type Left = Vec<(Entry, u32)>;

impl Known {
    /// True if the line is one of them; it is one less then.
    pub(crate) fn take(&mut self, entry: Entry) -> bool {
        if self.left.is_none() && self.is_next(entry) {
            self.advance();
            return true;
        }
        let left = self.left();
        let found = left.binary_search_by(|(known, _)| known.cmp(&entry));
        let Some((_, count)) = found.ok().and_then(|at| left.get_mut(at)) else {
            return false;
        };
        let is_left = *count > 0;
        if !mutated(Mutant::Set) {
            *count = count.saturating_sub(1);
        }
        is_left
    }

    /// How many there are from this time on.
    pub(crate) fn count_from(&self, time: i64) -> usize {
        match &self.left {
            Some(left) => {
                let counts = left.iter().filter(|(known, _)| known.time >= time);
                counts.map(|(_, count)| *count as usize).sum()
            }
            None => {
                let lines = self.before().chain(self.after());
                lines.filter(|known| known.time >= time).count()
            }
        }
    }

    /// True if the line is one of them.
    pub(crate) fn has(&self, entry: Entry) -> bool {
        let Some(left) = &self.left else {
            // From the end: it is the last line that is asked for most.
            return self
                .after()
                .rev()
                .chain(self.before())
                .any(|known| known == entry);
        };
        let found = left.binary_search_by(|(known, _)| known.cmp(&entry));
        found.is_ok_and(|at| left[at].1 > 0)
    }

    /// True if the line is the one that comes next. The first one may be any.
    fn is_next(&mut self, entry: Entry) -> bool {
        if mutated(Mutant::Set) {
            return false;
        }
        if self.taken.end == 0 {
            self.begin(entry);
        }
        let next = self.pieces.get(self.next.0);
        next.and_then(|piece| piece.get(self.next.1)) == Some(&entry)
    }

    /// Goes to where a line lies.
    fn begin(&mut self, entry: Entry) {
        let mut before = 0;
        for (number, piece) in self.pieces.iter().enumerate() {
            if let Some(at) = piece.iter().position(|known| *known == entry) {
                self.taken = before + at..before + at;
                self.next = (number, at);
                return;
            }
            before += piece.len();
        }
    }

    fn advance(&mut self) {
        self.taken.end += 1;
        self.next.1 += 1;
        let piece = self.pieces.get(self.next.0);
        if piece.is_none_or(|piece| self.next.1 >= piece.len()) {
            self.next = (self.next.0 + 1, 0);
        }
    }

    /// Those before the first one that came.
    fn before(&self) -> impl Iterator<Item = Entry> {
        let all = self.pieces.iter().flat_map(|piece| piece.iter());
        all.copied().take(self.taken.start)
    }

    /// Those from the next one on.
    fn after(&self) -> impl DoubleEndedIterator<Item = Entry> {
        let (piece, at) = self.next;
        let first = self.pieces.get(piece).and_then(|piece| piece.get(at..));
        let rest = self.pieces.get(piece + 1..).unwrap_or_default();
        let rest = rest.iter().flat_map(|piece| piece.iter());
        first.unwrap_or_default().iter().chain(rest).copied()
    }

    fn left(&mut self) -> &mut Left {
        if self.left.is_none() {
            let mut left: Vec<_> = self.before().chain(self.after()).collect();
            left.sort_unstable();
            let same = left.chunk_by(|one, other| one == other);
            let counted = same.map(|same| (same[0], u32::try_from(same.len()).unwrap_or(u32::MAX)));
            self.left = Some(counted.collect());
            self.pieces = Vec::new();
        }
        self.left.get_or_insert_default()
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
