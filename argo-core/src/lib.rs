//! The vocabulary of Argo Assistant.
//!
//! Everything that more than one crate of the workspace speaks of lives here: which
//! application is meant ([`AppRef`], [`TrackingId`]), which object ([`GroupKind`],
//! [`ObjectRef`]), what is known of it (the slim types in [`resource`]), what the
//! tracker tells the followers ([`TrackEvent`], [`PodEvent`]), and what a person or a
//! program is shown in the end ([`Record`]).
//!
//! # Theory of operation
//!
//! The types are plain data. Two modules talk to a cluster: [`client`] turns a
//! kubeconfig or a service account into a connection, and [`watch()`] turns one kind in
//! one namespace into a stream that never ends, whatever the server answers.
//!
//! ```no_run
//! use argo_core::{client, resource::Pod, watch, WatchConfig, WatchEvent};
//! use futures::StreamExt;
//!
//! # async fn run() -> Result<(), client::Error> {
//! let connection = client::connect(&client::Options::inferred(|name| std::env::var_os(name))).await?;
//! let pods = kube::Api::<Pod>::namespaced(connection.client, "shop-prod");
//! let mut events = Box::pin(watch(pods, WatchConfig::default()));
//! while let Some(event) = events.next().await {
//!     if let WatchEvent::Applied(pod) = event {
//!         drop(pod.status.phase);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! It knows no kind of workload, decides nothing about who belongs to an application,
//! prints nothing and reads no environment variable of the user.

pub mod access;
mod app;
pub mod backoff;
pub mod client;
mod kind_traits;
mod level;
mod notice;
mod object;
pub mod record;
pub mod resource;
mod rollout_state;
pub mod text;
mod timer;
mod track;
mod tracking;
mod watch;

pub use app::AppRef;
pub use backoff::Backoff;
pub use kind_traits::{KindTraits, Newest, OwnedRevision, RefusedPods, RevisionLabel, Runs};
pub use level::{Level, ParseLevelError};
pub use notice::{Notice, NoticeCode};
pub use object::{GroupKind, ObjectName, ObjectRef};
pub use record::Record;
pub use rollout_state::RolloutState;
pub use timer::sleep_until;
pub use track::{PodEvent, TrackEvent, Tracked, TrackedBody};
pub use tracking::{ParseTrackingIdError, TrackingId};
pub use watch::{Degraded, DegradedReason, WatchConfig, WatchEvent, watch};
