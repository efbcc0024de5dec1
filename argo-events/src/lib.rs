//! Kubernetes events of an application that Argo CD deploys: each occurrence once, at the
//! right time, with the right level. It has nothing to do with the CNCF project Argo
//! Events, which triggers workflows from event sources.
//!
//! # Theory of operation
//!
//! An [`EventStream`] gets the objects of the application as a stream of
//! [`TrackEvent`](argo_core::TrackEvent)s and watches core/v1 events in each of their
//! namespaces. It reports an event if the uid in `involvedObject` is tracked. Events often
//! arrive before their object, so an unknown uid is held for up to half a minute. An
//! update of an event is a repeat, a list that shows it again is not, and repeats within
//! a minute become one record with a count. [`level`] maps a reason to its level.
//!
//! An event that happened before the start is marked
//! [`before_start`](EventRecord::before_start): it explains the state of an object, but is
//! not news. [`snapshot()`] takes one look instead of following.
//!
//! ```no_run
//! use argo_core::{TrackEvent, client};
//! use argo_events::{ClusterEvents, EventConfig, EventItem, EventStream};
//! use futures::{Stream, StreamExt};
//!
//! # async fn run(tracked: impl Stream<Item = TrackEvent> + Send + 'static) -> Result<(), client::Error> {
//! let connection = client::connect(&client::Options::inferred(|name| std::env::var_os(name))).await?;
//! let source = ClusterEvents::new(connection);
//! let mut events = EventStream::new(source, tracked, EventConfig::default());
//! while let Some(item) = events.next().await {
//!     if let EventItem::Event(event) = item {
//!         println!("{} {} {}: {}", event.time, event.object, event.reason, event.message);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//!
//! - The caller decides which objects belong to the application.
//! - Events of cluster-scoped objects (they lie in the namespace `default`) and events
//!   whose object has no uid are not read.
//! - Messages are not made safe for a terminal.
//! - Events prove nothing: writers drop them under load. The status of an object is the
//!   truth, its events explain it.
//!
//! # Features
//!
//! - `argocd-api`: `ArgocdEvents`, which reads events through Argo CD's API. There is no
//!   watch for them, so they are polled.
//! - `unstable-engine`: the module `engine`, the rules without any I/O. It may change in any
//!   release.

#![cfg_attr(
    not(feature = "unstable-engine"),
    allow(unreachable_pub, dead_code, reason = "public in `engine` only")
)]

#[cfg(feature = "argocd-api")]
mod argocd;
mod classify;
mod config;
mod deduplicator;
#[cfg(feature = "unstable-engine")]
pub mod engine;
mod event;
mod follower;
mod objects;
mod occurrence;
mod pending;
mod record;
mod snapshot;
mod source;
mod stream;

#[cfg(feature = "argocd-api")]
pub use argocd::ArgocdEvents;
pub use classify::{LevelOverride, LevelOverrides, ParseLevelOverrideError, level};
pub use config::EventConfig;
pub use event::{Event, InvolvedObject, Series, Source};
pub use record::{EventItem, EventRecord};
pub use snapshot::snapshot;
pub use source::{ClusterEvents, EventScope, EventSource};
pub use stream::EventStream;
