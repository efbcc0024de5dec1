//! What is wrong, what of that was said already, and what of that is over.

use std::{collections::BTreeMap, time::Duration};

use argo_core::{
    Level, ObjectRef, Record,
    record::{self, Body},
};
use argo_workloads::diagnosis::{Code, Finding, Severity, doomed_workloads};
use jiff::Timestamp;

use super::Course;
use crate::{args::WorkloadName, span, summary};

/// A workload under way has to be without a cause for so long: what takes its place may come
/// a moment later.
const GONE_FOR: Duration = Duration::from_secs(5);
/// What comes and goes is said, and said to be over, no more often than this.
const QUIET: Duration = Duration::from_secs(60);

/// What makes two findings the same one for a reader.
type Key = (Code, String, String);

/// The findings that stand, and what was said.
#[derive(Debug, Default)]
pub struct Causes {
    current: Vec<Finding>,
    /// Since when each of them stands.
    standing: BTreeMap<Key, Timestamp>,
    told: BTreeMap<Key, Told>,
}

/// A finding that was said.
#[derive(Debug)]
struct Told {
    /// How bad it was.
    severity: Severity,
    workload: ObjectRef,
    /// As it was said.
    sentence: String,
    body: record::Finding,
    since: Timestamp,
    /// When it stood last.
    stood: Timestamp,
    end: End,
    /// When it was last said to be over.
    over_at: Option<Timestamp>,
}

/// How a finding that was said ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Nobody has been told of an end.
    Open,
    /// Another finding of the workload took its place.
    Replaced,
    /// It is over.
    Over,
}

impl Causes {
    /// This is what is wrong now; what to say about it. A cause is said once, and once more
    /// when it turns out to be for good; that it is over is said, too.
    pub fn update(
        &mut self,
        findings: Vec<Finding>,
        course: impl Fn(&ObjectRef, &[String]) -> Course,
        now: Timestamp,
    ) -> Vec<Record> {
        self.current = findings;
        let mut records = self.news(now);
        records.extend(self.endings(course, now));
        records
    }

    /// Findings that were not said before.
    fn news(&mut self, now: Timestamp) -> Vec<Record> {
        let mut records = Vec::new();
        let mut standing = BTreeMap::new();
        for finding in &self.current {
            if finding.severity == Severity::Info {
                continue;
            }
            let key = key(finding);
            let known = self.told.get_mut(&key);
            let is_known = known.is_some_and(|told| told.stands(finding, now));
            if !is_known {
                let over_at = self.told.get(&key).and_then(|told| told.over_at);
                let told = Told::new(finding, over_at, now);
                self.told.insert(key.clone(), told);
                records.push(record(finding, now));
            }
            let since = self.standing.get(&key).copied();
            standing.insert(key, since.unwrap_or(now));
        }
        self.standing = standing;
        records
    }

    /// What was said and no longer holds. Where another finding of the workload takes its
    /// place, that one says enough; of a workload that failed nothing is over.
    fn endings(
        &mut self,
        course: impl Fn(&ObjectRef, &[String]) -> Course,
        now: Timestamp,
    ) -> Vec<Record> {
        let mut records = Vec::new();
        let mut well = Vec::new();
        for (key, told) in &mut self.told {
            if told.end != End::Open || self.standing.contains_key(key) {
                continue;
            }
            let mut later = self.standing.iter().filter(|(_, at)| **at > told.stood);
            if later.any(|(other, _)| explains(other, key)) {
                told.end = End::Replaced;
                continue;
            }
            match course(&told.workload, &told.body.pods) {
                Course::Gone => told.end = End::Over,
                course if told.is_over(course, key.0, now) => {
                    records.push(told.over(now));
                    well.push(key.2.clone());
                }
                _ => {}
            }
        }
        self.forgive(&well, now);
        records
    }

    /// What was replaced by something that is over is over as well.
    fn forgive(&mut self, workloads: &[String], now: Timestamp) {
        let replaced = self.told.iter_mut().filter(|(key, told)| {
            told.end == End::Replaced
                && workloads.contains(&key.2)
                && !self.standing.contains_key(key)
        });
        for (_, told) in replaced {
            (told.end, told.over_at) = (End::Over, Some(now));
        }
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
                let held = span::between(*since, now) >= grace;
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

/// True if the rules may have left out `one` for `other`: they do so within a workload, and
/// for what only says that something of the application is not well.
fn explains(other: &Key, one: &Key) -> bool {
    other.2 == one.2 || matches!(one.0, Code::AlreadyDegraded | Code::AppSuspended)
}

/// True for what is over once the rules no longer see it: what keeps containers from
/// starting, above all. A container that crashed runs again for a while, a probe is silent
/// after a restart, a promised node is not there yet: only a workload that is complete
/// proves that they are over.
fn shows_its_end(code: Code) -> bool {
    matches!(
        code,
        Code::ImagePull
            | Code::ConfigMissing
            | Code::PvcPending
            | Code::VolumeAttach
            | Code::VolumeMount
            | Code::SandboxFailed
            | Code::QuotaExceeded
            | Code::AdmissionDenied
            | Code::ComparisonError
            | Code::AppSuspended
            | Code::AlreadyDegraded
    )
}

impl Told {
    fn new(finding: &Finding, over_at: Option<Timestamp>, now: Timestamp) -> Self {
        Self {
            severity: finding.severity,
            workload: finding.workload.clone(),
            sentence: finding.sentence.clone(),
            body: finding.into(),
            since: finding.since,
            stood: now,
            end: End::Open,
            over_at,
        }
    }

    /// It stands (again). False if that is to be said.
    fn stands(&mut self, finding: &Finding, now: Timestamp) -> bool {
        self.stood = now;
        if finding.severity > self.severity {
            return false;
        }
        match self.end {
            End::Over => !self.is_quiet(now),
            End::Open | End::Replaced => {
                self.end = End::Open;
                true
            }
        }
    }

    /// True if it was not said to be over just now.
    fn is_quiet(&self, now: Timestamp) -> bool {
        self.over_at
            .is_none_or(|at| span::between(at, now) >= QUIET)
    }

    /// True if the time has come to say that it is over.
    fn is_over(&self, course: Course, code: Code, now: Timestamp) -> bool {
        let is_sure = match course {
            Course::Complete => true,
            Course::Going => shows_its_end(code) && span::between(self.stood, now) >= GONE_FOR,
            Course::Anew | Course::Failed | Course::Gone => false,
        };
        is_sure && self.is_quiet(now)
    }

    /// `Deployment/web: over after 24 s: Secret "token" does not exist`
    fn over(&mut self, now: Timestamp) -> Record {
        (self.end, self.over_at) = (End::Over, Some(now));
        let lasted = summary::elapsed(span::between(self.since, self.stood));
        let (workload, sentence) = (&self.workload, &self.sentence);
        let body = record::Finding {
            doomed: false,
            resolved: true,
            evidence: Vec::new(),
            next: None,
            ..self.body.clone()
        };
        let msg = format!("{workload}: over after {lasted}: {sentence}");
        Record::at(now, Level::Info, msg, Body::Finding(body))
    }
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

#[cfg(test)]
#[path = "causes_tests.rs"]
mod tests;
