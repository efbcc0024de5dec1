//! Sentences in lines of a width that people can read.

use std::borrow::Cow;

pub(crate) use crate::sanitize::printable;

/// The most columns of a wrapped sentence.
pub(crate) const WIDTH: usize = 100;

/// Returns the columns that a text takes on a terminal.
pub(crate) fn columns(text: &str) -> usize {
    console::measure_text_width(text)
}

/// Cuts a text to so many columns. The last character is `…` if something was cut.
pub(super) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if columns(text) <= width {
        return Cow::Borrowed(text);
    }
    let kept = console::truncate_str(text, width.saturating_sub(1), "");
    Cow::Owned(format!("{}…", kept.trim_end()))
}

/// Cuts the middle out of a text that takes more than so many columns: names differ at their
/// ends.
pub(super) fn cut_middle(text: &str, width: usize) -> String {
    let too_wide = columns(text).saturating_sub(width);
    if too_wide == 0 {
        return text.to_owned();
    }
    let head = console::truncate_str(text, width / 2, "").into_owned();
    let tail: usize = width.saturating_sub(columns(&head) + 1);
    let mut rest = &text[head.len()..];
    while columns(rest) > tail {
        let mut characters = rest.chars();
        characters.next();
        rest = characters.as_str();
    }
    format!("{head}…{rest}")
}

/// Pads a text to so many columns.
pub(crate) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// Breaks between words; a word that is longer than a line stays whole, so that it can
/// be copied.
pub(crate) fn wrap(text: &str, indent: &str, width: usize) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.is_empty() {
        true => Vec::new(),
        false => fold(&format!("{indent}{}", words.join(" ")), indent, width),
    }
}

/// Breaks a line between words where it is too wide. Each further line begins with `hang`.
pub(super) fn fold(line: &str, hang: &str, width: usize) -> Vec<String> {
    let text = line.trim_start();
    let mut current = line[..line.len() - text.len()].to_owned();
    let mut lines = Vec::new();
    let mut has_word = false;
    for piece in pieces(text) {
        let (word, gap) = (piece.trim_start(), piece.len() - piece.trim_start().len());
        if has_word && columns(&current) + gap + columns(word) > width {
            lines.push(std::mem::replace(&mut current, format!("{hang}{word}")));
        } else {
            current.push_str(piece);
        }
        has_word = true;
    }
    lines.push(current);
    lines
}

/// Returns the words of a text, each with the space before it.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let word = rest.len() - rest.trim_start_matches(' ').len();
        let end = rest[word..].find(' ').map_or(rest.len(), |at| word + at);
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_long_words_stay_whole() {
        let long = "x".repeat(150);
        let text = format!("{} {long} end", "word ".repeat(25));
        let lines = wrap(&text, "  ", WIDTH);
        assert_eq!(lines[1].trim(), "word ".repeat(6).trim());
        assert_eq!(lines[2].trim(), long);
        assert_eq!(lines[3], "  end");
        assert!(lines[0].len() <= WIDTH);
        assert!(wrap(" \n", "  ", WIDTH).is_empty());
    }

    #[test]
    fn a_folded_line_keeps_its_spaces_and_counts_columns() {
        let line = "  10:00:00  two  spaces 工作负载 and more";
        assert_eq!(fold(line, "    ", 80), [line]);
        assert_eq!(
            fold(line, "    ", 24),
            ["  10:00:00  two  spaces", "    工作负载 and more"]
        );
        assert_eq!(fold("", "  ", 10), [""]);
        assert_eq!(fold("a ", "", 10), ["a "]);
    }

    #[test]
    fn a_name_keeps_its_start_and_its_end() {
        assert_eq!(cut_middle("Deployment/web", 14), "Deployment/web");
        let name = cut_middle("Deployment/工作负载-checkout-worker-eu", 20);
        assert!(
            name.starts_with("Deploy") && name.ends_with("worker-eu"),
            "{name}"
        );
        assert!(columns(&name) <= 20, "{name}");
    }
}
