//! The ends of responses: the lines are counted, and the next step follows from the way in
//! which the response ended.

use std::time::Duration;

use super::{
    Follower,
    action::{Action, End},
    drain::{Drain, DrainPass, PassLines},
    gap::Gap,
    notices::{Report, Trouble},
    response::OpenResponse,
    retry::{self, Failure, Next, Wake},
    run::LastResponse,
};
use crate::{Refusal, Refused, reader::ResponseReader};

impl Follower {
    /// A response ended by itself. That never means that the run is over.
    pub(super) fn close(&mut self, mut open: OpenResponse, end: End, now: Duration) {
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
                // Nor does a message that its file is gone by now.
                false if is_void && !follow && run.has_been_read() => run.last.gone(false),
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
        if let Some(reader) = before.filter(|_| is_passed) {
            self.print_passed(reader);
        }
    }

    /// Prints the piece with which the response before the last one ended.
    fn print_passed(&mut self, mut reader: ResponseReader) {
        let Some(run) = self.runs.current_mut() else {
            return;
        };
        // Nothing will look for the lines before the piece any more. The response that has
        // passed it may be taken back as another run's; this gap is not its.
        if let Some(unseen) = reader.unseen() {
            let gap = Gap::new(unseen, reader.tail_time(), run.in_doubt);
            run.gaps.hold(gap, run.responses().saturating_sub(1));
        }
        let printed = reader.printed();
        self.printed.flush(&mut reader);
        if reader.printed() > printed {
            run.remember(reader.last());
        }
        self.publish();
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
                self.reports.keep_back(run.end_lost());
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
    pub(super) fn stop_following(&mut self, now: Duration) {
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
    pub(super) fn break_off(&mut self, now: Duration) {
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
    pub(super) fn lose(&mut self) {
        let lost = self.runs.lose();
        self.report_all(lost);
        self.retire();
    }

    /// Ends the current run.
    pub(super) fn retire(&mut self) {
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
            let lost = self.runs.current().map(|run| run.end_lost());
            if let Some(lost) = lost.filter(|_| reader.is_cut_in_stamp()) {
                return self.report(&lost);
            }
            self.printed.flush(&mut reader);
            self.publish();
        }
    }

    pub(super) fn pod_is_gone(&mut self) {
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
    pub(super) fn give_up(&mut self, now: Duration) {
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
}
