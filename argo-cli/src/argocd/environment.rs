//! The environment of argocd.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use super::{
    ArgocdConfig,
    credential_plugin::CredentialPlugin,
    uses_grpc_web,
    variables::{matches, value},
};

/// Variables that argocd cannot run without, beside `ARGO*`: the place of its configuration,
/// certificates and proxies, and for `--core` the way to the cluster and to credential
/// plugins.
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

/// A variable that turns argocd into another program (argo-cd `cmd/main.go`).
const BINARY_NAME: &str = "ARGOCD_BINARY_NAME";

/// The environment of argocd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// The variables and their values.
    pub variables: Vec<(OsString, OsString)>,
    /// One line about the variables that a credential plugin gets, if there are any.
    pub notice: Option<String>,
}

/// Picks the variables that argocd gets. Beside its own ones and those that the user names,
/// these are the variables of the credential plugin that `--core` runs.
pub fn environment(
    config: &ArgocdConfig,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Passed {
    let grpc_web = uses_grpc_web(&config.extra);
    let mut variables: Vec<_> = variables.into_iter().collect();
    variables.retain(|(name, _)| name != BINARY_NAME);
    let plugin = CredentialPlugin::of(&config.extra, &variables);
    let mut added = Vec::new();
    variables.retain(|(name, value)| {
        if is_asked_for(config, name) || is_needed(name, value, grpc_web) {
            return true;
        }
        let is_for_plugin = plugin.as_ref().is_some_and(|plugin| plugin.needs(name));
        if is_for_plugin {
            added.push(name.to_string_lossy().into_owned());
        }
        is_for_plugin
    });
    added.sort_unstable();
    let notice = plugin.filter(|_| !added.is_empty()).map(|plugin| {
        format!(
            "argocd --core runs the credential plugin {} of the kubeconfig; for it argocd gets {}",
            plugin.name,
            added.join(", ")
        )
    });
    Passed { variables, notice }
}

/// True for a variable that `--argocd-env` names.
fn is_asked_for(config: &ArgocdConfig, name: &OsStr) -> bool {
    config.pass_env.iter().any(|pattern| matches(pattern, name))
}

fn is_needed(name: &OsStr, value: &OsStr, grpc_web: bool) -> bool {
    let text = name.as_encoded_bytes();
    if text.starts_with(b"ARGO") {
        // Ours are no settings of argocd, and some hold tokens of the cluster or the log store.
        return !text.starts_with(b"ARGO_ASSISTANT_");
    }
    // With --grpc-web argocd would send its own unix socket through a socks proxy
    // (argo-cd issue 23933).
    let breaks = grpc_web
        && text.eq_ignore_ascii_case(b"ALL_PROXY")
        && value.as_encoded_bytes().starts_with(b"socks");
    PASSED.iter().any(|passed| name == *passed) && !breaks
}

/// A directory without a configuration (argocd takes a missing directory for an empty one).
const NO_CONFIG: &str = "/nonexistent/argocd";

/// Adds the private directory: for temporary files, and for the configuration if argocd
/// would give up because it finds none.
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
        !environment(config, pairs(&[(name, value)]))
            .variables
            .is_empty()
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
    fn a_star_stands_for_any_text() {
        for (pattern, name, wanted) in [
            ("AWS_*", "AWS_PROFILE", true),
            ("AWS_*", "AWS_", true),
            ("AWS_*", "AWS", false),
            ("AWS_*", "MY_AWS_PROFILE", false),
            ("*_TOKEN", "CI_TOKEN", true),
            ("*_TOKEN", "CI_TOKENS", false),
            ("A*B*C", "AxxBxxC", true),
            ("A*B*C", "ABC", true),
            ("A*B*C", "ACB", false),
            ("AB*BC", "ABC", false),
            ("*", "ANYTHING", true),
            ("AWS_PROFILE", "AWS_PROFILE", true),
            ("AWS_PROFILE", "AWS_PROFILES", false),
            ("", "X", false),
        ] {
            assert_eq!(
                matches(pattern, OsStr::new(name)),
                wanted,
                "{pattern} {name}"
            );
            let config = config(&[], &[pattern]);
            assert_eq!(is_passed(&config, name, "x"), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn no_pattern_makes_argocd_another_program() {
        assert!(!is_passed(
            &config(&[], &["*"]),
            BINARY_NAME,
            "argocd-server"
        ));
    }

    #[test]
    fn the_variables_of_a_plugin_are_passed_and_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config");
        let kubeconfig = "{current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], \
                          users: [{name: u, user: {exec: {command: aws}}}]}";
        std::fs::write(&file, kubeconfig).unwrap();
        let file = file.to_str().unwrap();
        let given = [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_PROFILE", "prod"),
            ("CI_JOB_TOKEN", "t"),
            ("ARGOCD_OPTS", "--core"),
            ("KUBECONFIG", file),
        ];
        let passed = environment(&config(&[], &[]), pairs(&given));
        let names: Vec<_> = passed.variables.iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            ["AWS_REGION", "AWS_PROFILE", "ARGOCD_OPTS", "KUBECONFIG"]
        );
        let notice = "argocd --core runs the credential plugin aws of the kubeconfig; \
                      for it argocd gets AWS_PROFILE, AWS_REGION";
        assert_eq!(passed.notice.as_deref(), Some(notice));

        let asked_for = config(&[], &["AWS_*"]);
        let passed = environment(&asked_for, pairs(&given));
        assert_eq!(passed.notice, None, "the user named them");
        let passed = environment(&config(&["--core=false"], &[]), pairs(&given));
        assert_eq!((passed.variables.len(), passed.notice), (2, None));
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
