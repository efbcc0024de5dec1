//! The stream: opens and closes watches, reads owners, and keeps the time for the rules.

use std::collections::{HashMap, VecDeque};

use argo_core::{AppRef, TrackEvent, WatchEvent, sleep_until};
use futures::{
    Stream, StreamExt,
    future::BoxFuture,
    stream::{AbortHandle, BoxStream, FuturesUnordered, SelectAll, abortable},
};
use tokio::time::Instant;

use crate::{
    Clients, TrackConfig, Wanted,
    owner::{Answer, Owners},
    source::{Object, Reach, Source},
    tracker::Tracker,
};

/// Owners that are read at once.
const READERS: usize = 8;

/// Tracks an application.
///
/// The stream never ends by itself. What cannot be read is an item, and is tried again.
/// Nothing is asked of a cluster before the stream is polled.
pub fn track(
    clients: Clients,
    app: AppRef,
    config: TrackConfig,
) -> impl Stream<Item = TrackEvent> + Send + 'static {
    let running = Running::new(clients, app, config);
    futures::stream::unfold(running, |mut running| async move {
        let event = running.next().await;
        Some((event, running))
    })
}

impl Reach {
    pub(crate) fn new(clients: &Clients, config: &TrackConfig) -> Self {
        let applications = clients.applications.as_ref();
        let applications = applications.unwrap_or(&clients.workloads);
        Self {
            workloads: clients.workloads.client.clone(),
            applications: applications.client.clone(),
            kinds: config.kinds.clone(),
        }
    }
}

struct Running {
    tracker: Tracker,
    reach: Reach,
    owners: Owners,
    watches: SelectAll<BoxStream<'static, (Source, WatchEvent<Object>)>>,
    open: HashMap<Source, AbortHandle>,
    waiting: VecDeque<Wanted>,
    reading: FuturesUnordered<BoxFuture<'static, (Wanted, Answer)>>,
    started: Option<Instant>,
}

enum Input {
    Watched(Source, WatchEvent<Object>),
    Read(Wanted, Answer),
    Tick,
}

impl Running {
    fn new(clients: Clients, app: AppRef, config: TrackConfig) -> Self {
        Self {
            reach: Reach::new(&clients, &config),
            tracker: Tracker::new(&clients, app, config),
            owners: Owners::new(clients.workloads.client),
            watches: SelectAll::new(),
            open: HashMap::new(),
            waiting: VecDeque::new(),
            reading: FuturesUnordered::new(),
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
            let input = self.input(started).await;
            let now = started.elapsed();
            match input {
                Input::Watched(source, event) => self.tracker.watched(&source, event, now),
                Input::Read(wanted, answer) => self.tracker.owner_read(&wanted, answer),
                Input::Tick => self.tracker.tick(now),
            }
        }
    }

    async fn input(&mut self, started: Instant) -> Input {
        let deadline = self.tracker.deadline().map(|deadline| started + deadline);
        tokio::select! {
            biased;
            Some((wanted, answer)) = self.reading.next(), if !self.reading.is_empty() => {
                Input::Read(wanted, answer)
            }
            () = sleep_until(deadline) => Input::Tick,
            Some((source, event)) = self.watches.next(), if !self.watches.is_empty() => {
                Input::Watched(source, event)
            }
        }
    }

    fn open_and_close(&mut self) {
        let wanted = self.tracker.sources();
        if wanted.len() == self.open.len()
            && wanted.iter().all(|source| self.open.contains_key(source))
        {
            return;
        }
        self.open.retain(|source, handle| {
            let stays = wanted.contains(source);
            if !stays {
                log::debug!("no longer watching {source:?}");
                handle.abort();
            }
            stays
        });
        for source in wanted {
            if !self.open.contains_key(source) {
                log::debug!("watching {source:?}");
                let key = source.clone();
                let events = source.watch(&self.reach);
                let (events, handle) = abortable(events.map(move |event| (key.clone(), event)));
                self.watches.push(events.boxed());
                self.open.insert(source.clone(), handle);
            }
        }
    }

    fn read_owners(&mut self) {
        while let Some(wanted) = self.tracker.next_wanted() {
            self.waiting.push_back(wanted);
        }
        while self.reading.len() < READERS
            && let Some(wanted) = self.waiting.pop_front()
        {
            let owners = self.owners.clone();
            self.reading.push(Box::pin(async move {
                let answer = owners.read(&wanted).await;
                (wanted, answer)
            }));
        }
    }
}

#[cfg(test)]
#[path = "track_tests.rs"]
mod tests;
