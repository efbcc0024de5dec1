//! What the end of a response means: never that the run is over.

use std::time::Duration;

use argo_core::{Level, NoticeCode};

use super::{End, Follower, POLL, Phase, Told, gaps::Gap, notices, open::Open, run::Pass};
use crate::{
    Refusal, Refused,
    kubelet::Cause,
    mutant::{Mutant, mutated},
    reading::{Reading, Sink},
};

/// A response that lived so long worked.
const WORKED: Duration = Duration::from_secs(30);
/// If nothing came for so long, there was nothing when it was asked for.
const SETTLED: Duration = Duration::from_secs(1);
/// Who may not read a log may be allowed to meanwhile.
const FORBIDDEN: Duration = Duration::from_secs(300);
const SLOW: Duration = Duration::from_secs(15);
const POLLING: Duration = Duration::from_millis(1500);
/// So often in a row a kubelet may have trouble before it is said.
const TROUBLE: u32 = 5;
const UNREAD: &str = "the last lines may be missing: the log could not be read to its end in time";

impl Refusal {
    /// The refusal has to do with the run, not with the moment.
    pub(super) fn is_about_the_run(self) -> bool {
        matches!(self, Self::PodGone | Self::Removed | Self::Forbidden)
    }
}

/// The answer was that there is no such log any more.
fn is_gone(end: &End, cause: Option<&(Cause, String)>, lines: usize) -> bool {
    match end {
        End::Refused(refused) => matches!(
            refused.refusal(),
            Refusal::PodGone | Refusal::Removed | Refusal::NoPrevious
        ),
        _ => lines == 0 && matches!(cause, Some((Cause::Removed, _))),
    }
}

impl Follower {
    /// A response ended by itself.
    pub(super) fn close(&mut self, mut open: Open, end: End, now: Duration) {
        let cause = open.reading.take_cause();
        let pass = self.pass(&open, &end, cause.is_some());
        let (follow, lived) = (open.params.follow, now.saturating_sub(open.since));
        let worked = open.reading.counts().1 > 0 || open.opened && follow && lived >= WORKED;
        let (unseen, lines) = (open.reading.unseen(), open.reading.counts().0);
        self.count(open, cause.is_some(), now);
        if worked {
            self.backoff.reset();
            self.has_failed = false;
        }
        if let Some(run) = &mut self.run {
            let is_clean = end == End::Clean && cause.is_none();
            // That the log is not there any more says nothing about how far it was read.
            if !is_gone(&end, cause.as_ref(), lines) {
                run.is_cut = !is_clean;
            }
            run.just_ended = follow && is_clean;
            if is_clean {
                (run.missed, run.causes) = (0, 0);
            }
            run.complete |= run.just_ended && mutated(Mutant::EofIsDone);
        }
        match (end, cause) {
            (End::Refused(refused), _) => self.refused(&refused, now),
            (End::Lost(error), None) => self.lost(&error, now),
            _ if self.finishing.is_some() => self.read_last(now),
            (_, Some((cause, text))) => self.kubelet_says(cause, &text, now),
            (End::Clean, None) if follow => self.ask(now),
            (End::Clean, None) => self.passed(pass, unseen, now),
        }
    }

    /// Counts what a response brought, and keeps its tail.
    pub(super) fn count(&mut self, mut open: Open, has_cause: bool, now: Duration) {
        let (window, news) = (&mut self.window, &mut self.news);
        open.reading.close(&mut Sink { window, news });
        self.publish();
        if let Some(run) = &mut self.run {
            run.count(&open.reading);
            let lived = now.saturating_sub(open.since);
            let is_empty = open.reading.counts().0 == 0 && open.reading.tail().is_empty();
            if open.opened && is_empty && lived >= SETTLED && run.empty_at.is_none() {
                run.empty_at = open.date;
            }
            // What tells nothing of this run does not replace what does.
            let tells_nothing = has_cause && open.reading.counts().0 == 0;
            let tells = !tells_nothing && !open.reading.is_foreign();
            if open.opened && tells {
                let is_passed = open.reading.has_passed_the_piece();
                let before = run.reading.replace(open.reading).filter(|_| is_passed);
                run.is_proven = false;
                self.print(before);
            }
        }
    }

