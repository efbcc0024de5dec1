//! How far a rollout is, one file a kind.
//!
//! The rules are those of `kubectl rollout status` (kubectl
//! `pkg/polymorphichelpers/rollout_status.go`) and of Argo CD's health checks
//! (gitops-engine `pkg/health`). Where the two differ the doc comment of the kind's
//! function says whom it follows. A complete rollout is no healthy one: without a
//! readiness probe a container that is about to crash counts as ready, which is what
//! [`diagnosis`](crate::diagnosis) is for.

pub use argo_core::RolloutState;
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

/// The state of a workload of a kind. Kinds that are not built in follow the conventions
/// of [`generic`].
pub fn of(kind: &GroupKind, object: &WorkloadObject) -> RolloutState {
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
        let state = |group, kind| of(&GroupKind::new(group, kind), &empty);
        assert_eq!(state("apps", "Deployment").desired, Some(1));
        assert_eq!(state("apps", "DaemonSet").desired, Some(0));
        assert!(state("batch", "CronJob").complete);
        assert!(!state("batch", "Job").complete);
        assert!(!state("argoproj.io", "Rollout").complete);
        assert!(state("example.com", "Database").complete);
    }
}
