//! Watches whether a response is still alive.

use std::time::Duration;

use argo_core::Backoff;
use bytes::Bytes;

use crate::reader::{ReadItem, ResponseReader, Sink, Window};

/// After the run has ended, its response ends within a second or two; it is given up after
/// this.
const GRACE: Duration = Duration::from_secs(5);
/// Lines found by a probe may be on their way this long.
const ON_ITS_WAY: Duration = Duration::from_secs(2);
/// A response that is silent this long is probed.
const IDLE: Duration = Duration::from_secs(60);
/// A kubelet misses a rotation while it sets up its watch of the file, and is silent until
/// the next one (`ReadLogs` of k8s.io/cri-client v0.34: the watch is made at the first end of
/// the file). So a response that resumes a busy log is looked at after this time, in which it
/// catches up, and once more after [`SOON`].
const CAUGHT_UP: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_millis(1500);
/// Lines found by a probe after an early look come within this, if the response is alive.
const AT_ONCE: Duration = Duration::from_millis(300);
/// After a response was broken off because of an early look, none is taken for this time.
const NEXT_LOOK: Duration = Duration::from_secs(45);
/// A response is replaced after this: the kubelet cuts every response after four hours.
const LIFE: Duration = Duration::from_secs(230 * 60);

/// The checks of one response.
#[derive(Debug)]
pub(super) struct Watchdog {
    /// True if bytes came since the last check.
    has_heard: bool,
    /// True once the pod says that the run has ended.
    is_over: bool,
    look: Look,
    /// Time of the next check.
    check: Duration,
    /// Time at which the response is replaced.
    reopen: Duration,
    /// Silence after which the response is probed.
    idle: Duration,
    probe: Probe,
}

/// An early look at a response that resumes a busy log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// No look is to be taken.
    Off,
    /// One may be taken if the log turns out to be busy.
    Allowed,
    /// The response has caught up at the next check; bytes are counted from then on.
    CatchingUp,
    /// If nothing came by the next check, the log is probed.
    Counting,
    /// Nothing came. The probe that is out, or a silent end of it, belongs to this look.
    Taken,
}

/// A second, short read of the log beside the response.
#[derive(Debug)]
enum Probe {
    None,
    Out(Box<(ResponseReader, Window)>),
    /// The probe has found lines that the response did not bring.
    Ahead,
}

/// The verdict of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    Good,
    /// The log is to be probed.
    Doubtful,
    /// Nothing will come any more, or the response is too old.
    Dead,
}

impl Watchdog {
    /// Watches a response that was requested at `now`. `looked_at` is the time of the last
    /// early look that broke a response off.
    pub(super) fn new(now: Duration, seed: u64, looked_at: Option<Duration>) -> Self {
        let idle = jittered(IDLE, now, seed);
        let may_look = looked_at.is_none_or(|at| now >= at + NEXT_LOOK);
        Self {
            has_heard: false,
            is_over: false,
            look: if may_look { Look::Allowed } else { Look::Off },
            check: now + idle,
            reopen: now + jittered(LIFE, now, seed),
            idle,
            probe: Probe::None,
        }
    }

    /// The response begins. `is_busy` is true if it resumes a log written to lately.
    pub(super) fn begin(&mut self, is_busy: bool, now: Duration) {
        if is_busy && self.look == Look::Allowed && !self.is_over {
            self.look = Look::CatchingUp;
            self.check = now + CAUGHT_UP;
        }
    }

    /// Bytes came.
    pub(super) fn heard(&mut self) {
        self.has_heard = true;
    }

    /// Time of the next check.
    pub(super) fn deadline(&self) -> Duration {
        self.check.min(self.reopen)
    }

    /// True if the present probe was sent because of an early look.
    pub(super) fn is_early(&self) -> bool {
        self.look == Look::Taken
    }

    /// The pod says that the run has ended, or that the pod is gone.
    pub(super) fn run_is_over(&mut self, now: Duration) {
        if self.is_over {
            return;
        }
        self.is_over = true;
        // Bytes from before tell nothing of whether the rest is on its way.
        self.has_heard = false;
        if self.look != Look::Taken {
            self.look = Look::Off;
        }
        self.check = now + GRACE;
    }

