//! Which event is news, which is a repeat, and which was there before.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use argo_core::text::similar;

use crate::{EventRecord, Scope};

/// One look at an event: in a list, or as it came or changed.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Uid of the event.
    pub uid: Arc<str>,
    /// Its resource version.
    pub resource_version: Arc<str>,
    /// How often it happened, as it says.
    pub count: u32,
    /// The watch that showed it.
    pub scope: Scope,
    /// What would be shown of it.
    pub record: EventRecord,
}

/// The memory that makes each occurrence one record.
///
/// An event is one object that its writer updates: the same uid with another resource
/// version is a repeat, with the same one it was only listed again. Repeats of one event
/// are told at most once in a quiet period; what comes in between is held, and the last
/// of it is given out by [`due`](Self::due), so that no count is lost. Warnings of one object that
/// differ only in a generated name are one event here, and their counts add up.
///
/// Time is any clock that does not go back, counted from the start.
#[derive(Debug)]
pub struct Occurrences {
    quiet: Duration,
    members: HashMap<Arc<str>, Member>,
    groups: HashMap<Arc<GroupKey>, Group>,
    held: BTreeMap<(Duration, u64), Arc<GroupKey>>,
    holds: u64,
    lists: HashMap<Scope, u64>,
}

/// An event as it was last seen.
#[derive(Debug)]
struct Member {
    resource_version: Arc<str>,
    count: u32,
    time: jiff::Timestamp,
    scope: Scope,
    /// The list of its scope that it was last seen in or after.
    list: u64,
    group: Arc<GroupKey>,
}

/// What one line stands for.
#[derive(Debug, PartialEq, Eq, Hash)]
struct GroupKey {
    object: Arc<str>,
    container: Option<Arc<str>>,
    reason: String,
    /// The normalised message of a warning, the uid of any other event: what is normal
    /// and happens to ten pods is ten things.
    what: String,
}

#[derive(Debug, Default)]
struct Group {
    members: usize,
    /// What its members count together, and the most that it ever was: an event that
    /// expired is written again with its count going on (client-go `tools/record/event.go`,
    /// `recordEvent`).
    sum: u32,
    peak: u32,
    given: bool,
    shown_at: Option<Duration>,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    due: (Duration, u64),
    record: EventRecord,
}

impl Occurrences {
    /// Nothing seen yet; repeats are `quiet` apart.
    pub fn new(quiet: Duration) -> Self {
        Self {
            quiet,
            members: HashMap::new(),
            groups: HashMap::new(),
            held: BTreeMap::new(),
            holds: 0,
            lists: HashMap::new(),
        }
    }

