//! Tracks the Kubernetes objects of an Argo CD application, how far their rollout is, and
//! why it fails. A companion of Argo CD; it has nothing to do with Argo Events or Argo
//! Workflows.
//!
//! # Theory of operation
//!
//! [`track()`] follows an application as a stream of [`TrackEvent`](argo_core::TrackEvent)s
//! that never ends. It first reads the Application resource, if it may: that names the
//! namespaces of the objects, the form in which Argo CD writes its tracking ids, and the
//! start of the operation, which tells new pods from old ones. Then each kind has one watch
//! in each namespace: pods, the kinds of [`builtin`] and those that the caller adds, and
//! the metadata of claims and autoscalers.
//!
//! Two plain structs without a clock or a client decide which objects belong to the
//! application. [`AppSelector`] reads the marks of one object: a tracking id counts only on
//! the object that it names, as controllers copy ids to the objects that they create. The
//! index knows the owners of each object, to any depth and in any order of arrival: an
//! object with a followed owner is followed. An owner of a kind that is not watched is read
//! once, as metadata.
//!
//! A resource that cannot be read is a notice among the events, with the command that would
//! allow it, and the rest goes on. [`snapshot`] gives the same events from one look without
//! watches, and [`explain`] tells of each object why it is followed or not.
//!
//! Each kind is a type that implements [`Workload`]: its names, the rule by which its
//! progress is read from an object, and the traits by which it differs from others. The
//! tracker evaluates both once for each change, and
//! [`Tracked`](argo_core::Tracked) carries the result. [`progress`] and [`diagnosis`] read
//! only that, so a kind from outside is treated like a built-in one.
//!
//! ```no_run
//! use argo_core::{AppRef, TrackEvent, client};
//! use argo_workloads::{TrackConfig, track};
//! use futures::StreamExt;
//!
//! # async fn run() -> Result<(), client::Error> {
//! let connection = client::connect(&client::Options::inferred(|name| std::env::var_os(name))).await?;
//! let app = AppRef::new("shop", "argocd");
//! let mut events = track(connection.into(), app, TrackConfig::default());
//! while let Some(event) = events.next().await {
//!     match event {
//!         TrackEvent::Applied(tracked) => println!("{} of {}", tracked.object, tracked.root),
//!         TrackEvent::Removed(object) => println!("{object} is gone"),
//!         TrackEvent::Notice(notice) => println!("{}", notice.message),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! The crate reads no logs and no events, prints nothing and changes nothing in a cluster. It
//! keeps every pod and workload of the namespaces that it looks into, packed, and not only
//! those that belong to the application: any of them may be adopted. Objects of the
//! application that own no pod (Services, ConfigMaps) are not followed, nor are objects that
//! an operator makes without an owner reference. An owner that belongs to no application and
//! is of a kind without a watch is read again when something new names it or the Application
//! lists it, at most every ten seconds; and when a pod of it changes, at most every minute
//! and one such owner in five seconds. One that gets its tracking id without any of these is
//! not noticed.
//!
//! # Features
//!
//! - `argocd-api`: `track_argocd`, which tracks an application through Argo CD's API.
//! - `unstable-engine`: the module `engine`, the tracking rules without a client. It may
//!   change in any release.

pub mod diagnosis;
#[cfg(feature = "unstable-engine")]
pub mod engine;
pub mod expectation;
mod message;
pub mod progress;
pub mod resources;
pub mod rollout;
mod selector;
#[cfg_attr(
    not(feature = "unstable-engine"),
    expect(unreachable_pub, reason = "`engine` makes them public")
)]
mod tracking;
pub mod workload;

pub use selector::{AppSelector, INSTANCE_LABEL, Membership, TrackingMethod};
#[cfg(feature = "argocd-api")]
pub use tracking::track_argocd;
pub use tracking::{
    Clients, Explained, Explanation, SharedWatches, TrackConfig, TrackStream, explain, hook_phase,
    snapshot, track,
};
pub use workload::{Scope, Workload, WorkloadEvent, WorkloadKind, builtin, describe, scan};
