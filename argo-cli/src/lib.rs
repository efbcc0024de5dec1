//! Placeholder.

pub mod args;
pub mod cluster;
pub mod error;
pub mod exit;
pub mod golayout;
pub mod heartbeat;
pub mod limits;
pub mod output;
pub mod render;
pub mod sanitize;
pub mod session;
pub mod settings;
pub mod signals;
pub mod span;
pub mod summary;
pub mod verdict;
