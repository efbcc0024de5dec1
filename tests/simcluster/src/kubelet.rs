//! The kubelet of the only node, `node-1`: it runs pods whose containers follow a script.
//!
//! A pod that the scheduler gave to the node gets a `PodMachine`, which is pure and
//! holds all rules; this module feeds it changes and the time, and carries out what it answers:
//! statuses, Events, log runs and the final deletion. What containers do is read from the
//! annotation [`ANNOTATION`] of the pod; see [`Behaviour`].
//!
//! Modelled: init containers, sidecars, restart policies and both back-offs; the once-a-second list
//! of containers and the status that lags behind it; pulls; missing ConfigMaps and Secrets;
//! probes that fail; TERM, grace and KILL; Events with the recorded texts, counted up on one
//! object; the node's death and return (see [`Kubelet::set_down`]).
//!
//! Left out: resources, evictions and preemption; ephemeral containers; lifecycle hooks;
//! `activeDeadlineSeconds` of pods; PersistentVolumeClaims and all volumes but configMap and
//! secret; changes of a running pod's spec; the sandbox failing; dead containers being removed
//! before their pod; the node controller's part when the node dies (taints, pods marked not
//! ready); the noise of `kube-api-access` mounts. A liveness or startup probe's kill shows as
//! terminated before the next run, where the kubelet often goes straight to the next run. A sidecar
//! whose startup probe succeeds is ready in the same status, not in the one after. A pod that is
//! deleted before its containers ran goes to `ContainerStatusUnknown` without the steps between,
//! and no version of a pod shows `deletionGracePeriodSeconds: 0`.

mod behaviour;
mod container;
mod pod_machine;
mod pod_status;
mod process;
pub(crate) mod recorder;
mod references;
mod shell;
pub(crate) mod timing;

#[cfg(test)]
mod pod_tests;
#[cfg(test)]
mod recorded_tests;
#[cfg(test)]
pub(crate) mod story;

use crate::logs::{Logs, Rotation};
use crate::store::Store;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use behaviour::{
    ANNOTATION, Behaviour, BehaviourError, ContainerBehaviour, Lines, Pull, PullError, Step,
};
pub use timing::{Span, Timing};

/// Name of the node.
pub const NODE: &str = "node-1";
/// Its address.
pub(crate) const HOST_IP: &str = "10.77.0.1";

/// The kubelet; it stops when it is dropped.
#[derive(Debug)]
pub struct Kubelet {
    store: Store,
    logs: Logs,
    down: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Kubelet {
    /// Starts a kubelet as slow as the recorded one, and registers its node. Needs a tokio runtime.
    #[must_use]
    pub fn start(store: Store, logs: Logs, seed: u64) -> Self {
        Self::start_with(store, logs, seed, Timing::recorded())
    }

    /// Starts a kubelet that is as slow as `timing` says.
    #[must_use]
    pub fn start_with(store: Store, logs: Logs, seed: u64, timing: Timing) -> Self {
        let down = watch::Sender::new(false);
        let shell = shell::Shell::new(store.clone(), logs.clone(), seed, timing, down.subscribe());
        let task = tokio::spawn(shell.run());
        Self {
            store,
            logs,
            down,
            task,
        }
    }

    /// The kubelet dies: it refuses log requests, ends open follows and writes no status. Its
    /// containers run on. After 40 seconds the node's `Ready` is `Unknown`.
    pub fn set_down(&self) {
        self.down.send_replace(true);
    }

    /// The kubelet comes back: for a second it does not know its pods, then it catches up.
    pub fn set_up(&self) {
        self.down.send_replace(false);
    }

    /// Rotates the log of the newest run of a container; false if there is none.
    pub fn rotate(&self, namespace: &str, pod: &str, container: &str, rotation: Rotation) -> bool {
        let pod = self.store.get("pods", namespace, pod);
        let run = pod.and_then(|pod| self.logs.newest(pod.uid(), container));
        run.inspect(|run| run.rotate(rotation)).is_some()
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}
