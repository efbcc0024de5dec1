//! The calls.

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, TryStreamExt};
use http::{HeaderMap, StatusCode, header};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use reqwest::Response;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{
    address::Address,
    answer::{
        ApplicationEvent, CanI, Items, ManagedResource, Manifest, ResourceTree, UserInfo, Version,
    },
    error::{Error, Refused},
    log_entry::LogEntry,
    options::{Options, OptionsError, Target},
    request::{APPLICATIONS, Call, LogQuery, ResourceQuery, events},
    stream::{ApiStream, Opened},
    tls,
};

/// The fields of a list of applications. A whole one may have a megabyte.
const LISTED: &str = "items.metadata.name,items.metadata.namespace,items.metadata.labels,\
    items.metadata.annotations,items.spec.project";
use crate::{
    AppRef, ObjectName, ObjectRef,
    text::chain,
    web::{self, CONNECT_WITHIN},
};

/// A refresh compares with git, which takes its time.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// A stream may be quiet from its beginning; it is opened anew after this time.
const BEGIN_WITHIN: Duration = Duration::from_secs(300);

/// The fields of a tree that are left out of its stream: the nodes of the cluster, and objects
/// of nobody. The form with a dash leaves errors alone.
const TREE_FIELDS: &str = "-result.hosts,result.orphanedNodes";

/// Whether the controller compares an application again before it is returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refresh {
    /// Returns the application as it is.
    #[default]
    No,
    /// Compares with git again. Needs no other right than reading.
    Normal,
    /// Renders the manifests anew, too.
    Hard,
}

/// A client of one Argo CD server. Clones share its connections and its token.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    options: Options,
    address: Address,
    http: reqwest::Client,
    headers: RwLock<HeaderMap>,
    requests: AtomicU64,
}

impl Client {
    /// Makes a client; asks the server nothing yet.
    ///
    /// # Errors
    ///
    /// When there is no server, or the options contradict each other or name bad files.
    pub fn new(options: Options) -> Result<Self, OptionsError> {
        let target = options.target()?;
        let http = http_client(&options, &target)?;
        Ok(Self(Arc::new(Inner {
            address: target.address,
            headers: RwLock::new(target.headers),
            http,
            options,
            requests: AtomicU64::new(0),
        })))
    }

    /// Returns the address of the server.
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    /// True if a token was found.
    pub fn has_token(&self) -> bool {
        self.headers().contains_key(header::AUTHORIZATION)
    }

    /// Returns the number of requests so far, streams among them.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// Asks for the version, which needs no token.
    ///
    /// # Errors
    ///
    /// When there is no answer of an Argo CD server.
    pub async fn version(&self) -> Result<Version, Error> {
        self.get(&Call::new("/api/version")).await
    }

