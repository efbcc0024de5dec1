//! Blocks of commands, run as they stand.

use std::{fs, os::unix::fs::PermissionsExt, os::unix::fs::symlink, path::Path, process::Output};

use argo_tests::{
    fake_argocd::{FakeArgocd, answer},
    fake_store::{FakeStore, Kind},
};
use serde_json::json;
use simcluster::{
    cluster::{Cluster, Options},
    scenario::Scenario,
};

use super::{Block, pages};
use crate::{
    assistant::Folder,
    workload::{Workload, manifests},
};

/// Finds its plugins as argocd 3.1 does (`cmd/argocd/commands/plugin.go`), and is content with everything else.
const ARGOCD: &str = r#"#!/bin/sh
name=argocd-$1
if command -v "$name" >/dev/null; then shift; exec "$name" "$@"; fi
"#;

/// A stand-in where kubectl is not installed: it finds plugins by kubectl's names for them.
const KUBECTL: &str = r#"#!/bin/sh
name=kubectl-$(echo "$1" | tr - _)
shift
exec "$name" "$@"
"#;

/// The applications that the pages name, rolled out.
async fn cluster() -> Cluster {
    let application = |name: &str| {
        let run = r#"app: {run: [{log: "here we go"}, {ready: true}, {forever: true}]}"#;
        let deployed = manifests(&[Workload::deployment("web", run)]);
        json!({"name": name, "destination": format!("{name}-prod"), "deployed": deployed})
    };
    let others = ["shop", "pay", "search"].map(application);
    let text = json!({"name": "pages", "others": others}).to_string();
    let scenario = Scenario::parse("pages.yaml", &text).unwrap();
    let options = Options {
        speed: Some(20.0),
        ..Options::default()
    };
    let cluster = Cluster::start(&scenario, options).await.unwrap();
    for name in ["shop", "pay", "search"] {
        let patch = json!({"metadata": {"labels": {"team": "shop"}}});
        cluster
            .store()
            .merge_patch("applications.argoproj.io", "argocd", name, &patch)
            .unwrap();
    }
    cluster
}

/// A machine with the program, argocd, kubectl and whatever the pages name.
struct Reader {
    folder: Folder,
    cluster: Cluster,
    api: FakeArgocd,
    store: FakeStore,
}

impl Reader {
    async fn new() -> Self {
        let folder = Folder::new("pages");
        for name in [
            "argo-assistant",
            "argocd-assistant",
            "kubectl-argo_assistant",
        ] {
            symlink(env!("CARGO_BIN_EXE_assistant"), folder.path().join(name)).unwrap();
        }
        let program = |name: &str, text: &str| {
            let path = folder.write(name, text);
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        };
        program("argocd", ARGOCD);
        if !Path::new("/usr/bin/kubectl").exists() {
            program("kubectl", KUBECTL);
        }
        let api = FakeArgocd::start(|request, _| match &*request.path {
            "/api/version" => answer(200, r#"{"Version":"v3.2.11"}"#),
            _ => answer(403, r#"{"code":7,"message":"permission denied"}"#),
        });
        Self {
            cluster: cluster().await,
            api: api.await.unwrap(),
            store: FakeStore::start(Kind::Loki).await.unwrap(),
            folder,
        }
    }

    /// Runs a block, with the addresses of the page in place of those of this machine.
    async fn run(&self, block: &Block, has_cluster: bool) -> Output {
        let script = block
            .text
            .replace("argocd.example.com", &self.api.address)
            .replace("http://loki-gateway.monitoring", &self.store.url());
        let path = format!("{}:/usr/bin:/bin", self.folder.path().display());
        let mut command = tokio::process::Command::new("sh");
        command
            .args(["-ec", &script])
            .env_clear()
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("ARGOCD_OPTS", "--plaintext")
            .env("ARGO_ASSISTANT_SETTLE", "0s")
            .stdin(std::process::Stdio::null());
        if has_cluster {
            let kubeconfig = self.cluster.kubeconfig();
            command.env("KUBECONFIG", self.folder.write("kubeconfig", &kubeconfig));
        }
        command.output().await.unwrap()
    }
}

fn about(name: &str, block: &Block, done: &Output) -> String {
    let (stdout, stderr) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    format!(
        "{name}: {:?}\n{}{stdout}{stderr}",
        done.status.code(),
        block.text
    )
}

#[tokio::test]
async fn commands_that_can_run_here_run() {
    let reader = Reader::new().await;
    let rolled_out = Block {
        language: "sh".to_owned(),
        text: "argo-assistant follow shop pay search argocd".to_owned(),
    };
    let first = reader.run(&rolled_out, true).await;
    assert!(
        first.status.success(),
        "{}",
        about("first", &rolled_out, &first)
    );
    let mut seen = 0;
    for page in pages() {
        for block in page.marked("run") {
            seen += 1;
            let done = reader.run(&block, true).await;
            let about = about(&page.name(), &block, &done);
            assert!(done.status.success() && !done.stdout.is_empty(), "{about}");
        }
    }
    assert!(seen > 8, "only {seen} blocks were found");
}

/// The stand-in of Argo CD's API refuses every token: the command has come as far as that.
#[tokio::test]
async fn commands_with_nothing_but_a_token_reach_the_api() {
    let reader = Reader::new().await;
    let mut seen = 0;
    for page in pages() {
        for block in page.marked("api") {
            seen += 1;
            let mut block = block;
            block.text.insert_str(0, "export ARGOCD_AUTH_TOKEN=any\n");
            let done = reader.run(&block, false).await;
            let about = about(&page.name(), &block, &done);
            assert_eq!(done.status.code(), Some(77), "{about}");
            let refused = "does not show application argocd/shop";
            assert!(about.contains(refused), "{about}");
        }
    }
    assert!(seen > 1, "only {seen} blocks were found");
}
