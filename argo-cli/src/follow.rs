//! One call that follows a deployment.

mod config;
mod ending;
mod observer;
pub(crate) mod pausing;
pub(crate) mod settling;
mod streams;

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use argo_core::{AppRef, Notice, TrackEvent, text::duration};
use argo_events::{EventItem, EventRecord};
use argo_logs::{Lines, LogEvent};
use argo_workloads::{
    Clients,
    diagnosis::{Finding, FindingEvent, Severity, Thresholds},
    progress::WorkloadProgress,
    resources::Answer,
};
use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use tokio::{
    sync::Notify,
    time::{Interval, MissedTickBehavior, interval},
};

pub use config::FollowConfig;
pub use observer::Observer;
pub use pausing::OnPaused;
#[cfg(feature = "cli")]
pub(crate) use streams::event_source;
pub use streams::{StreamConfig, Streams};

use ending::{Ending, Step};

/// The interval at which the deployment is examined.
const TICK: Duration = Duration::from_millis(250);

/// Follows an application until it is rolled out, has failed, or the time is over.
///
/// The last item of the stream is [`FollowEvent::Done`]. The stream needs a tokio runtime, and
/// it must be polled without long pauses: while it is not, the kubelet may skip rotated log
/// files.
pub fn follow(clients: impl Into<Clients>, app: AppRef, config: FollowConfig) -> Follow {
    let stop = Arc::new(Notify::new());
    let run = Run::new(clients.into(), app, config, Arc::clone(&stop));
    let items = stream::unfold(run, |mut run| async move {
        let item = run.next().await?;
        Some((item, run))
    });
    Follow {
        items: items.boxed(),
        stop,
    }
}

/// The stream of [`follow`].
#[must_use = "streams do nothing unless polled"]
pub struct Follow {
    items: BoxStream<'static, FollowEvent>,
    stop: Arc<Notify>,
}

impl Follow {
    /// Ends the stream soon: the rest of the logs and events is read, which takes 4 s at most,
    /// and the last item is a [`FollowEvent::Done`] with [`Outcome::Stopped`], unless the outcome
    /// was decided before. Go on polling until then; to end at once, drop the stream.
    pub fn stop(&self) {
        self.stop.notify_one();
    }
}

impl Stream for Follow {
    type Item = FollowEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<FollowEvent>> {
        self.items.poll_next_unpin(context)
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Follow")
    }
}

/// An item of [`follow`].
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "a handful lives at a time")]
pub enum FollowEvent {
    /// Log lines of one container.
    Lines(Lines),
    /// A Kubernetes event of an object of the application.
    Event(EventRecord),
    /// The state of a workload, at each change that its controller reports.
    Progress(WorkloadProgress),
    /// A finding came, got worse or was resolved.
    Finding(FindingEvent),
    /// Something that the reader should know about the streams: refused access, lost lines.
    Notice(Notice),
    /// The end of the deployment; nothing follows.
    Done(Verdict),
}

/// The end of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Everything is complete.
    RolledOut,
    /// A workload cannot become complete, or a new container crashed after success.
    Failed,
    /// The time is over.
    TimedOut,
    /// A rollout is paused until a person acts, and nothing else is left to wait for.
    Paused,
    /// Neither the Application nor any object of it was found.
    NothingFound,
    /// [`Follow::stop`] was called.
    Stopped,
}

/// The outcome of a deployment and its explanation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verdict {
    /// The application.
    pub app: AppRef,
    /// The outcome of the deployment.
    pub outcome: Outcome,
    /// The time from the start to the decision.
    pub elapsed: Duration,
    /// Every workload.
    pub workloads: Vec<WorkloadProgress>,
    /// The findings that stand, the worst first.
    pub findings: Vec<Finding>,
    /// True if [`OnPaused::Succeed`] makes a pause a success.
    accepts_pause: bool,
}