    /// The last line has no line end, and what came since is another run's.
    fn print(&mut self, last_words: Option<Reading>) {
        if let Some(mut reading) = last_words {
            let (window, news) = (&mut self.window, &mut self.news);
            reading.flush(&mut Sink { window, news });
            self.publish();
        }
    }

    fn pass(&self, open: &Open, end: &End, has_cause: bool) -> Pass {
        let is_foreign = open.reading.is_foreign();
        // A run that ends or is followed by another one meanwhile is asked for otherwise.
        let is_same = self
            .run
            .as_ref()
            .is_some_and(|run| run.previous == open.params.previous && run.ended_as(&open.reading));
        let is_whole = *end == End::Clean && !has_cause && !is_foreign;
        Pass {
            is_quiet: is_whole && is_same && open.reading.counts().1 == 0,
            has_tail: !open.reading.tail().is_empty(),
            is_foreign,
            is_proven: open.is_tied && open.reading.unseen().is_none(),
            is_last: self.view.is_over(),
        }
    }

    /// A read without following came to its end.
    fn passed(&mut self, pass: Pass, unseen: Option<i64>, now: Duration) {
        let Some(run) = &mut self.run else {
            return;
        };
        if !run.ended() {
            return self.pause(now + POLLING, false);
        }
        run.judge(pass, now);
        if run.complete {
            let in_doubt = run.in_doubt;
            if let Some(unseen) = unseen {
                self.hold(Gap::new(unseen, None, in_doubt));
            }
            return self.decide(now);
        }
        match run.next_pass(pass) {
            Duration::ZERO => self.ask(now),
            delay => self.pause(now + delay, false),
        }
    }

    /// The one last read is over.
    fn read_last(&mut self, now: Duration) {
        if let Some(run) = &mut self.run {
            run.complete = !run.is_cut;
            let reading = run.reading.as_ref().filter(|_| run.complete);
            let unseen = reading.and_then(Reading::unseen);
            // A file that was rotated after its last line: what was open brought that.
            let is_empty = reading.is_some_and(|reading| reading.counts().0 == 0);
            let in_doubt = run.in_doubt || run.was_open && is_empty;
            if !run.complete {
                self.say(self.config.missing(UNREAD));
            } else if let Some(unseen) = unseen {
                self.hold(Gap::new(unseen, None, in_doubt));
            }
            self.retire();
        }
        self.decide(now);
    }

    fn lost(&mut self, error: &str, now: Duration) {
        log::debug!("{} {}: {error}", self.config.pod, self.config.container);
        let delay = self.delay();
        self.ask_after(delay, now);
    }

    fn kubelet_says(&mut self, cause: Cause, text: &str, now: Duration) {
        match cause {
            Cause::Removed => self.missed(now),
            Cause::NoWatches => {
                self.polling = true;
                let why = format!("the log is read every 2 s, not followed: {text}");
                self.tell(Told::Polling, NoticeCode::Other, Level::Info, why);
                self.ask_after(POLLING, now);
            }
            Cause::Failed => self.failed(text, now),
        }
    }

    fn failed(&mut self, text: &str, now: Duration) {
        let delay = self.delay();
        let Some(run) = &mut self.run else {
            return;
        };
        run.causes += 1;
        if run.causes >= TROUBLE {
            let why = format!("the kubelet cannot read the log: {text}");
            self.tell(Told::Other, NoticeCode::LogUnreadable, Level::Warning, why);
            if self
                .run
                .as_ref()
                .is_some_and(|run| run.ended() && run.causes >= 2 * TROUBLE)
            {
                self.lose();
                return self.decide(now);
            }
        }
        self.ask_after(delay, now);
    }

    fn refused(&mut self, refused: &Refused, now: Duration) {
        let refusal = refused.refusal();
        if self.finishing.is_some() && refusal != Refusal::Forbidden {
            return self.read_last(now);
        }
        let message = &refused.message;
        match refusal {
            Refusal::Waiting => {
                let why = if message.is_empty() {
                    "the pod has no node yet"
                } else {
                    message
                };
                self.tell(
                    Told::Waiting,
                    NoticeCode::LogUnreadable,
                    Level::Info,
                    why.to_owned(),
                );
                self.pause(now + POLL, true);
            }
            Refusal::NoPrevious | Refusal::Removed => self.missed(now),
            Refusal::Unauthorized => {
                let why = format!("the log cannot be read now: {message}");
                self.tell(
                    Told::Unauthorized,
                    NoticeCode::Unreachable,
                    Level::Warning,
                    why,
                );
                self.pause(now + SLOW, false);
            }
            Refusal::Forbidden => {
                let why = format!("the log may not be read: {message}");
                self.tell(Told::Forbidden, NoticeCode::Forbidden, Level::Warning, why);
                if self.finishing.is_some() {
                    return self.done();
                }
                self.pause(now + FORBIDDEN, false);
            }
            Refusal::PodGone | Refusal::Unavailable | Refusal::Other => {
                self.unavailable(refused, now);
            }
        }
    }

