//! One way to a cluster for all that talk to it: kube's client and the logs, with one set
//! of credentials.
//!
//! kube-client 5.0 makes connections of its own kind, which cannot be told apart, probed
//! or given other TLS rules; and each of its clients runs a credential plugin by itself.

use std::{
    fmt,
    sync::{Arc, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{
    FutureExt, Stream, StreamExt,
    future::{BoxFuture, ready},
    stream,
};
use http::{HeaderMap, Request, Response, StatusCode, Uri, header::PROXY_AUTHORIZATION};
use http_body_util::{BodyExt, BodyStream, StreamBody, combinators::UnsyncBoxBody};
use hyper_util::{client::legacy, rt::TokioExecutor};
use kube::{
    Client, Config,
    client::{Body, ConfigExt},
};
use tokio::time::timeout;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

use super::{
    credentials::{CredentialsError, Identity},
    dial::{DialError, Dialer, Route, Wire, is_forwarded, needs_tls, proxy_authorization, tcp},
    renewing::{EVERY, Renewing},
    tls::Trust,
    user::{Impersonation, User},
};

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// The shortest time between two runs of a plugin whose tokens expire at once.
const STALE_EVERY: Duration = Duration::from_secs(5);
/// The time that TCP, proxy and TLS may take together; after it the connection fails.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The time without a byte after which a request that should be answered at once fails. An
/// API server that hangs behind a load balancer would hold a list for ever, and with it all that
/// waits for the list.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The time for which an answer counts that showed the credentials to be good.
const ACCEPTED_FOR: Duration = Duration::from_secs(60);

/// A cluster and the user that connects to it.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) server: Uri,
    pub(super) server_name: Option<String>,
    pub(super) proxy: Option<Uri>,
    pub(super) trust: Trust,
    pub(super) user: User,
    /// Sent with every request.
    pub(super) headers: HeaderMap,
    pub(super) namespace: String,
    pub(super) connect_within: Option<Duration>,
    /// The head of every answer has to come within this time; by default only that of an answer
    /// which the server does not hold open.
    pub(super) answer_within: Option<Duration>,
    /// An answer that the server does not hold open fails after so long without a byte.
    pub(super) silence: Duration,
}

/// A way to a cluster: connections, and the credentials for requests on them.
pub struct Transport {
    target: Target,
    /// The headers of the impersonation and of the target.
    headers: HeaderMap,
    logins: Renewing<Login>,
}

/// Credentials that are in use, with the connections that they opened.
pub struct Login {
    identity: Identity,
    dialer: Dialer,
    http: legacy::Client<Dialer, Body>,
}

/// An error that kept a request from being sent or answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// There are no credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// No header can be made of the credentials.
    #[error("no credentials")]
    Authorize(#[source] BoxError),
    /// There is no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection broke.
    #[error(transparent)]
    Http(#[from] legacy::Error),
    /// The time of a request is over.
    #[error("no answer within {0:?} (--request-timeout)")]
    Late(Duration),
    /// The answer began and did not go on.
    #[error("the answer stopped for {0:?}")]
    Stalled(Duration),
}

impl Target {
    /// Creates a target with the default trust and the default times.
    pub(super) fn new(server: Uri, proxy: Option<Uri>, user: User) -> Self {
        Self {
            server,
            server_name: None,
            proxy,
            trust: Trust::default(),
            user,
            headers: HeaderMap::new(),
            namespace: "default".to_owned(),
            connect_within: Some(CONNECT_WITHIN),
            answer_within: None,
            silence: ANSWER_WITHIN,
        }
    }
}

impl From<Config> for Target {
    fn from(config: Config) -> Self {
        let user = User::from(config.auth_info);
        Self {
            server_name: config.tls_server_name,
            trust: Trust {
                authorities: config.root_cert,
                file: config.root_cert_file,
                anyone: config.accept_invalid_certs,
            },
            headers: config.headers.into_iter().collect(),
            namespace: config.default_namespace,
            connect_within: config.connect_timeout,
            answer_within: config.read_timeout,
            ..Self::new(config.cluster_url, config.proxy_url, user)
        }
    }
}

impl Transport {
    pub(super) fn new(target: Target) -> Self {
        let loaded = target.clone();
        let make = move || {
            let target = loaded.clone();
            tokio::spawn(async move { Login::load(&target).await })
        };
        Self {
            headers: static_headers(&target),
            logins: Renewing::new(make),
            target,
        }
    }

    /// Returns the server's URL.
    pub fn server(&self) -> &Uri {
        &self.target.server
    }

    /// True if requests on a wire need the whole URL in their first line, since a proxy reads them.
    pub fn is_forwarded(&self) -> bool {
        is_forwarded(&self.target.server, self.target.proxy.as_ref())
    }

    /// Returns the present credentials; the first call loads them, for as long as that takes.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, a certificate is of no use or a plugin fails.
    pub async fn login(&self) -> Result<Arc<Login>, CredentialsError> {
        let is_first = !self.logins.is_made();
        let login = self.logins.current().await?;
        // Credentials that were made by this very call are fresh.
        if is_first || !login.identity.is_stale() {
            return Ok(login);
        }
        // Expired by our clock only: the server has not refused the old ones yet, so they are
        // better than none.
        let next = self.logins.renewed(&login, STALE_EVERY).await;
        Ok(next.unwrap_or(login))
    }

    /// Returns other credentials after a 401 to a request for `path`, if there are any to
    /// be had now.
    ///
    /// The API server passes a 401 of a node on as its own, although the credentials are good
    /// then. The same credentials are therefore tried on the pod itself first.
    pub async fn renewed(&self, refused: &Arc<Login>, path: &str) -> Option<Arc<Login>> {
        // Before the question below, which is a request of its own.
        if !self.target.user.is_renewable() || !self.logins.may_renew(refused, EVERY).await {
            return None;
        }
        if let Some(pod) = pod_of_log(path)
            && self.is_accepted(refused, pod).await
        {
            return None;
        }
        self.logins.renewed(refused, EVERY).await
    }

    async fn is_accepted(&self, login: &Login, path: &str) -> bool {
        let accepted = login
            .identity
            .accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .to_owned();
        if accepted.is_some_and(|at| at.elapsed() < ACCEPTED_FOR) {
            return true;
        }
        let base = self.server().path().trim_end_matches('/');
        let url = Uri::builder()
            .scheme(self.server().scheme_str().unwrap_or("https"))
            .authority(
                self.server()
                    .authority()
                    .map_or("", |authority| authority.as_str()),
            )
            .path_and_query(format!("{base}{path}"))
            .build();
        let Ok(request) = url.map(|url| {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = url;
            request
        }) else {
            return false;
        };
        let answer = timeout(Duration::from_secs(10), self.exchange(login, request)).await;
        let is_accepted =
            matches!(&answer, Ok(Ok(answer)) if answer.status() != StatusCode::UNAUTHORIZED);
        if is_accepted {
            let mut accepted = login
                .identity
                .accepted
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *accepted = Some(Instant::now());
        }
        is_accepted
    }

    /// Opens a connection that is shared with no other request.
    ///
    /// # Errors
    ///
    /// When the server or the proxy cannot be reached, or is not the one it says it is.
    pub async fn connect(&self, login: &Login) -> Result<Wire, DialError> {
        login.dialer.dial().await
    }

    /// Opens a TCP connection to the server alone, without proxy and TLS.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached.
    pub async fn tcp(&self) -> Result<tokio::net::TcpStream, DialError> {
        tcp(self.server()).await
    }

    /// Returns the headers that a request needs: authorization, impersonation, the user's own.
    ///
    /// # Errors
    ///
    /// When the legacy `auth-provider` gives no token.
    pub async fn headers(&self, login: &Login) -> Result<HeaderMap, TransportError> {
        let mut headers = self.headers.clone();
        login
            .identity
            .authorize(&mut headers)
            .await
            .map_err(TransportError::Authorize)?;
        Ok(headers)
    }

    /// Makes a kube client on top of this transport.
    pub(super) fn client(self: &Arc<Self>) -> Client {
        let base = Config::new(self.target.server.clone()).base_uri_layer();
        let service = base.layer(Sender(Arc::clone(self)));
        Client::new(service, self.target.namespace.clone())
    }

    async fn send(&self, request: Request<Body>) -> Result<Answer, TransportError> {
        let login = self.login().await?;
        // Before the request, which takes the body with it.
        let again = copy(&request);
        let path = request.uri().path().to_owned();
        let answer = self.exchange(&login, request).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let path = path
            .strip_prefix(self.server().path().trim_end_matches('/'))
            .unwrap_or(&path);
        match (again, self.renewed(&login, path).await) {
            (Some(again), Some(login)) => self.exchange(&login, again).await,
            _ => Ok(answer),
        }
    }

    async fn exchange(
        &self,
        login: &Login,
        mut request: Request<Body>,
    ) -> Result<Answer, TransportError> {
        for (name, value) in &self.headers(login).await? {
            // Not `insert`: impersonation sends one header for each group.
            request.headers_mut().append(name, value.clone());
        }
        let (method, uri) = (request.method().clone(), request.uri().clone());
        // A quiet watch or log may rightly be silent for hours; their own watchdogs look after
        // them.
        let pause = (!is_held_open(&uri)).then_some(self.target.silence);
        let answer = login.http.request(request);
        let answer = match self.target.answer_within.or(pause) {
            Some(within) => timeout(within, answer)
                .await
                .map_err(|_| TransportError::Late(within))?,
            None => answer.await,
        }?;
        log::debug!("{method} {uri}: {}", answer.status());
        Ok(answer.map(|body| match pause {
            Some(pause) => StreamBody::new(unbroken(BodyStream::new(body), pause)).boxed_unsync(),
            None => body.map_err(Into::into).boxed_unsync(),
        }))
    }
}

impl Login {
    async fn load(target: &Target) -> Result<Self, CredentialsError> {
        let needs_tls = needs_tls(&target.server, target.proxy.as_ref());
        let identity = Identity::load(&target.user, needs_tls.then_some(&target.trust)).await?;
        let dialer = Dialer::new(Route {
            server: target.server.clone(),
            server_name: target.server_name.clone(),
            proxy: target.proxy.clone(),
            tls: identity.tls.clone(),
            within: target.connect_within,
        });
        let http = legacy::Client::builder(TokioExecutor::new()).build(dialer.clone());
        Ok(Self {
            identity,
            dialer,
            http,
        })
    }
}

/// True for requests whose answer comes bit by bit for as long as somebody reads: watches and logs.
fn is_held_open(uri: &Uri) -> bool {
    let mut parameters = uri.query().unwrap_or_default().split('&');
    let is_log = uri.path().ends_with("/log");
    is_log || parameters.any(|parameter| matches!(parameter, "watch=true" | "watch=1"))
}

/// Returns the frames of a body; a pause that is too long is an error and the end.
fn unbroken<Frame, E: Into<BoxError>>(
    frames: impl Stream<Item = Result<Frame, E>> + Send + Unpin + 'static,
    pause: Duration,
) -> impl Stream<Item = Result<Frame, BoxError>> + Send {
    stream::unfold(Some(frames), move |frames| async move {
        let mut frames = frames?;
        match timeout(pause, frames.next()).await {
            Ok(frame) => Some((frame?.map_err(Into::into), Some(frames))),
            Err(_) => Some((Err(TransportError::Stalled(pause).into()), None)),
        }
    })
}

/// Returns the path of the pod whose log a path asks for.
fn pod_of_log(path: &str) -> Option<&str> {
    let path = path.split('?').next().unwrap_or(path);
    path.strip_suffix("/log")
        .filter(|pod| pod.contains("/pods/"))
}

fn static_headers(target: &Target) -> HeaderMap {
    let mut headers = impersonating(&target.server, &target.user.impersonation);
    for (name, value) in &target.headers {
        headers.append(name, value.clone());
    }
    let proxy = target
        .proxy
        .as_ref()
        .filter(|proxy| is_forwarded(&target.server, Some(proxy)));
    if let Some(value) = proxy.and_then(proxy_authorization) {
        headers.insert(PROXY_AUTHORIZATION, value);
    }
    headers
}

/// Returns the headers that kube's layer for impersonation adds, by a service behind the
/// layer that sends back the headers it receives.
fn impersonating(server: &Uri, who: &Impersonation) -> HeaderMap {
    let mut config = Config::new(server.clone());
    config.auth_info.impersonate.clone_from(&who.user);
    config.auth_info.impersonate_uid.clone_from(&who.uid);
    config.auth_info.impersonate_groups = Some(who.groups.clone());
    config.auth_info.impersonate_user_extra = Some(who.extra.clone());
    let arrived = service_fn(|request: Request<Body>| {
        ready(Ok::<_, BoxError>(Response::new(
            request.into_parts().0.headers,
        )))
    });
    let answer = config.extra_headers_layer().ok().and_then(|layer| {
        layer
            .layer(arrived)
            .oneshot(Request::new(Body::empty()))
            .now_or_never()
    });
    answer
        .and_then(Result::ok)
        .map(Response::into_body)
        .unwrap_or_default()
}

/// Copies a request, if its body can be sent twice.
fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

/// The bottom of kube's client.
#[derive(Clone)]
struct Sender(Arc<Transport>);

impl Service<Request<Body>> for Sender {
    type Response = Answer;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let transport = Arc::clone(&self.0);
        async move { transport.send(request).await.map_err(Into::into) }.boxed()
    }
}

/// Without credentials.
impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("server", &self.target.server)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
