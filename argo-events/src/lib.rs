//! Kubernetes events of an application: each occurrence once, at the right time, with
//! the right level.
//!
//! # Theory of operation
//!
//! [`EventStream`] is told which objects belong to the application (a stream of
//! [`TrackEvent`](argo_core::TrackEvent)) and watches core/v1 events in every namespace
//! in which one of them lies. An event is admitted when the uid that it is about is
//! tracked; as it often arrives before its object, it waits in a [`Park`] until then, for
//! half a minute at most. [`Occurrences`] knows which events were seen: an update of one
//! is a repeat, a list that shows it again is nothing, and repeats within a minute become
//! one record with a count. [`level`] decides how much a reason matters.
//!
//! All rules are in [`Follower`], which is synchronous and knows no clock; the stream
//! feeds it. A record whose [`context`](EventRecord::context) is true tells what happened
//! before the start: it explains, and is not output.
//!
//! ```no_run
//! use argo_core::{TrackEvent, client};
//! use argo_events::{EventItem, EventStream};
//! use futures::{Stream, StreamExt};
//!
//! # async fn run(tracked: impl Stream<Item = TrackEvent> + Send + 'static) -> Result<(), client::Error> {
//! let connection = client::connect(&client::Options::default()).await?;
//! let mut events = Box::pin(EventStream::builder(connection).build(tracked));
//! while let Some(item) = events.next().await {
//!     if let EventItem::Event(event) = item {
//!         println!("{} {} {}: {}", event.time, event.object, event.reason, event.message);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! It does not decide which objects belong to the application. It reads no events of
//! cluster-scoped objects (they lie in the namespace `default`) and none whose object has
//! no uid. It does not make messages safe for a terminal. And it proves nothing: writers
//! drop events when there are many, so the status of an object is the truth and its
//! events explain it.

mod classify;
mod event;
mod follower;
mod objects;
pub mod occurrence;
mod occurrences;
mod park;
mod record;
mod source;
mod stream;

pub use classify::{LevelOverride, Overrides, ParseLevelOverrideError, level};
pub use event::{Event, InvolvedObject, Series, Source};
pub use follower::{Config, Follower};
pub use occurrences::{Occurrences, Sighting};
pub use park::Park;
pub use record::{EventItem, EventRecord};
pub use source::{EventSource, Scope};
pub use stream::{Builder, EventStream};