    /// Notes that an event was seen again as it was; false if it was not, and is to be
    /// [admitted](Self::admit).
    pub fn is_known(&mut self, uid: &str, resource_version: &str, scope: &Scope) -> bool {
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

    /// What to show of an event now, if anything.
    pub fn admit(&mut self, sighting: Sighting, now: Duration) -> Option<EventRecord> {
        if self.is_known(&sighting.uid, &sighting.resource_version, &sighting.scope) {
            return None;
        }
        let (key, happened) = self.note(&sighting);
        if !happened {
            return None;
        }
        self.tell(&key, sighting.record, now)
    }

    /// Updates or adds the event; true if it happened (again) since it was last seen.
    fn note(&mut self, sighting: &Sighting) -> (Arc<GroupKey>, bool) {
        let list = self.list(&sighting.scope);
        let known = self.members.get(&sighting.uid);
        let key = known.map_or_else(
            || Arc::new(GroupKey::of(sighting)),
            |m| Arc::clone(&m.group),
        );
        let before = known.map_or(0, |member| member.count);
        let happened = known.is_none_or(|member| {
            sighting.count > member.count || sighting.record.time > member.time
        });
        let group = self.groups.entry(Arc::clone(&key)).or_default();
        group.members += usize::from(known.is_none());
        group.sum = group
            .sum
            .saturating_sub(before)
            .saturating_add(sighting.count);
        group.peak = group.peak.max(group.sum);
        let member = Member {
            resource_version: Arc::clone(&sighting.resource_version),
            count: sighting.count,
            time: sighting.record.time,
            scope: sighting.scope.clone(),
            list,
            group: Arc::clone(&key),
        };
        self.members.insert(Arc::clone(&sighting.uid), member);
        (key, happened)
    }

    fn tell(
        &mut self,
        key: &Arc<GroupKey>,
        record: EventRecord,
        now: Duration,
    ) -> Option<EventRecord> {
        let group = self.groups.get_mut(key)?;
        if record.context {
            return Some(group.give(record));
        }
        let due = group.shown_at.map_or(now, |shown| shown + self.quiet);
        if let Some(held) = &mut group.held {
            held.record = record;
            return None;
        }
        if due <= now {
            group.shown_at = Some(now);
            return Some(group.give(record));
        }
        self.holds += 1;
        let due = (due, self.holds);
        self.held.insert(due, Arc::clone(key));
        group.held = Some(Held { due, record });
        None
    }

    /// When [`due`](Self::due) has something to give.
    pub fn next_due(&self) -> Option<Duration> {
        self.held.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes what was held for a whole quiet period.
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

    /// Takes all that is held: nothing more will come.
    pub fn flush(&mut self, now: Duration) -> Vec<EventRecord> {
        let held = std::mem::take(&mut self.held);
        held.values()
            .filter_map(|key| self.take_held(key, now))
            .collect()
    }

    fn take_held(&mut self, key: &Arc<GroupKey>, now: Duration) -> Option<EventRecord> {
        let group = self.groups.get_mut(key)?;
        let held = group.held.take()?;
        group.shown_at = Some(now);
        let record = group.give(held.record);
        if group.members == 0 {
            self.groups.remove(key);
        }
        Some(record)
    }

    /// An event is gone: its time to live is over, or someone deleted it.
    pub fn deleted(&mut self, uid: &str) {
        let Some(member) = self.members.remove(uid) else {
            return;
        };
        let Some(group) = self.groups.get_mut(&member.group) else {
            return;
        };
        group.members -= 1;
        group.sum = group.sum.saturating_sub(member.count);
        if group.members == 0 && group.held.is_none() {
            self.groups.remove(&member.group);
        }
    }

    /// A list of a scope begins.
    pub fn restarted(&mut self, scope: &Scope) {
        *self.lists.entry(scope.clone()).or_default() += 1;
    }

    /// A list of a scope is complete: what it did not show is gone.
    pub fn synced(&mut self, scope: &Scope) {
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

    /// Forgets an object that is gone; what was held of it.
    pub fn forget(&mut self, object: &str, now: Duration) -> Vec<EventRecord> {
        self.members
            .retain(|_, member| &*member.group.object != object);
        let mut held: Vec<_> = self
            .groups
            .extract_if(|key, _| &*key.object == object)
            .filter_map(|(_, mut group)| {
                let held = group.held.take()?;
                group.shown_at = Some(now);
                Some((held.due, group.give(held.record)))
            })
            .collect();
        held.sort_by_key(|(due, _)| *due);
        for (due, _) in &held {
            self.held.remove(due);
        }
        held.into_iter().map(|(_, record)| record).collect()
    }

    fn list(&self, scope: &Scope) -> u64 {
        self.lists.get(scope).copied().unwrap_or_default()
    }
}

impl Group {
    fn give(&mut self, mut record: EventRecord) -> EventRecord {
        record.count = self.peak;
        record.repeated = std::mem::replace(&mut self.given, true);
        record
    }
}

impl GroupKey {
    fn of(sighting: &Sighting) -> Self {
        let record = &sighting.record;
        Self {
            object: Arc::clone(&record.object.uid),
            container: record.container.clone(),
            reason: record.reason.clone(),
            what: match record.type_.as_str() {
                "Warning" => similar::normalised(&record.message),
                _ => sighting.uid.to_string(),
            },
        }
    }
}

/// Resource versions grow (Kubernetes `api-concepts`, 1.35); a list from another API
/// server may be a little behind. Where one is no number, another one is newer.
fn is_newer(version: &str, than: &str) -> bool {
    match (version.parse::<u64>(), than.parse::<u64>()) {
        (Ok(version), Ok(than)) => version > than,
        _ => version != than,
    }
}

#[cfg(test)]
#[path = "occurrences_tests.rs"]
mod tests;
