//! An application that deploys applications, from the first argocd to the last.

use serde_json::{Value, json};
use simcluster::{
    cluster::{Cluster, Options},
    scenario::Scenario,
};

use crate::{
    assistant::{Assistant, Ended, Folder},
    workload::{Workload, manifests},
};

const WELL: &str = "app: {run: [{log: up}, {ready: true}, {forever: true}]}";
const BADLY: &str = r#"app: {pull: {error: "rpc error: code = NotFound desc = failed to pull and unpack image \"registry.example.com/shop/web:2\": failed to resolve reference \"registry.example.com/shop/web:2\": registry.example.com/shop/web:2: not found"}}"#;

fn child(name: &str, behaviour: &str) -> Value {
    let deployment = Workload::deployment(name, behaviour);
    json!({"name": name, "destination": format!("{name}-prod"), "deployed": manifests(&[deployment])})
}

/// The parent has these children; `db` comes first, `cart` fails if `behaviour` says so.
async fn cluster(behaviour: &str) -> Cluster {
    let others = [child("db", WELL), child("cart", behaviour)];
    let text = json!({"name": "apps", "others": others}).to_string();
    let scenario = Scenario::parse("apps.yaml", &text).unwrap();
    let options = Options {
        speed: Some(20.0),
        ..Options::default()
    };
    let cluster = Cluster::start(&scenario, options).await.unwrap();
    let listed = |name: &str| {
        json!({"group": "argoproj.io", "version": "v1alpha1", "kind": "Application",
        "namespace": "argocd", "name": name, "status": "Synced"})
    };
    let parent = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "all", "namespace": "argocd"},
        "spec": {"project": "default", "destination": {"server": "https://kubernetes.default.svc", "namespace": "argocd"}},
        "status": {"sync": {"status": "Synced"}, "health": {"status": "Healthy"},
            "resources": [listed("cart"), listed("db")]},
    });
    cluster.store().create(parent).unwrap();
    // db has a wave of its own, and neither says yet how it is.
    for (name, wave) in [("db", "-1"), ("cart", "3")] {
        let patch = json!({"metadata": {"annotations": {"argocd.argoproj.io/sync-wave": wave}}});
        cluster
            .store()
            .merge_patch("applications.argoproj.io", "argocd", name, &patch)
            .unwrap();
    }
    cluster
}

/// An argocd that notes its calls. Of those for the children, `children` is the end.
fn argocd(folder: &Folder, children: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let calls = folder.path().join("calls");
    let text = format!(
        "#!/bin/sh\necho \"$*\" >> {calls:?}\ncase \"$*\" in\n  *'wait all '*) exit 0 ;;\n  *wait*) {children} ;;\nesac\n"
    );
    let path = folder.write("argocd", &text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

async fn sync(behaviour: &str, children: &str, args: &[&str]) -> (Ended, Vec<String>) {
    let cluster = cluster(behaviour).await;
    let folder = Folder::new("apps");
    let line = [&["sync", "all", "argocd", "--settle", "0"], args].concat();
    let ended = Assistant::new(&line)
        .kubeconfig(&cluster.kubeconfig())
        .env("ARGOCD", argocd(&folder, children))
        .run()
        .await;
    let calls = std::fs::read_to_string(folder.path().join("calls")).unwrap();
    let calls = calls.lines().map(|line| line.replace("app wait ", ""));
    let waits = calls.filter(|line| !line.contains("app get"));
    let waits = waits.map(|line| line.split(" --").next().unwrap_or_default().to_owned());
    (ended, waits.collect())
}

/// The verdict of argocd on a child that turns Degraded, a second after it was asked.
const DEGRADED: &str = r#"sleep 2; echo '{"level":"fatal","msg":"application '"'argocd/cart'"' health state has transitioned from Progressing to Degraded"}' >&2; exit 20"#;

#[tokio::test]
async fn a_child_that_fails_is_the_cause() {
    let (ended, waits) = sync(BADLY, DEGRADED, &[]).await;
    assert_eq!(ended.code(), Some(20), "{}", ended.stdout);
    assert_eq!(waits.first().map(String::as_str), Some("all"), "{waits:?}");
    assert!(waits.len() == 2 && waits[1].contains("cart"), "{waits:?}");
    let last = ended.stdout.lines().next_back().unwrap_or_default();
    let cause = "Deployment/cart: image registry.example.com/shop/cart:2 does not exist";
    assert!(last.starts_with(cause), "{}", ended.stdout);
    assert_eq!(
        ended.count("all itself is done; waiting with argocd for"),
        1
    );
}

#[tokio::test]
async fn without_children_the_parent_is_all() {
    let (ended, waits) = sync(BADLY, DEGRADED, &["--no-children"]).await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
    assert_eq!(waits, ["all"]);
}

#[tokio::test]
async fn children_that_the_token_may_not_see_are_a_warning() {
    let denied = r#"echo '{"level":"fatal","msg":"rpc error: code = PermissionDenied desc = permission denied"}' >&2; exit 20"#;
    let (ended, waits) = sync(BADLY, denied, &[]).await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
    assert_eq!(waits.len(), 2, "{waits:?}");
    assert_eq!(
        ended.count("argocd cannot wait for the applications"),
        1,
        "{}",
        ended.stdout
    );
}
