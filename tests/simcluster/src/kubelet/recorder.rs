//! Events as client-go's recorders write them.
//!
//! The old recorder (kubelet, controllers) counts up one Event object for the same message, joins
//! the tenth different message of one reason within ten minutes into `(combined from similar
//! events)`, and drops what exceeds 25 events of one object, of which one comes back every five
//! minutes (client-go, `tools/record/events_cache.go`). The scheduler writes the new style: no
//! count, a series from the second one on.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::{micro_time, time};
use crate::store::{Store, StoreError};

const SIMILAR_WINDOW: Duration = Duration::from_secs(600);
const SIMILAR_LIMIT: usize = 10;
const BURST: f64 = 25.0;
const REFILL_SECONDS: f64 = 300.0;

/// An occurrence that becomes an event of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Occurrence {
    /// `involvedObject`.
    pub(crate) about: Value,
    pub(crate) warning: bool,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Occurrence {
    pub(crate) fn normal(object: &Value, reason: &'static str, message: String) -> Self {
        Self {
            about: reference(object),
            warning: false,
            reason,
            message,
        }
    }

    pub(crate) fn warning(object: &Value, reason: &'static str, message: String) -> Self {
        Self {
            warning: true,
            ..Self::normal(object, reason, message)
        }
    }

    /// About one container of the pod.
    pub(crate) fn at(mut self, field_path: &str) -> Self {
        self.about["fieldPath"] = Value::from(field_path);
        self
    }

    fn kind(&self) -> &'static str {
        if self.warning { "Warning" } else { "Normal" }
    }

    fn namespace(&self) -> &str {
        match self.about["namespace"].as_str() {
            None | Some("") => "default",
            Some(namespace) => namespace,
        }
    }

    fn event_name(&self, now: Timestamp) -> String {
        let name = self.about["name"].as_str().unwrap_or_default();
        format!("{name}.{:x}", now.as_nanosecond())
    }
}

