//! Values that stand beside their name: `password=…`, `"token": "…"`, `X-Api-Key: …`.

use std::ops::Range;

use super::{
    Cuts,
    neighbour::is_scheme,
    ordinary,
    secret_name::{Secrecy, secrecy},
    words::word_len,
};

/// A secret name before `=` or `:`.
struct Name<'a> {
    text: &'a str,
    secrecy: Secrecy,
    /// True if quotes stand around it, as in JSON.
    is_quoted: bool,
    /// True before `=`, false before `:`.
    is_assigned: bool,
}

/// The text after the `=` or `:` of a name.
struct Value<'a> {
    range: Range<usize>,
    text: &'a str,
    is_quoted: bool,
    /// True if white space stands before it.
    is_spaced: bool,
}

/// Cuts the values of secret names.
pub(super) fn values(text: &str, cuts: &mut Cuts) {
    let mut done = 0;
    for (at, separator) in text.match_indices(['=', ':']) {
        if at < done {
            continue;
        }
        if let Some(name) = name_before(&text[..at], separator == "=") {
            let value = value_after(text, at + 1);
            let cut = if name.is_cookie() {
                value.range.start..end_of_line(text, value.range.start)
            } else if name.makes_secret(&value) {
                value.range
            } else {
                continue;
            };
            done = cut.end;
            cuts.push(cut);
        }
    }
}

/// Returns the name that ends a text if it is one of a secret.
fn name_before(text: &str, is_assigned: bool) -> Option<Name<'_>> {
    /// Longer names are read from here on.
    const LONGEST: usize = 128;
    let mut start = text.len().saturating_sub(LONGEST);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let text = text[start..].trim_end_matches([' ', ':']);
    let bare = text.trim_end_matches(['"', '\'', '\\', '`', ']']);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let name = &bare[bare.trim_end_matches(is_name).len()..];
    Some(Name {
        text: name,
        secrecy: secrecy(name)?,
        is_quoted: bare.len() < text.len(),
        is_assigned,
    })
}

fn value_after(text: &str, start: usize) -> Value<'_> {
    let after = &text[start..];
    // `==` and `=>` assign as well.
    let after = after.strip_prefix(['=', '>']).unwrap_or(after);
    let rest = after.trim_start_matches([' ', '\t', '[']);
    let escapes = rest.len() - rest.trim_start_matches('\\').len();
    let quote = rest[escapes..].chars().next();
    let quote = quote.filter(|c| matches!(c, '"' | '\'' | '`'));
    let start = text.len() - rest.len() + quote.map_or(0, |_| escapes + 1);
    let len = match quote {
        Some(quote) => quoted_len(&text[start..], escapes, quote),
        None => bare_len(rest),
    };
    Value {
        range: start..start + len,
        text: &text[start..start + len],
        is_quoted: quote.is_some(),
        is_spaced: after.starts_with([' ', '\t']),
    }
}

/// Returns the bytes up to the quote that is escaped as often as the opening one.
fn quoted_len(text: &str, escapes: usize, quote: char) -> usize {
    let mut backslashes = 0;
    for (at, c) in text.char_indices() {
        if c == quote && backslashes == escapes {
            return at - escapes;
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
    }
    text.len()
}

/// Returns the bytes up to the next word, parameter or setting, without the punctuation of
/// the sentence.
fn bare_len(text: &str) -> usize {
    let word = &text[..word_len(text)];
    let mut separators = word.match_indices(['&', ',', ';']);
    let next = separators.find(|(at, c)| *c == "&" || begins_setting(&word[at + 1..]));
    let end = next.map_or(word.len(), |(at, _)| at);
    let closing = [',', ';', '.', ':', ')', ']', '}', '!', '?'];
    word[..end].trim_end_matches(closing).len()
}

/// True for `name=…`, as it may follow the comma after a value.
fn begins_setting(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let name = &text[..text.find(|c| !is_name(c)).unwrap_or(text.len())];
    let after = text[name.len()..].strip_prefix('=');
    // The `=` at the end of base64 names nothing.
    !name.is_empty() && after.is_some_and(|value| !value.trim_start_matches('=').is_empty())
}

fn end_of_line(text: &str, start: usize) -> usize {
    let rest = &text[start..];
    let ends = [
        rest.find(['"', '\n', '`']),
        rest.find("\\n"),
        rest.find("\\r"),
    ];
    let end = ends.into_iter().flatten().min();
    end.map_or(text.len(), |len| start + len)
}

impl Name<'_> {
    fn is_cookie(&self) -> bool {
        let name = self.text.to_ascii_lowercase();
        !self.is_assigned && matches!(name.as_str(), "cookie" | "set-cookie")
    }

    fn makes_secret(&self, value: &Value<'_>) -> bool {
        // A URL has rules of its own, and the secret follows the scheme of a header.
        if value.text.is_empty() || is_address(value.text) || is_scheme(value.text) {
            return false;
        }
        let is_token = ordinary::is_token(value.text) && !begins_setting(value.text);
        match self.secrecy {
            Secrecy::Possible => is_token,
            Secrecy::Token => is_token || self.is_certain(value),
            Secrecy::Password => is_token || self.is_certain(value) || !value.is_spaced,
        }
    }

    /// True where nothing but the value can follow: after `=`, in JSON, in a header.
    fn is_certain(&self, value: &Value<'_>) -> bool {
        let is_json = self.is_quoted && value.is_quoted;
        let is_header =
            self.text.contains('-') && self.text.starts_with(|c: char| c.is_uppercase());
        self.is_assigned || is_json || is_header
    }
}

fn is_address(value: &str) -> bool {
    value.starts_with("//") || value.contains("://")
}
