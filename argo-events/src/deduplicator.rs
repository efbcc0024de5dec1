//! Tells new events from repeats and from events that were only listed again.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use argo_core::text::similar;

use crate::{EventRecord, EventScope, classify};

/// An event as one list or one watch message shows it.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Uid of the event.
    pub uid: Arc<str>,
    /// Its resource version.
    pub resource_version: Arc<str>,
    /// The count in the event.
    pub count: u32,
    /// The watch that showed it.
    pub scope: EventScope,
    /// The record to report if the event is new or a repeat.
    pub record: EventRecord,
}

/// Remembers the observed events, so that each occurrence is reported once.
///
/// An event is one object that its writer updates: the same uid with a newer resource
/// version is a repeat, with the same one it was only listed again. Repeats of an event
/// are reported at most once per `repeat_after`; records in between are held back, and
/// [`due`](Self::due) returns the last of them, so that no count is lost. Warnings about one
/// object that differ only in a generated name are grouped, and their counts add up. So are
/// the pods of a workload that nodes refuse: there is a new one every moment.
///
/// Times count from the start, on any clock that does not go back.
#[derive(Debug)]
pub struct Deduplicator {
    repeat_after: Duration,
    members: HashMap<Arc<str>, Member>,
    groups: HashMap<Arc<GroupKey>, Group>,
    held: BTreeMap<(Duration, u64), Arc<GroupKey>>,
    holds: u64,
    lists: HashMap<EventScope, u64>,
}

/// The last observation of an event.
#[derive(Debug)]
struct Member {
    resource_version: Arc<str>,
    count: u32,
    time: jiff::Timestamp,
    scope: EventScope,
    /// Number of the list of the scope in or after which it was last observed.
    list: u64,
    group: Arc<GroupKey>,
}

/// The events that are reported as one line.
#[derive(Debug, PartialEq, Eq, Hash)]
struct GroupKey {
    object: Arc<str>,
    container: Option<Arc<str>>,
    reason: String,
    /// The normalised message of a warning, or the uid of any other event: normal events
    /// are not grouped.
    discriminator: String,
}

#[derive(Debug, Default)]
struct Group {
    members: usize,
    /// Sum of the members' counts.
    sum: u32,
    /// The highest `sum` so far. It is reported because an event that expired is written
    /// again and continues its count (client-go `tools/record/event.go`, `recordEvent`).
    peak: u32,
    /// True once a record of the group was reported.
    is_reported: bool,
    reported_at: Option<Duration>,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    due: (Duration, u64),
    record: EventRecord,
}

impl Deduplicator {
    /// Creates an empty memory that reports repeats once per `repeat_after`.
    pub fn new(repeat_after: Duration) -> Self {
        Self {
            repeat_after,
            members: HashMap::new(),
            groups: HashMap::new(),
            held: BTreeMap::new(),
            holds: 0,
            lists: HashMap::new(),
        }
    }

    /// Records that an event was listed again. Returns false if the event is new or newer,
    /// and is to be [admitted](Self::admit).
    pub fn is_known(&mut self, uid: &str, resource_version: &str, scope: &EventScope) -> bool {
        let list = self.list(scope);
        let Some(member) = self.members.get_mut(uid) else {
            return false;
        };
        if member.list != list || member.scope != *scope {
            member.list = list;
            member.scope = scope.clone();
        }
        !is_newer(resource_version, &member.resource_version)
    }

    /// Returns the record to report now, if any.
    pub fn admit(&mut self, observation: Observation, now: Duration) -> Option<EventRecord> {
        if self.is_known(
            &observation.uid,
            &observation.resource_version,
            &observation.scope,
        ) {
            return None;
        }
        let (key, happened) = self.record(&observation);
        if !happened {
            return None;
        }
        self.report(&key, observation.record, now)
    }

    /// Updates or adds the event. Returns its group, and true if the event happened (again)
    /// since it was last observed.
    fn record(&mut self, observation: &Observation) -> (Arc<GroupKey>, bool) {
        let list = self.list(&observation.scope);
        let known = self.members.get(&observation.uid);
        let key = known.map_or_else(
            || Arc::new(GroupKey::new(observation)),
            |m| Arc::clone(&m.group),
        );
        let before = known.map_or(0, |member| member.count);
        let happened = known.is_none_or(|member| {
            // Either will do: a series of the new style counts before it dates, and a kubelet
            // that was restarted counts from 1 again.
            observation.count > member.count || observation.record.time > member.time
        });
        let group = self.groups.entry(Arc::clone(&key)).or_default();
        group.members += usize::from(known.is_none());
        group.sum = group
            .sum
            .saturating_sub(before)
            .saturating_add(observation.count);
        // An event lives for an hour, and the sum falls with each that goes; what has happened
        // does not.
        group.peak = group.peak.max(group.sum);
        let member = Member {
            resource_version: Arc::clone(&observation.resource_version),
            count: observation.count,
            time: observation.record.time,
            scope: observation.scope.clone(),
            list,
            group: Arc::clone(&key),
        };
        self.members.insert(Arc::clone(&observation.uid), member);
        (key, happened)
    }