    /// Asks whom the server takes us for.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn user_info(&self) -> Result<UserInfo, Error> {
        self.get(&Call::new("/api/v1/session/userinfo")).await
    }

    /// Asks whether we may do something, for example `get` of `logs` on `shop/web`.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn can_i(&self, action: &str, resource: &str, object: &str) -> Result<bool, Error> {
        let call = Call::new("/api/v1/account/can-i")
            .segment(resource)
            .segment(action);
        // The object's slashes are part of the path.
        let call = object.split('/').fold(call, Call::segment);
        let answer: CanI = self.get(&call).await?;
        Ok(answer.value == "yes")
    }

    /// Reads an application.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses. An application that does not exist is
    /// forbidden, too.
    pub async fn application<A: DeserializeOwned>(
        &self,
        app: &AppRef,
        refresh: Refresh,
    ) -> Result<A, Error> {
        let refresh = match refresh {
            Refresh::No => "",
            Refresh::Normal => "normal",
            Refresh::Hard => "hard",
        };
        let call = Call::of_app(APPLICATIONS, app, "").query("refresh", refresh);
        self.get(&call).await
    }

    /// Lists the applications that have certain labels, of all projects if none is named: their
    /// names, labels, annotations and projects, and nothing else.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn applications<A: DeserializeOwned>(
        &self,
        selector: &str,
        projects: &[String],
    ) -> Result<Vec<A>, Error> {
        let call = Call::new(APPLICATIONS)
            .query("selector", selector)
            .query("fields", LISTED);
        let call = projects
            .iter()
            .fold(call, |call, project| call.query("projects", project));
        let items: Items<A> = self.get(&call).await?;
        Ok(items.items.unwrap_or_default())
    }

    /// Follows an application: its state now, then each change. One that may not be read is
    /// silent for ever, so [read](Self::application) it first.
    pub fn watch_application<A>(&self, app: &AppRef) -> ApiStream<ApplicationEvent<A>>
    where
        A: Default + DeserializeOwned + Send + 'static,
    {
        let call = Call::new("/api/v1/stream/applications")
            .query("name", &app.name)
            .query("appNamespace", &app.namespace);
        self.stream(&call)
    }

    /// Reads the tree of objects.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn tree(&self, app: &AppRef) -> Result<ResourceTree, Error> {
        self.get(&Call::of_app(APPLICATIONS, app, "/resource-tree"))
            .await
    }

    /// Follows the tree: the whole of it after each comparison, also if nothing changed. There
    /// is no first message, so [read](Self::tree) it after this stream was opened.
    pub fn watch_tree(&self, app: &AppRef) -> ApiStream<ResourceTree> {
        let call = Call::of_app("/api/v1/stream/applications", app, "/resource-tree");
        self.stream(&call.query("fields", TREE_FIELDS))
    }

    /// Reads all top-level objects with their live and their wanted state, as of the last
    /// comparison.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn managed_resources(&self, app: &AppRef) -> Result<Vec<ManagedResource>, Error> {
        let call = Call::of_app(APPLICATIONS, app, "/managed-resources");
        let items: Items<ManagedResource> = self.get(&call).await?;
        Ok(items.items.unwrap_or_default())
    }

    /// Reads one top-level object as [`managed_resources`](Self::managed_resources) does; `None`
    /// if the application has no such object.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn managed_resource(
        &self,
        app: &AppRef,
        name: &ObjectName,
    ) -> Result<Option<ManagedResource>, Error> {
        let call = Call::of_app(APPLICATIONS, app, "/managed-resources")
            .query("namespace", &name.namespace)
            .query("name", &name.name)
            .query("group", &name.kind.group)
            .query("kind", &name.kind.kind);
        let items: Items<ManagedResource> = self.get(&call).await?;
        let mut items = items.items.unwrap_or_default().into_iter();
        // A server that does not know the filter sends them all.
        Ok(items.find(|item| {
            name.kind.is(&item.group, &item.kind)
                && *item.name == *name.name
                && *item.namespace == *name.namespace
        }))
    }

    /// Reads one object of the tree from its cluster, as it is now.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses; an object that is not in the tree is
    /// refused with 400.
    pub async fn resource<T: DeserializeOwned>(
        &self,
        app: &AppRef,
        resource: &ResourceQuery,
    ) -> Result<T, Error> {
        let answer: Manifest = self.get(&resource.call(app)).await?;
        serde_json::from_str(&answer.manifest).map_err(|error| undecodable(&error))
    }

    /// Lists the events of an object of the tree, or of the application itself, as core/v1
    /// Events.
    ///
    /// # Errors
    ///
    /// When the server does not answer or refuses.
    pub async fn events<E: DeserializeOwned>(
        &self,
        app: &AppRef,
        object: Option<&ObjectRef>,
    ) -> Result<Vec<E>, Error> {
        let items: Items<E> = self.get(&events(app, object)).await?;
        Ok(items.items.unwrap_or_default())
    }

    /// Reads or follows the log of a container.
    pub fn logs(&self, app: &AppRef, query: &LogQuery) -> ApiStream<LogEntry> {
        self.stream(&query.call(app))
    }

    async fn get<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        let answer = async {
            let response = self.send(call.as_str(), "application/json").await?;
            response.bytes().await.map_err(|error| unreachable(&error))
        };
        let body = timeout(ANSWER_WITHIN, answer).await;
        let body = body.map_err(|_| Error::Silent(ANSWER_WITHIN))??;
        serde_json::from_slice(&body).map_err(|error| undecodable(&error))
    }

    fn stream<T: DeserializeOwned + Send + 'static>(&self, call: &Call) -> ApiStream<T> {
        let (client, path) = (self.clone(), call.as_str().to_owned());
        ApiStream::new(async move {
            let response = timeout(BEGIN_WITHIN, client.send(&path, "text/event-stream")).await;
            let response = response.map_err(|_| Error::Silent(BEGIN_WITHIN))??;
            let date = date(response.headers());
            let body = response.bytes_stream().map_err(|error| unreachable(&error));
            Ok(Opened {
                date,
                body: body.boxed(),
            })
        })
    }

    /// Sends a request; once more if the token is refused and the configuration file has got
    /// another one meanwhile: argocd renews an SSO login and writes it there.
    async fn send(&self, path: &str, accept: &'static str) -> Result<Response, Error> {
        let used = self.headers();
        let answer = self.try_send(path, accept, &used).await;
        match &answer {
            Err(Error::Refused(refused)) if refused.is_unauthorized() && self.reread(&used) => {
                self.try_send(path, accept, &self.headers()).await
            }
            _ => answer,
        }
    }

    async fn try_send(
        &self,
        path: &str,
        accept: &'static str,
        headers: &HeaderMap,
    ) -> Result<Response, Error> {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        let url = self.0.address.url(path);
        log::debug!("GET {url}");
        let request = self
            .0
            .http
            .get(url)
            .headers(headers.clone())
            .header(header::ACCEPT, accept);
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(redirected(response.headers()));
        }
        if status == StatusCode::OK {
            return Ok(response);
        }
        let body = timeout(CONNECT_WITHIN, response.bytes()).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        Err(Error::Refused(Refused::read(status.as_u16(), &body)))
    }

    fn headers(&self) -> HeaderMap {
        self.0
            .headers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads the configuration file again. True if there is another token for the same server
    /// than the one that was `used`; a call beside this one may have read it already.
    fn reread(&self, used: &HeaderMap) -> bool {
        let Ok(target) = self.0.options.target() else {
            return false;
        };
        let mut headers = self
            .0
            .headers
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if target.address == self.0.address {
            *headers = target.headers;
        }
        *headers != *used
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("address", &self.0.address)
            .finish_non_exhaustive()
    }
}

fn http_client(options: &Options, target: &Target) -> Result<reqwest::Client, OptionsError> {
    let tls = tls::config(&options.tls, target)?;
    web::build(tls, &target.address.uri(), &options.proxies).map_err(OptionsError::Tls)
}

/// Names the place without its path and query, which may hold a secret.
fn redirected(headers: &HeaderMap) -> Error {
    let to = headers
        .get(header::LOCATION)
        .and_then(|to| to.to_str().ok());
    let uri = to.and_then(|to| to.parse::<http::Uri>().ok());
    let to = uri.map_or_else(String::new, |uri| match (uri.scheme_str(), uri.host()) {
        (Some(scheme), Some(host)) => format!("{scheme}://{host}"),
        _ => uri.path().to_owned(),
    });
    Error::Redirected { to }
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    DateTimeParser::new().parse_timestamp(text).ok()
}

/// The URL is left out: its query names objects, and the address is known.
fn unreachable(error: &reqwest::Error) -> Error {
    let mut text = chain(error);
    if let Some(url) = error.url() {
        text = text.replace(&format!(" for url ({url})"), "");
    }
    Error::Unreachable(text)
}

fn undecodable(error: &serde_json::Error) -> Error {
    Error::Undecodable(error.to_string())
}
