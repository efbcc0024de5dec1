//! The last line of the block: the cause in one sentence, which is the line that people read first.

use argo_core::text::{cap, duration::in_words};

use super::{
    cause::Cause,
    prose::{WIDTH, printable},
};
use crate::summary::{Outcome, Row, Summary};

/// Further causes and workloads that the last line names.
const NAMED: usize = 3;

/// Returns the cause in one sentence: the worst finding, or else the workloads that are not
/// ready.
pub(super) fn last_line(summary: &Summary, causes: &[Cause<'_>]) -> String {
    if let Some(reason) = own_reason(summary) {
        return format!(
            "{}: {}",
            printable(&summary.app),
            cap(&printable(reason), 4 * WIDTH)
        );
    }
    // An argocd that could not even ask ended the run, whatever else may still become well.
    let could_not_ask = summary.reason == "argocd" && summary.argocd_next.is_some();
    if could_not_ask && !causes.is_empty() && !causes.iter().any(Cause::is_doomed) {
        return format!("{}{}", without_workloads(summary), and_more(None, causes));
    }
    if let Some(cause) = causes.first() {
        let more = and_more(Some(cause), &causes[1..]);
        return format!("{}{more}", cap(&cause.sentence(), 4 * WIDTH));
    }
    let waiting: Vec<&Row> = summary
        .workloads
        .iter()
        .filter(|row| !row.complete)
        .collect();
    // An argocd that could not even ask is the cause, whatever the workloads still wait for.
    let argocd_failed = summary.reason == "argocd" && summary.argocd.is_some();
    let Some(row) = waiting.first().filter(|_| !argocd_failed) else {
        return without_workloads(summary);
    };
    let others = waiting.iter().skip(1);
    let names: Vec<String> = others
        .map(|row| printable(&row.object.to_string()))
        .collect();
    format!("{}{}", missing(row, summary), named(&names))
}

/// `Deployment/web: 2 of 3 ready after 5 m, and no cause found`
fn missing(row: &Row, summary: &Summary) -> String {
    let name = printable(&row.object.to_string());
    let missing = row.waiting_for.as_deref().unwrap_or(&row.state);
    if row.state == "paused" {
        return format!("{name}: {}", cap(&printable(missing), 2 * WIDTH));
    }
    let missing = with_counts(row, missing);
    let verb = if is_clause(&missing) {
        ""
    } else {
        "waiting for "
    };
    let end = match summary.outcome {
        Outcome::Interrupted => "when it was interrupted",
        _ => "and no cause found",
    };
    // One look has taken no time.
    let after = match summary.elapsed.is_zero() {
        true => String::new(),
        false => format!(" after {}", in_words(summary.elapsed)),
    };
    let missing = cap(&printable(&missing), 2 * WIDTH);
    format!("{name}: {verb}{missing}{after}, {end}")
}

/// Adds the counts of new pods while old ones are left. The ready replicas of a status include
/// pods of the old revision, so that `3 of 3 ready` may be true although no new pod runs.
fn with_counts(row: &Row, missing: &str) -> String {
    let has_old_pods = row.pods.is_some_and(|pods| pods.old > 0);
    match row.counts().filter(|_| has_old_pods) {
        Some(counts) if missing.ends_with("updated") || missing.ends_with(" ready") => counts,
        Some(counts) => format!("{counts}; {missing}"),
        None => missing.to_owned(),
    }
}

/// True if the words stand by themselves, as `2 of 3 ready` and `not scheduled yet` do; others
/// name a thing that is waited for.
fn is_clause(words: &str) -> bool {
    let openings = ["not ", "paused", "progressing", "failed", "complete"];
    words.starts_with(|first: char| first.is_ascii_digit())
        || openings.iter().any(|opening| words.starts_with(opening))
}

/// Returns the sentence of an end that no cause explains: something else runs than what was
/// expected, or nothing was found.
pub(super) fn own_reason(summary: &Summary) -> Option<&str> {
    let reasons = [
        "superseded",
        "not-as-expected",
        "no-permission",
        "nothing-found",
    ];
    let is_own = reasons.contains(&summary.reason.as_str());
    summary
        .operation
        .first()
        .map(String::as_str)
        .filter(|_| is_own)
}

fn without_workloads(summary: &Summary) -> String {
    let app = printable(&summary.app);
    let why = match (&summary.argocd, summary.operation.first()) {
        (Some(argocd), _) => printable(argocd),
        (None, Some(note)) => printable(note),
        (None, None) => reason(summary).to_owned(),
    };
    let incomplete = summary.workloads.iter().filter(|row| !row.complete).count();
    let state = match (summary.workloads.len(), incomplete) {
        (0, _) => "no workload was found".to_owned(),
        (_, 0) => "every workload is complete".to_owned(),
        (1, _) => "the workload is not complete".to_owned(),
        (all, incomplete) => format!("{incomplete} of {all} workloads are not complete"),
    };
    format!("{app}: {}; {state}", cap(&why, 2 * WIDTH))
}

/// Returns the cause of the end in words for people; the record has the code.
fn reason(summary: &Summary) -> &'static str {
    match summary.reason.as_str() {
        "signal" => "it was interrupted",
        "timeout" => "its time was over",
        "paused" => "it is paused until a person acts",
        "fail-fast" => "it could not succeed any more",
        "settle" => "it did not stay healthy",
        "look" => "this was one look",
        "another-application" => "the run ended because of another application",
        _ => "argocd ended",
    }
}

/// Returns ` (and Deployment/api crash-loop)`, or nothing if there are no others. Of the
/// workload and with the code of the first cause the part is named: ` (and container api
/// crash-loop)`.
pub(super) fn and_more(first: Option<&Cause<'_>>, others: &[Cause<'_>]) -> String {
    let name = |cause: &Cause<'_>| {
        let is_same = |first: &Cause<'_>| {
            let mut workloads = cause.workloads().into_iter();
            cause.code() == first.code() && workloads.all(|workload| first.is_of(workload))
        };
        let part = cause.part().filter(|_| first.is_some_and(is_same));
        let names = || cause.names(|object| printable(&object.to_string()));
        let name = part.unwrap_or_else(names);
        format!("{name} {}", cause.code()).trim_end().to_owned()
    };
    named(&others.iter().map(name).collect::<Vec<_>>())
}

/// Returns ` (and a, b, c and 4 more)`, or nothing without names.
pub(super) fn named(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let shown = names.iter().take(NAMED).map(|name| cap(name, 80));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => format!(" (and {shown})"),
        more => format!(" (and {shown} and {more} more)"),
    }
}
