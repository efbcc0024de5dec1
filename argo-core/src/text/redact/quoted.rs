//! Parts of objects that messages quote: manifests, values that validation refuses, the
//! account that a registry names.

use super::{Cuts, ordinary, secret_name::secrecy};

/// Fields whose content is the user's own.
const OWN_FIELDS: [&str; 7] = [
    "env",
    "data",
    "stringData",
    "args",
    "command",
    "value",
    "annotations",
];

/// Fields by which a quoted JSON object is a manifest or a patch of one.
const MANIFEST_FIELDS: [&str; 5] = ["apiVersion", "metadata", "spec", "auths", "template"];

/// Cuts the inside of JSON objects that are manifests or patches: `kubectl apply` and
/// webhooks quote them whole, with the values of environment variables and Secrets. Other
/// JSON, as a health endpoint answers it, stays.
pub(super) fn manifests(text: &str, cuts: &mut Cuts) {
    let mut rest = 0;
    while let Some(start) = next_object(text, rest) {
        let len = object_len(&text[start..]);
        let object = &text[start..start + len];
        if is_manifest(object) {
            let closed = usize::from(object.ends_with('}'));
            cuts.push(start + 1..start + len - closed);
        }
        rest = start + len;
    }
}

/// Returns the place of the next `{"`, or `{\"` in a string.
fn next_object(text: &str, from: usize) -> Option<usize> {
    let is_object = |(at, _): &(usize, &str)| {
        let inside = text[from + at + 1..].trim_start_matches(['\\', ' ']);
        inside.starts_with('"')
    };
    let mut braces = text[from..].match_indices('{');
    braces.find(is_object).map(|(at, _)| from + at)
}

fn is_manifest(object: &str) -> bool {
    OWN_FIELDS.iter().chain(&MANIFEST_FIELDS).any(|field| {
        let mut keys = object.match_indices(field);
        keys.any(|(at, _)| is_key(object, at, field.len()))
    })
}

fn is_key(object: &str, at: usize, len: usize) -> bool {
    let after = object[at + len..].trim_start_matches('\\');
    let after = after.strip_prefix('"').map(str::trim_start);
    object[..at].ends_with('"') && after.is_some_and(|after| after.starts_with(':'))
}

/// Returns the bytes up to the brace that closes the first one; all where none does.
fn object_len(text: &str) -> usize {
    // In a string every quote of the object is escaped as often as its first one.
    let inside = text[1..].trim_start();
    let escapes = inside.len() - inside.trim_start_matches('\\').len();
    let (mut depth, mut is_string, mut backslashes) = (0_u32, false, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if backslashes == escapes => is_string = !is_string,
            b'{' if !is_string => depth += 1,
            b'}' if !is_string => depth -= 1,
            _ => {}
        }
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

/// Cuts the values that validation refuses, `env[0].value: Invalid value: "…"`, where the
/// field is the user's own. Numbers and names in other fields help and stay.
pub(super) fn refused_values(text: &str, cuts: &mut Cuts) {
    const QUOTES: [&str; 3] = [
        "Invalid value: \"",
        "Unsupported value: \"",
        "Duplicate value: \"",
    ];
    for quote in QUOTES {
        for (at, _) in text.match_indices(quote) {
            let path = text[..at].trim_end_matches([' ', ':']);
            let path = path.rsplit(' ').next().unwrap_or_default();
            let start = at + quote.len();
            let end = start + closing_quote(&text[start..]);
            if is_own_field(path) || ordinary::is_token(&text[start..end]) {
                cuts.push(start..end);
            }
        }
    }
}

/// True for the path of a field whose value is the user's own: `spec.containers[0].env[1].value`.
fn is_own_field(path: &str) -> bool {
    let mut fields = path.split(['.', '[', ']']);
    fields.any(|field| OWN_FIELDS.contains(&field) || secrecy(field).is_some())
}

fn closing_quote(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    text.len()
}

/// Cuts the account and its token from Docker Hub's rate limit: `You have reached your pull
/// rate limit as 'account': token. You may increase…`
pub(super) fn rate_limit_account(text: &str, cuts: &mut Cuts) {
    const ACCOUNT: &str = "rate limit as ";
    let mut rest = 0;
    while let Some(start) = text[rest..]
        .find(ACCOUNT)
        .map(|at| rest + at + ACCOUNT.len())
    {
        let sentence = text[start..].find(". ").map(|len| start + len);
        let whole = text.trim_end_matches(['.', '"', '\n', ' ']).len();
        let end = sentence.unwrap_or(whole).max(start);
        cuts.push(start..end);
        rest = end;
    }
}
