//! The stream: pods in, lines of their containers out.

use std::{
    collections::{HashMap, VecDeque},
    future::pending,
    sync::Arc,
    time::Duration,
};

use argo_core::{Level, Notice, NoticeCode, PodEvent, client::Connection};
use futures::{
    Stream, StreamExt,
    stream::{BoxStream, Fuse, SelectAll},
};
use jiff::Timestamp;
use regex::{Regex, bytes};
use tokio::{
    sync::mpsc::{self, UnboundedSender},
    task::{JoinError, JoinSet},
    time::Instant,
};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    ContainerView, FollowerConfig, LogEvent, LogSource, Origin,
    actor::{Actor, Told},
    direct_source::of_cluster,
    limits::Limits,
    refusals::Refusals,
    roster::{Order, Roster},
    transfer::Gate,
    turns::Health,
};

/// So many items of one container wait for the consumer; then it is not read any more. A
/// batch is at most one buffer of a connection, 256 KiB.
const QUEUE: usize = 2;
/// Followers give up by themselves, and know best what may be missing.
const GRACE: Duration = Duration::from_millis(100);
/// So many names are told of logs that were not read to their end.
const NAMED: usize = 5;

/// The logs of pods as a stream.
#[derive(Debug)]
pub struct LogStream;

impl LogStream {
    /// Logs from a cluster.
    pub fn builder(connection: Connection) -> Builder {
        Self::from_source(of_cluster(connection))
    }

    /// Logs from somewhere else.
    pub fn from_source(source: Arc<dyn LogSource>) -> Builder {
        Builder {
            source,
            config: Config::default(),
        }
    }
}

/// How a log stream is made.
#[must_use]
pub struct Builder {
    source: Arc<dyn LogSource>,
    config: Config,
}

#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// None for all.
    pub(crate) tail: Option<i64>,
    pub(crate) tail_chosen: bool,
    pub(crate) since: Option<Timestamp>,
    pub(crate) containers: Option<Regex>,
    pub(crate) exclude_containers: Option<Regex>,
    pub(crate) include: Option<bytes::Regex>,
    pub(crate) exclude: Option<bytes::Regex>,
    pub(crate) max_lines: Option<u64>,
    pub(crate) rate: Option<u64>,
    pub(crate) replicas: Option<usize>,
    pub(crate) concurrent_opens: usize,
    pub(crate) finish_within: Duration,
    pub(crate) seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tail: Some(10),
            tail_chosen: false,
            since: None,
            containers: None,
            exclude_containers: None,
            include: None,
            exclude: None,
            max_lines: None,
            rate: None,
            replicas: None,
            concurrent_opens: 16,
            finish_within: Duration::from_secs(3),
            seed: 1,
        }
    }
}

impl Builder {
    /// How many lines are shown first of a pod that is not new; a negative number means
    /// all. Default 10, and all where [`since`](Self::since) is given. Of a new pod
    /// everything is shown.
    pub fn tail(mut self, lines: i64) -> Self {
        self.config.tail_chosen = true;
        self.config.tail = (lines >= 0).then_some(lines);
        self
    }

    /// Shows lines of pods that are not new from here on only.
    pub fn since(mut self, since: Timestamp) -> Self {
        self.config.since = Some(since);
        if !self.config.tail_chosen {
            self.config.tail = None;
        }
        self
    }

    /// Follows only containers with such a name. It may match anywhere in the name.
    pub fn containers(mut self, name: Regex) -> Self {
        self.config.containers = Some(name);
        self
    }

    /// Does not follow containers with such a name. It may match anywhere in the name.
    pub fn exclude_containers(mut self, name: Regex) -> Self {
        self.config.exclude_containers = Some(name);
        self
    }

    /// Shows only lines in which this is found.
    pub fn include(mut self, text: bytes::Regex) -> Self {
        self.config.include = Some(text);
        self
    }

