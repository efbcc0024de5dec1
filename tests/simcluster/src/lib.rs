//! A simulated Kubernetes cluster.

pub mod api;
pub mod clock;
pub mod controllers;
pub mod kubelet;
pub mod logs;
pub mod store;
