//! The one integration-test binary: a module for each subject.

mod argocd;
mod assistant;
mod hand_made;
mod misses;
mod rbac;
mod shapes;
