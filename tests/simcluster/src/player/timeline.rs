//! Acts in order of time.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// One run of one container.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunKey {
    /// Uid of the pod.
    pub pod_uid: String,
    /// Name of the container.
    pub container: String,
    /// `containerd://…`.
    pub id: String,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// An object has this state now, new or not.
    Put(Value),
    /// An object is gone. A pod's logs go with it.
    Delete(Value),
    /// A run of a container begins and has a log from now on.
    Start {
        /// The run.
        run: RunKey,
        /// Namespace of the pod.
        namespace: String,
        /// Name of the pod.
        pod: String,
        /// `restartCount` of this run.
        restart: u32,
    },
    /// A record of a log.
    Line {
        /// The run that wrote it.
        run: RunKey,
        /// Unix nanoseconds in front of the line.
        time: i64,
        /// True if it ends with a line feed.
        full: bool,
        /// The text without time and line feed.
        text: Vec<u8>,
    },
    /// The run is over: follows end.
    End(RunKey),
}

/// An act and its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Time of the act.
    pub at: Timestamp,
    /// The act.
    pub act: Act,
}

/// Acts in order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    entries: Vec<Entry>,
}

impl Timeline {
    /// Puts the entries in order; those of the same time stay as they are given.
    #[must_use]
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(|entry| entry.at);
        Self { entries }
    }

    /// Returns the acts in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the time of the first act.
    #[must_use]
    pub fn begins(&self) -> Option<Timestamp> {
        self.entries.first().map(|entry| entry.at)
    }

    /// Moves it in time by whole seconds: a `metav1.Time` has no fraction, and the order of
    /// two times must not change.
    #[must_use]
    pub fn shifted(mut self, seconds: i64) -> Self {
        for entry in &mut self.entries {
            entry.at = later(entry.at, seconds);
            match &mut entry.act {
                Act::Put(object) | Act::Delete(object) => shift_times(object, seconds),
                Act::Line { time, .. } => *time += seconds * 1_000_000_000,
                Act::Start { .. } | Act::End(_) => {}
            }
        }
        self
    }

    /// Moves it to begin at `start` or within the second after it.
    #[must_use]
    pub fn starting_at(self, start: Timestamp) -> Self {
        let Some(begins) = self.begins() else {
            return self;
        };
        let span = start.duration_since(begins);
        let part = i64::from(span.subsec_nanos() > 0);
        self.shifted(span.as_secs() + part)
    }

    /// Changes every object that is written.
    pub fn edit(&mut self, mut change: impl FnMut(&mut Value)) {
        for entry in &mut self.entries {
            if let Act::Put(object) | Act::Delete(object) = &mut entry.act {
                change(object);
            }
        }
    }
}

fn later(time: Timestamp, seconds: i64) -> Timestamp {
    let span = SignedDuration::from_secs(seconds);
    time.checked_add(span).unwrap_or(time)
}

/// Shifts every string that is a time in UTC, whatever field it stands in.
fn shift_times(value: &mut Value, seconds: i64) {
    match value {
        Value::String(text) => {
            if let Some(shifted) = shifted_text(text, seconds) {
                *text = shifted;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| shift_times(item, seconds)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| shift_times(field, seconds)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The fraction is kept as it is written.
fn shifted_text(text: &str, seconds: i64) -> Option<String> {
    let looks_like_time =
        (20..=30).contains(&text.len()) && text.as_bytes()[10] == b'T' && text.ends_with('Z');
    if !looks_like_time {
        return None;
    }
    let time: Timestamp = text.parse().ok()?;
    let whole = later(time, seconds).strftime("%Y-%m-%dT%H:%M:%S");
    Some(format!("{whole}{}", text.get(19..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_keep_their_form_and_texts_stay() {
        let mut value = json!({
            "a": "2026-11-23T23:59:59Z",
            "b": ["2026-11-23T23:59:59.000120Z"],
            "c": "ready since 2026-11-23T23:59:59Z",
            "d": "2026-11-23T23:59:59Ü Z",
        });
        shift_times(&mut value, 61);
        assert_eq!(
            value,
            json!({
                "a": "2026-11-24T00:01:00Z",
                "b": ["2026-11-24T00:01:00.000120Z"],
                "c": "ready since 2026-11-23T23:59:59Z",
                "d": "2026-11-23T23:59:59Ü Z",
            })
        );
    }

    #[test]
    fn a_timeline_never_begins_before_its_start() {
        let begins: Timestamp = "2026-11-23T12:00:00.9Z".parse().unwrap();
        let entry = Entry {
            at: begins,
            act: Act::Put(json!({})),
        };
        for start in ["2026-11-24T10:00:00.2Z", "2020-01-01T00:00:00.95Z"] {
            let start: Timestamp = start.parse().unwrap();
            let moved = Timeline::new(vec![entry.clone()]).starting_at(start);
            let wait = moved.begins().unwrap().duration_since(start);
            assert!(wait >= SignedDuration::ZERO && wait < SignedDuration::from_secs(1));
        }
    }
}
