//! Combines the rules: takes tracked objects and watch events, produces records.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use argo_core::{
    Degraded, DegradedReason, Level, Notice, NoticeCode, TrackEvent, Tracked, WatchEvent,
    access::{self, Recovery, Reported},
    text::{redacted, similar},
};
use jiff::Timestamp;

use crate::{
    Event, EventConfig, EventItem, EventRecord, EventScope, LevelOverrides, classify,
    deduplicator::{Deduplicator, Observation},
    objects::{Known, Objects},
    occurrence::{self, whole_second},
    pending::PendingEvents,
};

/// Decides which events are reported.
///
/// The caller passes on each change of the tracker and of the watches. Then it takes the
/// [items](Self::next_item), watches the [scopes](Self::scopes), and calls
/// [`tick`](Self::tick) at the [deadline](Self::deadline). `now` is the time since the
/// start, from any clock that does not go back.
#[derive(Debug)]
pub struct Follower {
    since: Timestamp,
    overrides: LevelOverrides,
    objects: Objects,
    pending: PendingEvents<(EventScope, Event)>,
    deduplicator: Deduplicator,
    degraded: Reported<EventScope>,
    items: VecDeque<EventItem>,
}

impl Follower {
    /// Creates a follower without objects. `is_split` is true if Applications live on
    /// another cluster than the objects that they deploy.
    pub fn new(config: EventConfig, is_split: bool) -> Self {
        Self {
            // Old-style events are dated in whole seconds: an event in the second of the
            // start counts as after it.
            since: whole_second(config.since),
            overrides: config.overrides,
            objects: Objects::new(config.wait, is_split),
            pending: PendingEvents::new(config.wait, config.max_pending),
            deduplicator: Deduplicator::new(config.repeat_after),
            degraded: Reported::default(),
            items: VecDeque::new(),
        }
    }

    /// Takes a change of the tracked objects.
    pub fn track(&mut self, event: &TrackEvent, now: Duration) {
        self.tick(now);
        match event {
            TrackEvent::Applied(tracked) => self.applied(tracked, now),
            TrackEvent::Removed(object) => self.objects.removed(object, now),
            _ => {}
        }
    }

    fn applied(&mut self, tracked: &Tracked, now: Duration) {
        if self.objects.applied(tracked) {
            for (scope, event) in self.pending.release(&tracked.object.uid) {
                self.observed(&scope, event, now);
            }
        }
    }

    /// Takes a message of the watch of a scope.
    pub fn watched(&mut self, scope: &EventScope, event: WatchEvent<Event>, now: Duration) {
        self.tick(now);
        match event {
            WatchEvent::Applied(event) => self.observed(scope, event, now),
            WatchEvent::Deleted(event) => self.deduplicator.deleted(event.uid()),
            WatchEvent::Restarted => self.deduplicator.restarted(scope),
            WatchEvent::Synced => self.deduplicator.synced(scope),
            WatchEvent::Degraded(degraded) => self.degraded(scope, &degraded),
            WatchEvent::Restored => self.restored(scope),
        }
    }

    fn observed(&mut self, scope: &EventScope, event: Event, now: Duration) {
        if event.object_uid().is_empty() {
            // Nothing could be tracked by it.
            return;
        }
        let version = event
            .metadata
            .resource_version
            .as_deref()
            .unwrap_or_default();
        if self.deduplicator.is_known(event.uid(), version, scope) {
            return;
        }
        // The event of a kubelet is faster than the status of its pod, and that of a controller
        // faster than the watch of what it makes.
        let Some(known) = self.objects.get(event.object_uid()) else {
            let (object, time) = (event.object_uid().to_owned(), occurrence::time(&event));
            self.pending
                .hold(&object, time, (scope.clone(), event), now);
            return;
        };
        let observation = Observation {
            uid: event.uid().into(),
            resource_version: version.into(),
            count: occurrence::count(&event),
            scope: scope.clone(),
            record: self.record(&event, known),
        };
        let record = self.deduplicator.admit(observation, now);
        self.send(record);
    }

