//! Jitter for watches: those that were cut at one moment come back at different ones.

use std::hash::Hash;

use argo_core::{WatchConfig, backoff::seed};

/// Returns the configuration of a watch, with a seed of its own for the pauses between
/// attempts.
pub(crate) fn watch_config(of: &impl Hash) -> WatchConfig {
    WatchConfig::default().seed(seed(of))
}
