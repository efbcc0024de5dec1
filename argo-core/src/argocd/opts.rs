//! `ARGOCD_OPTS`, read as argocd reads it (argo-cd `util/config/env.go`).

use std::collections::HashMap;

/// The flags in `ARGOCD_OPTS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Opts(HashMap<String, String>);

/// `ARGOCD_OPTS` that argocd refuses as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OptsError {
    /// A word that is neither a long flag nor the value of one. Its text may be a secret.
    Word(usize),
    /// A quote or an escape that has no end.
    Unterminated,
}

impl Opts {
    /// Reads the text: long flags, each followed by at most one value.
    pub(super) fn parse(text: &str) -> Result<Self, OptsError> {
        let words = split(text).ok_or(OptsError::Unterminated)?;
        let mut flags = HashMap::new();
        let mut key: Option<String> = None;
        for (at, word) in words.into_iter().enumerate() {
            if let Some(name) = word.strip_prefix("--") {
                if let Some(key) = key.replace(name.to_owned()) {
                    flags.insert(key, "true".to_owned());
                }
            } else if let Some(key) = key.take() {
                flags.insert(key, word);
            } else {
                return Err(OptsError::Word(at + 1));
            }
        }
        if let Some(key) = key {
            flags.insert(key, "true".to_owned());
        }
        for (name, value) in assigned(&flags) {
            flags.entry(name).or_insert(value);
        }
        Ok(Self(flags))
    }

    /// Returns the value of a flag.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// True if a boolean flag is on: argocd knows no word for it but `true`.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }
}

/// Returns the flags that were written as `--name=value`.
fn assigned(flags: &HashMap<String, String>) -> Vec<(String, String)> {
    let lone = flags.iter().filter(|(_, value)| *value == "true");
    let pairs = lone.filter_map(|(name, _)| name.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Splits into words as a shell does (`github.com/kballard/go-shellquote`). `None` without an
/// end of a quote or an escape.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        match next {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        '\'' => break,
                        inside => word.push(inside),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        '"' => break,
                        '\\' => match rest.next()? {
                            escaped @ ('$' | '`' | '"' | '\\') => word.push(escaped),
                            '\n' => {}
                            other => word.extend(['\\', other]),
                        },
                        inside => word.push(inside),
                    }
                }
            }
            '\\' => match rest.next()? {
                '\n' => {}
                escaped => word.get_or_insert_default().push(escaped),
            },
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_as_argocd_reads_them() {
        for (text, flag, value) in [
            ("--plaintext", "plaintext", Some("true")),
            ("--server a:1 --plaintext", "server", Some("a:1")),
            ("--plaintext --server a:1", "plaintext", Some("true")),
            ("--server=a:1", "server", Some("a:1")),
            ("--insecure=true", "insecure", Some("true")),
            ("--insecure false", "insecure", Some("false")),
            ("--header 'X: a b' --insecure", "header", Some("X: a b")),
            (r#"--header "X: \"q\"""#, "header", Some("X: \"q\"")),
            (r"--header X:\ a", "header", Some("X: a")),
            ("--auth-token=a=b", "auth-token", Some("a=b")),
            ("", "server", None),
        ] {
            assert_eq!(Opts::parse(text).unwrap().get(flag), value, "{text}");
        }
    }

    #[test]
    fn other_words_are_refused() {
        assert_eq!(Opts::parse("-H X"), Err(OptsError::Word(1)));
        assert_eq!(Opts::parse("--server a b"), Err(OptsError::Word(3)));
        assert_eq!(Opts::parse("--server 'a"), Err(OptsError::Unterminated));
    }
}
