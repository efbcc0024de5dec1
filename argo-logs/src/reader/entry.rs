//! A printed line as two numbers.

/// A line as the window remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entry {
    pub(crate) time: i64,
    /// Hash of the text as received.
    pub(crate) hash: u64,
}
