//! Decides what to read of one container and which of the lines are news.

mod beginning;
mod choice;
mod ends;
mod gaps;
mod notices;
mod open;
mod request;
mod run;

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use argo_core::{Backoff, Notice, NoticeCode, ObjectRef};
use bytes::Bytes;
use jiff::Timestamp;

use self::{
    gaps::Gap,
    open::{Health, Open},
    run::Run,
};
use crate::{
    Batch, ContainerView, PodState, Refused,
    reading::{News, Sink},
    window::Window,
};

/// How long what is left may take when the deploy is over.
const LAST_READ: Duration = Duration::from_secs(3);
/// A pod that tells of a run whose log is not there yet tells more soon; if not, it is
/// asked.
const POLL: Duration = Duration::from_secs(5);
/// A response that ended cleanly ended with its run in most cases: the pod says so within
/// about a second.
const STATUS_LAG: Duration = Duration::from_secs(1);

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
///
/// The runs of the container are read one after another. No response says that its run
/// is over, only the pod does; then the run is read once more, without following, until
/// that brings nothing new. A response that begins in the past is held against the
/// window of what was shown.
#[derive(Debug)]
pub struct Follower {
    config: FollowerConfig,
    actions: VecDeque<Action>,
    phase: Phase,
    view: ContainerView,
    /// The run being read.
    run: Option<Run>,
    /// The one before, should it turn out to have been misread.
    retired: Option<Run>,
    window: Window,
    /// What was shown of later runs, while an earlier one is read once more.
    later: Option<Window>,
    /// How many lines of the next run were shown as the one before's, and whether that is
    /// in doubt.
    shown_early: (usize, bool),
    /// Runs that are read to their end or lost.
    done: HashSet<Arc<str>>,
    /// All runs that the pod ever told of, and the newest with whether it ended.
    seen: HashSet<Arc<str>>,
    newest: Option<(Arc<str>, bool)>,
    /// How many restarts the next run should have behind it.
    next_restart: i32,
    is_first: bool,
    backoff: Backoff,
    has_failed: bool,
    /// The node cannot follow.
    polling: bool,
    finishing: Option<Duration>,
    told: HashSet<Told>,
    news: Vec<News>,
}

/// What it is at.
#[derive(Debug)]
enum Phase {
    /// Nothing to read.
    Idle,
    Asking,
    /// Until then; any word of the pod ends it, or only one about the run.
    Pausing {
        until: Duration,
        eager: bool,
    },
    Reading(Box<Open>),
    Done,
}

/// What is said once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Told {
    Waiting,
    Unauthorized,
    Forbidden,
    Unavailable,
    Other,
    Polling,
}

impl Follower {
    /// Nothing is known of the container yet.
    pub fn new(config: FollowerConfig) -> Self {
        let first = Duration::from_millis(500);
        let backoff = Backoff::new(first, Duration::from_secs(15), config.seed);
        Self {
            config,
            actions: VecDeque::new(),
            phase: Phase::Idle,
            view: ContainerView::default(),
            run: None,
            retired: None,
            window: Window::default(),
            later: None,
            shown_early: (0, false),
            done: HashSet::new(),
            seen: HashSet::new(),
            newest: None,
            next_restart: 0,
            is_first: true,
            backoff,
            has_failed: false,
            polling: false,
            finishing: None,
            told: HashSet::new(),
            news: Vec::new(),
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
        let own = match &self.phase {
            Phase::Done => return None,
            Phase::Idle | Phase::Asking => None,
            Phase::Pausing { until, .. } => Some(*until),
            Phase::Reading(open) => Some(open.deadline()),
        };
        let others = self.finishing.into_iter().chain(self.gaps_due());
        own.into_iter().chain(others).min()
    }

    /// True while there is nothing to read: every run that the pod told of is read to
    /// its end, and no response is open or about to be.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Done)
    }

    /// The watch of pods says this.
    pub fn status(&mut self, view: ContainerView, now: Duration) {
        let before = self.place();
        if self.is_done() || !self.learn(view) {
            return;
        }
        let moved = self.place() != before;
        let is_over = self.has_moved();
        match &mut self.phase {
            Phase::Idle => self.decide(now),
            Phase::Pausing { eager, .. } if *eager || moved => self.decide(now),
            Phase::Reading(open) if is_over => open.run_is_over(now),
            _ => {}
        }
    }

    /// The pod says this when [asked](Action::AskStatus).
    pub fn answer(&mut self, view: ContainerView, now: Duration) {
        if matches!(self.phase, Phase::Asking) {
            self.learn(view);
            self.decide(now);
        }
    }

    /// The pod could not be [asked](Action::AskStatus).
    pub fn no_answer(&mut self, error: &str, now: Duration) {
        if matches!(self.phase, Phase::Asking) {
            log::debug!("{} {}: {error}", self.config.pod, self.config.container);
            let delay = self.delay().max(Duration::from_millis(500));
            self.pause(now + delay, true);
        }
    }

    /// The response begins: 200. `date` is the header of that name.
    pub fn opened(&mut self, date: Option<Timestamp>, now: Duration) {
        if let Phase::Reading(open) = &mut self.phase {
            open.begin(date, self.window.newest(), now);
            self.restored();
        }
    }

