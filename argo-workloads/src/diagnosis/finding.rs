//! Findings: causes of failure in a form that can be shown.

use std::collections::{BTreeMap, BTreeSet};

use argo_core::{ObjectName, ObjectRef, record};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::code::Code;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// The cause holds the rollout up, and may pass.
    Suspicious,
    /// The rollout cannot succeed without a change.
    Doomed,
}

/// A cause of failure with its workload, its time and its evidence.
///
/// Texts are single lines without credentials and without a full stop at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The stable name of the cause.
    pub code: Code,
    /// The severity: whether the rollout can still succeed.
    pub severity: Severity,
    /// The time since which the cause has held.
    pub since: Timestamp,
    /// The workload at the top of the ownership chain, or the Application.
    pub workload: ObjectRef,
    /// Names of the pods with this cause, sorted; empty where there is none.
    pub pods: Vec<String>,
    /// Names of their containers with this cause, sorted.
    pub containers: Vec<String>,
    /// The pods of the newest revision that the workload has.
    pub new_pods: NewPods,
    /// The cause with the numbers, without the workload's name.
    pub sentence: String,
    /// The sentence without numbers and generated names. Two findings with equal code and
    /// cause have one cause, whatever their workload; the text is stable while the cause
    /// lasts.
    pub cause: String,
    /// Facts that prove the cause, one a line.
    pub evidence: Vec<String>,
    /// The last lines of the failing container, at most ten, oldest first.
    pub last_lines: Vec<(Timestamp, String)>,
    /// A command that a person can paste.
    pub next: Option<String>,
}

/// The pods of the newest revision of a workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPods {
    /// Their number.
    pub count: usize,
    /// True if one doomed pod dooms the workload; otherwise all of them must be doomed.
    pub any_dooms: bool,
}

impl Finding {
    /// True if the rollout cannot succeed without a change.
    pub fn is_doomed(&self) -> bool {
        self.severity == Severity::Doomed
    }

    /// True if what failed is over and nobody starts it again: a Job, or a pod that runs once.
    /// A hook is none, since a retry of the sync makes it anew.
    pub fn is_final(&self) -> bool {
        self.is_doomed() && matches!(self.code, Code::JobFailed | Code::DeadlineExceeded)
    }
}

impl From<&Finding> for record::Finding {
    fn from(finding: &Finding) -> Self {
        Self {
            app: None,
            code: finding.code.as_str().to_owned(),
            namespace: finding.workload.namespace.to_string(),
            workload: finding.workload.to_string(),
            pods: finding.pods.clone(),
            doomed: finding.is_doomed(),
            resolved: false,
            evidence: finding.evidence.clone(),
            lines: finding.last_lines.iter().map(last_line).collect(),
            next: finding.next.clone(),
            log_query: None,
        }
    }
}

fn last_line((time, text): &(Timestamp, String)) -> record::LastLine {
    record::LastLine {
        time: *time,
        text: text.clone(),
    }
}

/// Returns the workloads that can no longer become complete, each with the time from which on
/// that was certain.
///
/// The rule is krane's
/// (`lib/krane/kubernetes_resource/{deployment,stateful_set,daemon_set}.rb`): a StatefulSet
/// or DaemonSet is doomed when any of its pods is, a workload that may get another pod when
/// all its new pods are. A cause that dooms no pod in particular (a quota, a failed Job, the
/// sync) dooms the workload.
pub fn doomed_workloads(findings: &[Finding]) -> Vec<(ObjectRef, Timestamp)> {
    let mut by_workload: BTreeMap<ObjectName, Vec<&Finding>> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.is_doomed()) {
        let name = finding.workload.name();
        by_workload.entry(name).or_default().push(finding);
    }
    by_workload
        .into_values()
        .filter_map(|findings| Some((findings[0].workload.clone(), doomed_since(&findings)?)))
        .collect()
}

/// Returns the time since which the doomed findings of one workload doom the workload, if
/// they do.
fn doomed_since(findings: &[&Finding]) -> Option<Timestamp> {
    let first = findings.first()?;
    let whole = |finding: &&&Finding| finding.new_pods.any_dooms || finding.pods.is_empty();
    if let Some(since) = findings.iter().filter(whole).map(|f| f.since).min() {
        return Some(since);
    }
    let pods: BTreeSet<&String> = findings.iter().flat_map(|f| &f.pods).collect();
    if pods.len() < first.new_pods.count {
        return None;
    }
    findings.iter().map(|finding| finding.since).max()
}

#[cfg(test)]
mod tests {
    use argo_core::GroupKind;

    use super::*;

    fn finding(kind: &str, severity: Severity, pods: &[&str], second: i64) -> Finding {
        Finding {
            code: Code::CrashLoop,
            severity,
            since: Timestamp::from_second(second).unwrap(),
            workload: ObjectRef {
                kind: GroupKind::new("apps", kind),
                namespace: "n".into(),
                name: "w".into(),
                uid: "u".into(),
            },
            pods: pods.iter().map(|&pod| pod.to_owned()).collect(),
            containers: Vec::new(),
            new_pods: NewPods {
                count: 3,
                any_dooms: kind == "StatefulSet",
            },
            sentence: String::new(),
            cause: String::new(),
            evidence: Vec::new(),
            last_lines: Vec::new(),
            next: None,
        }
    }

    fn since(findings: &[Finding]) -> Option<i64> {
        let doomed = doomed_workloads(findings);
        doomed.first().map(|(_, since)| since.as_second())
    }

    #[test]
    fn a_deployment_needs_all_its_new_pods_to_be_doomed() {
        use Severity::{Doomed, Suspicious};
        let two = finding("Deployment", Doomed, &["a", "b"], 5);
        assert_eq!(since(std::slice::from_ref(&two)), None);
        let third = finding("Deployment", Doomed, &["c"], 9);
        assert_eq!(since(&[two.clone(), third]), Some(9));
        let again = finding("Deployment", Doomed, &["b"], 9);
        assert_eq!(since(&[two.clone(), again]), None);
        let unsure = finding("Deployment", Suspicious, &["c"], 9);
        assert_eq!(since(&[two.clone(), unsure]), None);
        let quota = finding("Deployment", Doomed, &[], 7);
        assert_eq!(since(&[two, quota]), Some(7));
    }

    #[test]
    fn a_stateful_set_needs_one() {
        let one = finding("StatefulSet", Severity::Doomed, &["a"], 5);
        assert_eq!(since(&[one]), Some(5));
    }
}
