//! Logs over connections of their own.

use std::sync::Arc;

use argo_core::{
    ObjectRef,
    client::{Connection, Login, Transport},
    resource::Pod,
};
use async_trait::async_trait;
use kube::Client;
use tokio::time::timeout;

use super::{
    ANSWER_WITHIN, ASK_WITHIN, AskError, LogBody, LogResponse, LogSource, OpenError, OpenParams,
    Refused, TEXT_WITHIN,
    http1::{Body, Head, request_bytes},
    kube::read_pod,
    request::log_path,
    status_response::{MAX_TEXT, compressed},
};

/// Logs over connections of their own: HTTP/1.1 with TCP keepalive, one connection a log,
/// with the credentials of kube's client. Pods are read with that client.
pub struct DirectSource {
    client: Client,
    transport: Arc<Transport>,
    /// Shared by all open logs, so that they share the memory for their buffers.
    sharing: Arc<()>,
}

impl DirectSource {
    /// Reads logs from this cluster. No request is sent yet. `None` if the connection is a
    /// client of the embedder's, which alone knows the way.
    pub fn new(connection: Connection) -> Option<Self> {
        Some(Self {
            transport: connection.transport?,
            client: connection.client,
            sharing: Arc::new(()),
        })
    }

    async fn answer(&self, path: &str) -> Result<(Head, Body), OpenError> {
        let login = self.transport.login().await;
        let login = login.map_err(|error| OpenError::of(&error))?;
        let (head, body) = self.request(path, &login).await?;
        // A token that was revoked or rotated is refused before its end; one new login is tried
        // before the follower hears of it.
        if head.status != 401 {
            return Ok((head, body));
        }
        match self.transport.renewed(&login, path).await {
            Some(login) => self.request(path, &login).await,
            None => Ok((head, body)),
        }
    }

    async fn request(&self, path: &str, login: &Login) -> Result<(Head, Body), OpenError> {
        let transport = &self.transport;
        let headers = transport.headers(login).await;
        let headers = headers.map_err(|error| OpenError::of(&error))?;
        let request = request_bytes(transport.server(), path, &headers, transport.is_forwarded());
        let connecting = transport.connect(login).await;
        let socket = connecting.map_err(|error| OpenError::of(&error))?;
        let answer = Body::request(Box::new(socket), &request).await;
        let (head, body) = answer.map_err(|error| OpenError::of(&error))?;
        Ok((head, body.sharing(&self.sharing)))
    }
}

#[async_trait]
impl LogSource for DirectSource {
    async fn open(&self, pod: &ObjectRef, params: &OpenParams) -> Result<LogResponse, OpenError> {
        let path = log_path(pod, params);
        let answer = timeout(ANSWER_WITHIN, self.answer(&path)).await;
        let (head, mut body) = answer.map_err(|_| OpenError::late())??;
        if head.status == 200 {
            // `identity` was asked for. A proxy that compresses all the same would hold lines
            // back until its block is full.
            if let Some(refused) = compressed(head.encoding.as_deref()) {
                return Err(OpenError::Refused(refused));
            }
            return Ok(LogResponse::new(head.date, LogBody::http1(body)));
        }
        // The status alone decides what to do next; a text that does not come is not waited for.
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
