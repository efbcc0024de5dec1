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
