//! The latest lines that came in pieces.
//!
//! The runtime writes a long line as several records, and a kubelet may rotate the file
//! between two of them. A response that begins with the new file then begins with the rest
//! of the line, stamped with the time of the first record there: a line that looks new.

use std::collections::VecDeque;

use super::entry::Entry;

/// Bytes; a longer line is handed out in pieces of this size.
pub(crate) const CAP: usize = 1 << 20;

/// Bytes; a runtime writes a longer line in pieces. The smallest buffer of the known runtimes
/// is that of conmon.
pub(super) const LONG: usize = 8 << 10;
/// At most this many lines are remembered; older ones are forgotten.
const MOST: usize = 4;

#[derive(Clone, Debug)]
struct PiecedLine {
    entry: Entry,
    text: Vec<u8>,
}

/// The lines, oldest first, of at most [`CAP`] bytes together.
#[derive(Clone, Debug, Default)]
pub(crate) struct PiecedLines(VecDeque<PiecedLine>);

impl PiecedLines {
    /// Remembers a line.
    pub(super) fn push(&mut self, entry: Entry, text: &[u8]) {
        let text = text.to_vec();
        self.0.push_back(PiecedLine { entry, text });
        while self.0.len() > MOST || self.bytes() > CAP + LONG {
            self.0.pop_front();
        }
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|line| line.text.len()).sum()
    }

    /// Returns the line of which `text`, stamped with `time`, is the rest. `newest` is the
    /// time of the newest printed line.
    pub(super) fn whole_of(&self, text: &[u8], time: i64, newest: Option<i64>) -> Option<Entry> {
        let mut lines = self.0.iter().rev();
        let line = lines.find(|line| line.entry.time <= time && is_rest(text, &line.text))?;
        // Behind a short line that was printed last, a line with its end may be a new one.
        let is_certain = line.text.len() >= LONG || newest.is_some_and(|newest| time <= newest);
        is_certain.then_some(line.entry)
    }
}

/// True if `text` can be the rest of a line whose beginning is in another file.
pub(super) fn is_rest(text: &[u8], line: &[u8]) -> bool {
    !text.is_empty() && text.len() < line.len() && line.ends_with(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> PiecedLines {
        let mut lines = PiecedLines::default();
        lines.push(Entry { time: 5, hash: 1 }, text);
        lines
    }

    #[test]
    fn the_end_of_a_long_line_is_its_rest() {
        let long = [vec![b'a'; LONG], b"end".to_vec()].concat();
        let lines = lines(&long);
        let entry = Some(Entry { time: 5, hash: 1 });
        assert_eq!(lines.whole_of(b"aend", 9, Some(5)), entry);
        assert_eq!(lines.whole_of(b"aend", 4, Some(5)), None, "it is older");
        assert_eq!(lines.whole_of(b"bend", 9, Some(5)), None);
        assert_eq!(lines.whole_of(b"", 9, Some(5)), None);
        assert_eq!(
            lines.whole_of(&long, 9, Some(5)),
            None,
            "it is another line"
        );
    }

    #[test]
    fn a_short_line_has_a_rest_only_before_later_ones() {
        let lines = lines(b"10 % 20 %");
        assert!(lines.whole_of(b"20 %", 9, Some(9)).is_some());
        assert!(lines.whole_of(b"20 %", 9, Some(8)).is_none());
    }

    #[test]
    fn few_lines_are_remembered() {
        let mut lines = lines(b"first of all");
        for time in 6..10 {
            lines.push(Entry { time, hash: 1 }, &vec![b'x'; LONG]);
        }
        assert!(lines.whole_of(b"all", 9, Some(9)).is_none());
        for time in 10..14 {
            lines.push(Entry { time, hash: 1 }, &vec![b'x'; CAP]);
        }
        assert!(lines.bytes() <= CAP + LONG);
    }
}
