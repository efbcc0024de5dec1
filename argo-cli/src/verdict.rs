//! The end of a run in words: one to three lines where all is well, otherwise a block
//! whose last line is the cause.
//!
//! The block is read from below: the last line is the cause in one sentence, above it a
//! paragraph for each cause (its sentence, the evidence, the last lines of the container,
//! the next step), above that the table. Workloads with one cause share a paragraph, and no
//! workload gets more than 25 lines.

mod cause;
mod failure;
mod log_query;
mod paragraph;
pub(crate) mod prose;
mod several;
mod table;

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use argo_core::text::duration::{in_words, seconds_in_words};
use argo_core::text::{cap, counted};
use argo_core::{
    Level, ObjectRef, Record,
    record::{self, Body, WorkloadSummary},
};
use argo_workloads::diagnosis::Finding;
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    argocd::Wait,
    sanitize,
    settings::Settings,
    summary::{Outcome, Row, Summary},
};

pub use self::failure::{Failure, failures, finished};

use self::{
    cause::Cause,
    prose::{WIDTH, printable, wrap},
};

/// The most causes that get a paragraph. Further ones get a line each, and the rest is
/// counted.
const PARAGRAPHS: usize = 8;
const LINES: usize = 12;
/// Further causes and workloads that the last line names.
const NAMED: usize = 3;
/// The most sentences about the operation.
const NOTES: usize = 6;

/// The appearance of the block.
struct Look<'a> {
    zone: &'a TimeZone,
    colors: bool,
    /// True if the workloads lie in several namespaces, so that each is named with its own.
    namespaces: bool,
}