    /// Does not show lines in which this is found.
    pub fn exclude(mut self, text: bytes::Regex) -> Self {
        self.config.exclude = Some(text);
        self
    }

    /// Shows at most so many lines of one container of one pod; a notice tells how many
    /// were left out.
    pub fn max_lines_per_container(mut self, lines: u64) -> Self {
        self.config.max_lines = Some(lines);
        self
    }

    /// Shows at most so many lines a second of one container of one pod, on average over
    /// a few seconds; notices tell how many were left out.
    pub fn rate(mut self, lines_per_second: u64) -> Self {
        self.config.rate = Some(lines_per_second);
        self
    }

    /// Follows at most so many new pods of a workload, and so many that are not new. A
    /// pod in which a container failed is always followed.
    pub fn replicas(mut self, pods: usize) -> Self {
        self.config.replicas = Some(pods);
        self
    }

    /// How many requests may wait for the head of an answer at one time. Default 16. One
    /// that waits longer than two seconds does not count any more. Containers in a
    /// back-off, that ended with an error or that are not ready ask before others.
    pub fn concurrent_opens(mut self, opens: usize) -> Self {
        self.config.concurrent_opens = opens.max(1);
        self
    }

    /// How long the last reads may take when `pods` has ended, all together. Default 3 s.
    pub fn finish_within(mut self, time: Duration) -> Self {
        self.config.finish_within = time;
        self
    }

    /// Where the jitter of delays comes from.
    pub fn seed(mut self, seed: u64) -> Self {
        self.config.seed = seed;
        self
    }

    /// Follows the containers of `pods`.
    ///
    /// When `pods` ends, the deploy is over: what is left of every log is read once, and
    /// the stream ends. Dropping the stream drops every connection at once.
    ///
    /// The stream has to be polled all the time, whatever the output does: each container
    /// has room for a few buffers and is not read while they are full, and a kubelet that
    /// cannot send skips files that are rotated meanwhile. An embedder whose output is
    /// slow puts the batches aside, for example in a file. It must be polled within a
    /// tokio runtime with time and I/O.
    pub fn build(
        self,
        pods: impl Stream<Item = PodEvent> + Send + 'static,
    ) -> impl Stream<Item = LogEvent> + Send {
        let running = Running {
            pods: pods.boxed().fuse(),
            gate: Arc::new(Gate::new(self.source, self.config.concurrent_opens)),
            roster: Roster::new(self.config.clone()),
            config: self.config,
            actors: HashMap::new(),
            tasks: JoinSet::new(),
            outputs: SelectAll::new(),
            refusals: Refusals::default(),
            said: VecDeque::new(),
            deadline: None,
        };
        futures::stream::unfold(running, |mut running| async move {
            let item = running.next().await?;
            Some((item, running))
        })
    }
}

struct Running {
    config: Config,
    pods: Fuse<BoxStream<'static, PodEvent>>,
    gate: Arc<Gate>,
    roster: Roster,
    actors: HashMap<u32, (Arc<Origin>, UnboundedSender<Told>)>,
    /// Dropping them ends them.
    tasks: JoinSet<()>,
    /// It takes from each in turn.
    outputs: SelectAll<ReceiverStream<LogEvent>>,
    refusals: Refusals,
    said: VecDeque<Notice>,
    /// Until when the last reads may take.
    deadline: Option<Instant>,
}

enum Input {
    Pod(Option<PodEvent>),
    Output(Option<LogEvent>),
    Stopped(Result<(), JoinError>),
    Deadline,
}

