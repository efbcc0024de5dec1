//! The paragraph of one cause: its sentence, the evidence, the last lines of the container and
//! the next step.

use std::collections::HashMap;

use argo_core::text::cap;
use argo_core::{Level, ObjectRef};
use argo_workloads::diagnosis::Finding;

use super::{
    Look,
    cause::{self, Cause},
    log_query,
    prose::printable,
};
use crate::summary::{EventNote, Outcome, Summary};

/// The most lines of a workload in all its paragraphs, including the empty lines between.
const MOST: usize = 25;
/// The fewest lines of a paragraph; with less room it is left out.
pub(super) const LEAST: usize = 4;
/// The most events of a workload.
const EVENTS: usize = 2;
/// The most events of all workloads where no cause was found.
const ALL_EVENTS: usize = 8;
/// The most workloads with one cause that are named with their pods.
const WORKLOADS: usize = 12;
/// The most characters of a log line or an event; the rest is cut off.
const LINE: usize = 160;

/// The number of lines that each workload has used of its share.
#[derive(Debug, Default)]
pub(super) struct Budget {
    used: HashMap<ObjectRef, usize>,
    paragraphs: usize,
}

impl Budget {
    /// Returns the number of lines that are left for a cause.
    pub(super) fn of(&self, cause: &Cause<'_>) -> usize {
        let used = |workload: &ObjectRef| self.used.get(workload).copied().unwrap_or(0);
        let most = cause.workloads().into_iter().map(used).max();
        MOST.saturating_sub(most.unwrap_or(0))
    }

    pub(super) fn spend(&mut self, cause: &Cause<'_>, lines: usize) {
        for workload in cause.workloads() {
            *self.used.entry(workload.clone()).or_default() += lines + 1;
        }
        self.paragraphs += 1;
    }

    pub(super) fn paragraphs(&self) -> usize {
        self.paragraphs
    }
}

/// The parts of a paragraph, in their order.
#[derive(Default)]
struct Parts {
    head: Vec<String>,
    evidence: Vec<String>,
    events: Vec<String>,
    lines: Vec<String>,
    next: Option<String>,
    logs: Option<String>,
}

impl Parts {
    fn len(&self) -> usize {
        self.head.len()
            + self.evidence.len()
            + self.events.len()
            + self.lines.len()
            + usize::from(self.next.is_some())
            + usize::from(self.logs.is_some())
    }

    /// Leaves out the least informative parts until the rest fits: old events, old lines, more
    /// evidence, and at last the end of a long sentence.
    fn fit(mut self, room: usize) -> Vec<String> {
        let mut over = self.len().saturating_sub(room);
        for part in [&mut self.events, &mut self.lines] {
            let cut = over.min(part.len());
            part.drain(..cut);
            over -= cut;
        }
        for part in [&mut self.evidence, &mut self.head] {
            let cut = over.min(part.len());
            part.truncate(part.len() - cut);
            over -= cut;
        }
        let Self {
            head,
            evidence,
            events,
            lines,
            next,
            logs,
        } = self;
        [head, evidence, events, lines]
            .into_iter()
            .flatten()
            .chain(next)
            .chain(logs)
            .collect()
    }
}

/// Returns the paragraph of a cause in at most `room` lines.
pub(super) fn of(
    cause: &Cause<'_>,
    summary: &Summary,
    look: &Look<'_>,
    room: usize,
) -> Vec<String> {
    let parts = match cause {
        Cause::Found(findings) => found(cause, findings, summary, look),
        Cause::GivenUp(row) => Parts {
            head: head(cause, "", &format!("{}.", cause.words()), look),
            events: events(&[&row.object], &[], summary, look),
            next: describe(&row.object),
            ..Parts::default()
        },
    };
    parts.fit(room)
}

fn found(cause: &Cause<'_>, findings: &[&Finding], summary: &Summary, look: &Look<'_>) -> Parts {
    let Some(first) = findings.first() else {
        return Parts::default();
    };
    let sentence = format!("{}.", cause.words().trim_end_matches('.'));
    let mut evidence = Vec::new();
    if findings.len() > 1 {
        evidence.extend(look.wrap(&each(findings, look), "  "));
    }
    let noted = |fact: &str| summary.operation.iter().any(|note| note.contains(fact));
    for fact in &first.evidence {
        if !sentence.contains(fact.as_str()) && !noted(fact) {
            evidence.extend(look.wrap(&printable(fact), "  "));
        }
    }
    let mut told = first.evidence.clone();
    told.push(sentence.clone());
    Parts {
        head: head(cause, first.code.as_str(), &sentence, look),
        events: events(&cause.workloads(), &told, summary, look),
        evidence,
        lines: last_lines(first, look),
        next: first
            .next
            .as_ref()
            .map(|next| format!("  Next: {}", printable(next))),
        logs: log_query::line(summary, first),
    }
}

