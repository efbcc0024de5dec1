//! The table of workloads.

use anstyle::{AnsiColor, Style};

use super::{
    Look,
    cause::{Cause, causes},
    prose::{WIDTH, printable},
};
use crate::summary::{Row, Summary};
use argo_core::text::{cap, counted};

/// The most rows that are shown. If there are more, incomplete workloads come first.
const ROWS: usize = 20;
/// The most characters of a name; the rest is cut off.
const NAME: usize = 60;

const HEAD: [&str; 4] = ["Workload", "Ready", "Restarts", "Waiting for"];

/// Returns the lines of the table.
pub(super) fn table(summary: &Summary, look: &Look<'_>) -> Vec<String> {
    let causes = causes(summary);
    let shown = shown(&summary.workloads);
    let cells: Vec<[String; 4]> = shown.iter().map(|row| cells(row, &causes, look)).collect();
    let width = |column: usize| {
        let cells = cells.iter().map(|cells| cells[column].chars().count());
        cells.max().unwrap_or(0).max(HEAD[column].len())
    };
    let widths = [width(0), width(1), width(2)];
    let mut lines = vec![line("  ", HEAD.map(str::to_owned), widths)];
    for (row, cells) in shown.iter().zip(cells) {
        lines.push(line(&mark(row, &causes, look), cells, widths));
    }
    lines.extend(left_out(&summary.workloads, &shown));
    lines
}

fn line(mark: &str, cells: [String; 4], widths: [usize; 3]) -> String {
    let [name, ready, restarts, waiting] = cells;
    let [first, second, third] = widths;
    let start = format!("{name:first$}   {ready:second$}   {restarts:third$}   ");
    let room = WIDTH.saturating_sub(start.chars().count() + 4).max(30);
    format!("  {mark}{start}{}", cap(&waiting, room))
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

fn cells(row: &Row, causes: &[Cause<'_>], look: &Look<'_>) -> [String; 4] {
    [
        cap(&look.name(&row.object), NAME),
        ready(row),
        row.restarts.to_string(),
        waiting_for(row, causes),
    ]
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
    format!("{} ", look.paint(mark, style))
}
