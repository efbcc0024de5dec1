//! Reads the level out of a line that argocd wrote.

use argo_core::Level;

use crate::argocd::Stream;

/// Returns the level that argocd's logger put into a line of stderr, as text
/// (`level=warning`) or as JSON; everything else is information.
pub(super) fn of_argocd(stream: Stream, line: &[u8]) -> Level {
    // The quoted form first: the key without the quote is found in it too.
    const KEYS: [&[u8]; 3] = [b"level=\"", b"level=", b"\"level\":\""];
    if stream == Stream::Stdout {
        return Level::Info;
    }
    let named = KEYS.iter().find_map(|key| {
        let rest = &line[memchr::memmem::find(line, key)? + key.len()..];
        let end = rest.iter().position(|byte| !byte.is_ascii_alphabetic());
        let word = &rest[..end.unwrap_or(rest.len())];
        std::str::from_utf8(word).ok()?.parse().ok()
    });
    named.unwrap_or(Level::Info)
}
