//! Words that say something about a secret, and are none: `token: expired`, `--password is
//! required`.
//!
//! Behind the name of a secret any other word is a secret, whatever it looks like: a password
//! may be a word of the dictionary.

use super::secret_name;

/// Words by which a sentence goes on after the name of a secret, and words of errors and
/// states.
const WORDS: &str = "\
    a about absent accept accepted accepts active after all allow allowed already also an and \
    another any are aren array as at available bad base be because been before begin being \
    belongs bind blank bool boolean broken but by can canceled cancelled cannot changed check \
    choose closed configure configured connect contain contains context continue corrupt \
    corrupted could couldn create created creating crypto deadline decode decoding default \
    defined delete deleted denied deny determine dial did didn different disabled do does doesn \
    don duplicate during each either empty enabled eof error errors every exceeded exception \
    exist exists expected expire expired expires fail failed fails failure false fetch fetching \
    field file for forbidden found from generate generated get getting given got had has hasn \
    have hidden http https if illegal immutable in inactive incorrect insufficient int integer \
    internal into invalid is isn issued it its json limit list load loading login long longer \
    lookup make malformed map masked match matches may might mismatch mismatched missing moved \
    must need needed needs neither net new next nil no none nor not null oauth obtain obtaining \
    of ok old on only open optional or out over parse parsing passed patch post present previous \
    provide provided put read reading ready received redacted refreshing refused reject rejected \
    removed renew renewed request requested require required requires retrieve retrieving retry \
    returned revoked rotate rotated rpc run same saw see send sent set shall short should since \
    size so some specified specify stat stored strconv string structure success such tcp than \
    that the their then there they this timed timeout tls to too transport true try unable \
    unauthenticated unauthorized undefined under unexpected unknown unmarshal unset unsupported \
    until update updated use used using valid validate validating verify verifying waiting was \
    wasn weak were when where which while who will with within without won would write writing \
    wrong yaml you your";

/// Subjects of such sentences. At the end of a message they may well be the secret.
const SUBJECTS: &str = "\
    access account admin api audience auth authentication authority authorization bearer \
    certificate character characters claim claims client cluster configuration connection \
    content cookie credential credentials data encryption endpoint exchange expiration expiry \
    format generation grant group hash header headers host id identity input issuer key keys \
    kubernetes length lifetime mount name namespace number object parameter password passwords \
    path permission permissions pod policy private projected property provider public reason \
    reference refresh registry resource response review role scope scopes secret secrets \
    segments server service session signature signing source status storage store token tokens \
    type url user username users value values vault verification version volume webhook";

/// True for a word that says something about a secret, also for several of them as one:
/// `InvalidToken`, `invalid_grant`, `re-authentication`. Numbers are statuses of HTTP at best.
pub(super) fn is_said(word: &str) -> bool {
    is_made_of(word, |part| has(WORDS, part))
}

/// True for a word that begins a sentence about a secret, if more words follow.
pub(super) fn is_subject(word: &str) -> bool {
    is_made_of(word, |part| has(WORDS, part) || has(SUBJECTS, part))
}

fn is_made_of(word: &str, is_known: impl Fn(&str) -> bool) -> bool {
    if word.bytes().any(|b| b.is_ascii_digit()) {
        return is_numbered(word);
    }
    let parts = secret_name::parts(word);
    // A compound says something by its last part or its first: `InvalidToken`, `TokenExpired`.
    let is_compound = parts.len() > 1 && parts.iter().any(|part| has(WORDS, part));
    let is_part = |part: &str| is_known(part) || (is_compound && has(SUBJECTS, part));
    parts.iter().all(|part| is_part(part))
}

fn has(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|known| known == word)
}

/// True for `401`, and for the few words of errors that hold a digit.
fn is_numbered(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let is_status = word.len() == 3 && word.starts_with(['4', '5']);
    let is_status = is_status && word.bytes().all(|b| b.is_ascii_digit());
    is_status || ["x509", "oauth2", "http2", "base64", "utf8", "k8s"].contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_about_a_secret_are_told_from_secrets() {
        for word in [
            "expired",
            "Required",
            "UNAUTHORIZED",
            "InvalidToken",
            "invalid_grant",
            "401",
            "x509:",
            "isn",
            "(none)",
            "nil",
            "",
            "[redacted]",
            "****",
        ] {
            assert!(is_said(word), "{word}");
        }
        for word in [
            "hunter2",
            "hunter",
            "admin",
            "secret",
            "password",
            "swordfish",
            "Summer2026",
            "1234",
            "correct-horse",
            "401abc",
            "9f86d081884c7d65",
            "isolde",
            "Größe",
            "notary",
        ] {
            assert!(!is_said(word), "{word}");
        }
    }
}
