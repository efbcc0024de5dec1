//! Cuts the secrets that argocd was given out of its output.
//!
//! `argocd app wait --help`, and any call with wrong arguments, prints the value of
//! ARGOCD_AUTH_TOKEN as the default of a flag.
//!
//! Limits: it does not find a secret that argocd encoded in another way than JSON does, or
//! one that is in argocd's configuration and not in its environment or arguments.

use std::{ffi::OsString, sync::Arc};

use bytes::Bytes;
use memchr::memmem;

use super::{flags::possible_values, variables::value};

/// Cuts secrets out of lines.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    /// The longest first: one may hold another.
    secrets: Arc<[Vec<u8>]>,
}

/// The fewest bytes of a secret; shorter values stay, since they may be ordinary words.
const SHORTEST: usize = 8;
/// The replacement for a secret.
const CUT: &[u8] = b"***";

const SECRET_FLAGS: &[&str] = &["auth-token", "token", "password"];
const HEADER_FLAGS: &[&str] = &["header", "H"];

impl Redactor {
    /// Finds the secrets among argocd's arguments and variables: variables by their name,
    /// flags, HTTP headers, passwords of proxies.
    pub fn new(extra: &[OsString], environment: &[(OsString, OsString)]) -> Self {
        let mut secrets = Vec::new();
        let from_options = value(environment, "ARGOCD_OPTS").map(words);
        for arguments in [Some(extra.to_vec()), from_options].into_iter().flatten() {
            let headers = possible_values(&arguments, HEADER_FLAGS);
            secrets.extend(headers.into_iter().map(last_word).map(<[u8]>::to_vec));
            secrets.extend(
                possible_values(&arguments, SECRET_FLAGS)
                    .iter()
                    .map(|v| v.to_vec()),
            );
        }
        for (name, value) in environment {
            let value = value.as_encoded_bytes();
            if is_secret(&name.to_string_lossy()) {
                secrets.push(value.to_vec());
            }
            secrets.extend(url_password(value).map(<[u8]>::to_vec));
        }
        Self::of(&secrets)
    }

    fn of(values: &[Vec<u8>]) -> Self {
        let lines = values
            .iter()
            .flat_map(|value| value.split(|byte| *byte == b'\n'));
        let mut secrets: Vec<_> = lines
            .map(<[u8]>::trim_ascii)
            .flat_map(|line| [line.to_vec(), escaped(line)])
            .filter(|line| line.len() >= SHORTEST)
            .collect();
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        secrets.dedup();
        Self {
            secrets: secrets.into(),
        }
    }

    /// Returns the line without secrets, or the very same bytes if there are none.
    pub fn apply(&self, line: Bytes) -> Bytes {
        let found = |line: &Bytes, secret: &[u8]| memmem::find(line, secret).is_some();
        self.secrets.iter().fold(line, |line, secret| {
            if found(&line, secret) {
                cut_out(&line, secret).into()
            } else {
                line
            }
        })
    }

    /// Returns the position at which a line that is too long may be cut: its end, or the
    /// start of a secret that may continue after it.
    pub(super) fn cut(&self, line: &[u8]) -> usize {
        let start_of = |secret: &Vec<u8>| {
            let may_start = line.len().saturating_sub(secret.len() - 1).max(1);
            (may_start..line.len()).find(|at| secret.starts_with(&line[*at..]))
        };
        self.secrets
            .iter()
            .filter_map(start_of)
            .min()
            .unwrap_or(line.len())
    }
}

fn cut_out(line: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut copied = 0;
    for at in memmem::find_iter(line, secret) {
        out.extend_from_slice(&line[copied..at]);
        out.extend_from_slice(CUT);
        copied = at + secret.len();
    }
    out.extend_from_slice(&line[copied..]);
    out
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    name.ends_with("TOKEN") || name.ends_with("PASSWORD") || name.contains("SECRET")
}

/// Returns the secret as logrus writes it into its JSON.
fn escaped(secret: &[u8]) -> Vec<u8> {
    let text = serde_json::to_string(&String::from_utf8_lossy(secret)).unwrap_or_default();
    let text = text
        .trim_start_matches('"')
        .strip_suffix('"')
        .unwrap_or_default();
    let text = text
        // Go's encoder escapes these three as well, so that JSON can stand in HTML.
        .replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e");
    text.into_bytes()
}

/// Splits `ARGOCD_OPTS` into words and removes the quotes, which are those of a shell.
fn words(options: &OsString) -> Vec<OsString> {
    let options = options.to_string_lossy();
    let unquoted = |word: &str| word.replace(['"', '\''], "").into();
    options.split_whitespace().map(unquoted).collect()
}