    fn send(&mut self, records: impl IntoIterator<Item = EventRecord>) {
        for mut record in records {
            // The restart of a container is three events (Pulled, Created, Started) beside
            // the back-off; one line is enough.
            let is_restart = record.repeated && record.container.is_some();
            if is_restart && record.level == Level::Info && !self.overrides.contains(&record.reason)
            {
                record.level = Level::Debug;
            }
            self.items.push_back(EventItem::Event(record));
        }
    }

    fn record(&self, event: &Event, known: &Known) -> EventRecord {
        let type_ = event.type_.clone().unwrap_or_default();
        let reason = event.reason.clone().unwrap_or_default();
        // client-go puts `(combined from similar events): ` before the tenth of one kind within
        // ten minutes; the sentence behind it is the same.
        let message = similar::without_prefix(event.message.as_deref().unwrap_or_default());
        let message = redacted(message.trim_end()).into_owned();
        let time = occurrence::time(event);
        EventRecord {
            time,
            level: classify::level(&type_, &reason, &message, &self.overrides),
            object: known.object.clone(),
            root: known.root.clone(),
            container: event.container().map(Arc::from),
            reason,
            message,
            count: occurrence::count(event),
            repeated: false,
            before_start: time < self.since,
            type_,
            component: event.component().to_owned(),
            first_seen: occurrence::first_time(event),
        }
    }

    fn degraded(&mut self, scope: &EventScope, degraded: &Degraded) {
        self.degraded.failed(scope, ());
        self.items
            .push_back(EventItem::Notice(notice(scope, degraded)));
    }

    fn restored(&mut self, scope: &EventScope) {
        if self.degraded.works(scope, ()) == Recovery::First {
            let message = format!(
                "events in namespace \"{}\" can be read again",
                scope.namespace
            );
            let notice = Notice::new(NoticeCode::Restored, Level::Info, message);
            self.items.push_back(EventItem::Notice(notice));
        }
    }

    /// Drops events that waited too long and sends the counts that are due.
    pub fn tick(&mut self, now: Duration) {
        self.pending.expire(now);
        let due = self.deduplicator.due(now);
        self.send(due);
        for uid in self.objects.expire(now) {
            let last = self.deduplicator.forget(&uid, now);
            self.send(last);
        }
    }

    /// Sends the counts that are held back. Call it when no more events will come.
    pub fn finish(&mut self, now: Duration) {
        let last = self.deduplicator.flush(now);
        self.send(last);
    }

    /// Returns the next time at which [`tick`](Self::tick) sends an item or changes the scopes.
    pub fn deadline(&self) -> Option<Duration> {
        let due = self.deduplicator.next_due();
        let expiry = self.objects.next_expiry();
        due.into_iter().chain(expiry).min()
    }

    /// Returns the scopes to watch now; watches of all others can be closed.
    pub fn scopes(&self) -> BTreeSet<EventScope> {
        self.objects.scopes()
    }

    /// Takes the oldest item.
    pub fn next_item(&mut self) -> Option<EventItem> {
        self.items.pop_front()
    }
}

/// Maps a failing watch to a notice. A lost connection is a detail here, because the tracker
/// of the objects reports it.
fn notice(scope: &EventScope, degraded: &Degraded) -> Notice {
    let (code, level, why) = match degraded.reason {
        DegradedReason::Forbidden => (NoticeCode::Forbidden, Level::Warning, "not allowed to"),
        DegradedReason::NotServed => (
            NoticeCode::NotServed,
            Level::Warning,
            "the server refuses to",
        ),
        DegradedReason::Unauthorized | DegradedReason::Unreachable => (
            NoticeCode::Unreachable,
            Level::Debug,
            "at the moment impossible to",
        ),
    };
    let namespace = &scope.namespace;
    let message = format!(
        "{why} list and watch events in namespace \"{namespace}\", so none are shown from there: {}",
        degraded.message
    );
    let notice = Notice::new(code, level, message);
    match degraded.reason {
        DegradedReason::Forbidden => notice.hint(access::grant(
            Some(namespace),
            &["list", "watch"],
            &["events"],
            &degraded.message,
        )),
        _ => notice,
    }
}

#[cfg(test)]
#[path = "follower_tests.rs"]
mod tests;
