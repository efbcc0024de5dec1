//! The failures of a run, one for each workload, for readers that list them.

use argo_core::text::duration::seconds_in_words;
use argo_workloads::diagnosis::{Finding, Severity};

use super::{
    cause::{Cause, causes},
    prose::printable,
    sentence,
};
use crate::summary::{Outcome, Row, Summary};

/// The failure of one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// Name of the application, if the run is about several.
    pub app: Option<String>,
    /// `<Kind>/<name>`, or the name of the application.
    pub workload: String,
    /// Namespace of the workload.
    pub namespace: String,
    /// Code of the finding, empty if there is none.
    pub code: String,
    /// The cause in one sentence, without the workload.
    pub sentence: String,
    /// Facts that prove the cause.
    pub evidence: Vec<String>,
    /// The last lines of the container that failed.
    pub last_lines: Vec<String>,
    /// A command or step that helps.
    pub next: Option<String>,
}

impl Failure {
    /// True if it is the failure of the workload in a row.
    pub fn is_of(&self, row: &Row) -> bool {
        self.workload == printable(&row.object.to_string())
            && self.namespace == printable(&row.object.namespace)
    }
}

/// Returns the worst failure of each workload; nothing if the run did not fail. A run that
/// failed has at least one.
pub fn failures(summary: &Summary) -> Vec<Failure> {
    let of_app = |app: &Summary| {
        let name = printable(&app.app);
        let own = failures(app).into_iter();
        own.map(move |failure| Failure {
            app: Some(name.clone()),
            ..failure
        })
    };
    match summary.apps.is_empty() {
        true => of_one(summary),
        false => summary.apps.iter().flat_map(of_app).collect(),
    }
}

fn of_one(summary: &Summary) -> Vec<Failure> {
    if !summary.outcome.is_failure() {
        return Vec::new();
    }
    let mut failures: Vec<Failure> = Vec::new();
    let mut add = |failure: Failure| {
        let is_known =
            |own: &Failure| own.workload == failure.workload && own.namespace == failure.namespace;
        if !failures.iter().any(is_known) {
            failures.push(failure);
        }
    };
    for cause in causes(summary) {
        match &cause {
            Cause::Found(findings) => {
                let bad = findings.iter().filter(|f| f.severity > Severity::Info);
                bad.for_each(|finding| add(found(finding)));
            }
            Cause::GivenUp(row) => add(of_row(row, cause.words())),
        }
    }
    if failures.is_empty() && !summary.explains_itself() {
        let waiting = summary.workloads.iter().filter(|row| !row.complete);
        failures.extend(waiting.map(|row| {
            of_row(
                row,
                printable(row.waiting_for.as_deref().unwrap_or(&row.state)),
            )
        }));
    }
    if failures.is_empty() {
        failures.push(Failure {
            workload: printable(&summary.app),
            sentence: sentence(summary),
            next: summary.argocd_next.clone(),
            ..Failure::default()
        });
    }
    failures
}

fn found(finding: &Finding) -> Failure {
    Failure {
        app: None,
        workload: printable(&finding.workload.to_string()),
        namespace: printable(&finding.workload.namespace),
        code: finding.code.as_str().to_owned(),
        sentence: printable(&finding.sentence),
        evidence: finding
            .evidence
            .iter()
            .map(|fact| printable(fact))
            .collect(),
        last_lines: finding
            .last_lines
            .iter()
            .map(|(_, line)| printable(line))
            .collect(),
        next: finding.next.as_deref().map(printable),
    }
}

fn of_row(row: &Row, sentence: String) -> Failure {
    Failure {
        workload: printable(&row.object.to_string()),
        namespace: printable(&row.object.namespace),
        sentence,
        ..Failure::default()
    }
}

/// Returns a line for each workload that is complete and has no failure.
pub fn finished(summary: &Summary) -> Vec<String> {
    let of_app = |app: &Summary| -> Vec<String> {
        let name = format!("{}: ", printable(&app.app));
        well(app).into_iter().map(|row| line(row, &name)).collect()
    };
    match summary.apps.is_empty() {
        true => well(summary).into_iter().map(|row| line(row, "")).collect(),
        false => summary.apps.iter().flat_map(of_app).collect(),
    }
}

fn well(summary: &Summary) -> Vec<&Row> {
    let failed = causes(summary);
    let is_well = |row: &&Row| {
        let has_cause = failed.iter().any(|cause| {
            let workloads = cause.workloads();
            workloads.iter().any(|own| own.same_name(&row.object))
        });
        row.complete && (!has_cause || summary.outcome == Outcome::Succeeded)
    };
    summary.workloads.iter().filter(is_well).collect()
}

/// `✔ Deployment/web 3/3 ready after 58 s, 2 restarts`
fn line(row: &Row, app: &str) -> String {
    let mut text = format!("✔ {app}{}", printable(&row.object.to_string()));
    match (row.ready, row.desired) {
        (Some(ready), Some(desired)) if !row.runs_once => {
            text.push_str(&format!(" {ready}/{desired} ready"));
        }
        _ => text.push_str(" complete"),
    }
    if let Some(seconds) = row.seconds {
        text.push_str(&format!(" after {}", seconds_in_words(seconds)));
    }
    if row.restarts > 0 {
        let restarts = argo_core::text::counted(row.restarts as usize, "restart");
        text.push_str(&format!(", {restarts}"));
    }
    text
}
