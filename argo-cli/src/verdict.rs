//! The end of a run in words: one to three lines where all is well, otherwise a block
//! whose last line is the cause.
//!
//! The block is read from below: the last line is the cause in one sentence, above it a
//! paragraph for each cause (its sentence, the evidence, the last lines of the container,
//! the next step), above that the table. Workloads with one cause share a paragraph, and no
//! workload gets more than 25 lines.

mod cause;
mod failure;
mod header;
mod last_line;
mod log_query;
mod paragraph;
pub(crate) mod prose;
mod several;
mod success;
mod table;

use anstyle::Style;
use argo_core::{
    Level, ObjectRef, Record,
    record::{self, Body, WorkloadSummary},
    text::{cap, counted},
};
use argo_workloads::diagnosis::Finding;
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    sanitize,
    settings::Settings,
    summary::{Outcome, Row, Summary},
};

pub use self::failure::{Failure, failures, finished};

use self::{
    cause::Cause,
    header::header,
    last_line::{last_line, own_reason},
    prose::{WIDTH, columns, cut, fold, printable},
    success::{rolled_out, success},
};

/// The most causes that get a paragraph. Further ones get a line each, and the rest is
/// counted.
const PARAGRAPHS: usize = 8;
const LINES: usize = 12;
/// Columns of the line above the verdict.
const RULER: usize = 78;
/// The most sentences about the operation.
const NOTES: usize = 6;

/// The appearance of the block.
struct Look<'a> {
    zone: &'a TimeZone,
    colors: bool,
    /// True if the workloads lie in several namespaces, so that each is named with its own.
    namespaces: bool,
    /// Columns of the terminal, if the block is read on one.
    columns: Option<usize>,
}

/// The fewest columns to which lines are broken.
const NARROWEST: usize = 19;
/// The most columns of a table.
const TABLE: usize = 160;

impl Look<'_> {
    /// Returns the columns that a line of the table may take. The last column of a terminal stays
    /// empty, as some break a line that fills it.
    fn table_width(&self) -> usize {
        self.columns.map_or(WIDTH, |columns| {
            columns.saturating_sub(1).clamp(NARROWEST, TABLE)
        })
    }

    /// Returns the columns that a line of a sentence may take.
    fn width(&self) -> usize {
        self.table_width().min(WIDTH)
    }

    /// Breaks a sentence into lines.
    fn wrap(&self, text: &str, indent: &str) -> Vec<String> {
        prose::wrap(text, indent, self.width())
    }

    /// Breaks a line that is too wide for the terminal. Commands stay whole, so that they can be
    /// copied.
    fn folded(&self, line: &str) -> Vec<String> {
        let next = line.strip_prefix("  Next: ");
        let is_whole = next.is_some_and(is_command) || line.starts_with("  Logs (");
        if self.columns.is_none() || is_whole || columns(line) <= self.table_width() {
            return vec![line.to_owned()];
        }
        fold(line, &" ".repeat(self.hang(line)), self.width())
    }

    /// Returns the indentation of the lines that a line is broken into: below the text behind a
    /// time, where there is room.
    fn hang(&self, line: &str) -> usize {
        let indent = line.len() - line.trim_start().len();
        let is_stamped = indent == 4 && line.as_bytes().get(6) == Some(&b':');
        if is_stamped && self.width() >= 60 {
            indent + "10:06:12  ".len()
        } else {
            indent + 2
        }
    }

    fn paint(&self, text: &str, style: Style) -> String {
        if self.colors {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn ruler(&self) -> String {
        "─".repeat(self.width().min(RULER))
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

/// True if a next step is a command, and not a sentence.
fn is_command(next: &str) -> bool {
    ["kubectl ", "argocd "]
        .iter()
        .any(|program| next.starts_with(program))
}

/// Returns the block of text, each line with its newline.
pub fn text(summary: &Summary, settings: &Settings) -> String {
    let look = Look {
        zone: &settings.zone,
        colors: settings.colors,
        namespaces: has_several_namespaces(summary),
        columns: settings.columns,
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
    for line in lines.iter().flat_map(|line| look.folded(line)) {
        let start = out.len();
        out.extend_from_slice(line.trim_end().as_bytes());
        // The block has no prefix: what stands at the start of a line may be a command of a pipeline.
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

fn failure(summary: &Summary, look: &Look<'_>) -> Vec<String> {
    let causes = cause::causes(summary);
    // Scripts find the block in a log by its ruler.
    let mut lines = vec![look.ruler()];
    lines.extend(header(summary, &causes, look));
    // argocd's success is no news below another reason.
    let tells_of_argocd = |note: &String| note.starts_with("argocd reports ");
    let is_told = own_reason(summary).is_some() || summary.operation.iter().any(tells_of_argocd);
    if let Some(argocd) = summary.argocd.as_ref().filter(|_| !is_told) {
        let argocd = cap(&printable(argocd), 6 * WIDTH);
        let who = if argocd.starts_with("argocd") {
            ""
        } else {
            "argocd: "
        };
        lines.extend(look.wrap(&format!("{who}{argocd}"), "  "));
    }
    if let Some(next) = argocd_next(summary, &causes) {
        let line = format!("Next: {}", printable(next));
        match is_command(next) {
            true => lines.push(format!("  {line}")),
            false => lines.extend(look.wrap(&line, "  ")),
        }
    }
    for note in summary.operation.iter().take(NOTES) {
        lines.extend(look.wrap(&cap(&printable(note), 6 * WIDTH), "  "));
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
        lines.extend(others(&rest, look));
        lines.push(String::new());
    }
    lines
}

/// Returns a line for each cause that got no paragraph.
fn others(causes: &[&Cause<'_>], look: &Look<'_>) -> Vec<String> {
    let mut lines = vec!["Also:".to_owned()];
    let line = |cause: &&Cause<'_>| format!("  {}", cut(&cause.sentence(), look.width() - 2));
    lines.extend(causes.iter().take(LINES).map(line));
    if causes.len() > LINES {
        lines.push(format!(
            "  … and {}",
            counted(causes.len() - LINES, "more cause")
        ));
    }
    lines
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
