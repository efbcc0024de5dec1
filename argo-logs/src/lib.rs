//! A pod log follower that loses no line and prints none twice.
//!
//! A [`LogStream`] is told of pods ([`PodEvent`](argo_core::PodEvent)) and tells their
//! lines ([`LogEvent`]). Which pods, is decided elsewhere: by `argo-workloads`, or by any
//! watch.
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
//! When `pods` ends the deploy is over: what is left of each log is read once more, and
//! the stream ends. Until then it is one task of your runtime a container, and nothing of
//! it is global: two streams know nothing of each other.
//!
//! # You must drain it
//!
//! **Poll the stream all the time, whatever your output does.** Each container has room
//! for a few buffers here, in memory, and no more: this crate has no file to put lines
//! aside. While nobody takes them the container is not read, and a kubelet that cannot
//! send goes on rotating: it skips whole files, or sends some twice. So never wait for a
//! slow terminal, pipe or server between two polls. Take the batches and put them aside
//! yourself, for example in a file; [`Batch::from_lines`] makes a batch again of what was
//! put there. The program `argo-assistant` does so in its `output` module: 32 MiB in
//! memory, then an unnamed file.
//!
//! # Theory of operation
//!
//! Four facts make following hard: the end of a response does not say that the container
//! ended (a kubelet's restart and a load balancer's cut look the same); a log is asked for
//! by name, and which run of the container answers is the kubelet's choice; one can resume
//! only from a whole second; and lines have neither unique nor ordered times.
//!
//! - **Runs one after another.** A container is followed from the first status that names
//!   a run of it; init containers, sidecars, main and ephemeral ones alike. A run is known
//!   by its container id. It is read to its end before the next one begins, and there is
//!   never more than one response for a container, so its lines are in order.
//! - **An end is a question.** When a response ends, however it ended, the pod is read.
//!   If the run goes on the log is opened again, after a delay that grows. If it ended it
//!   is *drained*: read without following, until a read that ends well brings nothing new.
//!   A drained run is never opened again, whatever a status says later. If the pod is gone
//!   or is another one of the same name, that is all.
//! - **The floor.** A resume asks for lines from a second before the second of the newest
//!   line. Asking later would lose lines: the two output streams of a container overtake
//!   each other.
//! - **The window.** So lines come again, and are held against those shown in the last
//!   seconds: a multiset of time and hash of the text. What is in it is dropped as often
//!   as it was shown; what is not is news, even if its time is older. That the last line
//!   shown does *not* come again says that the file was rotated, and there is a notice
//!   with both times.
//! - **First sight.** Of a new pod everything is shown, the run before the present one
//!   too; of others the last lines ([`Builder::tail`], [`Builder::since`]).
//! - **Holes.** A kubelet may know of the next run before the pod tells of it, and answer
//!   with that. Then nothing is missing, so the notice of a hole waits for the pod for two
//!   seconds, and while the pod tells that the run is over, until that was read. A new run
//!   whose log is opened late, begins late and grows fast may have lost its beginning.
//! - **Silence.** A follow that is silent for most of a minute is compared with a second,
//!   short read; one that goes on with a busy log, if nothing comes after its first second.
//!   That one only detects; if the follow is dead it is opened again.
//! - **Turns.** Sixteen requests wait for an answer at one time; containers in a back-off,
//!   that ended with an error or that are not ready go first.
//!
//! # Its parts
//!
//! [`Follower`] holds these rules for one container. It is a plain state machine without
//! connection, clock or task: bytes, statuses and time go in, [`Action`]s come out. A task
//! a container carries them out and puts batches into a queue of its own, and the stream
//! takes from the queues in turn, so that one at full speed does not hold up another.
//!
//! A [`LogSource`] is the way to the logs. [`DirectSource`] has a connection of its own
//! for each log, HTTP/1.1 with TCP keepalive, whose buffers are handed on as they were
//! read: a [`Batch`] is one of them with the places of its lines, and nothing is allocated
//! or copied for a line. [`KubeSource`] goes through kube's client, where a proxy stands
//! between. [`LogStream::from_source`] takes your own.
//!
//! # What a pod says itself
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
//! a terminal ([`Line::text`] is what the program wrote), does not order the lines of
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
//! - what was not read yet of a pod whose object is deleted or whose node is lost;
//! - lines that a node's clock, set back by more than a second while a connection was
//!   lost, has put before the floor;
//! - under a flood of some MB a second, or while an API server hangs: a kubelet skips files
//!   by itself, or repeats them, within one response;
//! - of a container that writes more than 130,000 lines a second: of what was shown, two to
//!   four seconds of log time are remembered and at most half a million lines, so what the
//!   kubelet skipped and sends after a lost connection may count as shown.
//!
//! What a container writes beyond 16 KiB without a line end is cut by the runtime and
//! joined again by the kubelet; a resume in the midst of it may lose a piece. Standard
//! output and standard error cannot be told apart, and their order is that of the runtime.

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
mod refusals;
mod refused;
mod roster;
mod source;
mod stream;
mod transfer;
mod turns;
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
