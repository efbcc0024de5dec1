// The stream with scripted sources, and against an API server made of canned answers.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Wake},
    time::Duration,
};

use crate::{
    ClusterEvents, Event, EventConfig, EventItem, EventRecord, EventScope, EventSource, EventStream,
};
use argo_core::{
    GroupKind, ObjectRef, TrackEvent, Tracked, TrackedBody, WatchEvent, client::Connection,
};
use futures::{
    Stream, StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    stream::BoxStream,
};
use http::{Request, Response};
use kube::{Client, client::Body};
use serde_json::{Value, json};

fn event(object: &str, uid: &str, version: u64, count: u32) -> Value {
    json!({
        "metadata": {"name": uid, "namespace": "shop", "uid": uid, "resourceVersion": version.to_string()},
        "involvedObject": {"kind": "Pod", "name": object, "namespace": "shop", "uid": object, "fieldPath": "spec.containers{app}"},
        "type": "Warning", "reason": "BackOff", "message": format!("back-off {uid}\n"), "count": count,
        "firstTimestamp": "2026-11-23T23:00:00Z", "lastTimestamp": "2026-11-23T23:00:00Z",
        "source": {"component": "kubelet"}
    })
}

fn decoded(event: Value) -> Event {
    serde_json::from_value(event).unwrap()
}

fn tracked(namespace: &str, uid: &str) -> TrackEvent {
    let object = ObjectRef {
        kind: GroupKind::new("", "Pod"),
        namespace: namespace.into(),
        name: uid.into(),
        uid: uid.into(),
    };
    TrackEvent::Applied(Tracked::root(object, TrackedBody::Other(Arc::default())))
}

fn removed(tracked: &TrackEvent) -> TrackEvent {
    match tracked {
        TrackEvent::Applied(tracked) => TrackEvent::Removed(tracked.object.clone()),
        other => panic!("{other:?}"),
    }
}

/// A source that a test feeds, by namespace; it notes what is watched.
#[derive(Default)]
struct Fed {
    ready: Mutex<BTreeMap<String, UnboundedReceiver<WatchEvent<Event>>>>,
    opened: Mutex<Vec<String>>,
}

impl Fed {
    fn namespace(&self, name: &str) -> UnboundedSender<WatchEvent<Event>> {
        let (feed, events) = unbounded();
        self.ready.lock().unwrap().insert(name.to_owned(), events);
        feed
    }

    fn opened(&self) -> Vec<String> {
        self.opened.lock().unwrap().clone()
    }
}

impl EventSource for Fed {
    fn watch(&self, scope: &EventScope) -> BoxStream<'static, WatchEvent<Event>> {
        let namespace = scope.namespace.to_string();
        let events = self.ready.lock().unwrap().remove(&namespace);
        self.opened.lock().unwrap().push(namespace);
        events.map_or_else(|| futures::stream::pending().boxed(), StreamExt::boxed)
    }
}

fn config() -> EventConfig {
    EventConfig::default().since("2026-11-23T23:00:00Z".parse().unwrap())
}

