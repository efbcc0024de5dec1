//! The rules behind [`EventStream`](crate::EventStream), without clock, client and runtime.
//!
//! Unstable: this module may change in any release. It is public with the feature
//! `unstable-engine`, for benchmarks and for tests that play an own clock.

pub use crate::{
    deduplicator::{Deduplicator, Observation},
    follower::Follower,
    occurrence::{count, first_time, time},
    pending::PendingEvents,
};
