//! Decides what to do after a request that brought no log: the delays between tries, and
//! the number of failures in a row.

use std::time::Duration;

use argo_core::Backoff;

use super::{
    End,
    notices::{Report, Trouble},
    response::OpenResponse,
    run::ReadRun,
    runs::Runs,
};
use crate::{Refusal, Refused, reader::KubeletMessage};

/// A pod that tells of a run whose log does not exist yet is read again after this.
pub(super) const POLL: Duration = Duration::from_secs(5);
/// A log that the node has no watches left to follow is read again after this.
const POLLING: Duration = Duration::from_millis(1500);
/// A log of a node that follows none is read again after this, after up to [`BUSY`] while it
/// grows, and after up to [`SLOWEST`] while nothing new comes.
const NO_FOLLOW: Duration = Duration::from_secs(3);
/// Such a node may send the whole log each time, so pauses grow while lines come, too.
const BUSY: Duration = Duration::from_secs(6);
/// After this many follows of a run that ended at once, the log is polled.
const SHORT_FOLLOWS: u32 = 3;
/// A follow that ended cleanly ended with its run in most cases. The pod says so within
/// about this time.
pub(super) const STATUS_LAG: Duration = Duration::from_secs(1);
/// The delay before the second try after a failure; the first comes at once.
const FIRST: Duration = Duration::from_millis(500);
/// The delays between tries grow up to this.
const SLOWEST: Duration = Duration::from_secs(15);
/// The longest wait that a server can ask for by `Retry-After`.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A forbidden log is asked for again after this: the right may be granted meanwhile.
const FORBIDDEN: Duration = Duration::from_secs(300);
/// A log for which the credentials are not accepted is asked for again after this.
const UNAUTHORIZED: Duration = Duration::from_secs(15);
/// A run that the kubelet denies is asked for again after this.
const DENIED: Duration = Duration::from_millis(500);
/// Failures in a row before they are reported.
const TROUBLE: u32 = 5;
/// Failures in a row are reported after this time at the latest: a node that is down takes
/// half a minute for each.
const LONG: Duration = Duration::from_secs(20);
/// A lost connection is reported after this time; most come back at once, and the tracker
/// reports the loss of the API server by itself.
const LOST: Duration = Duration::from_secs(30);
/// A run that the kubelet denies this often in a row is lost.
const DENIALS: u32 = 3;

/// A response that was no log, or broke off.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure<'a> {
    Lost(&'a str),
    Message(KubeletMessage, &'a str),
    Refused(&'a Refused),
}

/// The step after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Read the pod after a delay.
    Ask(Duration),
    /// Wait this long for a word of the pod.
    Pause(Duration, Wake),
    /// Give the current run up.
    Lose,
}

/// The status that ends a pause early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// Any status of the pod.
    Any,
    /// A status by which the current run has ended or moved.
    RunMoved,
}

/// Counts the failures of a container's requests.
#[derive(Debug)]
pub(super) struct Retry {
    backoff: Backoff,
    /// The time of the first failure since the log last worked.
    failing_since: Option<Duration>,
    /// The time of the first request without an answer since a response last began.
    lost_since: Option<Duration>,
    /// Answers in a row that deny the present run.
    denials: u32,
    /// Answers in a row that the log is not available.
    outages: u32,
    /// Answers in a row that hold a message of the kubelet instead of the log.
    messages: u32,
    /// Follows of the run in a row that ended at once.
    short_follows: u32,
    /// Set once the node turned out to be unable to follow logs.
    polling: Option<Polling>,
}

/// The delays between two reads of a log that is not followed.
#[derive(Clone, Copy, Debug)]
struct Polling {
    next: Duration,
    slowest: Duration,
}

impl Polling {
    fn growing(first: Duration, slowest: Duration) -> Self {
        Self {
            next: first,
            slowest,
        }
    }

    fn next(&mut self, has_new: bool) -> Duration {
        let delay = if has_new {
            self.next.min(BUSY)
        } else {
            self.next
        };
        self.next = (delay * 3 / 2).min(self.slowest);
        delay
    }
}

