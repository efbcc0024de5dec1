//! Jitter for watches: those that were cut at one moment come back at different ones.

use std::hash::{DefaultHasher, Hash, Hasher};

use argo_core::WatchConfig;

/// Returns the configuration of a watch, with a seed of its own for the pauses between
/// attempts.
pub(crate) fn watch_config(of: &impl Hash) -> WatchConfig {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    WatchConfig {
        seed: hasher.finish(),
        ..WatchConfig::default()
    }
}
