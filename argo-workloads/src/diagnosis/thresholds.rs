//! The patience of the rules.

use jiff::SignedDuration;

/// The patience of the rules.
///
/// ```
/// use argo_workloads::diagnosis::Thresholds;
///
/// assert_eq!(Thresholds::default().allow_restarts(5).allow_restarts, 5);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thresholds {
    /// The restarts that a container is allowed: one that ended more often is crashing. A
    /// container that fails the same way each time (out of memory, no such program) counts
    /// from its second failure on at the latest.
    pub allow_restarts: u32,
    /// Replaces the grace time of every rule.
    pub grace: Option<SignedDuration>,
    /// True to count a container's first end too, and to say how many restarts are allowed.
    pub is_early: bool,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            allow_restarts: 2,
            grace: None,
            is_early: false,
        }
    }
}

impl Thresholds {
    /// Sets [`allow_restarts`](Self::allow_restarts).
    #[must_use]
    pub fn allow_restarts(mut self, restarts: u32) -> Self {
        self.allow_restarts = restarts;
        self
    }

    /// Sets [`grace`](Self::grace).
    #[must_use]
    pub fn grace(mut self, grace: SignedDuration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// Returns the thresholds for a single look without waiting: every state counts at once.
    #[must_use]
    pub fn one_look() -> Self {
        Self {
            allow_restarts: 0,
            grace: Some(SignedDuration::ZERO),
            is_early: false,
        }
    }

    /// Returns the thresholds for the time after everything was called healthy: the first
    /// crash counts.
    #[must_use]
    pub fn settling() -> Self {
        Self {
            allow_restarts: 0,
            grace: None,
            is_early: false,
        }
    }

    /// Returns the thresholds for the reason that is known so far, before it is certain: a
    /// state counts as soon as it lasts.
    #[must_use]
    pub fn so_far(&self) -> Self {
        Self {
            allow_restarts: self.allow_restarts,
            grace: Some(SignedDuration::from_nanos(1)),
            is_early: true,
        }
    }

    /// Returns the number of restarts above which a container counts as failing.
    pub(super) fn tolerated(&self) -> u32 {
        if self.is_early {
            0
        } else {
            self.allow_restarts
        }
    }

    pub(super) fn is_one_look(&self) -> bool {
        self.grace == Some(SignedDuration::ZERO)
    }
}
