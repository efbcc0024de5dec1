//! The things that every CI system can show, each in its own form.

use std::fmt::Debug;

use jiff::Timestamp;

use crate::{
    sanitize::printable,
    summary::Summary,
    verdict::{Failure, failures},
};

/// A CI system. Everything it is given is free of terminal sequences; it escapes what its own
/// commands need.
pub(super) trait Pipeline: Debug + Send {
    /// Appends lines that the reader may unfold.
    fn fold(&self, title: &str, lines: &[String], at: Timestamp, out: &mut Vec<u8>);

    /// Opens the log above, before anything else is appended: the run failed.
    fn open_log(&self, _: &mut Vec<u8>) {}

    /// Appends a problem where the system lists problems apart from the log.
    fn problem(&self, problem: &Problem, out: &mut Vec<u8>);

    /// Returns the most problems that the system shows.
    fn most_problems(&self) -> usize {
        10
    }

    /// Appends the verdict, which is never folded.
    fn verdict(&self, text: &str, failed: bool, at: Timestamp, out: &mut Vec<u8>) {
        let _ = (failed, at);
        out.extend_from_slice(text.as_bytes());
    }
}

/// A problem, one for each workload that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The workload and the code: `Deployment/web image-pull`.
    pub(super) title: String,
    /// The cause in one sentence.
    pub(super) text: String,
    /// A name that stays the same over runs.
    pub(super) identity: String,
}

/// Returns the problems of a run, at most so many: the last one counts the rest.
pub(super) fn problems(summary: &Summary, most: usize) -> Vec<Problem> {
    let failures = failures(summary);
    let all = failures.len();
    let shown = if all > most { most - 1 } else { all };
    let mut problems: Vec<Problem> = failures[..shown].iter().map(problem).collect();
    if all > most {
        let rest: Vec<&str> = failures[shown..]
            .iter()
            .map(|f| f.workload.as_str())
            .collect();
        problems.push(Problem {
            title: format!("{} more workloads failed", rest.len()),
            text: argo_core::text::cap(&rest.join(", "), 1000),
            identity: "more".to_owned(),
        });
    }
    problems
}

fn problem(failure: &Failure) -> Problem {
    let title = format!("{} {}", failure.workload, failure.code);
    let title = title.trim_end();
    let (namespace, workload, code) = (&failure.namespace, &failure.workload, &failure.code);
    // An application that failed as a whole is its own workload.
    let app = failure.app.as_ref().filter(|app| *app != workload);
    let of_app = |app: &String, text: &str| format!("{app}: {text}");
    Problem {
        title: app.map_or_else(|| title.to_owned(), |app| of_app(app, title)),
        text: printable(&failure.sentence),
        identity: format!("{namespace}:{workload}:{code}"),
    }
}

/// Appends a line of text that is at the start of a line, so that no system takes it for one of
/// its commands.
pub(super) fn push_line(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(text.as_bytes());
    crate::sanitize::disarm_start(out, start);
    out.push(b'\n');
}

/// Replaces each character that has a replacement.
pub(super) fn escaped(text: &str, table: &[(char, &str)]) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match table.iter().find(|(from, _)| *from == character) {
            Some((_, to)) => out.push_str(to),
            None => out.push(character),
        }
    }
    out
}
