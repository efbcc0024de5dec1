//! Credentials in messages of the cluster, of registries, of git and of Argo CD.
//!
//! The kubelet writes the image reference and the registry's answer into its events as they
//! are, Argo CD quotes the URL of a repository, an admission webhook the object that it
//! refuses. Every text that is not a container's own output passes [`redacted`] before it is
//! shown.
//!
//! # Theory of operation
//!
//! Each rule reads the whole text and names the ranges to be cut; ranges that touch become
//! one mark. The order of the rules therefore does not matter, and a text without
//! credentials is returned as it is. The rules know *places* (before the `@` of a URL, after
//! `password=`, after `Bearer`), *shapes* (`AKIA…`, `ghp_…`, a JWT, a PEM block) and, where a
//! place is not certain, whether the word there reads like anything that Kubernetes or a
//! person writes (`is_ordinary`). Behind the name of a secret the look does not matter: any
//! word is one that does not say something about it (`prose`), as in `token: expired`.
//!
//! # Limits
//!
//! A secret without a name beside it, in no known place and of no known shape is not found.

mod assignment;
mod cuts;
mod lines;
mod neighbour;
mod ordinary;
mod pem;
mod prose;
mod quoted;
mod rules;
mod secret_name;
mod shape;
mod url;
mod words;

use cuts::Cuts;
pub use cuts::MARK;
pub use lines::Lines;
pub use rules::redacted;

#[cfg(test)]
mod forms;
#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
