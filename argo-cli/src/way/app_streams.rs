//! The streams of the applications of a run.

use std::{sync::Arc, time::Duration};

use argo_core::{AppRef, TrackEvent, argocd::Trees};
use argo_workloads::{SharedWatches, TrackConfig, resources::ResourceReader, track_argocd};
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

/// Time for the last lines over Argo CD's API, where they come by a longer way.
const LAST_LINES: Duration = Duration::from_secs(10);

/// The streams of the applications of a run: a tracker for each, and one stream of logs and one
/// of events for all of them.
pub(crate) struct AppStreams {
    /// The streams that the applications share.
    pub shared: Streams,
    /// The objects of each application.
    pub tracked: Trackers,
    place: Place,
}

/// The place where the tracker of one more application finds its objects.
enum Place {
    Nowhere,
    Cluster(SharedWatches),
    Argocd(Arc<Trees>, TrackConfig),
}

impl Place {
    fn track(&self, app: &AppRef) -> BoxStream<'static, TrackEvent> {
        match self {
            Self::Nowhere => stream::pending().boxed(),
            Self::Cluster(watches) => watches.track(app.clone()).boxed(),
            Self::Argocd(trees, track) => {
                track_argocd(Arc::clone(trees), app.clone(), track.clone()).boxed()
            }
        }
    }
}

/// The trackers of the applications.
pub(crate) struct Trackers(SelectAll<BoxStream<'static, (usize, TrackEvent)>>);

impl Trackers {
    fn add(&mut self, app: usize, tracked: BoxStream<'static, TrackEvent>) {
        self.0.push(tracked.map(move |event| (app, event)).boxed());
    }

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
            place: Place::Nowhere,
        }
    }

    /// True if applications may [join](Self::join).
    pub(crate) fn may_be_joined(&self) -> bool {
        !matches!(self.place, Place::Nowhere)
    }

    /// Tracks applications that have appeared; `first` is the number of the first one.
    pub(crate) fn join(&mut self, first: usize, apps: &[AppRef]) {
        for (number, app) in apps.iter().enumerate() {
            self.tracked.add(first + number, self.place.track(app));
        }
    }

    /// Stops tracking: the logs and events end after the rest of them was read.
    pub(crate) fn drain(&mut self) {
        self.tracked = Trackers(SelectAll::new());
        self.place = Place::Nowhere;
        self.shared.drain();
    }

    fn alone(mut shared: Streams) -> Self {
        let own = std::mem::replace(&mut shared.tracked, stream::pending().boxed());
        let mut tracked = Trackers(SelectAll::new());
        tracked.add(0, own);
        Self {
            shared,
            tracked,
            place: Place::Nowhere,
        }
    }

    fn of(mut shared: Streams, place: Place, apps: &[AppRef]) -> Self {
        shared.tracked = stream::pending().boxed();
        let tracked = Trackers(SelectAll::new());
        let mut streams = Self {
            shared,
            tracked,
            place,
        };
        streams.join(0, apps);
        streams
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
            if apps.len() < 2 && !args.target.is_selecting() {
                return AppStreams::alone(shared);
            }
            track.apart.clone_from(apps);
            let watches = SharedWatches::new(clients, track);
            AppStreams::of(shared, Place::Cluster(watches), apps)
        }
        Way::Argocd(api) => {
            let logs = config.logs.filter(|_| api.may_read_logs);
            config.logs = logs.map(|logs| logs.finish_within(LAST_LINES));
            let mut track = config.track.clone();
            track.apart.clone_from(&api.apps);
            let shared = Streams::open_argocd(&api.trees, args.target.app(), config);
            let place = Place::Argocd(Arc::clone(&api.trees), track);
            AppStreams::of(shared, place, &api.apps)
        }
    }
}
