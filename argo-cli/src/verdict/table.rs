//! The table of workloads.
//!
//! On a terminal that is too narrow for its columns it does without the restarts, and on a still
//! narrower one each workload has lines of its own.

use anstyle::{AnsiColor, Style};

use super::{
    Look,
    cause::{Cause, causes},
    prose::{columns, cut, cut_middle, padded, printable, wrap},
};
use crate::summary::{Row, Summary};
use argo_core::text::counted;

/// The most rows that are shown. If there are more, incomplete workloads come first.
const ROWS: usize = 20;
/// The most columns of a name in a pipe; the middle of a longer one is cut out.
const NAME: usize = 60;
/// The fewest columns in which a reason can be read.
const WAITING: usize = 30;
/// The most lines of a reason where workloads have lines of their own.
const REASON: usize = 2;

const GAP: &str = "   ";

/// The cells of a workload.
struct Cells {
    mark: String,
    name: String,
    ready: String,
    restarts: u32,
    waiting: String,
}

/// The columns before the reason: as many as there is room for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Name, ready pods and restarts.
    Whole,
    /// Name and ready pods, with the restarts behind them where there are some.
    Short,
    /// Lines for each workload.
    Stacked,
}

/// Returns the lines of the table.
pub(super) fn table(summary: &Summary, look: &Look<'_>) -> Vec<String> {
    let causes = causes(summary);
    let shown = shown(&summary.workloads);
    let rows: Vec<Cells> = shown.iter().map(|row| cells(row, &causes, look)).collect();
    let mut lines = match form(&rows, look) {
        Form::Stacked => rows.iter().flat_map(|row| stacked(row, look)).collect(),
        form => in_columns(&rows, form, look),
    };
    let left_out = left_out(&summary.workloads, &shown);
    lines.extend(left_out.map(|line| cut(&line, look.table_width()).into_owned()));
    lines
}

/// Chooses the form that leaves room for the reasons. A row in a pipe is never broken, so it may
/// be wide.
fn form(rows: &[Cells], look: &Look<'_>) -> Form {
    let longest = rows.iter().map(|row| columns(&row.waiting)).max();
    let needed = longest.unwrap_or(0).min(WAITING);
    let fits = |form: &Form| {
        let start = start_width(rows, *form);
        look.columns.is_none() || start + needed <= look.table_width()
    };
    let forms = [Form::Whole, Form::Short];
    forms.into_iter().find(fits).unwrap_or(Form::Stacked)
}

fn start_width(rows: &[Cells], form: Form) -> usize {
    let widths = widths(rows, form);
    let gaps = GAP.len() * widths.len();
    4 + widths.iter().sum::<usize>() + gaps
}

/// Returns the width of each column before the last.
fn widths(rows: &[Cells], form: Form) -> Vec<usize> {
    let lines = std::iter::once(head(form)).chain(rows.iter().map(|row| row.start(form)));
    let lines: Vec<Vec<String>> = lines.collect();
    let count = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|cells| columns(&cells[column])).max();
    (0..count).filter_map(width).collect()
}

fn head(form: Form) -> Vec<String> {
    let head = match form {
        Form::Whole => &["Workload", "Ready", "Restarts"][..],
        _ => &["Workload", "Ready"],
    };
    head.iter().map(|&word| word.to_owned()).collect()
}

fn in_columns(rows: &[Cells], form: Form, look: &Look<'_>) -> Vec<String> {
    let widths = widths(rows, form);
    let room = look.table_width().saturating_sub(start_width(rows, form));
    let line = |mark: &str, start: Vec<String>, waiting: &str| {
        let mut line = format!("  {mark} ");
        for (cell, width) in start.iter().zip(&widths) {
            line.push_str(&padded(cell, *width));
            line.push_str(GAP);
        }
        line.push_str(&cut(waiting, room.max(WAITING)));
        line
    };
    let head = line(" ", head(form), "Waiting for");
    let rows = rows
        .iter()
        .map(|row| line(&row.mark, row.start(form), &row.waiting));
    std::iter::once(head).chain(rows).collect()
}

impl Cells {
    /// Returns the cells before the reason.
    fn start(&self, form: Form) -> Vec<String> {
        let name = self.name.clone();
        match (form, self.restarts) {
            (Form::Whole, restarts) => vec![name, self.ready.clone(), restarts.to_string()],
            (_, 0) => vec![name, self.ready.clone()],
            (_, restarts) => vec![name, format!("{} ↻ {restarts}", self.ready)],
        }
    }

