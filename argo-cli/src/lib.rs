//! The program `argo-assistant`: `argocd app wait` with the logs, the events and the cause.
//!
//! [`command`] turns arguments into an exit code. `sync` and `follow` put a [`run`] together:
//! [`streams`] of what happens in the cluster, [`argocd`] as a child process, a [`session`]
//! that decides what is said and when it is over, a renderer and an output. Nothing here
//! knows how a cluster works: that is what the other crates are for.
//!
//! # What it does not do
//!
//! It is a program that happens to be a library, so that tests and the demo can run it. To
//! embed logs, events or tracking in another tool use `argo-logs`, `argo-events` and
//! `argo-workloads`.

pub mod argocd;
pub mod args;
pub mod cluster;
pub mod command;
pub mod error;
pub mod exit;
pub mod golayout;
pub mod heartbeat;
pub mod limits;
pub mod output;
pub mod render;
pub mod run;
pub mod sanitize;
pub mod session;
pub mod settings;
pub mod signals;
pub mod streams;
pub mod summary;
pub mod verdict;
