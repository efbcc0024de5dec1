//! A simulated Kubernetes cluster.

pub mod api;
pub mod clock;
pub mod logs;
pub mod store;
