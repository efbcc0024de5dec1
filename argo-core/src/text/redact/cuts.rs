//! The ranges that the rules cut, and the mark in their place.

use std::ops::Range;

/// The mark in the place of a credential that was cut.
pub const MARK: &str = "***";

/// The ranges of a text that hold credentials, in any order.
pub(super) type Cuts = Vec<Range<usize>>;

/// True if nothing but the mark of an earlier pass and punctuation behind it is left to cut.
pub(super) fn is_mark(cut: &str) -> bool {
    let rest = cut.strip_prefix(MARK);
    rest.is_some_and(|rest| !rest.contains(char::is_alphanumeric))
}

/// Returns the text with a mark in the place of each range. The ranges are in order.
pub(super) fn without(text: &str, cuts: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for cut in cuts {
        // Ranges that overlap or touch share the mark of the first one.
        if cut.start > copied || copied == 0 {
            out.push_str(&text[copied..cut.start]);
            out.push_str(MARK);
        }
        copied = copied.max(cut.end);
    }
    out.push_str(&text[copied..]);
    out
}
