//! The stream: opens and closes watches, and keeps the time for the rules.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use argo_core::{TrackEvent, WatchEvent, sleep_until};
use futures::{
    Stream, StreamExt,
    stream::{BoxStream, Fuse},
};
use tokio::time::Instant;
use tokio_stream::StreamMap;

use crate::{Event, EventConfig, EventItem, EventScope, EventSource, follower::Follower};

/// The first watch is opened this long after the first object at the latest, even if the
/// tracker has not reported [`Synced`](TrackEvent::Synced). A namespace can hold thousands
/// of events, mostly of others, and the pods whose logs are waited for come first. The
/// delay loses no event.
const HOLD: Duration = Duration::from_secs(2);

/// The events of an application as a stream of [`EventItem`]s.
///
/// Ends when the stream of tracked objects ends, after the last counts of the repeats that
/// were held back. A namespace is watched from its first tracked object until half a
/// minute after its last one; the first watches are opened at [`TrackEvent::Synced`], or
/// two seconds after the first object.
#[must_use = "streams do nothing unless polled"]
pub struct EventStream {
    items: BoxStream<'static, EventItem>,
}

impl EventStream {
    /// Follows the events of the objects that `tracked` reports.
    pub fn new(
        source: impl EventSource + 'static,
        tracked: impl Stream<Item = TrackEvent> + Send + 'static,
        config: EventConfig,
    ) -> Self {
        let running = Running {
            follower: Follower::new(config, source.is_split()),
            tracked: tracked.boxed().fuse(),
            source: Box::new(source),
            watches: StreamMap::new(),
            hold: Hold::NoObjects,
            started: Instant::now(),
        };
        let items = futures::stream::unfold(running, |mut running| async move {
            let item = running.next().await?;
            Some((item, running))
        });
        Self {
            items: items.boxed(),
        }
    }
}

impl Stream for EventStream {
    type Item = EventItem;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<EventItem>> {
        self.items.poll_next_unpin(cx)
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").finish_non_exhaustive()
    }
}

struct Running {
    follower: Follower,
    tracked: Fuse<BoxStream<'static, TrackEvent>>,
    source: Box<dyn EventSource>,
    watches: StreamMap<EventScope, BoxStream<'static, WatchEvent<Event>>>,
    hold: Hold,
    started: Instant,
}

/// The delay before the first watch is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// No object is tracked yet.
    NoObjects,
    /// Objects are tracked; watches are opened then, or when the tracker is synced.
    Until(Instant),
    /// Watches are opened at once.
    Over,
}

enum Input {
    Tracked(Option<TrackEvent>),
    Watched(EventScope, WatchEvent<Event>),
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

    async fn input(&mut self) -> Input {
        let deadline = self.deadline();
        tokio::select! {
            // Tracked objects first: an event of a known object need not be held.
            biased;
            tracked = self.tracked.next() => Input::Tracked(tracked),
            Some((scope, event)) = self.watches.next(), if !self.watches.is_empty() => {
                Input::Watched(scope, event)
            }
            () = sleep_until(deadline) => Input::Tick,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let rules = self.follower.deadline().map(|after| self.started + after);
        let hold = match self.hold {
            Hold::Until(until) => Some(until),
            Hold::NoObjects | Hold::Over => None,
        };
        rules.into_iter().chain(hold).min()
    }

    fn handle(&mut self, input: Input) {
        let now = self.started.elapsed();
        match input {
            Input::Tracked(Some(event)) => {
                if matches!(event, TrackEvent::Synced) {
                    self.hold = Hold::Over;
                }
                self.follower.track(&event, now);
            }
            Input::Tracked(None) => self.follower.finish(now),
            Input::Watched(scope, event) => {
                // An event changes no scope.
                self.follower.watched(&scope, event, now);
                return;
            }
            Input::Tick => self.follower.tick(now),
        }
        self.open_and_close();
    }

    fn open_and_close(&mut self) {
        let wanted = self.follower.scopes();
        self.hold = self.hold.next(wanted.is_empty());
        if self.hold != Hold::Over {
            return;
        }
        let is_unwanted = |scope: &&EventScope| !wanted.contains(scope);
        let closed: Vec<_> = self.watches.keys().filter(is_unwanted).cloned().collect();
        for scope in closed {
            log::debug!("no longer watching events in {}", scope.namespace);
            self.watches.remove(&scope);
        }
        for scope in wanted {
            if !self.watches.contains_key(&scope) {
                let fields = scope.fields.as_deref().unwrap_or("(all)");
                log::debug!("watching events in {} {fields}", scope.namespace);
                let watch = self.source.watch(&scope);
                self.watches.insert(scope, watch);
            }
        }
    }
}

impl Hold {
    /// Returns the state after a look at the clock. Called at every turn, so that an
    /// expired deadline is not waited for again.
    fn next(self, is_empty: bool) -> Self {
        let now = Instant::now();
        match self {
            Self::NoObjects if !is_empty => Self::Until(now + HOLD),
            Self::Until(until) if now >= until => Self::Over,
            other => other,
        }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
