//! The stream of events: opens and closes watches, reads owners, keeps the time.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use argo_core::{
    AppRef, Bystanders, ObjectRef, TrackEvent, WatchEvent, resource::PackedPod, sleep_until,
};
use futures::{
    Stream, StreamExt,
    future::BoxFuture,
    stream::{AbortHandle, BoxStream, FuturesUnordered, SelectAll, abortable},
};
use tokio::time::Instant;

use super::{
    Clients, TrackConfig, Tracker,
    index::UnknownOwner,
    names::{Inquiry, Names},
    owner_reader::Answer,
    source::{ClusterObjects, ObjectSource},
    watches::{Observed, WatchSpec},
};

/// Owners that are read at once, and pods.
const READERS: usize = 8;

/// Tracks an application.
///
/// No request is sent before the stream is polled.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a stream owns what it is made of; callers have no use for the clients"
)]
pub fn track(clients: Clients, app: AppRef, config: TrackConfig) -> TrackStream {
    let bystanders = Bystanders::default();
    let source = ClusterObjects::new(&clients, &config).leaving_out(bystanders.clone());
    let tracker = Tracker::new(app, config, clients.local_cluster()).leaving_out(bystanders);
    track_from(Box::new(source), tracker)
}

/// Feeds a tracker from a source of objects.
pub(crate) fn track_from(source: Box<dyn ObjectSource>, tracker: Tracker) -> TrackStream {
    let running = Running::new(source, tracker);
    let events = futures::stream::unfold(running, |mut running| async move {
        let event = running.next().await;
        Some((event, running))
    });
    TrackStream(events.boxed())
}

/// The stream of [`track`]. It never ends by itself: a failure is an item, and is retried.
#[must_use = "streams do nothing unless polled"]
pub struct TrackStream(BoxStream<'static, TrackEvent>);

impl Stream for TrackStream {
    type Item = TrackEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<TrackEvent>> {
        self.0.poll_next_unpin(context)
    }
}

impl fmt::Debug for TrackStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackStream").finish_non_exhaustive()
    }
}

struct Running {
    tracker: Tracker,
    source: Box<dyn ObjectSource>,
    watches: SelectAll<BoxStream<'static, (WatchSpec, WatchEvent<Observed>)>>,
    open: HashMap<WatchSpec, AbortHandle>,
    waiting: VecDeque<UnknownOwner>,
    reading: FuturesUnordered<BoxFuture<'static, (UnknownOwner, Answer)>>,
    /// Pods to read.
    left_out: VecDeque<ObjectRef>,
    reading_pods: FuturesUnordered<BoxFuture<'static, (ObjectRef, Option<Arc<PackedPod>>)>>,
    inquiring: FuturesUnordered<BoxFuture<'static, (Inquiry, Names)>>,
    started: Option<Instant>,
}

enum Input {
    Watched(WatchSpec, WatchEvent<Observed>),
    Read(UnknownOwner, Answer),
    Pod(ObjectRef, Option<Arc<PackedPod>>),
    Names(Inquiry, Names),
    Tick,
}

impl Running {
    fn new(source: Box<dyn ObjectSource>, tracker: Tracker) -> Self {
        Self {
            source,
            tracker,
            watches: SelectAll::new(),
            open: HashMap::new(),
            waiting: VecDeque::new(),
            reading: FuturesUnordered::new(),
            left_out: VecDeque::new(),
            reading_pods: FuturesUnordered::new(),
            inquiring: FuturesUnordered::new(),
            started: None,
        }
    }

    async fn next(&mut self) -> TrackEvent {
        loop {
            if let Some(event) = self.tracker.next_event() {
                return event;
            }
            let started = *self.started.get_or_insert_with(Instant::now);
            self.open_and_close();
            self.read_owners();
            self.read_pods();
            self.inquire();
            let input = self.input(started).await;
            let now = started.elapsed();
            match input {
                Input::Watched(spec, event) => self.tracker.watched(&spec, event, now),
                Input::Read(unknown, answer) => self.tracker.owner_read(&unknown, answer),
                Input::Pod(wanted, found) => self.tracker.pod_read(&wanted, found),
                Input::Names(inquiry, names) => self.tracker.names_read(&inquiry, &names),
                Input::Tick => self.tracker.tick(now),
            }
        }
    }

    async fn input(&mut self, started: Instant) -> Input {
        let deadline = self.tracker.deadline().map(|deadline| started + deadline);
        tokio::select! {
            // Owners first: objects that wait for one have logs that nobody reads yet. The clock
            // comes before the watches, which may be ready without end.
            biased;
            Some((unknown, answer)) = self.reading.next(), if !self.reading.is_empty() => {
                Input::Read(unknown, answer)
            }
            Some((wanted, found)) = self.reading_pods.next(), if !self.reading_pods.is_empty() => {
                Input::Pod(wanted, found)
            }
            Some((inquiry, names)) = self.inquiring.next(), if !self.inquiring.is_empty() => {
                Input::Names(inquiry, names)
            }
            () = sleep_until(deadline) => Input::Tick,
            Some((spec, event)) = self.watches.next(), if !self.watches.is_empty() => {
                Input::Watched(spec, event)
            }
        }
    }

    fn open_and_close(&mut self) {
        // Runs before each event, and the set hardly ever changes.
        let wanted = self.tracker.watches();
        if wanted.len() == self.open.len() && wanted.iter().all(|spec| self.open.contains_key(spec))
        {
            return;
        }
        self.open.retain(|spec, handle| {
            let stays = wanted.contains(spec);
            if !stays {
                log::debug!("no longer watching {spec:?}");
                handle.abort();
            }
            stays
        });
        for spec in wanted {
            if !self.open.contains_key(spec) {
                log::debug!("watching {spec:?}");
                let key = spec.clone();
                let events = self.source.watch(spec);
                let (events, handle) = abortable(events.map(move |event| (key.clone(), event)));
                self.watches.push(events.boxed());
                self.open.insert(spec.clone(), handle);
            }
        }
    }

    fn inquire(&mut self) {
        while let Some(inquiry) = self.tracker.next_inquiry() {
            self.inquiring.push(self.source.read_names(inquiry));
        }
    }

    fn read_pods(&mut self) {
        while let Some(pod) = self.tracker.next_pod() {
            self.left_out.push_back(pod);
        }
        while self.reading_pods.len() < READERS
            && let Some(pod) = self.left_out.pop_front()
        {
            self.reading_pods.push(self.source.read_pod(pod));
        }
    }

    fn read_owners(&mut self) {
        while let Some(unknown) = self.tracker.next_owner() {
            self.waiting.push_back(unknown);
        }
        while self.reading.len() < READERS
            && let Some(unknown) = self.waiting.pop_front()
        {
            self.reading.push(self.source.read_owner(unknown));
        }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