fn reference(object: &Value) -> Value {
    let meta = &object["metadata"];
    let mut about = json!({
        "kind": object["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "apiVersion": object["apiVersion"],
        "resourceVersion": meta["resourceVersion"],
    });
    if let Some(namespace) = meta["namespace"].as_str() {
        about["namespace"] = Value::from(namespace);
    }
    about
}

/// One component's recorder.
#[derive(Debug)]
pub(crate) struct Recorder {
    component: &'static str,
    host: Option<&'static str>,
    written: HashMap<String, Written>,
    similar: HashMap<String, Similar>,
    budgets: HashMap<String, Budget>,
    last: i128,
}

#[derive(Debug)]
struct Written {
    namespace: String,
    name: String,
    count: u64,
}

#[derive(Debug)]
struct Similar {
    last: Timestamp,
    messages: BTreeSet<String>,
}

#[derive(Debug)]
struct Budget {
    left: f64,
    at: Timestamp,
}

impl Recorder {
    pub(crate) fn new(component: &'static str, host: Option<&'static str>) -> Self {
        Self {
            component,
            host,
            written: HashMap::new(),
            similar: HashMap::new(),
            budgets: HashMap::new(),
            last: 0,
        }
    }

    /// Writes an event, or counts up the one that says the same.
    pub(crate) fn record(&mut self, store: &Store, occurrence: &Occurrence) {
        let now = self.moment(store);
        let (message, key) = self.combined(occurrence, now);
        if !self.affordable(occurrence, now) {
            return;
        }
        if self.counted_up(store, &key, &message, now) {
            return;
        }
        let event = self.event(occurrence, &message, now);
        self.write(store, key, event, now);
    }

    /// The scheduler's style.
    pub(crate) fn record_series(&mut self, store: &Store, occurrence: &Occurrence, action: &str) {
        let now = self.moment(store);
        let key = format!("{} {}", occurrence.about["uid"], occurrence.reason);
        if let Some(written) = self.written.get_mut(&key) {
            written.count += 1;
            let series = json!({"count": written.count, "lastObservedTime": micro_time(now)});
            let patch = json!({"series": series});
            let (namespace, name) = (&written.namespace, &written.name);
            if store.merge_patch("events", namespace, name, &patch).is_ok() {
                return;
            }
        }
        let event = json!({
            "kind": "Event", "apiVersion": "v1",
            "metadata": {"name": occurrence.event_name(now), "namespace": occurrence.namespace()},
            "involvedObject": occurrence.about,
            "reason": occurrence.reason, "message": occurrence.message, "source": {},
            "firstTimestamp": null, "lastTimestamp": null, "type": occurrence.kind(),
            "eventTime": micro_time(now), "action": action,
            "reportingComponent": self.component,
            "reportingInstance": format!("{}-vm", self.component),
        });
        self.write(store, key, event, now);
    }

    /// Creates an event. Another component may have named one of this object after the same moment.
    fn write(&mut self, store: &Store, key: String, mut event: Value, at: Timestamp) {
        for later in 0..1000 {
            let made = match store.create(event.clone()) {
                Err(StoreError::AlreadyExists { .. }) => {
                    let name = event["involvedObject"]["name"].as_str().unwrap_or_default();
                    let moment = at.as_nanosecond() + later + 1;
                    event["metadata"]["name"] = json!(format!("{name}.{moment:x}"));
                    continue;
                }
                made => made,
            };
            if let Ok(event) = made {
                let written = Written {
                    namespace: event.namespace().to_owned(),
                    name: event.name().to_owned(),
                    count: 1,
                };
                self.written.insert(key, written);
            }
            return;
        }
    }

    /// Forgets what was said about an object that is gone.
    pub(crate) fn forget(&mut self, uid: &str) {
        self.written.retain(|key, _| !key.contains(uid));
        self.similar.retain(|key, _| !key.contains(uid));
        self.budgets.retain(|key, _| !key.contains(uid));
    }

    /// Now, but never the same twice: events are named after it.
    fn moment(&mut self, store: &Store) -> Timestamp {
        let now = store.clock().now();
        self.last = now.as_nanosecond().max(self.last + 1);
        Timestamp::from_nanosecond(self.last).unwrap_or(now)
    }

    fn combined(&mut self, occurrence: &Occurrence, now: Timestamp) -> (String, String) {
        let about = &occurrence.about;
        let group = format!(
            "{} {} {} {}",
            about["uid"], about["fieldPath"], occurrence.warning, occurrence.reason
        );
        let similar = self.similar.entry(group.clone()).or_insert(Similar {
            last: now,
            messages: BTreeSet::new(),
        });
        if now.duration_since(similar.last).unsigned_abs() > SIMILAR_WINDOW {
            similar.messages.clear();
        }
        similar.last = now;
        similar.messages.insert(occurrence.message.clone());
        if similar.messages.len() < SIMILAR_LIMIT {
            let key = format!("{group} {}", occurrence.message);
            return (occurrence.message.clone(), key);
        }
        if let Some(first) = similar.messages.first().cloned() {
            similar.messages.remove(&first);
        }
        let message = format!("(combined from similar events): {}", occurrence.message);
        (message, group)
    }

    fn affordable(&mut self, occurrence: &Occurrence, now: Timestamp) -> bool {
        let uid = occurrence.about["uid"].as_str().unwrap_or_default();
        let budget = self.budgets.entry(uid.to_owned()).or_insert(Budget {
            left: BURST,
            at: now,
        });
        let passed = now.duration_since(budget.at).as_secs_f64();
        budget.left = (budget.left + passed / REFILL_SECONDS).min(BURST);
        budget.at = now;
        let affordable = budget.left >= 1.0;
        if affordable {
            budget.left -= 1.0;
        }
        affordable
    }

    fn counted_up(&mut self, store: &Store, key: &str, message: &str, now: Timestamp) -> bool {
        let Some(written) = self.written.get_mut(key) else {
            return false;
        };
        written.count += 1;
        let patch = json!({
            "count": written.count, "lastTimestamp": time(now), "message": message,
        });
        let (namespace, name) = (&written.namespace, &written.name);
        store.merge_patch("events", namespace, name, &patch).is_ok()
    }

    fn event(&self, occurrence: &Occurrence, message: &str, now: Timestamp) -> Value {
        // A combined event has lost who reports it (recording 11).
        let combined = message.starts_with("(combined from similar events)");
        let component = if combined { "" } else { self.component };
        let instance = self.host.filter(|_| !combined).unwrap_or_default();
        let mut source = json!({"component": self.component});
        if let Some(host) = self.host {
            source["host"] = Value::from(host);
        }
        json!({
            "kind": "Event", "apiVersion": "v1",
            "metadata": {"name": occurrence.event_name(now), "namespace": occurrence.namespace()},
            "involvedObject": occurrence.about,
            "reason": occurrence.reason, "message": message, "source": source,
            "firstTimestamp": time(now), "lastTimestamp": time(now), "count": 1,
            "type": occurrence.kind(), "eventTime": null,
            "reportingComponent": component, "reportingInstance": instance,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn store() -> Store {
        let start = "2026-11-24T00:05:14Z".parse().unwrap();
        Store::new(Clock::starting_at(start, 1.0), 1)
    }

    fn about() -> Value {
        json!({"kind": "ReplicaSet", "apiVersion": "apps/v1",
            "metadata": {"name": "web-1", "namespace": "s11", "uid": "u", "resourceVersion": "5"}})
    }

    /// (message, count, reporting component) by the age of the event.
    fn written(store: &Store) -> Vec<(String, u64, String)> {
        let list = store.list("events", Some("s11")).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        list.items
            .iter()
            .map(|event| {
                let count = event["count"].as_u64().unwrap_or_default();
                (
                    text(&event["message"]),
                    count,
                    text(&event["reportingComponent"]),
                )
            })
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_message_is_counted_up() {
        let (store, mut recorder) = (store(), Recorder::new("kubelet", Some("node-1")));
        let again = Occurrence::warning(&about(), "BackOff", "Back-off".to_owned());
        for _ in 0..3 {
            recorder.record(&store, &again);
        }
        assert_eq!(
            written(&store),
            [("Back-off".to_owned(), 3, "kubelet".to_owned())]
        );
    }

    /// Recording 11: nine distinct events, then one that is counted from 1.
    #[tokio::test(start_paused = true)]
    async fn the_tenth_different_message_begins_a_combined_event() {
        let (store, mut recorder) = (store(), Recorder::new("replicaset-controller", None));
        for number in 0..14 {
            let message = format!("Error creating: pod {number:02}");
            recorder.record(
                &store,
                &Occurrence::warning(&about(), "FailedCreate", message),
            );
        }
        let written = written(&store);
        assert_eq!(written.len(), 10);
        assert!(written[..9].iter().all(|(_, count, _)| *count == 1));
        let last = "(combined from similar events): Error creating: pod 13".to_owned();
        assert_eq!(written[9], (last, 5, String::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_has_25_events_and_one_more_in_five_minutes() {
        let (store, mut recorder) = (store(), Recorder::new("kubelet", Some("node-1")));
        let again = Occurrence::warning(&about(), "Unhealthy", "no".to_owned());
        let mut say = |times: usize| {
            (0..times).for_each(|_| recorder.record(&store, &again));
            written(&store)[0].1
        };
        assert_eq!(say(40), 25);
        store.clock().sleep(Duration::from_secs(301)).await;
        assert_eq!(say(40), 26);
    }

    #[tokio::test(start_paused = true)]
    async fn two_components_may_speak_at_the_same_moment() {
        let store = store();
        for component in ["default-scheduler", "kubelet"] {
            let said = Occurrence::normal(&about(), "Said", component.to_owned());
            Recorder::new(component, None).record(&store, &said);
        }
        assert_eq!(written(&store).len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_scheduler_counts_in_a_series() {
        let (store, mut recorder) = (store(), Recorder::new("default-scheduler", None));
        let again = Occurrence::warning(&about(), "FailedScheduling", "0/1".to_owned());
        recorder.record_series(&store, &again, "Scheduling");
        let event = store.list("events", None).unwrap().items[0].clone();
        assert!(event["series"].is_null() && event["count"].is_null());
        recorder.record_series(&store, &again, "Scheduling");
        let event = store.list("events", None).unwrap().items[0].clone();
        assert_eq!(event["series"]["count"], 2);
        assert_eq!(event["eventTime"], "2026-11-24T00:05:14.000000Z");
    }
}
