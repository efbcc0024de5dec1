//! The task of one container: carries out its follower's actions, and reports back to it.

mod response;

use std::{future::pending, sync::Arc, time::Duration};

use argo_core::{Level, Notice, NoticeCode, sleep_until};
use futures::future::BoxFuture;
use tokio::{
    sync::mpsc::{Sender, UnboundedReceiver},
    time::Instant,
};

use self::response::{Response, ResponseEvent};
use crate::{
    Action, AskError, Batch, ContainerView, Follower, Lines, LogEvent, Origin, StoreKind,
    limits::Limits,
    slots::Priority,
    source::SharedSource,
    store::{Filling, Found},
};

/// A message to an actor. The channel needs no bound, since a container changes its state
/// rarely.
#[derive(Debug)]
pub(crate) enum Message {
    /// Boxed, because an mpsc channel allocates its first block for 32 messages up front.
    Status(Box<ContainerView>),
    Finish,
}

/// Time for a store to answer, once the deploy is over.
const LAST_ASKED: Duration = Duration::from_secs(2);

/// The task of one container.
pub(crate) struct Actor {
    origin: Arc<Origin>,
    follower: Follower,
    limits: Limits,
    /// The second source, if there is one.
    filling: Option<Filling>,
    source: Arc<SharedSource>,
    priority: Arc<Priority>,
    response: Response,
    probe: Response,
    question: Option<BoxFuture<'static, Result<ContainerView, AskError>>>,
    messages: UnboundedReceiver<Message>,
    /// Boxed for the same reason as [`Message::Status`].
    output: Sender<Box<LogEvent>>,
    started: Instant,
    /// Time at which the deploy ended.
    finished: Option<Instant>,
}

enum Input {
    Message(Message),
    Response(ResponseEvent),
    Probe(ResponseEvent),
    Answer(Result<ContainerView, AskError>),
    Found(Found),
    Timer,
}

/// The end of an actor: its output was dropped, or nothing will come any more.
struct Over;

impl Actor {
    pub(crate) fn new(
        origin: Arc<Origin>,
        (follower, seed): (Follower, u64),
        (limits, filling): (Limits, Option<Filling>),
        (source, priority): (Arc<SharedSource>, Arc<Priority>),
        (messages, output): (UnboundedReceiver<Message>, Sender<Box<LogEvent>>),
    ) -> Self {
        Self {
            response: Response::new(&source, &origin.pod, &priority, seed),
            probe: Response::new(&source, &origin.pod, &priority, !seed),
            follower,
            origin,
            limits,
            filling,
            source,
            priority,
            question: None,
            messages,
            output,
            started: Instant::now(),
            finished: None,
        }
    }

    /// Runs until the follower is done or the output is dropped. Boxed, since the future of a
    /// method that takes `self` by value holds it twice.
    pub(crate) async fn run(mut self: Box<Self>) {
        while let Ok(()) = self.carry_out().await {
            let input = self.input().await;
            if let Err(Over) = self.handle(input).await {
                return;
            }
        }
    }

    async fn carry_out(&mut self) -> Result<(), Over> {
        while let Some(action) = self.follower.next_action() {
            match action {
                // Opening drops the response before: a container never has two, so that its
                // lines stay in order.
                Action::Open(params) => self.response.open(params),
                Action::Close => self.response.close(),
                Action::Probe(params) => self.probe.open(params),
                Action::AskStatus => self.ask(),
                Action::Emit(batch) => self.emit(batch).await?,
                Action::Notice(notice) => self.send(LogEvent::Notice(notice)).await?,
                Action::Missing(hole) => {
                    if let Some(filling) = &mut self.filling {
                        filling.add(*hole);
                    }
                }
                Action::Done => {
                    self.end().await?;
                    return Err(Over);
                }
            }
        }
        Ok(())
    }

    async fn input(&mut self) -> Input {
        let deadlines = [self.follower.deadline(), self.limits.deadline()];
        let deadline = deadlines.into_iter().flatten().min();
        tokio::select! {
            Some(message) = self.messages.recv() => Input::Message(message),
            event = self.response.next() => Input::Response(event),
            event = self.probe.next() => Input::Probe(event),
            answer = answer(&mut self.question) => Input::Answer(answer),
            found = found(&mut self.filling) => Input::Found(found),
            () = sleep_until(deadline.map(|deadline| self.started + deadline)) => Input::Timer,
        }
    }

