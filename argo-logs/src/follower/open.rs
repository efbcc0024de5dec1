//! A response that is asked for or open, and whether it is still alive.

use std::time::Duration;

use argo_core::Backoff;
use bytes::Bytes;
use jiff::Timestamp;

use super::beginning::Beginning;
use crate::{
    OpenParams,
    reading::{News, Reading, Sink},
    window::Window,
};

/// After the run ended its response ends within a second or two.
const GRACE: Duration = Duration::from_secs(5);
/// What a probe found may be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(2);
const IDLE: Duration = Duration::from_secs(60);
/// A kubelet misses a rotation while it sets up its watch of the file, and is silent until
/// the next one (`ReadLogs` of k8s.io/cri-client v0.34: the watch is made at the first end of
/// the file). So a response that goes on with a log that was written to lately is looked at
/// after the first second, in which it catches up, and once more soon.
const CAUGHT_UP: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_millis(1500);
/// Seconds since the last line of a log that is written to.
const RECENT: i64 = 30;
const SECOND: i64 = 1_000_000_000;
/// What a probe found comes within this, if the response is alive.
const AT_ONCE: Duration = Duration::from_millis(300);
/// After one was broken off because of such a look, none is taken for so long.
pub(super) const NEXT_LOOK: Duration = Duration::from_secs(45);
/// The kubelet cuts every response after four hours.
const LIFE: Duration = Duration::from_secs(230 * 60);

/// The one response.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) params: OpenParams,
    pub(super) reading: Reading,
    /// It has to bring the last line shown before.
    pub(super) is_tied: bool,
    /// 200.
    pub(super) opened: bool,
    /// When, in seconds of the server's clock.
    pub(super) date: Option<i64>,
    pub(super) since: Duration,
    /// Bytes came since the last check.
    pub(super) heard: bool,
    /// Nothing was broken off lately because of such a look.
    pub(super) may_look: bool,
    /// The first response of the run, while it can tell whether it begins at its beginning.
    pub(super) beginning: Option<Beginning>,
    look: Option<Look>,
    /// The probe was sent because of that.
    pub(super) is_early: bool,
    is_over: bool,
    check: Duration,
    reopen: Duration,
    idle: Duration,
    probe: Probe,
}

/// A look that is taken soon after a log was opened that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// It has caught up by then, and what comes from then on is counted.
    First,
    /// Nothing has come since: it is asked for beside this response.
    Second,
}

#[derive(Debug)]
enum Probe {
    None,
    Out(Box<(Reading, Window)>),
    /// It has lines that did not come here.
    Ahead,
}

/// What is to be done about a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    Good,
    /// Ask beside it.
    Doubtful,
    /// Nothing will come, or it is too old.
    Dead,
}

impl Open {
    pub(super) fn new(
        params: OpenParams,
        reading: Reading,
        is_tied: bool,
        now: Duration,
        seed: u64,
    ) -> Self {
        // The jitter of Backoff takes off up to a quarter: 45 to 60 s.
        let jittered = |full| Backoff::new(full, full, seed ^ now.as_secs()).next_delay();
        let idle = jittered(IDLE);
        Self {
            params,
            reading,
            is_tied,
            opened: false,
            date: None,
            since: now,
            heard: false,
            may_look: true,
            beginning: None,
            look: None,
            is_early: false,
            is_over: false,
            check: now + idle,
            reopen: now + jittered(LIFE),
            idle,
            probe: Probe::None,
        }
    }

    /// 200. `newest` is the time of the last line shown.
    pub(super) fn begin(&mut self, date: Option<Timestamp>, newest: Option<i64>, now: Duration) {
        self.opened = true;
        self.date = date.map(Timestamp::as_second);
        let age = |time: i64| Some(self.date? - time.div_euclid(SECOND));
        let is_written_to = newest.and_then(age).is_some_and(|age| age <= RECENT);
        let goes_on = self.params.follow && self.is_tied && !self.is_over;
        if goes_on && is_written_to && self.may_look {
            (self.look, self.check) = (Some(Look::First), now + CAUGHT_UP);
        }
    }

    /// So many bytes came: the first line and after how many seconds it was opened, if lines
    /// before that may be gone.
    pub(super) fn begins_late(&mut self, bytes: usize) -> Option<(i64, i64)> {
        let beginning = self.beginning.as_mut()?;
        beginning.feed(bytes);
        if !beginning.is_known(&self.reading) {
            return None;
        }
        let beginning = self.beginning.take()?;
        beginning.missing(&self.reading, self.date)
    }

    pub(super) fn deadline(&self) -> Duration {
        self.check.min(self.reopen)
    }

    /// The pod says that the run ended, or is gone.
    pub(super) fn run_is_over(&mut self, now: Duration) {
        if !std::mem::replace(&mut self.is_over, true) {
            (self.heard, self.look) = (false, None);
            self.check = now + GRACE;
        }
    }

    /// Looks at it when its deadline has come.
    pub(super) fn check(&mut self, now: Duration) -> Health {
        if now >= self.reopen {
            return Health::Dead;
        }
        if now < self.check {
            return Health::Good;
        }
        let look = self.look.take();
        if look == Some(Look::First) {
            self.heard = false;
            (self.look, self.check) = (Some(Look::Second), now + SOON);
            return Health::Good;
        }
        self.is_early |= look.is_some();
        if std::mem::take(&mut self.heard) {
            (self.probe, self.is_early) = (Probe::None, false);
            self.check = now + if self.is_over { GRACE } else { self.idle };
            return Health::Good;
        }
        let can_probe = self.opened && self.params.follow && !self.is_over;
        if can_probe && matches!(self.probe, Probe::None) {
            self.check = now + self.idle;
            Health::Doubtful
        } else {
            Health::Dead
        }
    }

    pub(super) fn probe(&mut self, reading: Reading, window: Window) {
        self.probe = Probe::Out(Box::new((reading, window)));
    }

    pub(super) fn probe_bytes(&mut self, bytes: &Bytes) {
        if let Probe::Out(probe) = &mut self.probe {
            let (reading, window) = &mut **probe;
            let mut news: Vec<News> = Vec::new();
            reading.feed(
                bytes.clone(),
                &mut Sink {
                    window,
                    news: &mut news,
                },
            );
        }
    }

    /// The probe only detects: what it found comes by a new response.
    pub(super) fn probe_end(&mut self, now: Duration) {
        if let Probe::Out(probe) = std::mem::replace(&mut self.probe, Probe::None)
            && probe.0.counts().1 > 0
            && !self.heard
        {
            self.probe = Probe::Ahead;
            self.check = now + if self.is_early { AT_ONCE } else { ON_ITS_WAY };
        }
    }
}
