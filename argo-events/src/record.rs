//! What the stream gives out.

use std::sync::Arc;

use argo_core::{
    Level, Notice, ObjectRef, Record,
    record::{self, Body},
};
use jiff::Timestamp;

/// What an event stream says.
#[derive(Clone, Debug, PartialEq)]
pub enum EventItem {
    /// An event of the application happened, or happened again.
    Event(EventRecord),
    /// Events cannot be read somewhere, or can be read again.
    Notice(Notice),
}

/// An event of an object of the application.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    /// When it last happened. Whole seconds for most repeats, finer for the rest.
    pub time: Timestamp,
    /// How much it matters.
    pub level: Level,
    /// The object it is about.
    pub object: ObjectRef,
    /// The object at the top of its ownership chain.
    pub root: ObjectRef,
    /// The container it is about, if it is about one.
    pub container: Option<Arc<str>>,
    /// The reason, in one camel-case word.
    pub reason: String,
    /// The sentence, on one or more lines, without credentials and without a trailing
    /// newline. It may hold any character: sanitise it before a terminal sees it.
    pub message: String,
    /// How often it happened so far, events that differ only in a generated name
    /// counted together.
    pub count: u32,
    /// True if an earlier record told of it already.
    pub repeated: bool,
    /// True if it last happened before the start: context for a verdict, not output.
    pub context: bool,
    /// `Normal` or `Warning`, as its writer had it.
    pub type_: String,
    /// The program that wrote it.
    pub component: String,
    /// When it first happened.
    pub first_seen: Timestamp,
}

impl From<EventRecord> for Record {
    /// `<reason>: <message>`, and `(×N)` where it happened more than once. A reason that the
    /// message begins with is not said twice.
    fn from(event: EventRecord) -> Self {
        let mut msg = match begins_with(&event.message, &event.reason) {
            true => event.message.clone(),
            false if event.message.is_empty() => event.reason.clone(),
            false => format!("{}: {}", event.reason, event.message),
        };
        if event.count > 1 {
            msg.push_str(&format!(" (×{})", event.count));
        }
        let body = Body::Event(record::Event {
            namespace: event.object.namespace.to_string(),
            object: event.object.to_string(),
            container: event.container.as_deref().map(str::to_owned),
            reason: event.reason,
            count: event.count,
        });
        Self::at(event.time, event.level, msg, body)
    }
}

/// `Started container app` begins with `Started`, `Failed to pull image` with `Failed`.
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
