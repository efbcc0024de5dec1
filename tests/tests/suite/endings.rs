//! The ends that the program itself decides on, whole: exit code, argocd, the verdict.

use std::time::Duration;

use serde_json::json;
use simcluster::{
    cluster::{Cluster, Options},
    scenario::Scenario,
};

use super::{
    assistant::{Assistant, Ended},
    matrix::Case,
    workload::{Workload, manifests},
};

async fn run(name: &str, flags: &[&str]) -> (Ended, Duration) {
    let cluster = Cluster::start(&Case::find(name).scenario(), Options::default())
        .await
        .unwrap();
    begins(&cluster).await;
    let begin = tokio::time::Instant::now();
    let mut arguments = vec!["sync", "shop", "argocd"];
    arguments.extend(flags);
    arguments.extend(["--", "--timeout", "50"]);
    let assistant = Assistant::new(&arguments)
        .kubeconfig(&cluster.kubeconfig())
        .env("ARGO_SIM_SERVER", cluster.url());
    (assistant.run().await, begin.elapsed())
}

/// Waits until the sync has begun, as in a pipeline that waits after it asked for one.
async fn begins(cluster: &Cluster) {
    let store = cluster.store();
    let mut changes = store.watch("applications.argoproj.io", 0).unwrap();
    let running = async {
        while let Ok(change) = changes.next().await {
            if change.object["status"]["operationState"]["phase"] == "Running" {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), running)
        .await
        .unwrap();
}

fn last(ended: &Ended) -> &str {
    ended.stdout.lines().last().unwrap_or_default()
}

#[tokio::test]
async fn fail_fast_ends_argocd_and_says_why() {
    let (ended, took) = run("image-not-found", &["--fail-fast", "--grace", "1s"]).await;
    assert_eq!(ended.code(), Some(1), "{}", ended.stdout);
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(ended.count("FAILED  shop"), 1, "{}", ended.stdout);
    assert!(
        last(&ended)
            .starts_with("Deployment/web: image registry.example.com/shop/web:2 does not exist"),
        "{}",
        ended.stdout
    );
}

#[tokio::test]
async fn our_own_timeout_leaves_time_for_the_verdict() {
    let (ended, took) = run("image-not-found", &["--timeout", "4s"]).await;
    assert_eq!(ended.code(), Some(70), "{}", ended.stdout);
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(ended.count("TIMED OUT  shop"), 1, "{}", ended.stdout);
    assert!(last(&ended).contains("does not exist"), "{}", ended.stdout);
}

#[tokio::test]
async fn a_workload_that_is_ignored_ends_nothing() {
    let flags = [
        "--fail-fast",
        "--grace",
        "0s",
        "--ignore",
        "deployment/web",
        "--timeout",
        "5s",
    ];
    let (ended, _) = run("image-not-found", &flags).await;
    assert_eq!(ended.code(), Some(70), "{}", ended.stdout);
}

/// The time is printed, not held against a busy machine.
#[tokio::test]
async fn one_look_at_fifty_pods() {
    let web = Workload::deployment(
        "web",
        r#"app: {run: [{stderr: "FATAL: no database"}, {exit: 1}]}"#,
    );
    let deployed = manifests(&[web.replicas(50)]);
    let application = json!({"name": "shop", "destination": "shop-prod", "deployed": deployed});
    let many = json!({"name": "many", "application": application}).to_string();
    let scenario = Scenario::parse("many", &many).unwrap();
    let options = Options {
        speed: Some(10.0),
        ..Options::default()
    };
    let cluster = Cluster::start(&scenario, options).await.unwrap();
    let begin = tokio::time::Instant::now();
    let assistant =
        Assistant::new(&["diagnose", "shop", "argocd"]).kubeconfig(&cluster.kubeconfig());
    let ended = assistant.run().await;
    println!("diagnose took {:?} for 50 pods", begin.elapsed());
    assert_eq!(ended.code(), Some(1), "{}{}", ended.stdout, ended.stderr);
    let last = last(&ended);
    assert!(last.contains("50 of 50 new pods"), "{last}");
    assert!(last.ends_with("FATAL: no database"), "{last}");
}