fn last_word(header: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| matches!(byte, b' ' | b':');
    header.rsplit(is_end).next().unwrap_or_default()
}

/// Returns the password in `scheme://user:password@host`.
fn url_password(url: &[u8]) -> Option<&[u8]> {
    let rest = &url[memmem::find(url, b"://")? + 3..];
    let authority = rest.split(|byte| *byte == b'/').next()?;
    // The last @: a password may hold one, a host cannot.
    let user = &authority[..memchr::memrchr(b'@', authority)?];
    Some(&user[memchr::memchr(b':', user)? + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(extra: &[&str], environment: &[(&str, &str)]) -> Redactor {
        let extra: Vec<_> = extra.iter().map(OsString::from).collect();
        let environment: Vec<_> = environment
            .iter()
            .map(|(n, v)| (OsString::from(n), OsString::from(v)))
            .collect();
        Redactor::new(&extra, &environment)
    }

    fn applied(redactor: &Redactor, line: &str) -> String {
        let line = redactor.apply(Bytes::copy_from_slice(line.as_bytes()));
        String::from_utf8(line.to_vec()).unwrap()
    }

    #[test]
    fn the_default_of_a_flag_in_the_help() {
        let redactor = redactor(&[], &[("ARGOCD_AUTH_TOKEN", "eyJhbGciOi.J9.abc-_")]);
        let line =
            r#"      --auth-token string   Authentication token (default "eyJhbGciOi.J9.abc-_")"#;
        let wanted = r#"      --auth-token string   Authentication token (default "***")"#;
        assert_eq!(applied(&redactor, line), wanted);
    }

    #[test]
    fn each_place_that_a_secret_comes_from() {
        for (extra, environment, secret) in [
            (
                &[][..],
                &[("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")][..],
                "wJalrXUtnFEMI",
            ),
            (
                &[],
                &[("ARGO_DB_PASSWORD", "correct horse")],
                "correct horse",
            ),
            (&[], &[("argo_token", "lower-case-name")], "lower-case-name"),
            (&["--auth-token=from-a-flag"], &[], "from-a-flag"),
            (&["--auth-token", "from-a-flag"], &[], "from-a-flag"),
            (
                &["-H", "Authorization: Bearer from-a-header"],
                &[],
                "from-a-header",
            ),
            (&["--header=X-Key:from-a-header"], &[], "from-a-header"),
            (
                &[],
                &[("ARGOCD_OPTS", "--core --auth-token 'in-options'")],
                "in-options",
            ),
            (
                &[],
                &[("ARGOCD_OPTS", "--auth-token=in-options")],
                "in-options",
            ),
            (
                &[],
                &[("HTTPS_PROXY", "http://ci:p@ss:word@proxy:3128/")],
                "p@ss:word",
            ),
            (
                &[],
                &[("ARGO_TOKEN", "first-line\nsecond-line\n")],
                "second-line",
            ),
            (
                &[],
                &[("ARGO_TOKEN", "a\"quote<d>")],
                r#"a\"quote\u003cd\u003e"#,
            ),
        ] {
            let redactor = redactor(extra, environment);
            let line = applied(&redactor, &format!("<{secret}{secret}>"));
            assert_eq!(line, "<******>", "{extra:?} {environment:?}");
        }
    }

    #[test]
    fn what_is_no_secret_stays_and_is_not_copied() {
        let environment = [
            ("ARGO_TOKEN", "short"),
            ("HOME", "/home/ci"),
            ("HTTP_PROXY", "http://proxy:3128"),
        ];
        let redactor = redactor(&["--timeout", "12345678"], &environment);
        let line = Bytes::from_static(b"short /home/ci proxy:3128 12345678 \xff");
        assert_eq!(redactor.apply(line.clone()).as_ptr(), line.as_ptr());
    }

    #[test]
    fn a_secret_within_another_leaves_nothing_behind() {
        let redactor = redactor(
            &[],
            &[("A_TOKEN", "password"), ("B_TOKEN", "my-password-2")],
        );
        assert_eq!(applied(&redactor, "my-password-2 password"), "*** ***");
    }

    #[test]
    fn no_cut_goes_through_a_secret() {
        let redactor = redactor(&[], &[("A_TOKEN", "ababababc"), ("B_TOKEN", "12345678")]);
        for (line, wanted) in [
            (&b"plain"[..], 5),
            (b"plain 1234", 6),
            (b"xx ababab", 3),
            (b"xx ababababc", 12),
            (b"xx 12345678", 11),
            (b"xx a1", 4),
        ] {
            assert_eq!(redactor.cut(line), wanted, "{line:?}");
        }
    }
}
