//! The time of the cluster, which may run faster than the world's.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// A clock that starts at the real time and runs `speed` times as fast; cheap to clone.
///
/// It stands on tokio's clock: in a test with paused time it moves only as tokio's does.
#[derive(Debug, Clone)]
pub struct Clock {
    start: Timestamp,
    origin: Instant,
    speed: f64,
}

impl Clock {
    /// A clock that shows the real time now. A speed that is no positive number counts as 1.
    #[must_use]
    pub fn new(speed: f64) -> Self {
        Self::starting_at(Timestamp::now(), speed)
    }

    /// A clock that shows `start` now.
    #[must_use]
    pub fn starting_at(start: Timestamp, speed: f64) -> Self {
        let usable = speed.is_finite() && speed > 0.0;
        Self {
            start,
            origin: Instant::now(),
            speed: if usable { speed } else { 1.0 },
        }
    }

    /// Returns the number of seconds of this clock in a real second.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.start
            .checked_add(self.elapsed())
            .unwrap_or(Timestamp::MAX)
    }

    /// Virtual time since the clock was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed().mul_f64(self.speed)
    }

    /// Waits for a span of virtual time.
    pub async fn sleep(&self, span: Duration) {
        tokio::time::sleep(self.real(span)).await;
    }

    /// Waits until the clock shows `time`; not at all if it has passed.
    pub async fn sleep_until(&self, time: Timestamp) {
        let span = Duration::try_from(time.duration_since(self.now())).unwrap_or_default();
        self.sleep(span).await;
    }

    /// The real span in which `span` passes on this clock.
    #[must_use]
    pub fn real(&self, span: Duration) -> Duration {
        Duration::try_from_secs_f64(span.as_secs_f64() / self.speed).unwrap_or(Duration::MAX)
    }

    /// Now as `metav1.Time` is written: whole seconds.
    #[must_use]
    pub fn time(&self) -> String {
        time(self.now())
    }

    /// Now as `metav1.MicroTime` is written.
    #[must_use]
    pub fn micro_time(&self) -> String {
        micro_time(self.now())
    }
}

/// `metav1.Time`: `2026-11-23T23:49:14Z`, the fraction cut off.
#[must_use]
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `metav1.MicroTime`: `2026-11-23T23:49:14.694372Z`.
#[must_use]
pub fn micro_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        "2026-11-23T12:00:00.987654321Z".parse().unwrap()
    }

    fn paused() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    }

    #[test]
    fn runs_as_much_faster_as_its_speed_says() {
        paused().block_on(async {
            let clock = Clock::starting_at(noon(), 60.0);
            let real = Instant::now();
            clock.sleep(Duration::from_secs(120)).await;
            assert_eq!(real.elapsed().as_secs(), 2);
            assert_eq!(clock.time(), "2026-11-23T12:02:00Z");
        });
    }

    #[test]
    fn a_time_that_has_passed_is_not_waited_for() {
        paused().block_on(async {
            let clock = Clock::starting_at(noon(), 1.0);
            clock.sleep_until(Timestamp::UNIX_EPOCH).await;
            assert_eq!(clock.elapsed(), Duration::ZERO);
        });
    }

    #[test]
    fn a_speed_of_nothing_is_real_time() {
        for speed in [0.0, -2.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Clock::new(speed).speed().to_string(), "1");
        }
    }

    #[test]
    fn times_are_cut_not_rounded() {
        assert_eq!(time(noon()), "2026-11-23T12:00:00Z");
        assert_eq!(micro_time(noon()), "2026-11-23T12:00:00.987654Z");
    }
}
