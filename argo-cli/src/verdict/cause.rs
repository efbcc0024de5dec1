//! Causes of a failure: findings that share one are grouped, and a workload whose controller
//! gave up without a finding is a cause of its own.

use argo_core::ObjectRef;
use argo_core::text::{cap, counted};
use argo_workloads::diagnosis::Finding;

use super::prose::printable;
use crate::summary::{Row, Summary};

/// The most workloads that a heading names; the rest is counted.
const NAMES: usize = 4;

/// One cause, of one or more workloads.
#[derive(Debug)]
pub(super) enum Cause<'a> {
    /// Findings that say the same of different workloads.
    Found(Vec<&'a Finding>),
    /// The controller has given up, and no finding explains it.
    GivenUp(&'a Row),
}

impl<'a> Cause<'a> {
    /// Returns the workloads that have this cause.
    pub(super) fn workloads(&self) -> Vec<&'a ObjectRef> {
        match self {
            Self::Found(findings) => findings.iter().map(|finding| &finding.workload).collect(),
            Self::GivenUp(row) => vec![&row.object],
        }
    }

    /// True if a workload cannot become complete because of it.
    pub(super) fn is_doomed(&self) -> bool {
        match self {
            Self::Found(findings) => findings.iter().any(|finding| finding.is_doomed()),
            Self::GivenUp(_) => true,
        }
    }

    /// Describes the cause without naming the workload.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Found(findings) => match &findings[..] {
                [] => String::new(),
                [only] => printable(&only.sentence),
                [first, ..] => printable(&of_all_pods(first, findings)),
            },
            Self::GivenUp(row) => printable(row.failed.as_deref().unwrap_or("failed")),
        }
    }

    /// Returns the code of the findings, empty if no rule found anything.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Found(findings) => findings.first().map_or("", |finding| finding.code.as_str()),
            Self::GivenUp(_) => "",
        }
    }

    /// Returns the part of its workload that has the cause: `db-1`, `container api`.
    pub(super) fn part(&self) -> Option<String> {
        let Self::Found(findings) = self else {
            return None;
        };
        let [only] = &findings[..] else {
            return None;
        };
        let is_some_pods = only.pods.len() < only.new_pods.count;
        match (&only.pods[..], &only.containers[..]) {
            ([pod], _) if is_some_pods => Some(printable(pod)),
            (_, [container]) => Some(format!("container {}", printable(container))),
            _ => None,
        }
    }

    /// `StatefulSet/db: db-1: container postgres crashes on start`
    pub(super) fn sentence(&self) -> String {
        let (names, words) = (
            self.names(|object| printable(&object.to_string())),
            self.words(),
        );
        if words.contains(&names) {
            words
        } else {
            format!("{names}: {words}")
        }
    }

    /// `Deployment/api, Deployment/web and 3 more`
    pub(super) fn names(&self, name: impl Fn(&ObjectRef) -> String) -> String {
        let workloads = self.workloads();
        let names: Vec<String> = workloads
            .iter()
            .take(NAMES)
            .map(|workload| cap(&name(workload), 80))
            .collect();
        let mut text = names.join(", ");
        if workloads.len() > NAMES {
            text.push_str(&format!(" and {} more", workloads.len() - NAMES));
        }
        text
    }

    /// True if the workload has this cause.
    pub(super) fn is_of(&self, workload: &ObjectRef) -> bool {
        self.workloads().iter().any(|own| own.same_name(workload))
    }

    /// Describes the cause as it concerns one workload, for that workload's row in the table.
    pub(super) fn words_for(&self, workload: &ObjectRef) -> String {
        match self {
            Self::Found(findings) => {
                let own = findings
                    .iter()
                    .find(|finding| finding.workload.same_name(workload));
                printable(own.map_or("", |finding| &finding.sentence))
            }
            Self::GivenUp(_) => self.words(),
        }
    }
}

/// Returns all causes in the order of the findings, then those that only a controller reports.
pub(super) fn causes(summary: &Summary) -> Vec<Cause<'_>> {
    let mut causes: Vec<Cause<'_>> = Vec::new();
    for finding in &summary.findings {
        let same = causes.iter_mut().find_map(|cause| match cause {
            Cause::Found(findings) if has_same_cause(findings, finding) => Some(findings),
            _ => None,
        });
        match same {
            Some(findings) => findings.push(finding),
            None => causes.push(Cause::Found(vec![finding])),
        }
    }
    let unexplained = |row: &&Row| {
        row.failed.is_some() && row.holds_up && !causes.iter().any(|cause| cause.is_of(&row.object))
    };
    let given_up: Vec<Cause<'_>> = summary
        .workloads
        .iter()
        .filter(unexplained)
        .map(Cause::GivenUp)
        .collect();
    causes.extend(given_up);
    causes
}

/// True if a finding has the cause of some others. Two findings of one workload never share
/// one, even if they read alike.
fn has_same_cause(findings: &[&Finding], finding: &Finding) -> bool {
    findings.iter().all(|other| {
        other.code == finding.code
            && other.cause == finding.cause
            && !other.workload.same_name(&finding.workload)
    })
}

/// Returns the sentence of the first workload with the number of all pods instead of its own:
/// `(3 of 3 new pods)`, as the findings have it, becomes `(5 pods)`.
fn of_all_pods(first: &Finding, findings: &[&Finding]) -> String {
    let own = first.pods.len();
    let own = format!("{own} of {} new pods", first.new_pods.count.max(own));
    let all: usize = findings.iter().map(|finding| finding.pods.len()).sum();
    first.sentence.replacen(&own, &counted(all, "pod"), 1)
}

/// `3 pods`
pub(super) fn pods(finding: &Finding) -> Option<String> {
    let pods = finding.pods.len();
    (pods > 0).then(|| counted(pods, "pod"))
}
