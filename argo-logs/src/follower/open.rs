//! A response that is asked for or open, and whether it is still alive.

use std::time::Duration;

use argo_core::Backoff;
use bytes::Bytes;

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
/// What a probe found comes within this, if the response is alive.
const AT_ONCE: Duration = Duration::from_millis(300);
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
    /// The log was written to shortly before it was opened.
    pub(super) is_active: bool,
    /// The first response of the run, while it can tell whether it begins at its beginning.
    pub(super) beginning: Option<Beginning>,
    youth: Youth,
    /// The probe was sent because of that.
    is_young: bool,
    is_over: bool,
    check: Duration,
    reopen: Duration,
    idle: Duration,
    probe: Probe,
}

/// How far a response that goes on is watched closely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Youth {
    CatchesUp,
    GoesOn,
    Over,
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
        let goes_on = params.follow && is_tied;
        let (youth, first) = if goes_on {
            (Youth::CatchesUp, CAUGHT_UP)
        } else {
            (Youth::Over, idle)
        };
        Self {
            params,
            reading,
            is_tied,
            opened: false,
            date: None,
            since: now,
            heard: false,
            is_active: false,
            beginning: None,
            youth,
            is_young: false,
            is_over: false,
            check: now + first,
            reopen: now + jittered(LIFE),
            idle,
            probe: Probe::None,
        }
    }

    /// So many bytes came: the first line and after how many seconds it was opened, if lines
    /// before that may be gone.
    pub(super) fn begins_late(&mut self, bytes: usize) -> Option<(i64, i64)> {
        let beginning = self.beginning.as_mut()?;
        beginning.feed(bytes);
        let beginning = self.beginning.take_if(|beginning| beginning.is_known())?;
        beginning.missing(&self.reading, self.date)
    }

    /// The line was written shortly before this was opened.
    pub(super) fn is_recent(&self, time: i64) -> bool {
        self.date
            .is_some_and(|date| date - time.div_euclid(1_000_000_000) <= RECENT)
    }

    pub(super) fn deadline(&self) -> Duration {
        self.check.min(self.reopen)
    }

    /// The pod says that the run ended, or is gone.
    pub(super) fn run_is_over(&mut self, now: Duration) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.heard = false;
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
        let youth = std::mem::replace(&mut self.youth, Youth::Over);
        let is_watched = self.is_active && !self.is_over;
        if youth == Youth::CatchesUp && is_watched {
            self.heard = false;
            (self.youth, self.check) = (Youth::GoesOn, now + SOON);
            return Health::Good;
        }
        if youth == Youth::CatchesUp || youth == Youth::GoesOn && !is_watched {
            // It is looked at as late as any other.
            self.check = self.since + self.idle;
            return Health::Good;
        }
        self.is_young = youth == Youth::GoesOn;
        if std::mem::take(&mut self.heard) {
            self.probe = Probe::None;
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
            self.check = now + if self.is_young { AT_ONCE } else { ON_ITS_WAY };
        }
    }
}
