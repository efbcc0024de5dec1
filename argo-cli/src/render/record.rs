//! The tag and the message in the line of a record.

use std::borrow::Cow;

use argo_core::{Record, record::Body};

/// Returns the tag, which names the source or the subject of the line.
pub(super) fn tag(body: &Body) -> Cow<'_, str> {
    match body {
        Body::Log(log) => container_tag(&log.pod, &log.container, log.store.as_deref()).into(),
        Body::Event(event) => event.object.as_str().into(),
        Body::Argo(_) => "argo".into(),
        Body::Status(_) => "status".into(),
        Body::Finding(_) => "finding".into(),
        Body::Verdict(_) => "verdict".into(),
        Body::Notice(notice) => notice.object.as_deref().unwrap_or("assistant").into(),
        _ => "assistant".into(),
    }
}

/// Returns `<pod>/<container>`, and the log store that has the line.
pub(super) fn container_tag(pod: &str, container: &str, store: Option<&str>) -> String {
    match store {
        Some(store) => format!("{pod}/{container} from {store}"),
        None => format!("{pod}/{container}"),
    }
}

/// Returns the message, together with the facts that JSON has in fields of their own.
pub(super) fn message(record: &Record) -> Cow<'_, str> {
    let msg = record.msg.as_str();
    match &record.body {
        // A wait names its resource in the middle.
        Body::Status(status) if msg.contains(&status.workload) => msg.into(),
        Body::Status(status) => after(&status.workload, " ", msg),
        Body::Finding(finding) => after(&finding.workload, ": ", msg),
        Body::Event(event) => with_container(msg, event.container.as_deref()),
        Body::Notice(notice) => with_hint(msg, notice.hint.as_deref()),
        _ => msg.into(),
    }
}

/// Puts the workload before the message about it, unless the message begins with it.
fn after<'a>(workload: &str, between: &str, msg: &'a str) -> Cow<'a, str> {
    if workload.is_empty() || msg.starts_with(workload) {
        return msg.into();
    }
    format!("{workload}{between}{msg}").into()
}

fn with_container<'a>(msg: &'a str, container: Option<&str>) -> Cow<'a, str> {
    match container {
        Some(container) if !names(msg, container) => format!("{msg} ({container})").into(),
        _ => msg.into(),
    }
}

/// True if a message names a container: `Started container app`, `Container app failed`. A
/// name such as `a` or `image` stands in many messages by chance.
fn names(msg: &str, container: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let named = |(at, word): (usize, &str)| {
        let rest = msg[at + word.len()..].trim_start_matches([':', ' ', '"']);
        let Some(rest) = rest.strip_prefix(container) else {
            return false;
        };
        // `Container image "busybox" already present`
        let is_phrase = container == "image" && rest.starts_with(" \"");
        !is_phrase && !rest.starts_with(is_part)
    };
    let words = ["container", "Container"];
    words.iter().any(|word| msg.match_indices(word).any(named))
}

fn with_hint<'a>(msg: &'a str, hint: Option<&str>) -> Cow<'a, str> {
    let Some(hint) = hint else {
        return msg.into();
    };
    let mut text = msg.to_owned();
    for line in hint.lines() {
        text.push_str("\n    ");
        text.push_str(line);
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_named_where_the_message_does_not() {
        let named = [
            ("Started container app", "app"),
            ("Created container: on", "on"),
            (
                "Container image failed liveness probe, will be restarted",
                "image",
            ),
            (
                "Back-off restarting failed container a in pod web-1_shop(uid)",
                "a",
            ),
            ("hook for Container \"app\" in Pod \"web-1\" failed", "app"),
        ];
        for (msg, container) in named {
            assert_eq!(with_container(msg, Some(container)), msg);
        }
        let unnamed = [
            (
                "Pulled: Container image \"busybox:1\" already present on machine",
                "image",
            ),
            (
                "Pulled: Container image \"app:1\" already present on machine",
                "app",
            ),
            ("Unhealthy: Readiness probe failed: HTTP 503", "a"),
            ("Started container app-2", "app"),
            ("BackOff: back-off 10s on pull", "on"),
        ];
        for (msg, container) in unnamed {
            let tagged = format!("{msg} ({container})");
            assert_eq!(with_container(msg, Some(container)), tagged);
        }
        assert_eq!(with_container("Scheduled", None), "Scheduled");
    }
}
