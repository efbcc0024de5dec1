//! What is wrong, and what of that was said already.

use std::collections::BTreeMap;

use argo_core::{Level, ObjectRef, Record, record::Body};
use argo_workloads::diagnosis::{Code, Finding, Severity, doomed_workloads};
use jiff::Timestamp;

use crate::args::WorkloadName;

/// What makes two findings the same one for a reader.
type Key = (Code, String, String);

/// The findings that stand, and what was said.
#[derive(Debug, Default)]
pub struct Causes {
    current: Vec<Finding>,
    told: BTreeMap<Key, Severity>,
}

impl Causes {
    /// This is what is wrong now; what to say about it. A cause is said once, and once more
    /// when it turns out to be for good.
    pub fn update(&mut self, findings: Vec<Finding>, now: Timestamp) -> Vec<Record> {
        self.current = findings;
        let mut records = Vec::new();
        for finding in &self.current {
            let key = key(finding);
            let known = self.told.get(&key).copied();
            if finding.severity > Severity::Info && known < Some(finding.severity) {
                self.told.insert(key, finding.severity);
                records.push(record(finding, now));
            }
        }
        records
    }

    /// The findings that stand, the worst first.
    pub fn current(&self) -> &[Finding] {
        &self.current
    }

    /// A workload that cannot become complete any more, since at least `grace`.
    pub fn doomed(
        &self,
        ignored: &[WorkloadName],
        grace: std::time::Duration,
        now: Timestamp,
    ) -> Option<ObjectRef> {
        let doomed = doomed_workloads(&self.current);
        doomed
            .into_iter()
            .find(|(workload, since)| {
                let held = crate::span::between(*since, now) >= grace;
                held && !ignored.iter().any(|ignored| ignored.is(workload))
            })
            .map(|(workload, _)| workload)
    }
}

impl WorkloadName {
    /// True if this names the workload; the case of the kind does not matter.
    pub fn is(&self, workload: &ObjectRef) -> bool {
        self.kind.eq_ignore_ascii_case(&workload.kind.kind) && *self.name == *workload.name
    }
}

fn key(finding: &Finding) -> Key {
    let workload = format!("{}/{}", finding.workload.namespace, finding.workload);
    (finding.code, finding.cause.clone(), workload)
}

fn record(finding: &Finding, now: Timestamp) -> Record {
    let level = if finding.is_doomed() {
        Level::Error
    } else {
        Level::Warning
    };
    let msg = format!("{}: {}", finding.workload, finding.sentence);
    Record::at(now, level, msg, Body::Finding(finding.into()))
}
