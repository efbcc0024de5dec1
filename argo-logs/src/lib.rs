//! A pod log follower that loses no line and prints none twice.

#![allow(dead_code)]

mod batch;
mod container;
mod follower;
mod kubelet;
mod line;
#[cfg(test)]
mod model;
mod mutant;
mod reading;
mod window;

pub use batch::{Batch, Line};
pub use container::{ContainerView, Instance, PodState};
pub use follower::{Action, End, Follower, FollowerConfig, OpenParams};
pub use kubelet::{Refusal, Refused};
