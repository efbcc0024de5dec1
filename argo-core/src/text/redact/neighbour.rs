//! Words that are secret by the word before them: `Bearer …`, `--password …`, `token "…"`.

use super::{
    Cuts, ordinary, prose,
    secret_name::{Secrecy, parts, secrecy},
    words::Word,
};
use crate::text::similar::is_uid;

/// Authentication schemes of HTTP, in lower case.
const SCHEMES: [&str; 10] = [
    "bearer",
    "basic",
    "token",
    "digest",
    "negotiate",
    "ntlm",
    "apikey",
    "oauth",
    "hawk",
    "aws4-hmac-sha256",
];

/// Words that may stand between a scheme and its credential.
const FILLERS: [&str; 5] = ["token", "tokens", "credentials", "auth", "header"];

/// The meaning of a word for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    /// The next word is a credential: after `Authorization: Bearer`.
    Header,
    /// The next word is a credential unless it reads like a sentence going on: after
    /// `Bearer`, `--password`.
    Scheme,
    /// The next word is a credential unless it reads like a word: after `Basic`, which base64
    /// follows.
    Basic,
    /// The next word is a credential if it is long and says nothing about one: after
    /// `password`.
    Prose,
    /// The next word is a credential if it is long and random: after `key`, and after the name
    /// of an object such as `db-password`.
    Name,
    /// The next word is `user:password`, if it has both: after `-u`.
    Login,
    /// The next word is a credential if it looks like one: after `-p`.
    Short,
    /// The next word is a credential: after `login … -p`.
    LoginPassword,
}

/// True for the name of an authentication scheme.
pub(super) fn is_scheme(word: &str) -> bool {
    is_one_of(&SCHEMES, bare(word))
}

/// Cuts the words after labels.
pub(super) fn words_after_labels(_: &str, words: &[Word<'_>], cuts: &mut Cuts) {
    let mut label = None;
    let mut is_header = false;
    let mut is_login = false;
    for (number, &(at, word)) in words.iter().enumerate() {
        let inner = bare(word);
        let start = at + word.find(inner).unwrap_or_default();
        let next = words.get(number + 1).map_or("", |(_, next)| bare(next));
        if let Some(range) = label.and_then(|label| credential(label, inner, next)) {
            cuts.push(start + range..start + inner.len());
            // The parameters of a digest or a signature follow one another.
            label = label.filter(|label| *label == Label::Header && inner.contains('='));
            continue;
        }
        is_login |= is_one_of(&["login", "--username", "-u"], inner);
        let next = match label_of(word, inner, is_header) {
            Some(Label::Short) if is_login => Some(Label::LoginPassword),
            next => next,
        };
        let is_filler = is_one_of(&FILLERS, inner);
        label = match label {
            Some(Label::Header | Label::Scheme | Label::Basic) if is_filler => Some(Label::Prose),
            _ => next,
        };
        is_header = is_authorization(word);
    }
}

fn bare(word: &str) -> &str {
    word.trim_matches(['(', ')', '[', ']', '{', '}', ',', ';', ':', '.', '!', '?'])
}

fn is_one_of(names: &[&str], word: &str) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(word))
}

fn is_authorization(word: &str) -> bool {
    const NAME: &str = "authorization";
    let word = word.trim_end_matches([':', '=', '[', '\\']).as_bytes();
    let name = word
        .len()
        .checked_sub(NAME.len())
        .map(|start| &word[start..]);
    name.is_some_and(|name| name.eq_ignore_ascii_case(NAME.as_bytes()))
}

fn label_of(word: &str, inner: &str, is_header: bool) -> Option<Label> {
    let last = inner.rsplit(['[', ':', '=']).next().unwrap_or(inner);
    let follows_name = is_header
        || (last.len() < inner.len() && is_authorization(&inner[..inner.len() - last.len()]));
    if is_scheme(last) && follows_name {
        return Some(Label::Header);
    }
    match inner {
        "-u" | "--user" | "--proxy-user" => return Some(Label::Login),
        "-p" => return Some(Label::Short),
        _ => {}
    }
    let secrecy = secrecy(inner).filter(|_| !inner.contains('='));
    match secrecy {
        _ if last.eq_ignore_ascii_case("bearer") => Some(Label::Scheme),
        _ if last.eq_ignore_ascii_case("basic") => Some(Label::Basic),
        Some(Secrecy::Token | Secrecy::Password) if word.starts_with('-') => Some(Label::Scheme),
        // The name of a Secret follows the word.
        Some(Secrecy::Token) if inner.eq_ignore_ascii_case("secret") => None,
        Some(Secrecy::Token | Secrecy::Password) if parts(inner).len() == 1 => Some(Label::Prose),
        Some(Secrecy::Token | Secrecy::Password) => Some(Label::Name),
        _ if inner.eq_ignore_ascii_case("key") => Some(Label::Name),
        _ => None,
    }
}

/// Returns the start of the credential within a word that follows a label.
fn credential(label: Label, word: &str, next: &str) -> Option<usize> {
    const LONG: usize = 12;
    let is_parameter = is_plain_parameter(word);
    let goes_on = !next.is_empty() && prose::is_said(next);
    let is_said = prose::is_said(word) || (goes_on && prose::is_subject(word));
    let is_credential = match label {
        Label::Header => !FILLERS.contains(&word),
        Label::Scheme => {
            !is_parameter && !word.starts_with('-') && !is_said && !is_one_of(&FILLERS, word)
        }
        Label::Basic => !is_parameter && word.len() >= 4 && !ordinary::is_ordinary(word),
        Label::Prose => {
            let reads_on = is_said || is_noun(word) || is_reference(word);
            !is_parameter && word.len() >= LONG && !is_address(word) && !reads_on
        }
        Label::Name => {
            !is_parameter && word.len() >= LONG && !is_address(word) && ordinary::is_token(word)
        }
        Label::LoginPassword => !word.starts_with('-'),
        Label::Short => !word.contains([':', '/']) && ordinary::is_token(word),
        Label::Login => {
            let (user, password) = word.split_once(':')?;
            return (!password.is_empty()).then_some(user.len() + 1);
        }
    };
    is_credential.then_some(0)
}

fn is_address(word: &str) -> bool {
    word.contains("://")
}

/// True for `realm=…` and its like, by which a server asks for credentials.
fn is_plain_parameter(word: &str) -> bool {
    let name = word.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| {
        (2..=16).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    })
}

/// True for the nouns of a sentence: `password authentication failed`.
fn is_noun(word: &str) -> bool {
    const ENDINGS: [&str; 7] = ["tion", "ment", "able", "ible", "ance", "ence", "ness"];
    word.bytes().all(|b| b.is_ascii_lowercase())
        && ENDINGS.iter().any(|ending| word.ends_with(ending))
}

/// True for names with a path: `shop/web`, `/run/secrets/token`, `web.shop.svc`.
fn is_reference(word: &str) -> bool {
    word.contains(['/', '.', '-'])
        && !word.contains('+')
        && ordinary::is_ordinary(word)
        && !is_uid(word)
}
