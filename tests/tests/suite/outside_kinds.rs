//! Kinds of workload from outside get their own progress, revision, completion and verdict.

use serde_json::{Value, json};

use crate::{
    assistant::{Assistant, Ended, Folder, Running},
    hand_made::{Hand, application, object, of, owned},
};

const OLD: &str = "web-1";
const NEW: &str = "web-2";

/// A workload whose newest revision is `web-2`. Its counts alone would make it complete.
fn workload(kind: &str, current: &str) -> Value {
    let mut workload = of("shop", object(kind, "prod", "web"));
    workload["spec"] = json!({"replicas": 2});
    workload["status"] = json!({"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2,
        "availableReplicas": 2, "currentRevision": current, "updateRevision": NEW});
    workload
}

fn pod(of: &Value, name: &str, revision: &str) -> Value {
    let mut pod = owned(of, object("Pod", "prod", name));
    pod["metadata"]["labels"]["controller-revision-hash"] = revision.into();
    if revision == NEW {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        pod["metadata"]["creationTimestamp"] = now.to_string().into();
    }
    pod["status"] = json!({"phase": "Running"});
    pod
}

/// A pod whose container has crashed five times.
fn crashing(of: &Value, name: &str, revision: &str) -> Value {
    let now = jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let end = json!({"exitCode": 7, "reason": "Error", "startedAt": now, "finishedAt": now,
        "containerID": "containerd://a"});
    let mut pod = pod(of, name, revision);
    pod["status"]["containerStatuses"] = json!([{"name": "app", "restartCount": 5, "ready": false,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": end}}]);
    pod
}

/// A run of `sync` with kinds from outside, and an argocd that ends when it is told.
struct Sync {
    hand: Hand,
    folder: Folder,
    run: Running,
}

impl Sync {
    /// `end` is the last step of argocd, after the file that [`argocd_ends`](Self::argocd_ends)
    /// writes.
    async fn start(objects: Vec<Value>, end: &str) -> Self {
        let all = [vec![application("argocd", "shop", &["prod"])], objects].concat();
        let hand = Hand::new(all).await;
        let folder = Folder::new("outside");
        let go = folder.path().join("go");
        let script = format!("steps: [{{await: {go:?}}}, {end}]");
        let args = [
            "sync",
            "shop",
            "argocd",
            "--settle",
            "0",
            "--no-logs",
            "--fail-fast",
            "--grace",
            "1s",
        ];
        let run = Assistant::with_kinds(&args)
            .kubeconfig(&hand.server.kubeconfig())
            .script(&script)
            .start();
        Self { hand, folder, run }
    }

    async fn argocd_ends(self) -> Ended {
        std::fs::write(self.folder.path().join("go"), "").unwrap();
        self.run.end().await
    }
}

#[tokio::test]
async fn a_kind_from_outside_is_rolled_out_by_its_own_rule() {
    for kind in ["CloneSet", "PetSet"] {
        let web = workload(kind, OLD);
        // An old pod that crashes is nothing to report.
        let objects = vec![crashing(&web, "web-0", OLD), pod(&web, "web-1", NEW), web];
        let mut sync = Sync::start(objects, "{exit: 0}").await;
        sync.run
            .until("/web 2/2 ready, waiting for promotion")
            .await;
        sync.hand.store.put_raw(workload(kind, NEW)).unwrap();
        sync.run.until("/web 2/2 ready after").await;
        let ended = sync.argocd_ends().await;
        println!("{}", ended.stdout);
        assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
        assert_eq!(ended.count("[finding]"), 0, "{}", ended.stdout);
        assert!(ended.stdout.to_lowercase().contains("rolled out"));
    }
}

#[tokio::test]
async fn one_crashing_pod_dooms_a_kind_that_says_so_and_no_other() {
    for kind in ["CloneSet", "PetSet"] {
        let web = workload(kind, OLD);
        let objects = vec![crashing(&web, "web-0", NEW), pod(&web, "web-1", NEW), web];
        let mut sync = Sync::start(objects, "{sleep: 3}, {exit: 20}").await;
        sync.run.until("[finding]").await;
        let ended = if kind == "PetSet" {
            // argocd is stopped, as it would wait in vain.
            sync.run.end().await
        } else {
            sync.argocd_ends().await
        };
        println!("{}", ended.stdout);
        assert!(ended.stdout.contains("FAILED"), "{}", ended.stdout);
        assert!(ended.stdout.contains(&format!("{kind}/web  crash-loop")));
        assert_eq!(
            ended.code() == Some(20),
            kind == "CloneSet",
            "{}",
            ended.stdout
        );
    }
}
