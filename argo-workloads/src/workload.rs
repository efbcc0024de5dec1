//! Kinds of workload, one file each: names, progress rule and traits.

use std::{fmt::Debug, sync::Arc};

use argo_core::{
    GroupKind, KindTraits, RolloutState, Tracked, WatchEvent, resource::WorkloadObject, watch,
};
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client};

use crate::AppSelector;

mod analysis_run;
#[path = "workload/rollout.rs"]
mod argo_rollout;
mod cronjob;
mod daemonset;
mod deployment;
mod experiment;
mod job;
mod kind;
mod kinds;
mod names;
mod replicaset;
pub mod scan;
mod scope;
mod seed;
mod statefulset;

pub use analysis_run::AnalysisRun;
pub use argo_rollout::Rollout;
pub use cronjob::CronJob;
pub use daemonset::DaemonSet;
pub use deployment::Deployment;
pub use experiment::Experiment;
pub use job::Job;
pub use kind::WorkloadKind;
pub(crate) use kinds::Kinds;
pub use names::Names;
pub(crate) use names::rbac_name;
pub use replicaset::ReplicaSet;
pub use scope::Scope;
pub(crate) use seed::watch_config;
pub use statefulset::StatefulSet;

/// The events of a kind's watch, the beginning of a new list included.
pub type WorkloadEvent = WatchEvent<WorkloadObject>;

/// A kind of workload: an object that owns pods, directly or through others.
///
/// A kind needs its [names](Self::names) and the [rule](Self::rollout) by which its
/// progress is read from an object. Matching, watching and listing follow from the names.
/// [`WorkloadKind`] is a kind made of values instead of a type.
#[async_trait]
pub trait Workload: Debug + Send + Sync {
    /// Returns the names of the kind.
    fn names(&self) -> &Names;

    /// Reads the progress of the rollout from an object. The tracker calls this once for
    /// each change.
    fn rollout(&self, object: &WorkloadObject) -> RolloutState;

    /// Reads the traits of the kind from an object. The default suits a kind that runs for
    /// ever and makes all its pods alike.
    fn traits(&self, _object: &WorkloadObject) -> KindTraits {
        KindTraits::default()
    }

    /// Returns the kind of object that stands between a workload and its pods, if its name
    /// can be told from theirs.
    fn intermediate(&self) -> Option<Intermediate> {
        None
    }

    /// Returns the kind without which this one is not watched: it matters only where the
    /// application has objects of that kind.
    fn beside(&self) -> Option<GroupKind> {
        None
    }

    /// True if an object belongs to the application by its own marks. The objects that it
    /// owns follow it and need none.
    fn matches(&self, meta: &ObjectMeta, app: &AppSelector) -> bool {
        app.matches(&self.names().group_kind(), meta)
    }

    /// Watches the kind. The stream never ends and reports failures as items.
    fn watch(&self, client: &Client, scope: &Scope) -> BoxStream<'static, WorkloadEvent> {
        let config = watch_config(&(self.names(), scope));
        watch(api(self.names(), client, scope), config).boxed()
    }

    /// Lists the kind once, page by page.
    async fn scan(
        &self,
        client: &Client,
        scope: &Scope,
    ) -> Result<Vec<WorkloadObject>, scan::Error> {
        let resource = self.names().resource();
        scan::scan(&api(self.names(), client, scope), &resource, scope).await
    }
}

/// An object between a workload and its pods, named after the workload and a hash:
/// `web-6d4cf56db6` of Deployment `web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intermediate {
    /// The kind of the intermediate object.
    pub kind: GroupKind,
    /// The label in which pods carry the hash.
    pub hash_label: &'static str,
}

impl Intermediate {
    /// Describes a ReplicaSet whose pods carry its hash in this label.
    pub(crate) fn replicaset(hash_label: &'static str) -> Self {
        Self {
            kind: ReplicaSet.names().group_kind(),
            hash_label,
        }
    }
}

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
    ]
}

/// Fills in the progress and the traits of a tracked object by the rules of its kind, as
/// the tracker does once for each change.
pub fn describe(kinds: &[Arc<dyn Workload>], tracked: Tracked) -> Tracked {
    Kinds::new(kinds).describe(tracked)
}

fn api(names: &Names, client: &Client, scope: &Scope) -> Api<WorkloadObject> {
    let (client, resource) = (client.clone(), names.api_resource());
    match scope {
        Scope::Cluster => Api::all_with(client, &resource),
        Scope::Namespace(namespace) => Api::namespaced_with(client, namespace, &resource),
    }
}

#[cfg(test)]
mod tests {
    use argo_core::{ObjectRef, TrackedBody};

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