async fn record(events: &mut (impl Stream<Item = EventItem> + Unpin)) -> EventRecord {
    match events.next().await {
        Some(EventItem::Event(record)) => record,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn repeats_come_after_a_minute_and_the_last_count_at_the_end() {
    let source = Arc::new(Fed::default());
    let watch = source.namespace("shop");
    let (track, objects) = unbounded();
    let mut events = EventStream::new(source, objects, config());
    let happened =
        |version: u32| WatchEvent::Applied(decoded(event("web", "e1", version.into(), version)));

    track.unbounded_send(tracked("shop", "web")).unwrap();
    watch.unbounded_send(happened(1)).unwrap();
    let first = record(&mut events).await;
    assert_eq!(
        (first.count, first.repeated, first.message.as_str()),
        (1, false, "back-off e1")
    );

    let reported_at = tokio::time::Instant::now();
    for version in 2..5 {
        watch.unbounded_send(happened(version)).unwrap();
    }
    let second = record(&mut events).await;
    assert_eq!((second.count, second.repeated), (4, true));
    assert_eq!(reported_at.elapsed().as_secs(), 60);

    watch.unbounded_send(happened(5)).unwrap();
    let held = tokio::time::timeout(Duration::from_secs(1), events.next()).await;
    assert!(held.is_err(), "{held:?}");
    drop(track);
    assert_eq!(record(&mut events).await.count, 5);
    assert_eq!(events.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_watched_while_something_is_tracked_in_it() {
    let source = Arc::new(Fed::default());
    let (shop, web) = (source.namespace("shop"), tracked("shop", "web"));
    let (track, objects) = unbounded();
    let mut events = EventStream::new(Arc::clone(&source), objects, config());
    let mut idle = async |seconds| {
        let item = tokio::time::timeout(Duration::from_secs(seconds), events.next()).await;
        assert!(item.is_err(), "{item:?}");
    };

    idle(1).await;
    assert!(source.opened().is_empty());
    track.unbounded_send(web.clone()).unwrap();
    idle(3).await;
    assert_eq!(source.opened(), ["shop"]);
    track.unbounded_send(tracked("cart", "db")).unwrap();
    track.unbounded_send(tracked("cart", "db")).unwrap();
    idle(1).await;
    assert_eq!(source.opened(), ["shop", "cart"]);
    track.unbounded_send(removed(&web)).unwrap();
    idle(29).await;
    assert!(!shop.is_closed());
    idle(2).await;
    assert!(shop.is_closed());
    track.unbounded_send(web).unwrap();
    idle(1).await;
    assert_eq!(source.opened(), ["shop", "cart", "shop"]);
}

#[tokio::test(start_paused = true)]
async fn old_events_wait_until_it_is_known_what_is_tracked_but_not_for_ever() {
    let follow = || {
        let source = Arc::new(Fed::default());
        let (track, objects) = unbounded();
        let events = EventStream::new(Arc::clone(&source), objects, config());
        (source, track, events)
    };
    let idle = async |events: &mut (dyn Stream<Item = EventItem> + Unpin + Send), millis| {
        let item = tokio::time::timeout(Duration::from_millis(millis), events.next()).await;
        assert!(item.is_err(), "{item:?}");
    };

    let (source, track, mut events) = follow();
    track.unbounded_send(tracked("shop", "web")).unwrap();
    idle(&mut events, 500).await;
    assert!(source.opened().is_empty());
    track.unbounded_send(TrackEvent::Synced).unwrap();
    idle(&mut events, 1).await;
    assert_eq!(source.opened(), ["shop"]);
    track.unbounded_send(tracked("cart", "db")).unwrap();
    idle(&mut events, 1).await;
    assert_eq!(source.opened(), ["shop", "cart"]);

    let (source, track, mut events) = follow();
    idle(&mut events, 60_000).await;
    track.unbounded_send(tracked("shop", "web")).unwrap();
    idle(&mut events, 1_990).await;
    assert!(source.opened().is_empty());
    track.unbounded_send(tracked("cart", "db")).unwrap();
    idle(&mut events, 20).await;
    assert_eq!(source.opened(), ["cart", "shop"]);
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_busy_when_what_was_waited_for_is_gone() {
    let (track, objects) = unbounded();
    let config = config().wait(Duration::from_secs(1));
    let mut events = EventStream::new(Fed::default(), objects, config);
    let woken = Arc::new(Woken::default());
    let mut is_busy = async || {
        woken.0.store(false, Relaxed);
        let waker = Arc::clone(&woken).into();
        let poll = events.poll_next_unpin(&mut Context::from_waker(&waker));
        assert!(poll.is_pending(), "{poll:?}");
        // A task that never rests is woken by the runtime only after others had their turn.
        tokio::task::yield_now().await;
        woken.0.load(Relaxed)
    };

    let web = tracked("shop", "web");
    track.unbounded_send(web.clone()).unwrap();
    track.unbounded_send(removed(&web)).unwrap();
    assert!(!is_busy().await);
    for _ in 0..3 {
        tokio::time::advance(Duration::from_millis(1_500)).await;
        assert!(!is_busy().await);
    }
}

/// Answers one after another; then none, for ever.
#[derive(Clone)]
struct Server {
    answers: Arc<Mutex<VecDeque<String>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(answers: impl IntoIterator<Item = String>) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            requests: Arc::default(),
        }
    }

    fn connection(&self) -> Connection {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (server, uri) = (server.clone(), request.uri().to_string());
            async move { Ok::<_, Infallible>(server.answer(uri).await) }
        });
        Client::new(service, "default").into()
    }

    async fn answer(&self, uri: String) -> Response<Body> {
        self.requests.lock().unwrap().push(uri);
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(answer) => Response::new(Body::from(answer.into_bytes())),
            None => std::future::pending().await,
        }
    }
}

fn list(version: u64, events: &[Value]) -> String {
    let metadata = json!({"resourceVersion": version.to_string()});
    json!({"kind": "EventList", "apiVersion": "v1", "metadata": metadata, "items": events})
        .to_string()
}

fn changes(changes: &[(&str, Value)]) -> String {
    let lines = changes
        .iter()
        .map(|(type_, object)| json!({"type": type_, "object": object}).to_string() + "\n");
    lines.collect()
}

#[tokio::test(start_paused = true)]
async fn an_expired_watch_lists_again_without_doubles() {
    let expired = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version: 11 (90)", "reason": "Expired", "code": 410});
    let server = Server::new([
        list(10, &[event("web", "e1", 9, 1), event("other", "e2", 10, 1)]),
        changes(&[("ADDED", event("web", "e3", 11, 1)), ("ERROR", expired)]),
        list(
            90,
            &[
                event("web", "e1", 9, 1),
                event("web", "e3", 11, 1),
                event("web", "e4", 88, 1),
            ],
        ),
        changes(&[("ADDED", event("web", "e5", 91, 1))]),
    ]);
    let objects = futures::stream::iter([tracked("shop", "web")]).chain(futures::stream::pending());
    let source = ClusterEvents::new(server.connection());
    let mut events = EventStream::new(source, objects, config());
    let mut uids = Vec::new();
    for _ in 0..4 {
        uids.push(record(&mut events).await.message);
    }
    assert_eq!(
        uids,
        ["back-off e1", "back-off e3", "back-off e4", "back-off e5"]
    );
    let requests = server.requests.lock().unwrap().clone();
    let lists = requests
        .iter()
        .filter(|path| !path.contains("watch="))
        .count();
    assert_eq!(lists, 2, "{requests:?}");
    assert!(
        requests
            .iter()
            .all(|path| path.starts_with("/api/v1/namespaces/shop/events?")),
        "{requests:?}"
    );
}
