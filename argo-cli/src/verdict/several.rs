//! The end of a run about several applications: a block for each, and one last line.

use argo_core::{
    record::{self, AppVerdict},
    text::{cap, counted, duration::in_words},
};

use super::{Look, block, header, last_line::named, prose::WIDTH, success::slowest};
use crate::{
    summary::{Outcome, Row, Summary},
    verdict::prose::printable,
};

/// The most applications that get a whole block if they did not end well. Others get a line.
const BLOCKS: usize = 8;
/// Applications whose cause the last line tells.
const CAUSES: usize = 2;

/// Returns the blocks and the last line. What went well comes first, as a reader begins at the
/// bottom.
pub(super) fn lines(summary: &Summary, look: &Look<'_>) -> Vec<String> {
    let (well, badly): (Vec<&Summary>, Vec<&Summary>) = summary
        .apps
        .iter()
        .partition(|app| app.outcome == Outcome::Succeeded);
    // The block of an application needs no namespaces only because another one has its own.
    let own = |app: &Summary| Look {
        namespaces: super::has_several_namespaces(app),
        ..*look
    };
    let mut lines: Vec<String> = well.iter().flat_map(|app| block(app, &own(app))).collect();
    let ordered = by_weight(badly);
    // The worst one is next to the last line.
    for (number, app) in ordered.iter().enumerate().rev() {
        if number < BLOCKS {
            lines.extend(block(app, &own(app)));
            // Its last line is its cause; an empty one keeps the blocks apart.
            lines.push(String::new());
        } else {
            lines.push(cap(&one_line(app), 2 * WIDTH));
        }
    }
    if !ordered.is_empty() {
        lines.push(look.ruler());
    }
    lines.push(sentence(summary));
    lines
}

/// Returns the last verdict of the records. The facts of each application are in its own.
pub(super) fn verdict(summary: &Summary) -> record::Verdict {
    let in_short = |app: &Summary| AppVerdict {
        app: app.app.clone(),
        outcome: app.outcome.name().to_owned(),
        exit: app.exit,
    };
    record::Verdict {
        app: String::new(),
        outcome: summary.outcome.name().to_owned(),
        reason: summary.reason.clone(),
        argocd_exit: summary.argocd_exit,
        exit: summary.exit,
        seconds: summary.elapsed.as_secs(),
        next: None,
        findings: Vec::new(),
        workloads: Vec::new(),
        apps: summary.apps.iter().map(in_short).collect(),
    }
}

/// `1 of 3 applications failed: pay: Deployment/web: image shop/pay:1 does not exist`
pub(super) fn sentence(summary: &Summary) -> String {
    let badly = summary.apps.iter();
    let badly = badly.filter(|app| app.outcome != Outcome::Succeeded);
    let badly = by_weight(badly.collect());
    if badly.is_empty() {
        return rolled_out(summary);
    }
    let all = summary.apps.len();
    let mut counts = Vec::new();
    for outcome in WEIGHT {
        let count = badly.iter().filter(|app| app.outcome == outcome).count();
        if count > 0 {
            let verb = words(outcome, count);
            counts.push(match counts.len() {
                0 => format!("{count} of {} {verb}", counted(all, "application")),
                _ => format!("{count} {verb}"),
            });
        }
    }
    let causes: Vec<String> = badly.iter().take(CAUSES).map(|app| cause(app)).collect();
    let rest = badly.iter().skip(CAUSES);
    let rest: Vec<String> = rest.map(|app| printable(&app.app)).collect();
    format!(
        "{}: {}{}",
        counts.join(", "),
        causes.join("; "),
        named(&rest)
    )
}

/// The outcomes, the worst first.
const WEIGHT: [Outcome; 6] = [
    Outcome::Failed,
    Outcome::TimedOut,
    Outcome::Paused,
    Outcome::Interrupted,
    Outcome::Waiting,
    Outcome::Succeeded,
];

fn by_weight(mut apps: Vec<&Summary>) -> Vec<&Summary> {
    apps.sort_by_key(|app| WEIGHT.iter().position(|outcome| *outcome == app.outcome));
    apps
}

fn words(outcome: Outcome, count: usize) -> &'static str {
    match (outcome, count) {
        (Outcome::Succeeded, _) => "rolled out",
        (Outcome::Failed, _) => "failed",
        (Outcome::TimedOut, _) => "timed out",
        (Outcome::Interrupted, 1) => "was interrupted",
        (Outcome::Interrupted, _) => "were interrupted",
        (Outcome::Waiting, 1) => "is not ready",
        (Outcome::Waiting, _) => "are not ready",
        (Outcome::Paused, 1) => "is paused",
        (Outcome::Paused, _) => "are paused",
    }
}

/// `pay: Deployment/web: image shop/pay:1 does not exist`
fn cause(app: &Summary) -> String {
    let (name, sentence) = (printable(&app.app), super::sentence(app));
    let own = sentence.strip_prefix(&format!("{name}: "));
    let sentence = cap(own.unwrap_or(&sentence), 3 * WIDTH);
    format!("{name}: {sentence}")
}

/// `NOT READY  pay: Deployment/web: 1/2 ready`
fn one_line(app: &Summary) -> String {
    format!("{}  {}", header::word(app.outcome).0, cause(app))
}

/// `Rolled out 3 applications in 1 m 06 s: 9 workloads, 30 pods, 0 restarts. Slowest: …`
fn rolled_out(summary: &Summary) -> String {
    let restarts: u32 = summary.workloads.iter().map(|row| row.restarts).sum();
    let mut text = format!(
        "Rolled out {} in {}: {}, {}, {}.",
        counted(summary.apps.len(), "application"),
        in_words(summary.elapsed),
        counted(summary.workloads.len(), "workload"),
        counted(summary.pods, "pod"),
        counted(restarts as usize, "restart"),
    );
    let slow = |app: &Summary| slowest(&app.workloads).and_then(|row| row.seconds);
    let last = summary.apps.iter().max_by_key(|app| slow(app));
    if let Some((app, row)) = last.and_then(|app| Some((app, slowest(&app.workloads)?))) {
        text.push_str(&slowest_of(app, row));
    }
    text
}

fn slowest_of(app: &Summary, row: &Row) -> String {
    let took = std::time::Duration::from_secs(row.seconds.unwrap_or_default());
    format!(
        " Slowest: {} of {}, {}.",
        printable(&row.object.to_string()),
        printable(&app.app),
        in_words(took)
    )
}

#[cfg(test)]
#[path = "several_tests.rs"]
mod tests;