    /// The next bytes of the response.
    pub fn bytes(&mut self, bytes: Bytes) {
        if let Phase::Reading(open) = &mut self.phase {
            open.heard = true;
            let (window, news, len) = (&mut self.window, &mut self.news, bytes.len());
            open.reading.feed(bytes, &mut Sink { window, news });
            let late = open.begins_late(len);
            self.publish();
            if let Some((first, seconds)) = late {
                self.say(self.config.missing(notices::begins_late(first, seconds)));
            }
        }
    }

    /// The response is over.
    pub fn end(&mut self, end: End, now: Duration) {
        if let Some(open) = self.take_open() {
            self.close(open, end, now);
        }
    }

    /// The next bytes of the [probe](Action::Probe).
    pub fn probe_bytes(&mut self, bytes: &Bytes) {
        if let Phase::Reading(open) = &mut self.phase {
            open.probe_bytes(bytes);
        }
    }

    /// The probe is over.
    pub fn probe_end(&mut self, end: &End, now: Duration) {
        if let Phase::Reading(open) = &mut self.phase {
            open.probe_end(now);
            if matches!(end, End::Refused(refused) if refused.refusal().is_about_the_run()) {
                self.break_off(now);
            }
        }
    }

    /// The deadline has come.
    pub fn timer(&mut self, now: Duration) {
        if self.finishing.is_some_and(|until| now >= until) {
            return self.give_up(now);
        }
        self.check_gaps(now);
        let is_misread = self.reads_past_the_end();
        match &mut self.phase {
            Phase::Pausing { until, .. } if now >= *until => self.ask(now),
            Phase::Reading(open) => match open.check(now) {
                Health::Good if !is_misread => {}
                Health::Doubtful if !is_misread => self.probe(),
                _ => self.break_off(now),
            },
            _ => {}
        }
    }

    /// What comes is later than the end of the run: the next one was read instead, and
    /// that does not end.
    fn reads_past_the_end(&self) -> bool {
        match (&self.phase, &self.run) {
            (Phase::Reading(open), Some(run)) => run.has_ended_before(open.reading.newest()),
            _ => false,
        }
    }

    /// The deploy is over: what is left is read once, then comes [`Action::Done`].
    pub fn finish(&mut self, now: Duration) {
        if self.is_done() || self.finishing.is_some() {
            return;
        }
        if self.told.contains(&Told::Forbidden) {
            return self.done();
        }
        self.finishing = Some(now + LAST_READ);
        if let Phase::Reading(open) = &self.phase {
            if !open.params.follow {
                return;
            }
            self.actions.push_back(Action::Close);
            let was_open = open.opened;
            if let Some(open) = self.take_open() {
                self.count(open, false, now);
            }
            if let Some(run) = &mut self.run {
                (run.is_cut, run.was_open) = (true, was_open);
            }
        }
        self.decide(now);
    }

    /// The run that the response is meant to be of.
    #[cfg(test)]
    pub(crate) fn target(&self) -> Option<i32> {
        self.run.as_ref().map(|run| run.instance.restart)
    }

    fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// Nothing is open: what now?
    fn decide(&mut self, now: Duration) {
        self.phase = Phase::Idle;
        if self.view.pod == PodState::Gone {
            return self.pod_is_gone();
        }
        if self.run.is_some() && !self.go_on(now) {
            return;
        }
        if let Some(run) = self.next_run() {
            self.run = Some(run);
            self.open(now);
        } else if self.view.is_over() || self.finishing.is_some() {
            self.done();
        }
    }

    fn ask(&mut self, now: Duration) {
        if self.finishing.is_some() {
            return self.decide(now);
        }
        self.phase = Phase::Asking;
        self.actions.push_back(Action::AskStatus);
    }

    fn pause(&mut self, until: Duration, eager: bool) {
        self.phase = Phase::Pausing { until, eager };
    }

    /// At once after the first failure, then later and later.
    fn delay(&mut self) -> Duration {
        if std::mem::replace(&mut self.has_failed, true) {
            self.backoff.next_delay()
        } else {
            Duration::ZERO
        }
    }

    fn take_open(&mut self) -> Option<Open> {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Reading(open) => Some(*open),
            other => {
                self.phase = other;
                None
            }
        }
    }

    fn publish(&mut self) {
        let in_doubt = self.run.as_ref().is_some_and(|run| run.in_doubt);
        let mut news = std::mem::take(&mut self.news);
        for news in news.drain(..) {
            match news {
                News::Lines(batch) => self.actions.push_back(Action::Emit(batch)),
                News::Gap { after, before } => self.hold(Gap::new(after, Some(before), in_doubt)),
                News::Repeat(from, to) => {
                    self.say(self.config.missing(notices::repeated(from, to)));
                }
            }
        }
        // Its room is used again.
        self.news = news;
    }

    /// Of a log that may not be read nothing else is worth a word.
    fn say(&mut self, notice: Notice) {
        if self.told.contains(&Told::Forbidden) && notice.code != NoticeCode::Forbidden {
            return;
        }
        self.actions.push_back(Action::Notice(notice));
    }

    fn done(&mut self) {
        for mut run in self.retired.take().into_iter().chain(self.run.take()) {
            self.say_gaps(&mut run);
        }
        self.phase = Phase::Done;
        self.actions.push_back(Action::Done);
    }
}

fn nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

fn second(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second).ok()
}

#[cfg(test)]
#[path = "follower_tests.rs"]
mod tests;
