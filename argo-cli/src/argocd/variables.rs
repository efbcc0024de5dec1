//! Look-up in a list of environment variables, by name and by pattern.

use std::ffi::{OsStr, OsString};

/// Returns the value of a variable that is neither unset nor empty.
pub(super) fn value<'a>(
    environment: &'a [(OsString, OsString)],
    name: &str,
) -> Option<&'a OsString> {
    let found = environment
        .iter()
        .find(|(n, value)| n == name && !value.is_empty());
    found.map(|(_, value)| value)
}

/// True if the name matches a pattern in which `*` stands for any text.
pub(super) fn matches(pattern: &str, name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let mut parts = pattern.as_bytes().split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&[u8]> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some(at) = memchr::memmem::find(rest, part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