impl Verdict {
    /// True if everything is rolled out, or paused where
    /// [`on_paused`](FollowConfig::on_paused) says that this is enough.
    pub fn is_success(&self) -> bool {
        match self.outcome {
            Outcome::RolledOut => true,
            Outcome::Paused => self.accepts_pause,
            _ => false,
        }
    }

    /// Returns the worst finding, unless everything is well.
    pub fn cause(&self) -> Option<&Finding> {
        let worst = self.findings.first()?;
        (!self.is_success() && worst.severity > Severity::Info).then_some(worst)
    }
}

/// One sentence: `rolled out shop in 58 s`, or the cause.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (app, took) = (&self.app.name, duration::in_words(self.elapsed));
        match (self.outcome, self.cause()) {
            (Outcome::RolledOut, _) => write!(f, "rolled out {app} in {took}"),
            (Outcome::Stopped, _) => write!(f, "{app}: stopped after {took}"),
            (Outcome::NothingFound, _) => {
                let namespace = &self.app.namespace;
                write!(
                    f,
                    "nothing of application {app} (Application in {namespace}) was found"
                )
            }
            (_, Some(cause)) => write!(f, "{}: {}", cause.workload, cause.sentence),
            (Outcome::Failed, None) => write!(f, "{app} failed after {took}; no cause was found"),
            (Outcome::Paused, None) => write!(f, "{app} is paused after {took}"),
            (Outcome::TimedOut, None) => {
                write!(
                    f,
                    "{app} is not rolled out after {took}; no cause was found"
                )
            }
        }
    }
}

/// The state behind the stream.
struct Run {
    app: AppRef,
    config: FollowConfig,
    observer: Observer,
    ending: Ending,
    streams: Streams,
    logs_open: bool,
    events_open: bool,
    /// Time at which the outcome was decided.
    decided: Option<Timestamp>,
    ticks: Interval,
    items: VecDeque<FollowEvent>,
    is_over: bool,
    stop: Arc<Notify>,
}

/// The next item of the streams or the clock.
#[expect(clippy::large_enum_variant, reason = "a handful lives at a time")]
enum Next {
    Tick,
    Track(Option<TrackEvent>),
    Event(Option<EventItem>),
    Logs(Option<LogEvent>),
    Resource(Answer),
    Stop,
}

