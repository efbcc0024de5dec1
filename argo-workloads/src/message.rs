//! Texts of the cluster, made fit to be shown.

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
    middle_cut(&redacted(&one_line(head(text, LOOK))), MAX)
}

/// Returns a line of a log, bounded and without control characters. Its words stay as the
/// container wrote them.
pub(crate) fn log_line(text: &str) -> String {
    let text = head(text, LOOK).replace(|c: char| c.is_control(), " ");
    cap(text.trim_end(), MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_bounded_line_without_credentials() {
        for (text, expected) in [
            (
                "two\n  lines\tand \u{1b}[31mcolour",
                "two lines and [31mcolour",
            ),
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
        assert_eq!(log_line("password=hunter2\t\n"), "password=hunter2");
    }
}
