//! A pod log follower that loses no line and prints none twice.
//!
//! # Theory of operation
//!
//! A [`LogStream`] is told of pods ([`PodEvent`](argo_core::PodEvent)) and tells their
//! lines ([`LogEvent`]). Which pods, is decided elsewhere.
//!
//! - The *roster* knows the pods by uid. A container is followed from the first status
//!   that names a run of it: init containers, sidecars, main and ephemeral containers.
//! - Each container has a [`Follower`]: the rules. It reads the runs of the container
//!   strictly one after another, asks the pod whenever a response ends (no response says
//!   that its container ended), reads again from a second earlier, and holds what comes
//!   against a window of what was shown. It is a plain state machine without a clock.
//! - A task per container carries out what its follower decides: it opens a log, feeds
//!   bytes, statuses and time, and puts batches into a queue of its own. The stream takes
//!   from the queues in turn, so that one at full speed does not hold up another.
//! - A [`LogSource`] is the way to the logs. [`DirectSource`] has a connection of its own
//!   for each log, HTTP/1.1 with TCP keepalive, whose buffers are handed on as they were
//!   read: a [`Batch`] is one of them with the places of its lines, and nothing is
//!   allocated or copied for a line. [`KubeSource`] goes through kube's client, where a
//!   proxy stands between.
//!
//! What cannot be known (a file that was rotated, a run that nobody kept) is one
//! [`Notice`](argo_core::Notice), and so is what the user's own limits left out.
//!
//! ```no_run
//! use argo_core::{PodEvent, client};
//! use argo_logs::{LogEvent, LogStream};
//! use futures::{Stream, StreamExt};
//!
//! # async fn run(pods: impl Stream<Item = PodEvent> + Send + 'static) -> Result<(), client::Error> {
//! let connection = client::connect(&client::Options::default()).await?;
//! let mut logs = Box::pin(LogStream::builder(connection).tail(10).build(pods));
//! while let Some(event) = logs.next().await {
//!     match event {
//!         LogEvent::Lines(lines) => {
//!             for line in lines.batch.lines() {
//!                 println!("{} {}", lines.origin.pod.name, String::from_utf8_lossy(line.text));
//!             }
//!         }
//!         LogEvent::Notice(notice) => println!("{}", notice.message),
//!         LogEvent::Ended(_) => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A pod says by annotations which of its logs are of interest, for example in the
//! template of a Deployment: `argo-assistant/logs: "false"` for none,
//! `argo-assistant/log-containers: a,b` for some. Those of werf (`werf.io/skip-logs`,
//! `werf.io/skip-logs-for-containers`, `werf.io/show-logs-only-for-containers`) and kapp
//! (`kapp.k14s.io/deploy-logs`, `kapp.k14s.io/deploy-logs-container-names`) count too.
//!
//! # What it does not do
//!
//! It does not decide which pods belong to an application, does not make lines safe for
//! a terminal ([`Line::text`] is what the program wrote), and does not order the lines of
//! different containers by time.
//!
//! # What nobody can guarantee
//!
//! The API serves the current file of a log, by name, to whole seconds. So lines may be
//! missing that were rotated away before they were read or while a connection was lost,
//! runs that came and went between two looks (the kubelet keeps one), and logs of a pod
//! whose object is deleted. A kubelet under a flood of some MB a second skips files by
//! itself, or repeats them, within one response. Of all that is noticed there is a notice.
//! Of what was shown, two to four seconds of log time are remembered, and at most half a
//! million lines: of a container that writes more than 130,000 lines a second, what the
//! kubelet skipped and sends after a lost connection, or sends again within a response, may
//! not be told from what was shown. The first is left out, of the second there is a notice.
//! Standard output and standard error cannot be told apart, and their order is that of
//! the runtime.
//!
//! The stream has to be polled all the time: a container whose lines nobody takes is not
//! read, and the kubelet goes on rotating. [`Builder::build`] says more.

mod actor;
mod batch;
mod choice;
mod container;
mod credentials;
mod direct_source;
mod event;
mod follower;
mod http1;
mod kube_source;
mod kubelet;
pub mod level;
mod limits;
mod line;
#[cfg(test)]
mod model;
mod mutant;
mod reading;
mod refused;
mod roster;
mod source;
mod stream;
mod transfer;
mod window;

pub use batch::{Batch, Line};
pub use container::{ContainerView, Instance, PodState};
pub use direct_source::DirectSource;
pub use event::{ContainerKind, Lines, LogEvent, Origin};
pub use follower::{Action, End, Follower, FollowerConfig, OpenParams};
pub use kube_source::KubeSource;
pub use kubelet::{Refusal, Refused};
pub use source::{AskError, LogBody, LogResponse, LogSource, Lost, OpenError};
pub use stream::{Builder, LogStream};
