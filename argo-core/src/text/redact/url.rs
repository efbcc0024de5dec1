//! Users and queries of URLs, and users before the host of an image or a data source.

use super::{Cuts, ordinary, secret_name::secrecy, words::Word};
use crate::text::cap::head;

/// A URL within a text, by its parts.
struct Url<'a> {
    text: &'a str,
    /// The start of the scheme's letters.
    scheme: usize,
    /// The start of the part after `://`.
    start: usize,
    /// The end of host and port.
    authority: usize,
    /// The end of the URL.
    end: usize,
}

/// Longer URLs are read up to here, so that a text of nothing but `://` takes no time.
const LONGEST: usize = 4096;

fn urls<'a>(text: &'a str, words: &[Word<'a>]) -> impl Iterator<Item = Url<'a>> {
    words.iter().flat_map(move |&(word, letters)| {
        let separators = letters.match_indices("://");
        separators.map(move |(at, separator)| {
            let start = word + at + separator.len();
            let end = start + head(&letters[at + separator.len()..], LONGEST).len();
            url(text, start, end)
        })
    })
}

fn url(text: &str, start: usize, end: usize) -> Url<'_> {
    let authority = text[start..end].find(['/', '?', '#']);
    let before = &text[..start - "://".len()];
    Url {
        text,
        scheme: before
            .trim_end_matches(|c: char| c.is_ascii_alphanumeric())
            .len(),
        start,
        authority: authority.map_or(end, |len| start + len),
        end,
    }
}

impl Url<'_> {
    /// Returns the place of the `@` that ends user and password.
    fn user_end(&self) -> Option<usize> {
        let within = |end: usize| {
            let at = self.text[self.start..end].rfind('@')?;
            (!is_digest(&self.text[self.start + at + 1..])).then_some(self.start + at)
        };
        // A password may hold a slash: then the host seems to end before the `@`.
        within(self.authority).or_else(|| {
            let is_password = self.port().is_some_and(|port| !is_port(port));
            is_password.then(|| within(self.end)).flatten()
        })
    }

    fn port(&self) -> Option<&str> {
        let authority = &self.text[self.start..self.authority];
        let (host, port) = authority.split_once(':')?;
        (!host.starts_with('[') && !host.contains('@')).then_some(port)
    }

    /// True if the name before the `@` may be shown: nobody authenticates by it alone.
    fn is_plain_user(&self, user: &str) -> bool {
        let scheme = &self.text[self.scheme..self.start];
        user == "git" || (scheme == "ssh://" && !user.contains(':'))
    }
}

fn is_digest(after: &str) -> bool {
    ["sha256:", "sha512:"]
        .iter()
        .any(|name| after.starts_with(name))
}

/// True for the number of a port; a longer number is a password.
fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Cuts the user and password before the `@` of a URL, `https://user:password@host` and
/// `https://token@host`.
pub(super) fn users(text: &str, words: &[Word<'_>], cuts: &mut Cuts) {
    for url in urls(text, words) {
        if let Some(end) = url.user_end() {
            if !url.is_plain_user(&text[url.start..end]) {
                cuts.push(url.start..end);
            }
        } else if let Some(password) = truncated_password(&url) {
            cuts.push(url.authority - password.len()..url.authority);
        }
    }
}

/// Returns the password of a URL that a limit of the message's length cut before its `@`.
fn truncated_password<'a>(url: &'a Url<'_>) -> Option<&'a str> {
    let is_last = url.text[url.authority..]
        .trim_matches(['.', '…', ' ', '"'])
        .is_empty();
    let port = url.port().filter(|port| !is_port(port))?;
    is_last.then_some(port)
}

/// Cuts the query of a URL where one of its parameters is secret or looks it: presigned
/// URLs of a registry's storage, tokens handed on as parameters.
pub(super) fn queries(text: &str, words: &[Word<'_>], cuts: &mut Cuts) {
    for url in urls(text, words) {
        let from = url.user_end().unwrap_or(url.start);
        let Some(query) = text[from..url.end].find(['?', '#']) else {
            continue;
        };
        let start = from + query + 1;
        let end = text[..url.end]
            .trim_end_matches([')', ']', '}', ',', ';', ':', '.'])
            .len();
        if start < end
            && text[start..end]
                .split(['&', ';', '#'])
                .any(is_secret_parameter)
        {
            cuts.push(start..end);
        }
    }
}

fn is_secret_parameter(parameter: &str) -> bool {
    const LONG: usize = 12;
    match parameter.split_once('=') {
        Some((name, value)) => {
            let is_random = value.len() >= LONG && ordinary::is_token(value);
            secrecy(name).is_some() || is_random
        }
        None => parameter.len() >= LONG && ordinary::is_token(parameter),
    }
}

/// Cuts the user and password before the `@` of an image or a data source that is no URL:
/// `user:password@registry/image`, `user:password@tcp(host)/database`.
pub(super) fn bare_users(text: &str, words: &[Word<'_>], cuts: &mut Cuts) {
    for &(at, word) in words.iter().filter(|(_, word)| word.contains('@')) {
        let is_url = word.contains("://");
        let is_name = is_user_name(&text[..at], word);
        if let Some(end) = last_user_end(word).filter(|_| !is_url && !is_name) {
            let start = user_start(&word[..end]);
            if word[start..end].contains(':') {
                cuts.push(at + start..at + end);
            }
        }
    }
}

/// True for the names of people and roles that Kubernetes and clouds write with both signs:
/// `User "oidc:alice@example.com"`, `arn:aws:…`.
fn is_user_name(before: &str, word: &str) -> bool {
    before.ends_with("User \"")
        || ["arn:", "mailto:"]
            .iter()
            .any(|name| word.starts_with(name))
}

/// Returns the place of the last `@` that does not begin a digest.
fn last_user_end(word: &str) -> Option<usize> {
    let mut all = word.rmatch_indices('@').map(|(at, _)| at);
    all.find(|at| !is_digest(&word[at + 1..]))
}

/// Returns the start of the user: after an opening bracket, or after the name of a setting.
fn user_start(before: &str) -> usize {
    let brackets = before.len() - before.trim_start_matches(['(', '[', '{', ',']).len();
    let user = before.find(':').unwrap_or(before.len());
    let setting = before[..user].rfind('=').map(|at| at + 1);
    setting.unwrap_or(0).max(brackets)
}
