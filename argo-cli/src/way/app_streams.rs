//! The streams of the applications of a run.

use std::sync::Arc;

use argo_core::TrackEvent;
use argo_workloads::{SharedWatches, resources::ResourceReader, track_argocd};
use futures::{
    StreamExt,
    stream::{self, BoxStream, SelectAll},
};
use jiff::Timestamp;

use super::Way;
use crate::{
    args::FollowArgs,
    follow::Streams,
    streams::{clients, stream_config},
};

/// The streams of the applications of a run: a tracker for each, and one stream of logs and one
/// of events for all of them.
pub(crate) struct AppStreams {
    /// The streams that the applications share.
    pub shared: Streams,
    /// The objects of each application.
    pub tracked: Trackers,
}

/// The trackers of the applications.
pub(crate) struct Trackers(SelectAll<BoxStream<'static, (usize, TrackEvent)>>);

impl Trackers {
    /// Returns the next change of what an application tracks, with the application's number.
    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> (usize, TrackEvent) {
        match self.0.next().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }
}

impl AppStreams {
    /// Makes streams that wait for those of [`open`] in their place.
    pub(crate) fn pending() -> Self {
        Self {
            shared: Streams::pending(),
            tracked: Trackers(SelectAll::new()),
        }
    }

    /// Stops tracking: the logs and events end after the rest of them was read.
    pub(crate) fn drain(&mut self) {
        self.tracked = Trackers(SelectAll::new());
        self.shared.drain();
    }

    fn of(mut shared: Streams, trackers: Vec<BoxStream<'static, TrackEvent>>) -> Self {
        shared.tracked = stream::pending().boxed();
        let numbered = trackers.into_iter().enumerate();
        let numbered =
            numbered.map(|(app, tracked)| tracked.map(move |event| (app, event)).boxed());
        Self {
            tracked: Trackers(numbered.collect()),
            shared,
        }
    }
}

/// Opens the streams; they ask nothing of the cluster before they are polled.
pub(super) fn open(args: &FollowArgs, way: &Way, started: Timestamp) -> AppStreams {
    let apps = &args.target.apps;
    let mut config = stream_config(args, started);
    match way {
        Way::Cluster(clusters) => {
            let clients = clients(clusters);
            let mut track = config.track.clone();
            let mut shared = Streams::open(clients.clone(), args.target.app(), config);
            if let Some(argocd) = &clusters.argocd {
                let reader = std::mem::replace(&mut shared.resources, ResourceReader::nowhere());
                shared.resources = reader.comparing(argocd.clone());
            }
            if apps.len() < 2 {
                let own = std::mem::replace(&mut shared.tracked, stream::pending().boxed());
                return AppStreams::of(shared, vec![own]);
            }
            track.apart.clone_from(apps);
            let watches = SharedWatches::new(clients, track);
            let trackers = apps.iter().map(|app| watches.track(app.clone()).boxed());
            AppStreams::of(shared, trackers.collect())
        }
        Way::Argocd(api) => {
            if !api.may_read_logs {
                config.logs = None;
            }
            let mut track = config.track.clone();
            track.apart.clone_from(&api.apps);
            let shared = Streams::open_argocd(&api.trees, args.target.app(), config);
            let trackers = api.apps.iter().map(|app| {
                let trees = Arc::clone(&api.trees);
                track_argocd(trees, app.clone(), track.clone()).boxed()
            });
            AppStreams::of(shared, trackers.collect())
        }
    }
}
