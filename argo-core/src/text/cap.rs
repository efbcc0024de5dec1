//! Text of any length made fit for one line.

/// The mark at the end of a text that was cut.
const CUT: char = '…';

/// Returns at most `max` characters of a text. The last one is `…` if some were cut.
pub fn cap(text: &str, max: usize) -> String {
    if text.char_indices().nth(max).is_none() {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max.saturating_sub(1)).collect();
    format!("{}{CUT}", kept.trim_end())
}

/// Returns at most `max` characters of a text: its start and a longer part of its end, with
/// `…` between them if some were cut. Runtimes name the object first and the cause last.
pub fn middle_cut(text: &str, max: usize) -> String {
    let count = text.chars().count();
    if count <= max || max == 0 {
        return cap(text, max);
    }
    let start = max * 2 / 5;
    let end = max - 1 - start;
    let head: String = text.chars().take(start).collect();
    let tail: String = text.chars().skip(count - end).collect();
    format!("{}{CUT}{}", head.trim_end(), tail.trim_start())
}

/// Returns the longest start of a text that has at most `max` bytes and ends between two
/// characters.
pub fn head(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Joins the words of a text by single spaces and drops its control characters, so that it
/// takes one line and no terminal obeys it.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let is_gap = |c: char| c.is_whitespace() || c.is_control();
    for word in text.split(is_gap).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_ends_with_an_ellipsis() {
        for (text, max, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("äöü", 3, "äöü"),
            ("äöüß", 3, "äö…"),
            ("ab cd", 4, "ab…"),
            ("", 0, ""),
            ("a", 0, "…"),
        ] {
            assert_eq!(cap(text, max), expected);
        }
        assert_eq!(cap(&"ä".repeat(100_000), 300).chars().count(), 300);
    }

    #[test]
    fn a_cause_at_the_end_of_a_long_text_stays() {
        assert_eq!(middle_cut("abc", 3), "abc");
        assert_eq!(middle_cut("abcdefghijkl", 11), "abcd…ghijkl");
        assert_eq!(middle_cut("äöüß", 3), "ä…ß");
        assert_eq!(middle_cut("abc", 1), "…");
        let text = middle_cut(&"ä".repeat(100_000), 300);
        assert_eq!(text.chars().count(), 300);
    }

    #[test]
    fn a_head_ends_between_two_characters() {
        assert_eq!(head("aä", 2), "a");
        assert_eq!(head("aä", 3), "aä");
        assert_eq!(head("aä", 9), "aä");
    }

    #[test]
    fn a_text_of_several_lines_becomes_one() {
        let text = "two\n  lines\tand \u{1b}[31mcolour\r\n";
        assert_eq!(one_line(text), "two lines and [31mcolour");
    }
}
