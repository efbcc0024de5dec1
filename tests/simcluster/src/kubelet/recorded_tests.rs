//! Pods beside the recordings of the real cluster: the same statuses in the same order, the same
//! events with the same texts and counts.

use std::collections::BTreeSet;

use serde_json::Value;

use super::story::{Story, event_text, pod_line};
use crate::player::{Act, Recording};

/// Statuses and events of a recording, by object.
struct Recorded {
    statuses: Vec<(String, String)>,
    events: Vec<(String, String)>,
}

fn recorded(name: &str) -> Recorded {
    let recording = Recording::builtin(name).unwrap();
    let (mut statuses, mut events) = (Vec::new(), Vec::new());
    for entry in recording.timeline().unwrap().entries() {
        let (object, is_gone) = match &entry.act {
            Act::Put(object) => (object, false),
            Act::Delete(object) => (object, true),
            _ => continue,
        };
        match text(&object["kind"]) {
            "Pod" if is_gone => statuses.push((pod_name(object), "gone".to_owned())),
            "Pod" => statuses.push((pod_name(object), pod_line(&object["status"]))),
            "Event" if !is_gone => events.push(about_and_text(object)),
            _ => {}
        }
    }
    Recorded { statuses, events }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn pod_name(pod: &Value) -> String {
    text(&pod["metadata"]["name"]).to_owned()
}

fn about_and_text(event: &Value) -> (String, String) {
    let about = &event["involvedObject"];
    let line = event_text(
        text(&event["type"]),
        text(&event["reason"]),
        &event["count"],
        text(&about["fieldPath"]),
        text(&event["message"]),
    );
    (
        format!("{}/{}", text(&about["kind"]), text(&about["name"])),
        line,
    )
}

impl Recorded {
    fn pod(&self, pod: &str) -> Vec<String> {
        let of = self.statuses.iter().filter(|(name, _)| name == pod);
        let mut lines: Vec<String> = of.map(|(_, line)| line.clone()).collect();
        lines.dedup();
        lines
    }

    fn events(&self, about: &str) -> Vec<String> {
        let of = self.events.iter().filter(|(name, _)| name == about);
        of.map(|(_, line)| line.clone()).collect()
    }
}

/// Replaces what differs from run to run: names, namespaces, uids, the node.
fn plain(lines: Vec<String>, names: &[(&str, &str)]) -> Vec<String> {
    let replace = |line: String| {
        let line = names
            .iter()
            .fold(line, |line, (name, plain)| line.replace(name, plain));
        let (mut plain, mut rest) = (String::new(), line.as_str());
        // `pod_namespace(uid)`
        while let Some((before, after)) = rest.split_once("POD_NS(") {
            let (_, after) = after.split_once(')').unwrap();
            plain = plain + before + "POD_NS(UID)";
            rest = after;
        }
        plain + rest
    };
    lines.into_iter().map(replace).collect()
}

const NODES: [(&str, &str); 2] = [("to node1", "to NODE"), ("to node-1", "to NODE")];

#[tokio::test(start_paused = true)]
async fn a_crash_loop_looks_as_recorded() {
    let recorded = recorded("03-crash-loop");
    let mut story = Story::new(true);
    story.create(
        r#"{kind: Pod, apiVersion: v1, metadata: {name: crash, namespace: shop, annotations: {simcluster/behaviour: "app: {run: [{log: one}, {log: two}, {log: three}, {exit: 1}]}"}},
            spec: {containers: [{name: app, image: "localhost/busybox:1"}]}}"#,
    );
    story.pass(110.0).await;
    let name = "crash-7f875b4c7d-2dxb6";
    let (real, simulated) = (recorded.pod(name), story.pod("crash"));
    assert_eq!(simulated[..real.len()], real[..]);
    let events = |lines: Vec<String>, of: &str, namespace: &str| {
        let names = [(of, "POD"), (namespace, "NS"), NODES[0], NODES[1]];
        plain(lines, &names)
    };
    let real = events(recorded.events(&format!("Pod/{name}")), name, "s03");
    let simulated = events(story.events("Pod/crash"), "crash", "shop");
    // Of BackOff events there is one more or less: the wait after a failed sync varies.
    let without = |lines: &[String]| -> Vec<String> {
        let kept = lines.iter().filter(|line| !line.contains(" BackOff "));
        kept.cloned().collect()
    };
    assert_eq!(without(&simulated), without(&real));
    let texts = |lines: &[String]| -> BTreeSet<String> {
        let back_offs = lines.iter().filter(|line| line.contains(" BackOff x1 "));
        back_offs.cloned().collect()
    };
    assert_eq!(texts(&simulated), texts(&real));
    assert!(
        simulated
            .iter()
            .filter(|line| line.contains("BackOff"))
            .count()
            > 6
    );
}

