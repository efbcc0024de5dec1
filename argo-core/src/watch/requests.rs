//! The requests of one watch.

use std::{pin::Pin, sync::atomic::Ordering};

use futures::AsyncBufRead;
use http::{HeaderValue, header::ACCEPT_ENCODING};
use kube::{
    Api, Client, Resource,
    api::{ListParams, WatchParams},
    core::{ObjectList, Request},
};
use serde::de::DeserializeOwned;

use super::{WatchConfig, failure::Failure};

/// The body of a watch.
pub(super) type Body = Pin<Box<dyn AsyncBufRead + Send>>;

/// The kind and the namespace of a watch, and the client for it.
pub(super) struct Requests {
    client: Client,
    request: Request,
    pub(super) config: WatchConfig,
}

impl Requests {
    pub(super) fn new<K: Resource + Clone>(api: &Api<K>, config: &WatchConfig) -> Self {
        Self {
            client: api.clone().into_client(),
            request: Request::new(api.resource_url()),
            config: config.clone(),
        }
    }

    pub(super) fn is_streaming(&self) -> bool {
        self.config.streaming.load(Ordering::Relaxed)
    }

    /// Reads a page of the list.
    pub(super) async fn page<K>(&self, token: Option<String>) -> Result<ObjectList<K>, Failure>
    where
        K: Clone + DeserializeOwned,
    {
        if let (Some(_), Some(bystanders)) = (&token, &self.config.bystanders) {
            bystanders.owners().await;
        }
        let list = ListParams {
            label_selector: self.config.labels.clone(),
            field_selector: self.config.fields.clone(),
            limit: Some(self.config.page_size),
            continue_token: token,
            ..ListParams::default()
        };
        let request = self
            .request
            .list(&list)
            .map_err(kube::Error::BuildRequest)?;
        Ok(self.client.request(request).await?)
    }

    /// Opens a watch from a version on. With `listed` the objects come first.
    pub(super) async fn watch(&self, version: &str, listed: bool) -> Result<Body, Failure> {
        let watch = WatchParams {
            label_selector: self.config.labels.clone(),
            field_selector: self.config.fields.clone(),
            timeout: Some(self.config.timeout),
            bookmarks: true,
            send_initial_events: listed,
        };
        let request = self.request.watch(&watch, version);
        let mut request = request.map_err(kube::Error::BuildRequest)?;
        // Kubernetes 1.37 compresses each event by itself.
        let plain = HeaderValue::from_static("identity");
        request.headers_mut().insert(ACCEPT_ENCODING, plain);
        Ok(Box::pin(self.client.request_stream(request).await?))
    }
}
