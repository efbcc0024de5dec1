//! The stream: takes pods, hands out the lines of their containers.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use argo_core::{Level, Notice, NoticeCode, PodEvent, client::Connection, sleep_until};
use futures::{
    Stream, StreamExt,
    future::BoxFuture,
    stream::{BoxStream, Fuse, SelectAll},
};
use jiff::Timestamp;
use tokio::{
    sync::mpsc::{self, UnboundedSender},
    task::{JoinError, JoinSet},
    time::Instant,
};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    ContainerView, Follower, FollowerConfig, LogConfig, LogEvent, LogSource, Origin, StoreError,
    StoreLogs,
    actor::{Actor, Message},
    containers::{Containers, Order},
    forbidden::ForbiddenLogs,
    limits::Limits,
    slots::Priority,
    source::{SharedSource, of_cluster},
    store::{Filling, Shared},
    unreachable::UnreachableLogs,
};

/// Items of one container that wait for the consumer; while the queue is full the container
/// is not read. A batch is at most one buffer of a connection, 256 KiB.
const QUEUE: usize = 2;
/// Added to the time for the last reads: followers give up by themselves, and know best
/// which lines may be missing.
const GRACE: Duration = Duration::from_millis(100);
/// At most this many containers are named in the notice about unfinished logs.
const NAMED: usize = 5;

/// The logs of pods as a stream of [`LogEvent`]s.
///
/// When the pods end, the deploy is over: what is left of every log is read once, and the
/// stream ends. Dropping the stream drops every connection at once.
///
/// The stream has to be polled all the time, whatever the output does: see the
/// [crate's page](crate#you-must-drain-it). It must be polled within a tokio runtime with
/// time and I/O.
#[must_use = "streams do nothing unless polled"]
pub struct LogStream(BoxStream<'static, LogEvent>);

impl LogStream {
    /// Follows the containers of `pods` in a cluster.
    pub fn new(
        connection: Connection,
        pods: impl Stream<Item = PodEvent> + Send + 'static,
        config: LogConfig,
    ) -> Self {
        Self::from_source(of_cluster(connection), pods, config)
    }

    /// Follows the containers of `pods`, whose logs another source provides.
    pub fn from_source(
        source: Arc<dyn LogSource>,
        pods: impl Stream<Item = PodEvent> + Send + 'static,
        config: LogConfig,
    ) -> Self {
        let source = match config.instead.clone() {
            Some(store) => Arc::new(StoreLogs::new(store, source)),
            None => source,
        };
        let source = SharedSource::new(source, config.concurrent_opens.max(1));
        let running = Running {
            pods: pods.boxed().fuse(),
            source: Arc::new(source),
            store: config
                .store
                .clone()
                .map(|store| Arc::new(Shared::new(store))),
            introduced: introduced(&config),
            containers: Containers::new(config.clone()),
            config,
            actors: HashMap::new(),
            tasks: JoinSet::new(),
            outputs: SelectAll::new(),
            forbidden: ForbiddenLogs::default(),
            unreachable: UnreachableLogs::default(),
            notices: VecDeque::new(),
            deadline: None,
        };
        let events = futures::stream::unfold(running, |mut running| async move {
            let item = running.next().await?;
            Some((item, running))
        });
        Self(events.boxed())
    }
}

impl Stream for LogStream {
    type Item = LogEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<LogEvent>> {
        self.0.poll_next_unpin(cx)
    }
}

impl std::fmt::Debug for LogStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogStream").finish_non_exhaustive()
    }
}

struct Running {
    config: LogConfig,
    pods: Fuse<BoxStream<'static, PodEvent>>,
    source: Arc<SharedSource>,
    store: Option<Arc<Shared>>,
    /// A discovery about a log store.
    introduced: Option<BoxFuture<'static, Result<String, StoreError>>>,
    containers: Containers,
    actors: HashMap<u32, (Arc<Origin>, UnboundedSender<Message>)>,
    /// Dropping the set ends the tasks.
    tasks: JoinSet<()>,
    /// Takes from each container in turn.
    outputs: SelectAll<ReceiverStream<Box<LogEvent>>>,
    forbidden: ForbiddenLogs,
    unreachable: UnreachableLogs,
    /// Notices to be handed out next.
    notices: VecDeque<Notice>,
    /// End of the last reads.
    deadline: Option<Instant>,
}

enum Input {
    Introduced(Result<String, StoreError>),
    Pod(Option<PodEvent>),
    Output(Option<LogEvent>),
    Stopped(Result<(), JoinError>),
    Deadline,
}