    /// Checks the response, if that is due. `can_probe` is true for an open follow.
    pub(super) fn check(&mut self, can_probe: bool, now: Duration) -> Health {
        // Before the kubelet does it: its server has a write timeout of four hours
        // (`ListenAndServeKubeletServer`), which ends a follow with a clean final chunk.
        if now >= self.reopen {
            return Health::Dead;
        }
        if now < self.check {
            return Health::Good;
        }
        match self.look {
            // What came until now is the past; only bytes from here on show life.
            Look::CatchingUp => {
                self.has_heard = false;
                // A resume brings at least two seconds of old lines, and they say nothing about
                // the watch that the kubelet sets up behind them.
                (self.look, self.check) = (Look::Counting, now + SOON);
                return Health::Good;
            }
            Look::Counting => self.look = Look::Taken,
            Look::Off | Look::Allowed | Look::Taken => {}
        }
        if std::mem::take(&mut self.has_heard) {
            self.is_alive(now);
            return Health::Good;
        }
        if can_probe && !self.is_over && matches!(self.probe, Probe::None) {
            self.check = now + self.idle;
            // Silence is no proof: most containers write nothing for minutes. Only a second read
            // tells a quiet log from a connection that a load balancer has forgotten.
            Health::Doubtful
        } else {
            Health::Dead
        }
    }

    fn is_alive(&mut self, now: Duration) {
        self.probe = Probe::None;
        if self.look == Look::Taken {
            self.look = Look::Off;
        }
        self.check = now + if self.is_over { GRACE } else { self.idle };
    }

    /// Sends a probe, whose lines are compared with the window.
    pub(super) fn probe(&mut self, reader: ResponseReader, window: Window) {
        self.probe = Probe::Out(Box::new((reader, window)));
    }

    pub(super) fn probe_bytes(&mut self, bytes: &Bytes) {
        if let Probe::Out(probe) = &mut self.probe {
            let (reader, window) = &mut **probe;
            let mut items: Vec<ReadItem> = Vec::new();
            let mut sink = Sink {
                window,
                items: &mut items,
            };
            reader.feed(bytes.clone(), &mut sink);
        }
    }

    /// The probe is over. It only detects: its lines come by a new response.
    pub(super) fn probe_end(&mut self, now: Duration) {
        if let Probe::Out(probe) = std::mem::replace(&mut self.probe, Probe::None)
            && probe.0.printed() > 0
            && !self.has_heard
        {
            self.probe = Probe::Ahead;
            let is_early = self.is_early();
            self.check = now + if is_early { AT_ONCE } else { ON_ITS_WAY };
        }
    }
}

/// Takes off up to a quarter, as the jitter of [`Backoff`] does: 45 to 60 of 60 s.
fn jittered(full: Duration, now: Duration, seed: u64) -> Duration {
    Backoff::new(full, full, seed ^ now.as_secs()).next_delay()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(100);

    fn watchdog(looked_at: Option<Duration>) -> Watchdog {
        Watchdog::new(START, 7, looked_at)
    }

    #[test]
    fn a_silent_follow_is_probed_within_a_minute_and_then_given_up() {
        let mut watchdog = watchdog(None);
        let due = watchdog.deadline();
        assert!((45..=60).contains(&(due - START).as_secs()), "{due:?}");
        assert_eq!(watchdog.check(true, due), Health::Doubtful);
        // The probe ends without new lines, but the response stays silent.
        let due = watchdog.deadline();
        watchdog.probe_end(due);
        assert_eq!(watchdog.check(false, due), Health::Dead);
    }

    #[test]
    fn a_resumed_busy_log_is_looked_at_after_it_has_caught_up() {
        let mut watchdog = watchdog(None);
        watchdog.begin(true, START);
        watchdog.heard();
        assert_eq!(watchdog.deadline(), START + CAUGHT_UP);
        assert_eq!(watchdog.check(true, START + CAUGHT_UP), Health::Good);
        let due = watchdog.deadline();
        assert_eq!(due, START + CAUGHT_UP + SOON);
        assert_eq!(watchdog.check(true, due), Health::Doubtful);
        assert!(watchdog.is_early());
    }

    #[test]
    fn looks_that_break_off_are_rare() {
        let mut watchdog = watchdog(Some(START - Duration::from_secs(1)));
        watchdog.begin(true, START);
        assert!(watchdog.deadline() > START + Duration::from_secs(40));
    }

    #[test]
    fn the_response_of_a_run_that_ended_is_given_up_soon() {
        let mut watchdog = watchdog(None);
        watchdog.begin(true, START);
        watchdog.run_is_over(START);
        assert_eq!(watchdog.deadline(), START + GRACE);
        assert_eq!(watchdog.check(true, START + GRACE), Health::Dead);
    }
}
