//! Sentences in lines of a width that people can read.

pub(crate) use crate::sanitize::printable;

/// The most columns of a wrapped sentence.
pub(crate) const WIDTH: usize = 100;

/// Breaks between words; a word that is longer than a line stays whole, so that it can
/// be copied.
pub(crate) fn wrap(text: &str, indent: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let width = indent.len() + line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && width > WIDTH {
            lines.push(format!("{indent}{line}"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(format!("{indent}{line}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_long_words_stay_whole() {
        let long = "x".repeat(150);
        let lines = wrap(&format!("{} {long} end", "word ".repeat(25)), "  ");
        assert_eq!(lines[1].trim(), "word ".repeat(6).trim());
        assert_eq!(lines[2].trim(), long);
        assert_eq!(lines[3], "  end");
        assert!(lines[0].len() <= WIDTH);
    }
}
