//! Placeholder.

pub mod diagnosis;
pub mod rollout;
