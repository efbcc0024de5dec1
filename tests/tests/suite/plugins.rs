//! The program as a plugin: `argocd assistant` and `kubectl argo-assistant`.

use nix::{sys::signal::Signal::SIGKILL, unistd::Pid};

use crate::{
    assistant::{Assistant, is_alive, until},
    rollout::Rollout,
    workload::{Workload, synced},
};

#[tokio::test]
async fn usage_and_help_show_the_words_that_were_typed() {
    for (file, typed) in [
        ("argo-assistant", "argo-assistant"),
        ("argocd-assistant", "argocd assistant"),
        ("kubectl-argo_assistant", "kubectl argo-assistant"),
    ] {
        let refused = Assistant::called(file, &["sync", "shop"]).run().await;
        assert_eq!(refused.code(), Some(2));
        let usage = format!("Usage: {typed} sync");
        assert!(refused.stderr.contains(&usage), "{}", refused.stderr);

        let help = Assistant::called(file, &["--help"]).run().await;
        assert_eq!(help.code(), Some(0));
        let usage = format!("Usage: {typed} <COMMAND>");
        assert!(help.stdout.contains(&usage), "{}", help.stdout);
    }
}

#[tokio::test]
async fn the_bug_report_tells_versions_and_no_secret() {
    let report = Assistant::called(
        "argocd-assistant",
        &["bugreport", "--", "sync", "--token=s3cr3tvalue"],
    )
    .env("ARGOCD_AUTH_TOKEN", "s3cr3tvalue")
    .env("LOG_FORMAT", "json")
    .run()
    .await;
    assert_eq!(report.code(), Some(0), "{}", report.stderr);
    for part in [
        concat!("argo-assistant  ", env!("CARGO_PKG_VERSION")),
        "called as       argocd assistant",
        "command         sync --token=***",
        "LOG_FORMAT=json",
        "ARGOCD_AUTH_TOKEN is set (11 characters)",
    ] {
        assert!(
            report.stdout.contains(part),
            "no {part:?} in {}",
            report.stdout
        );
    }
    assert!(!report.stdout.contains("s3cr3t"), "{}", report.stdout);
}

/// argocd waits for its plugin and passes no signal on. A pipeline that kills argocd must not
/// leave the plugin behind.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_plugin_ends_with_the_argocd_that_started_it() {
    let rollout = Rollout::written(
        &synced(&[Workload::deployment(
            "web",
            r#"app: {run: [{log: "here we go"}, {ready: false}, {forever: true}]}"#,
        )]),
        1.0,
    )
    .await
    .begun()
    .await;
    let folder = crate::assistant::Folder::new("plugin");
    let plugin = folder.path().join("argocd-assistant");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_assistant"), &plugin).unwrap();
    let kubeconfig = folder.write("kubeconfig", &rollout.cluster.kubeconfig());
    let script = r#""$0" follow shop argocd & echo $! > "$1"; wait"#;
    let pid_file = folder.path().join("pid");
    let mut argocd = tokio::process::Command::new("sh")
        .args(["-c", script])
        .args([&plugin, &pid_file])
        .env("KUBECONFIG", kubeconfig)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pid = || {
        std::fs::read_to_string(&pid_file)
            .ok()?
            .trim()
            .parse::<i32>()
            .ok()
    };
    until("plugin", || pid().is_some()).await;
    let plugin = Pid::from_raw(pid().unwrap());
    let mut lines = tokio::io::BufReader::new(argocd.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("here we go") {
        line.clear();
        let length = tokio::io::AsyncBufReadExt::read_line(&mut lines, &mut line)
            .await
            .unwrap();
        assert!(length > 0, "the plugin ended early");
    }
    nix::sys::signal::kill(
        Pid::from_raw(argocd.id().unwrap().try_into().unwrap()),
        SIGKILL,
    )
    .unwrap();
    until("end of the plugin", || !is_alive(plugin)).await;
}
