//! Placeholder.

pub mod args;
pub mod cluster;
pub mod error;
pub mod exit;
pub mod golayout;
pub mod limits;
pub mod sanitize;
pub mod settings;
pub mod signals;
