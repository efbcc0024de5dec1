//! What the suites and the demo share.

pub mod demo;
pub mod scripted_argocd;
