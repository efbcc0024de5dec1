//! The events of one object, merged and bounded.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use argo_core::{
    ObjectRef,
    text::{cap, similar::without_numbers},
};
use jiff::Timestamp;

/// Different events of one object that are remembered; above this the one that is longest ago
/// is dropped.
const KINDS: usize = 40;
/// Objects whose events are kept; above this the events of the object that came first are
/// dropped.
pub(super) const EVENT_OBJECTS: usize = 2_000;
/// Bytes above which a message is cut.
const MESSAGE: usize = 2048;

/// A Kubernetes event, as the rules need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFact {
    /// The object that the event is about.
    pub object: ObjectRef,
    /// The container that the event is about, from the field path.
    pub container: Option<String>,
    /// The reason, in one camel-case word.
    pub reason: String,
    /// The message, a sentence.
    pub message: String,
    /// `Normal` or `Warning`.
    pub type_: String,
    /// The number of times that the event happened.
    pub count: u32,
    /// The first time at which the event happened.
    pub first: Timestamp,
    /// The last time at which the event happened.
    pub last: Timestamp,
}

/// The events of all objects, by uid.
#[derive(Clone, Debug, Default)]
pub(super) struct EventLog {
    events: BTreeMap<Arc<str>, Events>,
    /// The objects, the one that came first in front.
    order: VecDeque<Arc<str>>,
}

/// The events of one object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events(Vec<EventFact>);

impl EventLog {
    pub(super) fn add(&mut self, event: EventFact) {
        let uid = Arc::clone(&event.object.uid);
        if !self.events.contains_key(&uid) {
            self.order.push_back(Arc::clone(&uid));
            if self.order.len() > EVENT_OBJECTS {
                let oldest = self.order.pop_front();
                oldest.and_then(|oldest| self.events.remove(&oldest));
            }
        }
        self.events.entry(uid).or_default().add(event);
    }

    pub(super) fn of(&self, uid: &str) -> Option<&Events> {
        self.events.get(uid)
    }

    #[cfg(test)]
    pub(super) fn objects(&self) -> usize {
        self.events.len()
    }
}

impl Events {
    /// Takes in an event. Events that differ only in generated names are merged: a quota
    /// makes an event for each pod that it refuses (recording 11).
    pub(crate) fn add(&mut self, mut event: EventFact) {
        if event.message.len() > MESSAGE {
            event.message = cap(&event.message, MESSAGE / 4);
        }
        let key = key(&event);
        match self.0.iter_mut().find(|known| self::key(known) == key) {
            Some(known) => merge(known, event),
            None => self.push(event),
        }
    }

    fn push(&mut self, event: EventFact) {
        if self.0.len() >= KINDS {
            let oldest = self
                .0
                .iter()
                .enumerate()
                .min_by_key(|(_, event)| event.last);
            if let Some((at, _)) = oldest {
                self.0.remove(at);
            }
        }
        self.0.push(event);
    }

    /// Returns the latest event that `fits` accepts.
    pub(crate) fn latest(&self, fits: impl Fn(&EventFact) -> bool) -> Option<&EventFact> {
        self.0
            .iter()
            .filter(|event| fits(event))
            .max_by_key(|event| event.last)
    }

    /// Every event, in no order.
    #[cfg(test)]
    fn iter(&self) -> impl Iterator<Item = &EventFact> {
        self.0.iter()
    }
}

fn key(event: &EventFact) -> (&str, Option<&str>, String) {
    let message = without_numbers(&event.message);
    (&event.reason, event.container.as_deref(), message)
}

/// Adds a repetition to a known event. The count of one series only grows; the count of
/// another series (each pod that a quota refuses has its own) is a further occurrence.
fn merge(known: &mut EventFact, event: EventFact) {
    known.count = if event.message == known.message {
        known.count.max(event.count)
    } else {
        known.count.saturating_add(1)
    };
    known.first = known.first.min(event.first);
    if event.last >= known.last {
        known.last = event.last;
        known.message = event.message;
    }
}

#[cfg(test)]
mod tests {
    use argo_core::GroupKind;

    use super::*;

    fn event(message: &str, count: u32, second: i64) -> EventFact {
        let time = Timestamp::from_second(second).unwrap();
        EventFact {
            object: ObjectRef {
                kind: GroupKind::new("apps", "ReplicaSet"),
                namespace: "s".into(),
                name: "r".into(),
                uid: "u".into(),
            },
            container: None,
            reason: "FailedCreate".into(),
            message: message.into(),
            type_: "Warning".into(),
            count,
            first: time,
            last: time,
        }
    }

    #[test]
    fn one_cause_is_one_event() {
        let mut events = Events::default();
        events.add(event(
            "pods \"web-6b4964b489-pq4s7\" is forbidden: used: pods=2",
            1,
            5,
        ));
        events.add(event(
            "pods \"web-6b4964b489-kqvmb\" is forbidden: used: pods=2",
            1,
            6,
        ));
        let combined = "(combined from similar events): pods \"web-6b4964b489-thz52\" is forbidden: used: pods=2";
        events.add(event(combined, 1, 7));
        events.add(event(combined, 3, 9));
        events.add(event("no such service account", 1, 8));
        let counts: Vec<_> = events.iter().map(|event| event.count).collect();
        assert_eq!(counts, [3, 1]);
        let first = events.latest(|event| event.message.contains("forbidden"));
        let times = first.map(|event| (event.first.as_second(), event.last.as_second()));
        assert_eq!(times, Some((5, 9)));
    }

    #[test]
    fn an_object_keeps_a_bounded_number() {
        let mut events = Events::default();
        for word in 0..1000_u32 {
            let word: String = word
                .to_string()
                .bytes()
                .map(|b| char::from(b + 49))
                .collect();
            events.add(event(&word, 1, 0));
        }
        assert_eq!(events.iter().count(), KINDS);
    }
}
