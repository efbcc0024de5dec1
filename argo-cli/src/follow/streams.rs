//! The three streams from the cluster, and the way of the tracked objects into two of them.

#[cfg(feature = "cli")]
use std::sync::Arc;

#[cfg(feature = "cli")]
use argo_core::argocd::Trees;
use argo_core::{AppRef, PodEvent, TrackEvent};
#[cfg(feature = "cli")]
use argo_events::ArgocdEvents;
use argo_events::{ClusterEvents, EventConfig, EventItem, EventStream};
#[cfg(feature = "cli")]
use argo_logs::ArgocdLogs;
use argo_logs::{LogConfig, LogEvent, LogStream};
#[cfg(feature = "cli")]
use argo_workloads::track_argocd;
use argo_workloads::{
    Clients, TrackConfig,
    resources::{ReadRequest, ResourceReader},
    track,
};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

/// The streams of an application.
///
/// Their owner stands between the tracker and the other two: it [forwards](Self::forward) the
/// events of the tracker, and ends the other two by [`drain`](Self::drain). The queues between
/// them are not bounded: their items are shared with the tracker, and both ends run on one
/// task.
pub struct Streams {
    /// The objects of the application.
    pub tracked: BoxStream<'static, TrackEvent>,
    /// The Kubernetes events of these objects.
    pub events: BoxStream<'static, EventItem>,
    /// The log lines of their containers.
    pub logs: BoxStream<'static, LogEvent>,
    /// Live objects that are read on demand.
    pub resources: ResourceReader,
    to_events: Option<mpsc::UnboundedSender<TrackEvent>>,
    to_logs: Option<mpsc::UnboundedSender<PodEvent>>,
}

/// The settings of the three streams.
#[derive(Clone, Debug)]
#[must_use]
#[non_exhaustive]
pub struct StreamConfig {
    /// The settings of the tracker.
    pub track: TrackConfig,
    /// The settings of the log stream; `None` for no logs.
    pub logs: Option<LogConfig>,
    /// The settings of the event stream.
    pub events: EventConfig,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            track: TrackConfig::default(),
            logs: Some(LogConfig::default()),
            events: EventConfig::default(),
        }
    }
}

impl StreamConfig {
    /// Sets the objects to track.
    pub fn track(mut self, track: TrackConfig) -> Self {
        self.track = track;
        self
    }

    /// Sets the log lines to deliver.
    pub fn logs(mut self, logs: LogConfig) -> Self {
        self.logs = Some(logs);
        self
    }

    /// Delivers no log lines.
    pub fn no_logs(mut self) -> Self {
        self.logs = None;
        self
    }

    /// Sets the Kubernetes events to deliver.
    pub fn events(mut self, events: EventConfig) -> Self {
        self.events = events;
        self
    }
}

/// The ways of the tracked objects to the other two streams.
struct Queues {
    of_pods: UnboundedReceiverStream<PodEvent>,
    of_objects: UnboundedReceiverStream<TrackEvent>,
    to_logs: mpsc::UnboundedSender<PodEvent>,
    to_events: mpsc::UnboundedSender<TrackEvent>,
}

impl Queues {
    fn open() -> Self {
        let (to_events, objects) = mpsc::unbounded_channel();
        let (to_logs, pods) = mpsc::unbounded_channel();
        Self {
            of_pods: UnboundedReceiverStream::new(pods),
            of_objects: UnboundedReceiverStream::new(objects),
            to_logs,
            to_events,
        }
    }
}

impl Streams {
    /// Opens the streams; they ask nothing of the cluster before they are polled.
    pub fn open(clients: Clients, app: AppRef, config: StreamConfig) -> Self {
        let Queues {
            of_pods,
            of_objects,
            to_logs,
            to_events,
        } = Queues::open();
        let workloads = clients.workloads.clone();
        let logs = config
            .logs
            .map(|config| LogStream::new(workloads, of_pods, config).boxed());
        let events = EventStream::new(event_source(&clients), of_objects, config.events);
        let resources = ResourceReader::new(clients.workloads.client.clone());
        Self {
            resources,
            tracked: track(clients, app, config.track).boxed(),
            events: events.boxed(),
            logs: logs.unwrap_or_else(|| stream::empty().boxed()),
            to_events: Some(to_events),
            to_logs: Some(to_logs),
        }
    }

    /// Opens the streams of an application over Argo CD's API.
    #[cfg(feature = "cli")]
    pub fn open_argocd(trees: &Arc<Trees>, app: AppRef, config: StreamConfig) -> Self {
        let Queues {
            of_pods,
            of_objects,
            to_logs,
            to_events,
        } = Queues::open();
        let source = Arc::new(ArgocdLogs::new(Arc::clone(trees)));
        let logs = config
            .logs
            .map(|config| LogStream::from_source(source, of_pods, config).boxed());
        let events = ArgocdEvents::new(Arc::clone(trees));
        let events = EventStream::new(events, of_objects, config.events);
        Self {
            resources: ResourceReader::argocd(Arc::clone(trees)),
            tracked: track_argocd(Arc::clone(trees), app, config.track).boxed(),
            events: events.boxed(),
            logs: logs.unwrap_or_else(|| stream::empty().boxed()),
            to_events: Some(to_events),
            to_logs: Some(to_logs),
        }
    }

    /// Makes streams that wait for those of [`open`](Self::open) in their place.
    pub fn pending() -> Self {
        Self {
            tracked: stream::pending().boxed(),
            events: stream::pending().boxed(),
            logs: stream::pending().boxed(),
            resources: ResourceReader::nowhere(),
            to_events: None,
            to_logs: None,
        }
    }

    /// Tells the logs and the events of a change among the objects.
    pub fn forward(&self, event: TrackEvent) {
        // The receiver of a stream that has ended is gone, which is no error.
        if let (Some(to_logs), Some(pod)) = (&self.to_logs, event.pod_event()) {
            let _ = to_logs.send(pod);
        }
        if let Some(to_events) = &self.to_events {
            let _ = to_events.send(event);
        }
    }

    /// Opens reads of live objects.
    pub fn read(&self, requests: Vec<ReadRequest>) {
        for request in requests {
            self.resources.ask(request);
        }
    }

    /// Stops tracking: the logs and events end after the rest of them was read.
    pub fn drain(&mut self) {
        // Without the tracker its watches are closed; without the senders below, the two readers
        // know that no object comes any more.
        self.tracked = stream::pending().boxed();
        if self.to_events.is_none() {
            // Nothing was opened.
            self.events = stream::empty().boxed();
            self.logs = stream::empty().boxed();
        }
        self.to_events = None;
        self.to_logs = None;
    }
}

/// Returns the source of the events of both clusters.
pub(crate) fn event_source(clients: &Clients) -> ClusterEvents {
    ClusterEvents::new(clients.workloads.clone()).applications(clients.applications.clone())
}
