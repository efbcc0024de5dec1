use std::fs;

use super::*;

/// A kubeconfig with the user `own` (a plugin) and the user `plain`.
fn kubeconfig(command: &str, args: &[&str]) -> String {
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "prod",
        "contexts": [
            {"name": "prod", "context": {"cluster": "c", "user": "own"}},
            {"name": "test", "context": {"cluster": "c", "user": "plain"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://c"}}],
        "users": [
            {"name": "own", "user": {"exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": command,
                "args": args,
                "interactiveMode": "Never",
            }}},
            {"name": "plain", "user": {"token": "t"}},
        ],
    })
    .to_string()
}

/// The plugin of a run with this kubeconfig.
fn plugin(config: &str, extra: &[&str], environment: &[(&str, &str)]) -> Option<CredentialPlugin> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    fs::write(&file, config).unwrap();
    let extra: Vec<OsString> = extra.iter().map(OsString::from).collect();
    let mut environment: Vec<(OsString, OsString)> = environment
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    environment.push(("KUBECONFIG".into(), file.into()));
    CredentialPlugin::of(&extra, &environment)
}

#[test]
fn only_with_core_and_a_plugin() {
    let config = kubeconfig("aws", &[]);
    for (extra, options, wanted) in [
        (&[][..], "", false),
        (&["--core"], "", true),
        (&["--core=true"], "", true),
        (&["--core=1"], "", true),
        (&["--core=false"], "", false),
        (&["--timeout", "--core"], "", false),
        (&[], "--core", true),
        (&[], "--core=true", true),
        (&[], "--plaintext '--core'", true),
        (&[], "--core true --plaintext", true),
        (&[], "--core --plaintext", true),
        (&[], "--core=1", false),
        (&[], "--core=false", false),
        (&[], "--core-x", false),
        (&["--core=false"], "--core", false),
        (&["--core", "--context", "test"], "", false),
        (&["--core", "--kube-context=test"], "", false),
        (&["--core", "--user", "plain"], "", false),
        (&["--core", "--context", "test", "--user=own"], "", true),
        (&["--core", "--kubeconfig", "/nonexistent"], "", false),
    ] {
        let found = plugin(&config, extra, &[("ARGOCD_OPTS", options)]);
        assert_eq!(found.is_some(), wanted, "{extra:?} {options:?}");
    }
    assert_eq!(plugin("nonsense: [", &["--core"], &[]), None);
}

#[test]
fn a_plugin_gets_its_own_variables() {
    for (command, args, needed, others) in [
        (
            "/usr/local/bin/aws",
            &["eks", "get-token"][..],
            &["AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"][..],
            &[
                "AZURE_CLIENT_ID",
                "GOOGLE_APPLICATION_CREDENTIALS",
                "AWSOME",
                "USER",
            ][..],
        ),
        (
            "gke-gcloud-auth-plugin",
            &[],
            &["CLOUDSDK_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS"],
            &["AWS_PROFILE"],
        ),
        (
            "kubelogin",
            &["get-token"],
            &["AAD_LOGIN_METHOD", "AZURE_CLIENT_ID"],
            &["AWS_PROFILE"],
        ),
        (
            "sh",
            &["-c", "aws eks get-token --cluster-name x"],
            &["AWS_PROFILE"],
            &["AZURE_CLIENT_ID"],
        ),
        // Nobody documented it.
        (
            "./plugin",
            &[],
            &[
                "AWS_PROFILE",
                "CLOUDSDK_CONFIG",
                "AZURE_CLIENT_ID",
                "AAD_LOGIN_METHOD",
            ],
            &["USER", "CI_JOB_TOKEN", "LD_PRELOAD"],
        ),
    ] {
        let plugin = plugin(&kubeconfig(command, args), &["--core"], &[]).unwrap();
        for (names, wanted) in [(needed, true), (others, false)] {
            for name in names {
                assert_eq!(plugin.needs(OsStr::new(name)), wanted, "{command} {name}");
            }
        }
        assert!(!plugin.name.contains('/'), "{}", plugin.name);
    }
}

/// As client-go merges: the first file that has a name counts, and a broken entry beside it does not matter.
#[test]
fn of_several_files_the_first_counts() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let file = directory.path().join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let files = [
        file("broken", "users: {"),
        file(
            "first",
            "current-context: ''\nusers: [{name: own, user: {exec: {command: az, env: 7}}}, 8]",
        ),
        file("second", &kubeconfig("aws", &[])),
    ];
    let environment = [("KUBECONFIG".into(), files.join(":").into())];
    let plugin = CredentialPlugin::of(&["--core".into()], &environment).unwrap();
    assert_eq!(plugin.name, "az");
}
