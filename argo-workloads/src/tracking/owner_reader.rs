//! Reads owners that no watch delivers, one by one.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
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
use tokio::{sync::Mutex, time::Instant};

use super::index::UnknownOwner;
use crate::workload::{Kinds, Names, scan::code};

/// Reads of an owner before the owner is given up, while there is no answer at all.
const TRIES: u32 = 5;

/// The answer to the read of an owner.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The metadata of the owner.
    Found(Box<ObjectMeta>),
    /// The owner is gone, or its kind is not served.
    Absent,
    /// The owner may not be read; holds the server's message.
    Forbidden(String),
    /// The read failed; holds the reason.
    Failed(String),
}

type KindName = (Arc<str>, Arc<str>);
type Known = Option<(ApiResource, KindScope)>;

/// Time for which a kind that is not served is not looked up again. The sync itself may
/// install its definition.
const NOT_SERVED_FOR: Duration = Duration::from_secs(30);

/// The answer of discovery about a kind.
struct Discovered {
    known: Known,
    at: Instant,
}

impl Discovered {
    fn holds(&self) -> bool {
        self.known.is_some() || self.at.elapsed() < NOT_SERVED_FOR
    }
}

/// The answer of discovery about one kind, once there is one. Its lock is held while discovery is
/// asked: many owners of one kind come at once, and one answer serves them all.
type Cell = Arc<Mutex<Option<Discovered>>>;

/// Reads the metadata of owners. Discovery is asked once for each kind.
#[derive(Clone)]
pub(crate) struct OwnerReader {
    client: Client,
    watched: Kinds,
    discovered: Arc<std::sync::Mutex<HashMap<KindName, Cell>>>,
}

impl OwnerReader {
    pub(crate) fn new(client: Client, watched: Kinds) -> Self {
        Self {
            client,
            watched,
            discovered: Arc::default(),
        }
    }

    /// Reads an owner: one request, and one more for discovery if its kind is neither
    /// watched nor known yet.
    pub(crate) async fn read(&self, unknown: &UnknownOwner) -> Answer {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10), 1);
        loop {
            match self.once(unknown).await {
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

    async fn once(&self, unknown: &UnknownOwner) -> Result<Option<ObjectMeta>, kube::Error> {
        let Some((resource, scope)) = self.kind(unknown).await? else {
            return Ok(None);
        };
        let client = self.client.clone();
        let api: Api<DynamicObject> = match scope {
            KindScope::Cluster => Api::all_with(client, &resource),
            KindScope::Namespaced => {
                Api::namespaced_with(client, &unknown.owner.namespace, &resource)
            }
        };
        let found = api
            .get_metadata_opt_with(&unknown.owner.name, &GetParams::default())
            .await?;
        Ok(found.map(|object| slim(object.metadata)))
    }

    async fn kind(&self, unknown: &UnknownOwner) -> Result<Known, kube::Error> {
        let kind = &unknown.owner.kind;
        let name = (Arc::clone(&unknown.api_version), Arc::clone(&kind.kind));
        let cell = self.cell(name);
        let mut discovered = cell.lock().await;
        if let Some(answer) = discovered.as_ref().filter(|answer| answer.holds()) {
            return Ok(answer.known.clone());
        }
        let version = unknown.api_version.rsplit('/').next().unwrap_or_default();
        let kind = GroupVersionKind::gvk(&kind.group, version, &kind.kind);
        let known = match self.watched.find(&unknown.owner.kind) {
            Some(watched) => Some((resource(watched.names(), &kind), KindScope::Namespaced)),
            None => discover(&self.client, &kind).await?,
        };
        *discovered = Some(Discovered {
            known: known.clone(),
            at: Instant::now(),
        });
        Ok(known)
    }

    fn cell(&self, name: KindName) -> Cell {
        let cells = self.discovered.lock();
        let mut cells = cells.unwrap_or_else(PoisonError::into_inner);
        Arc::clone(cells.entry(name).or_default())
    }
}

/// Returns the resource of a watched kind in the version that an owner reference names.
fn resource(names: &Names, referenced: &GroupVersionKind) -> ApiResource {
    ApiResource {
        version: referenced.version.clone(),
        api_version: referenced.api_version(),
        ..names.api_resource()
    }
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

/// Returns the server's message, without the error around it.
fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        error => error.to_string(),
    }
}

/// Drops managed fields, which are most of the metadata, and the last applied
/// configuration.
pub(crate) fn slim(mut meta: ObjectMeta) -> ObjectMeta {
    meta.managed_fields = None;
    if let Some(annotations) = meta.annotations.as_mut() {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    meta
}
