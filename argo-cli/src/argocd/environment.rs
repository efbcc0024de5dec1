//! The environment of argocd.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use super::{ArgocdConfig, uses_grpc_web};

/// What argocd cannot run without, beside `ARGO*`: where its configuration is, which
/// certificates and proxies to use, and for `--core` how to reach the cluster and run
/// the credential plugins of a kubeconfig.
const PASSED: &[&str] = &[
    "HOME",
    "XDG_CONFIG_HOME",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "KUBECONFIG",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "PATH",
    "LANG",
    "TZ",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Turns argocd into another program (argo-cd `cmd/main.go`).
const BINARY_NAME: &str = "ARGOCD_BINARY_NAME";

/// Picks what argocd gets of the environment.
pub fn environment(
    config: &ArgocdConfig,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let grpc_web = uses_grpc_web(&config.extra);
    let is_passed = |(name, value): &(OsString, OsString)| {
        let asked_for = config.pass_env.iter().any(|asked| name == asked.as_str());
        name != BINARY_NAME && (asked_for || is_needed(name, value, grpc_web))
    };
    variables.into_iter().filter(is_passed).collect()
}

fn is_needed(name: &OsStr, value: &OsStr, grpc_web: bool) -> bool {
    let text = name.as_encoded_bytes();
    if text.starts_with(b"ARGO") {
        return !text.starts_with(b"ARGO_ASSISTANT_");
    }
    // With --grpc-web argocd would send its own unix socket through a socks proxy
    // (argo-cd issue 23933).
    let breaks = grpc_web
        && text.eq_ignore_ascii_case(b"ALL_PROXY")
        && value.as_encoded_bytes().starts_with(b"socks");
    PASSED.iter().any(|passed| name == *passed) && !breaks
}

/// Where there is no configuration to be found (argocd takes a missing directory for an
/// empty one).
const NO_CONFIG: &str = "/nonexistent/argocd";

/// Adds the private directory: as the one for temporary files, and for the configuration
/// where argocd would find none and give up for it.
pub fn with_directory(
    mut environment: Vec<(OsString, OsString)>,
    directory: Option<&Path>,
) -> Vec<(OsString, OsString)> {
    if !has_config(&environment) {
        environment.retain(|(name, _)| name != "ARGOCD_CONFIG_DIR");
        let config = directory.map_or_else(|| NO_CONFIG.into(), |path| path.join(CONFIG));
        environment.push(("ARGOCD_CONFIG_DIR".into(), config.into()));
    }
    if let Some(directory) = directory {
        environment.retain(|(name, _)| name != "TMPDIR");
        environment.push(("TMPDIR".into(), directory.into()));
    }
    environment
}

/// The configuration's place in the private directory.
const CONFIG: &str = "config";

fn has_config(environment: &[(OsString, OsString)]) -> bool {
    ["HOME", "ARGOCD_CONFIG_DIR"]
        .iter()
        .any(|name| value(environment, name).is_some())
}

/// The value of a variable that is neither unset nor empty.
pub(super) fn value<'a>(
    environment: &'a [(OsString, OsString)],
    name: &str,
) -> Option<&'a OsString> {
    let found = environment
        .iter()
        .find(|(n, value)| n == name && !value.is_empty());
    found.map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use argo_core::AppRef;

    use super::*;

    fn pairs(texts: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        texts
            .iter()
            .map(|(n, v)| (OsString::from(n), OsString::from(v)))
            .collect()
    }

    fn config(extra: &[&str], pass_env: &[&str]) -> ArgocdConfig {
        ArgocdConfig {
            extra: extra.iter().map(OsString::from).collect(),
            pass_env: pass_env.iter().map(|name| (*name).to_owned()).collect(),
            ..ArgocdConfig::new(AppRef::new("shop", "argocd"))
        }
    }

    fn is_passed(config: &ArgocdConfig, name: &str, value: &str) -> bool {
        !environment(config, pairs(&[(name, value)])).is_empty()
    }

    #[test]
    fn what_is_needed_is_passed_and_nothing_else() {
        for (name, wanted) in [
            ("ARGOCD_SERVER", true),
            ("ARGOCD_AUTH_TOKEN", true),
            ("ARGOCD_OPTS", true),
            ("ARGO_SPEED", true),
            ("ARGOCD_BINARY_NAME", false),
            ("ARGO_ASSISTANT_TAIL", false),
            ("argocd_server", false),
            ("MY_ARGOCD_SERVER", false),
            ("HOME", true),
            ("HOMEBREW_TOKEN", false),
            ("JAVA_HOME", false),
            ("KUBECONFIG", true),
            ("KUBERNETES_SERVICE_HOST", true),
            ("PATH", true),
            ("SSL_CERT_DIR", true),
            ("https_proxy", true),
            ("no_proxy", true),
            ("AWS_SECRET_ACCESS_KEY", false),
            ("LD_PRELOAD", false),
            ("CI_JOB_TOKEN", false),
        ] {
            assert_eq!(is_passed(&config(&[], &[]), name, "x"), wanted, "{name}");
        }
    }

    #[test]
    fn what_the_user_asks_for_is_passed_too() {
        let config = config(
            &[],
            &["AWS_PROFILE", "ARGO_ASSISTANT_TAIL", "ARGOCD_BINARY_NAME"],
        );
        for (name, wanted) in [
            ("AWS_PROFILE", true),
            ("AWS_REGION", false),
            ("ARGO_ASSISTANT_TAIL", true),
            ("ARGOCD_BINARY_NAME", false),
        ] {
            assert_eq!(is_passed(&config, name, "x"), wanted, "{name}");
        }
    }

    #[test]
    fn a_socks_proxy_breaks_grpc_web() {
        for (extra, name, value, wanted) in [
            (&[][..], "ALL_PROXY", "socks5://proxy:1080", false),
            (&[], "all_proxy", "socks5h://proxy:1080", false),
            (&[], "ALL_PROXY", "http://proxy:3128", true),
            (&[], "HTTPS_PROXY", "socks5://proxy:1080", true),
            (
                &["--grpc-web=false"],
                "ALL_PROXY",
                "socks5://proxy:1080",
                true,
            ),
        ] {
            assert_eq!(
                is_passed(&config(extra, &[]), name, value),
                wanted,
                "{name}={value}"
            );
        }
        assert!(is_passed(
            &config(&[], &["ALL_PROXY"]),
            "ALL_PROXY",
            "socks5://proxy:1080"
        ));
    }

    #[test]
    fn a_configuration_is_made_only_where_there_is_none() {
        let directory = Some(Path::new("/tmp/argo-1-0"));
        let made = ("ARGOCD_CONFIG_DIR", "/tmp/argo-1-0/config");
        let tmp = ("TMPDIR", "/tmp/argo-1-0");
        let home = ("HOME", "/home/ci");
        let own = ("ARGOCD_CONFIG_DIR", "/etc/argocd");
        for (given, wanted) in [
            (&[][..], &[made, tmp][..]),
            (
                &[("HOME", ""), ("ARGOCD_CONFIG_DIR", "")],
                &[("HOME", ""), made, tmp],
            ),
            (
                &[("XDG_CONFIG_HOME", "/x")],
                &[("XDG_CONFIG_HOME", "/x"), made, tmp],
            ),
            (&[home], &[home, tmp]),
            (&[own], &[own, tmp]),
            (&[("TMPDIR", "/var/tmp"), home], &[home, tmp]),
        ] {
            assert_eq!(
                with_directory(pairs(given), directory),
                pairs(wanted),
                "{given:?}"
            );
        }
    }

    #[test]
    fn without_a_directory_the_one_of_the_user_stays() {
        let given = [("HOME", "/home/ci"), ("TMPDIR", "/var/tmp")];
        assert_eq!(with_directory(pairs(&given), None), pairs(&given));
        let wanted = pairs(&[("ARGOCD_CONFIG_DIR", NO_CONFIG)]);
        assert_eq!(with_directory(Vec::new(), None), wanted);
    }
}
