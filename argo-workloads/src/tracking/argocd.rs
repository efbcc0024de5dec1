//! The objects of an application over Argo CD's API.
//!
//! [`mirror`] holds what the trees and the reads of single objects say, and decides what to
//! read next; it has no clock and no client. [`objects`] feeds it and serves the watches of a
//! tracker from it. The tracker is the one that follows a cluster.

mod application;
mod meta;
mod mirror;
mod objects;

use std::sync::Arc;

use argo_core::{AppRef, argocd::Trees};

use self::objects::ApiObjects;
use super::{
    TrackConfig, TrackStream, Tracker, access::ARGOCD, local_cluster::LocalCluster,
    stream::track_from,
};

/// Tracks an application through Argo CD's API, as [`track`](crate::track()) does in a cluster.
///
/// Objects come from the application's tree, a second or a few after they change; pods and
/// workloads are read one by one when their node changed. Objects that live shorter than that
/// are not seen. Must be polled within a tokio runtime.
pub fn track_argocd(trees: Arc<Trees>, app: AppRef, config: TrackConfig) -> TrackStream {
    let cluster = LocalCluster {
        // Whatever cluster the objects are on, the tree holds them.
        is_apart: true,
        url: String::new(),
        described: format!("{ARGOCD}{}", trees.client().address().authority()),
    };
    let source = ApiObjects::new(trees, &config);
    track_from(Box::new(source), Tracker::new(app, config, cluster))
}
