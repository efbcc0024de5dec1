//! The output of a program, redacted line by line.

use std::borrow::Cow;

use super::{MARK, pem, redacted};

/// Redacts lines that belong together: a private key goes on for many of them.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    is_in_key: bool,
}

impl Lines {
    /// Returns the next line without credentials.
    pub fn redacted<'a>(&mut self, line: &'a str) -> Cow<'a, str> {
        let was_in_key = self.is_in_key;
        self.is_in_key = pem::is_open(line, was_in_key);
        if !was_in_key {
            return redacted(line);
        }
        match pem::end_mark(line) {
            // The mark of the end may share its line with other text.
            Some(end) => Cow::Owned(format!("{MARK}{}", redacted(&line[end..]))),
            None => Cow::Borrowed(MARK),
        }
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
}
