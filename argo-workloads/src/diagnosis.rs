//! Why a rollout fails: rules over what is known of the objects of an application.
//!
//! A [`Facts`] is fed with what a tracker, an event stream and a log stream say;
//! [`examine`] looks at it at one moment and says what is wrong. Both are plain and
//! synchronous: no clock, no client, no text layout.
//!
//! # Theory of operation
//!
//! Each rule is a small function that looks at one container, pod, workload or
//! Application and says what it sees, since when. What has held for the rule's grace time
//! is a finding: transient states never are. Status decides, events explain; events count
//! by themselves only where the status never tells. Only pods of the newest revision are
//! blamed. Pods with one cause are one finding, and what another finding explains is left
//! out.
//!
//! [`Timeline`] compares the findings of one moment with those before, and returns what is
//! worth reporting: a finding that came, got worse, or is resolved.
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
//! It does not watch, wait or print, does not decide when a wait ends, and does not guess:
//! what a rule cannot know it does not say.

use jiff::{SignedDuration, Timestamp};

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

/// How patient the rules are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// How often a container may be restarted: one that ended more often is crashing.
    /// What fails the same way each time (out of memory, no such program) counts from the
    /// second time on at the latest.
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
    /// For one look at what is, without waiting: every state counts at once.
    #[must_use]
    pub fn one_look() -> Self {
        Self {
            allow_restarts: 0,
            grace: Some(SignedDuration::ZERO),
        }
    }

    /// For the time after everything was called healthy: the first crash counts.
    #[must_use]
    pub fn settling() -> Self {
        Self {
            allow_restarts: 0,
            grace: None,
        }
    }

    fn is_one_look(&self) -> bool {
        self.grace == Some(SignedDuration::ZERO)
    }
}

/// A message of the cluster on one line, without credentials, of at most 300 characters.
pub fn without_credentials(message: &str) -> String {
    redact::clean(message)
}

/// What is wrong at this moment, the worst and oldest first. A finding stands as long as
/// its cause does; what comes and goes is for the caller to remember.
pub fn examine(facts: &mut Facts, thresholds: &Thresholds, now: Timestamp) -> Vec<Finding> {
    facts.evaluate_lines();
    let context = context::Context::new(facts, thresholds, now);
    let observations = rules::RULES
        .iter()
        .flat_map(|rule| report::Candidate::of(rule, &context));
    report::findings(observations.collect(), &context)
}

#[cfg(test)]
#[path = "diagnosis/made_tests.rs"]
mod made_tests;
