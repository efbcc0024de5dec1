//! The settings of the streams of a run, from the flags.

use std::sync::Arc;

use argo_core::text::duration;
use argo_events::EventConfig;
use argo_logs::LogConfig;
use argo_workloads::{Clients, TrackConfig, TrackingMethod};
use jiff::Timestamp;

use crate::{
    args::{EventArgs, FollowArgs, LogArgs, LogsFrom, TargetArgs, Tracking},
    cluster::Clusters,
    follow::StreamConfig,
};

/// Returns the settings of the streams.
pub(crate) fn stream_config(args: &FollowArgs, started: Timestamp) -> StreamConfig {
    let mut logs = (!args.logs.no_logs).then(|| log_config(&args.logs, started));
    if let (Some(logs), Some(client)) = (&mut logs, args.log_store.client()) {
        let client = Arc::clone(client);
        if args.log_store.logs_from == LogsFrom::Kubernetes {
            logs.store = Some(client);
        } else {
            logs.instead = Some(client);
        }
    }
    StreamConfig {
        track: track_config(&args.target, started),
        logs,
        events: event_config(&args.events, started),
    }
}

/// Returns the connections in the form that the tracker takes.
pub(crate) fn clients(clusters: &Clusters) -> Clients {
    Clients {
        workloads: clusters.workloads.clone(),
        applications: clusters.applications.clone(),
    }
}

/// Returns the settings of the tracker.
pub(crate) fn track_config(target: &TargetArgs, started: Timestamp) -> TrackConfig {
    let method = match target.tracking {
        Tracking::Annotation => TrackingMethod::Annotation,
        Tracking::Label => TrackingMethod::Label,
        Tracking::AnnotationAndLabel => TrackingMethod::AnnotationAndLabel,
    };
    let mut config = TrackConfig::default()
        .started(started)
        .tracking(method)
        .label_key(&target.tracking_label);
    config.namespaces.clone_from(&target.namespaces);
    config.all_namespaces = target.all_namespaces;
    config.installation_id.clone_from(&target.installation_id);
    config.children = !target.no_children;
    config.kinds.extend(target.kinds.clone());
    config
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

fn event_config(args: &EventArgs, started: Timestamp) -> EventConfig {
    EventConfig::default()
        .since(started)
        .overrides(args.event_level.iter().cloned().collect())
}
