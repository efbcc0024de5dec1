//! A summary in Markdown: for the page of a step, a comment, a card.

use argo_core::text::{cap, duration};

use jiff::Timestamp;

use super::Story;
use crate::{
    sanitize::printable,
    summary::{Outcome, Row, Summary},
    verdict::{self, Failure},
};

/// The most workloads in the table.
const ROWS: usize = 200;
/// The most failures that get a section.
const FAILURES: usize = 30;

/// Returns the summary of a recorded run.
pub fn markdown(story: &Story) -> String {
    match &story.summary {
        Some(summary) => markdown_of(summary),
        None => {
            let took = duration::between(story.header.started, story.ended);
            format!(
                "## ⏹ {}: cut off\n\nThe recording ends after {} without a verdict.\n\n{}",
                escaped(&story.header.app),
                duration::in_words(took),
                table(&story.rows, &[])
            )
        }
    }
}

/// Returns the summary of a run.
pub fn markdown_of(summary: &Summary) -> String {
    let sentence = escaped(&verdict::sentence(summary));
    let title = title(summary);
    if summary.apps.is_empty() {
        return format!("## {title}\n\n{sentence}\n\n{}", details(summary, "###"));
    }
    let mut text = format!("## {title}\n\n{}", overview(summary));
    for app in worst_first(summary) {
        let (title, details) = (self::title(app), details(app, "####"));
        text.push_str(&format!("### {title}\n\n{details}"));
    }
    text
}

/// `❌ shop: failed after 1 m 23 s`
fn title(summary: &Summary) -> String {
    let (sign, word) = outcome(summary);
    let took = duration::in_words(summary.elapsed);
    match summary.apps.is_empty() {
        true => format!("{sign} {}: {word} after {took}", escaped(&summary.app)),
        false => format!("{sign} {} {word} after {took}", escaped(&counted(summary))),
    }
}

/// `1 of 3 applications`, of those that ended as the run did; all of them where all is well.
pub(super) fn counted(summary: &Summary) -> String {
    let is_bad = |app: &&Summary| app.outcome == summary.outcome;
    let bad: Vec<&Summary> = summary.apps.iter().filter(is_bad).collect();
    match (&bad[..], summary.outcome) {
        ([], _) | (_, Outcome::Succeeded) => printable(&summary.app),
        (some, _) => format!("{} of {}", some.len(), printable(&summary.app)),
    }
}

fn outcome(summary: &Summary) -> (&'static str, &'static str) {
    let is_complete = summary.workloads.iter().all(|row| row.complete);
    match summary.outcome {
        Outcome::Succeeded if !is_complete => ("✅", "argocd succeeded"),
        Outcome::Succeeded => ("✅", "rolled out"),
        Outcome::Failed => ("❌", "failed"),
        Outcome::TimedOut => ("❌", "timed out"),
        Outcome::Interrupted => ("⏹", "interrupted"),
        Outcome::Waiting => ("⏳", "not complete"),
        Outcome::Paused => ("⏸", "paused"),
    }
}

/// Returns a table of the applications, each with its end in one sentence.
fn overview(summary: &Summary) -> String {
    let mut text = "| | Application | |\n|---|---|---|\n".to_owned();
    for app in worst_first(summary).into_iter().take(ROWS) {
        let sentence = verdict::sentence(app);
        let own = sentence.strip_prefix(&format!("{}: ", printable(&app.app)));
        let sentence = cap(own.unwrap_or(&sentence), 300);
        let (sign, name) = (outcome(app).0, escaped(&app.app));
        text.push_str(&format!("| {sign} | {name} | {} |\n", escaped(&sentence)));
    }
    text.push('\n');
    text
}

/// Returns the applications: those that did not end well come first.
fn worst_first(summary: &Summary) -> Vec<&Summary> {
    let mut apps: Vec<&Summary> = summary.apps.iter().collect();
    apps.sort_by_key(|app| app.outcome == Outcome::Succeeded);
    apps
}

