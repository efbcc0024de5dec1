//! Follows deployments of Argo CD: the logs of every container, the Kubernetes events, how far
//! each workload is, and why a rollout fails.
//!
//! A deploy tool embeds this library with one call: [`follow`]. It works with Argo CD
//! applications; it has nothing to do with Argo Events or Argo Workflows. With the default
//! feature `cli` it is also the program `argo-assistant`, whose parts are hidden here and may
//! change in any release: an embedder turns the default features off.
//!
//! ```no_run
//! use argo_assistant::{FollowConfig, FollowEvent, argo_core::{AppRef, client}, follow};
//! use futures::StreamExt;
//!
//! # async fn deploy() -> Result<bool, client::Error> {
//! let options = client::Options::inferred(|name| std::env::var_os(name));
//! let connection = client::connect(&options).await?;
//! let mut events = follow(connection, AppRef::new("shop", "argocd"), FollowConfig::default());
//! while let Some(event) = events.next().await {
//!     match event {
//!         FollowEvent::Lines(lines) => {
//!             for line in lines.batch.lines() {
//!                 println!("{} {}", lines.origin.pod.name, String::from_utf8_lossy(line.text));
//!             }
//!         }
//!         FollowEvent::Event(event) => println!("{} {}: {}", event.object, event.reason, event.message),
//!         FollowEvent::Done(verdict) => {
//!             println!("{verdict}");
//!             return Ok(verdict.is_success());
//!         }
//!         _ => {}
//!     }
//! }
//! # Ok(false)
//! # }
//! ```
//!
//! # How it works
//!
//! [`follow`] opens three streams: `argo_workloads::track` finds the objects of the application,
//! `argo_logs` reads their logs and `argo_events` their events. An [`Observer`]
//! collects what they say and examines it twice a second: the progress of each workload, and
//! findings, each reported when it comes, gets worse or is resolved. When everything is
//! complete, or a workload has been doomed for the grace time, the logs and events are read to
//! their end, and the [`Verdict`] is the last item.
//!
//! # Versions
//!
//! The four libraries and the crates of their interfaces are re-exported, so that an embedder
//! needs no versions of its own. `k8s-openapi` wants one Kubernetes version in the whole tree;
//! the feature `cli` chooses one, an embedder without it chooses its own.
//!
//! # Limits
//!
//! It changes nothing in the cluster, starts no sync and prints nothing. Log lines and messages
//! come from other programs: make them safe before they reach a terminal or a pipeline.

mod follow;

pub use {argo_core, argo_events, argo_logs, argo_workloads, bytes, jiff, k8s_openapi, kube};

pub use follow::{
    Follow, FollowConfig, FollowEvent, Observer, OnPaused, Outcome, StreamConfig, Streams, Verdict,
    follow,
};

// The program: `command` turns arguments into an exit code. `sync` and `follow` put a `run`
// together: streams from the cluster or Argo CD, `argocd` as a child process, a `session` that
// decides which records are shown and when the run ends, a screen and an output.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod apps;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod argocd;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod args;
#[cfg(feature = "cli")]
mod caller;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cluster;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod command;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod error;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod exit;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod files;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod golayout;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod heartbeat;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod last_acts;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod limits;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod lookup;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod output;
#[cfg(feature = "cli")]
#[cfg(test)]
mod pages;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod recording;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod render;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod replay;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod report;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod run;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod sanitize;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod screen;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod select;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod session;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod settings;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod signals;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod streams;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod summary;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod terminal;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod verdict;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod view;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod way;

#[cfg(feature = "cli")]
#[cfg(test)]
mod forms_tests;
