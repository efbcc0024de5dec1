//! The items of the stream.

use std::sync::Arc;

use argo_core::{
    Level, Notice, ObjectRef, Record,
    record::{self, Body},
};
use jiff::Timestamp;

/// An item of an event stream.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EventItem {
    /// An event of the application, new or repeated.
    Event(EventRecord),
    /// The events of a namespace cannot be read, or can be read again.
    Notice(Notice),
}

/// An event of an object of the application.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    /// Time of the last occurrence: in whole seconds for most repeats, else finer.
    pub time: Timestamp,
    /// Severity, by [`level`](crate::level).
    pub level: Level,
    /// The object that it is about.
    pub object: ObjectRef,
    /// The object at the top of the ownership chain of `object`.
    pub root: ObjectRef,
    /// The container that it is about, if any.
    pub container: Option<Arc<str>>,
    /// The reason, one camel-case word.
    pub reason: String,
    /// The message, on one or more lines, without credentials and without a trailing
    /// newline. It may contain any character: sanitise it before it reaches a terminal.
    pub message: String,
    /// Number of occurrences so far. Events that differ only in a generated name are
    /// counted together.
    pub count: u32,
    /// True if an earlier record reported the same event.
    pub repeated: bool,
    /// True if it last happened before the start: it explains the state, but is not news.
    pub before_start: bool,
    /// `Normal` or `Warning`, as in the event.
    pub type_: String,
    /// Name of the program that wrote it.
    pub component: String,
    /// Time of the first occurrence.
    pub first_seen: Timestamp,
}

impl From<EventRecord> for Record {
    /// Formats the event as `<reason>: <message>`, with `(×N)` if it happened more than once.
    /// The reason is left out if the message begins with it.
    fn from(event: EventRecord) -> Self {
        let mut msg = if begins_with(&event.message, &event.reason) {
            event.message.clone()
        } else if event.message.is_empty() {
            event.reason.clone()
        } else {
            format!("{}: {}", event.reason, event.message)
        };
        if event.count > 1 {
            msg.push_str(&format!(" (×{})", event.count));
        }
        let body = Body::Event(record::Event {
            app: None,
            namespace: event.object.namespace.to_string(),
            object: event.object.to_string(),
            container: event.container.as_deref().map(str::to_owned),
            reason: event.reason,
            count: event.count,
        });
        Self::at(event.time, event.level, msg, body)
    }
}

/// Returns true if the first word of the message is the reason: `Started container app`,
/// `Failed to pull image`.
fn begins_with(message: &str, reason: &str) -> bool {
    let start = message.get(..reason.len());
    let rest = message.get(reason.len()..).unwrap_or_default();
    start.is_some_and(|start| start.eq_ignore_ascii_case(reason)) && rest.starts_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_not_said_twice() {
        assert!(begins_with("Started container app", "Started"));
        assert!(begins_with("Failed to pull image", "Failed"));
        for (message, reason) in [
            ("Failedx y", "Failed"),
            ("Fail", "Failed"),
            ("", "Failed"),
            ("Stopping container", "Killing"),
        ] {
            assert!(!begins_with(message, reason), "{message} {reason}");
        }
    }
}
