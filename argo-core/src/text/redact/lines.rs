//! The output of a program, redacted line by line.

use std::borrow::Cow;

use super::{MARK, pem, redacted};

/// Redacts lines that belong together: a private key goes on for many of them.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    is_in_key: bool,
    /// True after a line of base64 that was cut: it may be of a key whose beginning is missing.
    is_behind_base64: bool,
}

impl Lines {
    /// Returns the next line without credentials.
    pub fn redacted<'a>(&mut self, line: &'a str) -> Cow<'a, str> {
        let was_in_key = self.is_in_key;
        self.is_in_key = pem::is_open(line, was_in_key);
        if !was_in_key {
            return self.outside(line);
        }
        match pem::end_mark(line) {
            // The mark of the end may share its line with other text.
            Some(end) => Cow::Owned(format!("{MARK}{}", redacted(&line[end..]))),
            None => Cow::Borrowed(MARK),
        }
    }

    fn outside<'a>(&mut self, line: &'a str) -> Cow<'a, str> {
        let is_base64 = pem::is_base64(line.trim());
        // By itself the last line of a key, which is short, does not look like a secret.
        let shown = if is_base64 && self.is_behind_base64 {
            Cow::Borrowed(MARK)
        } else {
            redacted(line)
        };
        self.is_behind_base64 = is_base64 && shown.trim() == MARK;
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_cut_over_its_lines() {
        let mut lines = Lines::default();
        for (line, expected) in [
            ("password=x1", "password=***"),
            (
                "key: -----BEGIN RSA PRIVATE KEY-----",
                "key: -----BEGIN RSA PRIVATE KEY-----",
            ),
            ("MIIEow", "***"),
            ("short", "***"),
            (
                "-----END RSA PRIVATE KEY----- token=x2",
                "***-----END RSA PRIVATE KEY----- token=***",
            ),
            ("short", "short"),
            (
                "-----BEGIN PRIVATE KEY----- MHcC -----END PRIVATE KEY-----",
                "-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----",
            ),
            ("short", "short"),
            ("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"),
            ("MIIEow", "MIIEow"),
        ] {
            assert_eq!(lines.redacted(line), expected);
        }
    }

    #[test]
    fn a_key_without_its_beginning_is_cut_to_its_last_line() {
        let mut lines = Lines::default();
        for (line, expected) in [
            ("k3J9xQ2mZp7wB5tR", "k3J9xQ2mZp7wB5tR"),
            ("MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04f", "***"),
            ("k3J9xQ2mZp7wB5tR", "***"),
            (
                "-----END EC PRIVATE KEY----- is bad",
                "-----END EC PRIVATE KEY----- is bad",
            ),
            ("k3J9xQ2mZp7wB5tR", "k3J9xQ2mZp7wB5tR"),
            ("MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04f", "***"),
            ("Synced", "Synced"),
        ] {
            assert_eq!(lines.redacted(line), expected, "{line}");
        }
    }
}
