// The stream over logs that a test writes.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use argo_core::{ObjectRef, resource::Pod};
use async_trait::async_trait;
use bytes::Bytes;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use super::*;
use crate::{AskError, Lines, LogBody, LogResponse, Lost, OpenError, OpenParams};

/// Pods with a kubelet, as far as a log needs one.
struct Cluster {
    pods: Mutex<BTreeMap<String, FakePod>>,
    changed: watch::Sender<()>,
    opened: Mutex<Vec<(String, OpenParams)>>,
    /// Refuses that many opens for want of files.
    shortages: AtomicUsize,
    /// Opens wait here.
    answers: Semaphore,
    waiting: watch::Sender<usize>,
    bodies: Arc<AtomicUsize>,
    /// Nothing can be reached.
    is_down: AtomicBool,
}

#[derive(Clone)]
struct FakePod {
    uid: String,
    lines: Vec<String>,
    ends: bool,
    /// Every body breaks after so many lines, until it is taken away.
    breaks_after: Option<usize>,
    floods: bool,
    ready: bool,
}

impl FakePod {
    fn status(&self) -> Value {
        let id = format!("containerd://{}", self.uid);
        let started = "2026-11-24T00:00:00Z";
        let state = if self.ends {
            json!({ "terminated": { "exitCode": 0, "containerID": id,
                "startedAt": started, "finishedAt": "2026-11-24T01:00:00Z" } })
        } else {
            json!({ "running": { "startedAt": started } })
        };
        json!({ "name": "app", "containerID": id, "restartCount": 0,
            "ready": self.ready, "state": state })
    }

    fn pod(&self, name: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": { "name": name, "namespace": "shop", "uid": self.uid },
            "spec": { "containers": [{ "name": "app" }] },
            "status": {
                "phase": if self.ends { "Succeeded" } else { "Running" },
                "containerStatuses": [self.status()],
            },
        }))
        .unwrap()
    }
}

impl Cluster {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            pods: Mutex::default(),
            changed: watch::Sender::new(()),
            opened: Mutex::default(),
            shortages: AtomicUsize::new(0),
            answers: Semaphore::new(Semaphore::MAX_PERMITS),
            waiting: watch::Sender::new(0),
            bodies: Arc::default(),
            is_down: AtomicBool::new(false),
        })
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut FakePod)) {
        let mut pods = self.pods.lock().unwrap();
        change(pods.entry(name.to_owned()).or_insert_with(|| FakePod {
            uid: format!("uid-{name}"),
            lines: Vec::new(),
            ends: false,
            breaks_after: None,
            floods: false,
            ready: false,
        }));
        drop(pods);
        self.changed.send_replace(());
    }

    /// Writes lines, a second apart, the text of each its number.
    fn write(&self, name: &str, numbers: std::ops::Range<usize>) {
        self.change(name, |pod| {
            pod.lines.extend(numbers.map(line));
        });
    }

    fn get(&self, name: &str) -> Option<FakePod> {
        self.pods.lock().unwrap().get(name).cloned()
    }

    fn event(&self, name: &str) -> PodEvent {
        PodEvent::Applied {
            pod: Arc::new(self.get(name).unwrap().pod(name)),
            workload: None,
            is_new: true,
        }
    }

    fn stream(self: &Arc<Self>, pods: impl Stream<Item = PodEvent> + Send + 'static) -> LogStream {
        self.stream_with(pods, LogConfig::default())
    }

    fn stream_with(
        self: &Arc<Self>,
        pods: impl Stream<Item = PodEvent> + Send + 'static,
        config: LogConfig,
    ) -> LogStream {
        LogStream::from_source(Arc::new(Arc::clone(self)), pods, config)
    }

    fn opened(&self) -> usize {
        self.opened.lock().unwrap().len()
    }

    fn log(self: &Arc<Self>, name: String, params: &OpenParams) -> LogBody {
        let (cluster, follow) = (Arc::clone(self), params.follow);
        let uid = self.get(&name).map(|pod| pod.uid);
        let since = params.since_time;
        let guard = Guard::new(&self.bodies);
        let changes = self.changed.subscribe();
        let state = (0_usize, 0_usize, changes, guard);
        LogBody::from_stream(futures::stream::unfold(Some(state), move |state| {
            let (cluster, name, uid) = (Arc::clone(&cluster), name.clone(), uid.clone());
            async move {
                let (mut at, mut sent, mut changes, guard) = state?;
                loop {
                    changes.borrow_and_update();
                    let pod = cluster
                        .get(&name)
                        .filter(|pod| Some(&pod.uid) == uid.as_ref())?;
                    if pod.breaks_after.is_some_and(|lines| sent >= lines) {
                        return Some((Err(Lost("reset".into())), None));
                    }
                    if pod.floods {
                        let flood = line(at).repeat(100);
                        at += 1;
                        return Some((Ok(flood.into()), Some((at, sent, changes, guard))));
                    }
                    while let Some(line) = pod.lines.get(at) {
                        at += 1;
                        if since.is_some_and(|since| time(line) < since) {
                            continue;
                        }
                        sent += 1;
                        let bytes = Bytes::from(line.clone());
                        return Some((Ok(bytes), Some((at, sent, changes, guard))));
                    }
                    if pod.ends || !follow {
                        return None;
                    }
                    changes.changed().await.ok()?;
                }
            }
        }))
    }
}

