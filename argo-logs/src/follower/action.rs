//! The follower's settings, its actions, and the ends of responses.

use std::{sync::Arc, time::Duration};

use argo_core::{Notice, ObjectRef};
use jiff::Timestamp;

use super::Hole;
use crate::{Batch, OpenParams, Refused};

/// The container to be followed, and the settings for it.
#[derive(Clone, Debug)]
pub struct FollowerConfig {
    /// The pod, with its uid. Notices are about it.
    pub pod: ObjectRef,
    /// The container.
    pub container: Arc<str>,
    /// True if the pod came into being with this rollout: everything of it is new.
    pub is_new: bool,
    /// Lines shown first of a pod older than the rollout; `None` for all.
    pub tail: Option<i64>,
    /// Lines of a pod older than the rollout are shown from this time on.
    pub since: Option<Timestamp>,
    /// Time for the last reads once the deploy is over, if it is more than 3 s.
    pub last_read: Duration,
    /// Seed for the jitter of delays.
    pub seed: u64,
}

/// The end of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The final chunk came. That does not say that the container has ended.
    Clean,
    /// The connection broke, or was never made.
    Lost(String),
    /// The server answered with something other than a log.
    Refused(Refused),
}

/// An instruction to the shell. There is at most one response of the log at a time, namely
/// to the last [`Open`](Self::Open), and likewise at most one probe.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Action {
    /// Request the log. Call [`opened`](super::Follower::opened), [`bytes`](super::Follower::bytes) and
    /// at last [`end`](super::Follower::end), also if the request failed.
    Open(OpenParams),
    /// Drop the response, without calling [`end`](super::Follower::end).
    Close,
    /// Request the log beside the open response. Call
    /// [`probe_bytes`](super::Follower::probe_bytes) and [`probe_end`](super::Follower::probe_end).
    Probe(OpenParams),
    /// Read the pod afresh, not from a cache, and call [`answer`](super::Follower::answer) or
    /// [`no_answer`](super::Follower::no_answer).
    AskStatus,
    /// Hand out new lines.
    Emit(Batch),
    /// Hand out a notice.
    Notice(Notice),
    /// Look for lines in the second source. Comes only after
    /// [`with_second_source`](super::Follower::with_second_source).
    Missing(Box<Hole>),
    /// Nothing will come any more; drop any response and probe.
    Done,
}
