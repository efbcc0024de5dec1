//! The watches that tracking needs.

use std::{fmt::Debug, sync::Arc};

use argo_core::{
    GroupKind, WatchConfig, WatchEvent,
    backoff::seed,
    resource::{Application, Pod, WorkloadObject},
    watch,
};
use futures::{Stream, StreamExt, stream::BoxStream};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{autoscaling::v2::HorizontalPodAutoscaler, core::v1::PersistentVolumeClaim},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, core::PartialObjectMeta};
use serde::de::DeserializeOwned;

use crate::{
    Scope, Workload,
    owner::slim,
    scan,
    workload::kind::{rbac_name, watch_config},
};

/// One watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Source {
    /// Applications of a namespace: one by name, or all.
    Applications(Arc<str>, Option<Arc<str>>),
    /// Pods.
    Pods(Scope),
    /// A kind of workload, by its place in the list of kinds.
    Kind(usize, Scope),
    /// PersistentVolumeClaims, metadata only.
    Claims(Scope),
    /// HorizontalPodAutoscalers, metadata only.
    Autoscalers(Scope),
}

/// What a watch brings.
#[derive(Clone, Debug)]
pub(crate) enum Object {
    Application(Arc<Application>),
    Pod(Arc<Pod>),
    Workload(Arc<WorkloadObject>),
    Meta(Arc<ObjectMeta>),
}

/// Clients and kinds: what a source needs to become a stream.
#[derive(Clone)]
pub(crate) struct Reach {
    pub(crate) workloads: Client,
    pub(crate) applications: Client,
    pub(crate) kinds: Vec<Arc<dyn Workload>>,
}

impl Source {
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Self::Applications(namespace, _) => Scope::Namespace(Arc::clone(namespace)),
            Self::Pods(scope)
            | Self::Kind(_, scope)
            | Self::Claims(scope)
            | Self::Autoscalers(scope) => scope.clone(),
        }
    }

    pub(crate) fn kind(&self, kinds: &[Arc<dyn Workload>]) -> GroupKind {
        match self {
            Self::Applications(..) => GroupKind::new("argoproj.io", "Application"),
            Self::Pods(_) => GroupKind::new("", "Pod"),
            Self::Kind(number, _) => kinds[*number].kind(),
            Self::Claims(_) => GroupKind::new("", "PersistentVolumeClaim"),
            Self::Autoscalers(_) => GroupKind::new("autoscaling", "HorizontalPodAutoscaler"),
        }
    }

    /// The name that RBAC has for it.
    pub(crate) fn resource(&self, kinds: &[Arc<dyn Workload>]) -> String {
        match self {
            Self::Applications(..) => rbac_name("applications", "argoproj.io"),
            Self::Pods(_) => "pods".to_owned(),
            Self::Kind(number, _) => kinds[*number].resource(),
            Self::Claims(_) => "persistentvolumeclaims".to_owned(),
            Self::Autoscalers(_) => rbac_name("horizontalpodautoscalers", "autoscaling"),
        }
    }

    /// True if much is lost without it. A kind of somebody else's may not be listed where
    /// it is not even installed: who may not asks in vain.
    pub(crate) fn matters(&self, kinds: &[Arc<dyn Workload>]) -> bool {
        let group = self.kind(kinds).group;
        match self {
            Self::Kind(..) => matches!(&*group, "apps" | "batch"),
            Self::Pods(_) | Self::Applications(..) => true,
            Self::Claims(_) | Self::Autoscalers(_) => false,
        }
    }

    /// The same kind elsewhere.
    pub(crate) fn within(&self, scope: Scope) -> Self {
        match self {
            Self::Applications(..) => self.clone(),
            Self::Pods(_) => Self::Pods(scope),
            Self::Kind(number, _) => Self::Kind(*number, scope),
            Self::Claims(_) => Self::Claims(scope),
            Self::Autoscalers(_) => Self::Autoscalers(scope),
        }
    }

    pub(crate) fn watch(&self, reach: &Reach) -> BoxStream<'static, WatchEvent<Object>> {
        let config = watch_config(seed(self));
        match self {
            Self::Applications(namespace, name) => {
                let fields = name.as_ref().map(|name| format!("metadata.name={name}"));
                let api = Api::namespaced(reach.applications.clone(), namespace);
                mapped(watch(api, WatchConfig { fields, ..config }), application)
            }
            Self::Pods(scope) => mapped(watch(api(&reach.workloads, scope), config), pod),
            Self::Kind(number, scope) => {
                let events = reach.kinds[*number].watch(&reach.workloads, scope);
                mapped(events, workload)
            }
            Self::Claims(scope) => {
                let api: Api<PartialObjectMeta<PersistentVolumeClaim>> =
                    api(&reach.workloads, scope);
                mapped(watch(api, config), metadata)
            }
            Self::Autoscalers(scope) => {
                let api: Api<PartialObjectMeta<HorizontalPodAutoscaler>> =
                    api(&reach.workloads, scope);
                mapped(watch(api, config), metadata)
            }
        }
    }

    /// One list of the same.
    pub(crate) async fn scan(&self, reach: &Reach) -> Result<Vec<Object>, scan::Error> {
        let (scope, resource) = (self.scope(), self.resource(&reach.kinds));
        match self {
            Self::Applications(namespace, name) => {
                let api = Api::namespaced(reach.applications.clone(), namespace);
                let mut found = scan::scan::<Application>(&api, &resource, &scope).await?;
                found.retain(|found| {
                    name.is_none() || found.metadata.name.as_deref() == name.as_deref()
                });
                Ok(found.into_iter().map(application).collect())
            }
            Self::Pods(_) => list(&reach.workloads, &resource, &scope, pod).await,
            Self::Kind(number, _) => {
                let found = reach.kinds[*number].scan(&reach.workloads, &scope);
                Ok(found.await?.into_iter().map(workload).collect())
            }
            Self::Claims(_) => {
                let object = metadata::<PersistentVolumeClaim>;
                list(&reach.workloads, &resource, &scope, object).await
            }
            Self::Autoscalers(_) => {
                let object = metadata::<HorizontalPodAutoscaler>;
                list(&reach.workloads, &resource, &scope, object).await
            }
        }
    }
}

