//! A simulated Kubernetes cluster.

pub mod application;
pub mod clock;
pub mod controllers;
pub mod kubelet;
pub mod logs;
pub mod player;
pub mod scenario;
pub mod store;