    fn report(
        &mut self,
        key: &Arc<GroupKey>,
        record: EventRecord,
        now: Duration,
    ) -> Option<EventRecord> {
        let group = self.groups.get_mut(key)?;
        if record.before_start {
            // Not output, so it does not delay the first repeat that is.
            return Some(group.report(record));
        }
        let due = group.reported_at.map_or(now, |at| at + self.repeat_after);
        if let Some(held) = &mut group.held {
            held.record = record;
            return None;
        }
        if due <= now {
            group.reported_at = Some(now);
            return Some(group.report(record));
        }
        self.holds += 1;
        let due = (due, self.holds);
        self.held.insert(due, Arc::clone(key));
        group.held = Some(Held { due, record });
        None
    }

    /// Returns the next time at which [`due`](Self::due) returns a record.
    pub fn next_due(&self) -> Option<Duration> {
        self.held.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes the records that were held back for long enough.
    pub fn due(&mut self, now: Duration) -> Vec<EventRecord> {
        let mut records = Vec::new();
        while self.next_due().is_some_and(|due| due <= now) {
            let Some((_, key)) = self.held.pop_first() else {
                break;
            };
            records.extend(self.take_held(&key, now));
        }
        records
    }

    /// Takes all records that are held back. Call it when no more events will come.
    pub fn flush(&mut self, now: Duration) -> Vec<EventRecord> {
        let held = std::mem::take(&mut self.held);
        held.values()
            .filter_map(|key| self.take_held(key, now))
            .collect()
    }

    fn take_held(&mut self, key: &Arc<GroupKey>, now: Duration) -> Option<EventRecord> {
        let group = self.groups.get_mut(key)?;
        let held = group.held.take()?;
        group.reported_at = Some(now);
        let record = group.report(held.record);
        if group.members == 0 {
            self.groups.remove(key);
        }
        Some(record)
    }

    /// Forgets an event that expired or was deleted.
    pub fn deleted(&mut self, uid: &str) {
        let Some(member) = self.members.remove(uid) else {
            return;
        };
        let Some(group) = self.groups.get_mut(&member.group) else {
            return;
        };
        // The API server deletes events after an hour by default (`--event-ttl`): nothing about
        // the object has changed.
        group.members -= 1;
        group.sum = group.sum.saturating_sub(member.count);
        if group.members == 0 && group.held.is_none() {
            self.groups.remove(&member.group);
        }
    }

    /// Starts a list of a scope.
    pub fn restarted(&mut self, scope: &EventScope) {
        *self.lists.entry(scope.clone()).or_default() += 1;
    }

    /// Completes a list of a scope, and forgets the events that were not in it.
    pub fn synced(&mut self, scope: &EventScope) {
        let list = self.list(scope);
        let gone: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| member.scope == *scope && member.list != list)
            .map(|(uid, _)| Arc::clone(uid))
            .collect();
        for uid in gone {
            self.deleted(&uid);
        }
    }

    /// Forgets the events of a deleted object. Returns the records of it that were held back.
    pub fn forget(&mut self, object: &str, now: Duration) -> Vec<EventRecord> {
        self.members
            .retain(|_, member| &*member.group.object != object);
        let mut held: Vec<_> = self
            .groups
            .extract_if(|key, _| &*key.object == object)
            .filter_map(|(_, mut group)| {
                let held = group.held.take()?;
                group.reported_at = Some(now);
                Some((held.due, group.report(held.record)))
            })
            .collect();
        held.sort_by_key(|(due, _)| *due);
        for (due, _) in &held {
            self.held.remove(due);
        }
        held.into_iter().map(|(_, record)| record).collect()
    }

    fn list(&self, scope: &EventScope) -> u64 {
        self.lists.get(scope).copied().unwrap_or_default()
    }
}

impl Group {
    fn report(&mut self, mut record: EventRecord) -> EventRecord {
        record.count = self.peak;
        record.repeated = std::mem::replace(&mut self.is_reported, true);
        record
    }
}

impl GroupKey {
    fn new(observation: &Observation) -> Self {
        let record = &observation.record;
        if classify::is_refused_pod(record) {
            return Self {
                object: Arc::clone(&record.root.uid),
                container: None,
                reason: record.reason.clone(),
                discriminator: String::new(),
            };
        }
        Self {
            object: Arc::clone(&record.object.uid),
            container: record.container.clone(),
            reason: record.reason.clone(),
            discriminator: match record.type_.as_str() {
                "Warning" => similar::normalised(&record.message),
                _ => observation.uid.to_string(),
            },
        }
    }
}

/// Returns true if `version` is the newer of two resource versions. They grow (Kubernetes
/// `api-concepts`, 1.35), and a list from another API server may be a little behind.
/// If one of them is not a number, any other version counts as newer.
fn is_newer(version: &str, than: &str) -> bool {
    match (version.parse::<u64>(), than.parse::<u64>()) {
        (Ok(version), Ok(than)) => version > than,
        _ => version != than,
    }
}

#[cfg(test)]
#[path = "deduplicator_tests.rs"]
mod tests;
