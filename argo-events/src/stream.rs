//! The stream: opens and closes watches, and keeps the time for the rules.

use std::{sync::Arc, time::Duration};

use argo_core::{TrackEvent, WatchEvent, client::Connection, sleep_until};
use futures::{
    Stream, StreamExt,
    stream::{BoxStream, Fuse},
};
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_stream::StreamMap;

use crate::{
    Event, EventItem, EventSource, Overrides, Scope,
    follower::{Config, Follower},
    source::KubernetesEvents,
};

/// How long the first watch waits for the tracker to know what there is. Events that are
/// there already can be thousands, mostly of others: they shall not be read ahead of the pods
/// whose logs are waited for. None is missed by that.
const HOLD: Duration = Duration::from_secs(2);

/// The events of an application as a stream.
#[derive(Debug)]
pub struct EventStream;

impl EventStream {
    /// Events from a cluster.
    pub fn builder(connection: Connection) -> Builder {
        Builder {
            source: Source::Kubernetes(KubernetesEvents::new(connection)),
            config: Config::default(),
        }
    }

    /// Events from somewhere else.
    pub fn from_source(source: Arc<dyn EventSource>) -> Builder {
        Builder {
            source: Source::Other(source),
            config: Config::default(),
        }
    }
}

/// How an event stream is made.
#[must_use]
pub struct Builder {
    source: Source,
    config: Config,
}

enum Source {
    Kubernetes(KubernetesEvents),
    Other(Arc<dyn EventSource>),
}

impl Builder {
    /// What last happened before this is context. Default now.
    pub fn since(mut self, since: Timestamp) -> Self {
        self.config.since = since;
        self
    }

    /// Levels that the user wants.
    pub fn overrides(mut self, overrides: Overrides) -> Self {
        self.config.overrides = overrides;
        self
    }

    /// The least time between two records of one event. Default one minute.
    pub fn quiet(mut self, quiet: Duration) -> Self {
        self.config.quiet = quiet;
        self
    }

    /// Where the Applications are, if they live on another cluster than what they
    /// deploy. Of no effect on [other sources](EventStream::from_source).
    pub fn applications(mut self, connection: Connection) -> Self {
        if let Source::Kubernetes(source) = &mut self.source {
            source.applications = Some(connection.client);
            self.config.applications_apart = true;
        }
        self
    }

    /// The events of the objects that `tracked` tells of.
    ///
    /// The stream ends when `tracked` ends, after the last counts of what was held for
    /// the quiet period. Namespaces are watched from their first tracked object on until
    /// half a minute after their last one; the first ones from [`TrackEvent::Synced`] on, or
    /// two seconds after their first object.
    pub fn build(
        self,
        tracked: impl Stream<Item = TrackEvent> + Send + 'static,
    ) -> impl Stream<Item = EventItem> + Send {
        let source: Arc<dyn EventSource> = match self.source {
            Source::Kubernetes(source) => Arc::new(source),
            Source::Other(source) => source,
        };
        let running = Running {
            follower: Follower::new(self.config),
            tracked: tracked.boxed().fuse(),
            source,
            watches: StreamMap::new(),
            held: Held::Empty,
            started: Instant::now(),
        };
        futures::stream::unfold(running, |mut running| async move {
            let item = running.next().await?;
            Some((item, running))
        })
    }
}

struct Running {
    follower: Follower,
    tracked: Fuse<BoxStream<'static, TrackEvent>>,
    source: Arc<dyn EventSource>,
    watches: StreamMap<Scope, BoxStream<'static, WatchEvent<Event>>>,
    held: Held,
    started: Instant,
}

/// Whether watches wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Nothing is tracked yet.
    Empty,
    /// Until then, unless the tracker is through before.
    Until(Instant),
    /// Not any more.
    No,
}

#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
enum Input {
    Tracked(Option<TrackEvent>),
    Watched(Scope, WatchEvent<Event>),
    Tick,
}

impl Running {
    async fn next(&mut self) -> Option<EventItem> {
        loop {
            if let Some(item) = self.follower.next_item() {
                return Some(item);
            }
            if self.tracked.is_done() {
                return None;
            }
            let input = self.input().await;
            self.handle(input);
        }
    }

    /// Tracked objects first: an event of an object that is known need not wait.
    async fn input(&mut self) -> Input {
        let deadline = self.follower.deadline();
        let deadline = deadline.map(|deadline| self.started + deadline);
        let held = match self.held {
            Held::Until(until) => Some(until),
            Held::Empty | Held::No => None,
        };
        let deadline = deadline.into_iter().chain(held).min();
        tokio::select! {
            biased;
            tracked = self.tracked.next() => Input::Tracked(tracked),
            Some((scope, event)) = self.watches.next(), if !self.watches.is_empty() => {
                Input::Watched(scope, event)
            }
            () = sleep_until(deadline) => Input::Tick,
        }
    }

    fn handle(&mut self, input: Input) {
        let now = self.started.elapsed();
        match input {
            Input::Tracked(Some(event)) => {
                if matches!(event, TrackEvent::Synced) {
                    self.held = Held::No;
                }
                self.follower.track(&event, now);
            }
            Input::Tracked(None) => self.follower.finish(now),
            Input::Watched(scope, event) => {
                self.follower.watched(&scope, event, now);
                return;
            }
            Input::Tick => self.follower.tick(now),
        }
        self.open_and_close();
    }

    /// True while watches are not to be opened yet. It is asked at every turn, so that a
    /// time that is over is not waited for again.
    fn is_held(&mut self, is_empty: bool) -> bool {
        let now = Instant::now();
        match self.held {
            Held::Empty if is_empty => {}
            Held::Empty => self.held = Held::Until(now + HOLD),
            Held::Until(until) if now >= until => self.held = Held::No,
            Held::Until(_) | Held::No => {}
        }
        self.held != Held::No
    }

    fn open_and_close(&mut self) {
        let wanted = self.follower.scopes();
        if self.is_held(wanted.is_empty()) {
            return;
        }
        let closed: Vec<_> = self
            .watches
            .keys()
            .filter(|scope| !wanted.contains(scope))
            .cloned()
            .collect();
        for scope in closed {
            log::debug!("no longer watching events in {}", scope.namespace);
            self.watches.remove(&scope);
        }
        for scope in wanted {
            if !self.watches.contains_key(&scope) {
                log::debug!(
                    "watching events in {} {}",
                    scope.namespace,
                    scope.fields.as_deref().unwrap_or("(all)")
                );
                let watch = self.source.watch(&scope);
                self.watches.insert(scope, watch);
            }
        }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
