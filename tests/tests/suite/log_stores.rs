//! Log stores, Loki and VictoriaLogs, give the lines that the cluster lacks.
//!
//! `VICTORIALOGS=http://127.0.0.1:9428` plays the same stories against a real VictoriaLogs
//! (`tests/lab/victorialogs` starts one and does so).

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use argo_core::{Notice, NoticeCode, ObjectRef, PodEvent, resource::Pod};
use argo_logs::{
    AskError, LogBody, LogConfig, LogEvent, LogResponse, LogSource, LogStore, LogStream, Lost,
    OpenError, OpenParams, Refused, StoreClient, StoreKind, StoreOptions, StoreRange, StoreUrl,
};
use argo_tests::fake_store::{FakeStore, Kind, MOST};
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::{
    assistant::until,
    rollout::{Rollout, logs, on, records},
    workload::{Workload, synced},
};

const KINDS: [Kind; 2] = [Kind::Loki, Kind::VictoriaLogs];

/// A store that is filled by the test: a fake, or a real VictoriaLogs.
enum Store {
    Fake(FakeStore),
    Real(String),
}

impl Store {
    async fn start(kind: Kind) -> Self {
        match std::env::var("VICTORIALOGS") {
            Ok(url) if kind == Kind::VictoriaLogs => Self::Real(url),
            _ => Self::Fake(FakeStore::start(kind).await.unwrap()),
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Fake(fake) => fake.url(),
            Self::Real(url) => url.clone(),
        }
    }

    /// Adds lines as vlagent sends them, and waits until they can be asked for.
    async fn add(&self, pod: &str, lines: &[(i64, String)]) {
        let url = match self {
            Self::Fake(fake) => {
                for (time, text) in lines {
                    fake.add(("shop", pod, "app"), *time, text);
                }
                return;
            }
            Self::Real(url) => url,
        };
        let line = |(time, text): &(i64, String)| {
            json!({
                "_time": time.to_string(), "_msg": text, "kubernetes.pod_namespace": "shop",
                "kubernetes.pod_name": pod, "kubernetes.container_name": "app",
            })
        };
        let body: String = lines.iter().map(|l| format!("{}\n", line(l))).collect();
        let fields = "kubernetes.pod_namespace,kubernetes.pod_name,kubernetes.container_name";
        post(
            url,
            &format!("/insert/jsonline?_stream_fields={fields}"),
            &body,
        )
        .await;
        let client = self.client();
        let asked = range(pod, lines[0].0, lines[lines.len() - 1].0 + 1);
        for _ in 0..200 {
            let found = client.read(&asked).await;
            if found.is_ok_and(|page| !page.lines.is_empty()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the lines do not arrive");
    }

    fn client(&self) -> Arc<StoreClient> {
        let url = StoreUrl::parse(&self.url()).unwrap();
        Arc::new(StoreClient::new(&StoreOptions::new(url)).unwrap())
    }
}

async fn post(url: &str, path: &str, body: &str) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn range(pod: &str, from: i64, until: i64) -> StoreRange {
    StoreRange {
        pod: object(pod),
        container: "app".into(),
        from,
        until,
    }
}

fn object(name: &str) -> ObjectRef {
    let pod = pod(name, true);
    ObjectRef::from_meta(argo_core::GroupKind::new("", "Pod"), &pod.metadata)
}

/// A minute before the first test, to the second.
fn minute_ago() -> Timestamp {
    static THEN: LazyLock<i64> = LazyLock::new(|| Timestamp::now().as_second() - 60);
    Timestamp::from_second(*THEN).unwrap()
}

fn nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap()
}

/// A name that no other run of the test has used.
fn unique(name: &str) -> String {
    format!("{name}-{}", Timestamp::now().as_microsecond())
}

/// A pod that has a node; its container runs since a minute ago, or has told nothing.
fn pod(name: &str, runs: bool) -> Pod {
    let statuses = if runs {
        json!([{"name": "app", "containerID": "containerd://A", "restartCount": 0, "ready": true,
            "state": {"running": {"startedAt": minute_ago().to_string()}}}])
    } else {
        json!([])
    };
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"),
            "creationTimestamp": minute_ago().to_string()},
        "spec": {"nodeName": "node1", "containers": [{"name": "app"}]},
        "status": {"phase": "Running", "containerStatuses": statuses},
    }))
    .unwrap()
}