impl Run {
    fn new(clients: Clients, app: AppRef, mut config: FollowConfig, stop: Arc<Notify>) -> Self {
        config.track.started = config.started;
        config.events.since = config.started;
        let streams = StreamConfig {
            track: config.track.clone(),
            logs: config.logs.clone(),
            events: config.events.clone(),
        };
        let mut ticks = interval(TICK);
        // After a pause of the whole machine one tick is enough.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            observer: Observer::new(app.clone(), config.started),
            ending: Ending::new(),
            streams: Streams::open(clients, app.clone(), streams),
            logs_open: true,
            events_open: true,
            decided: None,
            ticks,
            items: VecDeque::new(),
            is_over: false,
            stop,
            app,
            config,
        }
    }

    async fn next(&mut self) -> Option<FollowEvent> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Some(item);
            }
            if self.is_over {
                return None;
            }
            let next = self.wait().await;
            self.handle(next, Timestamp::now());
        }
    }

    /// Waits for the next item. The clock and the objects come before the logs, so that a
    /// container that floods cannot hold them up.
    async fn wait(&mut self) -> Next {
        tokio::select! {
            biased;
            () = self.stop.notified() => Next::Stop,
            _ = self.ticks.tick() => Next::Tick,
            event = self.streams.tracked.next() => Next::Track(event),
            answer = self.streams.resources.next() => Next::Resource(answer),
            item = self.streams.events.next(), if self.events_open => Next::Event(item),
            event = self.streams.logs.next(), if self.logs_open => Next::Logs(event),
        }
    }

    fn handle(&mut self, next: Next, now: Timestamp) {
        match next {
            Next::Tick => self.tick(now),
            Next::Stop if self.ending.stop(now) => self.drain(now),
            Next::Track(Some(event)) => self.track(event, now),
            Next::Event(Some(EventItem::Event(event))) => self.event(event),
            Next::Event(Some(EventItem::Notice(notice))) => {
                self.items.push_back(FollowEvent::Notice(notice));
            }
            Next::Logs(Some(event)) => self.logs(event),
            Next::Resource(answer) => {
                if let Some(event) = self.observer.answer(answer, now) {
                    self.streams.forward(event);
                }
            }
            Next::Event(None) => self.events_open = false,
            Next::Logs(None) => self.logs_open = false,
            // The tracker never ends, and other items are unknown to this version.
            Next::Track(None) | Next::Event(Some(_)) | Next::Stop => {}
        }
        // Nothing is left to read: the limit for the rest need not pass.
        if self.ending.outcome().is_some() && !self.logs_open && !self.events_open {
            self.consider(now);
        }
    }

    fn track(&mut self, event: TrackEvent, now: Timestamp) {
        // The lines and the state of a pod that is about to be forgotten may be evidence.
        if matches!(event, TrackEvent::Removed(_)) && self.observer.may_examine(now) {
            self.examine(now);
        }
        let workload = self.observer.track(&event, now).cloned();
        self.items.extend(workload.map(FollowEvent::Progress));
        if let TrackEvent::Notice(notice) = &event {
            self.items.push_back(FollowEvent::Notice(notice.clone()));
        }
        self.streams.forward(event);
    }

    /// Passes an event on. Events from before the start are evidence only.
    fn event(&mut self, event: EventRecord) {
        self.observer.event(&event);
        if !event.before_start {
            self.items.push_back(FollowEvent::Event(event));
        }
    }

    fn logs(&mut self, event: LogEvent) {
        match event {
            LogEvent::Lines(lines) => {
                let origin = &lines.origin;
                self.observer
                    .lines(&origin.pod.uid, &origin.container, &lines.batch);
                self.items.push_back(FollowEvent::Lines(lines));
            }
            LogEvent::Notice(notice) => self.items.push_back(FollowEvent::Notice(notice)),
            _ => {}
        }
    }

    fn tick(&mut self, now: Timestamp) {
        if self.observer.is_due(now) {
            self.examine(now);
            let reads = self.observer.reads(now);
            self.streams.read(reads);
        }
        self.consider(now);
    }

    fn examine(&mut self, now: Timestamp) {
        let thresholds = Thresholds::default().allow_restarts(self.config.allow_restarts);
        let events = self.observer.examine(&thresholds, now);
        self.items
            .extend(events.into_iter().map(FollowEvent::Finding));
    }

    fn consider(&mut self, now: Timestamp) {
        let streams_ended = !self.logs_open && !self.events_open;
        let ending = &mut self.ending;
        match ending.consider(&self.observer, &self.config, streams_ended, now) {
            Step::GoOn => {}
            Step::Drain => self.drain(now),
            Step::End(outcome) => self.end(outcome, now),
        }
    }

    fn drain(&mut self, now: Timestamp) {
        self.decided = Some(now);
        self.streams.drain();
    }

    /// Examines a last time and ends the stream. After a failure without a finding, it waives the
    /// grace times.
    fn end(&mut self, outcome: Outcome, now: Timestamp) {
        self.examine(now);
        let mut findings = self.observer.findings().iter();
        let explained = findings.any(|finding| finding.severity > Severity::Info);
        if outcome != Outcome::RolledOut && !explained {
            let events = self.observer.examine(&Thresholds::one_look(), now);
            self.items
                .extend(events.into_iter().map(FollowEvent::Finding));
        }
        let workloads = self.observer.progress().workloads();
        let decided = self.decided.unwrap_or(now);
        self.items.push_back(FollowEvent::Done(Verdict {
            app: self.app.clone(),
            outcome,
            elapsed: duration::between(self.config.started, decided),
            workloads: workloads.into_iter().cloned().collect(),
            findings: self.observer.findings().to_vec(),
            accepts_pause: self.config.on_paused == Some(OnPaused::Succeed),
        }));
        self.is_over = true;
    }
}
