//! A response that is asked for or open, and whether it is still alive.

use std::time::Duration;

use argo_core::Backoff;
use bytes::Bytes;

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
    is_over: bool,
    check: Duration,
    reopen: Duration,
    idle: Duration,
    probe: Probe,
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
            is_over: false,
            check: now + idle,
            reopen: now + jittered(LIFE),
            idle,
            probe: Probe::None,
        }
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
            self.check = now + ON_ITS_WAY;
        }
    }
}
