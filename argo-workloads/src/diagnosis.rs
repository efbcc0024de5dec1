//! The reasons for which a rollout fails: rules over the facts about the objects of an
//! application.
//!
//! A [`Facts`] is fed by a tracker, an event stream and a log stream; [`examine`] looks at it
//! at one moment and returns the findings. Both are plain and synchronous: no clock, no
//! client, no text layout.
//!
//! # Theory of operation
//!
//! Each rule is a small function that looks at one container, pod, workload or Application
//! and returns the failure that it sees, with its time. A failure that has held for the
//! rule's grace time is a finding: transient states never are. Status decides, events
//! explain; events count by themselves only where the status never shows the failure. Only
//! pods of the newest revision are blamed. Pods with one cause make one finding, and a
//! finding that another one explains is left out.
//!
//! [`Timeline`] compares the findings of one moment with those before, and returns the
//! changes worth reporting: a finding that came, got worse, or is resolved.
//!
//! ```no_run
//! use argo_core::{AppRef, TrackEvent};
//! use argo_workloads::{
//!     diagnosis::{Facts, FindingEvent, Thresholds, Timeline, examine},
//!     progress::Progress,
//! };
//! use futures::{Stream, StreamExt};
//! use jiff::Timestamp;
//!
//! # async fn run(mut tracked: impl Stream<Item = TrackEvent> + Unpin) {
//! let started = Timestamp::now();
//! let mut facts = Facts::new(started);
//! let mut progress = Progress::new(AppRef::new("shop", "argocd"), started);
//! let mut timeline = Timeline::default();
//! while let Some(event) = tracked.next().await {
//!     let now = Timestamp::now();
//!     facts.track(&event, now);
//!     progress.track(&event, now);
//!     let findings = examine(&mut facts, &Thresholds::default(), now);
//!     for event in timeline.update(findings, &progress, now) {
//!         if let FindingEvent::Found(finding) = event {
//!             println!("{}: {}", finding.workload, finding.sentence);
//!         }
//!     }
//! }
//! # }
//! ```
//!
//! # What it does not do
//!
//! The module does not watch, wait or print, does not decide when a wait ends, and does not
//! guess: a rule says only things that it knows.

use jiff::{SignedDuration, Timestamp};

mod before_abort;
mod code;
mod context;
mod facts;
mod finding;
mod observation;
mod redact;
mod report;
mod rules;
mod span;
mod timeline;

pub use code::Code;
pub use facts::{EventFact, Facts, LAST_LINES, Line};
pub use finding::{Finding, NewPods, Severity, doomed_workloads};
pub use report::findings_page;
pub use timeline::{FindingEvent, Timeline};

/// The patience of the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// The restarts that a container is allowed: one that ended more often is crashing. A
    /// container that fails the same way each time (out of memory, no such program) counts
    /// from its second failure on at the latest.
    pub allow_restarts: u32,
    /// Replaces the grace time of every rule.
    pub grace: Option<SignedDuration>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            allow_restarts: 2,
            grace: None,
        }
    }
}

impl Thresholds {
    /// Returns the thresholds for a single look without waiting: every state counts at once.
    #[must_use]
    pub fn one_look() -> Self {
        Self {
            allow_restarts: 0,
            grace: Some(SignedDuration::ZERO),
        }
    }

    /// Returns the thresholds for the time after everything was called healthy: the first
    /// crash counts.
    #[must_use]
    pub fn settling() -> Self {
        Self {
            allow_restarts: 0,
            grace: None,
        }
    }

    /// Returns the thresholds for the reason that is known so far, before it is certain: a
    /// state counts as soon as it lasts.
    #[must_use]
    pub fn so_far() -> Self {
        Self {
            allow_restarts: 0,
            grace: Some(SignedDuration::from_nanos(1)),
        }
    }

    fn is_one_look(&self) -> bool {
        self.grace == Some(SignedDuration::ZERO)
    }
}

/// Formats a message of the cluster on one line, without credentials, of at most 300
/// characters.
pub fn without_credentials(message: &str) -> String {
    redact::clean(message)
}

/// Returns the findings of this moment, the worst and oldest first. A finding stands as long
/// as its cause does; remembering the findings that come and go is the job of [`Timeline`].
pub fn examine(facts: &mut Facts, thresholds: &Thresholds, now: Timestamp) -> Vec<Finding> {
    facts.evaluate_lines();
    let mut candidates = candidates(facts, thresholds, now);
    candidates.extend(before_abort::recall(facts, &candidates, thresholds, now));
    let context = context::Context::new(facts, thresholds, now);
    report::findings(candidates, &context)
}

fn candidates(facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Vec<report::Candidate> {
    let context = context::Context::new(facts, thresholds, now);
    let candidates = rules::RULES
        .iter()
        .flat_map(|rule| report::Candidate::of(rule, &context));
    candidates.collect()
}

#[cfg(test)]
#[path = "diagnosis/made_tests.rs"]
mod made_tests;
