//! Pods in situations that no recording is compared with.

use serde_json::json;

use super::Kubelet;
use super::story::{Story, deployment};
use crate::clock::Clock;
use crate::controllers::Controllers;
use crate::logs::{Logs, Rotation};
use crate::store::{DeleteOptions, Store};

fn pod(name: &str, script: &str, rest: &str) -> String {
    let script = json!(script);
    format!(
        "{{kind: Pod, apiVersion: v1, metadata: {{name: {name}, namespace: shop, annotations: {{simcluster/behaviour: {script}}}}}, spec: {{{rest} terminationGracePeriodSeconds: 5, containers: [{{name: app, image: 'app:1'}}]}}}}"
    )
}

#[tokio::test(start_paused = true)]
async fn a_crash_heals_on_the_second_run() {
    let mut story = Story::new(false);
    story.create(&pod("web", "app: {runs: [[{log: no}, {exit: 1}], [{log: 'yes'}, {sleep: 1s}, {ready: true}, {forever: true}]]}", ""));
    story
        .until("ready", |store| {
            let web = store.get("pods", "shop", "web").unwrap();
            web["status"]["containerStatuses"][0]["ready"] == true
        })
        .await;
    let last = story.pod("web").pop().unwrap();
    assert!(
        last.starts_with("Running app=running()<terminated(Error,1) x1 ++"),
        "{last}"
    );
    story
        .store
        .delete_gracefully("pods", "shop", "web", &DeleteOptions::default())
        .unwrap();
    story
        .until("gone", |store| store.get("pods", "shop", "web").is_none())
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ignores_term_is_killed_after_its_grace() {
    let mut story = Story::new(false);
    story.create(&pod(
        "web",
        "app: {run: [{forever: true}], term: [{log: no}, {forever: true}]}",
        "",
    ));
    story.pass(1.0).await;
    story
        .store
        .delete_gracefully("pods", "shop", "web", &DeleteOptions::default())
        .unwrap();
    let took = story
        .until("gone", |store| store.get("pods", "shop", "web").is_none())
        .await;
    assert!((4.9..5.1).contains(&took), "{took}");
    let lines = story.pod("web");
    assert!(
        lines[lines.len() - 2].starts_with("Failed app=terminated(Error,137)"),
        "{lines:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn missing_objects_are_waited_for() {
    let mut story = Story::new(true);
    story.create(&pod(
        "volume",
        "{}",
        "volumes: [{name: v, configMap: {name: settings}}],",
    ));
    let mut env = deployment("env", 1, "app:1", "{}");
    env["spec"]["template"]["spec"]["containers"][0]["envFrom"] =
        json!([{"secretRef": {"name": "token"}}]);
    story.store.create(env).unwrap();
    story.pass(10.0).await;
    let mounts = story.events("Pod/volume");
    let mounts: Vec<&String> = mounts
        .iter()
        .filter(|line| line.contains("FailedMount"))
        .collect();
    assert_eq!(
        mounts[0],
        "Warning FailedMount x1 : MountVolume.SetUp failed for volume \"v\" : configmap \"settings\" not found"
    );
    assert_eq!(mounts.len(), 5, "at 0, 0.5, 1.5, 3.5 and 7.5 seconds");
    let name = story
        .names("pods")
        .into_iter()
        .find(|name| name.starts_with("env"))
        .unwrap();
    let last = story.pod(&name).pop().unwrap();
    assert!(
        last.starts_with("Pending app=waiting(CreateContainerConfigError) x0"),
        "{last}"
    );
    let failed =
        "Warning Failed x1 spec.containers{app}: Error: secret \"token\" not found".to_owned();
    assert!(story.events(&format!("Pod/{name}")).contains(&failed));
    story.create("{kind: ConfigMap, apiVersion: v1, metadata: {name: settings, namespace: shop}}");
    story.create("{kind: Secret, apiVersion: v1, metadata: {name: token, namespace: shop}}");
    story
        .until("both run", |store| {
            let pods = store.list("pods", Some("shop")).unwrap().items;
            pods.iter().all(|pod| pod["status"]["phase"] == "Running")
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_sick_container_is_restarted_and_a_wrong_script_says_so() {
    let mut story = Story::new(true);
    let mut web = deployment(
        "sick",
        1,
        "app:1",
        "app: {run: [{unhealthy: \"deadlock\\n\"}, {forever: true}]}",
    );
    web["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] =
        json!({"exec": {}, "periodSeconds": 2});
    story.store.create(web).unwrap();
    story.create(&pod("wrong", "app: {rum: []}", ""));
    story.create(&pod(
        "oom",
        "app: {run: [{oom: true}]}",
        "restartPolicy: Never,",
    ));
    story.create(&pod(
        "shim",
        "app: {start_error: 'exec: \"/app/server\": no such file'}",
        "",
    ));
    story.pass(20.0).await;
    let sick = story
        .names("pods")
        .into_iter()
        .find(|name| name.starts_with("sick"))
        .unwrap();
    let events = story.events(&format!("Pod/{sick}"));
    for line in [
        "Warning Unhealthy x3 spec.containers{app}: Liveness probe failed: deadlock\n",
        "Normal Killing x1 spec.containers{app}: Container app failed liveness probe, will be restarted",
        "Normal Started x2 spec.containers{app}: Started container app",
    ] {
        assert!(events.contains(&line.to_owned()), "{line}: {events:#?}");
    }
    let wrong = story.store.get("pods", "shop", "wrong").unwrap();
    let message = wrong["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
        .as_str()
        .unwrap();
    assert!(message.contains("unknown field `rum`"), "{message}");
    let last = story.pod("oom").pop().unwrap();
    assert!(
        last.starts_with("Failed app=terminated(OOMKilled,137)"),
        "{last}"
    );
    let shim = story.pod("shim");
    let start_error = "Running app=waiting(RunContainerError)<terminated(StartError,128) x0 --";
    assert!(
        shim.iter().any(|line| line.starts_with(start_error)),
        "{shim:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_kubelet_writes_nothing_and_catches_up() {
    let mut story = Story::new(true);
    story.create(&pod(
        "web",
        "app: {run: [{log: a}, {sleep: 10s}, {log: b}, {exit: 1}]}",
        "restartPolicy: Never,",
    ));
    story.pass(3.0).await;
    let before = story.pod("web");
    story.kubelet.set_down();
    story.pass(60.0).await;
    assert_eq!(story.pod("web"), before);
    assert!(
        story
            .log("shop", "web", "app")
            .await
            .contains("connection refused")
    );
    let ready = |story: &Story| {
        let node = story.store.get("nodes", "", super::NODE).unwrap();
        node["status"]["conditions"][0]["status"].clone()
    };
    assert_eq!(ready(&story), "Unknown");
    story.kubelet.set_up();
    story.pass(0.5).await;
    assert!(
        story
            .log("shop", "web", "app")
            .await
            .contains("pods/log web")
    );
    story.pass(5.0).await;
    assert_eq!(ready(&story), "True");
    assert!(story.pod("web").pop().unwrap().starts_with("Failed"));
    assert_eq!(story.log("shop", "web", "app").await, "a\nb\n");
    assert!(story.kubelet.rotate("shop", "web", "app", Rotation::Follow));
    assert_eq!(story.log("shop", "web", "app").await, "");
    assert!(
        !story
            .kubelet
            .rotate("shop", "web", "nope", Rotation::Follow)
    );
}

/// The status of a start lags 28 to 1000 ms behind it, and is not the same for every pod.
#[tokio::test(start_paused = true)]
async fn a_status_lags_behind_its_event() {
    let mut story = Story::new(true);
    story
        .store
        .create(deployment("web", 40, "app:1", "{}"))
        .unwrap();
    let mut lags = Vec::new();
    let mut started = std::collections::BTreeMap::new();
    let (mut pods, mut events) = (
        story
            .store
            .watch("pods", story.store.resource_version())
            .unwrap(),
        story
            .store
            .watch("events", story.store.resource_version())
            .unwrap(),
    );
    let clock = story.store.clock().clone();
    while lags.len() < 40 {
        tokio::select! {
            biased;
            change = events.next() => {
                let event = &change.unwrap().object;
                if event["reason"] == "Started" {
                    started.insert(event["involvedObject"]["name"].as_str().unwrap().to_owned(), clock.elapsed());
                }
            }
            change = pods.next() => {
                let pod = &change.unwrap().object;
                if pod["status"]["phase"] == "Running" && let Some(at) = started.remove(pod.name()) {
                    lags.push((clock.elapsed() - at).as_millis());
                }
            }
        }
    }
    lags.sort_unstable();
    assert!(lags[0] >= 2 && lags[39] <= 1050, "{lags:?}");
    assert!(lags[20] > 200 && lags[20] < 900, "{lags:?}");
    story.pass(0.1).await;
}

/// One seed, one history.
#[tokio::test(start_paused = true)]
async fn the_seed_decides_everything() {
    let mut histories = Vec::new();
    for _ in 0..2 {
        let mut story = Story::new(true);
        story
            .store
            .create(deployment(
                "web",
                5,
                "app:1",
                "app: {run: [{log: a}, {crash_after: 2s}]}",
            ))
            .unwrap();
        story.pass(60.0).await;
        histories.push((story.statuses, story.told));
    }
    assert!(histories[0].0.len() > 50);
    assert_eq!(histories[0], histories[1]);
}

/// 500 pods and a minute of their lives take little real time.
#[tokio::test(start_paused = true)]
async fn many_pods_cost_little() {
    let begin = std::time::Instant::now();
    let mut story = Story::new(true);
    let mut web = deployment(
        "web",
        500,
        "app:1",
        "app: {run: [{sleep: 1s}, {ready: true}, {lines: {rate: 0.1, text: 'tick {n}'}}]}",
    );
    web["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] =
        json!({"httpGet": {"port": 80}});
    story.store.create(web).unwrap();
    story
        .until("all ready", |store| {
            store.get("deployments.apps", "shop", "web").unwrap()["status"]["availableReplicas"]
                == 500
        })
        .await;
    story.pass(60.0).await;
    // Generous: debug builds on busy machines.
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}

/// Not paused: a clock that runs 20 times as fast as the world.
#[tokio::test]
async fn a_fast_clock_changes_nothing() {
    let store = Store::new(Clock::new(20.0), 7);
    let logs = Logs::new();
    let _kubelet = Kubelet::start(store.clone(), logs.clone(), 7);
    let _controllers = Controllers::start(store.clone(), 7);
    let mut pods = store.watch("pods", store.resource_version()).unwrap();
    let script = "app: {runs: [[{exit: 1}], [{sleep: 1s}, {ready: true}, {forever: true}]]}";
    store.create(deployment("web", 2, "app:1", script)).unwrap();
    let mut ready = std::collections::BTreeSet::new();
    while ready.len() < 2 {
        let change = pods.next().await.unwrap();
        if change.object["status"]["containerStatuses"][0]["ready"] == true {
            ready.insert(change.object.name().to_owned());
        }
    }
    let passed = store.clock().elapsed().as_secs_f64();
    assert!((2.0..30.0).contains(&passed), "{passed}");
}
