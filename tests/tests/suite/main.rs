//! The one integration-test binary: a module for each subject.

mod argocd;
mod assistant;
mod canaries;
mod endings;
mod matrix;
mod nonsense;
mod stage;
mod verdicts;
