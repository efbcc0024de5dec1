//! The first line of the block: the outcome, the application and the worst cause.

use std::time::Duration;

use anstyle::AnsiColor;
use argo_core::text::duration::in_words;

use super::{Look, cause::Cause, prose::printable};
use crate::summary::{Outcome, Summary};

/// `FAILED  shop  after 5 m: StatefulSet/db crash-loop  (timeout; argocd exit 20)`
pub(super) fn header(summary: &Summary, causes: &[Cause<'_>], look: &Look<'_>) -> String {
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
