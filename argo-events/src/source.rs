//! Where events come from.

use std::sync::Arc;

use argo_core::{WatchConfig, WatchEvent, backoff::seed, client::Connection, watch};
use futures::{StreamExt, stream::BoxStream};
use kube::{Api, Client};

use crate::Event;

/// What one watch covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The namespace.
    pub namespace: Arc<str>,
    /// True if only Applications are of interest there.
    pub applications: bool,
    /// A field selector, where not every event of the namespace is of interest.
    pub fields: Option<Arc<str>>,
}

/// A way to the events of a scope. Kubernetes is one; tests bring another.
pub trait EventSource: Send + Sync {
    /// Watches a scope. The stream never ends, and tells what fails as an item.
    fn watch(&self, scope: &Scope) -> BoxStream<'static, WatchEvent<Event>>;
}

/// Events are small and many: fewer requests, and a page is still about a megabyte.
const PAGE: u32 = 500;

/// The events of a Kubernetes cluster.
pub(crate) struct KubernetesEvents {
    pub(crate) workloads: Client,
    pub(crate) applications: Option<Client>,
}

impl KubernetesEvents {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            workloads: connection.client,
            applications: None,
        }
    }
}

impl EventSource for KubernetesEvents {
    fn watch(&self, scope: &Scope) -> BoxStream<'static, WatchEvent<Event>> {
        let own = self.applications.as_ref().filter(|_| scope.applications);
        let client = own.unwrap_or(&self.workloads).clone();
        let config = WatchConfig {
            fields: scope.fields.as_deref().map(str::to_owned),
            seed: seed(scope),
            page_size: PAGE,
            ..WatchConfig::default()
        };
        watch(Api::namespaced(client, &scope.namespace), config).boxed()
    }
}
