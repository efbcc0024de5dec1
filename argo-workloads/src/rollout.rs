//! Rules of progress that kinds share, for bare pods, and for kinds without a rule of
//! their own.
//!
//! Each kind has its rule in its own file under [`workload`](crate::workload). The rules are
//! those of `kubectl rollout status` (kubectl `pkg/polymorphichelpers/rollout_status.go`) and
//! of Argo CD's health checks (gitops-engine `pkg/health`). Where the two differ, the kind's
//! documentation names the one that it follows. A complete rollout is not a healthy one:
//! without a readiness probe a container that is about to crash counts as ready. Finding such
//! crashes is the task of [`diagnosis`](crate::diagnosis).

pub use argo_core::RolloutState;

mod generic;
mod inherited;
pub(crate) mod pause;
mod pod;
mod references;
mod words;

pub use generic::generic;
pub(crate) use inherited::{Inherited, revision};
pub use pod::pod;
pub(crate) use references::References;
pub use words::NOT_SEEN;
pub(crate) use words::{not_available, old_kept, old_terminating, words};

#[cfg(test)]
pub(crate) mod tests {
    use argo_core::resource::WorkloadObject;

    /// Reads an object from the fields that a test is about.
    pub(crate) fn object(value: serde_json::Value) -> WorkloadObject {
        serde_json::from_value(value).unwrap()
    }
}
