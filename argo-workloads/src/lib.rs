//! Which objects belong to an Argo CD application, how far their rollout is, and why it
//! fails.
//!
//! # Theory of operation
//!
//! [`track()`] follows an application as a stream of [`TrackEvent`](argo_core::TrackEvent)s
//! that never ends. It first reads the Application resource, if it may: that says in which
//! namespaces the objects are, in which form Argo CD writes its tracking ids, and when the
//! operation began, which tells new pods from old ones. Then each kind has one watch in
//! each namespace: pods, the kinds of [`builtin`] and those that the caller adds, and the
//! metadata of claims and autoscalers.
//!
//! Who belongs to the application is decided by two plain structs without a clock or a
//! client. [`AppSelector`] reads the marks of one object: an id counts only on the object
//! that it names, as controllers copy ids to what they create. [`Index`] knows who owns
//! whom, to any depth and in any order of arrival: what a followed object owns is followed.
//! An owner of a kind that nobody watches is read once, as metadata.
//!
//! What cannot be read is a notice among the events, with the rule that would allow it,
//! and the rest goes on. [`snapshot`] gives the same events from one look without watches,
//! and [`explain`] says of each object why it is followed or not.
//!
//! How far a workload is follows from its object alone ([`rollout`]), and so does what is
//! wrong with it ([`diagnosis`]).
//!
//! ```no_run
//! use argo_core::{AppRef, TrackEvent, client};
//! use argo_workloads::{TrackConfig, track};
//! use futures::StreamExt;
//!
//! # async fn run() -> Result<(), client::Error> {
//! let connection = client::connect(&client::Options::inferred(|name| std::env::var_os(name))).await?;
//! let app = AppRef::new("shop", "argocd");
//! let mut events = Box::pin(track(connection.into(), app, TrackConfig::default()));
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
//! It reads no logs and no events, prints nothing and changes nothing in a cluster. It
//! keeps every pod and workload of the namespaces that it looks into, packed, and not only
//! those that belong to the application: any of them may be adopted. What
//! belongs to the application but owns no pod (Services, ConfigMaps) is not followed, nor
//! is what an operator makes without an owner reference. An owner of a kind that nobody
//! watches and that belongs to nobody is read again when something new names it or the
//! Application lists it, at most every ten seconds; and when a pod of it changes, at most
//! every minute and one such owner in five seconds. One that gets its tracking id without any of
//! these is not noticed.

pub mod diagnosis;
#[cfg(feature = "unstable-engine")]
pub mod engine;
pub mod progress;
pub mod rollout;
mod selector;
#[cfg_attr(
    not(feature = "unstable-engine"),
    expect(unreachable_pub, reason = "`engine` makes them public")
)]
mod tracking;
pub mod workload;

pub use selector::{AppSelector, INSTANCE_LABEL, Membership, TrackingMethod};
pub use tracking::{
    Clients, Explanation, TrackConfig, TrackStream, explain, hook_phase, snapshot, track,
};
pub use workload::{Scope, Workload, WorkloadEvent, WorkloadKind, builtin, describe, scan};