    async fn handle(&mut self, input: Input) -> Result<(), Over> {
        let now = self.now();
        match input {
            Input::Message(Message::Status(view)) => self.follower.status(*view, now),
            Input::Message(Message::Finish) => {
                if let Some(filling) = &mut self.filling {
                    filling.finish();
                }
                self.finished = Some(Instant::now());
                self.follower.finish(now);
            }
            Input::Found(found) => self.found(found).await?,
            Input::Response(ResponseEvent::Opened(date)) => self.follower.opened(date, now),
            Input::Response(ResponseEvent::Bytes(bytes)) => self.follower.bytes(bytes),
            Input::Response(ResponseEvent::End(end)) => self.follower.end(end, now),
            Input::Probe(ResponseEvent::Bytes(bytes)) => self.follower.probe_bytes(&bytes),
            Input::Probe(ResponseEvent::End(end)) => self.follower.probe_end(&end, now),
            // The head of a probe tells nothing: only lines that the response lacks show that it
            // is dead.
            Input::Probe(ResponseEvent::Opened(_)) => {}
            Input::Response(ResponseEvent::Shortage(limit))
            | Input::Probe(ResponseEvent::Shortage(limit)) => {
                if let Some(notice) = self.source.shortage(limit) {
                    self.send(LogEvent::Notice(notice)).await?;
                }
            }
            Input::Answer(Ok(view)) => self.follower.answer(view, now),
            Input::Answer(Err(error)) => self.follower.no_answer(&error.0, now),
            Input::Timer => {
                self.follower.timer(now);
                if let Some(message) = self.limits.due(now) {
                    self.limited(message).await?;
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self) {
        let source = Arc::clone(&self.source);
        let (pod, container) = (self.origin.pod.clone(), self.origin.container.clone());
        let priority = Arc::clone(&self.priority);
        self.question = Some(Box::pin(source.view(pod, container, priority)));
    }

    async fn emit(&mut self, mut batch: Batch) -> Result<(), Over> {
        if let Some(filling) = &mut self.filling {
            filling.kubelet_sent(&mut batch);
        }
        self.admit(batch, self.source.store()).await
    }

    async fn found(&mut self, found: Found) -> Result<(), Over> {
        match found {
            Found::Lines(batch, store) => self.admit(batch, Some(store)).await,
            Found::Notice(notice) => self.send(LogEvent::Notice(notice)).await,
            Found::End => Ok(()),
        }
    }

    async fn admit(&mut self, mut batch: Batch, store: Option<StoreKind>) -> Result<(), Over> {
        let now = self.now();
        let said = self.limits.admit(&mut batch, now);
        if !batch.is_empty() {
            let origin = Arc::clone(&self.origin);
            let lines = Lines {
                origin,
                batch,
                store,
            };
            self.send(LogEvent::Lines(lines)).await?;
        }
        match said {
            Some(message) => self.limited(message).await,
            None => Ok(()),
        }
    }

    async fn end(&mut self) -> Result<(), Over> {
        self.fill_the_rest().await?;
        for message in self.limits.finish(self.now()) {
            self.limited(message).await?;
        }
        self.send(LogEvent::Ended(Arc::clone(&self.origin))).await
    }

    /// Waits until the store has told what it has.
    async fn fill_the_rest(&mut self) -> Result<(), Over> {
        let mut until = self.finished.map(|at| at + LAST_ASKED);
        if let Some(filling) = &mut self.filling {
            // Nothing of the cluster will overlap with what the store sends from here on.
            filling.source_is_over();
        }
        while let Some(filling) = self.filling.as_mut().filter(|filling| filling.is_busy()) {
            let is_waiting = until.is_none();
            tokio::select! {
                // What the store has found goes first: the deadline must not cut off an answer
                // that is there.
                biased;
                found = filling.next() => self.found(found).await?,
                message = self.messages.recv(), if is_waiting => match message {
                    Some(Message::Status(_)) => {}
                    Some(Message::Finish) => {
                        filling.finish();
                        until = Some(Instant::now() + LAST_ASKED);
                    }
                    // The stream was dropped, and nobody is left to take the lines.
                    None => return Err(Over),
                },
                () = sleep_until(until) => {
                    for notice in filling.give_up() {
                        self.send(LogEvent::Notice(notice)).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn limited(&mut self, message: String) -> Result<(), Over> {
        let notice = Notice::new(NoticeCode::Limited, Level::Info, message);
        let notice = Notice {
            container: Some(self.origin.container.to_string()),
            ..notice.about(self.origin.pod.clone())
        };
        self.send(LogEvent::Notice(notice)).await
    }

    async fn send(&mut self, event: LogEvent) -> Result<(), Over> {
        let sent = self.output.send(Box::new(event)).await;
        sent.map_err(|_| Over)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

async fn found(filling: &mut Option<Filling>) -> Found {
    match filling {
        Some(filling) => filling.next().await,
        None => pending().await,
    }
}

async fn answer(
    question: &mut Option<BoxFuture<'static, Result<ContainerView, AskError>>>,
) -> Result<ContainerView, AskError> {
    match question {
        Some(asked) => {
            let answer = asked.await;
            *question = None;
            answer
        }
        None => pending().await,
    }
}
