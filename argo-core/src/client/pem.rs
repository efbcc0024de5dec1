//! PEM text as Go reads it: whatever is not a block is skipped.
//!
//! People keep more in these files than certificates: the text that `openssl x509 -text`
//! prints, bag attributes, EC parameters, a signing request. Go's `encoding/pem` skips
//! all of it, and a block that is broken as well. Stricter readers refuse such a file.

use base64::{Engine, engine::general_purpose::STANDARD};

/// One PEM block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The label between `BEGIN` and the dashes.
    pub(super) label: String,
    /// True if the block has headers, such as `Proc-Type` of an encrypted key.
    pub(super) has_headers: bool,
    /// The decoded bytes.
    pub(super) contents: Vec<u8>,
}

impl Block {
    /// True if the contents are a certificate.
    pub(super) fn is_certificate(&self) -> bool {
        self.label == "CERTIFICATE"
    }

    /// True if the contents are a private key of any encoding.
    pub(super) fn is_private_key(&self) -> bool {
        self.label == "PRIVATE KEY" || self.label.ends_with(" PRIVATE KEY")
    }
}

/// Returns the blocks of a text in their order.
pub(super) fn blocks(text: &[u8]) -> Vec<Block> {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut blocks = Vec::new();
    let mut next = 0;
    while next < lines.len() {
        let block = label(lines[next], "-----BEGIN ").and_then(|label| {
            let rest = &lines[next + 1..];
            let end = rest
                .iter()
                .position(|line| self::label(line, "-----END ") == Some(label))?;
            Some((block(label, &rest[..end])?, end))
        });
        next += 1;
        if let Some((block, length)) = block {
            blocks.push(block);
            next += length + 1;
        }
    }
    blocks
}

fn label<'a>(line: &'a str, prefix: &str) -> Option<&'a str> {
    line.strip_prefix(prefix)?.strip_suffix("-----")
}

fn block(label: &str, lines: &[&str]) -> Option<Block> {
    let headers = lines.iter().take_while(|line| line.contains(':')).count();
    let body: String = lines[headers..]
        .iter()
        .flat_map(|line| line.chars())
        .filter(|char| !char.is_ascii_whitespace())
        .collect();
    Some(Block {
        label: label.to_owned(),
        has_headers: headers > 0,
        contents: STANDARD.decode(body).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<String> {
        blocks(text.as_bytes())
            .into_iter()
            .map(|block| block.label)
            .collect()
    }

    const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\nAAEC\n-----END EC PRIVATE KEY-----\n";
    const PARAMETERS: &str = "-----BEGIN EC PARAMETERS-----\nBgg=\n-----END EC PARAMETERS-----\n";

    #[test]
    fn blocks_are_found_among_other_text() {
        let both = format!("Bag Attributes\n  a: b\n{PARAMETERS}text\n\n{KEY}trailing");
        assert_eq!(labels(&both), ["EC PARAMETERS", "EC PRIVATE KEY"]);
        assert_eq!(labels(&both.replace('\n', "\r\n")).len(), 2);
        assert_eq!(labels(&both.replace('\n', " \t\n")).len(), 2);
        assert_eq!(
            labels(KEY.trim_end()),
            ["EC PRIVATE KEY"],
            "no newline at the end"
        );
        assert_eq!(blocks(KEY.as_bytes())[0].contents, [0, 1, 2]);
    }

    #[test]
    fn a_broken_block_does_not_hide_the_next_one() {
        let cut = format!("-----BEGIN CERTIFICATE-----\nAA\n{KEY}");
        assert_eq!(labels(&cut), ["EC PRIVATE KEY"]);
        let garbage = format!("-----BEGIN X-----\n%%%\n-----END X-----\n{KEY}");
        assert_eq!(labels(&garbage), ["EC PRIVATE KEY"]);
        assert!(labels("\u{0}\u{1}no PEM").is_empty());
    }

    #[test]
    fn headers_are_noticed() {
        let text = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAEC\n-----END RSA PRIVATE KEY-----";
        let block = blocks(text.as_bytes()).remove(0);
        assert!(block.has_headers && block.is_private_key());
        assert_eq!(block.contents, [0, 1, 2]);
    }
}