fn line(number: usize) -> String {
    let (minute, second) = (number / 60, number % 60);
    format!("2026-11-24T00:{minute:02}:{second:02}.000000000Z {number}\n")
}

fn time(line: &str) -> Timestamp {
    line.split(' ').next().unwrap().parse().unwrap()
}

struct Guard(Arc<AtomicUsize>);

impl Guard {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl LogSource for Arc<Cluster> {
    async fn open(&self, pod: &ObjectRef, params: &OpenParams) -> Result<LogResponse, OpenError> {
        let name = pod.name.to_string();
        if self.is_down.load(Ordering::Relaxed) {
            return Err(OpenError::Lost("connection refused".to_owned()));
        }
        self.opened
            .lock()
            .unwrap()
            .push((name.clone(), params.clone()));
        self.waiting.send_modify(|waiting| *waiting += 1);
        let answered = self.answers.acquire().await.map(|_| ());
        self.waiting.send_modify(|waiting| *waiting -= 1);
        answered.map_err(|error| OpenError::Lost(error.to_string()))?;
        let shortage = self
            .shortages
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        if shortage.is_ok() {
            return Err(OpenError::TooManyFiles { limit: Some(1024) });
        }
        Ok(LogResponse {
            date: None,
            body: self.log(name, params),
        })
    }

    async fn pod(&self, pod: &ObjectRef) -> Result<Option<Pod>, AskError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(AskError("connection refused".to_owned()));
        }
        Ok(self.get(&pod.name).map(|found| found.pod(&pod.name)))
    }
}

fn pods() -> (
    UnboundedSender<PodEvent>,
    impl Stream<Item = PodEvent> + Send + 'static,
) {
    unbounded()
}

/// An item in short: `web/3`, a message, or `web ended`.
fn told(event: &LogEvent) -> Vec<String> {
    match event {
        LogEvent::Lines(Lines { origin, batch, .. }) => batch
            .lines()
            .map(|line| format!("{}/{}", origin.pod.name, String::from_utf8_lossy(line.text)))
            .collect(),
        LogEvent::Notice(notice) => vec![notice.message.clone()],
        LogEvent::Ended(origin) => vec![format!("{} ended", origin.pod.name)],
    }
}

async fn all(stream: impl Stream<Item = LogEvent>) -> Vec<String> {
    let events: Vec<_> = stream.collect().await;
    events.iter().flat_map(told).collect()
}