/// Returns the table of the workloads, and a section for each failure.
fn details(summary: &Summary, heading: &str) -> String {
    let failures = verdict::failures(summary);
    let mut text = table(&summary.workloads, &failures);
    for failure in failures.iter().take(FAILURES) {
        // An application that failed as a whole has its sentence above.
        if failure.workload != printable(&summary.app) {
            text.push_str(&said(failure, heading));
        }
        text.push_str(&proof(failure));
    }
    if failures.len() > FAILURES {
        text.push_str(&format!("… and {} more\n", failures.len() - FAILURES));
    }
    text
}

/// Returns the progress of a run that began at `started`.
pub fn markdown_of_progress(app: &str, started: Timestamp, rows: &[Row]) -> String {
    let since = started.strftime("%H:%M:%S UTC");
    format!(
        "## ⏳ {}: rolling out since {since}\n\n{}",
        escaped(app),
        table(rows, &[])
    )
}

fn table(rows: &[Row], failures: &[Failure]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text =
        "| | Workload | Ready | Restarts | Took | Waiting for |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for row in rows.iter().take(ROWS) {
        let own = failures.iter().find(|failure| failure.is_of(row));
        text.push_str(&line(row, own));
    }
    if rows.len() > ROWS {
        text.push_str(&format!("\n… and {} more\n", rows.len() - ROWS));
    }
    text.push('\n');
    text
}

fn line(row: &Row, failure: Option<&Failure>) -> String {
    let sign = match (row.complete, failure.is_some() || row.failed.is_some()) {
        (_, true) => "❌",
        (true, false) => "✅",
        (false, false) => "⏳",
    };
    let ready = match (row.ready_new(), row.desired) {
        (Some(ready), Some(desired)) => format!("{ready}/{desired}"),
        _ => escaped(&row.state),
    };
    let took = row
        .seconds
        .map(duration::seconds_in_words)
        .unwrap_or_default();
    let waiting = row.waiting_for.as_deref().filter(|_| !row.complete);
    let waiting = failure.map(|own| own.sentence.as_str()).or(waiting);
    let waiting = escaped(&cap(waiting.unwrap_or_default(), 200));
    let (name, restarts) = (escaped(&row.object.to_string()), row.restarts);
    format!("| {sign} | {name} | {ready} | {restarts} | {took} | {waiting} |\n")
}

/// Returns the heading of a failure, and its sentence.
fn said(failure: &Failure, heading: &str) -> String {
    let title = format!("{} {}", escaped(&failure.workload), escaped(&failure.code));
    let sentence = escaped(&failure.sentence);
    format!("{heading} {}\n\n{sentence}\n\n", title.trim_end())
}

/// Returns the evidence, the last lines and the next step.
fn proof(failure: &Failure) -> String {
    let mut text = String::new();
    for fact in &failure.evidence {
        text.push_str(&format!("- {}\n", escaped(fact)));
    }
    if !failure.last_lines.is_empty() {
        text.push_str(&format!("\n{}", fenced(&failure.last_lines)));
    }
    if let Some(next) = &failure.next {
        text.push_str(&format!(
            "\nNext:\n\n{}",
            fenced(std::slice::from_ref(next))
        ));
    }
    text.push('\n');
    text
}

/// Returns lines in a fence that is longer than any in them.
fn fenced(lines: &[String]) -> String {
    let longest = lines.iter().map(|line| longest_fence(line)).max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
    let mut text = format!("{fence}text\n");
    for line in lines {
        text.push_str(&printable(line));
        text.push('\n');
    }
    text.push_str(&fence);
    text.push('\n');
    text
}

fn longest_fence(line: &str) -> usize {
    let runs = line.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}

/// Returns text that Markdown and HTML leave as it is.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in printable(text).chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A mention or a reference would notify people.
            '@' => out.push_str("@&#8203;"),
            '#' => out.push_str("#&#8203;"),
            '\\' | '$' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' => {
                out.extend(['\\', character]);
            }
            c => out.push(c),
        }
    }
    out
}
