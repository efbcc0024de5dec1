//! Texts of the cluster made fit to be shown: one line, bounded, without credentials.
//!
//! Messages of events, statuses and the Application are written by many hands and may
//! quote what must not be seen: credentials in image URLs (Docker Hub's rate limit names
//! the account and its token), values of environment variables in validation errors,
//! whole patches with their secrets.

/// Characters that a message keeps.
const MAX: usize = 300;
/// Bytes of a message that are looked at.
const LOOK: usize = 8 * 1024;
/// What stands for what is cut.
const CUT: &str = "…";

/// A message on one line, without credentials, of at most 300 characters.
pub(super) fn clean(text: &str) -> String {
    let text = one_line(head(text, LOOK));
    let text = without_json(&text);
    let text = without_values(&text);
    let text = without_rate_limit_account(&text);
    let words: Vec<String> = text.split(' ').map(word).collect();
    cap(&without_schemes(words).join(" "), MAX)
}

/// A line of a log, bounded and without control characters; its words are kept.
pub(super) fn log_line(text: &str) -> String {
    let text: String = head(text, LOOK)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    cap(text.trim_end(), MAX)
}

/// At most `max` characters, the last one `…` where some are cut.
pub(super) fn cap(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(max.saturating_sub(1)).collect();
            kept.trim_end().to_owned() + CUT
        }
    }
}

/// The first bytes of a text, at a character boundary.
fn head(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn one_line(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = text.chars().map(printable).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// JSON objects quote whole specs; `kubectl apply` quotes the patch.
fn without_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{\"") {
        out.push_str(&rest[..start]);
        out.push_str("{…}");
        rest = &rest[start + json_len(&rest[start..])..];
    }
    out + rest
}

/// The bytes up to the brace that closes the first one; all where none does.
fn json_len(text: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

/// Validation quotes the value it refuses: `env[0].value: Invalid value: "…"`. Numbers
/// and names of other fields help and are kept.
fn without_values(text: &str) -> String {
    const QUOTES: &str = "Invalid value: \"";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(QUOTES) {
        let path = rest[..start].trim_end_matches([' ', ':']);
        let path = path.rsplit(' ').next().unwrap_or_default();
        let (before, after) = rest.split_at(start + QUOTES.len());
        out.push_str(before);
        rest = after;
        if holds_values(path) {
            out.push_str(CUT);
            rest = &after[closing_quote(after)..];
        }
    }
    out + rest
}

/// True for the path of a field whose value is the user's own: `spec.containers[0].env[1].value`.
fn holds_values(path: &str) -> bool {
    const FIELDS: [&str; 7] = [
        "env",
        "data",
        "stringData",
        "args",
        "command",
        "value",
        "annotations",
    ];
    let mut fields = path.split(['.', '[', ']']);
    fields.any(|field| FIELDS.contains(&field) || is_secret_name(field))
}

fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    text.len()
}

/// `You have reached your pull rate limit as 'account': token…`
fn without_rate_limit_account(text: &str) -> String {
    const ACCOUNT: &str = "pull rate limit as ";
    match text.find(ACCOUNT) {
        Some(start) => text[..start].to_owned() + "pull rate limit " + CUT,
        None => text.to_owned(),
    }
}

/// One word without the credentials that a URL, an image or an assignment may hold.
fn word(word: &str) -> String {
    let word = without_query(word);
    without_assignment(&without_userinfo(&word))
}

/// `https://host/path?token=…` loses what follows the question mark.
fn without_query(word: &str) -> String {
    let Some(scheme) = word.find("://") else {
        return word.to_owned();
    };
    match word[scheme..].find('?') {
        None => word.to_owned(),
        Some(query) => {
            let start = scheme + query;
            let end = word[start..].find(['"', '\'', ')', ',', '>']);
            let end = end.map_or(word.len(), |end| start + end);
            format!("{}?{CUT}{}", &word[..start], &word[end..])
        }
    }
}

/// `user:password@registry/image` loses what stands before the `@`; a digest
/// (`image:tag@sha256:…`) is none.
fn without_userinfo(word: &str) -> String {
    let Some(at) = word.rfind('@') else {
        return word.to_owned();
    };
    let after = &word[at + 1..];
    if after.starts_with("sha256:") || after.starts_with("sha512:") {
        let (image, digest) = word.split_at(at);
        return without_userinfo(image) + digest;
    }
    let before = &word[..at];
    let start = before.find("://").map_or_else(
        || before.find(['"', '\'', '(']).map_or(0, |quote| quote + 1),
        |scheme| scheme + 3,
    );
    if before[start..].contains(':') {
        format!("{}{CUT}@{after}", &before[..start])
    } else {
        word.to_owned()
    }
}

/// `password=…`, `--token=…`, `api_key:…` lose their value.
fn without_assignment(word: &str) -> String {
    let Some(at) = word.find(['=']) else {
        return word.to_owned();
    };
    if is_secret_name(&word[..at]) {
        format!("{}{CUT}", &word[..=at])
    } else {
        word.to_owned()
    }
}

fn is_secret_name(name: &str) -> bool {
    const NAMES: [&str; 7] = [
        "password",
        "passwd",
        "secret",
        "token",
        "apikey",
        "api_key",
        "access_key",
    ];
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|secret| name.contains(secret))
}

