//! Sources of objects: a cluster, or Argo CD's API.

use std::sync::Arc;

use argo_core::{Bystanders, ObjectRef, WatchEvent, resource::PackedPod};
use futures::{
    FutureExt,
    future::{BoxFuture, ready},
    stream::BoxStream,
};

use super::{
    Clients, TrackConfig,
    index::UnknownOwner,
    names::{Inquiry, Names, NamesReader},
    owner_reader::{Answer, OwnerReader},
    pod_reader::PodReader,
    watches::{Observed, WatchContext, WatchSpec},
};
use crate::workload::Kinds;

/// A way to the objects that a tracker asks for.
pub(crate) trait ObjectSource: Send {
    /// Watches a kind in a scope. The stream never ends and reports failures as items.
    fn watch(&self, spec: &WatchSpec) -> BoxStream<'static, WatchEvent<Observed>>;

    /// Reads an owner that no watch delivers.
    fn read_owner(&self, unknown: UnknownOwner) -> BoxFuture<'static, (UnknownOwner, Answer)>;

    /// Reads a pod whose changes were left out; nothing if it is gone.
    fn read_pod(&self, pod: ObjectRef) -> BoxFuture<'static, (ObjectRef, Option<Arc<PackedPod>>)> {
        ready((pod, None)).boxed()
    }

    /// Lists the names that a user may have meant.
    fn read_names(&self, inquiry: Inquiry) -> BoxFuture<'static, (Inquiry, Names)>;
}

/// The objects of a cluster.
pub(crate) struct ClusterObjects {
    context: WatchContext,
    owners: OwnerReader,
    names: NamesReader,
    pods: PodReader,
}

impl ClusterObjects {
    pub(crate) fn new(clients: &Clients, config: &TrackConfig) -> Self {
        let kinds = Kinds::new(&config.kinds);
        Self {
            context: WatchContext::new(clients, config),
            names: clients.names(),
            pods: PodReader::new(clients.workloads.client.clone()),
            owners: OwnerReader::new(clients.workloads.client.clone(), kinds),
        }
    }

    /// Leaves out changes of these pods.
    pub(crate) fn leaving_out(mut self, bystanders: Bystanders) -> Self {
        self.context = self.context.leaving_out(bystanders);
        self
    }
}

impl ObjectSource for ClusterObjects {
    fn watch(&self, spec: &WatchSpec) -> BoxStream<'static, WatchEvent<Observed>> {
        spec.watch(&self.context)
    }

    fn read_owner(&self, unknown: UnknownOwner) -> BoxFuture<'static, (UnknownOwner, Answer)> {
        let owners = self.owners.clone();
        async move {
            let answer = owners.read(&unknown).await;
            (unknown, answer)
        }
        .boxed()
    }

    fn read_pod(&self, pod: ObjectRef) -> BoxFuture<'static, (ObjectRef, Option<Arc<PackedPod>>)> {
        let pods = self.pods.clone();
        async move {
            let found = pods.read(&pod).await;
            (pod, found)
        }
        .boxed()
    }

    fn read_names(&self, inquiry: Inquiry) -> BoxFuture<'static, (Inquiry, Names)> {
        let names = self.names.clone();
        async move {
            let answer = names.read(inquiry.clone()).await;
            (inquiry, answer)
        }
        .boxed()
    }
}
