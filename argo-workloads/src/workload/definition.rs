//! The definition of a kind of workload.

use std::fmt::Debug;

use argo_core::{GroupKind, KindTraits, RolloutState, WatchEvent, resource::WorkloadObject, watch};
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client};

use super::{names::Names, scan, scope::Scope, seed::watch_config};
use crate::AppSelector;

/// The events of a kind's watch, the beginning of a new list included.
pub type WorkloadEvent = WatchEvent<WorkloadObject>;

/// A kind of workload: an object that owns pods, directly or through others.
///
/// A kind needs its [names](Self::names) and the [rule](Self::rollout) by which its
/// progress is read from an object. Matching, watching and listing follow from the names.
/// [`WorkloadKind`](super::WorkloadKind) is a kind made of values instead of a type.
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
    /// application has objects of that kind, which may be its own.
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

fn api(names: &Names, client: &Client, scope: &Scope) -> Api<WorkloadObject> {
    let (client, resource) = (client.clone(), names.api_resource());
    match scope {
        Scope::Cluster => Api::all_with(client, &resource),
        Scope::Namespace(namespace) => Api::namespaced_with(client, namespace, &resource),
    }
}
