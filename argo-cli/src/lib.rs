//! Placeholder.

pub mod argocd;
pub mod error;
pub mod exit;
pub mod golayout;
pub mod sanitize;
pub mod settings;
