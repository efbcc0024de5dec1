//! What the suites and the demo share.

pub mod demo;
pub mod scripted_argocd;

/// The embedding example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
