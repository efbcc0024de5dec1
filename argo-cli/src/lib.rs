//! Placeholder.

pub mod error;
pub mod exit;
pub mod golayout;
pub mod heartbeat;
pub mod output;
pub mod render;
pub mod sanitize;
pub mod settings;
pub mod summary;
pub mod verdict;
