//! The three streams of a run, and how the tracked objects reach the other two.

use argo_core::text::duration;
use argo_core::{PodEvent, TrackEvent};
use argo_events::{ClusterEvents, EventConfig, EventItem, EventStream};
use argo_logs::{LogConfig, LogEvent, LogStream};
use argo_workloads::{Clients, TrackConfig, TrackingMethod, builtin, track};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::{
    args::{EventArgs, FollowArgs, LogArgs, TargetArgs, Tracking},
    cluster::Clusters,
};

/// What is read from the cluster.
///
/// The session stands between the tracker and the other two: it forwards what the tracker
/// says, and ends them by [`drain`](Self::drain). The queues between are not bounded, since
/// what they hold is shared with the tracker and both ends run on one thread.
pub struct Streams {
    /// What belongs to the application.
    pub tracked: BoxStream<'static, TrackEvent>,
    /// Its events.
    pub events: BoxStream<'static, EventItem>,
    /// Its log lines.
    pub logs: BoxStream<'static, LogEvent>,
    to_events: Option<mpsc::UnboundedSender<TrackEvent>>,
    to_logs: Option<mpsc::UnboundedSender<PodEvent>>,
}

impl Streams {
    /// Opens them; nothing is asked of the cluster before they are polled.
    pub fn open(args: &FollowArgs, clusters: &Clusters, started: Timestamp) -> Self {
        let (to_events, events) = mpsc::unbounded_channel();
        let (to_logs, pods) = mpsc::unbounded_channel();
        let tracked = track(
            clients(clusters),
            args.target.app(),
            track_config(&args.target, started),
        );
        let logs = LogStream::new(
            clusters.workloads.clone(),
            UnboundedReceiverStream::new(pods),
            log_config(&args.logs, started),
        );
        let events = EventStream::new(
            event_source(clusters),
            UnboundedReceiverStream::new(events),
            event_config(&args.events, started),
        );
        Self {
            tracked: tracked.boxed(),
            events: events.boxed(),
            logs: if args.logs.no_logs {
                stream::empty().boxed()
            } else {
                logs.boxed()
            },
            to_events: Some(to_events),
            to_logs: Some(to_logs),
        }
    }

    /// Tells the logs and the events of a change among the objects.
    pub fn forward(&self, event: TrackEvent) {
        // A stream that has ended does not want to know.
        if let (Some(to_logs), Some(pod)) = (&self.to_logs, event.pod_event()) {
            let _ = to_logs.send(pod);
        }
        if let Some(to_events) = &self.to_events {
            let _ = to_events.send(event);
        }
    }

    /// Nothing more is tracked: the logs and events end after what is left of them.
    pub fn drain(&mut self) {
        self.tracked = stream::pending().boxed();
        self.to_events = None;
        self.to_logs = None;
    }
}

/// The ways to the clusters, as the tracker takes them.
pub fn clients(clusters: &Clusters) -> Clients {
    Clients {
        workloads: clusters.workloads.clone(),
        applications: clusters.applications.clone(),
    }
}

/// What the flags say about tracking.
pub fn track_config(target: &TargetArgs, started: Timestamp) -> TrackConfig {
    TrackConfig {
        namespaces: target.namespaces.clone(),
        all_namespaces: target.all_namespaces,
        tracking: match target.tracking {
            Tracking::Annotation => TrackingMethod::Annotation,
            Tracking::Label => TrackingMethod::Label,
            Tracking::AnnotationAndLabel => TrackingMethod::AnnotationAndLabel,
        },
        label_key: target.tracking_label.clone(),
        installation_id: target.installation_id.clone(),
        started,
        children: !target.no_children,
        kinds: [builtin(), target.kinds.clone()].concat(),
        ..TrackConfig::default()
    }
}

fn log_config(args: &LogArgs, started: Timestamp) -> LogConfig {
    let mut config = LogConfig::default();
    config.tail = Some(args.tail);
    config.since = args.since.map(|since| duration::earlier(started, since));
    config.containers.clone_from(&args.container);
    config
        .exclude_containers
        .clone_from(&args.exclude_container);
    config.include.clone_from(&args.include);
    config.exclude.clone_from(&args.exclude);
    config.max_lines_per_container = args.max_lines_per_container;
    config.rate = args.max_rate;
    config.replicas = args.replicas;
    config
}

/// Reads the events of both clusters.
pub(crate) fn event_source(clusters: &Clusters) -> ClusterEvents {
    ClusterEvents::new(clusters.workloads.clone()).applications(clusters.applications.clone())
}

fn event_config(args: &EventArgs, started: Timestamp) -> EventConfig {
    EventConfig::default()
        .since(started)
        .overrides(args.event_level.iter().cloned().collect())
}
