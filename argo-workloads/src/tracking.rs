//! Tracking: which objects belong to an application, from the first list to the last
//! change.
//!
//! [`state`] combines the rules, none of which has a clock or a client: [`plan`] (the open
//! watches), [`index`] (ownership), [`owners`] (owners that no watch delivers),
//! [`applications`] (the Application and its children) and [`notices`]. [`stream`] and
//! [`snapshot`] feed it from a cluster.

mod access;
mod application;
pub(crate) mod applications;
#[cfg(feature = "argocd-api")]
mod argocd;
mod config;
mod explain;
mod fanout;
mod hook;
pub(crate) mod index;
mod inferred_owner;
pub(crate) mod local_cluster;
pub(crate) mod names;
mod nothing_found;
mod notices;
pub(crate) mod owner_reader;
mod owners;
mod plan;
mod pod_reader;
mod selectors;
mod shared;
mod snapshot;
mod source;
mod state;
mod stream;
pub(crate) mod watches;

#[cfg(feature = "argocd-api")]
pub use argocd::track_argocd;
pub use config::{Clients, TrackConfig};
pub use explain::Explanation;
pub use hook::hook_phase;
pub(crate) use index::Index;
pub use shared::SharedWatches;
pub use snapshot::{Explained, explain, snapshot};
pub use state::Tracker;
pub use stream::{TrackStream, track};
