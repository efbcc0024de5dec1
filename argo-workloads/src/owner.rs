//! Owners that no watch brings, read one by one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use argo_core::Backoff;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Client,
    api::GetParams,
    core::{ApiResource, DynamicObject, GroupVersionKind},
    discovery::{self, Scope as KindScope},
};

use crate::{Wanted, scan::code};

/// How often an owner is asked for while there is no answer at all.
const TRIES: u32 = 5;

/// What there is to know of an owner.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Its metadata.
    Found(Box<ObjectMeta>),
    /// It is gone, or its kind is.
    Absent,
    /// It may not be read; what the server said.
    Forbidden(String),
    /// There was no answer.
    Failed(String),
}

type KindName = (Arc<str>, Arc<str>);
type Known = Option<(ApiResource, KindScope)>;

/// Reads the metadata of owners. How a kind is served is asked once for each kind.
#[derive(Clone)]
pub(crate) struct Owners {
    client: Client,
    kinds: Arc<Mutex<HashMap<KindName, Known>>>,
}

impl Owners {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            kinds: Arc::default(),
        }
    }

    /// Reads an owner: one request, and one more for a kind that is new and not of
    /// Kubernetes itself.
    pub(crate) async fn read(&self, wanted: &Wanted) -> Answer {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10), 1);
        loop {
            match self.once(wanted).await {
                Ok(Some(meta)) => return Answer::Found(Box::new(meta)),
                Ok(None) => return Answer::Absent,
                Err(error) => match code(&error) {
                    404 => return Answer::Absent,
                    403 => return Answer::Forbidden(said(&error)),
                    _ if backoff.failures() + 1 >= TRIES => {
                        return Answer::Failed(said(&error));
                    }
                    _ => tokio::time::sleep(backoff.next_delay()).await,
                },
            }
        }
    }

    async fn once(&self, wanted: &Wanted) -> Result<Option<ObjectMeta>, kube::Error> {
        let Some((resource, scope)) = self.kind(wanted).await? else {
            return Ok(None);
        };
        let client = self.client.clone();
        let api: Api<DynamicObject> = match scope {
            KindScope::Cluster => Api::all_with(client, &resource),
            KindScope::Namespaced => {
                Api::namespaced_with(client, &wanted.owner.namespace, &resource)
            }
        };
        let found = api
            .get_metadata_opt_with(&wanted.owner.name, &GetParams::default())
            .await?;
        Ok(found.map(|object| slim(object.metadata)))
    }

    async fn kind(&self, wanted: &Wanted) -> Result<Known, kube::Error> {
        let kind = &wanted.owner.kind;
        let name = (Arc::clone(&wanted.api_version), Arc::clone(&kind.kind));
        let known = self.lock().get(&name).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let version = wanted.api_version.rsplit('/').next().unwrap_or_default();
        let kind = GroupVersionKind::gvk(&kind.group, version, &kind.kind);
        let known = if is_built_in(&kind) {
            Some((ApiResource::from_gvk(&kind), KindScope::Namespaced))
        } else {
            discover(&self.client, &kind).await?
        };
        self.lock().insert(name, known.clone());
        Ok(known)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<KindName, Known>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Kinds that own pods, directly or not, and whose plural is the usual one.
fn is_built_in(kind: &GroupVersionKind) -> bool {
    matches!(
        (kind.group.as_str(), kind.kind.as_str()),
        (
            "apps",
            "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet"
        ) | ("batch", "Job" | "CronJob")
            | ("", "ReplicationController" | "Pod")
    )
}

async fn discover(client: &Client, kind: &GroupVersionKind) -> Result<Known, kube::Error> {
    match discovery::pinned_kind(client, kind).await {
        Ok((resource, capabilities)) => Ok(Some((resource, capabilities.scope))),
        Err(kube::Error::Discovery(error)) => {
            log::debug!("{} is not served: {error}", kind.kind);
            Ok(None)
        }
        Err(error) if code(&error) == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the server says, without the error around it.
fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        error => error.to_string(),
    }
}

/// Managed fields are most of the metadata, and nobody reads them here.
pub(crate) fn slim(mut meta: ObjectMeta) -> ObjectMeta {
    meta.managed_fields = None;
    if let Some(annotations) = meta.annotations.as_mut() {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    meta
}