/// The word after `Bearer` or `Basic` is a credential.
fn without_schemes(mut words: Vec<String>) -> Vec<String> {
    for at in 1..words.len() {
        let scheme = words[at - 1].trim_start_matches(['"', '\'']);
        let announced = scheme.eq_ignore_ascii_case("bearer")
            || scheme.eq_ignore_ascii_case("basic")
            || (scheme.starts_with("--") && is_secret_name(scheme) && !scheme.contains('='));
        if announced && words[at].len() > 8 {
            words[at] = CUT.to_owned();
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_cut_and_the_rest_is_kept() {
        let cases = [
            (
                "pull \"https://bob:pa55@reg.example.com/v2/web\": denied",
                "pull \"https://…@reg.example.com/v2/web\": denied",
            ),
            (
                "image bob:pa55@reg/web:1 is bad",
                "image …@reg/web:1 is bad",
            ),
            ("web:1@sha256:abc is fine", "web:1@sha256:abc is fine"),
            ("bob:pa55@reg/web:1@sha256:abc", "…@reg/web:1@sha256:abc"),
            (
                "Get \"https://h/token?account=bob&sig=x\": EOF",
                "Get \"https://h/token?…\": EOF",
            ),
            (
                "You have reached your pull rate limit as 'bob': dckr_jti_x. You may",
                "You have reached your pull rate limit …",
            ),
            (
                "error when applying patch: {\"data\":{\"p\":\"}s3\\\"cret\"}} to: Resource",
                "error when applying patch: {…} to: Resource",
            ),
            (
                "spec.containers[0].env[0].value: Invalid value: \"s3cret\": too long",
                "spec.containers[0].env[0].value: Invalid value: \"…\": too long",
            ),
            (
                "metadata.name: Invalid value: \"A_b\": lower case",
                "metadata.name: Invalid value: \"A_b\": lower case",
            ),
            (
                "spec.replicas: Invalid value: -1",
                "spec.replicas: Invalid value: -1",
            ),
            ("run --password=hunter2 now", "run --password=… now"),
            (
                "Authorization: Bearer abcdefghij",
                "Authorization: Bearer …",
            ),
            (
                "two\n  lines\tand \u{1b}[31mcolour",
                "two lines and [31mcolour",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(clean(text), expected);
        }
    }

    #[test]
    fn a_message_is_bounded() {
        assert_eq!(clean(&"ä".repeat(100_000)).chars().count(), MAX);
        assert_eq!(clean(&"{\"".repeat(10_000)), "{…}");
        assert_eq!(cap("abc", 3), "abc");
        assert_eq!(cap("abcd", 3), "ab…");
    }
}
