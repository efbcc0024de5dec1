//! Reads live objects of any kind, one by one.

use std::{collections::HashMap, sync::Arc};

use argo_core::{AppRef, ObjectName};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject, GroupVersionKind},
    discovery::{self, Scope},
};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::workload::scan::code;

/// A live object to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// Kind, namespace and name.
    pub name: ObjectName,
    /// API version without its group; empty for the one that the server prefers.
    pub version: String,
    /// The application whose comparison with git is wanted instead of the object itself.
    pub compare: Option<AppRef>,
}

/// The answer to a [`ReadRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The object that was asked for.
    pub name: ObjectName,
    /// Its state.
    pub live: LiveObject,
}

/// A live object, or the reason for which there is none.
#[derive(Clone, Debug, PartialEq)]
pub enum LiveObject {
    /// The whole object as JSON.
    Found(Box<Value>),
    /// There is no such object, or no such kind.
    Absent,
    /// It may not be read, or the read failed.
    Unreadable,
    /// The fields in which it differs from git; none if they cannot be known, as in a cluster
    /// without Argo CD's API.
    Differs(Vec<String>),
}

/// Reads live objects, from a cluster or through Argo CD's API. In a cluster discovery is asked
/// once for each kind.
///
/// The reader asks nothing by itself: [`ask`](Self::ask) opens a read, and
/// [`next`](Self::next) returns the answers as they come.
pub struct ResourceReader {
    source: Source,
    #[cfg(feature = "argocd-api")]
    comparing: Option<argo_core::argocd::Client>,
    open: FuturesUnordered<BoxFuture<'static, Answer>>,
}

/// The source of live objects.
#[derive(Clone)]
enum Source {
    /// Nothing can be read yet.
    Nowhere,
    Cluster(Kinds),
    #[cfg(feature = "argocd-api")]
    Argocd(Arc<argo_core::argocd::Trees>),
}

impl std::fmt::Debug for ResourceReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResourceReader")
            .field("open", &self.open.len())
            .finish_non_exhaustive()
    }
}

type KindKey = (String, String, String);
type Known = Option<(ApiResource, Scope)>;

#[derive(Clone)]
struct Kinds {
    client: Client,
    known: Arc<Mutex<HashMap<KindKey, Known>>>,
}

impl ResourceReader {
    /// Creates a reader over a connection.
    pub fn new(client: Client) -> Self {
        let known = Arc::default();
        Self::of(Source::Cluster(Kinds { client, known }))
    }

    /// Asks Argo CD's API for the fields in which objects differ from git.
    #[cfg(feature = "argocd-api")]
    #[must_use]
    pub fn comparing(mut self, client: argo_core::argocd::Client) -> Self {
        self.comparing = Some(client);
        self
    }

    /// Creates a reader over Argo CD's API.
    #[cfg(feature = "argocd-api")]
    pub fn argocd(trees: Arc<argo_core::argocd::Trees>) -> Self {
        let client = trees.client().clone();
        Self::of(Source::Argocd(trees)).comparing(client)
    }

