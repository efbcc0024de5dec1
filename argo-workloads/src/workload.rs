//! Kinds of workload, one file each: names, progress rule and traits.

use std::sync::Arc;

use argo_core::Tracked;

mod analysis_run;
#[path = "workload/rollout.rs"]
mod argo_rollout;
mod cronjob;
mod daemonset;
mod definition;
mod deployment;
mod experiment;
mod job;
mod kind;
mod kinds;
mod names;
mod replicaset;
mod replication_controller;
pub mod scan;
mod scope;
mod seed;
mod statefulset;

pub use analysis_run::AnalysisRun;
pub use argo_rollout::Rollout;
pub use cronjob::CronJob;
pub use daemonset::DaemonSet;
pub use definition::{Intermediate, Workload, WorkloadEvent};
pub use deployment::Deployment;
pub use experiment::Experiment;
pub use job::Job;
pub use kind::WorkloadKind;
pub(crate) use kinds::Kinds;
pub use names::Names;
pub(crate) use names::rbac_name;
pub use replicaset::ReplicaSet;
pub use replication_controller::ReplicationController;
pub use scope::Scope;
pub(crate) use seed::watch_config;
pub use statefulset::StatefulSet;

/// Returns the kinds that come with this crate.
pub fn builtin() -> Vec<Arc<dyn Workload>> {
    vec![
        Arc::new(Deployment),
        Arc::new(ReplicaSet),
        Arc::new(StatefulSet),
        Arc::new(DaemonSet),
        Arc::new(Job),
        Arc::new(CronJob),
        Arc::new(Rollout),
        Arc::new(AnalysisRun),
        Arc::new(Experiment),
        Arc::new(ReplicationController),
    ]
}

/// Fills in the progress and the traits of a tracked object by the rules of its kind, as
/// the tracker does once for each change.
pub fn describe(kinds: &[Arc<dyn Workload>], tracked: Tracked) -> Tracked {
    Kinds::new(kinds).describe(tracked)
}

#[cfg(test)]
mod tests {
    use argo_core::{GroupKind, ObjectRef, RolloutState, TrackedBody};

    use super::*;

    /// An empty object of a kind, as the tracker describes it.
    fn described(group: &str, kind: &str, kinds: &[Arc<dyn Workload>]) -> Tracked {
        let object = ObjectRef {
            kind: GroupKind::new(group, kind),
            namespace: "n".into(),
            name: "w".into(),
            uid: "u".into(),
        };
        let tracked = Tracked {
            is_new: false,
            ..Tracked::root(object, TrackedBody::Workload(Arc::default()))
        };
        describe(kinds, tracked)
    }

    #[test]
    fn each_kind_has_its_rule_and_traits() {
        let state = |group, kind| described(group, kind, &builtin()).rollout.unwrap();
        assert_eq!(state("apps", "Deployment").desired, Some(1));
        assert_eq!(state("apps", "DaemonSet").desired, Some(0));
        assert!(state("batch", "CronJob").complete);
        assert!(!state("batch", "Job").complete);
        assert!(!state("argoproj.io", "Rollout").complete);
        assert!(described("batch", "Job", &builtin()).traits.runs_once());
        assert!(described("apps", "StatefulSet", &builtin()).traits.ordered);
    }

    #[test]
    fn a_kind_from_outside_is_described_by_its_own_rule() {
        let name = ("db.example.com", "v1", "Database", "databases");
        let kind = WorkloadKind::new(name.0, name.1, name.2, name.3)
            .rollout(|_| RolloutState::default().waits("a backup"));
        assert!(described(name.0, name.2, &builtin()).rollout.is_none());
        let described = described(name.0, name.2, &[Arc::new(kind)]);
        let waiting_for = described.rollout.unwrap().waiting_for;
        assert_eq!(waiting_for.as_deref(), Some("a backup"));
    }
}