fn applied(pod: &Pod) -> PodEvent {
    PodEvent::Applied {
        pod: Arc::new(pod.clone()),
        workload: None,
        is_new: true,
    }
}

/// A cluster whose answers are written in the test; the last one is repeated.
struct Scripted {
    pod: Pod,
    answers: Mutex<VecDeque<Answer>>,
}

#[derive(Clone)]
enum Answer {
    /// These lines, and then a broken connection.
    Cut(String),
    /// These lines; the response stays open.
    Open(String),
    Refused(u16, &'static str),
}

#[async_trait::async_trait]
impl LogSource for Scripted {
    async fn open(&self, _: &ObjectRef, _: &OpenParams) -> Result<LogResponse, OpenError> {
        let next = {
            let mut answers = self.answers.lock().unwrap();
            match answers.len() {
                1 => answers[0].clone(),
                _ => answers.pop_front().unwrap(),
            }
        };
        let lines = |text: String| futures::stream::iter([Ok(bytes::Bytes::from(text))]);
        let body = match next {
            Answer::Refused(status, message) => {
                return Err(OpenError::Refused(Refused {
                    status,
                    message: message.to_owned(),
                    ..Refused::default()
                }));
            }
            Answer::Cut(text) => {
                let lost = futures::stream::iter([Err(Lost("reset".to_owned()))]);
                LogBody::from_stream(lines(text).chain(lost))
            }
            Answer::Open(text) => {
                LogBody::from_stream(lines(text).chain(futures::stream::pending()))
            }
        };
        Ok(LogResponse::new(Some(Timestamp::now()), body))
    }

    async fn pod(&self, _: &ObjectRef) -> Result<Option<Pod>, AskError> {
        Ok(Some(self.pod.clone()))
    }
}

fn line(time: Timestamp, text: &str) -> String {
    format!("{time} {text}\n")
}

/// Lists the items of a stream: `text` of the cluster, `store: text`, `Code: message`.
#[derive(Default)]
struct Said(Vec<String>);

impl Said {
    fn take(&mut self, event: LogEvent) {
        match event {
            LogEvent::Lines(lines) => {
                let store = lines.store.map_or("", StoreKind::as_str);
                let between = if store.is_empty() { "" } else { ": " };
                self.0.extend(
                    lines.batch.lines().map(|line| {
                        format!("{store}{between}{}", String::from_utf8_lossy(line.text))
                    }),
                );
            }
            LogEvent::Notice(Notice { code, message, .. }) => {
                self.0.push(format!("{code:?}: {message}"));
            }
            _ => {}
        }
    }

    fn has(&self, text: &str) -> bool {
        self.0.iter().any(|said| said.contains(text))
    }

