//! Decides what to read of one container and which of the lines are news.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use argo_core::{Notice, ObjectRef};
use bytes::Bytes;
use jiff::Timestamp;

use crate::{Batch, ContainerView, Refused};

/// What is to be followed and how.
#[derive(Clone, Debug)]
pub struct FollowerConfig {
    /// The pod, with its uid: notices are about it.
    pub pod: ObjectRef,
    /// The container.
    pub container: Arc<str>,
    /// True if the pod came into being with this rollout: everything of it is news.
    pub is_new: bool,
    /// How many lines of a pod that is not new are shown first.
    pub tail: Option<i64>,
    /// Lines of a pod that is not new are shown from here on.
    pub since: Option<Timestamp>,
    /// Where the jitter of delays comes from.
    pub seed: u64,
}

/// One request for a log. `timestamps=true` is always part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenParams {
    /// The container.
    pub container: Arc<str>,
    /// Keep the connection and send what is written later.
    pub follow: bool,
    /// The run before the current one.
    pub previous: bool,
    /// Only what was written since; always a whole second.
    pub since_time: Option<Timestamp>,
    /// Only so many last records.
    pub tail_lines: Option<i64>,
}

/// How a response ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// As HTTP has it: the final chunk. It does not say that the container ended.
    Clean,
    /// The connection broke, or none came about.
    Lost(String),
    /// There was an answer, but no log.
    Refused(Refused),
}

/// What the shell is to do. Of the log there is at most one response at a time: the one
/// that the last [`Open`](Self::Open) asked for. Of the probe likewise.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Action {
    /// Ask for the log; tell [`opened`](Follower::opened), [`bytes`](Follower::bytes) and
    /// at last [`end`](Follower::end), also where it could not be asked for.
    Open(OpenParams),
    /// Drop the response, without another word about it: no [`end`](Follower::end).
    Close,
    /// Ask for the log beside the open response, tell
    /// [`probe_bytes`](Follower::probe_bytes) and [`probe_end`](Follower::probe_end).
    Probe(OpenParams),
    /// Read the pod afresh, not from a cache, and tell [`answer`](Follower::answer) or
    /// [`no_answer`](Follower::no_answer).
    AskStatus,
    /// These lines are news.
    Emit(Batch),
    /// This is to be said.
    Notice(Notice),
    /// Nothing will come any more; any response and probe may be dropped.
    Done,
}

/// The rules for one container of one pod, whatever happens to its log.
///
/// It is told what happens (one method each; `now` is of any clock that does not go
/// back), answers by [actions](Self::next_action), and wants [`timer`](Self::timer) to be
/// called at its [`deadline`](Self::deadline). It opens the first response when
/// [`status`](Self::status) shows the first run.
#[derive(Debug)]
pub struct Follower {
    config: FollowerConfig,
    actions: VecDeque<Action>,
    deadline: Option<Duration>,
}

impl Follower {
    /// Nothing is known of the container yet.
    pub fn new(config: FollowerConfig) -> Self {
        Self {
            config,
            actions: VecDeque::new(),
            deadline: None,
        }
    }

    /// What it was made with.
    pub fn config(&self) -> &FollowerConfig {
        &self.config
    }

    /// The next thing to do; none until something happens.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`timer`](Self::timer) is to be called at the latest. It changes with every
    /// call; calling too early does no harm.
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// True while there is nothing to read: every run that the pod told of is read to
    /// its end, and no response is open or about to be.
    pub fn is_idle(&self) -> bool {
        true
    }

    /// The watch of pods says this.
    pub fn status(&mut self, _view: ContainerView, _now: Duration) {}

    /// The pod says this when [asked](Action::AskStatus).
    pub fn answer(&mut self, _view: ContainerView, _now: Duration) {}

    /// The pod could not be [asked](Action::AskStatus).
    pub fn no_answer(&mut self, _error: &str, _now: Duration) {}

    /// The response begins: 200. `date` is the header of that name.
    pub fn opened(&mut self, _date: Option<Timestamp>, _now: Duration) {}

    /// The next bytes of the response.
    pub fn bytes(&mut self, _bytes: Bytes) {}

    /// The response is over.
    pub fn end(&mut self, _end: End, _now: Duration) {}

    /// The next bytes of the [probe](Action::Probe).
    pub fn probe_bytes(&mut self, _bytes: &Bytes) {}

    /// The probe is over.
    pub fn probe_end(&mut self, _end: &End, _now: Duration) {}

    /// The deadline has come.
    pub fn timer(&mut self, _now: Duration) {}

    /// The deploy is over: what is left is read once, then comes [`Action::Done`].
    pub fn finish(&mut self, _now: Duration) {}
}
