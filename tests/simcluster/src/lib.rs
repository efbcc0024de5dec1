//! A simulated Kubernetes cluster.

pub mod logs;
