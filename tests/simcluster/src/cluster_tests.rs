use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::scenario::find;

const SPEED: f64 = 20.0;

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let limited = async { tokio::time::timeout(Duration::from_secs(60), work).await };
    runtime
        .block_on(limited)
        .expect("the scenario takes too long")
}

async fn start(name: &str) -> Cluster {
    let options = Options {
        speed: Some(SPEED),
        ..Options::default()
    };
    Cluster::start(&find(name).unwrap(), options).await.unwrap()
}

/// Waits until the Application is as `wanted` says.
async fn application(cluster: &Cluster, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut changes = cluster
        .store()
        .watch("applications.argoproj.io", 0)
        .unwrap();
    loop {
        let change = changes.next().await.unwrap();
        let status = &change.object["status"];
        if wanted(status) {
            return status.clone();
        }
    }
}

fn is(status: &Value, sync: &str, health: &str) -> bool {
    status["sync"]["status"] == sync && status["health"]["status"] == health
}

#[test]
fn a_good_sync_ends_synced_and_healthy() {
    run(async {
        let cluster = start("good").await;
        cluster.finished().await.unwrap();
        let done = |status: &Value| {
            is(status, "Synced", "Healthy") && status["operationState"]["phase"] == "Succeeded"
        };
        let status = application(&cluster, done).await;
        let kinds = status["resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["kind"].as_str().unwrap());
        assert_eq!(
            kinds.collect::<Vec<_>>(),
            ["DaemonSet", "Deployment", "StatefulSet", "CronJob", "Job"]
        );
        assert_eq!(cluster.argocd().unwrap()["follow"], "application");
    });
}

#[test]
fn a_failed_hook_deploys_nothing() {
    run(async {
        let cluster = start("hook-failed").await;
        cluster.finished().await.unwrap();
        let status = application(&cluster, |it| it["operationState"]["phase"] == "Failed").await;
        let results = status["operationState"]["syncResult"]["resources"]
            .as_array()
            .unwrap();
        let shown: Vec<_> = results
            .iter()
            .map(|it| {
                (
                    it["syncPhase"].as_str().unwrap(),
                    it["hookPhase"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(shown, [("PreSync", "Failed"), ("SyncFail", "Succeeded")]);
        let web = cluster
            .store()
            .get("deployments.apps", "shop-prod", "web")
            .unwrap();
        let image = &web["spec"]["template"]["spec"]["containers"][0]["image"];
        assert_eq!(image, "registry.example.com/shop/web:1.41");
        assert_eq!(status["sync"]["status"], "OutOfSync");
    });
}

#[test]
fn the_demo_fails_for_its_image_and_nothing_else() {
    run(async {
        let cluster = start("shop").await;
        let pods = cluster
            .store()
            .list("pods", Some("shop-prod"))
            .unwrap()
            .items;
        let old = pods.iter().filter(|pod| pod.name().starts_with("web-"));
        assert_eq!(old.count(), 3);
        cluster.finished().await.unwrap();
        application(&cluster, |status| is(status, "Synced", "Degraded")).await;
        assert!(cluster.store().clock().elapsed() < Duration::from_secs(60));
        for (resource, name, wanted) in [
            ("deployments.apps", "web", "Healthy"),
            ("deployments.apps", "worker", "Healthy"),
            ("deployments.apps", "banner", "Degraded"),
            ("statefulsets.apps", "db", "Healthy"),
            ("daemonsets.apps", "agent", "Healthy"),
            ("jobs.batch", "shop-migrate", "Healthy"),
        ] {
            let object = cluster.store().get(resource, "shop-prod", name).unwrap();
            let health = crate::application::health(&object).unwrap();
            assert_eq!(health.status.as_str(), wanted, "{name}: {}", health.message);
        }
    });
}

#[test]
fn a_recorded_rollout_is_an_application_that_becomes_healthy() {
    run(async {
        let cluster = start("01-deployment-rollout-ok").await;
        cluster.finished().await.unwrap();
        application(&cluster, |status| is(status, "Synced", "Healthy")).await;
        assert!(cluster.kubelet().is_none());
        let web = cluster
            .store()
            .get("deployments.apps", "s01", "web")
            .unwrap();
        let id = &web["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"];
        assert_eq!(id, "recorded:apps/Deployment:s01/web");
    });
}

#[test]
fn a_step_that_cannot_happen_says_which_and_why() {
    run(async {
        let text = "name: x\nsteps:\n- {at: 2s, rotate: {pod: a/web-, container: app}}\n";
        let options = Options {
            speed: Some(SPEED),
            ..Options::default()
        };
        let scenario = Scenario::parse("x.yaml", text).unwrap();
        let cluster = Cluster::start(&scenario, options).await.unwrap();
        let error = cluster.finished().await.unwrap_err();
        assert_eq!(error.to_string(), "the step at 2s: there is no pod a/web-");
    });
}

/// Waits until a pod of a namespace is as `wanted` says.
async fn pod(cluster: &Cluster, namespace: &str, wanted: impl Fn(&Value) -> bool) {
    let mut changes = cluster.store().watch("pods", 0).unwrap();
    loop {
        let change = changes.next().await.unwrap();
        if change.object.namespace() == namespace && wanted(&change.object) {
            return;
        }
    }
}

#[test]
fn a_crashing_stateful_set_is_progressing_for_ever() {
    run(async {
        let cluster = start("crash-loop").await;
        let third = |pod: &Value| {
            let status = &pod["status"]["containerStatuses"][0];
            pod["metadata"]["name"] == "db-0"
                && status["restartCount"] == 2
                && status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        };
        pod(&cluster, "shop-prod", third).await;
        let shown = cluster
            .store()
            .get("applications.argoproj.io", "argocd", "shop")
            .unwrap();
        assert!(is(&shown["status"], "Synced", "Progressing"));
    });
}

#[test]
fn a_container_over_its_memory_is_killed_for_it() {
    run(async {
        let cluster = start("oom").await;
        let killed = |pod: &Value| {
            let status = &pod["status"]["containerStatuses"][0];
            status["lastState"]["terminated"]["reason"] == "OOMKilled"
        };
        pod(&cluster, "shop-prod", killed).await;
    });
}

#[test]
fn noise_does_no_harm() {
    run(async {
        let cluster = start("noisy-but-healthy").await;
        cluster.finished().await.unwrap();
        application(&cluster, |status| is(status, "Synced", "Healthy")).await;
        pod(&cluster, "noisy", |pod| {
            pod["status"]["containerStatuses"][0]["restartCount"] == 1
        })
        .await;
    });
}