    /// `1/2 ready, 6 restarts`
    fn facts(&self) -> String {
        let is_count = self.ready.contains('/') && !self.ready.contains(' ');
        let mut facts = match is_count {
            true => format!("{} ready", self.ready),
            false => self.ready.clone(),
        };
        if self.restarts > 0 {
            facts.push_str(", ");
            facts.push_str(&counted(self.restarts as usize, "restart"));
        }
        facts
    }
}

/// Returns the lines of one workload: its name, how far it is, and the thing that it waits for.
fn stacked(row: &Cells, look: &Look<'_>) -> Vec<String> {
    let width = look.table_width();
    let name = cut_middle(&row.name, width.saturating_sub(4));
    let facts = row.facts();
    let first = format!("  {} {name}", row.mark);
    let waits = row.waiting != "–";
    if !waits && columns(&first) + 2 + columns(&facts) <= width {
        return vec![format!("{first}  {facts}")];
    }
    let mut lines = vec![first];
    lines.extend(wrap(&facts, "    ", width));
    if waits {
        let mut reason = wrap(&row.waiting, "    ", width);
        if reason.len() > REASON {
            reason.truncate(REASON);
            let last = reason.pop().unwrap_or_default();
            reason.push(cut(&format!("{last} …"), width).into_owned());
        }
        lines.extend(reason.iter().map(|line| cut(line, width).into_owned()));
    }
    lines
}

/// Returns all rows, or those that matter most, in their order.
fn shown(rows: &[Row]) -> Vec<&Row> {
    if rows.len() <= ROWS {
        return rows.iter().collect();
    }
    let (complete, incomplete): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.complete);
    incomplete.into_iter().chain(complete).take(ROWS).collect()
}

fn left_out(rows: &[Row], shown: &[&Row]) -> Option<String> {
    let left = rows.len() - shown.len();
    if left == 0 {
        return None;
    }
    let done = |complete: bool| rows.iter().filter(|row| row.complete == complete).count();
    let incomplete = done(false).saturating_sub(ROWS);
    let what = match incomplete {
        0 => "all complete".to_owned(),
        _ => format!("{incomplete} of them not complete"),
    };
    Some(format!(
        "    … and {}, {what}",
        counted(left, "more workload")
    ))
}

fn cells(row: &Row, causes: &[Cause<'_>], look: &Look<'_>) -> Cells {
    Cells {
        mark: mark(row, causes, look),
        name: name(row, look),
        ready: ready(row),
        restarts: row.restarts,
        waiting: waiting_for(row, causes),
    }
}

/// Returns the name; where columns are not counted it has its limit.
fn name(row: &Row, look: &Look<'_>) -> String {
    let name = look.name(&row.object);
    match look.columns {
        Some(_) => name,
        None => cut_middle(&name, NAME),
    }
}

/// Returns `3/3`; for a workload that runs once `0/1 done`, `done` or `failed`.
fn ready(row: &Row) -> String {
    match (row.ready, row.desired) {
        _ if row.runs_once && row.complete => "done".to_owned(),
        _ if row.runs_once && row.failed.is_some() => "failed".to_owned(),
        (Some(ready), Some(desired)) if row.runs_once => format!("{ready}/{desired} done"),
        (Some(_), Some(desired)) if row.pods.is_some_and(|pods| pods.old > 0) => {
            let pods = row.pods.unwrap_or_default();
            format!("{}/{desired} +{} old", pods.new, pods.old)
        }
        (Some(ready), Some(desired)) => format!("{}/{desired}", ready.min(desired)),
        _ => printable(&row.state),
    }
}

fn waiting_for(row: &Row, causes: &[Cause<'_>]) -> String {
    let cause = causes.iter().find(|cause| cause.is_of(&row.object));
    if let Some(cause) = cause {
        return cause.words_for(&row.object);
    }
    match &row.waiting_for {
        Some(waiting_for) if !row.complete => printable(waiting_for),
        _ => "–".to_owned(),
    }
}

fn mark(row: &Row, causes: &[Cause<'_>], look: &Look<'_>) -> String {
    let is_doomed = |cause: &Cause<'_>| match cause {
        Cause::Found(findings) => findings.iter().any(|finding| finding.is_doomed()),
        Cause::GivenUp(_) => true,
    };
    let fails = causes
        .iter()
        .any(|cause| is_doomed(cause) && cause.is_of(&row.object));
    let (mark, style) = match (fails || row.failed.is_some(), row.complete) {
        (true, _) => ("✘", AnsiColor::Red.on_default()),
        (false, true) => ("✔", AnsiColor::Green.on_default()),
        (false, false) => ("·", Style::new()),
    };
    look.paint(mark, style)
}
