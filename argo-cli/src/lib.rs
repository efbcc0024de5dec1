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

/// The program: `command` turns arguments into an exit code. `sync` and `follow` put a `run`
/// together: streams from the cluster or Argo CD, `argocd` as a child process, a `session` that
/// decides which records are shown and when the run ends, a screen and an output.
///
/// Its files lie beside this one, so that they are `crate::…` to each other; only what its own
/// tests and benchmarks use is public.
#[cfg(feature = "cli")]
#[path = ""]
mod program {
    pub mod argocd;
    pub mod args;
    pub mod command;
    pub mod last_acts;
    pub mod output;
    pub mod recording;
    pub mod render;
    pub mod report;
    pub mod sanitize;
    pub mod screen;
    pub mod session;
    pub mod settings;
    pub mod summary;
    pub mod terminal;
    pub mod verdict;
    pub mod view;

    pub(crate) mod apps;
    pub(crate) mod caller;
    pub(crate) mod cluster;
    pub(crate) mod error;
    pub(crate) mod exit;
    pub(crate) mod files;
    pub(crate) mod golayout;
    pub(crate) mod heartbeat;
    pub(crate) mod limits;
    pub(crate) mod lookup;
    pub(crate) mod replay;
    pub(crate) mod run;
    pub(crate) mod select;
    pub(crate) mod signals;
    pub(crate) mod streams;
    pub(crate) mod way;
}

#[cfg(feature = "cli")]
#[doc(hidden)]
pub use program::*;

#[cfg(test)]
#[cfg(feature = "cli")]
mod forms_tests;
#[cfg(test)]
#[cfg(feature = "cli")]
mod pages;
