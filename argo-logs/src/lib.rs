//! A pod log follower that loses no line and prints none twice.

mod actor;
mod batch;
mod choice;
mod container;
mod credentials;
mod direct_source;
mod event;
mod follower;
mod http1;
mod kube_source;
mod kubelet;
pub mod level;
mod limits;
mod line;
#[cfg(test)]
mod model;
mod mutant;
mod reading;
mod refused;
mod roster;
mod source;
mod stream;
mod transfer;
mod window;

pub use batch::{Batch, Line};
pub use container::{ContainerView, Instance, PodState};
pub use direct_source::DirectSource;
pub use event::{ContainerKind, Lines, LogEvent, Origin};
pub use follower::{Action, End, Follower, FollowerConfig, OpenParams};
pub use kube_source::KubeSource;
pub use kubelet::{Refusal, Refused};
pub use source::{AskError, LogBody, LogResponse, LogSource, Lost, OpenError};
pub use stream::{Builder, LogStream};
