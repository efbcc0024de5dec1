//! The real kubectl against the simulated API server, over TLS and HTTP/2. Where there is no
//! kubectl each test says so and passes.

// All of this file is test code, but lints know only functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use simcluster::api::{ApiServer, Fault, Rule, Token};
use simcluster::clock::Clock;
use simcluster::logs::{LogWriter, Logs, Origin};
use simcluster::store::{DeleteOptions, Store};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A test fails if kubectl takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
static HOMES: AtomicU32 = AtomicU32::new(0);

struct Cluster {
    store: Store,
    logs: Logs,
    server: ApiServer,
    home: PathBuf,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

impl Cluster {
    /// A cluster with the namespace `shop`; `None` if there is no kubectl.
    async fn start() -> Option<Self> {
        let there = std::process::Command::new("kubectl").arg("--help").output();
        if there.is_err() {
            // A skipped suite must be seen: straight to the descriptor, past the test harness.
            use std::io::Write;
            let _ = std::io::stderr().write_all(b"SKIPPED: there is no kubectl\n");
            return None;
        }
        let (store, logs) = (Store::new(Clock::new(1.0), 1), Logs::new());
        let token = Token {
            token: "t".to_owned(),
            user: "deployer".to_owned(),
        };
        let server = ApiServer::builder(store.clone(), logs.clone())
            .tls(true)
            .tokens([token])
            .start()
            .await
            .unwrap();
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"},
            "status": {"phase": "Active"},
        });
        store.create(namespace).unwrap();
        let number = HOMES.fetch_add(1, Ordering::Relaxed);
        let home = std::env::temp_dir().join(format!("simcluster-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join("config"), server.kubeconfig()).unwrap();
        Some(Self {
            store,
            logs,
            server,
            home,
        })
    }

    fn command(&self, args: &str) -> Command {
        let mut command = Command::new("kubectl");
        command
            .args(args.split(' '))
            .args(["-n", "shop"])
            .env("HOME", &self.home)
            .env("KUBECONFIG", self.home.join("config"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn output(&self, args: &str) -> Output {
        let output = self.command(args).output();
        let output = tokio::time::timeout(PATIENCE, output).await;
        output.expect("kubectl does not end").unwrap()
    }

    /// Returns the output of a kubectl that must succeed.
    async fn kubectl(&self, args: &str) -> String {
        let output = self.output(args).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {args}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn follow(&self, args: &str) -> Follow {
        let mut child = self.command(args).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Follow { child, lines }
    }

    /// A pod with one container that runs for the second time.
    fn running(&self, name: &str) -> LogWriter {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": "shop", "name": name},
            "spec": {"nodeName": "node1", "containers": [{"name": "app", "image": "app:1"}]},
            "status": {
                "phase": "Running", "podIP": "10.78.0.2",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{
                    "name": "app", "image": "app:1", "imageID": "", "ready": true,
                    "restartCount": 1, "containerID": "containerd://2",
                    "state": {"running": {"startedAt": null}},
                    "lastState": {"terminated": {
                        "containerID": "containerd://1", "exitCode": 3, "reason": "Error",
                    }},
                }],
            },
        });
        let pod = self.store.create(pod).unwrap();
        let mut first = self.logs.start(&pod, "app", 0, "containerd://1");
        first.line(Origin::Stdout, 0, "it crashes");
        first.instance().end();
        self.logs.start(&pod, "app", 1, "containerd://2")
    }
}

/// A kubectl that goes on.
struct Follow {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Follow {
    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line());
        let line = line.await.expect("no line comes").unwrap();
        line.expect("kubectl ended")
    }

    async fn succeeds(mut self) -> bool {
        while let Ok(Some(_)) = self.lines.next_line().await {}
        self.child.wait().await.unwrap().success()
    }
}

/// The words of a line.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn event(name: &str, reason: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"namespace": "shop", "name": name},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web", "apiVersion": "v1"},
        "reason": reason, "message": format!("{reason} container app"), "type": "Normal",
        "source": {"component": "kubelet"}, "count": 1,
        "firstTimestamp": "2026-11-24T00:00:00Z", "lastTimestamp": "2026-11-24T00:00:00Z",
    })
}

fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "shop", "name": "web"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
        },
    })
}

#[tokio::test]
async fn api_resources_and_version() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let resources = cluster.kubectl("api-resources --no-headers").await;
    let rollouts = resources.lines().find(|line| line.starts_with("rollouts"));
    assert_eq!(
        words(rollouts.unwrap()),
        ["rollouts", "ro", "argoproj.io/v1alpha1", "true", "Rollout"]
    );
    assert_eq!(resources.lines().count(), cluster.store.resources().len());
    let version = cluster.kubectl("version -o json").await;
    let version: Value = serde_json::from_str(&version).unwrap();
    assert_eq!(version["serverVersion"]["gitVersion"], "v1.34.4");
}

