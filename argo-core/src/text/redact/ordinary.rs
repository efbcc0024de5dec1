//! Words that Kubernetes, its tools and people write, as opposed to random ones.

use super::secret_name;
use crate::text::similar;

/// Separates the parts of names, references and numbers.
const SEPARATORS: [char; 19] = [
    '-', '_', '.', '/', ':', ',', ';', '@', '+', '~', '(', ')', '[', ']', '{', '}', '!', '?', '*',
];

/// Shorter words are no credentials.
const SHORTEST: usize = 6;

/// True for a word that may well be a credential: long enough, and not
/// [ordinary](is_ordinary).
pub(super) fn is_token(word: &str) -> bool {
    word.len() >= SHORTEST && !is_ordinary(word)
}

/// True for words of a language, names of objects with their generated parts, numbers, uids,
/// digests and commits, also joined by punctuation.
pub(super) fn is_ordinary(word: &str) -> bool {
    let word = word.trim_matches(SEPARATORS);
    let decoded = without_percent(word);
    similar::is_uid(word) || decoded.split(SEPARATORS).all(is_ordinary_part)
}

fn is_ordinary_part(part: &str) -> bool {
    let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = part.len() - letters.len();
    if letters.is_empty() {
        return digits < 12;
    }
    (digits <= 4 && is_word(letters)) || similar::is_generated(part) || is_hash(part)
}

/// Commits and digests: SHA-1, SHA-256, SHA-512 in lower case.
fn is_hash(part: &str) -> bool {
    let is_hex = part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_hex && matches!(part.len(), 40 | 64 | 128)
}

/// True for letters that read like a word, or like several of them in camel case.
pub(super) fn is_word(letters: &str) -> bool {
    if !letters.chars().all(char::is_alphabetic) {
        return false;
    }
    let parts = secret_name::parts(letters);
    let is_one = parts.len() <= 1;
    !parts.is_empty()
        && parts
            .iter()
            .all(|part| (is_one || is_long(part)) && is_spoken(part))
        || !letters.is_ascii()
}

/// True if a part of a camel-case name may be a word: it has three letters or more, or is one
/// of the known shorter words.
fn is_long(part: &str) -> bool {
    const SHORT: [&str; 10] = ["id", "ip", "of", "to", "in", "is", "on", "no", "os", "by"];
    part.len() > 2 || SHORT.contains(&part)
}

/// True if vowels and consonants alternate as in a word, or it is too short to tell.
fn is_spoken(word: &str) -> bool {
    const RUN: usize = 5;
    let is_vowel = |b: &u8| b"aeiouy".contains(b);
    let runs = word.as_bytes().chunk_by(|a, b| is_vowel(a) == is_vowel(b));
    word.len() < SHORTEST || runs.map(<[u8]>::len).all(|len| len <= RUN)
}

/// Returns the word with each `%2F` replaced by a separator.
fn without_percent(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        out.push('/');
        let is_code = after.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
        rest = if is_code { &after[2..] } else { after };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_names_and_hashes_are_ordinary() {
        for word in [
            "expired",
            "Unauthorized",
            "InvalidClientTokenId",
            "UNAUTHORIZED",
            "authentication-required",
            "shop/db-credentials-2",
            "web-6b4964b489-sthz5",
            "5cdffe8c-b109-49fd-914e-062459b13781",
            "53e28ff20cc530b9ada2173fbbd64d48338583ba",
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "registry.example.com:5000/shop/web:1.2.3",
            "repository%3Ashop%2Fweb%3Apull",
            "401",
            "v1.37.2",
            "10.77.0.1:54710",
            "Größe",
            "",
        ] {
            assert!(is_ordinary(word), "{word}");
        }
    }

    #[test]
    fn random_words_are_tokens() {
        for word in [
            "hunter2x9",
            "k3J9xQ2mZp7w",
            "aBxQzRtPLmWk",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "9f86d081884c7d65",
            "dXNlcjpwYXNz",
            "483920174658",
            "qxzvbnmkljhg",
        ] {
            assert!(is_token(word), "{word}");
        }
    }
}