impl Retry {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            backoff: Backoff::new(FIRST, SLOWEST, seed),
            failing_since: None,
            lost_since: None,
            denials: 0,
            outages: 0,
            messages: 0,
            short_follows: 0,
            polling: None,
        }
    }

    /// True once the node turned out to be unable to follow logs.
    pub(super) fn is_polling(&self) -> bool {
        self.polling.is_some()
    }

    /// Begins with another run.
    pub(super) fn begin_run(&mut self) {
        self.forget_answers();
        self.short_follows = 0;
    }

    /// Counts a follow that ended cleanly. Returns a report if the node turned out to end
    /// every follow at once.
    pub(super) fn follow_ended(&mut self, at_once: bool) -> Option<Report> {
        self.short_follows = if at_once { self.short_follows + 1 } else { 0 };
        if self.short_follows < SHORT_FOLLOWS || self.is_polling() {
            return None;
        }
        self.polling = Some(Polling::growing(NO_FOLLOW, SLOWEST));
        trouble(Trouble::Polling, "the node ends each response at once")
    }

    /// Returns the delay before the log is read again.
    pub(super) fn next_poll(&mut self, has_new: bool) -> Duration {
        let polling = self.polling.as_mut();
        polling.map_or(POLLING, |polling| polling.next(has_new))
    }

    /// Returns the delay before the next try: none after the first failure.
    pub(super) fn delay(&mut self, now: Duration) -> Duration {
        if self.failing_since.is_some() {
            self.backoff.next_delay()
        } else {
            self.failing_since = Some(now);
            Duration::ZERO
        }
    }

    /// Nothing came back. Returns the delay before the next try, and a report once that has
    /// gone on for long.
    pub(super) fn lost(&mut self, error: &str, now: Duration) -> (Option<Report>, Duration) {
        let since = *self.lost_since.get_or_insert(now);
        let is_long = now >= since + LOST;
        let report = is_long.then(|| Report::Trouble(Trouble::Lost, error.to_owned()));
        (report, self.delay(now))
    }

    /// A response begins. One that breaks off soon has not worked, but there is a connection.
    pub(super) fn answered(&mut self) {
        self.lost_since = None;
    }

    /// Begins anew: a response has worked.
    pub(super) fn worked(&mut self) {
        self.backoff.reset();
        self.failing_since = None;
        self.outages = 0;
    }

    /// Forgets the answers about a run: it was read, or another one is next.
    pub(super) fn forget_answers(&mut self) {
        (self.denials, self.messages) = (0, 0);
    }

    /// Decides about the step after a failure, and whether it is worth a report.
    pub(super) fn after(
        &mut self,
        failure: Failure<'_>,
        runs: &Runs,
        now: Duration,
    ) -> (Option<Report>, Next) {
        if !matches!(failure, Failure::Lost(_)) {
            self.answered();
        }
        match failure {
            Failure::Lost(error) => {
                log::debug!("a log broke off: {error}");
                let (report, delay) = self.lost(error, now);
                (report, Next::Ask(delay))
            }
            Failure::Message(KubeletMessage::Removed, _) => (None, self.denied(runs)),
            Failure::Message(KubeletMessage::NoWatches, text) => {
                // The node is out of inotify watches. A read without `follow` needs none.
                self.polling = Some(Polling::growing(POLLING, POLLING));
                (trouble(Trouble::Polling, text), Next::Ask(POLLING))
            }
            Failure::Message(KubeletMessage::Failed, text) => self.failed(text, runs, now),
            Failure::Refused(refused) => self.refused(refused, runs, now),
        }
    }

    /// The kubelet sent a message instead of the log.
    fn failed(&mut self, text: &str, runs: &Runs, now: Duration) -> (Option<Report>, Next) {
        let delay = self.delay(now);
        self.messages += 1;
        if self.messages < TROUBLE {
            return (None, Next::Ask(delay));
        }
        // A run that ended will not become readable by waiting.
        let has_ended = runs.current().is_some_and(ReadRun::has_ended);
        let next = if has_ended && self.messages >= 2 * TROUBLE {
            Next::Lose
        } else {
            Next::Ask(delay)
        };
        (trouble(Trouble::Unreadable, text), next)
    }

    fn refused(&mut self, refused: &Refused, runs: &Runs, now: Duration) -> (Option<Report>, Next) {
        let text = refused.message.as_str();
        match refused.refusal() {
            Refusal::Waiting => (
                // No failure: the pod has no node, or the container is not created. A status
                // will tell.
                trouble(Trouble::Waiting, text),
                Next::Pause(POLL, Wake::Any),
            ),
            // The kubelet may be ahead of the pod's status or behind it, so one denial is not
            // final.
            Refusal::NoPrevious | Refusal::Removed => (None, self.denied(runs)),
            Refusal::Unauthorized => (
                trouble(Trouble::Unauthorized, text),
                Next::Pause(UNAUTHORIZED, Wake::RunMoved),
            ),
            Refusal::Forbidden => (
                trouble(Trouble::Forbidden, text),
                Next::Pause(FORBIDDEN, Wake::RunMoved),
            ),
            Refusal::PodGone | Refusal::Unavailable | Refusal::Other => {
                self.unavailable(refused, now)
            }
        }
    }

    fn unavailable(&mut self, refused: &Refused, now: Duration) -> (Option<Report>, Next) {
        let is_long = self.failing_since.is_some_and(|since| now >= since + LONG);
        // A proxy may ask for an hour, and a rollout is over by then.
        let retry_after = refused.retry_after.unwrap_or_default().min(LONGEST_WAIT);
        let next = Next::Ask(self.delay(now).max(retry_after));
        self.outages += 1;
        if is_long || self.outages >= TROUBLE {
            return (trouble(Trouble::Unavailable, &refused.message), next);
        }
        (None, next)
    }

    /// The kubelet does not have the run that the pod tells of.
    fn denied(&mut self, runs: &Runs) -> Next {
        self.denials += 1;
        let is_previous = runs.current().is_some_and(|run| run.previous);
        // Beside a successor that ended, the denial is for good.
        let is_removed = is_previous && runs.previous_is_removed();
        if is_removed || self.denials >= DENIALS {
            Next::Lose
        } else {
            Next::Ask(DENIED)
        }
    }
}

