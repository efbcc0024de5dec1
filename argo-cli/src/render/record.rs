//! The tag and the message in the line of a record.

use std::borrow::Cow;

use argo_core::{Record, record::Body};

/// Returns the tag, which names the source or the subject of the line.
pub(super) fn tag(body: &Body) -> Cow<'_, str> {
    match body {
        Body::Log(log) => format!("{}/{}", log.pod, log.container).into(),
        Body::Event(event) => event.object.as_str().into(),
        Body::Argo(_) => "argo".into(),
        Body::Status(_) => "status".into(),
        Body::Finding(_) => "finding".into(),
        Body::Verdict(_) => "verdict".into(),
        Body::Notice(notice) => notice.object.as_deref().unwrap_or("assistant").into(),
        _ => "assistant".into(),
    }
}

/// Returns the message, together with the facts that JSON has in fields of their own.
pub(super) fn message(record: &Record) -> Cow<'_, str> {
    let msg = record.msg.as_str();
    match &record.body {
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
        Some(container) if !msg.contains(container) => format!("{msg} ({container})").into(),
        _ => msg.into(),
    }
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
