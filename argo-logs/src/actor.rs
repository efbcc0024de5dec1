//! One container: carries out what its follower decides, and tells it what happens.

use std::{future::pending, sync::Arc, time::Duration};

use argo_core::{Level, Notice, NoticeCode};
use futures::future::BoxFuture;
use tokio::{
    sync::mpsc::{Sender, UnboundedReceiver},
    time::Instant,
};

use crate::{
    Action, AskError, Batch, ContainerView, Follower, FollowerConfig, Lines, LogEvent, Origin,
    limits::Limits,
    transfer::{Gate, Heard, Transfer},
    turns::Health,
};

/// What an actor is told from outside. There are as many of these as a container has
/// changes of state, so they need no bound.
#[derive(Debug)]
pub(crate) enum Told {
    /// In a box: a channel has room for 32 of these before there is one.
    Status(Box<ContainerView>),
    Finish,
}

/// The task of one container.
pub(crate) struct Actor {
    origin: Arc<Origin>,
    follower: Follower,
    limits: Limits,
    gate: Arc<Gate>,
    health: Arc<Health>,
    response: Transfer,
    probe: Transfer,
    question: Option<BoxFuture<'static, Result<ContainerView, AskError>>>,
    told: UnboundedReceiver<Told>,
    output: Sender<LogEvent>,
    started: Instant,
}

enum Input {
    Told(Told),
    Response(Heard),
    Probe(Heard),
    Answer(Result<ContainerView, AskError>),
    Timer,
}

/// Nobody takes the output any more, or nothing will come.
struct Over;

impl Actor {
    pub(crate) fn new(
        origin: Arc<Origin>,
        config: FollowerConfig,
        limits: Limits,
        (gate, health): (Arc<Gate>, Arc<Health>),
        (told, output): (UnboundedReceiver<Told>, Sender<LogEvent>),
    ) -> Self {
        Self {
            response: Transfer::new(&gate, &origin.pod, &health, config.seed),
            probe: Transfer::new(&gate, &origin.pod, &health, !config.seed),
            follower: Follower::new(config),
            origin,
            limits,
            gate,
            health,
            question: None,
            told,
            output,
            started: Instant::now(),
        }
    }

    /// Ends when the follower has nothing to do any more.
    pub(crate) async fn run(mut self) {
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
                Action::Open(params) => self.response.open(params),
                Action::Close => self.response.close(),
                Action::Probe(params) => self.probe.open(params),
                Action::AskStatus => self.ask(),
                Action::Emit(batch) => self.emit(batch).await?,
                Action::Notice(notice) => self.send(LogEvent::Notice(notice)).await?,
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
            Some(told) = self.told.recv() => Input::Told(told),
            heard = self.response.next() => Input::Response(heard),
            heard = self.probe.next() => Input::Probe(heard),
            answer = answer(&mut self.question) => Input::Answer(answer),
            () = at(deadline.map(|deadline| self.started + deadline)) => Input::Timer,
        }
    }

    async fn handle(&mut self, input: Input) -> Result<(), Over> {
        let now = self.now();
        match input {
            Input::Told(Told::Status(view)) => self.follower.status(*view, now),
            Input::Told(Told::Finish) => self.follower.finish(now),
            Input::Response(Heard::Opened(date)) => self.follower.opened(date, now),
            Input::Response(Heard::Bytes(bytes)) => self.follower.bytes(bytes),
            Input::Response(Heard::End(end)) => self.follower.end(end, now),
            Input::Probe(Heard::Bytes(bytes)) => self.follower.probe_bytes(&bytes),
            Input::Probe(Heard::End(end)) => self.follower.probe_end(&end, now),
            Input::Probe(Heard::Opened(_)) => {}
            Input::Response(Heard::Shortage(limit)) | Input::Probe(Heard::Shortage(limit)) => {
                if let Some(notice) = self.gate.shortage(limit) {
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
        let gate = Arc::clone(&self.gate);
        let (pod, container) = (self.origin.pod.clone(), self.origin.container.clone());
        let health = Arc::clone(&self.health);
        self.question = Some(Box::pin(gate.ask(pod, container, health)));
    }

    async fn emit(&mut self, mut batch: Batch) -> Result<(), Over> {
        let now = self.now();
        let said = self.limits.admit(&mut batch, now);
        if !batch.is_empty() {
            let origin = Arc::clone(&self.origin);
            self.send(LogEvent::Lines(Lines { origin, batch })).await?;
        }
        match said {
            Some(message) => self.limited(message).await,
            None => Ok(()),
        }
    }

    async fn end(&mut self) -> Result<(), Over> {
        for message in self.limits.finish(self.now()) {
            self.limited(message).await?;
        }
        self.send(LogEvent::Ended(Arc::clone(&self.origin))).await
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
        self.output.send(event).await.map_err(|_| Over)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
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

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => pending().await,
    }
}
