//! `bugreport`: what a maintainer asks first, without anything that is secret.

mod programs;

use std::{
    env::consts::{ARCH, OS},
    ffi::OsString,
    fmt::Write as _,
    io::IsTerminal,
    thread::available_parallelism,
};

use argo_core::text::redacted;

use crate::caller::Caller;

/// Variables whose names begin so take part in a run; all others stay unread.
const PREFIXES: &[&str] = &["ARGO", "LOG_", "KUBE"];

/// Further variables that take part in a run.
const NAMES: &[&str] = &[
    "CI",
    "COLUMNS",
    "NO_COLOR",
    "TERM",
    "TZ",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "TF_BUILD",
    "BUILDKITE",
    "JENKINS_URL",
    "TEAMCITY_VERSION",
];

/// Variables whose value helps and tells nothing of the user's systems. Of the others only the
/// length is shown.
const SHOWN: &[&str] = &["CI", "COLUMNS", "NO_COLOR", "TERM", "TZ"];

/// Flags of ours that name a system or a person; their variables are not shown.
const PRIVATE: &[&str] = &[
    "TOKEN",
    "LOG_STORE",
    "LOG_STORE_HEADER",
    "LOG_STORE_PASSWORD",
    "LOG_STORE_TOKEN",
    "LOG_STORE_USER",
    "SERVER",
    "AS",
    "AS_GROUP",
    "USER",
    "CLUSTER",
    "CONTEXT",
    "APP_CONTEXT",
];

/// Returns the report. `typed` is the command line that went wrong, `variables` the
/// environment.
pub(super) fn report(
    typed: &[OsString],
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> String {
    let mut text = String::new();
    row(&mut text, "argo-assistant", &this_program());
    row(&mut text, "called as", Caller::current().typed());
    row(&mut text, "system", &system());
    row(&mut text, "argocd", &programs::argocd());
    row(&mut text, "kubectl", &programs::kubectl());
    row(&mut text, "output", &output());
    if !typed.is_empty() {
        row(&mut text, "command", &command_line(typed));
    }
    text.push_str("\nvariables\n");
    let mut settings: Vec<_> = variables.filter_map(setting).collect();
    settings.sort();
    for setting in &settings {
        let _ = writeln!(text, "  {setting}");
    }
    text
}

fn row(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name:<15} {value}");
}

fn this_program() -> String {
    let linking = if cfg!(target_feature = "crt-static") {
        "static"
    } else {
        "dynamic"
    };
    let version = env!("CARGO_PKG_VERSION");
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    format!("{version} ({ARCH} {OS}, {linking}, {profile})")
}

fn system() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    let kernel = kernel.unwrap_or_default();
    let cores = available_parallelism().map_or(0, usize::from);
    format!("{OS} {} with {cores} cores", kernel.trim())
}

fn output() -> String {
    let kind = |is_terminal| {
        if is_terminal {
            "terminal"
        } else {
            "no terminal"
        }
    };
    format!(
        "stdout {}, stderr {}",
        kind(std::io::stdout().is_terminal()),
        kind(std::io::stderr().is_terminal())
    )
}

/// Returns the line without credentials.
fn command_line(typed: &[OsString]) -> String {
    let words: Vec<_> = typed.iter().map(|word| word.to_string_lossy()).collect();
    redacted(&words.join(" ")).into_owned()
}

/// Returns `NAME=value`, or the length of a value that may be private.
fn setting((name, value): (OsString, OsString)) -> Option<String> {
    let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
    let known = name.to_ascii_uppercase();
    let takes_part = PREFIXES.iter().any(|prefix| known.starts_with(prefix));
    if !takes_part && !NAMES.contains(&known.as_str()) {
        return None;
    }
    if name == "ARGOCD_OPTS" {
        return Some(format!("{name}={}", flag_names(&value)));
    }
    if is_shown(&known) {
        return Some(format!("{name}={}", redacted(&value)));
    }
    Some(format!(
        "{name} is set ({} characters)",
        value.chars().count()
    ))
}

fn is_shown(name: &str) -> bool {
    match name.strip_prefix("ARGO_ASSISTANT_") {
        Some(flag) => !PRIVATE.contains(&flag),
        None => name.starts_with("LOG_") || SHOWN.contains(&name),
    }
}

/// Returns the flags of a text without their values.
fn flag_names(options: &str) -> String {
    let words = options
        .split_whitespace()
        .filter(|word| word.starts_with('-'));
    let names: Vec<_> = words.filter_map(|word| word.split('=').next()).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (OsString, OsString) {
        (name.into(), value.into())
    }

    #[test]
    fn settings_are_shown_and_private_values_are_not() {
        for (name, value, shown) in [
            ("LOG_FORMAT", "json", "LOG_FORMAT=json"),
            ("ARGO_ASSISTANT_TAIL", "50", "ARGO_ASSISTANT_TAIL=50"),
            ("NO_COLOR", "", "NO_COLOR="),
            (
                "ARGOCD_AUTH_TOKEN",
                "abc",
                "ARGOCD_AUTH_TOKEN is set (3 characters)",
            ),
            (
                "ARGO_ASSISTANT_TOKEN",
                "abc",
                "ARGO_ASSISTANT_TOKEN is set (3 characters)",
            ),
            (
                "ARGOCD_SERVER",
                "a.b",
                "ARGOCD_SERVER is set (3 characters)",
            ),
            (
                "https_proxy",
                "http://u:p@h",
                "https_proxy is set (12 characters)",
            ),
            ("KUBECONFIG", "/a", "KUBECONFIG is set (2 characters)"),
            (
                "ARGOCD_OPTS",
                "--grpc-web --auth-token=x --header a:b",
                "ARGOCD_OPTS=--grpc-web --auth-token --header",
            ),
        ] {
            assert_eq!(setting(pair(name, value)).as_deref(), Some(shown));
        }
    }

    #[test]
    fn foreign_variables_are_not_mentioned() {
        for name in ["HOME", "AWS_SECRET_ACCESS_KEY", "PATH", "MY_ARGOCD"] {
            assert_eq!(setting(pair(name, "x")), None);
        }
    }

    #[test]
    fn credentials_of_the_command_line_are_cut() {
        for typed in [
            &["sync", "shop", "argocd", "--token", "s3cr3tvalue"][..],
            &["sync", "shop", "argocd", "--token=s3cr3tvalue"],
            &[
                "sync",
                "shop",
                "argocd",
                "--",
                "--auth-token",
                "s3cr3tvalue",
            ],
            &[
                "sync",
                "shop",
                "argocd",
                "--server",
                "https://me:s3cr3tvalue@host",
            ],
        ] {
            let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
            let line = command_line(&typed);
            assert!(!line.contains("s3cr3t"), "{line}");
            assert!(line.starts_with("sync shop argocd"), "{line}");
        }
    }

    #[test]
    fn the_report_holds_no_secret_of_the_environment() {
        let variables = [
            pair("ARGOCD_AUTH_TOKEN", "s3cr3t"),
            pair("LOG_LEVEL", "debug"),
        ];
        let text = report(&["sync".into()], variables.into_iter());
        assert!(text.contains("LOG_LEVEL=debug") && text.contains("command         sync"));
        assert!(!text.contains("s3cr3t"), "{text}");
    }
}
