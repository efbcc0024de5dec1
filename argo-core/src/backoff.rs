//! Delays between retries.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

/// Derives a seed for jitter from a value, so that watches that were cut at one moment
/// reconnect at different ones.
pub fn seed(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Grows from `first` to `max` by doubling, with jitter, until it is [`reset`](Self::reset).
///
/// The jitter takes up to a quarter off each delay, so that hundreds of streams cut at
/// one moment do not come back at one moment. It is drawn from a seed: the same seed
/// gives the same delays.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    failures: u32,
    random: u64,
}

impl Backoff {
    /// Creates a backoff between two delays.
    pub fn new(first: Duration, max: Duration, seed: u64) -> Self {
        Self {
            first,
            max,
            failures: 0,
            random: seed | 1,
        }
    }

    /// Returns the delay before the next try and counts one failure.
    pub fn next_delay(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        let delay = doubled.min(self.max);
        delay - delay.mul_f64(self.fraction() / 4.0)
    }

    /// Forgets the failures after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Returns the number of failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Returns a number in [0, 1) (xorshift64*; jitter needs no better).
    fn fraction(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let bits = self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40;
        f64::from(u32::try_from(bits).unwrap_or(0)) / f64::from(1_u32 << 24)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_to_the_maximum_and_starts_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(15), 7);
        let delays: Vec<_> = (0..10).map(|_| backoff.next_delay()).collect();
        for (n, delay) in delays.iter().enumerate() {
            let full = Duration::from_millis(500 << n.min(10)).min(Duration::from_secs(15));
            assert!(
                *delay <= full && *delay >= full.mul_f64(0.75),
                "{n}: {delay:?}"
            );
        }
        backoff.reset();
        assert!(backoff.next_delay() <= Duration::from_millis(500));
    }
}
