//! A kind of workload of the usual shape.

use argo_core::{
    GroupKind, KindTraits, RolloutState, WatchConfig, backoff::seed, resource::WorkloadObject,
    watch,
};
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client, core::ApiResource};

use super::{Workload, WorkloadEvent};
use crate::{AppSelector, Scope, rollout::generic, scan};

/// A kind of workload whose objects look like a Deployment's: an own `spec` and `status`
/// with the usual counts.
///
/// ```
/// use argo_workloads::{WorkloadKind, builtin};
/// use std::sync::Arc;
///
/// let mut kinds = builtin();
/// kinds.push(Arc::new(WorkloadKind::new(
///     "apps.kruise.io", "v1alpha1", "CloneSet", "clonesets",
/// )));
/// ```
#[derive(Clone, Debug)]
pub struct WorkloadKind {
    kind: GroupKind,
    resource: ApiResource,
    rollout: fn(&WorkloadObject) -> RolloutState,
    traits: fn(&WorkloadObject) -> KindTraits,
}

impl WorkloadKind {
    /// A kind by its names. Its rollout follows the conventions of
    /// [`generic`](crate::rollout::generic()) until another rule is [given](Self::rollout).
    pub fn new(group: &str, version: &str, kind: &str, plural: &str) -> Self {
        let api_version = match group {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        };
        Self {
            kind: GroupKind::new(group, kind),
            resource: ApiResource {
                group: group.to_owned(),
                version: version.to_owned(),
                api_version,
                kind: kind.to_owned(),
                plural: plural.to_owned(),
            },
            rollout: generic,
            traits: |_| KindTraits::default(),
        }
    }

    /// The same with a rule of its own.
    #[must_use]
    pub fn rollout(mut self, rule: fn(&WorkloadObject) -> RolloutState) -> Self {
        self.rollout = rule;
        self
    }

    /// Replaces the traits of the kind.
    #[must_use]
    pub fn traits(mut self, traits: fn(&WorkloadObject) -> KindTraits) -> Self {
        self.traits = traits;
        self
    }

    fn api(&self, client: &Client, scope: &Scope) -> Api<WorkloadObject> {
        let client = client.clone();
        match scope {
            Scope::Cluster => Api::all_with(client, &self.resource),
            Scope::Namespace(namespace) => Api::namespaced_with(client, namespace, &self.resource),
        }
    }
}

#[async_trait]
impl Workload for WorkloadKind {
    fn kind(&self) -> GroupKind {
        self.kind.clone()
    }

    fn resource(&self) -> String {
        rbac_name(&self.resource.plural, &self.resource.group)
    }

    fn matches(&self, meta: &ObjectMeta, app: &AppSelector) -> bool {
        app.matches(&self.kind, meta)
    }

    fn watch(&self, client: &Client, scope: &Scope) -> BoxStream<'static, WorkloadEvent> {
        let seed = seed(&(&self.kind, scope));
        watch(self.api(client, scope), watch_config(seed)).boxed()
    }

    async fn scan(
        &self,
        client: &Client,
        scope: &Scope,
    ) -> Result<Vec<WorkloadObject>, scan::Error> {
        scan::scan(&self.api(client, scope), &self.resource(), scope).await
    }

    fn rollout(&self, object: &WorkloadObject) -> RolloutState {
        (self.rollout)(object)
    }

    fn traits(&self, object: &WorkloadObject) -> KindTraits {
        (self.traits)(object)
    }
}

pub(crate) fn watch_config(seed: u64) -> WatchConfig {
    WatchConfig {
        seed,
        ..WatchConfig::default()
    }
}

/// `deployments.apps`, `pods`.
pub(crate) fn rbac_name(plural: &str, group: &str) -> String {
    match group {
        "" => plural.to_owned(),
        group => format!("{plural}.{group}"),
    }
}