    fn of_store(&self) -> Vec<&str> {
        let parts = self.0.iter().filter_map(|said| said.split_once(": "));
        let lines = parts.filter(|(store, _)| matches!(*store, "loki" | "victorialogs"));
        lines.map(|(_, text)| text).collect()
    }
}

/// Follows the pods until `is_enough`, then ends the deploy; all that was said.
async fn followed(
    source: Scripted,
    pods: Vec<PodEvent>,
    config: LogConfig,
    is_enough: impl Fn(&Said) -> bool,
) -> Said {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    for event in pods {
        sender.send(event).unwrap();
    }
    let mut sender = Some(sender);
    let pods = tokio_stream::wrappers::UnboundedReceiverStream::new(receiver);
    let mut stream = LogStream::from_source(Arc::new(source), pods, config);
    let mut said = Said::default();
    let all = async {
        while let Some(event) = stream.next().await {
            said.take(event);
            if is_enough(&said) {
                sender = None;
            }
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(40), all).await;
    assert!(in_time.is_ok(), "{:#?}", said.0);
    drop(sender);
    said
}

fn config(store: &Store) -> LogConfig {
    LogConfig::default().store(store.client())
}

#[tokio::test]
async fn lines_that_were_rotated_away_come_from_the_store() {
    for kind in KINDS {
        let store = Store::start(kind).await;
        let name = unique("web");
        let begin = minute_ago();
        let at = |millis: i64| begin + SignedDuration::from_millis(millis);
        let lines: Vec<_> = (0..10)
            .map(|n| (nanos(at(1000 + n * 100)), format!("line {n}")))
            .collect();
        store.add(&name, &lines).await;
        let text = |numbers: std::ops::Range<i64>| -> String {
            numbers
                .map(|n| line(at(1000 + n * 100), &format!("line {n}")))
                .collect()
        };
        let pod = pod(&name, true);
        let source = Scripted {
            pod: pod.clone(),
            // The file of lines 3 to 6 is gone.
            answers: Mutex::new([Answer::Cut(text(0..3)), Answer::Open(text(7..10))].into()),
        };
        let said = followed(source, vec![applied(&pod)], config(&store), |said| {
            said.of_store().len() >= 4
        })
        .await;
        assert_eq!(said.of_store(), ["line 3", "line 4", "line 5", "line 6"]);
        let notices: Vec<_> = said
            .0
            .iter()
            .filter(|said| said.contains("rotated"))
            .collect();
        assert_eq!(notices.len(), 1, "{:#?}", said.0);
        assert!(notices[0].starts_with("FromStore: lines may be missing between"));
        assert!(notices[0].ends_with("has follow"), "{}", notices[0]);
        let ours = said.0.iter().filter(|said| said.starts_with("line "));
        assert_eq!(ours.count(), 6);
    }
}

#[tokio::test]
async fn a_hook_that_left_before_it_was_read_comes_from_the_store() {
    for kind in KINDS {
        let store = Store::start(kind).await;
        let name = unique("migrate");
        let begin = nanos(minute_ago());
        let lines = ["begin", "done"].map(str::to_owned);
        let lines: Vec<_> = (begin + 1..).zip(lines).collect();
        store.add(&name, &lines).await;
        let pod = pod(&name, false);
        let source = Scripted {
            pod: pod.clone(),
            answers: Mutex::new([Answer::Refused(404, "pods not found")].into()),
        };
        let events = vec![applied(&pod), PodEvent::Removed(object(&name))];
        let said = followed(source, events, config(&store), |said| {
            said.of_store().len() >= 2
        })
        .await;
        assert_eq!(said.of_store(), ["begin", "done"]);
        assert!(
            said.has("the pod left before its log was read"),
            "{:#?}",
            said.0
        );
    }
}

#[tokio::test]
async fn a_node_that_refuses_is_stood_in_for() {
    for kind in KINDS {
        let store = Store::start(kind).await;
        let name = unique("web");
        let begin = nanos(minute_ago());
        let lines: Vec<_> = (0..3).map(|n| (begin + n, format!("line {n}"))).collect();
        store.add(&name, &lines).await;
        let pod = pod(&name, true);
        let source = Scripted {
            pod: pod.clone(),
            answers: Mutex::new([Answer::Refused(401, "Unauthorized")].into()),
        };
        let said = followed(source, vec![applied(&pod)], config(&store), |said| {
            said.of_store().len() >= 3
        })
        .await;
        assert_eq!(said.of_store(), ["line 0", "line 1", "line 2"]);
        assert!(
            said.has("logs of node node1: the log cannot be read now"),
            "{:#?}",
            said.0
        );
        let notices = said
            .0
            .iter()
            .filter(|said| said.contains("that cannot be read come from"));
        assert_eq!(notices.count(), 1);
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_one_notice() {
    for kind in KINDS {
        let fake = FakeStore::start(kind).await.unwrap();
        fake.set_down(true);
        let store = Store::Fake(fake);
        let pods = ["a", "b"].map(|name| pod(name, false));
        let source = Scripted {
            pod: pods[0].clone(),
            answers: Mutex::new([Answer::Refused(404, "pods not found")].into()),
        };
        let mut events: Vec<_> = pods.iter().map(applied).collect();
        events.extend(["a", "b"].map(|name| PodEvent::Removed(object(name))));
        let said = followed(source, events, config(&store), |said| {
            said.has("cannot be asked")
        })
        .await;
        assert_eq!(said.0.len(), 1, "{:#?}", said.0);
        assert!(said.0[0].contains("503"), "{:#?}", said.0);
    }
}

/// More lines of one nanosecond than a page holds, at its border and within.
#[tokio::test]
async fn lines_of_one_nanosecond_come_once_and_in_order() {
    for kind in KINDS {
        let store = Store::start(kind).await;
        let name = unique("web");
        let begin = nanos(minute_ago());
        let times = (0..MOST * 2 + 700).map(|n| match n {
            // A page's border lies in a run of equal times.
            990..1100 => begin + 990,
            n => begin + i64::try_from(n).unwrap(),
        });
        let lines: Vec<_> = times
            .zip(0..)
            .map(|(t, n)| (t, format!("line {n}")))
            .collect();
        store.add(&name, &lines).await;
        let client = store.client();
        let mut found = Vec::new();
        let mut pages = 0;
        let mut next = Some(range(&name, begin, begin + 10_000));
        while let Some(range) = next {
            let page = client.read(&range).await.unwrap();
            assert!(!page.is_cut);
            found.extend(page.lines.into_iter().map(|line| line.text));
            next = page.next;
            pages += 1;
        }
        let wanted: Vec<_> = lines.iter().map(|(_, text)| text.clone()).collect();
        assert_eq!(found.len(), wanted.len());
        assert!(found == wanted, "the order is another");
        if kind == Kind::Loki {
            assert!(pages > 2, "{pages}");
        }
        let last = client
            .last(&range(&name, begin, begin + 10_000), 3)
            .await
            .unwrap();
        let last: Vec<_> = last.into_iter().map(|line| line.text).collect();
        assert_eq!(last, wanted[wanted.len() - 3..]);
    }
}

#[tokio::test]
async fn names_that_look_like_a_query_find_nothing_else() {
    for kind in KINDS {
        let store = Store::start(kind).await;
        let begin = nanos(minute_ago());
        let name = unique("web");
        store.add(&name, &[(begin, "ours".to_owned())]).await;
        let client = store.client();
        for evil in ["x\"} or {a=\"b", "\\", "`", "x\" or \"y", "a\nb", "*"] {
            let asked = range(evil, begin - 1_000_000, begin + 1_000_000);
            let page = client.read(&asked).await;
            let page = page.unwrap_or_else(|error| panic!("{kind:?} {evil:?}: {error}"));
            assert_eq!(page.lines, [], "{kind:?} {evil:?}");
        }
    }
}

#[tokio::test]
async fn logs_are_followed_in_the_store_alone() {
    for kind in KINDS {
        let store = Store::start(kind).await;
        let name = unique("web");
        let begin = nanos(minute_ago());
        let lines: Vec<_> = (0..3).map(|n| (begin + n, format!("line {n}"))).collect();
        store.add(&name, &lines).await;
        let pod = pod(&name, true);
        let source = Scripted {
            pod: pod.clone(),
            answers: Mutex::new([Answer::Refused(500, "nobody asks for this")].into()),
        };
        let config = LogConfig::default().instead(store.client());
        let said = followed(source, vec![applied(&pod)], config, |said| {
            said.of_store().len() >= 3
        })
        .await;
        assert_eq!(said.of_store(), ["line 0", "line 1", "line 2"]);
        assert!(said.has("not from the cluster"), "{:#?}", said.0);
        assert!(!said.has("nobody asks"), "{:#?}", said.0);
    }
}

#[tokio::test]
async fn a_token_goes_to_the_store_that_was_named_and_nowhere_else() {
    let fake = FakeStore::start(Kind::Loki).await.unwrap();
    fake.add(("shop", "web", "app"), nanos(minute_ago()), "x");
    let url = fake.url().replace("http://", "http://me:hunter2@");
    let mut options = StoreOptions::new(StoreUrl::parse(&url).unwrap());
    options.tenant = Some("team-a".to_owned());
    let client = StoreClient::new(&options).unwrap();
    let described = client.describe().await.unwrap();
    assert!(!described.contains("hunter2") && !format!("{client:?}").contains("hunter2"));
    assert!(
        described.starts_with("Loki at http://127.0.0.1"),
        "{described}"
    );
    let sent = fake.requests().remove(0).headers.to_lowercase();
    assert!(sent.contains("authorization: basic "), "{sent}");
    assert!(sent.contains("x-scope-orgid: team-a"), "{sent}");

    // A redirect, perhaps to a login page, is not followed.
    let elsewhere = FakeStore::start(Kind::Loki).await.unwrap();
    let to = elsewhere.url();
    let redirecting = argo_tests::fake_argocd::FakeArgocd::start(move |_, _| {
        vec![argo_tests::fake_argocd::Step::Body(
            format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into(),
        )]
    });
    let redirecting = redirecting.await.unwrap();
    let url = format!("http://me:hunter2@{}", redirecting.address);
    let client = StoreClient::new(&StoreOptions::new(StoreUrl::parse(&url).unwrap())).unwrap();
    let error = client.describe().await.unwrap_err().to_string();
    assert!(
        error.contains("302") && !error.contains("hunter2"),
        "{error}"
    );
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_server_that_is_no_store_is_told_so() {
    let other = argo_tests::fake_argocd::FakeArgocd::start(|_, _| {
        argo_tests::fake_argocd::answer(200, "<html>Grafana</html>")
    });
    let other = other.await.unwrap();
    let url = StoreUrl::parse(&format!("http://{}", other.address)).unwrap();
    let client = StoreClient::new(&StoreOptions::new(url)).unwrap();
    let error = client.describe().await.unwrap_err().to_string();
    assert!(error.contains("is neither Loki"), "{error}");
}

/// The whole program on a cluster that forbids its logs.
#[tokio::test]
async fn every_output_marks_the_lines_of_the_store() {
    for (json, wanted) in [(true, ""), (false, "[db-0/app from loki] from the store")] {
        let db = "app: {run: [{log: hidden}, {sleep: 1s}, {exit: 1}]}";
        let workload = Workload::new("StatefulSet", "db", db);
        let rollout = Rollout::written(&synced(&[workload]), 1.0)
            .await
            .begun()
            .await;
        let faults = rollout.cluster.api().faults();
        faults.add(simcluster::api::Fault {
            on: on("log", "pods/log"),
            action: simcluster::api::Action::Status {
                code: 403,
                retry_after: None,
                message: None,
            },
        });
        let fake = FakeStore::start(Kind::Loki).await.unwrap();
        fake.add(("other", "x", "y"), nanos(minute_ago()), "of another pod");
        let url = fake.url().replace("http://", "http://me:hunter2@");
        // A failed end, whose block has the query.
        let script = format!("steps: [{{await: {:?}}}, {{exit: 20}}]", rollout.go());
        let run = rollout
            .watched(&["--log-store", &url, "--allow-restarts", "0"])
            .script(&script);
        let run = if json {
            run.env("LOG_FORMAT", "json")
        } else {
            run
        };
        let mut run = run.start();
        let asked = || {
            fake.requests()
                .iter()
                .any(|request| request.path.contains("db-0"))
        };
        run.drain_until(until("question", asked)).await;
        // Behind the start of the run.
        let now = nanos(Timestamp::now());
        fake.add(("shop-prod", "db-0", "app"), now, "from the store");
        run.until("from the store").await;
        let finding = if json {
            "\"kind\":\"finding\""
        } else {
            "[finding]"
        };
        run.until(finding).await;
        let ended = rollout.finish(run).await;
        assert!(!ended.stdout.contains("hunter2") && !ended.stderr.contains("hunter2"));
        if !json {
            assert!(ended.stdout.contains(wanted), "{}", ended.stdout);
            let query = r#"Logs (LogQL): {namespace="shop-prod", pod="db-0"}"#;
            assert!(ended.stdout.contains(query), "{}", ended.stdout);
            continue;
        }
        let records = records(&ended);
        assert_eq!(logs(&records)["db-0/app"], ["from the store"]);
        let log = records
            .iter()
            .find(|record| record["kind"] == "log")
            .unwrap();
        assert_eq!(log["store"], "loki");
        let code = serde_json::to_value(NoticeCode::FromStore).unwrap();
        assert!(records.iter().any(|record| record["code"] == code));
        let verdict = records.last().unwrap();
        let query = verdict["findings"][0]["log_query"]
            .as_str()
            .unwrap_or_default();
        assert_eq!(query, r#"{namespace="shop-prod", pod="db-0"}"#, "{verdict}");
    }
}
