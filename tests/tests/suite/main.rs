//! The one integration-test binary: a module for each subject.

// All of it is test code, but lints know only functions marked as tests.
#![allow(clippy::unwrap_used)]

mod argocd;
mod assistant;
mod canaries;
mod endings;
mod matrix;
mod nonsense;
mod stage;
mod verdicts;
