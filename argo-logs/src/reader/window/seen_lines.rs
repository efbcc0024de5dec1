//! The printed lines that a response is compared with.

use std::{ops::Range, sync::Arc};

use super::Entry;

/// Lines that may come again, each as often as it was printed: a container that writes a
/// line twice within one timestamp means to.
///
/// A file that is read again has its lines in the same order. As long as they come in that
/// order, only the position of the next one is remembered. At the first line out of order
/// the remaining lines are sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeenLines {
    pieces: Vec<Arc<[Entry]>>,
    /// Numbers of the lines that came in order.
    taken: Range<usize>,
    /// Piece of the next line, and its index there.
    next: (usize, usize),
    /// The lines that did not come yet, once one came out of order.
    pub(super) remaining: Option<Remaining>,
}

/// Lines sorted by time and hash, with how often each may still come.
type Remaining = Vec<(Entry, u32)>;

impl SeenLines {
    pub(super) fn new(pieces: Vec<Arc<[Entry]>>) -> Self {
        Self {
            pieces,
            ..Self::default()
        }
    }

    /// Returns true if the line is one of them, and takes it out.
    pub(crate) fn take(&mut self, entry: Entry) -> bool {
        if self.remaining.is_none() && self.is_next(entry) {
            self.advance();
            return true;
        }
        let left = self.remaining();
        let found = left.binary_search_by(|(known, _)| known.cmp(&entry));
        let Some((_, count)) = found.ok().and_then(|at| left.get_mut(at)) else {
            return false;
        };
        let is_left = *count > 0;
        *count = count.saturating_sub(1);
        is_left
    }

    /// Counts the remaining lines from `time` on.
    pub(crate) fn count_from(&self, time: i64) -> usize {
        match &self.remaining {
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

    /// True if the line is one of the remaining ones.
    pub(crate) fn has(&self, entry: Entry) -> bool {
        let Some(left) = &self.remaining else {
            // From the end: the last line is asked for most.
            return self
                .after()
                .rev()
                .chain(self.before())
                .any(|known| known == entry);
        };
        let found = left.binary_search_by(|(known, _)| known.cmp(&entry));
        found.is_ok_and(|at| left[at].1 > 0)
    }

    /// True if the line is the next in order. A response may begin with any of them.
    fn is_next(&mut self, entry: Entry) -> bool {
        if self.taken.end == 0 {
            self.begin(entry);
        }
        let next = self.pieces.get(self.next.0);
        next.and_then(|piece| piece.get(self.next.1)) == Some(&entry)
    }

    /// Moves to the position of the first line that came.
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

    /// The lines before the first one that came.
    fn before(&self) -> impl Iterator<Item = Entry> {
        let all = self.pieces.iter().flat_map(|piece| piece.iter());
        all.copied().take(self.taken.start)
    }

    /// The lines from the next one on.
    fn after(&self) -> impl DoubleEndedIterator<Item = Entry> {
        let (piece, at) = self.next;
        let first = self.pieces.get(piece).and_then(|piece| piece.get(at..));
        let rest = self.pieces.get(piece + 1..).unwrap_or_default();
        let rest = rest.iter().flat_map(|piece| piece.iter());
        first.unwrap_or_default().iter().chain(rest).copied()
    }

    fn remaining(&mut self) -> &mut Remaining {
        if self.remaining.is_none() {
            let mut left: Vec<_> = self.before().chain(self.after()).collect();
            left.sort_unstable();
            let same = left.chunk_by(|one, other| one == other);
            let counted = same.map(|same| (same[0], u32::try_from(same.len()).unwrap_or(u32::MAX)));
            self.remaining = Some(counted.collect());
            self.pieces = Vec::new();
        }
        self.remaining.get_or_insert_default()
    }
}
