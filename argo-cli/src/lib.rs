//! Placeholder.

pub mod error;
pub mod exit;
pub mod golayout;
pub mod sanitize;
pub mod settings;
