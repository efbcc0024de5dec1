//! How far a rollout is, one file a kind.
//!
//! The rules are those of `kubectl rollout status` (kubectl
//! `pkg/polymorphichelpers/rollout_status.go`) and of Argo CD's health checks
//! (gitops-engine `pkg/health`). Where the two differ the doc comment of the kind's
//! function says whom it follows. A complete rollout is no healthy one: without a
//! readiness probe a container that is about to crash counts as ready, which is what
//! [`diagnosis`](crate::diagnosis) is for.

use argo_core::{GroupKind, resource::WorkloadObject};

mod argo;
mod cronjob;
mod daemonset;
mod deployment;
mod generic;
mod job;
mod pod;
mod replicaset;
mod statefulset;

pub use argo::rollout;
pub use cronjob::cronjob;
pub use daemonset::daemonset;
pub use deployment::deployment;
pub use generic::generic;
pub use job::job;
pub use pod::pod;
pub use replicaset::replicaset;
pub use statefulset::statefulset;

/// What a person reads until the controller has written down what it makes of a change: a
/// moment on most clusters, so of a run it is no news.
pub const NOT_SEEN: &str = "controller has not seen the change";

/// How far a workload is. Counts are pods, except where a kind says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolloutState {
    /// Pods wanted; for a Job successful ones.
    pub desired: Option<i64>,
    /// Pods of the newest revision.
    pub updated: Option<i64>,
    /// Pods that are ready; for a Job those that succeeded.
    pub ready: Option<i64>,
    /// Pods that have been ready for `minReadySeconds`.
    pub available: Option<i64>,
    /// True once nothing is left to do for the newest spec.
    pub complete: bool,
    /// Why the controller itself has given up.
    pub failed: Option<String>,
    /// True if someone paused or suspended it.
    pub paused: bool,
    /// What is missing, in a few words (`2 of 3 updated`); absent once it is complete or
    /// failed.
    pub waiting_for: Option<String>,
}

impl RolloutState {
    /// The state of a workload of a kind. Kinds that are not built in follow the
    /// conventions of [`generic`].
    pub fn of(kind: &GroupKind, object: &WorkloadObject) -> Self {
        match (&*kind.group, &*kind.kind) {
            ("apps", "Deployment") => deployment(object),
            ("apps", "StatefulSet") => statefulset(object),
            ("apps", "DaemonSet") => daemonset(object),
            ("apps", "ReplicaSet") => replicaset(object),
            ("batch", "Job") => job(object),
            ("batch", "CronJob") => cronjob(object),
            ("argoproj.io", "Rollout") => rollout(object),
            _ => generic(object),
        }
    }

    /// The same, complete.
    fn done(mut self) -> Self {
        self.complete = true;
        self
    }

    /// The same, waiting for something.
    fn waits(mut self, for_what: impl Into<String>) -> Self {
        self.waiting_for = Some(for_what.into());
        self
    }

    /// The same, given up.
    fn fails(mut self, why: impl Into<String>) -> Self {
        self.failed = Some(why.into());
        self
    }

    /// The same, with the four counts that Deployments, ReplicaSets and Rollouts share.
    fn replicas(object: &WorkloadObject) -> Self {
        let (spec, status) = (&object.spec, &object.status);
        Self {
            desired: Some(spec.replicas.unwrap_or(1)),
            updated: Some(status.updated_replicas.unwrap_or(0)),
            ready: Some(status.ready_replicas.unwrap_or(0)),
            available: Some(status.available_replicas.unwrap_or(0)),
            paused: spec.paused,
            ..Self::default()
        }
    }
}

/// `2 of 3 ready`, or why ready pods do not count yet.
fn not_available(available: i64, ready: i64, of: i64) -> String {
    if ready >= of {
        format!("{available} of {of} ready for minReadySeconds")
    } else {
        format!("{ready} of {of} ready")
    }
}

/// The message of a condition, or its reason, or else `otherwise`.
fn words(condition: &argo_core::resource::Condition, otherwise: &str) -> String {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    text(&condition.message)
        .or_else(|| text(&condition.reason))
        .unwrap_or_else(|| otherwise.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An object from the fields that a test is about.
    pub(super) fn object(value: serde_json::Value) -> WorkloadObject {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn each_kind_has_its_rule() {
        let empty = WorkloadObject::default();
        let state = |group, kind| RolloutState::of(&GroupKind::new(group, kind), &empty);
        assert_eq!(state("apps", "Deployment").desired, Some(1));
        assert_eq!(state("apps", "DaemonSet").desired, Some(0));
        assert!(state("batch", "CronJob").complete);
        assert!(!state("batch", "Job").complete);
        assert!(!state("argoproj.io", "Rollout").complete);
        assert!(state("example.com", "Database").complete);
    }
}
