//! The rules together: tracked objects and events in, records out.

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
    Event, EventItem, EventRecord, Occurrences, Overrides, Park, Scope, Sighting, classify,
    objects::{Known, Objects},
    occurrence::{self, whole_second},
};

/// What the rules need to know. Durations are of any clock that does not go back.
#[derive(Clone, Debug)]
pub struct Config {
    /// What last happened before this is context.
    pub since: Timestamp,
    /// Levels that the user wants.
    pub overrides: Overrides,
    /// The least time between two records of one event. Default one minute.
    pub quiet: Duration,
    /// How long an event waits for its object, and an object that is gone for its last
    /// events. Default 30 s.
    pub wait: Duration,
    /// How many events wait at most. Default 4096.
    pub waiting: usize,
    /// True if Applications live on another cluster than what they deploy.
    pub applications_apart: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            since: Timestamp::now(),
            overrides: Overrides::default(),
            quiet: Duration::from_secs(60),
            wait: Duration::from_secs(30),
            waiting: 4096,
            applications_apart: false,
        }
    }
}

/// Decides what is shown. It is fed with what the tracker and the watches say and asked
/// for [items](Self::next_item), for the [scopes](Self::scopes) to watch, and for the
/// [deadline](Self::deadline) at which it wants to be called. `now` counts from the start.
#[derive(Debug)]
pub struct Follower {
    since: Timestamp,
    overrides: Overrides,
    objects: Objects,
    park: Park<(Scope, Event)>,
    occurrences: Occurrences,
    degraded: Reported<Scope>,
    items: VecDeque<EventItem>,
}

impl Follower {
    /// Nothing tracked, nothing seen.
    pub fn new(config: Config) -> Self {
        Self {
            // Old-style events are dated in whole seconds: what happened in the second
            // of the start counts as after it.
            since: whole_second(config.since),
            overrides: config.overrides,
            objects: Objects::new(config.wait, config.applications_apart),
            park: Park::new(config.wait, config.waiting),
            occurrences: Occurrences::new(config.quiet),
            degraded: Reported::default(),
            items: VecDeque::new(),
        }
    }

    /// The tracker said something.
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
            for (scope, event) in self.park.release(&tracked.object.uid) {
                self.happened(&scope, event, now);
            }
        }
    }

    /// A watch said something.
    pub fn watched(&mut self, scope: &Scope, event: WatchEvent<Event>, now: Duration) {
        self.tick(now);
        match event {
            WatchEvent::Applied(event) => self.happened(scope, event, now),
            WatchEvent::Deleted(event) => self.occurrences.deleted(event.uid()),
            WatchEvent::Restarted => self.occurrences.restarted(scope),
            WatchEvent::Synced => self.occurrences.synced(scope),
            WatchEvent::Degraded(degraded) => self.degraded(scope, &degraded),
            WatchEvent::Restored => self.restored(scope),
        }
    }

    fn happened(&mut self, scope: &Scope, event: Event, now: Duration) {
        if event.object_uid().is_empty() {
            return;
        }
        let version = event
            .metadata
            .resource_version
            .as_deref()
            .unwrap_or_default();
        if self.occurrences.is_known(event.uid(), version, scope) {
            return;
        }
        let Some(known) = self.objects.get(event.object_uid()) else {
            let (object, time) = (event.object_uid().to_owned(), occurrence::time(&event));
            self.park.park(&object, time, (scope.clone(), event), now);
            return;
        };
        let sighting = Sighting {
            uid: event.uid().into(),
            resource_version: version.into(),
            count: occurrence::count(&event),
            scope: scope.clone(),
            record: self.record(&event, known),
        };
        let record = self.occurrences.admit(sighting, now);
        self.give(record);
    }

    fn give(&mut self, records: impl IntoIterator<Item = EventRecord>) {
        for mut record in records {
            // A container that is started again says so in three events beside the
            // back-off; one line is enough.
            let told = record.repeated && record.container.is_some();
            if told && record.level == Level::Info && !self.overrides.contains(&record.reason) {
                record.level = Level::Debug;
            }
            self.items.push_back(EventItem::Event(record));
        }
    }

    fn record(&self, event: &Event, known: &Known) -> EventRecord {
        let type_ = event.type_.clone().unwrap_or_default();
        let reason = event.reason.clone().unwrap_or_default();
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
            context: time < self.since,
            type_,
            component: event.component().to_owned(),
            first_seen: occurrence::first_time(event),
        }
    }

    fn degraded(&mut self, scope: &Scope, degraded: &Degraded) {
        self.degraded.failed(scope, ());
        self.items
            .push_back(EventItem::Notice(notice(scope, degraded)));
    }

    fn restored(&mut self, scope: &Scope) {
        if self.degraded.works(scope, ()) == Recovery::First {
            let message = format!(
                "events in namespace \"{}\" can be read again",
                scope.namespace
            );
            let notice = Notice::new(NoticeCode::Restored, Level::Info, message);
            self.items.push_back(EventItem::Notice(notice));
        }
    }

    /// Time went on.
    pub fn tick(&mut self, now: Duration) {
        self.park.expire(now);
        let due = self.occurrences.due(now);
        self.give(due);
        for uid in self.objects.expire(now) {
            let last = self.occurrences.forget(&uid, now);
            self.give(last);
        }
    }

    /// Nothing more will come: what is held becomes items.
    pub fn finish(&mut self, now: Duration) {
        let last = self.occurrences.flush(now);
        self.give(last);
    }

    /// The next time at which [`tick`](Self::tick) does something that can be seen.
    pub fn deadline(&self) -> Option<Duration> {
        let due = self.occurrences.next_due();
        let expiry = self.objects.next_expiry();
        due.into_iter().chain(expiry).min()
    }

    /// What has to be watched now. A scope that is no longer in it is no longer watched.
    pub fn scopes(&self) -> BTreeSet<Scope> {
        self.objects.scopes()
    }

    /// Takes the oldest item.
    pub fn next_item(&mut self) -> Option<EventItem> {
        self.items.pop_front()
    }
}

/// A lost connection is told by whoever tracks the objects: here it is detail.
fn notice(scope: &Scope, degraded: &Degraded) -> Notice {
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
