//! The words for a run that ended well: what was rolled out, or what argocd waited for instead.

use anstyle::AnsiColor;
use argo_core::text::{
    cap, counted,
    duration::{in_words, seconds_in_words},
};

use super::{
    Look,
    cause::{self, Cause},
    last_line::{and_more, named},
    prose::{WIDTH, printable},
};
use crate::{
    argocd::Wait,
    summary::{Row, Summary},
};

/// Returns the lines for a success: one, or up to three where something is worth a look.
pub(super) fn success(summary: &Summary, look: &Look<'_>) -> Vec<String> {
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
            and_more(Some(cause), &causes[1..])
        );
        lines.push(cap(&text, 3 * WIDTH));
    }
    if let Some(note) = summary.operation.first() {
        lines.push(cap(&printable(note), 3 * WIDTH));
    }
    lines
}

/// `Rolled out shop in 1 m 06 s: 3 workloads, 5 pods, 0 restarts. Slowest: …`
pub(super) fn rolled_out(summary: &Summary) -> String {
    if let Some(wait) = other_wait(summary) {
        return waited(summary, wait);
    }
    if summary.workloads.is_empty() {
        let who = reporter(summary);
        return format!(
            "{}: {who} reports success; no workload was found.",
            printable(&summary.app)
        );
    }
    let paused = not_complete(summary).filter(|state| state.contains(" is paused"));
    if let Some(state) = paused {
        let (app, took) = (printable(&summary.app), in_words(summary.elapsed));
        let who = reporter(summary);
        return format!("{app}: {who} reports success after {took}, but {state}.");
    }
    // Argo CD is content with an incomplete workload where its health check is, so this comes
    // before any sentence that says "rolled out".
    if let Some(text) = incomplete(summary) {
        return text;
    }
    if summary.pods == 0 && summary.workloads.iter().all(|row| row.seconds.is_none()) {
        let app = printable(&summary.app);
        let workloads = counted(summary.workloads.len(), "workload");
        return format!("{app} is rolled out: {workloads}, nothing had to change.");
    }
    let mut text = counts(summary);
    text.push_str(&selection(summary));
    text.push_str(&slowest_in_words(&summary.workloads));
    text
}

/// `Rolled out shop in 1 m 06 s: 3 workloads, 5 pods, 0 restarts.`
fn counts(summary: &Summary) -> String {
    let restarts: u32 = summary.workloads.iter().map(|row| row.restarts).sum();
    format!(
        "Rolled out {} in {}: {}, {}, {}.",
        printable(&summary.app),
        in_words(summary.elapsed),
        counted(summary.workloads.len(), "workload"),
        counted(summary.pods, "pod"),
        counted(restarts as usize, "restart"),
    )
}

/// ` argocd waited for Job/migrate only.`, or nothing if it waited for everything.
fn selection(summary: &Summary) -> String {
    let wait = summary.wait.as_ref();
    let Some(wait) = wait.filter(|wait| !wait.selection.is_everything()) else {
        return String::new();
    };
    let selection = cap(&printable(&wait.selection.to_string()), WIDTH);
    format!(" argocd waited for {selection} only.")
}

/// ` Slowest: Deployment/web, 58 s (readiness of web-6d4cf56db-9kq2z).`, or nothing.
fn slowest_in_words(rows: &[Row]) -> String {
    let Some(row) = slowest(rows) else {
        return String::new();
    };
    let name = printable(&row.object.to_string());
    let took = seconds_in_words(row.seconds.unwrap_or_default());
    let why = row.held_up_by.as_ref();
    let why = why.map(|why| format!(" ({})", printable(why)));
    format!(" Slowest: {name}, {took}{}.", why.unwrap_or_default())
}

/// Returns the name of the one who reports success: the child process, or Argo CD itself where
/// no argocd runs.
fn reporter(summary: &Summary) -> &'static str {
    match summary.argocd_exit {
        Some(_) => "argocd",
        None => "Argo CD",
    }
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
    let who = reporter(summary);
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
pub(super) fn slowest(rows: &[Row]) -> Option<&Row> {
    let timed = rows.iter().filter(|row| row.seconds.is_some_and(|s| s > 0));
    let slowest = timed.max_by_key(|row| row.seconds)?;
    (rows.len() > 1 || slowest.held_up_by.is_some()).then_some(slowest)
}
