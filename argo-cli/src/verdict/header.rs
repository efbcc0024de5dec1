//! The first line of the block: the outcome, the application and the worst cause.

use std::time::Duration;

use anstyle::AnsiColor;
use argo_core::text::duration::in_words;

use super::{
    Look,
    cause::Cause,
    prose::{columns, printable},
};
use crate::summary::{Outcome, Summary};

/// `FAILED  shop  after 5 m: StatefulSet/db crash-loop  (timeout; argocd exit 20)`, in up to three
/// lines where that is wider than the terminal.
pub(super) fn header(summary: &Summary, causes: &[Cause<'_>], look: &Look<'_>) -> Vec<String> {
    let mut start = opening(summary, look);
    let cause = causes.first().map(|cause| {
        let names = cause.names(|object| look.name(object));
        format!("{names} {}", cause.code()).trim_end().to_owned()
    });
    let facts = facts(summary);
    let facts = (!facts.is_empty()).then(|| format!("({})", facts.join("; ")));
    if cause.is_some() {
        start.push(':');
    }
    let mut lines = vec![start];
    for (gap, part) in [(" ", cause), ("  ", facts)] {
        let Some(part) = part else { continue };
        let last = lines.last_mut();
        match last.filter(|line| fits(line, gap, &part, look)) {
            Some(line) => line.push_str(&format!("{gap}{part}")),
            None => lines.push(format!("  {part}")),
        }
    }
    lines
}

fn fits(line: &str, gap: &str, part: &str, look: &Look<'_>) -> bool {
    let together = columns(line) + gap.len() + columns(part);
    look.columns.is_none() || together <= look.width()
}

/// `FAILED  shop  after 5 m`
fn opening(summary: &Summary, look: &Look<'_>) -> String {
    let (word, color) = word(summary.outcome);
    let mut text = look.paint(word, color.on_default().bold());
    text.push_str(&format!("  {}", printable(&summary.app)));
    if !summary.elapsed.is_zero() {
        text.push_str(&format!("  after {}", in_words(summary.elapsed)));
    }
    text
}

/// Returns the end in a few words, and argocd's exit code.
fn facts(summary: &Summary) -> Vec<String> {
    let exit = summary.argocd_exit;
    let exit = exit.map(|exit| format!("argocd exit {exit}"));
    end(summary).into_iter().chain(exit).collect()
}

pub(super) fn word(outcome: Outcome) -> (&'static str, AnsiColor) {
    match outcome {
        Outcome::Succeeded => ("ROLLED OUT", AnsiColor::Green),
        Outcome::Failed => ("FAILED", AnsiColor::Red),
        Outcome::TimedOut => ("TIMED OUT", AnsiColor::Red),
        Outcome::Interrupted => ("INTERRUPTED", AnsiColor::Yellow),
        Outcome::Waiting => ("NOT READY", AnsiColor::Yellow),
        Outcome::Paused => ("PAUSED", AnsiColor::Yellow),
    }
}

/// Returns the cause of the end in a few words, or nothing where other words say it.
fn end(summary: &Summary) -> Option<String> {
    let words = match (summary.reason.as_str(), summary.doomed_for) {
        // The first word of the block says these.
        ("" | "look", _) => return None,
        ("paused", _) if summary.outcome == Outcome::Paused => return None,
        ("timeout", _) if summary.outcome == Outcome::TimedOut => return None,
        ("argocd", _) if summary.argocd_exit.is_some() => return None,
        ("fail-fast", Some(time)) if time >= Duration::from_secs(1) => {
            return Some(format!("doomed for {}", in_words(time)));
        }
        ("fail-fast", _) => "cannot succeed",
        ("settle", _) => "did not stay healthy",
        ("nothing-found", _) => "nothing found",
        ("no-permission", _) => "no permission",
        ("not-as-expected", _) => "not as expected",
        ("another-application", _) => "another application failed",
        (reason, _) => return Some(printable(reason)),
    };
    Some(words.to_owned())
}