impl Look<'_> {
    fn paint(&self, text: &str, style: Style) -> String {
        if self.colors {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// `10:06:12`
    fn time(&self, time: Timestamp) -> String {
        let time = time.to_zoned(self.zone.clone());
        time.strftime("%H:%M:%S").to_string()
    }

    /// Returns `Deployment/web`, with its namespace if the workloads lie in several.
    fn name(&self, object: &ObjectRef) -> String {
        let name = printable(&object.to_string());
        if self.namespaces && !object.namespace.is_empty() {
            format!("{name} ({})", printable(&object.namespace))
        } else {
            name
        }
    }
}

/// Returns the block of text, each line with its newline.
pub fn text(summary: &Summary, settings: &Settings) -> String {
    let look = Look {
        zone: &settings.zone,
        colors: settings.colors,
        namespaces: has_several_namespaces(summary),
    };
    let lines = if summary.apps.is_empty() {
        block(summary, &look)
    } else {
        several::lines(summary, &look)
    };
    let lines = match settings.verdict_lines {
        Some(most) => within(lines, most),
        None => lines,
    };
    let mut out = Vec::new();
    for line in lines {
        let start = out.len();
        out.extend_from_slice(line.trim_end().as_bytes());
        sanitize::disarm_start(&mut out, start);
        out.push(b'\n');
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Returns the block of one application.
fn block(summary: &Summary, look: &Look<'_>) -> Vec<String> {
    match summary.outcome {
        Outcome::Succeeded => success(summary, look),
        _ => failure(summary, look),
    }
}

/// Returns the block in at most so many lines. The last one, which is the cause, and the header
/// stay; the ruler and the empty lines go first.
fn within(mut lines: Vec<String>, most: usize) -> Vec<String> {
    if lines.len() > most {
        lines.retain(|line| !line.is_empty() && !line.starts_with('─'));
    }
    let over = lines.len().saturating_sub(most.max(2));
    if over > 0 {
        let end = lines.len() - 1;
        let start = end - over;
        lines.drain(start..end);
    }
    lines
}

/// Returns the facts of the block as a record, whose message is the block's last line.
pub fn record(summary: &Summary, time: Timestamp) -> Record {
    let level = match summary.outcome {
        Outcome::Succeeded => Level::Info,
        Outcome::Interrupted | Outcome::Waiting | Outcome::Paused => Level::Warning,
        Outcome::Failed | Outcome::TimedOut => Level::Error,
    };
    if !summary.apps.is_empty() {
        let body = Body::Verdict(several::verdict(summary));
        return Record::at(time, level, sentence(summary), body);
    }
    let finding_of = |finding: &Finding| record::Finding {
        log_query: log_query::of(summary, finding),
        ..finding.into()
    };
    let body = record::Verdict {
        apps: Vec::new(),
        app: summary.app.clone(),
        outcome: summary.outcome.name().to_owned(),
        reason: summary.reason.clone(),
        argocd_exit: summary.argocd_exit,
        exit: summary.exit,
        seconds: summary.elapsed.as_secs(),
        next: argocd_next(summary, &cause::causes(summary)).map(str::to_owned),
        findings: summary.findings.iter().map(finding_of).collect(),
        workloads: summary.workloads.iter().map(workload).collect(),
    };
    Record::at(time, level, sentence(summary), Body::Verdict(body))
}

/// Returns the end in one sentence.
pub fn sentence(summary: &Summary) -> String {
    if !summary.apps.is_empty() {
        return several::sentence(summary);
    }
    match summary.outcome {
        Outcome::Succeeded => rolled_out(summary),
        _ => last_line(summary, &cause::causes(summary)),
    }
}

fn workload(row: &Row) -> WorkloadSummary {
    WorkloadSummary {
        namespace: row.object.namespace.to_string(),
        workload: row.object.to_string(),
        ready: row.ready,
        desired: row.desired,
        complete: row.complete,
        restarts: row.restarts,
        seconds: row.seconds,
        waiting_for: row.waiting_for.clone(),
    }
}

fn has_several_namespaces(summary: &Summary) -> bool {
    let rows = summary.workloads.iter().map(|row| &row.object);
    let findings = summary.findings.iter().map(|finding| &finding.workload);
    let mut namespaces: Vec<&str> = rows
        .chain(findings)
        .filter(|object| !object.is_application() && !object.namespace.is_empty())
        .map(|object| &*object.namespace)
        .collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    namespaces.len() > 1
}

fn success(summary: &Summary, look: &Look<'_>) -> Vec<String> {
    let mut lines = vec![rolled_out(summary)];
    if incomplete_rows(summary).is_empty() {
        lines[0] = look.paint(&lines[0], AnsiColor::Green.on_default());
    }
    let causes = cause::causes(summary);
    // The first line has told of a pause.
    let told = |cause: &&Cause<'_>| cause.code() == "rollout-paused";
    if let Some(cause) = causes.first().filter(|cause| !told(cause)) {
        let text = format!(
            "Worth a look: {}{}",
            cause.sentence(),
            and_more(&causes[1..])
        );
        lines.push(cap(&text, 3 * WIDTH));
    }
    if let Some(note) = summary.operation.first() {
        lines.push(cap(&printable(note), 3 * WIDTH));
    }
    lines
}

/// `Rolled out shop in 1 m 06 s: 3 workloads, 5 pods, 0 restarts. Slowest: …`
fn rolled_out(summary: &Summary) -> String {
    if let Some(wait) = other_wait(summary) {
        return waited(summary, wait);
    }
    if summary.workloads.is_empty() {
        let who = if summary.argocd_exit.is_some() {
            "argocd"
        } else {
            "Argo CD"
        };
        return format!(
            "{}: {who} reports success; no workload was found.",
            printable(&summary.app)
        );
    }
    let paused = not_complete(summary).filter(|state| state.contains(" is paused"));
    if let Some(state) = paused {
        let (app, took) = (printable(&summary.app), in_words(summary.elapsed));
        let who = if summary.argocd_exit.is_some() {
            "argocd"
        } else {
            "Argo CD"
        };
        return format!("{app}: {who} reports success after {took}, but {state}.");
    }
    if let Some(text) = incomplete(summary) {
        return text;
    }
    if summary.pods == 0 && summary.workloads.iter().all(|row| row.seconds.is_none()) {
        let (app, workloads) = (
            printable(&summary.app),
            counted(summary.workloads.len(), "workload"),
        );
        return format!("{app} is rolled out: {workloads}, nothing had to change.");
    }
    let restarts: u32 = summary.workloads.iter().map(|row| row.restarts).sum();
    let mut text = format!(
        "Rolled out {} in {}: {}, {}, {}.",
        printable(&summary.app),
        in_words(summary.elapsed),
        counted(summary.workloads.len(), "workload"),
        counted(summary.pods, "pod"),
        counted(restarts as usize, "restart"),
    );
    if let Some(wait) = summary
        .wait
        .as_ref()
        .filter(|wait| !wait.selection.is_everything())
    {
        let selection = cap(&printable(&wait.selection.to_string()), WIDTH);
        text.push_str(&format!(" argocd waited for {selection} only."));
    }
    if let Some(row) = slowest(&summary.workloads) {
        let name = printable(&row.object.to_string());
        let took = seconds_in_words(row.seconds.unwrap_or_default());
        text.push_str(&format!(" Slowest: {name}, {took}"));
        if let Some(why) = &row.held_up_by {
            text.push_str(&format!(" ({})", printable(why)));
        }
        text.push('.');
    }
    text
}

/// `shop: argocd reports success after 6 s; not complete: StatefulSet/db (waits for …)`.
/// Argo CD calls a workload healthy that keeps old pods on purpose.
fn incomplete(summary: &Summary) -> Option<String> {
    let rows = summary.workloads.iter();
    let rows = rows.filter(|row| !row.complete && row.holds_up);
    let rows: Vec<String> = rows
        .map(|row| {
            let name = printable(&row.object.to_string());
            let missing = printable(row.waiting_for.as_deref().unwrap_or(&row.state));
            format!("{name} ({})", cap(&missing, WIDTH))
        })
        .collect();
    let (first, rest) = rows.split_first()?;
    let more = match rest.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let who = match summary.argocd_exit {
        Some(_) => "argocd",
        None => "Argo CD",
    };
    Some(format!(
        "{}: {who} reports success after {}; not complete: {first}{more}.",
        printable(&summary.app),
        in_words(summary.elapsed),
    ))
}

/// Returns the wait if it is not for a rollout: for other conditions than health, or for
/// resources that are not workloads.
fn other_wait(summary: &Summary) -> Option<&Wait> {
    let wait = summary.wait.as_ref()?;
    let selects_no_workload = !wait.selection.is_everything() && summary.workloads.is_empty();
    (!wait.is_for_health() || selects_no_workload).then_some(wait)
}

/// `shop: argocd waited for Deployment/web to be degraded, which took 4 s; 0 of 1 workloads
/// are complete.`
fn waited(summary: &Summary, wait: &Wait) -> String {
    let app = printable(&summary.app);
    let target = printable(&wait.sentence("it"));
    let took = in_words(summary.elapsed);
    let all = summary.workloads.len();
    let state = match (all, not_complete(summary)) {
        (0, _) => String::new(),
        (1, Some(state)) => format!("; {state}"),
        (_, Some(state)) if state.contains(" is paused") => format!("; {state}"),
        (_, Some(_)) => {
            let complete = all - incomplete_rows(summary).len();
            format!("; {complete} of {all} workloads are complete")
        }
        (1, None) => "; the workload is complete".to_owned(),
        (_, None) => format!("; {all} of {all} workloads are complete"),
    };
    format!("{app}: argocd waited for {target}, which took {took}{state}.")
}

fn incomplete_rows(summary: &Summary) -> Vec<&Row> {
    let rows = summary.workloads.iter();
    rows.filter(|row| !row.complete).collect()
}

/// `Rollout/web is paused at step 2/4 (weight 25) for 8 s, 1 of 4 pods new`
fn not_complete(summary: &Summary) -> Option<String> {
    let rows = incomplete_rows(summary);
    let first = rows.first()?;
    let name = printable(&first.object.to_string());
    let missing = first.failed.as_ref().or(first.waiting_for.as_ref());
    let missing = missing.map(|text| cap(&printable(text), 2 * WIDTH));
    let state = match missing {
        Some(missing) if missing.starts_with("paused") => format!("{name} is {missing}"),
        Some(missing) => format!("{name} is not complete: {missing}"),
        None => format!("{name} is not complete"),
    };
    let more = named(
        &rows
            .iter()
            .skip(1)
            .map(|row| printable(&row.object.to_string()))
            .collect::<Vec<_>>(),
    );
    Some(format!("{state}{more}"))
}

/// Returns the slowest workload, if there is something to compare.
fn slowest(rows: &[Row]) -> Option<&Row> {
    let timed = rows.iter().filter(|row| row.seconds.is_some_and(|s| s > 0));
    let slowest = timed.max_by_key(|row| row.seconds)?;
    (rows.len() > 1 || slowest.held_up_by.is_some()).then_some(slowest)
}

fn failure(summary: &Summary, look: &Look<'_>) -> Vec<String> {
    let causes = cause::causes(summary);
    let mut lines = vec!["─".repeat(78), header(summary, &causes, look)];
    // argocd's success is no news below another reason.
    if let Some(argocd) = summary
        .argocd
        .as_ref()
        .filter(|_| own_reason(summary).is_none())
    {
        let argocd = cap(&printable(argocd), 6 * WIDTH);
        let who = if argocd.starts_with("argocd") {
            ""
        } else {
            "argocd: "
        };
        lines.extend(wrap(&format!("{who}{argocd}"), "  "));
    }
    if let Some(next) = argocd_next(summary, &causes) {
        lines.extend(wrap(&format!("Next: {}", printable(next)), "  "));
    }
    for note in summary.operation.iter().take(NOTES) {
        lines.extend(wrap(&cap(&printable(note), 6 * WIDTH), "  "));
    }
    if summary.outcome == Outcome::Failed && summary.exit == 0 {
        let note = "The exit code is argocd's, 0; with --fail-fast it is 1.";
        lines.push(format!("  {note}"));
    }
    lines.push(String::new());
    if !summary.workloads.is_empty() {
        lines.extend(table::table(summary, look));
        lines.push(String::new());
    }
    lines.extend(paragraphs(summary, &causes, look));
    lines.push(last_line(summary, &causes));
    lines
}

/// Returns the advice on argocd's own failure. More time helps only where no cause was found.
fn argocd_next<'a>(summary: &'a Summary, causes: &[Cause<'_>]) -> Option<&'a str> {
    let only_time = summary.reason == "timeout";
    summary
        .argocd_next
        .as_deref()
        .filter(|_| summary.outcome != Outcome::Succeeded && (!only_time || causes.is_empty()))
}

/// `FAILED  shop  after 5 m: StatefulSet/db crash-loop  (timeout; argocd exit 20)`
fn header(summary: &Summary, causes: &[Cause<'_>], look: &Look<'_>) -> String {
    let (word, color) = word(summary.outcome);
    let mut facts = Vec::new();
    if !summary.reason.is_empty() && summary.outcome != Outcome::Paused {
        facts.push(end(summary));
    }
    if let Some(exit) = summary.argocd_exit {
        facts.push(format!("argocd exit {exit}"));
    }
    let mut text = look.paint(word, color.on_default().bold());
    text.push_str(&format!("  {}", printable(&summary.app)));
    if !summary.elapsed.is_zero() {
        text.push_str(&format!("  after {}", in_words(summary.elapsed)));
    }
    if let Some(cause) = causes.first() {
        let names = cause.names(|object| look.name(object));
        let what = format!(": {names} {}", cause.code());
        text.push_str(what.trim_end());
    }
    if !facts.is_empty() {
        text.push_str(&format!("  ({})", facts.join("; ")));
    }
    text
}

fn word(outcome: Outcome) -> (&'static str, AnsiColor) {
    match outcome {
        Outcome::Succeeded => ("ROLLED OUT", AnsiColor::Green),
        Outcome::Failed => ("FAILED", AnsiColor::Red),
        Outcome::TimedOut => ("TIMED OUT", AnsiColor::Red),
        Outcome::Interrupted => ("INTERRUPTED", AnsiColor::Yellow),
        Outcome::Waiting => ("NOT READY", AnsiColor::Yellow),
        Outcome::Paused => ("PAUSED", AnsiColor::Yellow),
    }
}

/// Returns the cause of the end in a few words.
fn end(summary: &Summary) -> String {
    match (summary.reason.as_str(), summary.doomed_for) {
        ("fail-fast", Some(time)) if time >= Duration::from_secs(1) => {
            format!("doomed for {}", in_words(time))
        }
        ("fail-fast", _) => "cannot succeed".to_owned(),
        (reason, _) => printable(reason),
    }
}

fn paragraphs(summary: &Summary, causes: &[Cause<'_>], look: &Look<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut budget = paragraph::Budget::default();
    let mut rest = Vec::new();
    for cause in causes {
        let room = budget.of(cause);
        if budget.paragraphs() >= PARAGRAPHS || room < paragraph::LEAST {
            rest.push(cause);
            continue;
        }
        let paragraph = paragraph::of(cause, summary, look, room);
        budget.spend(cause, paragraph.len());
        lines.extend(paragraph);
        lines.push(String::new());
    }
    if causes.is_empty() {
        let found_nothing = paragraph::nothing_found(summary, look);
        if !found_nothing.is_empty() {
            lines.extend(found_nothing);
            lines.push(String::new());
        }
    }
    if !rest.is_empty() {
        lines.extend(others(&rest));
        lines.push(String::new());
    }
    lines
}

/// Returns a line for each cause that got no paragraph.
fn others(causes: &[&Cause<'_>]) -> Vec<String> {
    let mut lines = vec!["Also:".to_owned()];
    let line = |cause: &&Cause<'_>| format!("  {}", cap(&cause.sentence(), WIDTH - 2));
    lines.extend(causes.iter().take(LINES).map(line));
    if causes.len() > LINES {
        lines.push(format!(
            "  … and {}",
            counted(causes.len() - LINES, "more cause")
        ));
    }
    lines
}

/// Returns the cause in one sentence: the worst finding, or else the workloads that are not
/// ready.
fn last_line(summary: &Summary, causes: &[Cause<'_>]) -> String {
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
        return format!("{}{}", without_workloads(summary), and_more(causes));
    }
    if let Some(cause) = causes.first() {
        let more = and_more(&causes[1..]);
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
    let what = row.waiting_for.as_deref().unwrap_or(&row.state);
    let others = waiting.iter().skip(1);
    let more = named(
        &others
            .map(|row| printable(&row.object.to_string()))
            .collect::<Vec<_>>(),
    );
    if row.state == "paused" {
        let (name, what) = (printable(&row.object.to_string()), printable(what));
        return format!("{name}: {}{more}", cap(&what, 2 * WIDTH));
    }
    let counts = row
        .counts()
        .filter(|_| row.pods.is_some_and(|pods| pods.old > 0));
    let what = match counts {
        Some(counts) if what.ends_with("updated") || what.ends_with(" ready") => counts,
        Some(counts) => format!("{counts}; {what}"),
        None => what.to_owned(),
    };
    let what = &*what;
    let end = match summary.outcome {
        Outcome::Interrupted => "when it was interrupted",
        _ => "and no cause found",
    };
    // `2 of 3 ready` and `not scheduled yet` stand by themselves; others name a thing.
    let stands = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
    let others = ["not ", "paused", "progressing", "failed", "complete"];
    let is_clause = stands(what) || others.iter().any(|word| what.starts_with(word));
    let verb = if is_clause { "" } else { "waiting for " };
    format!(
        "{}: {verb}{} after {}, {end}{more}",
        printable(&row.object.to_string()),
        cap(&printable(what), 2 * WIDTH),
        in_words(summary.elapsed),
    )
}

/// Returns the sentence of an end that no cause explains: something else runs than what was
/// expected, or nothing was found.
fn own_reason(summary: &Summary) -> Option<&str> {
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

/// Returns ` (and Deployment/api crash-loop)`, or nothing if there are no others.
fn and_more(others: &[Cause<'_>]) -> String {
    let name = |cause: &Cause<'_>| {
        let names = cause.names(|object| printable(&object.to_string()));
        format!("{names} {}", cause.code()).trim_end().to_owned()
    };
    named(&others.iter().map(name).collect::<Vec<_>>())
}

/// Returns ` (and a, b, c and 4 more)`, or nothing without names.
fn named(names: &[String]) -> String {
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

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