impl Running {
    async fn next(&mut self) -> Option<LogEvent> {
        loop {
            if let Some(notice) = self.notices.pop_front() {
                return Some(LogEvent::Notice(notice));
            }
            // Both: the pods end with the deploy, the outputs with the last reads after it.
            if self.pods.is_done() && self.outputs.is_empty() {
                self.notices.extend(self.unreachable.take_unread());
                return self.notices.pop_front().map(LogEvent::Notice);
            }
            match self.input().await {
                Input::Introduced(answer) => self.introduce(answer),
                Input::Pod(Some(event)) => {
                    self.unreachable.pod(&event);
                    self.pod(&event);
                }
                Input::Pod(None) => self.finish(),
                Input::Deadline => self.cut(),
                // The task said `Ended` through its output, and that queue may still hold lines.
                Input::Stopped(Ok(())) => {}
                Input::Stopped(Err(error)) => self.stopped(&error),
                // The last output has ended; whether more will come, the pods decide.
                Input::Output(None) => {}
                Input::Output(Some(LogEvent::Notice(notice))) => {
                    let notice = self.forbidden.merge(notice);
                    self.notices
                        .extend(notice.and_then(|notice| self.unreachable.merge(notice)));
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

    /// Takes pods first. They are rare, and a new container shall not wait for the lines of
    /// others.
    async fn input(&mut self) -> Input {
        tokio::select! {
            biased;
            event = self.pods.next(), if !self.pods.is_done() => Input::Pod(event),
            answer = answer(&mut self.introduced), if self.introduced.is_some() => {
                self.introduced = None;
                Input::Introduced(answer)
            }
            () = sleep_until(self.deadline) => Input::Deadline,
            stopped = self.tasks.join_next(), if !self.tasks.is_empty() => {
                Input::Stopped(stopped.unwrap_or(Ok(())))
            }
            // `None` once the last of them has ended.
            event = self.outputs.next(), if !self.outputs.is_empty() => {
                Input::Output(event.map(|event| *event))
            }
        }
    }

    /// Tells which store is asked, or that it does not answer.
    fn introduce(&mut self, answer: Result<String, StoreError>) {
        let notice = match (answer, &self.store) {
            (Ok(store), Some(_)) => {
                format!("lines that the cluster lacks are looked for in {store}")
            }
            (Ok(store), None) => format!("logs are read from {store}, not from the cluster"),
            (Err(error), Some(shared)) => return self.notices.extend(shared.failed(&error)),
            // Each log is opened again and again, and says so.
            (Err(error), None) => return log::debug!("{error}"),
        };
        let notice = Notice::new(NoticeCode::FromStore, Level::Info, notice);
        self.notices.push_back(notice);
    }

    fn pod(&mut self, event: &PodEvent) {
        for order in self.containers.handle(event, Timestamp::now()) {
            match order {
                Order::Follow {
                    origin,
                    config,
                    view,
                    priority,
                    created,
                } => self.follow(origin, (config, created), (view, priority)),
                Order::Update { id, view } => {
                    if let Some((_, actor)) = self.actors.get(&id) {
                        // A follower that is done does not listen any more.
                        let _ = actor.send(Message::Status(Box::new(view)));
                    }
                }
                Order::Report(notice) => self.notices.push_back(notice),
            }
        }
    }

    fn follow(
        &mut self,
        origin: Arc<Origin>,
        (config, created): (FollowerConfig, Option<Timestamp>),
        (view, priority): (ContainerView, Arc<Priority>),
    ) {
        log::debug!("following {} {}", origin.pod, origin.container);
        let (sender, messages) = mpsc::unbounded_channel();
        let (output, events) = mpsc::channel(QUEUE);
        let limits = Limits::new(&self.config);
        let shared = (Arc::clone(&self.source), priority);
        let channels = (messages, output);
        let seed = config.seed;
        let mut follower = Follower::new(config);
        let store = self.store.clone();
        let filling = store.map(|store| Filling::new(store, Arc::clone(&origin)));
        if filling.is_some() {
            follower = follower.with_second_source(created, Timestamp::now());
        }
        let rules = (limits, filling);
        let actor = Actor::new(
            Arc::clone(&origin),
            (follower, seed),
            rules,
            shared,
            channels,
        );
        // Before the task runs, so that its first step is already the request.
        let _ = sender.send(Message::Status(Box::new(view)));
        self.tasks.spawn(Box::new(actor).run());
        self.outputs.push(ReceiverStream::new(events));
        self.actors.insert(origin.id, (origin, sender));
    }

    fn finish(&mut self) {
        self.deadline = Some(Instant::now() + self.config.finish_within + GRACE);
        for (_, actor) in self.actors.values() {
            let _ = actor.send(Message::Finish);
        }
    }

    /// Ends the last reads, which took too long. Lines that they have found are still
    /// handed out.
    fn cut(&mut self) {
        // Aborting drops the senders, so each output ends after the items that it still holds.
        self.deadline = None;
        let unfinished = self.actors.values().filter(|(_, actor)| !actor.is_closed());
        let mut names: Vec<_> = unfinished
            .map(|(origin, _)| format!("{}/{}", origin.pod.name, origin.container))
            .collect();
        self.tasks.abort_all();
        if !names.is_empty() {
            names.sort_unstable();
            let notice = unread(&names, self.config.finish_within);
            self.notices.push_back(notice);
        }
    }

    fn stopped(&mut self, error: &JoinError) {
        if error.is_panic() {
            log::error!("a log follower failed: {error}");
            let message = "a log is not followed any more: an internal error";
            let notice = Notice::new(NoticeCode::LogUnreadable, Level::Error, message);
            self.notices.push_back(notice);
        }
    }
}

/// Begins to look for the log store of a stream.
fn introduced(config: &LogConfig) -> Option<BoxFuture<'static, Result<String, StoreError>>> {
    let store = config.store.clone().or_else(|| config.instead.clone())?;
    Some(Box::pin(async move { store.describe().await }))
}

/// Waits for an answer that is on its way, forever if there is none.
async fn answer<T>(asked: &mut Option<BoxFuture<'static, T>>) -> T {
    match asked {
        Some(asked) => asked.await,
        None => std::future::pending().await,
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

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
