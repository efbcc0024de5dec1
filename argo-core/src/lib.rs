//! The vocabulary of Argo Assistant, which follows the deployment of an Argo CD Application.
//! It has nothing to do with Argo Events or Argo Workflows.
//!
//! Everything that more than one crate of the workspace needs lives here: references to
//! Applications ([`AppRef`], [`TrackingId`]) and objects ([`GroupKind`], [`ObjectRef`]), their
//! content (the slim types in [`resource`]), the events that the tracker sends to the
//! followers ([`TrackEvent`], [`PodEvent`]), and the output that people and programs get
//! ([`Record`]). Texts from the cluster pass [`text::redacted`] before they are shown.
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
//! let mut events = watch(pods, WatchConfig::default());
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
//! It knows no kind of workload, does not decide which objects belong to an application,
//! prints nothing and reads no environment variables.
//!
//! # Features
//!
//! - `argocd-api`: the module `argocd`, a client of Argo CD's HTTP API, and `web`, clients for
//!   servers that are no cluster.

pub mod access;
mod app;
#[cfg(feature = "argocd-api")]
pub mod argocd;
pub mod backoff;
pub mod client;
mod events;
mod kind_traits;
mod level;
mod notice;
mod object;
mod pause;
pub mod record;
pub mod resource;
mod rollout_state;
pub mod text;
mod timer;
mod tracking_id;
mod watch;
#[cfg(feature = "argocd-api")]
pub mod web;

pub use app::AppRef;
pub use backoff::Backoff;
pub use events::{PodEvent, TrackEvent, Tracked, TrackedBody};
pub use kind_traits::{KindTraits, Newest, OwnedRevision, RefusedPods, RevisionLabel, Runs};
pub use level::{Level, ParseLevelError};
pub use notice::{Notice, NoticeCode};
pub use object::{GroupKind, ObjectName, ObjectRef};
pub use pause::{Pause, PausedBy, Step};
pub use record::Record;
pub use rollout_state::RolloutState;
pub use timer::sleep_until;
pub use tracking_id::{ParseTrackingIdError, TrackingId};
pub use watch::{
    Bystanders, Degraded, DegradedReason, WatchConfig, WatchEvent, WatchStream, watch,
};
