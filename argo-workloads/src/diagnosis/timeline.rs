//! Changes of findings over time: they come, get worse, and are resolved.
//!
//! [`examine`](super::examine) returns the findings of one moment. A person wants to be told
//! of a finding once when it comes, again if it turns out to be for good, and when it is
//! over. A finding that comes and goes must not flood the screen.

use std::{collections::BTreeMap, time::Duration};

use argo_core::{ObjectRef, text::duration::between};
use jiff::Timestamp;

use super::{Code, Finding, Severity, doomed_workloads};
use crate::progress::{Progress, SubjectState};

/// A finding of a workload that is under way counts as resolved after it was absent for this
/// long: another finding that takes its place may come a moment later.
const ABSENT_FOR: Duration = Duration::from_secs(5);
/// A finding that comes and goes is reported, and reported as resolved, at most once in this
/// time.
const REPEAT_AFTER: Duration = Duration::from_secs(60);

/// Code, cause and workload: equal for findings that a reader takes for the same one.
type Key = (Code, String, String);

/// A change of the findings that is worth reporting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingEvent {
    /// A finding came, or came back after it was resolved.
    Found(Finding),
    /// A finding that was reported turned out to be more severe.
    Worse(Finding),
    /// A finding that was reported no longer holds.
    Resolved {
        /// The finding as it was reported.
        finding: Finding,
        /// The last time at which the finding held.
        until: Timestamp,
    },
}

/// The findings that hold, and those that were reported.
#[derive(Debug, Default)]
pub struct Timeline {
    current: Vec<Finding>,
    /// The time at which each of the current findings was first seen.
    standing: BTreeMap<Key, Timestamp>,
    reported: BTreeMap<Key, Reported>,
}

/// A finding that was reported.
#[derive(Debug)]
struct Reported {
    finding: Finding,
    /// The last time at which the finding held.
    held: Timestamp,
    end: End,
    /// The time at which the finding was last reported as resolved.
    resolved_at: Option<Timestamp>,
}

/// The end of a reported finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The finding holds, or has not been absent for long enough.
    Open,
    /// Another finding of the workload took its place.
    Replaced,
    /// The finding is resolved.
    Resolved,
}

impl Timeline {
    /// Takes in the findings of one look and returns the changes to report. A finding is
    /// reported once, again when it gets worse, and when it is resolved.
    pub fn update(
        &mut self,
        findings: Vec<Finding>,
        progress: &Progress,
        now: Timestamp,
    ) -> Vec<FindingEvent> {
        let subject = |finding: &Finding| progress.subject(&finding.workload, &finding.pods);
        self.update_with(findings, subject, now)
    }

    fn update_with(
        &mut self,
        findings: Vec<Finding>,
        subject: impl Fn(&Finding) -> SubjectState,
        now: Timestamp,
    ) -> Vec<FindingEvent> {
        self.current = findings;
        let mut events = self.report_new(now);
        self.report_resolved(subject, now, &mut events);
        events
    }

    /// Returns the findings of the last look, the worst first.
    pub fn current(&self) -> &[Finding] {
        &self.current
    }

    /// Returns the workloads that have been unable to become complete for at least `grace`.
    pub fn doomed(&self, grace: Duration, now: Timestamp) -> Vec<ObjectRef> {
        doomed_workloads(&self.current)
            .into_iter()
            .filter(|(_, since)| between(*since, now) >= grace)
            .map(|(workload, _)| workload)
            .collect()
    }

    fn report_new(&mut self, now: Timestamp) -> Vec<FindingEvent> {
        let mut events = Vec::new();
        let mut standing = BTreeMap::new();
        for finding in &self.current {
            if finding.severity == Severity::Info {
                continue;
            }
            let key = key(finding);
            events.extend(report(&mut self.reported, &key, finding, now));
            let since = self.standing.get(&key).copied();
            standing.insert(key, since.unwrap_or(now));
        }
        self.standing = standing;
        events
    }

