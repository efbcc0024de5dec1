//! Sources of logs: the trait, its requests and its answers.

mod answer;
#[cfg(feature = "argocd-api")]
mod argocd;
#[cfg(feature = "direct")]
pub(crate) mod direct;
mod headers;
#[cfg(feature = "direct")]
mod http1;
mod kube;
mod log_source;
mod request;
mod shared;
mod status_response;

use std::sync::Arc;

use argo_core::client::Connection;

#[cfg(feature = "argocd-api")]
pub use self::argocd::ArgocdLogs;
#[cfg(feature = "direct")]
pub use self::direct::DirectSource;
pub(crate) use self::{
    answer::{ANSWER_WITHIN, ASK_WITHIN, TEXT_WITHIN},
    shared::{Counted, SharedSource},
};
pub use self::{
    answer::{AskError, LogBody, LogResponse, Lost, OpenError},
    kube::KubeSource,
    log_source::{LogSource, OpenParams},
    status_response::{Refusal, Refused},
};
/// Returns the source for the logs of a cluster: own connections where the feature `direct`
/// is on, or kube's client if it is the embedder's own.
///
/// Neither source speaks HTTP/2; a server that offers nothing else would not serve kube's
/// client either.
pub(crate) fn of_cluster(connection: Connection) -> Arc<dyn LogSource> {
    let client = connection.client.clone();
    #[cfg(feature = "direct")]
    if let Some(direct) = DirectSource::new(connection) {
        return Arc::new(direct);
    }
    Arc::new(KubeSource::new(client))
}