/// `StatefulSet/db  crash-loop`, and the sentence.
fn head(cause: &Cause<'_>, code: &str, sentence: &str, look: &Look<'_>) -> Vec<String> {
    let names = cause.names(|object| look.name(object));
    let mut lines = vec![format!("{names}  {code}").trim_end().to_owned()];
    lines.extend(look.wrap(sentence, "  "));
    lines
}

/// `In Deployment/web (3 pods), Deployment/worker (2 pods)`
fn each(findings: &[&Finding], look: &Look<'_>) -> String {
    let with_pods = |finding: &&Finding| {
        let name = look.name(&finding.workload);
        match cause::pods(finding) {
            Some(pods) => format!("{name} ({pods})"),
            None => name,
        }
    };
    let named: Vec<String> = findings.iter().take(WORKLOADS).map(with_pods).collect();
    let more = match findings.len().saturating_sub(WORKLOADS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("In {}{more}", named.join(", "))
}

fn last_lines(finding: &Finding, look: &Look<'_>) -> Vec<String> {
    let line = |(time, text): &(jiff::Timestamp, String)| {
        format!("    {}  {}", look.time(*time), cap(&printable(text), LINE))
    };
    finding.last_lines.iter().map(line).collect()
}

/// Returns the newest warnings of some workloads that add to the text so far.
fn events(
    workloads: &[&ObjectRef],
    told: &[String],
    summary: &Summary,
    look: &Look<'_>,
) -> Vec<String> {
    let matters = |event: &&EventNote| {
        event.level <= Level::Warning
            && workloads
                .iter()
                .any(|workload| workload.same_name(&event.root))
            && !repeats(event, told)
    };
    newest(
        summary.events.iter().filter(matters).collect(),
        EVENTS,
        look,
    )
}

/// True if an event adds nothing to the text so far: the kubelet repeats a cause under
/// several reasons, and then reports that it waits.
fn repeats(event: &EventNote, told: &[String]) -> bool {
    let message = event.message.trim();
    let bare = ["Error creating: ", "Error: "]
        .iter()
        .find_map(|lead| message.strip_prefix(lead))
        .unwrap_or(message);
    let is_word = !told.is_empty() && !bare.contains(' ');
    let waits = !told.is_empty() && message.starts_with("Back-off ");
    let quotes = |text: &String| text.contains(bare) || (text.len() > 12 && bare.contains(text));
    is_word || waits || told.iter().any(quotes)
}

/// Each sentence once, the oldest first.
fn newest(mut events: Vec<&EventNote>, most: usize, look: &Look<'_>) -> Vec<String> {
    events.sort_by_key(|event| std::cmp::Reverse(event.time));
    let mut kept: Vec<&EventNote> = Vec::new();
    for event in events {
        let is_told =
            |other: &&EventNote| other.reason == event.reason && other.message == event.message;
        if kept.len() < most && !kept.iter().any(is_told) {
            kept.push(event);
        }
    }
    kept.iter()
        .rev()
        .map(|event| event_line(event, look))
        .collect()
}

fn event_line(event: &EventNote, look: &Look<'_>) -> String {
    let times = match event.count {
        0 | 1 => String::new(),
        count => format!(" (×{count})"),
    };
    let text = format!(
        "{} {}: {}{times}",
        printable(&event.object.to_string()),
        printable(&event.reason),
        cap(&printable(&event.message), LINE),
    );
    format!("    {}  {text}", look.time(event.time))
}

/// Returns the lines for a failure that no rule explains: the warnings, and commands with
/// which to look further.
pub(super) fn nothing_found(summary: &Summary, look: &Look<'_>) -> Vec<String> {
    let waiting: Vec<&ObjectRef> = summary
        .workloads
        .iter()
        .filter(|row| !row.complete && row.state != "paused")
        .map(|row| &row.object)
        .collect();
    let Some(first) = waiting.first() else {
        return Vec::new();
    };
    let matters = |event: &&EventNote| {
        event.level <= Level::Warning && waiting.iter().any(|object| object.same_name(&event.root))
    };
    let events = newest(
        summary.events.iter().filter(matters).collect(),
        ALL_EVENTS,
        look,
    );
    let needs_none = summary.outcome == Outcome::Interrupted || summary.explains_itself();
    if events.is_empty() && needs_none {
        return Vec::new();
    }
    let mut lines = vec![if events.is_empty() {
        "No cause found, and no warning among the events.".to_owned()
    } else {
        "No cause found. The last warnings:".to_owned()
    }];
    lines.extend(events);
    lines.extend(describe(first));
    lines
}

/// `  Next: kubectl -n shop-prod describe deployment/web`
fn describe(object: &ObjectRef) -> Option<String> {
    if object.name.is_empty() {
        return None;
    }
    let kind = printable(&object.kind.to_string()).to_lowercase();
    let name = printable(&object.name);
    let namespace = match &*object.namespace {
        "" => String::new(),
        namespace => format!("-n {} ", printable(namespace)),
    };
    Some(format!("  Next: kubectl {namespace}describe {kind}/{name}"))
}
