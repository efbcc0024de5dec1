//! One row for each application.

use argo_core::{AppRef, GroupKind, ObjectRef};
use argo_workloads::diagnosis::Finding;

use crate::{
    heartbeat::{self, Other},
    summary::Row,
};

/// Returns the row of an application: its workloads are what the row of a workload has in the
/// place of pods.
pub(super) fn row(
    app: &AppRef,
    rows: &[Row],
    findings: &[Finding],
    others: &[Other],
    is_done: bool,
) -> Row {
    let waiting: Vec<&Row> = rows
        .iter()
        .filter(|row| !row.complete && row.holds_up)
        .collect();
    let doomed = findings.iter().find(|finding| finding.is_doomed());
    let doomed = doomed.map(|finding| format!("{}: {}", finding.workload, finding.sentence));
    let texts = waiting.iter().map(|row| heartbeat::workload(row, findings));
    let texts: Vec<String> = texts.chain(others.iter().map(heartbeat::other)).collect();
    let first = doomed.clone().or_else(|| texts.first().cloned());
    let why = first.map(|first| match texts.len() {
        0 | 1 => first,
        all => format!("{first} (and {} more)", all - 1),
    });
    let number = |count: usize| i64::try_from(count).ok();
    Row {
        object: ObjectRef {
            kind: GroupKind::new("argoproj.io", "Application"),
            namespace: app.namespace.as_str().into(),
            name: app.name.as_str().into(),
            uid: "".into(),
        },
        runs_once: false,
        state: if is_done { "complete" } else { "progressing" }.to_owned(),
        ready: number(rows.len() - waiting.len()),
        desired: number(rows.len()),
        pods: None,
        restarts: rows.iter().map(|row| row.restarts).sum(),
        seconds: rows.iter().filter_map(|row| row.seconds).max(),
        waiting_for: why.filter(|_| !is_done),
        held_up_by: None,
        complete: is_done,
        holds_up: true,
        failed: doomed.filter(|_| !is_done),
    }
}

/// `47 of 50 applications are complete`
pub(super) fn count(rows: &[Row]) -> String {
    let done = rows.iter().filter(|row| row.complete).count();
    let are = if done == 1 { "is" } else { "are" };
    format!("{done} of {} applications {are} complete", rows.len())
}