/// True if the answer was that there is no such log any more.
pub(super) fn is_gone(
    end: &End,
    message: Option<&(KubeletMessage, String)>,
    open: &OpenResponse,
) -> bool {
    match end {
        End::Refused(refused) => matches!(
            refused.refusal(),
            Refusal::PodGone | Refusal::Removed | Refusal::NoPrevious
        ),
        // A follow is told so behind the last line, if its container is removed meanwhile.
        _ if open.params.follow || open.reader.lines() == 0 => {
            matches!(message, Some((KubeletMessage::Removed, _)))
        }
        _ => false,
    }
}

fn trouble(trouble: Trouble, text: &str) -> Option<Report> {
    Some(Report::Trouble(trouble, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: Failure<'static> = Failure::Message(KubeletMessage::Failed, "rpc error");
    const DENIAL: Failure<'static> = Failure::Message(KubeletMessage::Removed, "");

    #[test]
    fn the_first_try_after_a_failure_comes_at_once() {
        let mut retry = Retry::new(7);
        let mut delay = || retry.delay(Duration::ZERO);
        assert_eq!(delay(), Duration::ZERO);
        assert!(delay() > Duration::ZERO);
        retry.worked();
        assert_eq!(retry.delay(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_run_denied_three_times_in_a_row_is_lost() {
        let (mut retry, runs) = (Retry::new(7), Runs::default());
        let mut next = || retry.after(DENIAL, &runs, Duration::ZERO).1;
        assert_eq!([next(), next()], [Next::Ask(DENIED); 2]);
        assert_eq!(next(), Next::Lose);
        retry.forget_answers();
        assert_eq!(
            retry.after(DENIAL, &runs, Duration::ZERO).1,
            Next::Ask(DENIED)
        );
    }

    #[test]
    fn the_fifth_message_in_a_row_is_worth_a_report() {
        let (mut retry, runs) = (Retry::new(7), Runs::default());
        let reports = (0..5).map(|_| retry.after(SOME, &runs, Duration::ZERO).0.is_some());
        assert_eq!(
            reports.collect::<Vec<_>>(),
            [false, false, false, false, true]
        );
    }

    #[test]
    fn pauses_grow_less_while_lines_come() {
        let secs = |news: [bool; 5]| {
            let mut polling = Polling::growing(NO_FOLLOW, SLOWEST);
            news.map(|has_new| polling.next(has_new).as_secs_f32())
        };
        assert_eq!(secs([true; 5]), [3.0, 4.5, 6.0, 6.0, 6.0]);
        assert_eq!(secs([false; 5]), [3.0, 4.5, 6.75, 10.125, 15.0]);
        assert_eq!(secs([false, false, false, false, true])[4], 6.0);
        let mut polling = Polling::growing(POLLING, POLLING);
        assert_eq!([polling.next(true), polling.next(false)], [POLLING; 2]);
    }

    #[test]
    fn a_lost_connection_is_reported_after_half_a_minute() {
        let (mut retry, runs) = (Retry::new(7), Runs::default());
        let mut said = |seconds| {
            let lost = Failure::Lost("connection refused");
            let after = retry.after(lost, &runs, Duration::from_secs(seconds));
            after.0.is_some()
        };
        assert_eq!(
            [said(5), said(20), said(34), said(35)],
            [false, false, false, true]
        );
        retry.answered();
        assert!(retry.lost("refused", Duration::from_secs(90)).0.is_none());
    }

    #[test]
    fn failures_that_take_long_are_reported_before_the_fifth() {
        let (mut retry, runs) = (Retry::new(7), Runs::default());
        let timeout = Refused {
            status: 500,
            message: "dial tcp 10.0.0.7:10250: i/o timeout".to_owned(),
            ..Refused::default()
        };
        let mut said = |seconds| {
            let now = Duration::from_secs(seconds);
            let after = retry.after(Failure::Refused(&timeout), &runs, now);
            after.0.is_some()
        };
        assert_eq!([said(30), said(61)], [false, true]);
    }
}
