//! A simulated Kubernetes cluster.

pub mod clock;
pub mod logs;
pub mod player;
pub mod store;