/// Names of init containers, sidecars and mains are the recording's.
const TWO_INITS: &str = r#"
kind: Pod
apiVersion: v1
metadata:
  name: two-inits
  namespace: s04
  annotations:
    simcluster/behaviour: |
      init-a: {run: [{log: init-a 1}, {sleep: 3s}, {log: init-a 2}]}
      init-b: {run: [{log: init-b 1}, {sleep: 3s}, {log: init-b 2}]}
      main: {run: [{log: main 1}, {lines: {rate: 1, text: main tick}}]}
spec:
  initContainers:
  - {name: init-a, image: "localhost/busybox:1"}
  - {name: init-b, image: "localhost/busybox:1"}
  containers:
  - {name: main, image: "localhost/busybox:1"}
"#;

const WITH_SIDECAR: &str = r#"
kind: Pod
apiVersion: v1
metadata:
  name: with-sidecar
  namespace: s04
  annotations:
    simcluster/behaviour: |
      sidecar: {run: [{log: sidecar up}, {lines: {rate: 1, text: sidecar tick}}], term: [{log: sidecar got TERM}, {exit: 0}]}
      init-c: {run: [{log: init-c 1}, {sleep: 2s}, {log: init-c 2}]}
      main: {run: [{lines: {count: 4, rate: 1, text: "main {n}"}}]}
      second: {run: [{lines: {count: 2, rate: 1, text: "second {n}"}}]}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 5
  initContainers:
  - {name: sidecar, image: "localhost/busybox:1", restartPolicy: Always, startupProbe: {exec: {command: [test]}, periodSeconds: 1}}
  - {name: init-c, image: "localhost/busybox:1"}
  containers:
  - {name: main, image: "localhost/busybox:1"}
  - {name: second, image: "localhost/busybox:1"}
"#;

/// The lines of `real` in `simulated`, without those that a difference explains.
fn same(simulated: &[String], real: &[String], differs: &dyn Fn(&str) -> bool) {
    let kept = |lines: &[String]| -> Vec<String> {
        let mut kept: Vec<String> = lines
            .iter()
            .filter(|line| !differs(line))
            .cloned()
            .collect();
        kept.dedup();
        kept
    };
    assert_eq!(kept(simulated), kept(real));
}

#[tokio::test(start_paused = true)]
async fn init_containers_look_as_recorded() {
    let recorded = recorded("04-init-and-sidecar");
    let mut story = Story::new(true);
    story.create(TWO_INITS);
    story.pass(20.0).await;
    same(&story.pod("two-inits"), &recorded.pod("two-inits"), &|_| {
        false
    });
    let events = plain(story.events("Pod/two-inits"), &NODES);
    assert_eq!(events, plain(recorded.events("Pod/two-inits"), &NODES));
    assert_eq!(
        story.log("s04", "two-inits", "init-b").await,
        "init-b 1\ninit-b 2\n"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sidecar_looks_as_recorded() {
    let recorded = recorded("04-init-and-sidecar");
    let mut story = Story::new(true);
    story.create(WITH_SIDECAR);
    story.pass(25.0).await;
    // Differences: a sidecar whose startup probe succeeds is ready in the same status, not in the
    // next one; how far the sidecar's start and the end of the two mains fall into one status is
    // a matter of the second's fraction.
    let differs = |line: &str| {
        line.contains("sidecar=running() x0 -+") || line.contains("sidecar=running() x0 --")
    };
    same(
        &story.pod("with-sidecar"),
        &recorded.pod("with-sidecar"),
        &differs,
    );
    let events = plain(story.events("Pod/with-sidecar"), &NODES);
    assert_eq!(events, plain(recorded.events("Pod/with-sidecar"), &NODES));
    assert!(
        story
            .log("s04", "with-sidecar", "sidecar")
            .await
            .ends_with("sidecar got TERM\n")
    );
}

#[tokio::test(start_paused = true)]
async fn failing_init_containers_look_as_recorded() {
    let recorded = recorded("05-failing-init");
    let mut story = Story::new(true);
    let pod = |name: &str, policy: &str, script: &str| {
        format!(
            r#"{{kind: Pod, apiVersion: v1, metadata: {{name: {name}, namespace: shop, annotations: {{simcluster/behaviour: "migrate: {{run: {script}}}"}}}},
            spec: {{restartPolicy: {policy}, initContainers: [{{name: migrate, image: "localhost/busybox:1"}}], containers: [{{name: app, image: "localhost/busybox:1"}}]}}}}"#
        )
    };
    story.create(&pod(
        "web",
        "Always",
        "[{log: migrating}, {stderr: no such table}, {exit: 3}]",
    ));
    story.create(&pod(
        "never",
        "Never",
        "[{log: migrating}, {sleep: 1s}, {exit: 4}]",
    ));
    story.pass(60.0).await;
    let name = "web-9b944b45c-lz4g7";
    let (real, simulated) = (recorded.pod(name), story.pod("web"));
    assert_eq!(simulated[..real.len()], real[..]);
    // Whether the second that `migrate` runs is seen is a matter of the second's fraction.
    let running = |line: &str| line.contains("migrate=running");
    same(&story.pod("never"), &recorded.pod("never"), &running);
    assert_eq!(
        plain(
            story.events("Pod/never"),
            &[NODES[0], NODES[1], ("shop/", "s05/")]
        ),
        plain(recorded.events("Pod/never"), &NODES)
    );
}

