//! Decides what to read of one container and which of the lines are new.

mod action;
mod checkpoints;
mod drain;
mod gap;
mod hole;
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
    drain::{Drain, DrainPass, PassLines},
    gap::Gap,
    hole::SecondSource,
    notices::{Report, Reports, Trouble},
    phase::Phase,
    printed::Printed,
    request::{Request, RequestFacts},
    response::OpenResponse,
    retry::{Failure, Next, POLL, Retry, STATUS_LAG, Wake},
    run::LastResponse,
    runs::Runs,
    start_check::StartCheck,
    watchdog::{Health, Watchdog},
};
use crate::{ContainerView, Refusal, Refused, reader::nanos};

/// The last reads are given up after this, once the deploy is over.
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
            if self.reports.restore() {
                self.report(&Report::Restored);
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
        self.finishing = Some(now + LAST_READ);
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

    /// A response ended by itself. That never means that the run is over.
    fn close(&mut self, mut open: OpenResponse, end: End, now: Duration) {
        let message = open.reader.take_message();
        let is_clean = end == End::Clean && message.is_none();
        let was_rotated = is_clean && open.reader.reach_end();
        let at_once = open.ended_at_once(now);
        let is_last = self.runs.are_over();
        let run = self.runs.current_mut();
        let pass = run.map(|run| open.pass(run, is_clean, is_last));
        let is_gone = retry::is_gone(&end, message.as_ref(), &open);
        let (follow, unseen) = (open.params.follow, open.reader.unseen());
        if open.has_worked(now) {
            self.retry.worked();
        }
        // A message instead of the log tells nothing of the run, unless it ends a follow.
        let is_void = message.is_some() && open.reader.lines() == 0 && !(is_gone && follow);
        self.count(open, is_void, now);
        // Held, since the next response may bring the lines and fill the gap.
        if was_rotated {
            self.hold(Gap::without_times(false));
        }
        if let Some(run) = self.runs.current_mut() {
            run.last = match is_clean {
                _ if is_gone => run.last.gone(follow),
                true => run.last.clean(follow),
                false => run.last.cut(),
            };
        }
        if is_clean {
            self.retry.forget_answers();
        }
        match (end, message) {
            (End::Refused(refused), _) => self.refused(&refused, now),
            (End::Lost(error), None) => self.failed(Failure::Lost(&error), now),
            // The one read after the end of the deploy is not repeated, whatever it brought.
            _ if self.finishing.is_some() => self.read_last(now),
            (_, Some((message, text))) => self.failed(Failure::Message(message, &text), now),
            (End::Clean, None) if follow => {
                let report = self.retry.follow_ended(at_once);
                self.report_all(report);
                self.ask(now);
            }
            (End::Clean, None) => self.passed(pass, unseen, now),
        }
    }

    /// Counts the lines of a response, and keeps the piece behind its last line end.
    fn count(&mut self, mut open: OpenResponse, is_void: bool, now: Duration) {
        self.printed.close(&mut open.reader);
        self.publish();
        let Some(run) = self.runs.current_mut() else {
            return;
        };
        run.count(&open.reader);
        run.was_empty(open.empty_at(now));
        // A response that tells nothing of this run does not replace one that does.
        if !open.has_begun() || is_void || open.reader.is_foreign() {
            return;
        }
        let is_passed = open.reader.has_passed_the_piece();
        let before = run.reader.replace(open.reader);
        run.drain = run.drain.unproven();
        // The last line of the run has no line end, and what came since is another run's.
        if let Some(mut reader) = before.filter(|_| is_passed) {
            self.printed.flush(&mut reader);
            self.publish();
        }
    }

    /// A read without following came to its end.
    fn passed(&mut self, pass: Option<DrainPass>, unseen: Option<i64>, now: Duration) {
        let (Some(run), Some(pass)) = (self.runs.current_mut(), pass) else {
            return;
        };
        if !run.has_ended() {
            let delay = self.retry.next_poll(pass.lines != PassLines::None);
            return self.pause(now + delay, Wake::RunMoved);
        }
        run.drain = run.drain.judge(pass, run.previous, now);
        let (drain, in_doubt) = (run.drain, run.in_doubt);
        if !drain.is_complete() {
            return self.ask_after(drain.next_delay(pass), now);
        }
        if let Some(unseen) = unseen {
            self.hold(Gap::new(unseen, None, in_doubt));
        }
        self.decide(now);
    }

    /// The one read after the end of the deploy is over.
    fn read_last(&mut self, now: Duration) {
        if let Some(run) = self.runs.current_mut() {
            if run.last.is_cut() {
                self.report(&Report::EndUnread);
            } else {
                run.drain = Drain::Complete;
                if let Some(gap) = run.last_gap() {
                    self.hold(gap);
                }
            }
            self.retire();
        }
        self.decide(now);
    }

    /// A response ended without the log, or before its end.
    fn failed(&mut self, failure: Failure<'_>, now: Duration) {
        let (report, next) = self.retry.after(failure, &self.runs, now);
        self.report_all(report);
        match next {
            Next::Ask(delay) => self.ask_after(delay, now),
            Next::Pause(time, wake) => self.pause(now + time, wake),
            Next::Lose => {
                self.lose();
                self.decide(now);
            }
        }
    }

    fn refused(&mut self, refused: &Refused, now: Duration) {
        if self.finishing.is_none() {
            return self.failed(Failure::Refused(refused), now);
        }
        if refused.refusal() != Refusal::Forbidden {
            return self.read_last(now);
        }
        let text = refused.message.clone();
        self.report(&Report::Trouble(Trouble::Forbidden, text));
        self.done();
    }

    /// Stops the response at the end of the deploy.
    fn stop_following(&mut self, now: Duration) {
        self.actions.push_back(Action::Close);
        let mut was_open = false;
        if let Some(open) = self.phase.take_open() {
            was_open = open.has_begun();
            self.count(open, false, now);
        }
        if let Some(run) = self.runs.current_mut() {
            run.last = LastResponse::at_finish(was_open);
        }
    }

    /// Drops a response of which nothing is to be expected any more.
    fn break_off(&mut self, now: Duration) {
        self.actions.push_back(Action::Close);
        // One early look for a run: the next response must not be doubted early as well.
        let mut looked_at = None;
        if let Some(open) = self.phase.take_open() {
            looked_at = open.watchdog.is_early().then_some(now);
            self.count(open, false, now);
        }
        if let Some(run) = self.runs.current_mut() {
            run.last = run.last.cut();
            run.looked_at = looked_at.or(run.looked_at);
        }
        self.ask(now);
    }

    /// Gives the current run up: it cannot be read any more.
    fn lose(&mut self) {
        let lost = self.runs.lose();
        self.report_all(lost);
        self.retire();
    }

    /// Ends the current run.
    fn retire(&mut self) {
        if self.runs.keep_early_lines() {
            self.report(&Report::NextBeginLost);
        }
        self.flush();
        self.printed.go_forward();
        let gaps = self.runs.retire();
        self.report_all(gaps);
    }

    /// Prints the last piece of the log, which has no line end.
    fn flush(&mut self) {
        if let Some(mut reader) = self.runs.take_last_words() {
            self.printed.flush(&mut reader);
            self.publish();
        }
    }

    fn pod_is_gone(&mut self) {
        if let Some(run) = self.runs.current()
            && !run.is_complete()
            && run.last.is_cut()
        {
            self.report(&run.end_lost());
        } else if let Some(hole) = self.never_read() {
            self.actions.push_back(Action::Missing(Box::new(hole)));
        }
        self.flush();
        self.done();
    }

    /// The time for the last read is up.
    fn give_up(&mut self, now: Duration) {
        if self.phase.is_done() {
            return;
        }
        if let Some(open) = self.phase.take_open() {
            self.count(open, false, now);
        }
        if self.runs.current().is_some() {
            self.report(&Report::EndUnread);
        }
        self.flush();
        self.done();
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