async fn take(stream: &mut (impl Stream<Item = LogEvent> + Unpin), count: usize) -> Vec<String> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let event = stream.next().await;
        taken.extend(told(&event.expect("the stream goes on")));
    }
    taken
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_shown_from_its_first_line_until_it_ends() {
    let cluster = Cluster::new();
    cluster.write("web", 0..3);
    let (feed, pods) = pods();
    feed.unbounded_send(cluster.event("web")).unwrap();
    let mut stream = cluster.stream(pods);
    assert_eq!(take(&mut stream, 3).await, ["web/0", "web/1", "web/2"]);
    cluster.write("web", 3..4);
    assert_eq!(take(&mut stream, 1).await, ["web/3"]);
    cluster.change("web", |pod| {
        pod.lines.push(line(4));
        pod.ends = true;
    });
    feed.unbounded_send(cluster.event("web")).unwrap();
    assert_eq!(take(&mut stream, 2).await, ["web/4", "web ended"]);
    drop(feed);
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_again_and_again_loses_and_repeats_nothing() {
    let cluster = Cluster::new();
    cluster.write("web", 0..20);
    cluster.change("web", |pod| pod.breaks_after = Some(5));
    let (feed, pods) = pods();
    feed.unbounded_send(cluster.event("web")).unwrap();
    let mut stream = cluster.stream(pods);
    let expected: Vec<_> = (0..20).map(|n| format!("web/{n}")).collect();
    assert_eq!(take(&mut stream, 20).await, expected);
    assert!(cluster.opened() > 4);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_stays_lost_is_one_notice_and_its_return_another() {
    let cluster = Cluster::new();
    let (feed, pods) = pods();
    for name in ["web-1", "web-2"] {
        cluster.write(name, 0..5);
        cluster.change(name, |pod| pod.breaks_after = Some(5));
        feed.unbounded_send(cluster.event(name)).unwrap();
    }
    let mut stream = cluster.stream(pods);
    take(&mut stream, 10).await;
    cluster.is_down.store(true, Ordering::Relaxed);
    let lost = Instant::now();
    assert_eq!(
        take(&mut stream, 1).await,
        ["the logs cannot be read now: connection refused"]
    );
    assert!((30..60).contains(&lost.elapsed().as_secs()));
    let more = tokio::time::timeout(Duration::from_secs(600), stream.next()).await;
    assert!(more.is_err(), "{more:?}");
    cluster.is_down.store(false, Ordering::Relaxed);
    assert_eq!(take(&mut stream, 1).await, ["the logs can be read again"]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_deploy_reads_what_is_left_and_ends() {
    let cluster = Cluster::new();
    cluster.write("web", 0..2);
    let (feed, pods) = pods();
    feed.unbounded_send(cluster.event("web")).unwrap();
    let mut stream = cluster.stream(pods);
    assert_eq!(take(&mut stream, 2).await, ["web/0", "web/1"]);
    cluster.write("web", 2..3);
    drop(feed);
    assert_eq!(all(stream).await, ["web/2", "web ended"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_does_not_hold_up_the_end() {
    let cluster = Cluster::new();
    cluster.write("web", 0..2);
    cluster.answers.forget_permits(Semaphore::MAX_PERMITS);
    let stream = cluster.stream(futures::stream::iter([cluster.event("web")]));
    let started = Instant::now();
    let told = all(stream).await;
    assert!(started.elapsed() < Duration::from_millis(3200), "{told:?}");
    let missing = "the last lines may be missing: the log could not be read to its end in time";
    assert_eq!(told, [missing, "web ended"]);
}

#[tokio::test(start_paused = true)]
async fn what_takes_longer_than_allowed_is_named() {
    let cluster = Cluster::new();
    cluster.answers.forget_permits(Semaphore::MAX_PERMITS);
    let names: Vec<_> = (0..7).map(|n| format!("web-{n}")).collect();
    for name in &names {
        cluster.write(name, 0..1);
    }
    let events: Vec<_> = names.iter().map(|name| cluster.event(name)).collect();
    let config = LogConfig::default().finish_within(Duration::from_secs(1));
    let told = all(cluster.stream_with(futures::stream::iter(events), config)).await;
    assert_eq!(
        told,
        [
            "the last lines may be missing of web-0/app, web-1/app, web-2/app, web-3/app, \
          web-4/app and 2 more: they could not be read within 1s"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn only_so_many_wait_for_an_answer_at_one_time() {
    let cluster = Cluster::new();
    cluster.answers.forget_permits(Semaphore::MAX_PERMITS);
    let (feed, pods) = pods();
    for n in 0..10 {
        let name = format!("web-{n}");
        cluster.write(&name, 0..1);
        feed.unbounded_send(cluster.event(&name)).unwrap();
    }
    let mut stream = cluster.stream_with(pods, LogConfig::default().concurrent_opens(3));
    let mut waiting = cluster.waiting.subscribe();
    let most = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&most);
    tokio::spawn(async move {
        while waiting.changed().await.is_ok() {
            seen.fetch_max(*waiting.borrow_and_update(), Ordering::Relaxed);
        }
    });
    let idle = tokio::time::timeout(Duration::from_secs(1), stream.next()).await;
    assert!(idle.is_err());
    assert_eq!((cluster.opened(), *cluster.waiting.borrow()), (3, 3));
    cluster.answers.add_permits(1);
    assert_eq!(take(&mut stream, 10).await.len(), 10);
    assert_eq!(most.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn logs_of_containers_in_trouble_are_opened_first() {
    let cluster = Cluster::new();
    let (feed, pods) = pods();
    for n in 0..30 {
        let name = format!("web-{n}");
        cluster.write(&name, 0..1);
        cluster.change(&name, |pod| pod.ready = ![7, 28].contains(&n));
        feed.unbounded_send(cluster.event(&name)).unwrap();
    }
    let mut stream = cluster.stream_with(pods, LogConfig::default().concurrent_opens(1));
    take(&mut stream, 30).await;
    let opened = cluster.opened.lock().unwrap();
    let names: Vec<_> = opened.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..5], ["web-7", "web-28", "web-0", "web-1", "web-2"]);
    assert_eq!(names[29], "web-29");
}

#[tokio::test(start_paused = true)]
async fn who_gets_no_answer_does_not_keep_others_from_asking() {
    let cluster = Cluster::new();
    cluster.answers.forget_permits(Semaphore::MAX_PERMITS);
    let (feed, pods) = pods();
    for name in ["a", "b", "c", "d"] {
        cluster.write(name, 0..1);
        feed.unbounded_send(cluster.event(name)).unwrap();
    }
    let mut stream = cluster.stream_with(pods, LogConfig::default().concurrent_opens(3));
    for (seconds, opened) in [(1, 3), (2, 4)] {
        let idle = tokio::time::timeout(Duration::from_secs(seconds), stream.next()).await;
        assert!(idle.is_err());
        assert_eq!(cluster.opened(), opened);
    }
}

#[tokio::test(start_paused = true)]
async fn a_want_of_files_is_told_once_and_waited_for() {
    let cluster = Cluster::new();
    cluster.shortages.store(6, Ordering::Relaxed);
    for name in ["a", "b"] {
        cluster.write(name, 0..1);
    }
    let (feed, pods) = pods();
    feed.unbounded_send(cluster.event("a")).unwrap();
    feed.unbounded_send(cluster.event("b")).unwrap();
    let mut stream = cluster.stream(pods);
    let mut told = take(&mut stream, 3).await;
    assert_eq!(
        told.remove(0),
        "this process has reached its limit of 1024 open files with 0 logs open; \
         the other logs wait until one of them ends"
    );
    told.sort();
    assert_eq!(told, ["a/0", "b/0"]);
}

#[tokio::test(start_paused = true)]
async fn one_at_full_speed_does_not_delay_the_first_line_of_another() {
    let cluster = Cluster::new();
    for flood in ["x", "y", "z"] {
        cluster.change(flood, |pod| pod.floods = true);
    }
    cluster.write("web", 0..1);
    let (feed, pods) = pods();
    for name in ["x", "y", "z"] {
        feed.unbounded_send(cluster.event(name)).unwrap();
    }
    let mut stream = cluster.stream(pods);
    for _ in 0..50 {
        stream.next().await.unwrap();
    }
    feed.unbounded_send(cluster.event("web")).unwrap();
    let mut before = 0;
    while told(&stream.next().await.unwrap())[0] != "web/0" {
        before += 1;
    }
    assert!(before < 40, "{before}");
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_does_not_take_stops_the_reading() {
    let cluster = Cluster::new();
    cluster.change("web", |pod| pod.floods = true);
    let (feed, pods) = pods();
    feed.unbounded_send(cluster.event("web")).unwrap();
    let mut stream = cluster.stream(pods);
    stream.next().await.unwrap();
    let mut taken = 0;
    // Time goes on only when no task can: that it does says that the reading stopped.
    tokio::time::sleep(Duration::from_secs(1)).await;
    while let std::task::Poll::Ready(Some(_)) = futures::poll!(stream.next()) {
        taken += 1;
    }
    assert!(taken <= QUEUE + 1, "{taken}");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_stream_drops_the_connections() {
    let cluster = Cluster::new();
    cluster.write("web", 0..1);
    let (feed, pods) = pods();
    feed.unbounded_send(cluster.event("web")).unwrap();
    let mut stream = cluster.stream(pods);
    take(&mut stream, 1).await;
    assert_eq!(cluster.bodies.load(Ordering::Relaxed), 1);
    drop(stream);
    tokio::task::yield_now().await;
    assert_eq!(cluster.bodies.load(Ordering::Relaxed), 0);
    assert!(feed.is_closed());
}

#[tokio::test(start_paused = true)]
async fn another_pod_of_the_same_name_is_followed_beside_the_first() {
    let cluster = Cluster::new();
    cluster.write("db-0", 0..2);
    let (feed, pods) = pods();
    feed.unbounded_send(cluster.event("db-0")).unwrap();
    let mut stream = cluster.stream(pods);
    assert_eq!(take(&mut stream, 2).await, ["db-0/0", "db-0/1"]);
    cluster.change("db-0", |pod| {
        pod.uid = "uid-other".into();
        pod.lines = vec![line(0)];
    });
    feed.unbounded_send(cluster.event("db-0")).unwrap();
    let mut told = take(&mut stream, 2).await;
    told.sort();
    assert_eq!(told, ["db-0 ended", "db-0/0"]);
}

#[tokio::test(start_paused = true)]
async fn lines_are_chosen_and_counted() {
    let cluster = Cluster::new();
    cluster.write("web", 0..30);
    cluster.change("web", |pod| pod.ends = true);
    let even = regex::bytes::Regex::new("[02468]$").unwrap();
    let config = LogConfig::default()
        .include(even)
        .max_lines_per_container(4);
    let (feed, pods) = pods();
    feed.unbounded_send(cluster.event("web")).unwrap();
    let mut stream = cluster.stream_with(pods, config);
    assert_eq!(
        take(&mut stream, 7).await,
        [
            "web/0",
            "web/2",
            "web/4",
            "web/6",
            "only the first 4 lines are shown",
            "11 lines left out at the end",
            "web ended"
        ]
    );
}
