//! A simulated Kubernetes cluster.

pub mod clock;
pub mod controllers;
pub mod kubelet;
pub mod logs;
pub mod player;
pub mod store;