async fn list<K>(
    client: &Client,
    resource: &str,
    scope: &Scope,
    object: fn(K) -> Object,
) -> Result<Vec<Object>, scan::Error>
where
    K: kube::Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    K::DynamicType: Default,
{
    let found = scan::scan(&api::<K>(client, scope), resource, scope).await?;
    Ok(found.into_iter().map(object).collect())
}

fn api<K>(client: &Client, scope: &Scope) -> Api<K>
where
    K: kube::Resource<Scope = NamespaceResourceScope>,
    K::DynamicType: Default,
{
    match scope {
        Scope::Cluster => Api::all(client.clone()),
        Scope::Namespace(namespace) => Api::namespaced(client.clone(), namespace),
    }
}

fn mapped<K: 'static>(
    events: impl Stream<Item = WatchEvent<K>> + Send + 'static,
    object: fn(K) -> Object,
) -> BoxStream<'static, WatchEvent<Object>> {
    let mapped = move |event| match event {
        WatchEvent::Restarted => WatchEvent::Restarted,
        WatchEvent::Applied(found) => WatchEvent::Applied(object(found)),
        WatchEvent::Deleted(found) => WatchEvent::Deleted(object(found)),
        WatchEvent::Synced => WatchEvent::Synced,
        WatchEvent::Degraded(degraded) => WatchEvent::Degraded(degraded),
        WatchEvent::Restored => WatchEvent::Restored,
    };
    events.map(mapped).boxed()
}

fn application(found: Application) -> Object {
    Object::Application(Arc::new(found))
}

fn pod(found: Pod) -> Object {
    Object::Pod(Arc::new(found))
}

fn workload(found: WorkloadObject) -> Object {
    Object::Workload(Arc::new(found))
}

fn metadata<K>(found: PartialObjectMeta<K>) -> Object {
    Object::Meta(Arc::new(slim(found.metadata)))
}
