//! The one integration-test binary: a module for each subject.

mod argocd;
mod matrix;
mod stage;
mod verdicts;
mod assistant;
mod hand_made;
mod shapes;
