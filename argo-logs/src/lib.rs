//! Follows the logs of the pods of an Argo CD application: loses no line and prints none
//! twice. Not related to Argo Events or Argo Workflows.
//!
//! A [`LogStream`] takes pods ([`PodEvent`](argo_core::PodEvent)) and hands out the lines of
//! their containers ([`LogEvent`]). The pods are chosen elsewhere: by `argo-workloads`, or
//! by any watch.
//!
//! ```no_run
//! use argo_core::{PodEvent, client};
//! use argo_logs::{LogConfig, LogEvent, LogStream};
//! use futures::{Stream, StreamExt};
//!
//! # async fn run(pods: impl Stream<Item = PodEvent> + Send + 'static) -> Result<(), client::Error> {
//! let connection = client::connect(&client::Options::inferred(|name| std::env::var_os(name))).await?;
//! let mut logs = LogStream::new(connection, pods, LogConfig::default().tail(10));
//! while let Some(event) = logs.next().await {
//!     match event {
//!         LogEvent::Lines(lines) => {
//!             for line in lines.batch.lines() {
//!                 println!("{} {}", lines.origin.pod.name, String::from_utf8_lossy(line.text));
//!             }
//!         }
//!         LogEvent::Notice(notice) => println!("{}", notice.message),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! When `pods` ends, the deploy is over: the rest of each log is read once more, and the
//! stream ends. Each container takes one task of your runtime. Nothing is global: two
//! streams know nothing of each other.
//!
//! [`tail()`] is for one look: it reads the last lines of some containers and is done.
//!
//! # You must drain it
//!
//! **Poll the stream all the time, whatever your output does.** Each container has room for
//! a few buffers in memory, and this crate has no file to put lines aside. While nobody
//! takes the lines of a container, its log is not read, and a kubelet that cannot send
//! goes on rotating: it skips whole files, or sends some twice. So never wait for a slow
//! terminal, pipe or server between two polls. Take the batches and put them aside
//! yourself, for example in a file; [`Batch::from_lines`] makes a batch of them again. The
//! program `argo-assistant` does so in its `output` module: 32 MiB in memory, then an
//! unnamed file.
//!
//! # Theory of operation
//!
//! Four facts make following hard: the end of a response does not say that the container
//! has ended (a kubelet's restart and a load balancer's cut look the same); a log is
//! requested by name, and the kubelet chooses the run of the container that answers; a
//! response can be resumed only from a whole second; and the times of lines are neither
//! unique nor ordered.
//!
//! - **Runs one after another.** A container is followed from the first status that names a
//!   run of it; init containers, sidecars, main and ephemeral ones alike. A run is
//!   identified by its container id. It is read to its end before the next one begins, and
//!   a container never has more than one response, so its lines are in order.
//! - **An end is a question.** When a response ends, however it ended, the pod is read. If
//!   the run goes on, the log is opened again, after a delay that grows. If the run has
//!   ended, it is *drained*: read without following, until a read that ends well brings
//!   nothing new. A drained run is never opened again, whatever a status says later. If the
//!   pod is gone, or another pod has its name, the log is over.
//! - **The floor.** A resume asks for lines from a second before the second of the newest
//!   line. Asking for later ones would lose lines: the two output streams of a container
//!   overtake each other.
//! - **The window.** So lines come again, and are compared with those printed in the last
//!   seconds: a multiset of the time and the hash of the text. A line in the window is
//!   dropped as often as it was printed; any other line is new, even if its time is older.
//!   If the last printed line does *not* come again, the file was rotated, and a notice
//!   names both times.
//! - **First sight.** Everything of a new pod is shown, including the run before the
//!   present one; of others the last lines ([`LogConfig::tail`], [`LogConfig::since`]).
//! - **Gaps.** A kubelet may know of the next run before the pod tells of it, and answer
//!   with that. Then nothing is missing, so the notice of a gap waits for the pod for two
//!   seconds, and for the end of a run that the pod says is over. A new run whose log is
//!   opened late, begins late and grows fast may have lost its beginning.
//! - **Silence.** A follow that is silent for most of a minute is compared with a second,
//!   short read; one that resumes a busy log, if nothing comes after its first second. The
//!   second read only detects: if the follow is dead, it is opened again.
//! - **Odd nodes.** Some (virtual kubelets) ignore `timestamps` and `since`: there a line is
//!   known by its position, behind the lines that came before. Some ignore `follow`: after
//!   three follows that ended at once the log is polled, with pauses from 3 s up to 15 s while
//!   nothing new comes. One notice a node says so.
//! - **Slots.** Sixteen requests wait for an answer at one time. Containers in a back-off,
//!   that ended with an error or that are not ready go first.
//!
//! # Its parts
//!
//! The follower (`engine::Follower`, with the feature `unstable-engine`) holds these rules
//! for one container. It is a plain state machine without connection, clock or task: bytes,
//! statuses and time go in, actions come out. A task for each container carries them out
//! and puts batches into a queue of its own. The stream takes from the queues in turn, so
//! that one at full speed does not hold up another.
//!
//! A [`LogSource`] is the way to the logs. `DirectSource` has a connection of its own for
//! each log, HTTP/1.1 with TCP keepalive, whose buffers are handed on as they were read: a
//! [`Batch`] is one of them with the positions of its lines, and nothing is allocated or
//! copied for a line. [`KubeSource`] goes through kube's client, where a proxy stands in
//! between. [`LogStream::from_source`] takes a source of your own.
//!
//! # A second source
//!
//! Collectors often copy logs into a store. A [`LogStore`] ([`LogConfig::store`]) is asked for
//! what the cluster lacks: lines that were rotated away, runs that are gone, pods that left
//! before they were read, and logs of nodes that refuse. The follower alone decides what that
//! is. Lines of a store are marked ([`Lines::store`]), a hole that they fill is reported with
//! one notice, and a store that does not answer with one, too. A store is never exact.
//!
//! # Features
//!
//! - `direct` (default): `DirectSource`. Without it, logs are read through kube's client.
//! - `log-store`: `StoreClient` for Loki and VictoriaLogs.
//! - `argocd-api`: `ArgocdLogs`, which reads logs through Argo CD's API, with its rights.
//! - `unstable-engine`: the module `engine` with the state machine. It may change in any
//!   release.
//!
//! # Annotations of pods
//!
//! A pod says by annotations which of its logs are of interest, for example in the template
//! of a Deployment: `argo-assistant/logs: "false"` for none,
//! `argo-assistant/log-containers: a,b` for some. Those of werf (`werf.io/skip-logs`,
//! `werf.io/skip-logs-for-containers`, `werf.io/show-logs-only-for-containers`) and kapp
//! (`kapp.k14s.io/deploy-logs`, `kapp.k14s.io/deploy-logs-container-names`) count too.
//!
//! # What it does not do
//!
//! It does not decide which pods belong to an application, does not make lines safe for a
//! terminal ([`Line::text`] is what the program wrote), does not order the lines of
//! different containers by time, and does not raise the limit of open files: each followed
//! log is one. A line of more than 1 MiB comes in pieces ([`Line::continues`]).
//!
//! # What nobody can guarantee
//!
//! The API serves the current file of a log, by name, to whole seconds. So these may be
//! missing, each with one [`Notice`](argo_core::Notice) where it can be noticed:
//!
//! - lines that were rotated away before they were read, or while a connection was lost;
//! - runs that came and went between two looks: the kubelet keeps one run that ended;
//! - the unread rest of a pod whose object is deleted or whose node is lost;
//! - lines that lie before the floor because a node's clock was set back by more than a
//!   second while a connection was lost;
//! - under a flood of some MB a second, or while an API server hangs: a kubelet skips files
//!   by itself, or repeats them, within one response;
//! - of a container that writes more than 130,000 lines a second: two to four seconds of
//!   log time are remembered, and at most half a million lines, so lines that the kubelet
//!   skipped and sends after a lost connection may count as printed.
//!
//! A container's output beyond 16 KiB without a line end is cut by the runtime and joined
//! again by the kubelet; a resume in the midst of it may lose a piece. If the file was rotated
//! within such a line, a resume begins with the rest of it, which is recognized by the text of
//! the last four lines that came in pieces (up to 1 MiB). Standard output and standard error
//! cannot be told apart, and their order is that of the runtime.

