//! A regular line on the workloads that are still missing, and the reason.

use std::time::Duration;

use argo_core::text::duration::in_words;
use argo_workloads::diagnosis::Finding;

use crate::{sanitize::printable, summary::Row};
use argo_core::text::cap;

/// The times between two lines while nothing changes: the first, the second, and so on; the last
/// one stays.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(120),
    Duration::from_secs(300),
];
/// The shortest time between two lines, even if something changed.
const SOONEST: Duration = Duration::from_secs(20);
/// The most workloads that a line names; the rest is counted.
const NAMES: usize = 3;
/// The most characters of a cause; the rest is cut off.
const CAUSE: usize = 160;

/// Decides when the line is due, and writes it.
#[derive(Debug, Default)]
pub(crate) struct Heartbeat {
    said_at: Duration,
    said: Vec<Key>,
    /// Number of lines since the last change.
    repeats: usize,
}

/// Something that is waited for and is no workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    /// Its name and state: `Ingress/web Progressing`.
    pub what: String,
    /// The reason, empty if it is unknown.
    pub why: String,
    /// The time since it has been so.
    pub age: Option<Duration>,
}

/// The content of a line without its durations; a line is news if its key is.
type Key = (String, Option<i64>, Option<i64>, String);

impl Heartbeat {
    /// Creates a heartbeat whose first line is due after 20 s.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// True if a line may be due.
    pub(crate) fn may_beat(&self, elapsed: Duration) -> bool {
        elapsed.saturating_sub(self.said_at) >= SOONEST
    }

    /// Returns the line if it is due: when something changed and the last line is 20 s old, or
    /// after ever longer pauses while nothing changes. It is for a record of kind `status` without a workload.
    ///
    /// `still waiting after 50 s: Deployment/web 2/3 ready — container app is not ready`
    pub(crate) fn beat(
        &mut self,
        elapsed: Duration,
        rows: &[Row],
        findings: &[Finding],
        others: &[Other],
    ) -> Option<String> {
        let waiting = rows.iter();
        let waiting: Vec<&Row> = waiting
            .filter(|row| !row.complete && row.holds_up)
            .collect();
        let quiet = elapsed.saturating_sub(self.said_at);
        if (waiting.is_empty() && others.is_empty()) || !self.may_beat(elapsed) {
            return None;
        }
        let keys = waiting.iter().map(|row| key(row, findings));
        let keys_of_others = others
            .iter()
            .map(|other| (other.what.clone(), None, None, other.why.clone()));
        let keys: Vec<Key> = keys.chain(keys_of_others).collect();
        if keys == self.said {
            if quiet < PAUSES[self.repeats.min(PAUSES.len() - 1)] {
                return None;
            }
            self.repeats += 1;
        } else {
            self.repeats = 0;
        }
        self.said_at = elapsed;
        self.said = keys;
        Some(line(elapsed, &waiting, findings, others))
    }
}

fn key(row: &Row, findings: &[Finding]) -> Key {
    let cause = match of(row, findings) {
        Some(finding) => format!("{} {}", finding.code, finding.cause),
        None => row.waiting_for.clone().unwrap_or_default(),
    };
    (row.object.to_string(), row.ready, row.desired, cause)
}

/// Returns the worst finding about a workload.
fn of<'a>(row: &Row, findings: &'a [Finding]) -> Option<&'a Finding> {
    findings
        .iter()
        .find(|finding| finding.workload.same_name(&row.object))
}

fn line(elapsed: Duration, waiting: &[&Row], findings: &[Finding], others: &[Other]) -> String {
    let workloads = waiting.iter().map(|row| workload(row, findings));
    let mut texts: Vec<String> = workloads.chain(others.iter().map(other)).collect();
    let all = texts.len();
    texts.truncate(NAMES);
    if all > NAMES {
        texts.push(format!("and {} more", all - NAMES));
    }
    format!(
        "still waiting after {}: {}",
        in_words(elapsed),
        texts.join("; ")
    )
}

/// `Ingress/web Progressing — no address yet (2 m)`
pub(crate) fn other(other: &Other) -> String {
    let mut text = printable(&other.what);
    if !other.why.is_empty() {
        text.push_str(" — ");
        text.push_str(&cap(&printable(&other.why), CAUSE));
    }
    if let Some(age) = other.age {
        text.push_str(&format!(" ({})", in_words(age)));
    }
    text
}

/// `Deployment/web 2/3 ready — container app is not ready`
pub(crate) fn workload(row: &Row, findings: &[Finding]) -> String {
    if row.object.is_application() {
        return application(row);
    }
    let mut text = printable(&row.object.to_string());
    // A pause says itself how many pods are new.
    if row.runs_once {
        if let (Some(ready), Some(desired)) = (row.ready, row.desired) {
            text.push_str(&format!(" {ready}/{desired} succeeded"));
        }
    } else if let Some(counts) = row.counts().filter(|_| row.state != "paused") {
        text.push_str(&format!(" {counts}"));
    }
    let why = of(row, findings).map(|finding| finding.sentence.as_str());
    let counts = format!(
        "{} of {} ",
        row.ready.unwrap_or(0),
        row.desired.unwrap_or(0)
    );
    let missing = row
        .waiting_for
        .as_deref()
        .filter(|missing| !missing.starts_with(&counts));
    if let Some(why) = why.or(row.failed.as_deref()).or(missing) {
        text.push_str(" — ");
        text.push_str(&cap(&printable(why), CAUSE));
    }
    text
}

/// `shop: 2 of 3 workloads complete; Deployment/web 2/3 ready`
fn application(row: &Row) -> String {
    let mut text = format!("{}: ", printable(&row.object.name));
    match (row.ready, row.desired) {
        (Some(ready), Some(desired)) if desired > 0 => {
            text.push_str(&format!("{ready} of {desired} workloads complete"));
        }
        _ => text.push_str("no workload yet"),
    }
    if let Some(why) = &row.waiting_for {
        text.push_str("; ");
        text.push_str(&cap(&printable(why), CAUSE));
    }
    text
}

#[cfg(test)]
#[path = "heartbeat_tests.rs"]
mod tests;
