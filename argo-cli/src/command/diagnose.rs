//! `diagnose`: one look, no waiting.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use argo_core::TrackEvent;
use argo_events::{EventItem, EventStream};
use argo_workloads::{diagnosis::Thresholds, snapshot};
use futures::{StreamExt, stream};
use jiff::Timestamp;

use super::env;
use crate::{
    args::{DiagnoseArgs, Events, OnDegraded},
    cluster::{self, Clusters},
    error::{Failure, chain},
    render::Renderer,
    session::{Config, Input, Session},
    settings::Settings,
    streams::{clients, track_config},
};

/// How long the events of the past may take to arrive.
const EVENTS: Duration = Duration::from_millis(1500);

/// Says what is wrong now.
pub(super) async fn diagnose(args: DiagnoseArgs, settings: Settings) -> Result<i32, Failure> {
    let started = Timestamp::now();
    let clusters = cluster::connect(&args.target, &env).await?;
    let config = track_config(&args.target, started);
    let objects = snapshot(clients(&clusters), args.target.app(), config)
        .await
        .map_err(|error| Failure::usage(chain(&error)))?;
    let mut session = Session::new(session_config(&args, started));
    for item in past_events(&clusters, &objects, started).await {
        session.handle(Input::Event(item), started);
    }
    for event in objects {
        session.handle(Input::Track(event), started);
    }
    for (pod, container, lines) in last_lines(&clusters, &session).await {
        session.last_lines(&pod, &container, lines);
    }
    let summary = session.look_once(&Thresholds::one_look(), Timestamp::now());
    let mut renderer = Renderer::new(settings, false, started, args.target.app.clone()).terminal(io::stdout().is_terminal());
    let mut out = Vec::new();
    renderer.verdict(&summary, Timestamp::now(), &mut out);
    // A reader that went away is no failure.
    let _ = io::stdout().write_all(&out);
    Ok(summary.exit)
}
