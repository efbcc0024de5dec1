//! The watches that tracking needs: their kinds, their scopes and their streams.

use std::{fmt::Debug, sync::Arc};

use argo_core::{
    Bystanders, GroupKind, TrackedBody, WatchEvent,
    resource::{Application, PackedPod, WorkloadObject},
    watch,
};
use futures::{Stream, StreamExt, stream::BoxStream};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{autoscaling::v2::HorizontalPodAutoscaler, core::v1::PersistentVolumeClaim},
};
use kube::{Api, Client, core::PartialObjectMeta};
use serde::de::DeserializeOwned;

use super::{Clients, TrackConfig, owner_reader::slim};
use crate::workload::{Kinds, Scope, rbac_name, scan, watch_config};

/// One watch: a kind in a scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WatchSpec {
    /// Applications of a namespace.
    Applications {
        /// The namespace.
        namespace: Arc<str>,
        /// The only Application of interest; absent to watch all of the namespace.
        name: Option<Arc<str>>,
    },
    /// Pods.
    Pods(Scope),
    /// A kind of workload, by its place in [`TrackConfig::kinds`].
    Kind(usize, Scope),
    /// PersistentVolumeClaims, metadata only.
    Claims(Scope),
    /// HorizontalPodAutoscalers, metadata only.
    Autoscalers(Scope),
}

/// An object that a watch delivers.
#[derive(Clone, Debug)]
pub enum Observed {
    /// An Application.
    Application(Arc<Application>),
    /// An object that may belong to one.
    Object(TrackedBody),
    /// A pod that may belong to one. Most do not, so it is not decoded yet.
    Pod(Arc<PackedPod>),
}

impl Observed {
    /// Returns the uid of the object.
    pub(crate) fn uid(&self) -> &str {
        let meta = match self {
            Self::Application(application) => &application.metadata,
            Self::Object(body) => body.metadata(),
            Self::Pod(pod) => return pod.uid(),
        };
        meta.uid.as_deref().unwrap_or_default()
    }

    /// True if this is the Application of that name.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        match self {
            Self::Application(found) => found.metadata.name.as_deref() == Some(name),
            Self::Object(_) | Self::Pod(_) => false,
        }
    }
}

/// Clients and kinds, by which a [`WatchSpec`] becomes a stream or a list.
#[derive(Clone)]
pub(crate) struct WatchContext {
    workloads: Client,
    applications: Client,
    kinds: Kinds,
    bystanders: Option<Bystanders>,
}

impl WatchContext {
    pub(crate) fn new(clients: &Clients, config: &TrackConfig) -> Self {
        let applications = clients.applications.as_ref();
        let applications = applications.unwrap_or(&clients.workloads);
        Self {
            workloads: clients.workloads.client.clone(),
            applications: applications.client.clone(),
            kinds: Kinds::new(&config.kinds),
            bystanders: None,
        }
    }

    /// Leaves out changes of these pods.
    pub(crate) fn leaving_out(mut self, bystanders: Bystanders) -> Self {
        self.bystanders = Some(bystanders);
        self
    }
}

