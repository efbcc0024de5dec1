//! Reads pods whose changes were left out, once they belong to the application.

use std::{sync::Arc, time::Duration};

use argo_core::{Backoff, ObjectRef, backoff::seed, resource::PackedPod};
use kube::{Api, Client, api::ListParams};

use crate::workload::scan::code;

/// Reads of a pod before it is given up, while there is no answer at all.
const TRIES: u32 = 5;

/// Reads pods one by one.
#[derive(Clone)]
pub(crate) struct PodReader(Client);

impl PodReader {
    pub(crate) fn new(client: Client) -> Self {
        Self(client)
    }

    /// Reads a pod; nothing if it is gone, may not be read any more, or cannot be read in a few
    /// tries: then its watch delivers it with its next change.
    ///
    /// It asks for a list, as the right to list pods is there.
    pub(crate) async fn read(&self, pod: &ObjectRef) -> Option<Arc<PackedPod>> {
        let api: Api<PackedPod> = Api::namespaced(self.0.clone(), &pod.namespace);
        let list = ListParams::default().fields(&format!("metadata.name={}", pod.name));
        let (first, last) = (Duration::from_millis(500), Duration::from_secs(10));
        let mut backoff = Backoff::new(first, last, seed(pod));
        loop {
            match api.list(&list).await {
                Ok(found) => return found.items.into_iter().next().map(Arc::new),
                Err(error)
                    if matches!(code(&error), 403 | 404) || backoff.failures() + 1 >= TRIES =>
                {
                    log::warn!("{pod} cannot be read: {error}");
                    return None;
                }
                Err(error) => {
                    log::debug!("{pod} cannot be read yet: {error}");
                    tokio::time::sleep(backoff.next_delay()).await;
                }
            }
        }
    }
}
