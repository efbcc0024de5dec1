//! The lines that a response has brought so far.

use super::entry::Entry;

/// The lines that a response has brought so far.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) lines: usize,
    pub(super) printed: usize,
    /// The greatest time of the lines.
    pub(super) newest: i64,
    /// Time of the first line, printed before or not.
    pub(super) begins: Option<i64>,
    /// The first new line.
    pub(super) first: Option<Entry>,
    /// The last line, printed before or not, and how often it came in a row.
    pub(super) last: Option<Entry>,
    pub(super) copies: usize,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            lines: 0,
            printed: 0,
            newest: i64::MIN,
            begins: None,
            first: None,
            last: None,
            copies: 0,
        }
    }
}

impl Progress {
    #[inline]
    pub(super) fn count(&mut self, entry: Entry) {
        self.begins.get_or_insert(entry.time);
        let is_copy = self.last.replace(entry) == Some(entry);
        self.copies = if is_copy { self.copies + 1 } else { 1 };
    }

    /// Counts a line that is new.
    #[inline]
    pub(super) fn new_line(&mut self, entry: Entry) {
        self.lines += 1;
        self.printed += 1;
        self.count(entry);
        self.newest = self.newest.max(entry.time);
        self.first.get_or_insert(entry);
    }
}
