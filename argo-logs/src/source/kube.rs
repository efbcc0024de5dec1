//! Logs through kube's own client.

use std::time::Duration;

use argo_core::{ObjectRef, resource::Pod, text::chain};
use async_trait::async_trait;
use futures::StreamExt;
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, Collected, Limited};
use kube::{Api, Client, client::Body};
use tokio::time::timeout;

use super::{
    ANSWER_WITHIN, ASK_WITHIN, AskError, LogBody, LogResponse, LogSource, Lost, OpenError,
    OpenParams, Refused, TEXT_WITHIN,
    headers::{date, seconds},
    request::log_path,
    status_response::{MAX_TEXT, compressed},
};

/// Logs through kube's own client, whatever its way to the cluster (a proxy, layers of the
/// embedder). Its connections have no keepalive, so only the follower's watchdog notices a
/// dead one. A line costs about three times as much work as with `DirectSource`, which the
/// feature `direct` provides.
///
/// The client should have `default_retry` off: nobody hears of requests that the client
/// retries by itself.
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
            // A gzip stream would be unreadable until the kubelet has written a whole block.
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
        let response = self.answer(&log_path(pod, params)).await?;
        let (head, body) = response.into_parts();
        // A header that is not ASCII counts as absent: none of these matters enough to fail a
        // log.
        let text = |name| head.headers.get(name)?.to_str().ok();
        if head.status == StatusCode::OK {
            if let Some(refused) = compressed(text(header::CONTENT_ENCODING)) {
                return Err(OpenError::Refused(refused));
            }
            let bytes = body.into_data_stream();
            let bytes = bytes.map(|item| item.map_err(|error| Lost(chain(&error))));
            let date = text(header::DATE).and_then(date);
            return Ok(LogResponse::new(date, LogBody::from_stream(bytes)));
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

/// Reads a pod from the storage of the API server, not from its cache: the request has no
/// `resourceVersion`.
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