mod actor;
mod annotations;
mod batch;
mod config;
#[cfg_attr(
    not(feature = "unstable-engine"),
    allow(unreachable_pub, reason = "public in `engine`")
)]
mod container_view;
mod containers;
mod event;
#[cfg_attr(
    not(feature = "unstable-engine"),
    allow(dead_code, unreachable_pub, reason = "public in `engine`")
)]
mod follower;
mod forbidden;
pub mod level;
mod limits;
#[cfg(test)]
mod model;
mod reader;
mod slots;
mod source;
mod store;
mod store_kind;
mod stream;
mod tail;
mod unreachable;

#[cfg(feature = "argocd-api")]
pub use source::ArgocdLogs;
#[cfg(feature = "direct")]
pub use source::DirectSource;
#[cfg(feature = "log-store")]
pub use store::{StoreClient, StoreOptions, StoreOptionsError, StoreUrl};
pub use {
    batch::{Batch, Group, Line},
    config::LogConfig,
    event::{ContainerKind, Lines, LogEvent, Origin},
    source::{
        AskError, KubeSource, LogBody, LogResponse, LogSource, Lost, OpenError, OpenParams,
        Refusal, Refused,
    },
    store::{
        LabelNames, LogStore, StoreError, StoreLine, StoreLogs, StorePage, StoreQuery, StoreRange,
        StoreRun,
    },
    store_kind::StoreKind,
    stream::LogStream,
    tail::{Tail, TailTarget, tail, tail_from, unread},
};
pub(crate) use {
    container_view::{ContainerView, PodState, Run},
    follower::{Action, End, Follower, FollowerConfig},
};

/// The pure core of the stream, for tests and benchmarks.
///
/// Everything here may change in any release.
#[cfg(feature = "unstable-engine")]
pub mod engine {
    pub use crate::{
        container_view::{ContainerView, PodState, Run},
        follower::{Action, End, Follower, FollowerConfig, Hole},
    };
}
