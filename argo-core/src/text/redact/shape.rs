//! Credentials that are known by their shape.

use super::{
    Cuts, ordinary,
    words::{Word, is_start},
};

/// Beginnings of tokens whose issuers mark them, and how many characters follow at least.
const PREFIXES: &[(&str, usize)] = &[
    // GitHub, GitLab
    ("ghp_", 12),
    ("gho_", 12),
    ("ghu_", 12),
    ("ghs_", 12),
    ("ghr_", 12),
    ("github_pat_", 12),
    ("glpat-", 12),
    ("gldt-", 12),
    ("glrt-", 12),
    ("glcbt-", 12),
    ("glptt-", 12),
    ("gloas-", 12),
    ("glsoat-", 12),
    ("glft-", 12),
    ("glimt-", 12),
    ("glagent-", 12),
    // registries and package indexes
    ("dckr_pat_", 8),
    ("dckr_oat_", 8),
    ("dckr_jti_", 1),
    ("npm_", 12),
    ("pypi-", 12),
    ("rubygems_", 12),
    // clouds
    ("AIza", 12),
    ("ya29.", 12),
    ("GOCSPX-", 12),
    ("LTAI", 12),
    ("dop_v1_", 12),
    ("doo_v1_", 12),
    ("tskey-", 12),
    ("CFPAT-", 12),
    ("pscale_tkn_", 12),
    ("dapi", 32),
    // OpenShift, Vault, Grafana, 1Password, age
    ("sha256~", 12),
    ("hvs.", 12),
    ("hvb.", 12),
    ("hvr.", 12),
    ("glsa_", 12),
    ("glc_", 12),
    ("ops_", 40),
    ("AGE-SECRET-KEY-", 12),
    // other services
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xoxr-", 10),
    ("xoxs-", 10),
    ("xapp-", 10),
    ("sk_live_", 10),
    ("sk_test_", 10),
    ("rk_live_", 10),
    ("sk-ant-", 12),
    ("sk-proj-", 12),
    ("SG.", 16),
    ("hf_", 16),
    ("shpat_", 12),
    ("shpss_", 12),
    ("ATATT", 12),
    ("ATCTT", 12),
    ("sntrys_", 12),
    ("NRAK-", 12),
    ("figd_", 12),
    ("lin_api_", 12),
];

/// Beginnings of base64 that is a JSON object (`{"`): the parts of a JWT, the credentials of
/// a registry.
const JSON: &str = "eyJ";

/// Ids of AWS access keys begin with one of these.
const AWS: [&str; 4] = ["AKIA", "ASIA", "ABIA", "ACCA"];

/// Shorter words hold no token.
const SHORTEST: usize = 10;

/// Cuts tokens that their beginning gives away, and long words that are random throughout.
pub(super) fn tokens(text: &str, words: &[Word<'_>], cuts: &mut Cuts) {
    for &(at, word) in words.iter().filter(|(_, word)| word.len() >= SHORTEST) {
        let mut rest = 0;
        while let Some(start) = next_start(text, at, word, rest) {
            let len = token_len(&word[start..]);
            cuts.extend((len > 0).then(|| at + start..at + start + len));
            rest = start + len.max(1);
        }
        random_words(at, word, cuts);
    }
}

/// Returns the next place in a word at which a token may begin.
fn next_start(text: &str, at: usize, word: &str, from: usize) -> Option<usize> {
    let last = word.len().checked_sub(SHORTEST)?;
    (from..=last).find(|start| word.is_char_boundary(*start) && is_start(text, at + start))
}

/// Returns the bytes of the token that begins a text; 0 if none does.
fn token_len(text: &str) -> usize {
    let first = text.bytes().next();
    let prefixes = PREFIXES.iter();
    let alike = prefixes.filter(|(prefix, _)| prefix.bytes().next() == first);
    let marked = alike.map(|(prefix, shortest)| tail_len(text, prefix, *shortest, is_token_byte));
    let is_id_byte = |b: u8| b.is_ascii_alphanumeric();
    let ids = AWS.iter().map(|id| tail_len(text, id, 12, is_id_byte));
    let json = tail_len(text, JSON, 8, is_json_byte);
    marked.chain(ids).max().unwrap_or_default().max(json)
}

/// Returns the bytes of a token with this prefix and so many characters behind it at least;
/// 0 if the text begins otherwise.
fn tail_len(text: &str, prefix: &str, shortest: usize, belongs: fn(u8) -> bool) -> usize {
    let Some(tail) = text.strip_prefix(prefix) else {
        return 0;
    };
    let len = tail.bytes().take_while(|b| belongs(*b)).count();
    // A word in lower case may begin like a token: `npm_config_registry`.
    let is_marked = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
    let is_random = len >= shortest && tail[..len].bytes().any(is_marked);
    if is_random { prefix.len() + len } else { 0 }
}

fn is_json_byte(b: u8) -> bool {
    is_token_byte(b) || b"./+=".contains(&b)
}

fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

/// Cuts long words in which capitals, small letters and digits change places all the time.
fn random_words(at: usize, word: &str, cuts: &mut Cuts) {
    const LONG: usize = 30;
    let mut start = 0;
    for run in word.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let letters = run.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if letters.len() >= LONG && is_mixed(letters) {
            cuts.push(at + start..at + start + letters.len());
        }
        start += run.len();
    }
}

fn is_mixed(word: &str) -> bool {
    let class = |b: &u8| (b.is_ascii_uppercase(), b.is_ascii_digit());
    let classes = [(true, false), (false, false), (false, true)];
    let bytes = word.as_bytes();
    let changes = bytes
        .windows(2)
        .filter(|pair| class(&pair[0]) != class(&pair[1]))
        .count();
    let has_all = classes
        .iter()
        .all(|wanted| bytes.iter().any(|b| class(b) == *wanted));
    has_all && changes * 5 >= word.len() * 2
}

/// Cuts the secrets that stand near the id of an AWS access key, unnamed:
/// `AKIA… / wJalr…`.
pub(super) fn aws_secrets(text: &str, words: &[Word<'_>], cuts: &mut Cuts) {
    const NEAR: usize = 6;
    const LONG: usize = 12;
    if !AWS.iter().any(|id| text.contains(id)) {
        return;
    }
    let is_id = |word: &str| AWS.iter().any(|id| word.contains(id)) && ordinary::is_token(word);
    for (number, (at, word)) in words.iter().enumerate() {
        let near = number.saturating_sub(NEAR)..(number + NEAR + 1).min(words.len());
        let has_id = words[near].iter().any(|(_, word)| is_id(word));
        let is_address = word.contains("://");
        if has_id && word.len() >= LONG && !is_address && ordinary::is_token(word) {
            cuts.push(at + setting_len(word)..at + word.len());
        }
    }
}

/// Returns the bytes of `name=` before a value.
fn setting_len(word: &str) -> usize {
    let name = word
        .find('=')
        .filter(|at| ordinary::is_ordinary(&word[..*at]));
    name.map_or(0, |at| at + 1)
}
