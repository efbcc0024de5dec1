//! Reads the command line of argocd as its flag library (pflag) does.

use std::ffi::{OsStr, OsString};

/// A flag and its value, as bytes: arguments need not be UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flag<'a> {
    /// The name without dashes; one letter for a short flag.
    pub(super) name: &'a [u8],
    /// The value; `None` for a boolean flag without `=`, and at the end of the line.
    pub(super) value: Option<&'a [u8]>,
}

impl Flag<'_> {
    /// True if the flag has this name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name.as_bytes()
    }

    /// True if the boolean flag is on. The texts that mean false are those of Go's
    /// `strconv.ParseBool`.
    pub(super) fn is_on(&self) -> bool {
        let value = self.value.unwrap_or(b"true");
        !matches!(value, b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False")
    }

    /// Returns the value as text, empty if there is none.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(self.value.unwrap_or_default()).into_owned()
    }
}

/// The boolean flags of `argocd app wait` and of argocd itself. They take a value only
/// behind `=`; every other flag takes the next argument.
const BOOLEANS: &[&str] = &[
    "core",
    "degraded",
    "delete",
    "disable-compression",
    "grpc-web",
    "health",
    "help",
    "h",
    "hydrated",
    "insecure",
    "insecure-skip-tls-verify",
    "operation",
    "plaintext",
    "port-forward",
    "prompts-enabled",
    "suspended",
    "sync",
];

/// Returns the flags in their order, without arguments that are not flags.
pub(super) fn flags<A: AsRef<OsStr>>(arguments: &[A]) -> Vec<Flag<'_>> {
    let mut flags = Vec::new();
    let mut rest = arguments.iter().map(|a| a.as_ref().as_encoded_bytes());
    while let Some(argument) = rest.next() {
        // pflag reads no flag behind it.
        if argument == b"--" {
            break;
        }
        let Some(mut flag) = flag(argument) else {
            continue;
        };
        let is_boolean = BOOLEANS.iter().any(|name| flag.is(name));
        if flag.value.is_none() && !is_boolean {
            flag.value = rest.next();
        }
        flags.push(flag);
    }
    flags
}

/// Returns the arguments without some flags and their values.
pub(super) fn without(arguments: &[OsString], names: &[&str]) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let Some(flag) = flag(argument.as_encoded_bytes()) else {
            kept.push(argument.clone());
            continue;
        };
        let is_boolean = BOOLEANS.iter().any(|name| flag.is(name));
        let value = if flag.value.is_none() && !is_boolean {
            rest.next()
        } else {
            None
        };
        if !names.iter().any(|name| flag.is(name)) {
            kept.push(argument.clone());
            kept.extend(value.cloned());
        }
    }
    kept
}

/// Returns every possible value of some flags. An argument counts as one of them wherever it
/// stands, since a boolean flag that we do not know may precede it.
pub(super) fn possible_values<'a, A: AsRef<OsStr>>(
    arguments: &'a [A],
    names: &[&str],
) -> Vec<&'a [u8]> {
    let arguments: Vec<&[u8]> = arguments
        .iter()
        .map(|a| a.as_ref().as_encoded_bytes())
        .collect();
    let mut values = Vec::new();
    for (at, argument) in arguments.iter().enumerate() {
        let Some(flag) = flag(argument) else { continue };
        if names.iter().any(|name| flag.is(name)) {
            values.extend(flag.value.or_else(|| arguments.get(at + 1).copied()));
        }
    }
    values
}

/// `--name`, `--name=value`, `-n`, `-n=value` or `-nvalue`.
fn flag(argument: &[u8]) -> Option<Flag<'_>> {
    if let Some(long) = argument.strip_prefix(b"--") {
        return Some(match memchr::memchr(b'=', long) {
            Some(end) => Flag {
                name: &long[..end],
                value: Some(&long[end + 1..]),
            },
            None => Flag {
                name: long,
                value: None,
            },
        });
    }
    let short = argument.strip_prefix(b"-").filter(|s| !s.is_empty())?;
    let value = &short[1..];
    let value = value.strip_prefix(b"=").unwrap_or(value);
    Some(Flag {
        name: &short[..1],
        value: (short.len() > 1).then_some(value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(arguments: &'a [&'a str]) -> Vec<(&'a str, Option<&'a str>)> {
        let text = |bytes: &'a [u8]| str::from_utf8(bytes).unwrap();
        flags(arguments)
            .into_iter()
            .map(|flag| (text(flag.name), flag.value.map(text)))
            .collect()
    }

    #[test]
    fn values_stand_where_pflag_takes_them_from() {
        assert_eq!(
            read(&["--timeout", "300", "--sync", "x", "--health=false"]),
            [
                ("timeout", Some("300")),
                ("sync", None),
                ("health", Some("false"))
            ]
        );
        assert_eq!(
            read(&["-l", "a=b", "-la=b", "-l=a=b", "-"]),
            [("l", Some("a=b")), ("l", Some("a=b")), ("l", Some("a=b"))]
        );
        assert_eq!(
            read(&["--resource", "--sync", "--", "--health"]),
            [("resource", Some("--sync"))]
        );
        assert_eq!(read(&["--timeout"]), [("timeout", None)]);
    }

    #[test]
    fn a_secret_is_found_wherever_it_may_be_one() {
        let arguments = [
            "--auth-token=one",
            "--unknown",
            "--token",
            "two",
            "-Hthree",
            "--token",
        ];
        let values = possible_values(&arguments, &["auth-token", "token", "H"]);
        assert_eq!(values, [&b"one"[..], b"two", b"three"]);
    }
}
