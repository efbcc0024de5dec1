//! The arguments of argocd.

use std::ffi::{OsStr, OsString};

use super::ArgocdConfig;

/// `app wait <APP>` with what makes it wait for all there is, and then what the user adds:
/// of a flag given twice argocd takes the last.
///
/// `--operation` is what makes it wait for PostSync hooks. `--grpc-web` works against
/// every server and with `--core` too, where argocd talks to a server inside itself.
pub fn arguments(config: &ArgocdConfig) -> Vec<OsString> {
    let mut namespace = OsString::from("--app-namespace=");
    namespace.push(&config.app.namespace);
    let mut arguments: Vec<OsString> = vec!["app".into(), "wait".into()];
    arguments.push(OsString::from(&config.app.name));
    arguments.push(namespace);
    arguments.extend(["--health", "--sync", "--operation", "--grpc-web"].map(OsString::from));
    arguments.extend(config.extra.iter().cloned());
    arguments
}

/// True unless the user turned `--grpc-web` off. Values are those of Go's
/// `strconv.ParseBool`.
pub fn uses_grpc_web(extra: &[OsString]) -> bool {
    let value = |argument: &OsString| match argument.to_str()?.strip_prefix("--grpc-web")? {
        "" => Some(true),
        value => Some(!matches!(
            value.strip_prefix('=')?,
            "0" | "f" | "F" | "false" | "FALSE" | "False"
        )),
    };
    extra.iter().filter_map(value).next_back().unwrap_or(true)
}

/// The value of each of these flags, written as `--flag=value` or `--flag value`.
pub(super) fn flag_values<'a, A: AsRef<OsStr>>(
    arguments: &'a [A],
    flags: &[&str],
) -> Vec<&'a [u8]> {
    let mut values = Vec::new();
    let mut arguments = arguments.iter().map(|a| a.as_ref().as_encoded_bytes());
    while let Some(argument) = arguments.next() {
        let end = memchr::memchr(b'=', argument);
        let name = &argument[..end.unwrap_or(argument.len())];
        if !flags.iter().any(|flag| flag.as_bytes() == name) {
            continue;
        }
        match end {
            Some(end) => values.push(&argument[end + 1..]),
            None => values.extend(arguments.next()),
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use argo_core::AppRef;

    use super::*;

    fn os(texts: &[&str]) -> Vec<OsString> {
        texts.iter().map(OsString::from).collect()
    }

    #[test]
    fn what_the_user_adds_comes_last() {
        let mut config = ArgocdConfig::new(AppRef::new("shop", "team-a"));
        config.extra = os(&["--timeout", "300"]);
        let wanted = os(&[
            "app",
            "wait",
            "shop",
            "--app-namespace=team-a",
            "--health",
            "--sync",
            "--operation",
            "--grpc-web",
            "--timeout",
            "300",
        ]);
        assert_eq!(arguments(&config), wanted);
    }

    #[test]
    fn the_last_grpc_web_counts() {
        for (extra, wanted) in [
            (&[][..], true),
            (&["--core"], true),
            (&["--grpc-web=false"], false),
            (&["--grpc-web=false", "--grpc-web"], true),
            (&["--grpc-web-root-path=/argo"], true),
            (
                &["--grpc-web=false", "--grpc-web-root-path", "false"],
                false,
            ),
        ] {
            assert_eq!(uses_grpc_web(&os(extra)), wanted, "{extra:?}");
        }
    }

    #[test]
    fn values_of_flags_in_both_spellings() {
        let arguments = os(&[
            "--auth-token=one",
            "--timeout",
            "9",
            "--token",
            "two",
            "--token",
        ]);
        let values = flag_values(&arguments, &["--auth-token", "--token"]);
        assert_eq!(values, [b"one", b"two"]);
    }
}
