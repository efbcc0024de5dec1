//! Credentials in messages.

use std::borrow::Cow;

const CUT: &str = "***";

/// Words that make the query of a URL a secret: presigned storage URLs of registries,
/// tokens handed on as parameters.
const SECRET_PARAMETERS: &[&str] = &[
    "signature",
    "sig=",
    "token",
    "credential",
    "password",
    "secret",
    "key=",
];

/// The message without credentials: user and password before the host of a URL or an
/// image (`https://user:password@registry/…`), queries with signatures or tokens,
/// `password=…` and its like, and what follows `Bearer` or `Basic`.
///
/// The kubelet writes the image reference and the registry's answer into `Failed` and
/// `BackOff` as they are.
pub(crate) fn redact(message: &str) -> Cow<'_, str> {
    let suspicious =
        message.contains(['@', '?', '=']) || SCHEMES.iter().any(|scheme| message.contains(scheme));
    if !suspicious {
        return Cow::Borrowed(message);
    }
    let mut out = String::with_capacity(message.len());
    let mut after_scheme = false;
    for word in message.split_inclusive(is_delimiter) {
        let text = word.trim_end_matches(is_delimiter);
        if after_scheme && is_token(text) {
            out.push_str(CUT);
        } else {
            push_word(&mut out, text);
        }
        out.push_str(&word[text.len()..]);
        after_scheme = SCHEMES.contains(&text) || (after_scheme && text.is_empty());
    }
    Cow::Owned(out)
}

/// A plain word after `Basic` is a sentence going on (`Basic authentication failed`).
fn is_token(text: &str) -> bool {
    text.len() >= 6 && text.bytes().skip(1).any(|b| !b.is_ascii_lowercase())
}

const SCHEMES: &[&str] = &["Bearer", "bearer", "Basic", "basic"];

fn is_delimiter(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '"' | '\'' | '`' | '<' | '>' | '(' | ')' | '[' | ']' | ','
        )
}

fn push_word(out: &mut String, word: &str) {
    if let Some(name) = secret_assignment(word) {
        out.push_str(name);
        out.push_str(CUT);
        return;
    }
    let (word, query) = cut_query(word);
    push_without_user(out, word);
    out.push_str(query.0);
    out.push_str(if query.1 { CUT } else { "" });
}

/// `password=` of `--password=hunter2`, in a word that is no URL.
fn secret_assignment(word: &str) -> Option<&str> {
    const NAMES: [&str; 6] = ["password", "passwd", "secret", "token", "api_key", "apikey"];
    let at = word.find('=').filter(|at| at + 1 < word.len())?;
    let name = &word[..=at];
    let lower = name.trim_end_matches('=').to_ascii_lowercase();
    let is_secret = NAMES.iter().any(|secret| lower.ends_with(secret));
    (is_secret && !name.contains(['?', '/'])).then_some(name)
}

/// Splits off the query; what is to be said of it, and whether to say `***` after.
fn cut_query(word: &str) -> (&str, (&str, bool)) {
    let Some(start) = word.find('?') else {
        return (word, ("", false));
    };
    let (before, query) = word.split_at(start);
    let lower = query.to_ascii_lowercase();
    if SECRET_PARAMETERS.iter().any(|name| lower.contains(name)) {
        (before, ("?", true))
    } else {
        (before, (query, false))
    }
}

fn push_without_user(out: &mut String, word: &str) {
    let scheme = word.find("://").map_or(0, |at| at + 3);
    let authority_end = word[scheme..]
        .find('/')
        .map_or(word.len(), |at| scheme + at);
    let Some(at) = word[scheme..authority_end].rfind('@').map(|at| scheme + at) else {
        out.push_str(word);
        return;
    };
    let user = &word[scheme..at];
    let is_digest = word[at + 1..]
        .split_once(':')
        .is_some_and(|(name, _)| name.starts_with("sha"));
    if is_digest || user.is_empty() || (scheme == 0 && !user.contains(':')) {
        out.push_str(word);
        return;
    }
    out.push_str(&word[..scheme]);
    out.push_str(CUT);
    out.push_str(&word[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_cut() {
        for (message, expected) in [
            (
                "Failed to pull image \"https://bob:hunter2@registry.example/shop/web:1\": denied",
                "Failed to pull image \"https://***@registry.example/shop/web:1\": denied",
            ),
            (
                "exec /app --password=hunter2, DB_TOKEN=x1 failed: tokens=3 replicas=2 password=",
                "exec /app --password=***, DB_TOKEN=*** failed: tokens=3 replicas=2 password=",
            ),
            (
                "GET https://ghp_abcdef@github.com/x: 403",
                "GET https://***@github.com/x: 403",
            ),
            (
                "Failed to pull image \"bob:hun@ter2@registry.example/web\"",
                "Failed to pull image \"***@registry.example/web\"",
            ),
            (
                "Get \"https://s3.example/blob?X-Amz-Signature=abc&X-Amz-Date=1\": 403 Forbidden",
                "Get \"https://s3.example/blob?***\": 403 Forbidden",
            ),
            (
                "Authorization: Bearer eyJhbGciOi.x.y refused",
                "Authorization: Bearer *** refused",
            ),
            (
                "Authorization: Basic  dXNlcjpwYXNz",
                "Authorization: Basic  ***",
            ),
        ] {
            assert_eq!(redact(message), expected);
        }
    }

    #[test]
    fn what_is_no_credential_stays() {
        for message in [
            "Container image \"registry.example:5000/web:1.2@sha256:0a1b\" already present on machine",
            "web:1.2@sha256:0a1b2c",
            "mail ops@example.com",
            "Get \"https://registry.invalid/v2/?ns=docker.io\": timeout",
            "Basic authentication is off",
            "Readiness probe failed: Get \"http://10.0.0.1:8080/healthz\": refused",
            "Größe? é@",
        ] {
            assert_eq!(redact(message), message);
        }
    }
}
