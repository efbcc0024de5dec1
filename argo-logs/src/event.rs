//! The items of a log stream.

use std::sync::Arc;

use argo_core::{Notice, ObjectRef};

use crate::{Batch, StoreKind};

/// An item of a log stream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LogEvent {
    /// Lines of one container, in the order of its log.
    Lines(Lines),
    /// A message about lines that may be missing, cannot be read, or were left out.
    Notice(Notice),
    /// The end of a container's log: it will not write again, or the deploy is over. If the
    /// rest could not be read in time, a notice came instead.
    Ended(Arc<Origin>),
}

/// Lines that arrived together.
#[derive(Clone, Debug)]
pub struct Lines {
    /// The container that wrote the lines.
    pub origin: Arc<Origin>,
    /// The lines.
    pub batch: Batch,
    /// The log store that the lines come from; `None` for lines of the cluster. A store is not
    /// exact: it may lack lines, and have others in another form.
    pub store: Option<StoreKind>,
}

/// The container of a pod that lines come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The pod, with its uid.
    pub pod: ObjectRef,
    /// The container's name.
    pub container: Arc<str>,
    /// The workload at the top of the pod's ownership chain.
    pub workload: Option<ObjectRef>,
    /// True if the pod came into being with this rollout.
    pub is_new: bool,
    /// The container's kind.
    pub kind: ContainerKind,
    /// A number unique among the containers of the stream, counted from 0.
    pub id: u32,
}

/// The kinds of containers of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContainerKind {
    /// A container that runs to its end before the main containers start.
    Init,
    /// An init container with restart policy `Always`, which runs beside the main ones.
    Sidecar,
    /// An ordinary container of the pod.
    Main,
    /// A container added by `kubectl debug`.
    Ephemeral,
}
