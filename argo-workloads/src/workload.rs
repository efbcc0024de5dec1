//! What a kind of workload must say about itself, one file a kind.

use std::{fmt::Debug, sync::Arc};

use argo_core::{
    GroupKind, KindTraits, RolloutState, Tracked, TrackedBody, WatchEvent, resource::WorkloadObject,
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;

use crate::{AppSelector, Scope, rollout, scan};

#[path = "workload/rollout.rs"]
mod argo_rollout;
mod cronjob;
mod daemonset;
mod deployment;
mod job;
pub(crate) mod kind;
mod replicaset;
mod statefulset;

pub use kind::WorkloadKind;

/// What a watch of a kind says. A list that begins again is a variant, not hidden.
pub type WorkloadEvent = WatchEvent<WorkloadObject>;

/// A kind of workload: what owns pods, directly or through others.
///
/// [`WorkloadKind`] implements it for any kind that has the usual shape. A deploy tool
/// adds kinds of its own to [`builtin`].
#[async_trait]
pub trait Workload: Debug + Send + Sync {
    /// Group and kind.
    fn kind(&self) -> GroupKind;

    /// The plural with its group as RBAC names it, for messages: `deployments.apps`.
    fn resource(&self) -> String;

    /// True if an object belongs to the application by its own marks. What it owns
    /// follows it and needs none.
    fn matches(&self, meta: &ObjectMeta, app: &AppSelector) -> bool;

    /// Watches the kind. The stream never ends and tells what fails as an item.
    fn watch(&self, client: &Client, scope: &Scope) -> BoxStream<'static, WorkloadEvent>;

    /// Lists the kind once, page by page.
    async fn scan(
        &self,
        client: &Client,
        scope: &Scope,
    ) -> Result<Vec<WorkloadObject>, scan::Error>;

    /// How far the rollout of an object is.
    fn rollout(&self, object: &WorkloadObject) -> RolloutState;

    /// Reads the traits of the kind from an object. The default suits a kind that makes
    /// all its pods alike.
    fn traits(&self, _object: &WorkloadObject) -> KindTraits {
        KindTraits::default()
    }
}

/// Fills in the progress and the traits of a tracked object by the rules of its kind. The
/// tracker does this once for each change.
pub fn describe(kinds: &[Arc<dyn Workload>], mut tracked: Tracked) -> Tracked {
    let is_root = tracked.root.uid == tracked.object.uid;
    match &tracked.body {
        TrackedBody::Pod(pod) => tracked.rollout = is_root.then(|| rollout::pod(pod)),
        TrackedBody::Workload(object) => {
            let kind = kinds.iter().find(|kind| kind.kind() == tracked.object.kind);
            tracked.rollout = kind.map(|kind| kind.rollout(object));
            tracked.traits = kind.map(|kind| kind.traits(object)).unwrap_or_default();
        }
        TrackedBody::Other(_) => {}
    }
    tracked
}

/// The kinds that come with this crate.
pub fn builtin() -> Vec<Arc<dyn Workload>> {
    vec![
        Arc::new(deployment::deployment()),
        Arc::new(replicaset::replicaset()),
        Arc::new(statefulset::statefulset()),
        Arc::new(daemonset::daemonset()),
        Arc::new(job::job()),
        Arc::new(cronjob::cronjob()),
        Arc::new(argo_rollout::rollout()),
    ]
}
