//! Sources of events: a cluster, or a test's own.

use std::sync::Arc;

use argo_core::{WatchConfig, WatchEvent, backoff::seed, client::Connection, watch};
use futures::{StreamExt, stream::BoxStream};
use kube::{Api, Client};

use crate::Event;

/// The events that one watch covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventScope {
    /// The namespace.
    pub namespace: Arc<str>,
    /// True if only events of Applications are wanted.
    pub applications: bool,
    /// A field selector; `None` selects every event of the namespace.
    pub fields: Option<Arc<str>>,
}

/// A source of events. [`ClusterEvents`] is one; tests bring another.
pub trait EventSource: Send + Sync {
    /// Watches a scope. The stream never ends and reports failures as items.
    fn watch(&self, scope: &EventScope) -> BoxStream<'static, WatchEvent<Event>>;

    /// True if Applications live on another cluster than the objects that they deploy, so
    /// that a namespace of one name is two namespaces.
    fn is_split(&self) -> bool {
        false
    }
}

impl<S: EventSource + ?Sized> EventSource for Arc<S> {
    fn watch(&self, scope: &EventScope) -> BoxStream<'static, WatchEvent<Event>> {
        (**self).watch(scope)
    }

    fn is_split(&self) -> bool {
        (**self).is_split()
    }
}

/// The list of a namespace is read in pages of this many events: they are small and
/// many, and such a page is still about a megabyte.
const PAGE: u32 = 500;

/// The events of a Kubernetes cluster, or of two if Applications live on their own.
#[derive(Clone)]
pub struct ClusterEvents {
    workloads: Client,
    applications: Option<Client>,
}

impl ClusterEvents {
    /// Reads all events through one connection.
    pub fn new(connection: Connection) -> Self {
        Self {
            workloads: connection.client,
            applications: None,
        }
    }

    /// Reads the events of Applications through a connection to the cluster on which they
    /// live; `None` if that is the cluster of the workloads.
    #[must_use]
    pub fn applications(mut self, connection: Option<Connection>) -> Self {
        self.applications = connection.map(|connection| connection.client);
        self
    }

    fn client(&self, scope: &EventScope) -> &Client {
        match &self.applications {
            Some(applications) if scope.applications => applications,
            _ => &self.workloads,
        }
    }
}

impl From<Connection> for ClusterEvents {
    fn from(connection: Connection) -> Self {
        Self::new(connection)
    }
}

impl EventSource for ClusterEvents {
    fn watch(&self, scope: &EventScope) -> BoxStream<'static, WatchEvent<Event>> {
        let config = WatchConfig::default().seed(seed(scope)).page_size(PAGE);
        let config = match &scope.fields {
            Some(fields) => config.fields(&**fields),
            None => config,
        };
        let api = Api::namespaced(self.client(scope).clone(), &scope.namespace);
        watch(api, config).boxed()
    }

    fn is_split(&self) -> bool {
        self.applications.is_some()
    }
}