impl WatchSpec {
    /// Returns the namespace that is watched, or the whole cluster.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Applications { namespace, .. } => Scope::Namespace(Arc::clone(namespace)),
            Self::Pods(scope)
            | Self::Kind(_, scope)
            | Self::Claims(scope)
            | Self::Autoscalers(scope) => scope.clone(),
        }
    }

    pub(crate) fn kind(&self, kinds: &Kinds) -> GroupKind {
        match self {
            Self::Applications { .. } => GroupKind::new("argoproj.io", "Application"),
            Self::Pods(_) => GroupKind::new("", "Pod"),
            Self::Kind(place, _) => kinds.kind(*place).clone(),
            Self::Claims(_) => GroupKind::new("", "PersistentVolumeClaim"),
            Self::Autoscalers(_) => GroupKind::new("autoscaling", "HorizontalPodAutoscaler"),
        }
    }

    /// Returns the name that RBAC has for the kind.
    pub(crate) fn resource(&self, kinds: &Kinds) -> String {
        match self {
            Self::Applications { .. } => rbac_name("applications", "argoproj.io"),
            Self::Pods(_) => "pods".to_owned(),
            Self::Kind(place, _) => kinds.resource(*place).to_owned(),
            Self::Claims(_) => "persistentvolumeclaims".to_owned(),
            Self::Autoscalers(_) => rbac_name("horizontalpodautoscalers", "autoscaling"),
        }
    }

    /// True if a 403 on the kind is worth a warning. Custom kinds are not: the API server
    /// answers 403 before 404, so they may simply not be installed.
    pub(crate) fn matters(&self, kinds: &Kinds) -> bool {
        match self {
            Self::Kind(place, _) => is_part_of_kubernetes(kinds.kind(*place)),
            Self::Pods(_) | Self::Applications { .. } => true,
            Self::Claims(_) | Self::Autoscalers(_) => false,
        }
    }

    /// Returns the watch of the same kind in another scope.
    pub(crate) fn within(&self, scope: Scope) -> Self {
        match self {
            Self::Applications { .. } => self.clone(),
            Self::Pods(_) => Self::Pods(scope),
            Self::Kind(place, _) => Self::Kind(*place, scope),
            Self::Claims(_) => Self::Claims(scope),
            Self::Autoscalers(_) => Self::Autoscalers(scope),
        }
    }

    pub(crate) fn watch(&self, context: &WatchContext) -> BoxStream<'static, WatchEvent<Observed>> {
        let config = watch_config(self);
        match self {
            Self::Applications { namespace, name } => {
                let config = match name {
                    Some(name) => config.fields(format!("metadata.name={name}")),
                    None => config,
                };
                let api = Api::namespaced(context.applications.clone(), namespace);
                mapped(watch(api, config), application)
            }
            Self::Pods(scope) => {
                let config = config.bystanders(context.bystanders.clone());
                mapped(watch(api(&context.workloads, scope), config), pod)
            }
            Self::Kind(place, scope) => {
                let events = context.kinds.at(*place).watch(&context.workloads, scope);
                mapped(events, workload)
            }
            Self::Claims(scope) => {
                let api: Api<PartialObjectMeta<PersistentVolumeClaim>> =
                    api(&context.workloads, scope);
                mapped(watch(api, config), metadata)
            }
            Self::Autoscalers(scope) => {
                let api: Api<PartialObjectMeta<HorizontalPodAutoscaler>> =
                    api(&context.workloads, scope);
                mapped(watch(api, config), metadata)
            }
        }
    }

    /// Lists the objects of the watch once.
    pub(crate) async fn scan(&self, context: &WatchContext) -> Result<Vec<Observed>, scan::Error> {
        let (scope, resource) = (self.scope(), self.resource(&context.kinds));
        let client = &context.workloads;
        match self {
            Self::Applications { namespace, name } => {
                let api = Api::namespaced(context.applications.clone(), namespace);
                let mut found = scan::scan::<Application>(&api, &resource, &scope).await?;
                found.retain(|found| {
                    name.is_none() || found.metadata.name.as_deref() == name.as_deref()
                });
                Ok(found.into_iter().map(application).collect())
            }
            Self::Pods(_) => list(client, &resource, &scope, pod).await,
            Self::Kind(place, _) => {
                let found = context.kinds.at(*place).scan(client, &scope);
                Ok(found.await?.into_iter().map(workload).collect())
            }
            Self::Claims(_) => {
                let observed = metadata::<PersistentVolumeClaim>;
                list(client, &resource, &scope, observed).await
            }
            Self::Autoscalers(_) => {
                let observed = metadata::<HorizontalPodAutoscaler>;
                list(client, &resource, &scope, observed).await
            }
        }
    }
}

/// True for groups that every cluster serves.
pub(crate) fn is_part_of_kubernetes(kind: &GroupKind) -> bool {
    matches!(&*kind.group, "" | "apps" | "batch")
}

async fn list<K>(
    client: &Client,
    resource: &str,
    scope: &Scope,
    observed: fn(K) -> Observed,
) -> Result<Vec<Observed>, scan::Error>
where
    K: kube::Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    K::DynamicType: Default,
{
    let found = scan::scan(&api::<K>(client, scope), resource, scope).await?;
    Ok(found.into_iter().map(observed).collect())
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
    observed: fn(K) -> Observed,
) -> BoxStream<'static, WatchEvent<Observed>> {
    let mapped = move |event| match event {
        WatchEvent::Restarted => WatchEvent::Restarted,
        WatchEvent::Applied(found) => WatchEvent::Applied(observed(found)),
        WatchEvent::Deleted(found) => WatchEvent::Deleted(observed(found)),
        WatchEvent::Synced => WatchEvent::Synced,
        WatchEvent::Degraded(degraded) => WatchEvent::Degraded(degraded),
        WatchEvent::Restored => WatchEvent::Restored,
    };
    events.map(mapped).boxed()
}

fn application(found: Application) -> Observed {
    Observed::Application(Arc::new(found))
}

fn pod(found: PackedPod) -> Observed {
    Observed::Pod(Arc::new(found))
}

fn workload(found: WorkloadObject) -> Observed {
    Observed::Object(TrackedBody::Workload(Arc::new(found)))
}

fn metadata<K>(found: PartialObjectMeta<K>) -> Observed {
    Observed::Object(TrackedBody::Other(Arc::new(slim(found.metadata))))
}
