//! Decides what to read of one container and which of the lines are new.

mod action;
mod checkpoints;
mod closing;
mod drain;
mod gap;
mod hole;
mod missing;
mod notices;
mod phase;
mod printed;
mod publish;
mod request;
mod response;
mod retry;
mod run;
mod runs;
mod start_check;
mod watchdog;

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;

pub(crate) use self::notices::END_UNREAD;
pub use self::{
    action::{Action, End, FollowerConfig},
    hole::Hole,
};
use self::{
    hole::SecondSource,
    notices::{Report, Reports},
    phase::Phase,
    printed::Printed,
    request::{Request, RequestFacts},
    response::OpenResponse,
    retry::{POLL, Retry, STATUS_LAG, Wake},
    runs::Runs,
    start_check::StartCheck,
    watchdog::{Health, Watchdog},
};
use crate::{ContainerView, reader::nanos};

/// The last reads are given no less than this, once the deploy is over.
const LAST_READ: Duration = Duration::from_secs(3);

/// The rules for one container of one pod, whatever happens to its log.
///
/// The shell reports everything that happens (one method each; `now` is of any clock that
/// does not go back), carries out the [actions](Self::next_action), and calls
/// [`timer`](Self::timer) at the [`deadline`](Self::deadline). The first response is opened
/// when [`status`](Self::status) shows the first run.
///
/// The runs of the container are read one after another. No response says that its run is
/// over, only the pod does. Then the run is read again, without following, until that brings
/// nothing new. A response that begins in the past is compared with the lines printed lately.
#[derive(Debug)]
pub struct Follower {
    config: FollowerConfig,
    actions: VecDeque<Action>,
    phase: Phase,
    runs: Runs,
    printed: Printed,
    reports: Reports,
    retry: Retry,
    /// Time at which the last reads are given up, once the deploy is over.
    finishing: Option<Duration>,
    /// Set if another source may have what this one lacks.
    second: Option<SecondSource>,
}

impl Follower {
    /// Creates a follower that knows nothing of the container yet.
    pub fn new(config: FollowerConfig) -> Self {
        Self {
            actions: VecDeque::new(),
            phase: Phase::Idle,
            runs: Runs::default(),
            printed: Printed::default(),
            reports: Reports::new(&config),
            retry: Retry::new(config.seed),
            finishing: None,
            second: None,
            config,
        }
    }

    /// Takes the next action; `None` until something happens.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Latest time at which [`timer`](Self::timer) has to be called. Every call changes it;
    /// calling the timer too early does no harm.
    pub fn deadline(&self) -> Option<Duration> {
        if self.phase.is_done() {
            return None;
        }
        let deadlines = [self.phase.deadline(), self.finishing, self.runs.gaps_due()];
        deadlines.into_iter().flatten().min()
    }

