//! The lines of a response that comes in pieces of any size.

/// Bytes above which an empty buffer is given back.
const LARGE: usize = 256 * 1024;

/// The bytes of a response that were not taken yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: Vec<u8>,
    /// Bytes at the beginning that were taken.
    taken: usize,
    /// Bytes from the beginning in which no further line ends.
    searched: usize,
}

impl Lines {
    /// Takes a piece of the response.
    pub(super) fn push(&mut self, piece: &[u8]) {
        if self.taken > 0 {
            self.held.drain(..self.taken);
            self.searched -= self.taken;
            self.taken = 0;
        }
        self.held.extend_from_slice(piece);
    }

    /// Returns the next line without its end, once it is complete.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        let Some(length) = memchr::memchr(b'\n', &self.held[self.searched..]) else {
            self.searched = self.held.len();
            self.shrink();
            return None;
        };
        let (from, to) = (self.taken, self.searched + length);
        self.taken = to + 1;
        self.searched = to + 1;
        Some(&self.held[from..to])
    }

    /// Returns what is left when the response has ended.
    pub(super) fn rest(&mut self) -> &[u8] {
        let from = self.taken;
        self.taken = self.held.len();
        self.searched = self.taken;
        &self.held[from..]
    }

    /// One large object must not hold its memory for as long as the watch is open.
    fn shrink(&mut self) {
        if self.taken == self.held.len() && self.held.capacity() > LARGE {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(lines: &mut Lines) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| lines.next().map(<[u8]>::to_vec)).collect()
    }

    proptest! {
        #[test]
        fn the_size_of_the_pieces_changes_nothing(text in "[ab\n]{0,40}", sizes in prop::collection::vec(1_usize..6, 1..40)) {
            let (mut lines, mut found, mut left) = (Lines::default(), Vec::new(), text.as_bytes());
            for size in sizes.iter().cycle() {
                let (piece, rest) = left.split_at((*size).min(left.len()));
                lines.push(piece);
                found.extend(taken(&mut lines));
                left = rest;
                if left.is_empty() {
                    break;
                }
            }
            found.push(lines.rest().to_vec());
            let wanted: Vec<Vec<u8>> = text.split('\n').map(|line| line.as_bytes().to_vec()).collect();
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn a_large_line_leaves_no_memory_behind() {
        let mut lines = Lines::default();
        lines.push(&vec![b'x'; LARGE + 1]);
        lines.push(b"\n");
        assert_eq!(taken(&mut lines).len(), 1);
        assert!(lines.held.capacity() <= LARGE);
    }
}
