//! Values that stand beside their name: `password=…`, `"token": "…"`, `X-Api-Key: …`.

use std::ops::Range;

use super::{
    Cuts, MARK,
    neighbour::is_scheme,
    ordinary, prose,
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
    /// True within `group:Kind:name` and `arn:…:secret:name`.
    is_reference: bool,
    /// True at the end of a path: the value may be the tag of an image, `shop/token:1.2`.
    is_path: bool,
}

/// The text after the `=` or `:` of a name.
struct Value<'a> {
    range: Range<usize>,
    text: &'a str,
    is_quoted: bool,
    /// True if white space stands before it.
    is_spaced: bool,
    /// True if a word follows, as in a sentence.
    goes_on: bool,
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
                // What stands behind the mark of an earlier pass is no cookie any more.
                if value.text.starts_with(MARK) {
                    continue;
                }
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
    let before = &bare[..bare.len() - name.len()];
    Some(Name {
        text: name,
        secrecy: secrecy(name).max(secrecy_of_key(name, before))?,
        is_quoted: bare.len() < text.len(),
        is_assigned,
        is_path: before.ends_with('/'),
        is_reference: before.ends_with(':') || name.starts_with(|c: char| c.is_uppercase()),
    })
}

/// Returns the secrecy of a name in two words: `API key`, `Access key`. A `secret key` is a key
/// of a Secret as often.
fn secrecy_of_key(name: &str, before: &str) -> Option<Secrecy> {
    let before = before.strip_suffix(' ')?;
    let first = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next()?;
    let is_key = name.eq_ignore_ascii_case("key") && !first.eq_ignore_ascii_case("secret");
    is_key
        .then(|| secrecy(&format!("{first}-{name}")))
        .flatten()
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
        goes_on: goes_on(&text[start + len..]),
    }
}

fn goes_on(rest: &str) -> bool {
    let next = rest
        .strip_prefix(' ')
        .map(|rest| rest.trim_start_matches(['"', '\\', '\'']));
    next.is_some_and(|next| next.starts_with(char::is_alphanumeric))
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
        // A structure has names of its own, and `Token::End` is a path in a program.
        if !self.is_assigned && !value.is_quoted && value.text.starts_with(['{', ':']) {
            return false;
        }
        let is_token = ordinary::is_token(value.text) && !begins_setting(value.text);
        match self.secrecy {
            Secrecy::Possible => is_token,
            _ if self.is_path && !value.is_spaced && !self.is_assigned => is_token,
            Secrecy::Token | Secrecy::Password if self.is_certain(value) => true,
            Secrecy::Token if self.is_object() && self.is_reference => is_token,
            Secrecy::Token if self.is_object() => is_token || !is_object_name(value.text),
            Secrecy::Token | Secrecy::Password => {
                let is_said =
                    prose::is_said(value.text) || (value.goes_on && prose::is_subject(value.text));
                let is_tag = self.secrecy == Secrecy::Token && !value.is_spaced;
                let is_tag = is_tag && is_tag_of_image(value.text);
                !is_said && !is_tag && !begins_setting(value.text)
            }
        }
    }

    /// True where the name of an object follows as often as a value: `secret: db-credentials`.
    fn is_object(&self) -> bool {
        const KINDS: [&str; 3] = ["secret", "externalsecret", "sealedsecret"];
        let name = self.text.rsplit(['.', '/']).next().unwrap_or_default();
        KINDS.iter().any(|kind| name.eq_ignore_ascii_case(kind))
    }

    /// True where nothing but the value can follow: after `=`, in JSON, in a header.
    fn is_certain(&self, value: &Value<'_>) -> bool {
        let is_json = self.is_quoted && value.is_quoted;
        let is_header =
            self.text.contains('-') && self.text.starts_with(|c: char| c.is_uppercase());
        self.is_assigned || is_json || is_header
    }
}

/// True for names that only objects have: `db-credentials`, `shop/db`.
fn is_object_name(value: &str) -> bool {
    prose::is_said(value) || value.contains(['-', '/', '.'])
}

/// True for the tags of images: `1.2.3`, `v2`, `latest`.
fn is_tag_of_image(value: &str) -> bool {
    let number = value.strip_prefix('v').unwrap_or(value);
    let is_number = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    value == "latest" || (is_number && value.starts_with('v') | value.contains('.'))
}

fn is_address(value: &str) -> bool {
    value.contains("://") || (value.starts_with("//") && value.contains('.'))
}