    /// Reports the end of findings. A finding that replaces another one of the workload says
    /// enough, and nothing of a failed workload is resolved.
    fn report_resolved(
        &mut self,
        subject: impl Fn(&Finding) -> SubjectState,
        now: Timestamp,
        events: &mut Vec<FindingEvent>,
    ) {
        let mut recovered = Vec::new();
        for (key, reported) in &mut self.reported {
            if reported.end != End::Open || self.standing.contains_key(key) {
                continue;
            }
            let held = reported.held;
            let mut later = self.standing.iter().filter(|(_, since)| **since > held);
            if later.any(|(other, _)| explains(other, key)) {
                reported.end = End::Replaced;
                continue;
            }
            match subject(&reported.finding) {
                // Nobody asks any more what was wrong with a deleted workload.
                SubjectState::Gone => reported.end = End::Resolved,
                state if reported.is_over(state, now) => {
                    events.push(reported.resolve(now));
                    recovered.push(key.2.clone());
                }
                _ => {}
            }
        }
        self.close_replaced(&recovered, now);
    }

    /// Closes the findings whose replacement was resolved.
    fn close_replaced(&mut self, workloads: &[String], now: Timestamp) {
        let replaced = self.reported.iter_mut().filter(|(key, reported)| {
            reported.end == End::Replaced
                && workloads.contains(&key.2)
                && !self.standing.contains_key(key)
        });
        for (_, reported) in replaced {
            (reported.end, reported.resolved_at) = (End::Resolved, Some(now));
        }
    }
}

/// Remembers that a finding holds. Returns an event if that is news.
fn report(
    all: &mut BTreeMap<Key, Reported>,
    key: &Key,
    finding: &Finding,
    now: Timestamp,
) -> Option<FindingEvent> {
    let known = all.get_mut(key);
    let resolved_at = known.as_ref().and_then(|known| known.resolved_at);
    let is_worse = known
        .as_ref()
        .is_some_and(|known| finding.severity > known.finding.severity);
    if known.is_some_and(|known| known.holds(finding, now)) {
        return None;
    }
    let reported = Reported {
        finding: finding.clone(),
        held: now,
        end: End::Open,
        resolved_at,
    };
    all.insert(key.clone(), reported);
    Some(if is_worse {
        FindingEvent::Worse(finding.clone())
    } else {
        FindingEvent::Found(finding.clone())
    })
}

fn key(finding: &Finding) -> Key {
    let workload = format!("{}/{}", finding.workload.namespace, finding.workload);
    (finding.code, finding.cause.clone(), workload)
}

/// True if the rules may have left out `one` in favour of `other`. They do so within a
/// workload, and for the codes that only say that something of the application is not well.
fn explains(other: &Key, one: &Key) -> bool {
    other.2 == one.2 || matches!(one.0, Code::AlreadyDegraded | Code::AppSuspended)
}

impl Reported {
    /// Remembers that the finding holds. Returns false if that must be reported (again).
    fn holds(&mut self, finding: &Finding, now: Timestamp) -> bool {
        self.held = now;
        if finding.severity > self.finding.severity {
            return false;
        }
        match self.end {
            End::Resolved => !self.may_repeat(now),
            End::Open | End::Replaced => {
                self.end = End::Open;
                true
            }
        }
    }

    /// True unless it was reported as resolved just now.
    fn may_repeat(&self, now: Timestamp) -> bool {
        self.resolved_at
            .is_none_or(|at| between(at, now) >= REPEAT_AFTER)
    }

    /// True if the time has come to report it as resolved.
    fn is_over(&self, subject: SubjectState, now: Timestamp) -> bool {
        let is_certain = match subject {
            SubjectState::Complete => true,
            SubjectState::InProgress => {
                self.finding.code.is_over_once_absent() && between(self.held, now) >= ABSENT_FOR
            }
            SubjectState::PodsReplaced | SubjectState::Failed | SubjectState::Gone => false,
        };
        is_certain && self.may_repeat(now)
    }

    fn resolve(&mut self, now: Timestamp) -> FindingEvent {
        (self.end, self.resolved_at) = (End::Resolved, Some(now));
        FindingEvent::Resolved {
            finding: self.finding.clone(),
            until: self.held,
        }
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
