//! Names of variables, flags, headers and fields that hold secrets.

/// The certainty that a value is secret, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Secrecy {
    /// The value may be one: `auth`, `key`, `secretName`, `tokens`. Its look decides.
    Possible,
    /// The value of an assignment is one. In prose the word has other uses: `token: expired`.
    Token,
    /// The value is one wherever it stands: `password`.
    Password,
}

const PASSWORDS: &[&str] = &["password", "passwd", "passphrase", "passcode", "passwort"];

const TOKENS: &[&str] = &[
    "token",
    "secret",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "authkey",
    "accountkey",
    "sharedkey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "sharedaccesskey",
    "licensekey",
    "sshkey",
    "deploykey",
    "storagekey",
    "subscriptionkey",
    "signature",
    "credential",
    "authorization",
    "connectionstring",
];

/// Short words that are parts of other ones, and names of secrets only by themselves.
const SHORT_TOKENS: &[&str] = &["jwt", "otp", "pat", "psk", "pw", "pwd"];

const POSSIBLE: &[&str] = &[
    "assertion",
    "auth",
    "bearer",
    "code",
    "cookie",
    "cred",
    "creds",
    "hmac",
    "key",
    "nonce",
    "pass",
    "sas",
    "session",
    "sessionid",
    "sid",
    "sig",
    "tok",
];

/// Last parts of names that tell something about a secret and are none: `secretName`,
/// `password_file`.
const ABOUT: &[&str] = &[
    "age",
    "algorithm",
    "audience",
    "class",
    "count",
    "dir",
    "enabled",
    "endpoint",
    "error",
    "exception",
    "expiration",
    "expires",
    "expiry",
    "file",
    "format",
    "generator",
    "id",
    "issuer",
    "kind",
    "length",
    "lifetime",
    "limit",
    "manager",
    "match",
    "mount",
    "name",
    "names",
    "namespace",
    "path",
    "policy",
    "provider",
    "ref",
    "refs",
    "request",
    "required",
    "review",
    "size",
    "source",
    "store",
    "sync",
    "ttl",
    "type",
    "uri",
    "url",
    "version",
];

/// Returns how secret the value of a name is; `None` for all other names.
pub(super) fn secrecy(name: &str) -> Option<Secrecy> {
    if !may_be_secret(name) {
        return None;
    }
    let parts = parts(name);
    let last = parts.last()?;
    let found = parts
        .iter()
        .cloned()
        .chain(parts.windows(2).map(|pair| pair.concat()))
        .chain(parts.windows(3).map(|three| three.concat()))
        .filter_map(|part| of_part(&part))
        .max()?;
    // The name of a Secret, or the file of a password, may be shown.
    let is_about = (ABOUT.contains(&last.as_str()) && parts.len() > 1) || is_domain(name);
    Some(if is_about { Secrecy::Possible } else { found })
}

/// True for the groups of Kubernetes: `rbac.authorization.k8s.io`.
fn is_domain(name: &str) -> bool {
    [".io", ".com", ".dev"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// True if one of the lists may have a name. Most words of a message leave here.
fn may_be_secret(name: &str) -> bool {
    let name = name.as_bytes();
    (0..name.len()).any(|at| {
        let rest = &name[at..];
        stems(rest[0].to_ascii_lowercase()).iter().any(|stem| {
            let start = rest.get(..stem.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(stem.as_bytes()))
        })
    })
}

/// Returns the beginnings of the names in the lists, by their first letter.
fn stems(first: u8) -> &'static [&'static str] {
    match first {
        b'a' => &["auth", "assert"],
        b'b' => &["bearer"],
        b'c' => &["cred", "code", "cookie", "connection"],
        b'h' => &["hmac"],
        b'j' => &["jwt"],
        b'k' => &["key"],
        b'n' => &["nonce"],
        b'o' => &["otp"],
        b'p' => &["pass", "pat", "psk", "pw"],
        b's' => &["secret", "sig", "sas", "session", "sid"],
        b't' => &["tok"],
        _ => &[],
    }
}

fn of_part(part: &str) -> Option<Secrecy> {
    let is_plural = part.ends_with('s') && !part.ends_with("ss");
    let single = part.strip_suffix('s').filter(|_| is_plural);
    if PASSWORDS.iter().any(|name| part.ends_with(name)) {
        Some(Secrecy::Password)
    } else if TOKENS.iter().any(|name| part.ends_with(name)) || SHORT_TOKENS.contains(&part) {
        Some(Secrecy::Token)
    } else if POSSIBLE.contains(&part) || single.is_some_and(|part| of_part(part).is_some()) {
        Some(Secrecy::Possible)
    } else {
        None
    }
}

/// Returns the words of a name in lower case: `awsSecretAccessKey` and `AWS_SECRET_ACCESS_KEY` are
/// the same four. Numbers at their ends are dropped.
pub(super) fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let chars: Vec<char> = name.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| chars[at]);
        let after = chars.get(at + 1);
        let begins_word = c.is_ascii_uppercase()
            && (before.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
                || (before.is_some_and(|c| c.is_ascii_uppercase())
                    && after.is_some_and(char::is_ascii_lowercase)));
        if begins_word || !c.is_ascii_alphanumeric() {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut().filter(|_| c.is_ascii_alphanumeric()) {
            part.push(c.to_ascii_lowercase());
        }
    }
    let bare = |part: String| {
        part.trim_end_matches(|c: char| c.is_ascii_digit())
            .to_owned()
    };
    let parts = parts.into_iter().map(bare);
    parts.filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_the_lists_leaves_early() {
        for name in PASSWORDS
            .iter()
            .chain(TOKENS)
            .chain(SHORT_TOKENS)
            .chain(POSSIBLE)
        {
            assert!(secrecy(name).is_some(), "{name}");
            assert!(secrecy(&name.to_uppercase()).is_some(), "{name}");
        }
    }

    #[test]
    fn a_name_says_how_secret_its_value_is() {
        use Secrecy::{Password, Possible, Token};
        for (name, expected) in [
            ("password", Some(Password)),
            ("--password", Some(Password)),
            ("PGPASSWORD", Some(Password)),
            ("DB_PASSWORD_PROD", Some(Password)),
            ("dbPassword2", Some(Password)),
            ("aws_secret_access_key", Some(Token)),
            ("SecretAccessKey", Some(Token)),
            ("X-Amz-Security-Token", Some(Token)),
            ("X-API-Key", Some(Token)),
            ("apikey", Some(Token)),
            ("AccountKey", Some(Token)),
            ("SharedAccessSignature", Some(Token)),
            ("tokens", Some(Possible)),
            ("secretName", Some(Possible)),
            ("password_file", Some(Possible)),
            ("sig", Some(Possible)),
            ("key", Some(Possible)),
            ("pwd", Some(Token)),
            ("rbac.authorization.k8s.io", Some(Possible)),
            ("replicas", None),
            ("monkey", None),
            ("compass", None),
            ("classes", None),
            ("address", None),
            ("", None),
            ("...", None),
        ] {
            assert_eq!(secrecy(name), expected, "{name}");
        }
    }
}
