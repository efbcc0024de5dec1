//! Lines without times, which only their position tells apart.
//!
//! Some nodes (virtual kubelets) ignore `timestamps`, and with it `since`: each response is
//! the whole log. Its beginning was printed if it is the beginning of a response before.

/// At most this many beginnings are remembered.
const MOST: usize = 4;

/// The beginning of a log: the lines that a response brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    lines: usize,
    /// Hash of the first line.
    first: u64,
    /// Hash of all lines.
    hash: u64,
}

/// The position of a response within its log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Positions {
    /// The printed beginnings that agree with the lines so far.
    printed: Vec<Beginning>,
    seen: Option<Beginning>,
    /// True if it is certain that the lines have no times.
    is_certain: bool,
    was_rotated: bool,
}

/// The beginnings of a run's log that were printed, the latest last.
#[derive(Debug, Default)]
pub(crate) struct PrintedBeginnings(Vec<Beginning>);

impl Positions {
    pub(super) fn new(printed: Vec<Beginning>) -> Self {
        Self {
            is_certain: !printed.is_empty(),
            printed,
            ..Self::default()
        }
    }

    pub(super) fn is_certain(&self) -> bool {
        self.is_certain
    }

    pub(super) fn seen(&self) -> Option<Beginning> {
        self.seen
    }

    /// Counts a line. Returns true if it was not printed.
    pub(super) fn is_new(&mut self, hash: u64) -> bool {
        let seen = self
            .seen
            .map_or(Beginning::of(hash), |seen| seen.then(hash));
        self.seen = Some(seen);
        self.is_certain |= seen.lines > 1;
        self.keep(|known| known.agrees(seen));
        !self.printed.iter().any(|known| known.lines >= seen.lines)
    }

    /// Ends the log: a longer beginning is another file's. Returns true once if the log does
    /// not begin with printed lines any more.
    pub(super) fn end(&mut self) -> bool {
        if let Some(seen) = self.seen {
            self.keep(|known| known.lines <= seen.lines);
        }
        std::mem::take(&mut self.was_rotated)
    }

    fn keep(&mut self, agrees: impl FnMut(&Beginning) -> bool) {
        let had_some = !self.printed.is_empty();
        self.printed.retain(agrees);
        self.was_rotated |= had_some && self.printed.is_empty();
    }
}

impl Beginning {
    fn of(hash: u64) -> Self {
        Self {
            lines: 1,
            first: hash,
            hash,
        }
    }

    fn then(self, hash: u64) -> Self {
        let mixed = self
            .hash
            .wrapping_mul(0xa076_1d64_78bd_642f)
            .rotate_left(23)
            ^ hash;
        Self {
            lines: self.lines + 1,
            hash: mixed,
            ..self
        }
    }

    /// True if this may be of the same log as `seen`.
    fn agrees(&self, seen: Self) -> bool {
        self.first == seen.first && (self.lines != seen.lines || self.hash == seen.hash)
    }
}

impl PrintedBeginnings {
    /// Returns the beginnings that a response may have. A file that replaced another one
    /// stays, unless it was the next run's all along: then the run before has the other.
    pub(crate) fn of_response(&self, previous: bool) -> Vec<Beginning> {
        if previous {
            return self.0.clone();
        }
        self.0.last().copied().into_iter().collect()
    }

    /// Remembers the lines of a response.
    pub(crate) fn learn(&mut self, response: &Positions) {
        let Some(seen) = response.seen else {
            return;
        };
        // A response that was cut says nothing about the lines behind it.
        if response
            .printed
            .iter()
            .any(|known| known.lines > seen.lines)
        {
            return;
        }
        self.0.retain(|known| !response.printed.contains(known));
        self.0.push(seen);
        if self.0.len() > MOST {
            self.0.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads responses one after another; returns the new lines of the last one.
    fn read(responses: &[&[u64]]) -> (Vec<u64>, bool) {
        let mut printed = PrintedBeginnings::default();
        let mut last = (Vec::new(), false);
        for lines in responses {
            let mut positions = Positions::new(printed.of_response(false));
            let new = lines.iter().copied().filter(|line| positions.is_new(*line));
            let new = new.collect();
            let was_rotated = positions.end();
            printed.learn(&positions);
            last = (new, was_rotated);
        }
        last
    }

    #[test]
    fn a_line_is_new_behind_the_printed_ones() {
        assert_eq!(read(&[&[7, 7, 8]]), (vec![7, 7, 8], false));
        assert_eq!(read(&[&[7, 7], &[7, 7, 7, 8]]), (vec![7, 8], false));
        assert_eq!(read(&[&[7, 7], &[7, 7]]), (vec![], false));
        assert_eq!(read(&[&[7], &[]]), (vec![], false));
    }

    #[test]
    fn another_file_is_new_from_its_first_line() {
        assert_eq!(read(&[&[1, 2, 3], &[4, 5]]), (vec![4, 5], true));
        assert_eq!(read(&[&[1, 2], &[3], &[3, 4]]), (vec![4], false));
        // The first line is the same: it shows at the end, and is told.
        assert_eq!(read(&[&[1, 2, 3], &[1]]), (vec![], true));
        assert_eq!(read(&[&[1, 2, 3], &[1], &[1, 4]]), (vec![4], false));
    }

    #[test]
    fn a_cut_response_takes_nothing_back() {
        let mut printed = PrintedBeginnings::default();
        let mut whole = Positions::default();
        assert!([1, 2, 3].into_iter().all(|line| whole.is_new(line)));
        printed.learn(&whole);
        let mut cut = Positions::new(printed.of_response(false));
        assert!(!cut.is_new(1));
        printed.learn(&cut);
        assert_eq!(printed.of_response(false), [whole.seen.unwrap()]);
    }
}
