//! Logs through kube's own client.

use std::time::Duration;

use argo_core::{ObjectRef, resource::Pod};
use async_trait::async_trait;
use futures::StreamExt;
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, Collected, Limited};
use kube::{Api, Client, client::Body};
use tokio::time::timeout;

use crate::{
    AskError, LogBody, LogResponse, LogSource, Lost, OpenError, OpenParams, Refused,
    http1::{Request, date, seconds},
    refused::{MAX_TEXT, compressed},
    source::{ANSWER_WITHIN, ASK_WITHIN, TEXT_WITHIN, chain},
};

/// Logs through kube's own client, whatever way to the cluster it knows (a proxy, a
/// stack of layers of the embedder's). Its connections have no keepalive, so only the
/// follower's own watchdog notices a dead one, and a line costs about three times the
/// work that it costs [`DirectSource`](crate::DirectSource).
///
/// The client should have `default_retry` off: a request that it retries by itself is a
/// silent one.
#[derive(Clone)]
pub struct KubeSource {
    client: Client,
}

impl KubeSource {
    /// Logs through this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    async fn answer(&self, path: &str) -> Result<Response<Body>, OpenError> {
        let request = http::Request::get(path)
            .header(header::ACCEPT, "application/json, */*")
            .header(header::ACCEPT_ENCODING, "identity")
            .body(Body::empty())
            .map_err(|error| OpenError::Lost(chain(&error)))?;
        let answer = timeout(ANSWER_WITHIN, self.client.send(request)).await;
        answer
            .map_err(|_| OpenError::late())?
            .map_err(|error| OpenError::of(&error))
    }
}

#[async_trait]
impl LogSource for KubeSource {
    async fn open(&self, pod: &ObjectRef, params: &OpenParams) -> Result<LogResponse, OpenError> {
        let response = self.answer(&Request::path(pod, params)).await?;
        let (head, body) = response.into_parts();
        let text = |name| head.headers.get(name)?.to_str().ok();
        if head.status == StatusCode::OK {
            if let Some(refused) = compressed(text(header::CONTENT_ENCODING)) {
                return Err(OpenError::Refused(refused));
            }
            let bytes = body.into_data_stream();
            let bytes = bytes.map(|item| item.map_err(|error| Lost(chain(&error))));
            return Ok(LogResponse {
                date: text(header::DATE).and_then(date),
                body: LogBody::from_stream(bytes),
            });
        }
        let retry_after = text(header::RETRY_AFTER).and_then(seconds);
        let body = timeout(TEXT_WITHIN, Limited::new(body, MAX_TEXT).collect()).await;
        let body = body.ok().and_then(Result::ok).map(Collected::to_bytes);
        let refused = Refused::read(head.status.as_u16(), retry_after, &body.unwrap_or_default());
        Err(OpenError::Refused(refused))
    }

    async fn pod(&self, pod: &ObjectRef) -> Result<Option<Pod>, AskError> {
        read_pod(&self.client, pod, ASK_WITHIN).await
    }
}

/// Reads a pod from the storage of the API server (no `resourceVersion`).
pub(crate) async fn read_pod(
    client: &Client,
    pod: &ObjectRef,
    within: Duration,
) -> Result<Option<Pod>, AskError> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace);
    match timeout(within, pods.get_opt(&pod.name)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(AskError(chain(&error))),
        Err(_) => Err(AskError(format!("no answer within {within:?}"))),
    }
}
