//! `sync --sync`: the sync is requested before argocd waits.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use simcluster::{
    cluster::{Cluster, Options},
    scenario::Scenario,
};

use crate::{
    assistant::{Assistant, Ended, Folder},
    workload::{Workload, manifests},
};

/// Argo CD's answer for an application that syncs by itself (argo-cd `server/application`).
const AUTOMATED: &str = r#"{"level":"fatal","msg":"rpc error: code = FailedPrecondition desc = Cannot sync to abc1234: auto-sync currently set to main"}"#;

/// Runs the program with an argocd that refuses a sync to a revision. Returns its calls, too.
async fn sync(refusal: &str) -> (Ended, Vec<String>) {
    let behaviour = "app: {run: [{log: up}, {ready: true}, {forever: true}]}";
    let deployed = manifests(&[Workload::deployment("web", behaviour)]);
    let shop = json!({"name": "shop", "destination": "shop-prod", "deployed": deployed});
    let text = json!({"name": "sync", "others": [shop]}).to_string();
    let scenario = Scenario::parse("sync.yaml", &text).unwrap();
    let options = Options {
        speed: Some(20.0),
        ..Options::default()
    };
    let cluster = Cluster::start(&scenario, options).await.unwrap();
    let folder = Folder::new("sync");
    let calls = folder.path().join("calls");
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> {calls:?}\ncase \"$*\" in *'app sync'*--revision*) echo '{refusal}' >&2; exit 20 ;; esac\n"
    );
    let argocd = folder.write("argocd", &script);
    std::fs::set_permissions(&argocd, std::fs::Permissions::from_mode(0o755)).unwrap();
    let line = ["sync", "shop", "argocd", "--sync", "--revision", "abc1234"];
    let ended = Assistant::new(&[&line[..], &["--timeout", "2s", "--settle", "0"]].concat())
        .kubeconfig(&cluster.kubeconfig())
        .env("ARGOCD", argocd)
        .run()
        .await;
    let calls = std::fs::read_to_string(calls).unwrap();
    (ended, calls.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn an_application_that_syncs_by_itself_is_asked_for_its_own_revision() {
    let (ended, calls) = sync(AUTOMATED).await;
    let said = "Argo CD syncs by itself and takes no other revision";
    assert_eq!(ended.count(said), 1, "{}", ended.stdout);
    let begins = |call: usize, words: &str| {
        assert!(calls[call].starts_with(words), "{words} in {calls:#?}");
    };
    begins(0, "app get shop");
    begins(1, "app sync shop");
    begins(2, "app sync shop");
    assert!(
        calls[1].contains("--revision") && !calls[2].contains("--revision"),
        "{calls:#?}"
    );
    begins(3, "app wait shop");
    // What was asked for never runs: no green.
    assert_eq!(ended.code(), Some(1), "{}", ended.stdout);
}

#[tokio::test]
async fn any_other_refusal_is_the_end() {
    let refusal = r#"{"level":"fatal","msg":"rpc error: code = FailedPrecondition desc = another operation is already in progress"}"#;
    let (ended, calls) = sync(refusal).await;
    assert_eq!(
        (ended.code(), calls.len()),
        (Some(20), 2),
        "{}",
        ended.stdout
    );
    let last = ended.stdout.lines().next_back().unwrap_or_default();
    assert!(
        last.contains("another operation is already in progress"),
        "{last}"
    );
}
