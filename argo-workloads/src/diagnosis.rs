//! The reasons for which a rollout fails: rules over the facts about the objects of an
//! application.
//!
//! A [`Facts`] is fed by a tracker, an event stream and a log stream; an [`Examiner`] looks at
//! it again and again and returns the findings of each moment. Both are plain and synchronous:
//! no clock, no client, no text layout.
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
//!     diagnosis::{Examiner, Facts, FindingEvent, Thresholds, Timeline},
//!     progress::Progress,
//! };
//! use futures::{Stream, StreamExt};
//! use jiff::Timestamp;
//!
//! # async fn run(mut tracked: impl Stream<Item = TrackEvent> + Unpin) {
//! let started = Timestamp::now();
//! let mut facts = Facts::new(started);
//! let mut progress = Progress::new(AppRef::new("shop", "argocd"), started);
//! let (mut examiner, mut timeline) = (Examiner::default(), Timeline::default());
//! while let Some(event) = tracked.next().await {
//!     let now = Timestamp::now();
//!     facts.track(&event, now);
//!     progress.track(&event, now);
//!     let findings = examiner.examine(&mut facts, &Thresholds::default(), now);
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

mod before_abort;
mod code;
mod context;
mod examiner;
mod facts;
mod finding;
mod observation;
mod report;
mod rules;
mod span;
mod thresholds;
mod timeline;

pub use crate::message::without_credentials;
pub use code::Code;
pub use examiner::{Examiner, examine};
pub use facts::{EventFact, Facts, LAST_LINES, Line, stands_out};
pub use finding::{Finding, NewPods, Severity, doomed_workloads};
pub use report::findings_page;
pub use thresholds::Thresholds;
pub use timeline::{FindingEvent, Timeline};

#[cfg(test)]
#[path = "diagnosis/made_tests.rs"]
mod made_tests;
