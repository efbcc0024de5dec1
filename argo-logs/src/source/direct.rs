//! Logs over connections of their own.

use std::{sync::Arc, time::Duration};

use argo_core::{ObjectRef, client::Connection, resource::Pod};
use async_trait::async_trait;
use http::{Uri, uri::Scheme};
use hyper_util::client::legacy::connect::HttpConnector;
use kube::{Client, Config};
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tower::ServiceExt;

use super::{
    ANSWER_WITHIN, ASK_WITHIN, AskError, LogBody, LogResponse, LogSource, OpenError, OpenParams,
    Refused, TEXT_WITHIN,
    http1::{Body, Head, Socket, request_bytes},
    kube::read_pod,
    request::log_path,
    status_response::{MAX_TEXT, compressed},
};
use crate::credentials::{Credentials, Identity};

/// With the interval and retries below, a dead connection is noticed after 60 s.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;

/// Logs over connections of their own: HTTP/1.1 with TCP keepalive, one connection a log,
/// configured like kube's client. Pods are read with that client.
pub struct DirectSource {
    client: Client,
    config: Config,
    credentials: Credentials,
    connector: HttpConnector,
    /// Shared by all open logs, so that they share the memory for their buffers.
    sharing: Arc<()>,
}

impl DirectSource {
    /// Reads logs from this cluster. No request is sent yet.
    pub fn new(connection: Connection) -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_keepalive(Some(KEEPALIVE));
        connector.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
        connector.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        connector.set_connect_timeout(connection.config.connect_timeout);
        Self {
            client: connection.client,
            credentials: Credentials::new(connection.config.clone()),
            config: connection.config,
            connector,
            sharing: Arc::new(()),
        }
    }

    /// True if a direct connection reaches the server of `config`.
    pub(crate) fn can_reach(config: &Config) -> bool {
        let server = &config.cluster_url;
        let known = |scheme: &Scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
        config.proxy_url.is_none() && server.host().is_some() && server.scheme().is_some_and(known)
    }

    fn server(&self) -> &Uri {
        &self.config.cluster_url
    }

    async fn answer(&self, path: &str) -> Result<(Head, Body), OpenError> {
        let identity = self.credentials.current().await.map_err(OpenError::Lost)?;
        let (head, body) = self.request(path, &identity).await?;
        if head.status != 401 {
            return Ok((head, body));
        }
        match self.credentials.renewed(&identity).await {
            Some(identity) => self.request(path, &identity).await,
            None => Ok((head, body)),
        }
    }

    async fn request(&self, path: &str, identity: &Identity) -> Result<(Head, Body), OpenError> {
        let headers = self.credentials.headers(identity).await;
        let headers = headers.map_err(OpenError::Lost)?;
        let request = request_bytes(self.server(), path, &headers);
        let socket = self.connect(identity).await?;
        let answer = Body::request(socket, &request).await;
        let (head, body) = answer.map_err(|error| OpenError::of(&error))?;
        Ok((head, body.sharing(&self.sharing)))
    }

    async fn tcp(&self) -> Result<TcpStream, OpenError> {
        let connecting = self.connector.clone().oneshot(self.server().clone());
        let tcp = connecting.await.map_err(|error| OpenError::of(&error))?;
        Ok(tcp.into_inner())
    }

    async fn connect(&self, identity: &Identity) -> Result<Box<dyn Socket>, OpenError> {
        let tcp = self.tcp().await?;
        if self.server().scheme() == Some(&Scheme::HTTP) {
            return Ok(Box::new(tcp));
        }
        let connecting = identity.tls().connect(self.server_name()?, tcp);
        let tls = connecting.await.map_err(|error| OpenError::of(&error))?;
        Ok(Box::new(tls))
    }

    /// Returns the name that the server's certificate has to be for.
    fn server_name(&self) -> Result<ServerName<'static>, OpenError> {
        let name = match &self.config.tls_server_name {
            Some(name) => name.as_str(),
            None => self.server().host().unwrap_or_default(),
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        ServerName::try_from(name.to_owned())
            .map_err(|error| OpenError::Lost(format!("\"{name}\": {error}")))
    }
}

#[async_trait]
impl LogSource for DirectSource {
    async fn open(&self, pod: &ObjectRef, params: &OpenParams) -> Result<LogResponse, OpenError> {
        let path = log_path(pod, params);
        let answer = timeout(ANSWER_WITHIN, self.answer(&path)).await;
        let (head, mut body) = answer.map_err(|_| OpenError::late())??;
        if head.status == 200 {
            if let Some(refused) = compressed(head.encoding.as_deref()) {
                return Err(OpenError::Refused(refused));
            }
            return Ok(LogResponse::new(head.date, LogBody::http1(body)));
        }
        let text = timeout(TEXT_WITHIN, body.read_text(MAX_TEXT)).await;
        let refused = Refused::read(head.status, head.retry_after, &text.unwrap_or_default());
        Err(OpenError::Refused(refused))
    }

    async fn pod(&self, pod: &ObjectRef) -> Result<Option<Pod>, AskError> {
        read_pod(&self.client, pod, ASK_WITHIN).await
    }
}

#[cfg(test)]
#[path = "direct_tests.rs"]
mod tests;
