//! Delays of the node, and the seeded random numbers behind them.

use std::time::Duration;

/// Durations of the kubelet's operations.
///
/// The kubelet sees what its containers did when it lists them again, once a second; then it
/// writes the status. This, more than anything, is why a status lags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Time between two lists of the containers; zero: every change is seen at once.
    pub relist: Duration,
    /// Setting up the sandbox of a pod.
    pub sandbox: Span,
    /// Creating a container, and then starting it.
    pub create: Span,
    /// From the decision to the write of a status.
    pub write: Span,
    /// Cleaning up a pod whose containers have all ended.
    pub cleanup: Span,
    /// True if waits after a failed sync vary from 10 to 15 seconds as in the kubelet; else 10.
    pub jitter: bool,
}

/// A span of time, evenly distributed between two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    min: Duration,
    max: Duration,
}

impl Span {
    /// Between two numbers of milliseconds.
    #[must_use]
    pub const fn millis(min: u64, max: u64) -> Self {
        Self {
            min: Duration::from_millis(min),
            max: Duration::from_millis(max),
        }
    }

    pub(crate) fn draw(self, random: &mut Random) -> Duration {
        self.min + self.max.saturating_sub(self.min).mul_f64(random.fraction())
    }
}

impl Timing {
    /// Returns measured delays: a container's start shows in the status after 28 to 1000 ms.
    #[must_use]
    pub const fn recorded() -> Self {
        Self {
            relist: Duration::from_secs(1),
            sandbox: Span::millis(350, 700),
            create: Span::millis(8, 120),
            write: Span::millis(2, 40),
            cleanup: Span::millis(350, 900),
            jitter: true,
        }
    }

    /// Returns no delays but those of scripts and back-offs.
    #[must_use]
    pub const fn none() -> Self {
        let none = Span::millis(0, 0);
        Self {
            relist: Duration::ZERO,
            sandbox: none,
            create: none,
            write: none,
            cleanup: none,
            jitter: false,
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::recorded()
    }
}

/// A small pseudo-random generator (SplitMix64): the same numbers for the same seed.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A generator of its own for everything that has this name.
    pub(crate) fn named(seed: u64, name: &str) -> Self {
        Self::new(seed ^ u64::from(fnv1a(name.as_bytes())) << 20)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// From 0 up to but not including 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// FNV-1a, 32 bits, as the controllers hash templates.
pub(crate) fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_stays_within_its_bounds_and_follows_the_seed() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            [(); 50].map(|()| Span::millis(28, 1000).draw(&mut random).as_millis())
        };
        assert!(draw(1).iter().all(|millis| (28..1000).contains(millis)));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
