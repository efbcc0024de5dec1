//! Words of a message and where they stand.

/// True for the characters that no credential holds unless it is quoted: white space and the
/// marks around quotations.
pub(super) fn is_gap(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '`' | '<' | '>')
}

/// A word and its offset in the text.
pub(super) type Word<'a> = (usize, &'a str);

/// Returns the words of a text with their offsets. Escaped line breaks and quotes (`\n`, `\"`)
/// separate words like real ones.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = start + word_len(&text[start..]);
        if end > start {
            words.push((start, &text[start..end]));
        }
        start = end + gap_len(&text[end..]);
    }
    words
}

/// Returns the bytes up to the next gap.
pub(super) fn word_len(text: &str) -> usize {
    let is_end = |(at, c): (usize, char)| (gap_len_at(text, at, c) > 0).then_some(at);
    text.char_indices().find_map(is_end).unwrap_or(text.len())
}

fn gap_len(text: &str) -> usize {
    let mut len = 0;
    while let Some(c) = text[len..].chars().next() {
        match gap_len_at(text, len, c) {
            0 => break,
            gap => len += gap,
        }
    }
    len
}

fn gap_len_at(text: &str, at: usize, c: char) -> usize {
    if is_gap(c) {
        return c.len_utf8();
    }
    // A backslash belongs to the gap with the character that it escapes.
    let next = text.as_bytes().get(at + 1);
    match (c, next) {
        ('\\', Some(b'n' | b'r' | b't' | b'"' | b'\'' | b'\\')) => 2,
        ('\\', None) => 1,
        _ => 0,
    }
}

/// True if a token may begin at `at`: no letter or digit stands before it, or one that
/// belongs to an escaped line break.
pub(super) fn is_start(text: &str, at: usize) -> bool {
    let before = &text.as_bytes()[..at];
    match before {
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., last] => !last.is_ascii_alphanumeric(),
        [] => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_gaps_separate_words_too() {
        let text = r#"a  "b"\nc\"d\\x 'é'"#;
        let found: Vec<_> = words(text).into_iter().map(|(_, word)| word).collect();
        assert_eq!(found, ["a", "b", "c", "d", "x", "é"]);
        for (at, word) in words(text) {
            assert!(text[at..].starts_with(word));
        }
    }
}
