//! What the suites and the demo share.

pub mod scripted_argocd;