    fn unavailable(&mut self, refused: &Refused, now: Duration) {
        let delay = self.delay().max(refused.retry_after.unwrap_or_default());
        if self.backoff.failures() == TROUBLE {
            let why = format!("the log cannot be read now: {}", refused.message);
            self.tell(
                Told::Unavailable,
                NoticeCode::Unreachable,
                Level::Warning,
                why,
            );
        }
        self.ask_after(delay, now);
    }

    /// The kubelet does not have the run that the pod tells of. Beside a successor that
    /// ended that is for good: one dead container is kept.
    fn missed(&mut self, now: Duration) {
        let successor = self.view.current.as_ref();
        let is_removed = successor.is_some_and(|next| !next.running);
        let Some(run) = &mut self.run else {
            return;
        };
        run.missed += 1;
        if run.missed >= 3 || run.previous && is_removed {
            self.lose();
            self.decide(now);
        } else {
            self.ask_after(Duration::from_millis(500), now);
        }
    }

    fn ask_after(&mut self, delay: Duration, now: Duration) {
        match delay {
            Duration::ZERO => self.ask(now),
            delay => self.pause(now + delay, false),
        }
    }

    /// Nothing is to be expected of the response any more.
    pub(super) fn break_off(&mut self, now: Duration) {
        self.actions.push_back(super::Action::Close);
        let mut is_early = false;
        if let Some(open) = self.take_open() {
            is_early = open.is_early;
            self.count(open, false, now);
        }
        if let Some(run) = &mut self.run {
            (run.is_cut, run.just_ended) = (true, false);
            run.looked_at = is_early.then_some(now).or(run.looked_at);
        }
        self.ask(now);
    }

    /// The last piece of the log, which has no line end.
    pub(super) fn flush(&mut self) {
        let Some(run) = &mut self.run else {
            return;
        };
        let Some(mut reading) = run.reading.take() else {
            return;
        };
        // Cut off, or before the last line shown came again, it is a piece of a line.
        let time = reading.tail_time();
        let is_line = !run.is_cut && reading.unseen().is_none() && time.is_some();
        let is_foreign = time.is_some_and(|time| run.has_ended_before(time))
            || !run.complete
                && time.is_some_and(|time| self.view.has_started(run.instance.restart, time));
        if (run.complete || is_line) && !is_foreign {
            let (window, news) = (&mut self.window, &mut self.news);
            reading.flush(&mut Sink { window, news });
            self.publish();
        }
    }

    pub(super) fn pod_is_gone(&mut self) {
        if let Some(run) = &self.run
            && !run.complete
            && run.is_cut
        {
            let message = notices::end_unread(&run.instance, run.shown, false);
            self.say(self.config.missing(message));
        }
        self.flush();
        self.done();
    }

    /// The time for the last read is up.
    pub(super) fn give_up(&mut self, now: Duration) {
        if matches!(self.phase, Phase::Done) {
            return;
        }
        if let Some(open) = self.take_open() {
            self.count(open, false, now);
        }
        if self.run.is_some() {
            self.say(self.config.missing(UNREAD));
        }
        self.flush();
        self.done();
    }

    pub(super) fn restored(&mut self) {
        let troubles = [Told::Unavailable, Told::Unauthorized, Told::Forbidden];
        let before = self.told.len();
        self.told.retain(|told| !troubles.contains(told));
        if self.told.len() < before {
            let what = "the log can be read again";
            self.say(self.config.notice(NoticeCode::Restored, Level::Info, what));
        }
    }

    fn tell(&mut self, what: Told, code: NoticeCode, level: Level, message: String) {
        if self.told.insert(what) {
            self.say(self.config.notice(code, level, message));
        }
    }
}

#[cfg(test)]
#[path = "ends_tests.rs"]
mod tests;