    /// True while there is nothing to read: every run that the pod told of was read to its
    /// end, and no response is open or about to be.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Done)
    }

    /// Takes the state of the container from the watch of pods.
    pub fn status(&mut self, view: ContainerView, now: Duration) {
        let before = self.runs.place();
        if self.phase.is_done() || !self.runs.learn(view) {
            return;
        }
        let has_changed = self.runs.place() != before;
        let is_over = self.runs.has_moved();
        match &mut self.phase {
            Phase::Idle => self.decide(now),
            // After a failure only a run that moved is worth an earlier try: any other status
            // would undo the growing delays.
            Phase::Pausing { wake, .. } if *wake == Wake::Any || has_changed => self.decide(now),
            // The response goes on: it may still bring the last lines, but not for ever.
            Phase::Reading(open) if is_over => open.watchdog.run_is_over(now),
            // An answer that is awaited, or the end of the response, decides later.
            _ => {}
        }
    }

    /// Takes the answer to [`AskStatus`](Action::AskStatus).
    pub fn answer(&mut self, view: ContainerView, now: Duration) {
        if matches!(self.phase, Phase::Asking) {
            self.runs.learn(view);
            self.decide(now);
        }
    }

    /// The pod could not be read after [`AskStatus`](Action::AskStatus).
    pub fn no_answer(&mut self, error: &str, now: Duration) {
        if matches!(self.phase, Phase::Asking) {
            log::debug!("{} {}: {error}", self.config.pod, self.config.container);
            let (report, delay) = self.retry.lost(error, now);
            self.report_all(report);
            // A first retry may come at once, but not to a server that does not answer.
            self.pause(now + delay.max(Duration::from_millis(500)), Wake::Any);
        }
    }

    /// The response begins (200). `date` is the header of that name.
    pub fn opened(&mut self, date: Option<Timestamp>, now: Duration) {
        if let Some(open) = self.phase.open_mut() {
            open.begin(date, self.printed.window().newest(), now);
            self.retry.answered();
            for report in self.reports.restore() {
                self.say(&report);
            }
        }
    }

    /// Takes the next bytes of the response.
    pub fn bytes(&mut self, bytes: Bytes) {
        if let Some(open) = self.phase.open_mut() {
            open.watchdog.heard();
            let len = bytes.len();
            self.printed.feed(&mut open.reader, bytes);
            let late = open.begins_late(len);
            self.publish();
            if let Some((first, seconds)) = late {
                self.report(&Report::BeginsLate { first, seconds });
            }
        }
    }

    /// The response is over.
    pub fn end(&mut self, end: End, now: Duration) {
        if let Some(open) = self.phase.take_open() {
            self.close(open, end, now);
        }
    }

    /// Takes the next bytes of the [probe](Action::Probe).
    pub fn probe_bytes(&mut self, bytes: &Bytes) {
        if let Some(open) = self.phase.open_mut() {
            open.watchdog.probe_bytes(bytes);
        }
    }

    /// The probe is over.
    pub fn probe_end(&mut self, end: &End, now: Duration) {
        if let Some(open) = self.phase.open_mut() {
            open.watchdog.probe_end(now);
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
        let gaps = self.runs.take_due_gaps(now);
        self.report_all(gaps);
        let is_misread = self.reads_past_the_end();
        match &mut self.phase {
            Phase::Pausing { until, .. } if now >= *until => self.ask(now),
            Phase::Reading(open) => {
                let can_probe = open.has_begun() && open.params.follow;
                match open.watchdog.check(can_probe, now) {
                    // The next run is read instead of this one, and does not end.
                    _ if is_misread => self.break_off(now),
                    Health::Good => {}
                    Health::Doubtful => self.probe(),
                    Health::Dead => self.break_off(now),
                }
            }
            _ => {}
        }
    }

    /// The deploy is over: what is left is read once, then comes [`Action::Done`].
    pub fn finish(&mut self, now: Duration) {
        if self.phase.is_done() || self.finishing.is_some() {
            return;
        }
        // Another request would bring another refusal, which is reported already.
        if self.reports.is_forbidden() {
            return self.done();
        }
        self.finishing = Some(now + self.config.last_read.max(LAST_READ));
        if let Some(open) = self.phase.open() {
            // A read that does not follow ends by itself, within the time for the last read.
            if !open.params.follow {
                return;
            }
            self.stop_following(now);
        }
        self.decide(now);
    }

    /// Number of restarts before the run that the response is meant to be of.
    #[cfg(test)]
    pub(crate) fn target(&self) -> Option<i32> {
        self.runs.current().map(|run| run.run.restart)
    }

    /// True if lines came that are later than the end of the run.
    fn reads_past_the_end(&self) -> bool {
        match (self.phase.open(), self.runs.current()) {
            (Some(open), Some(run)) => run.has_ended_before(open.reader.newest()),
            _ => false,
        }
    }

    /// Chooses the next step while no response is open.
    fn decide(&mut self, now: Duration) {
        self.phase = Phase::Idle;
        // First, since runs of a pod that is gone cannot be read, complete or not.
        if self.runs.pod_is_gone() {
            return self.pod_is_gone();
        }
        if self.runs.current().is_some() && !self.go_on(now) {
            return;
        }
        let is_new = self.config.is_new;
        if let Some(reports) = self.runs.start_next(is_new, &mut self.printed) {
            self.report_all(reports);
            self.retry.begin_run();
            self.open(now);
        } else if self.runs.are_over() || self.finishing.is_some() {
            self.done();
        }
    }

    /// Goes on with the current run. Returns true if it is done with.
    fn go_on(&mut self, now: Duration) -> bool {
        let is_finishing = self.finishing.is_some();
        let is_gone = self.runs.current_is_gone();
        let is_unknown = self.runs.are_unknown();
        let Some(run) = self.runs.current_mut() else {
            return true;
        };
        if run.is_complete() {
            self.retire();
            return true;
        }
        if is_gone {
            // A pod that tells of no run at all may only be late.
            if is_unknown && !is_finishing {
                self.pause(now + POLL, Wake::Any);
                return false;
            }
            self.lose();
            return true;
        }
        // The pod will say soon that the run has ended: reopening now would replay it.
        if !run.has_ended() && run.last.take_follow_ended() && !is_finishing {
            self.pause(now + STATUS_LAG, Wake::RunMoved);
            return false;
        }
        self.runs.rewind(&mut self.printed);
        self.open(now);
        false
    }

    /// Requests the log of the current run.
    fn open(&mut self, now: Duration) {
        let checkpoint = self.printed.checkpoint();
        let Some(run) = self.runs.current_mut() else {
            return;
        };
        run.begin_response(checkpoint);
        let (looked_at, last_words) = (run.looked_at, run.last_words());
        let started = run.run.started_at.filter(|_| run.tail.is_none()).map(nanos);
        // A follow has no end of its own: at the end of the deploy only a plain read has one, and
        // a node that does not let anybody follow ends each follow at once.
        let can_follow = !self.retry.is_polling() && self.finishing.is_none();
        let follow = can_follow && !run.has_ended();
        let Some(mut request) = self.request(follow) else {
            return;
        };
        request.reader.expect(last_words);
        self.actions.push_back(Action::Open(request.params.clone()));
        let start_check = started.filter(|_| request.is_whole).map(StartCheck::new);
        let watchdog = Watchdog::new(now, self.config.seed, looked_at);
        let open = OpenResponse::new(request, start_check, now, watchdog);
        self.phase = Phase::Reading(Box::new(open));
    }

    fn request(&self, follow: bool) -> Option<Request> {
        let facts = RequestFacts {
            config: &self.config,
            run: self.runs.current()?,
            open: self.phase.open().map(|open| &open.reader),
            window: self.printed.window(),
            successor: self.runs.successor(),
        };
        Some(facts.request(follow))
    }

    /// Requests the log beside the open response.
    fn probe(&mut self) {
        let Some(request) = self.request(false) else {
            return;
        };
        if let Some(open) = self.phase.open_mut() {
            let window = self.printed.window().clone();
            open.watchdog.probe(request.reader, window);
            self.actions.push_back(Action::Probe(request.params));
        }
    }

    fn ask(&mut self, now: Duration) {
        // At the end of the deploy there is no time to ask the pod first.
        if self.finishing.is_some() {
            return self.decide(now);
        }
        self.phase = Phase::Asking;
        self.actions.push_back(Action::AskStatus);
    }

    fn ask_after(&mut self, delay: Duration, now: Duration) {
        if delay.is_zero() {
            self.ask(now);
        } else {
            self.pause(now + delay, Wake::RunMoved);
        }
    }

    fn pause(&mut self, until: Duration, wake: Wake) {
        self.phase = Phase::Pausing { until, wake };
    }

    fn done(&mut self) {
        let gaps = self.runs.take_all_gaps();
        self.report_all(gaps);
        self.phase = Phase::Done;
        self.actions.push_back(Action::Done);
    }
}

#[cfg(test)]
mod tests;
