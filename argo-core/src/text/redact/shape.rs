//! Credentials that are known by their shape.

use super::{
    Cuts, ordinary,
    words::{is_start, words},
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

/// Cuts tokens that their beginning gives away, and long words that are random throughout.
pub(super) fn tokens(text: &str, cuts: &mut Cuts) {
    for (prefix, shortest) in PREFIXES {
        push_all(text, prefix, *shortest, is_token_byte, cuts);
    }
    push_all(
        text,
        JSON,
        8,
        |b| is_token_byte(b) || b"./+=".contains(&b),
        cuts,
    );
    for id in AWS {
        push_all(text, id, 12, |b| b.is_ascii_alphanumeric(), cuts);
    }
    random_words(text, cuts);
}

fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

fn push_all(text: &str, prefix: &str, shortest: usize, belongs: fn(u8) -> bool, cuts: &mut Cuts) {
    let mut rest = 0;
    while let Some(at) = text[rest..].find(prefix).map(|at| rest + at) {
        let start = at + prefix.len();
        let tail = text.as_bytes()[start..].iter();
        let end = start + tail.take_while(|b| belongs(**b)).count();
        // A word in lower case may begin like a token: `npm_config_registry`.
        let is_marked = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
        let is_random = text[start..end].bytes().any(is_marked);
        if end - start >= shortest && is_random && is_start(text, at) {
            cuts.push(at..end);
        }
        rest = end;
    }
}

/// Long words in which capitals, small letters and digits change places all the time.
fn random_words(text: &str, cuts: &mut Cuts) {
    const LONG: usize = 30;
    let mut start = 0;
    for run in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        if run.len() >= LONG && is_mixed(run) {
            cuts.push(start..start + run.len());
        }
        start += run.len();
        start += text[start..].chars().next().map_or(0, char::len_utf8);
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
pub(super) fn aws_secrets(text: &str, cuts: &mut Cuts) {
    const NEAR: usize = 6;
    const LONG: usize = 12;
    if !AWS.iter().any(|id| text.contains(id)) {
        return;
    }
    let words = words(text);
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