#[tokio::test]
async fn get_pods_wide_and_watched() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let _writer = cluster.running("web");
    let table = cluster.kubectl("get pods -o wide --no-headers").await;
    let row = words(&table);
    assert_eq!(row[..4], ["web", "1/1", "Running", "1"]);
    assert_eq!(row[5..7], ["10.78.0.2", "node1"]);

    let mut watch = cluster.follow("get pods -o wide -w --no-headers");
    let row = watch.line().await;
    assert_eq!(words(&row)[..3], ["web", "1/1", "Running"]);
    assert_eq!(words(&row)[5..7], ["10.78.0.2", "node1"]);
    let options = DeleteOptions::default();
    let deleted = cluster
        .store
        .delete_gracefully("pods", "shop", "web", &options);
    deleted.unwrap();
    assert_eq!(
        words(&watch.line().await)[..3],
        ["web", "1/1", "Terminating"]
    );
}

#[tokio::test]
async fn get_events_watched() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    cluster.store.create(event("e1", "Created")).unwrap();
    let mut watch = cluster.follow("get events -w --no-headers");
    assert_eq!(
        words(&watch.line().await)[1..],
        [
            "Normal",
            "Created",
            "pod/web",
            "Created",
            "container",
            "app"
        ]
    );
    cluster.store.create(event("e2", "Started")).unwrap();
    assert_eq!(words(&watch.line().await)[2], "Started");
}

#[tokio::test]
async fn describe_pod_with_its_events() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let _writer = cluster.running("web");
    let pod = cluster.store.get("pods", "shop", "web").unwrap();
    let mut started = event("e1", "Started");
    started["involvedObject"]["uid"] = json!(pod.uid());
    cluster.store.create(started).unwrap();
    let text = cluster.kubectl("describe pod web").await;
    for wanted in ["Running", "Exit Code:    3", "Started container app"] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
}

#[tokio::test]
async fn logs_followed_and_previous() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let mut writer = cluster.running("web");
    let time = |text: &str| {
        let time: jiff::Timestamp = text.parse().unwrap();
        i64::try_from(time.as_nanosecond()).unwrap()
    };
    for (at, text) in [
        ("2026-11-24T00:00:01.9Z", "old"),
        ("2026-11-24T00:00:02.1Z", "in time"),
    ] {
        writer.record(Origin::Stdout, time(at), true, text.as_bytes());
    }
    let mut follow = cluster.follow("logs web -f --timestamps --since-time=2026-11-24T00:00:02.5Z");
    // The fraction of the time is cut, so that the line before it comes as well.
    assert_eq!(
        follow.line().await,
        "2026-11-24T00:00:02.100000000Z in time"
    );
    writer.record(Origin::Stdout, time("2026-11-24T00:00:03Z"), true, b"more");
    assert_eq!(follow.line().await, "2026-11-24T00:00:03.000000000Z more");
    writer.instance().end();
    assert!(follow.succeeds().await);

    assert_eq!(cluster.kubectl("logs web -p").await, "it crashes\n");
    let refused = cluster.output("logs web -c nope").await;
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr),
        "error: container nope is not valid for pod web\n"
    );
}

#[tokio::test]
async fn rollout_status() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    cluster.store.create(deployment("app:1")).unwrap();
    let mut status = cluster.follow("rollout status deployment/web");
    assert_eq!(
        status.line().await,
        "Waiting for deployment spec update to be observed..."
    );
    let ready = json!({
        "observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2,
        "readyReplicas": 2,
    });
    let set = |web: &mut Value| web["status"] = ready;
    let modified = cluster.store.modify("deployments.apps", "shop", "web", set);
    modified.unwrap();
    assert_eq!(
        status.line().await,
        "deployment \"web\" successfully rolled out"
    );
    assert!(status.succeeds().await);
}

#[tokio::test]
async fn wait_for_a_condition() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let _writer = cluster.running("web");
    let become_ready = |status: &'static str| {
        let set = move |pod: &mut Value| pod["status"]["conditions"][0]["status"] = json!(status);
        let modified = cluster.store.modify("pods", "shop", "web", set);
        modified.unwrap();
    };
    become_ready("False");
    let mut wait = cluster.follow("wait --for=condition=Ready pod/web");
    let is_watching = || {
        let requests = cluster.server.requests();
        requests.iter().any(|request| request.verb == "watch")
    };
    while !is_watching() {
        tokio::task::yield_now().await;
    }
    become_ready("True");
    assert_eq!(wait.line().await, "pod/web condition met");
}

#[tokio::test]
async fn forbidden_and_read_only() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let _writer = cluster.running("web");
    let refused = cluster.output("delete pod web").await;
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr),
        "Error from server (MethodNotAllowed): the server does not allow this method on the requested resource\n"
    );
    cluster.server.faults().forbid(Rule {
        resource: Some("pods".to_owned()),
        ..Rule::default()
    });
    let refused = cluster.output("get pods").await;
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr),
        "Error from server (Forbidden): pods is forbidden: User \"deployer\" cannot list resource \"pods\" in API group \"\" in the namespace \"shop\"\n"
    );
}

#[tokio::test]
async fn a_cut_follow_is_told_from_one_that_ended() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let mut writer = cluster.running("web");
    writer.line(Origin::Stdout, 0, "one");
    let cut = json!({"on": {"verb": "log"}, "do": {"kind": "cut", "after": {"chunks": 1}}});
    let cut: Fault = serde_json::from_value(cut).unwrap();
    cluster.server.faults().add(cut);
    let output = cluster.output("logs web -f").await;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "one\n");
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("EOF"), "{errors}");
}
