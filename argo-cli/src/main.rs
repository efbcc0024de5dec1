//! The argo-assistant command.
fn main() {}