impl Running {
    async fn next(&mut self) -> Option<LogEvent> {
        loop {
            if let Some(notice) = self.said.pop_front() {
                return Some(LogEvent::Notice(notice));
            }
            if self.pods.is_done() && self.outputs.is_empty() {
                return None;
            }
            match self.input().await {
                Input::Pod(Some(event)) => self.pod(&event),
                Input::Pod(None) => self.finish(),
                Input::Deadline => self.cut(),
                Input::Stopped(Ok(())) => {}
                Input::Stopped(Err(error)) => self.stopped(&error),
                Input::Output(None) => {}
                Input::Output(Some(LogEvent::Notice(notice))) => {
                    self.said.extend(self.refusals.said(notice));
                }
                Input::Output(Some(event)) => {
                    if let LogEvent::Ended(origin) = &event {
                        self.actors.remove(&origin.id);
                    }
                    return Some(event);
                }
            }
        }
    }

    /// Pods first, they are rare: a container that is new shall not wait for the lines
    /// of others.
    async fn input(&mut self) -> Input {
        tokio::select! {
            biased;
            event = self.pods.next(), if !self.pods.is_done() => Input::Pod(event),
            () = at(self.deadline) => Input::Deadline,
            stopped = self.tasks.join_next(), if !self.tasks.is_empty() => {
                Input::Stopped(stopped.unwrap_or(Ok(())))
            }
            // None when the last of them ended.
            event = self.outputs.next(), if !self.outputs.is_empty() => Input::Output(event),
        }
    }

    fn pod(&mut self, event: &PodEvent) {
        for order in self.roster.handle(event, Timestamp::now()) {
            match order {
                Order::Follow {
                    origin,
                    config,
                    view,
                    health,
                } => self.follow(origin, config, (view, health)),
                Order::Tell { id, view } => {
                    if let Some((_, actor)) = self.actors.get(&id) {
                        // One that has ended needs no news.
                        let _ = actor.send(Told::Status(Box::new(view)));
                    }
                }
                Order::Say(notice) => self.said.push_back(notice),
            }
        }
    }

    fn follow(
        &mut self,
        origin: Arc<Origin>,
        config: FollowerConfig,
        (view, health): (ContainerView, Arc<Health>),
    ) {
        log::debug!("following {} {}", origin.pod, origin.container);
        let (tell, told) = mpsc::unbounded_channel();
        let (output, events) = mpsc::channel(QUEUE);
        let patterns = (self.config.include.clone(), self.config.exclude.clone());
        let limits = Limits::new(patterns, self.config.max_lines, self.config.rate);
        let shared = (Arc::clone(&self.gate), health);
        let actor = Actor::new(Arc::clone(&origin), config, limits, shared, (told, output));
        let _ = tell.send(Told::Status(Box::new(view)));
        self.tasks.spawn(actor.run());
        self.outputs.push(ReceiverStream::new(events));
        self.actors.insert(origin.id, (origin, tell));
    }

    fn finish(&mut self) {
        self.deadline = Some(Instant::now() + self.config.finish_within + GRACE);
        for (_, actor) in self.actors.values() {
            let _ = actor.send(Told::Finish);
        }
    }

    /// The last reads took too long. What they have found so far is still taken.
    fn cut(&mut self) {
        self.deadline = None;
        let unfinished = self.actors.values().filter(|(_, actor)| !actor.is_closed());
        let mut names: Vec<_> = unfinished
            .map(|(origin, _)| format!("{}/{}", origin.pod.name, origin.container))
            .collect();
        self.tasks.abort_all();
        if !names.is_empty() {
            names.sort_unstable();
            let notice = unread(&names, self.config.finish_within);
            self.said.push_back(notice);
        }
    }

    fn stopped(&mut self, error: &JoinError) {
        if error.is_panic() {
            log::error!("a log follower failed: {error}");
            let message = "a log is not followed any more: an internal error";
            let notice = Notice::new(NoticeCode::LogUnreadable, Level::Error, message);
            self.said.push_back(notice);
        }
    }
}

fn unread(names: &[String], within: Duration) -> Notice {
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "the last lines may be missing of {}{more}: they could not be read within {within:?}",
        shown.join(", ")
    );
    Notice::new(NoticeCode::LinesMissing, Level::Warning, message)
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => pending().await,
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
