//! Code shared by the suites and the demo.

pub mod demo;
pub mod fake_argocd;
pub mod fake_store;
pub mod scripted_argocd;

/// The embedding example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