/// 01: readiness, a rolling update, TERM that is obeyed after a second.
#[tokio::test(start_paused = true)]
async fn a_rollout_looks_as_recorded() {
    let recorded = recorded("01-deployment-rollout-ok");
    let mut story = Story::new(true);
    let script = |version: &str| {
        format!(
            "app: {{run: [{{log: {version} starting}}, {{sleep: 2s}}, {{log: {version} ready}}, {{ready: true}}, {{forever: true}}], term: [{{log: {version} got TERM}}, {{sleep: 1s}}, {{exit: 0}}]}}"
        )
    };
    let web = |version: &str, image: &str| {
        let mut web = super::story::deployment("web", 3, image, &script(version));
        web["spec"]["strategy"] = serde_json::json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
        let spec = &mut web["spec"]["template"]["spec"];
        spec["terminationGracePeriodSeconds"] = 10.into();
        spec["containers"][0]["readinessProbe"] = serde_json::json!({"exec": {"command": ["test"]}, "periodSeconds": 1, "failureThreshold": 10});
        web
    };
    let available = |store: &crate::store::Store| {
        let web = store.get("deployments.apps", "shop", "web").unwrap();
        let status = &web["status"];
        status["updatedReplicas"] == 3
            && status["availableReplicas"] == 3
            && status["replicas"] == 3
            && status["observedGeneration"] == web["metadata"]["generation"]
    };
    story
        .store
        .create(web("v1", "localhost/busybox:1"))
        .unwrap();
    let first = story.until("v1 available", available).await;
    assert!((2.0..6.0).contains(&first), "{first}");
    let before = story.names("pods");
    story
        .store
        .update(web("v2", "localhost/busybox:2"))
        .unwrap();
    let second = story.until("v2 available", available).await;
    assert!((6.0..16.0).contains(&second), "{second}");
    story.pass(10.0).await;
    assert_eq!(story.names("pods").len(), 3);
    // An old pod from its start to its end.
    let old = recorded.pod("web-5d454d869c-z5629");
    for pod in &before {
        assert_eq!(story.pod(pod), old);
    }
    let new = recorded.pod("web-86bdcb85fd-snbw8");
    for pod in story.names("pods") {
        assert_eq!(story.pod(&pod), new);
    }
    let sets = story.names("replicasets.apps");
    let scaled = |lines: Vec<String>, sets: &[&str]| -> Vec<String> {
        let names = [(sets[0], "OLD"), (sets[1], "NEW")];
        plain(lines, &names)
    };
    let revision = |name: &String| {
        let set = story.store.get("replicasets.apps", "shop", name).unwrap();
        set["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let old = sets.iter().find(|name| revision(name) == "1").unwrap();
    let new = sets.iter().find(|name| revision(name) == "2").unwrap();
    assert_eq!(
        scaled(story.events("Deployment/web"), &[old, new]),
        scaled(
            recorded.events("Deployment/web"),
            &["web-5d454d869c", "web-86bdcb85fd"]
        )
    );
    // Events of a pod: probes fail a different number of times.
    let events = plain(
        story.events(&format!("Pod/{}", before[0])),
        &[(&before[0], "POD"), ("shop/", "s01/"), NODES[0], NODES[1]],
    );
    let real = plain(
        recorded.events("Pod/web-5d454d869c-z5629"),
        &[("web-5d454d869c-z5629", "POD"), NODES[0], NODES[1]],
    );
    same(&events, &real, &|line| line.contains("Unhealthy"));
    assert!(
        events
            .iter()
            .any(|line| line
                == "Warning Unhealthy x1 spec.containers{app}: Readiness probe failed: ")
    );
}

/// 02: an image that cannot be pulled.
#[tokio::test(start_paused = true)]
async fn a_bad_image_looks_as_recorded() {
    let recorded = recorded("02-deployment-rollout-bad-image");
    let mut story = Story::new(true);
    let name = "web-7f57468bdd-9w4bg";
    let real = recorded.events(&format!("Pod/{name}"));
    let error = real
        .iter()
        .find(|line| line.contains("Failed to pull"))
        .unwrap();
    let (_, error) = error.split_once("2.0.1\": ").unwrap();
    let script = serde_json::json!({"app": {"pull": {"error": error, "after": "10s"}}}).to_string();
    let web = super::story::deployment("web", 1, "registry.invalid/shop/web:2.0.1", &script);
    story.store.create(web).unwrap();
    story.pass(44.0).await;
    let pod = story.names("pods").remove(0);
    let real_statuses = recorded.pod(name);
    let until = real_statuses
        .iter()
        .position(|line| line.contains("ImagePullBackOff"))
        .unwrap()
        + 1;
    assert_eq!(story.pod(&pod)[..until], real_statuses[..until]);
    let events = plain(
        story.events(&format!("Pod/{pod}")),
        &[(&pod, name), ("shop/web-", "s02/web-"), NODES[0], NODES[1]],
    );
    // The real error names another port each time, so that its second event is a new one.
    let ports = |line: &str| line.contains("Failed to pull image");
    let real = plain(real, &NODES);
    assert_eq!(events[3], real[3]);
    let kept: Vec<&String> = real.iter().filter(|line| !ports(line)).collect();
    let simulated: Vec<&String> = events
        .iter()
        .filter(|line| !ports(line))
        .take(kept.len())
        .collect();
    assert_eq!(simulated, kept);
}

/// 08: the pods of Jobs that fail, that end at once, and that run out of time.
#[tokio::test(start_paused = true)]
async fn pods_of_jobs_look_as_recorded() {
    let recorded = recorded("08-jobs");
    let mut story = Story::new(true);
    let job = |name: &str, rest: &str, script: &str| {
        format!(
            r#"{{kind: Job, apiVersion: batch/v1, metadata: {{name: {name}, namespace: s08}}, spec: {{{rest}, template: {{metadata: {{annotations: {{simcluster/behaviour: "work: {script}"}}}},
            spec: {{restartPolicy: Never, terminationGracePeriodSeconds: 2, containers: [{{name: work, image: "localhost/busybox:1"}}]}}}}}}}}"#
        )
    };
    story.create(&job(
        "bad",
        "backoffLimit: 0",
        "{run: [{log: begin}, {sleep: 1500ms}, {exit: 2}]}",
    ));
    story.create(&job(
        "quick",
        "ttlSecondsAfterFinished: 0",
        "{run: [{log: hello}]}",
    ));
    story.create(&job(
        "deadline",
        "activeDeadlineSeconds: 8",
        "{run: [{forever: true}], term: [{exit: 0}]}",
    ));
    story.pass(30.0).await;
    let mut pods: Vec<String> = story.statuses.iter().map(|(pod, _)| pod.clone()).collect();
    pods.sort();
    pods.dedup();
    let pod = |name: &str| {
        pods.iter()
            .find(|pod| pod.starts_with(name))
            .unwrap()
            .clone()
    };
    for (name, real) in [
        ("bad-", "bad-ch7vg"),
        ("quick-", "quick-xvtqr"),
        ("deadline-", "deadline-nbnd8"),
    ] {
        let simulated = pod(name);
        same(&story.pod(&simulated), &recorded.pod(real), &|_| false);
        assert_eq!(
            plain(
                story.events(&format!("Pod/{simulated}")),
                &[(&simulated, real), NODES[1]]
            ),
            plain(recorded.events(&format!("Pod/{real}")), &NODES)
        );
    }
    let reasons = |events: Vec<String>, pod: &str| plain(events, &[(pod, "POD")]);
    for (name, real) in [("quick", "quick-xvtqr"), ("deadline", "deadline-nbnd8")] {
        let about = format!("Job/{name}");
        assert_eq!(
            reasons(story.events(&about), &pod(name)),
            reasons(recorded.events(&about), real)
        );
    }
}
