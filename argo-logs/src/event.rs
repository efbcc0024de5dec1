//! What comes out.

use std::sync::Arc;

use argo_core::{Notice, ObjectRef};

use crate::Batch;

/// An item of a log stream.
#[derive(Clone, Debug)]
pub enum LogEvent {
    /// Lines of one container, in the order of its log.
    Lines(Lines),
    /// What cannot be known, cannot be read, or was left out.
    Notice(Notice),
    /// Everything of this container was told: it will not write again, or the deploy is
    /// over. What could not be read in time has a notice instead.
    Ended(Arc<Origin>),
}

/// Lines that arrived together.
#[derive(Clone, Debug)]
pub struct Lines {
    /// Whose they are.
    pub origin: Arc<Origin>,
    /// The lines.
    pub batch: Batch,
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
    /// What the container is for.
    pub kind: ContainerKind,
    /// A number that no other container of the stream has, counted from 0.
    pub id: u32,
}

/// What a container is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContainerKind {
    /// It runs to its end before the main containers start.
    Init,
    /// An init container with restart policy `Always`: it runs beside the main ones.
    Sidecar,
    /// A container of the pod.
    Main,
    /// `kubectl debug` added it.
    Ephemeral,
}
