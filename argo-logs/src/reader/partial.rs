//! The beginning of a line whose end has not come yet.

/// The beginning of a line whose end has not come yet.
#[derive(Debug, Default)]
pub(super) struct Partial {
    pub(super) bytes: Vec<u8>,
    /// `Some` once earlier pieces of this line were handed out; holds the time of the line.
    pub(super) goes_on: Option<Option<i64>>,
}

impl Partial {
    pub(super) fn is_begun(&self) -> bool {
        !self.bytes.is_empty() || self.goes_on.is_some()
    }
}
