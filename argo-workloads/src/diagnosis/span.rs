//! Durations of the rules.

pub(super) use argo_core::text::duration::signed_in_words as span;
use jiff::{SignedDuration, Timestamp};

/// Returns a duration of whole seconds.
pub(super) const fn secs(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// Returns the time from `since` to `now`; never negative.
pub(super) fn age(now: Timestamp, since: Timestamp) -> SignedDuration {
    now.duration_since(since).max(SignedDuration::ZERO)
}