    /// Creates a reader that can read nothing.
    pub fn nowhere() -> Self {
        Self::of(Source::Nowhere)
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            #[cfg(feature = "argocd-api")]
            comparing: None,
            open: FuturesUnordered::new(),
        }
    }

    /// Opens a read.
    pub fn ask(&self, request: ReadRequest) {
        let source = self.source.clone();
        #[cfg(feature = "argocd-api")]
        let comparing = self.comparing.clone();
        self.open.push(Box::pin(async move {
            let live = match &request.compare {
                #[cfg(feature = "argocd-api")]
                Some(app) => LiveObject::Differs(differences(comparing, app, &request.name).await),
                #[cfg(not(feature = "argocd-api"))]
                Some(_) => LiveObject::Differs(Vec::new()),
                None => source.read(&request).await,
            };
            Answer {
                name: request.name,
                live,
            }
        }));
    }

    /// Returns the next answer; waits for ever while nothing is asked. Cancel safe.
    pub async fn next(&mut self) -> Answer {
        match self.open.next().await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

impl Source {
    async fn read(&self, request: &ReadRequest) -> LiveObject {
        match self {
            Self::Nowhere => LiveObject::Unreadable,
            Self::Cluster(kinds) => kinds.read(request).await,
            #[cfg(feature = "argocd-api")]
            Self::Argocd(trees) => over_argocd(trees, request).await,
        }
    }
}

/// Asks Argo CD for its comparison of one object with git.
#[cfg(feature = "argocd-api")]
async fn differences(
    client: Option<argo_core::argocd::Client>,
    app: &AppRef,
    name: &ObjectName,
) -> Vec<String> {
    let Some(client) = client else {
        return Vec::new();
    };
    let compared = client.managed_resource(app, name).await;
    match compared {
        Ok(Some(it)) => super::drift::fields(&it.normalized_live_state, &it.predicted_live_state),
        Ok(None) => Vec::new(),
        Err(error) => {
            log::debug!("no comparison of {name:?}: {error}");
            Vec::new()
        }
    }
}

/// Reads an object of one of the trees. One without a uid does not exist.
#[cfg(feature = "argocd-api")]
async fn over_argocd(trees: &argo_core::argocd::Trees, request: &ReadRequest) -> LiveObject {
    let name = &request.name;
    let is_it = |node: &&argo_core::argocd::Node| {
        node.object.group_kind() == name.kind
            && *node.object.name == *name.name
            && *node.object.namespace == *name.namespace
    };
    let states = trees.states();
    let found = states.iter().find_map(|state| {
        let node = state.tree.as_ref()?.nodes.iter().find(is_it)?;
        Some((state.app.clone(), node.object.clone()))
    });
    let Some((app, object)) = found else {
        return LiveObject::Unreadable;
    };
    if object.uid.is_empty() {
        return LiveObject::Absent;
    }
    let query = argo_core::argocd::ResourceQuery {
        group: object.group,
        version: object.version,
        kind: object.kind,
        namespace: object.namespace,
        name: object.name,
    };
    match trees.client().resource::<Value>(&app, &query).await {
        Ok(object) => LiveObject::Found(Box::new(object)),
        Err(error) => {
            log::debug!("cannot read {}/{}: {error}", query.kind, query.name);
            LiveObject::Unreadable
        }
    }
}

impl Kinds {
    async fn read(&self, request: &ReadRequest) -> LiveObject {
        match self.once(request).await {
            Ok(Some(object)) => LiveObject::Found(Box::new(object)),
            Ok(None) => LiveObject::Absent,
            Err(error) if code(&error) == 404 => LiveObject::Absent,
            Err(error) => {
                let kind = &request.name.kind.kind;
                log::debug!("cannot read {kind}/{}: {error}", request.name.name);
                LiveObject::Unreadable
            }
        }
    }

    async fn once(&self, request: &ReadRequest) -> Result<Option<Value>, kube::Error> {
        let Some((resource, scope)) = self.kind(request).await? else {
            return Ok(None);
        };
        let client = self.client.clone();
        let api: Api<DynamicObject> = match scope {
            Scope::Cluster => Api::all_with(client, &resource),
            Scope::Namespaced => Api::namespaced_with(client, &request.name.namespace, &resource),
        };
        let Some(object) = api.get_opt(&request.name.name).await? else {
            return Ok(None);
        };
        Ok(serde_json::to_value(object).ok())
    }

    async fn kind(&self, request: &ReadRequest) -> Result<Known, kube::Error> {
        let kind = &request.name.kind;
        let key = (
            kind.group.to_string(),
            request.version.clone(),
            kind.kind.to_string(),
        );
        // Held while discovery is asked: one answer serves all objects of the kind.
        let mut known = self.known.lock().await;
        if let Some(known) = known.get(&key) {
            return Ok(known.clone());
        }
        let found = self.discover(request).await?;
        known.insert(key, found.clone());
        Ok(found)
    }

    async fn discover(&self, request: &ReadRequest) -> Result<Known, kube::Error> {
        let kind = &request.name.kind;
        let found = if !request.version.is_empty() {
            let kind = GroupVersionKind::gvk(&kind.group, &request.version, &kind.kind);
            discovery::pinned_kind(&self.client, &kind).await
        } else if kind.group.is_empty() {
            let kind = GroupVersionKind::gvk("", "v1", &kind.kind);
            discovery::pinned_kind(&self.client, &kind).await
        } else {
            let group = discovery::group(&self.client, &kind.group).await;
            return match group {
                Ok(group) => Ok(group
                    .recommended_kind(&kind.kind)
                    .map(|(r, c)| (r, c.scope))),
                Err(kube::Error::Discovery(_)) => Ok(None),
                Err(error) => Err(error),
            };
        };
        match found {
            Ok((resource, capabilities)) => Ok(Some((resource, capabilities.scope))),
            Err(kube::Error::Discovery(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
