//! A printed line as two numbers.

use super::hash::hash;

/// A line as the window remembers it. Packed, because of busy containers half a million are
/// remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C, packed(4))]
pub(crate) struct Entry {
    pub(crate) time: i64,
    /// Hash of the text as received. Only lines of the same nanosecond are told apart by it.
    pub(crate) hash: u32,
}

impl Entry {
    /// Creates the entry of a text.
    #[inline]
    pub(crate) fn of(time: i64, text: &[u8]) -> Self {
        let hash = (hash(text) >> 32) as u32;
        Self { time, hash }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, test_runner::TestRunner};

    use super::*;

    /// The seed is fixed: of many lines, two have the same 32 bits now and then.
    #[test]
    fn a_changed_byte_changes_the_entry() {
        let lines = proptest::collection::vec(any::<u8>(), 1..200);
        let changes = (lines, any::<prop::sample::Index>(), 1..=255_u8);
        let checked = TestRunner::deterministic().run(&changes, |(mut line, at, by)| {
            let before = Entry::of(1, &line);
            let at = at.index(line.len());
            line[at] ^= by;
            prop_assert_ne!(before, Entry::of(1, &line));
            line[at] ^= by;
            prop_assert_eq!(before, Entry::of(1, &line));
            line.push(0);
            prop_assert_ne!(before, Entry::of(1, &line));
            Ok(())
        });
        checked.unwrap();
    }

    #[test]
    fn lines_of_two_times_differ() {
        assert_ne!(Entry::of(1, b"x"), Entry::of(2, b"x"));
    }
}
