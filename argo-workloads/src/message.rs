//! Texts of the cluster, made fit to be shown.

use std::borrow::Cow;

use argo_core::text::{
    cap::{cap, head, middle_cut, one_line},
    redacted,
};

/// Characters above which a message is cut.
const MAX: usize = 300;
/// Bytes of a message that are read; the rest is dropped unread.
const LOOK: usize = 8 * 1024;

/// Formats a message of the cluster on one line, without credentials, of at most 300
/// characters; a longer one loses its middle.
pub fn without_credentials(text: &str) -> String {
    let plain = without_escapes(head(text, LOOK));
    middle_cut(&redacted(&one_line(&plain)), MAX)
}

/// Returns a line of a log, bounded and without control characters. Its words stay as the
/// container wrote them.
pub(crate) fn log_line(text: &str) -> String {
    let text = without_escapes(head(text, LOOK));
    let text = text.replace(|c: char| c.is_control(), " ");
    cap(text.trim_end(), MAX)
}

/// Removes the sequences by which a program colours its output: their letters and digits would
/// stay as words (ECMA-48, 5.4: parameters, intermediates, one final byte).
fn without_escapes(text: &str) -> Cow<'_, str> {
    if !text.contains("\u{1b}[") {
        return text.into();
    }
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !(' '..='?').contains(&c));
        let is_final = |end: &usize| part[*end..].starts_with(|c| ('@'..='~').contains(&c));
        // Whatever is no such sequence stays.
        plain.push_str(match end.filter(is_final) {
            Some(end) => &part[end + 1..],
            None => part,
        });
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_bounded_line_without_credentials() {
        for (text, expected) in [
            ("two\n  lines\tand \u{1b}[31mcolour", "two lines and colour"),
            ("run --password=hunter2 now", "run --password=*** now"),
            (
                "-----BEGIN PRIVATE KEY-----\nMHcC\n-----END PRIVATE KEY-----",
                "-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----",
            ),
        ] {
            assert_eq!(without_credentials(text), expected);
        }
        assert_eq!(
            without_credentials(&"ä".repeat(100_000)).chars().count(),
            MAX
        );
        let coloured = "\u{1b}[1;31mERROR\u{1b}[0m cannot bind\u{1b}[K :80 \u{1b}[";
        assert_eq!(log_line(coloured), "ERROR cannot bind :80");
        assert_eq!(log_line("password=hunter2\t\n"), "password=hunter2");
    }
}
