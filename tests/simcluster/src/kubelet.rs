//! The kubelet of the only node, `node-1`.

mod behaviour;
mod process;
pub(crate) mod recorder;
pub(crate) mod timing;

use crate::logs::{Logs, Rotation};
use crate::store::Store;

pub use behaviour::{
    ANNOTATION, Behaviour, BehaviourError, ContainerBehaviour, Lines, Pull, PullError, Step,
};
pub use timing::{Span, Timing};

/// The kubelet; it stops when it is dropped.
#[derive(Debug)]
pub struct Kubelet {
    logs: Logs,
}

impl Kubelet {
    /// Starts a kubelet as slow as the recorded one. Needs a tokio runtime.
    #[must_use]
    pub fn start(store: Store, logs: Logs, seed: u64) -> Self {
        Self::start_with(store, logs, seed, Timing::recorded())
    }

    /// Starts a kubelet that is as slow as `timing` says.
    #[must_use]
    pub fn start_with(store: Store, logs: Logs, seed: u64, timing: Timing) -> Self {
        let _ = (store, seed, timing);
        Self { logs }
    }

    /// The kubelet dies: it answers no log request and writes no status. Containers run on.
    pub fn set_down(&self) {}

    /// The kubelet comes back: for a second it does not know its pods, then it catches up.
    pub fn set_up(&self) {}

    /// Rotates the log of the newest run of a container; false if there is none.
    pub fn rotate(&self, namespace: &str, pod: &str, container: &str, rotation: Rotation) -> bool {
        let _ = (namespace, pod, container, rotation, &self.logs);
        false
    }
}
