//! Words that are secret by the word before them: `Bearer …`, `--password …`, `token "…"`.

use super::{
    Cuts, ordinary,
    secret_name::{Secrecy, secrecy},
    words::Word,
};

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
    /// The next word is a credential if it is long and random: after `token`.
    Prose,
    /// The next word is `user:password`, if it has both: after `-u`.
    Login,
    /// The next word is a credential if it looks like one: after `-p`.
    Short,
}

/// True for the name of an authentication scheme.
pub(super) fn is_scheme(word: &str) -> bool {
    is_one_of(&SCHEMES, bare(word))
}

/// Cuts the words after labels.
pub(super) fn words_after_labels(_: &str, words: &[Word<'_>], cuts: &mut Cuts) {
    let mut label = None;
    let mut is_header = false;
    for &(at, word) in words {
        let inner = bare(word);
        let start = at + word.find(inner).unwrap_or_default();
        if let Some(range) = label.and_then(|label| credential(label, inner)) {
            cuts.push(start + range..start + inner.len());
            // The parameters of a digest or a signature follow one another.
            label = label.filter(|label| *label == Label::Header && inner.contains('='));
            continue;
        }
        let next = label_of(word, inner, is_header);
        let is_filler = is_one_of(&FILLERS, inner);
        label = match label {
            Some(Label::Header | Label::Scheme) if is_filler => Some(Label::Prose),
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
    let is_basic = ["bearer", "basic"]
        .iter()
        .any(|name| last.eq_ignore_ascii_case(name));
    let secrecy = secrecy(inner).filter(|_| !inner.contains('='));
    match secrecy {
        _ if is_basic => Some(Label::Scheme),
        Some(Secrecy::Token | Secrecy::Password) if word.starts_with('-') => Some(Label::Scheme),
        // The name of a Secret follows the word.
        Some(Secrecy::Token) if inner.eq_ignore_ascii_case("secret") => None,
        Some(Secrecy::Token | Secrecy::Password) => Some(Label::Prose),
        _ if inner.eq_ignore_ascii_case("key") => Some(Label::Prose),
        _ => None,
    }
}

/// Returns the start of the credential within a word that follows a label.
fn credential(label: Label, word: &str) -> Option<usize> {
    const LONG: usize = 12;
    let is_parameter = is_plain_parameter(word);
    let is_credential = match label {
        Label::Header => !FILLERS.contains(&word),
        Label::Scheme => !is_parameter && word.len() >= 4 && !is_sentence(word),
        Label::Prose => {
            !is_parameter && word.len() >= LONG && !is_address(word) && ordinary::is_token(word)
        }
        Label::Short => !word.contains([':', '/']) && ordinary::is_token(word),
        Label::Login => {
            let (user, password) = word.split_once(':')?;
            return ordinary::is_token(password).then_some(user.len() + 1);
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

/// True for a word after which a sentence goes on: `Basic authentication failed`, `--token
/// must be set`.
fn is_sentence(word: &str) -> bool {
    let mut parts = word.split('-');
    word.starts_with('-')
        || parts.all(|part| {
            let rest = part
                .strip_prefix(|c: char| c.is_ascii_uppercase())
                .unwrap_or(part);
            rest.bytes().all(|b| b.is_ascii_lowercase()) && ordinary::is_word(part)
        })
}
