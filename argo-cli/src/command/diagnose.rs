//! `diagnose`: one look, no waiting.

mod last_lines;

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use argo_core::{
    AppRef, Notice, TrackEvent,
    text::{chain, duration},
};
use argo_events::{EventConfig, EventItem};
use argo_workloads::{Clients, expectation::Expectation, resources::ResourceReader, snapshot};
use jiff::Timestamp;

use super::{env, tell};
use crate::{
    args::{DiagnoseArgs, Events},
    cluster::{self, Clusters},
    error::Failure,
    follow::event_source,
    render::Renderer,
    screen::{LogBudget, Screen},
    session::{Config, Effect, Input, Session},
    settings::Settings,
    streams::{clients, track_config},
    summary::{Summary, together},
    way,
};

/// Age from which on a resource that is not healthy is read.
const READ_AFTER: Duration = Duration::from_secs(10);
/// Time limit for the reads of resources.
const READ_LIMIT: Duration = Duration::from_secs(5);

/// Prints the current findings.
pub(super) async fn diagnose(mut args: DiagnoseArgs, settings: Settings) -> Result<i32, Failure> {
    let started = Timestamp::now();
    args.target.apps = way::looked_at(&args.target, &env).await?;
    let clusters = cluster::connect(&args.target, &env).await?;
    tell(&clusters.notes);
    let (mut summaries, mut notices) = (Vec::new(), Vec::new());
    for app in &args.target.apps {
        let (summary, more) = look(&args, &clusters, app, started).await?;
        summaries.push(summary);
        notices.extend(more);
    }
    let summary = match summaries.len() {
        1 => summaries.swap_remove(0),
        _ => together(summaries, None),
    };
    show(&args, settings, &summary, &mut notices)?;
    Ok(summary.exit)
}

/// Looks at one application.
async fn look(
    args: &DiagnoseArgs,
    clusters: &Clusters,
    app: &AppRef,
    started: Timestamp,
) -> Result<(Summary, Vec<Notice>), Failure> {
    let config = track_config(&args.target, started);
    let objects = snapshot(clients(clusters), app.clone(), config)
        .await
        .map_err(|error| Failure::usage(chain(&error)))?;
    let (events, (lines, unread)) = tokio::join!(
        argo_events::snapshot(
            event_source(&clients(clusters)),
            &objects,
            EventConfig::default().since(started)
        ),
        last_lines::read(&clusters.workloads, &objects)
    );
    let mut session = Session::new(config_of(args, app, started));
    let mut notices = told(&mut session, objects, started);
    notices.extend(unread);
    for item in events {
        if let EventItem::Notice(notice) = &item {
            notices.push(notice.clone());
        }
        session.handle(Input::Event(item), started);
    }
    for (pod, container, batch) in &lines {
        session.lines(pod, container, batch);
    }
    read_resources(&mut session, clients(clusters), started).await;
    Ok((session.look_once(Timestamp::now()), notices))
}

/// Reads the resources that hold the application up.
async fn read_resources(session: &mut Session, clients: Clients, now: Timestamp) {
    let mut reader = ResourceReader::new(clients.workloads.client);
    // Nothing becomes healthy by itself within one look.
    session.read(duration::later(now, READ_AFTER));
    let mut open = 0;
    for effect in session.handle(Input::EventsEnded, now) {
        if let Effect::Read(requests) = effect {
            open += requests.len();
            requests.into_iter().for_each(|request| reader.ask(request));
        }
    }
    let answers = async {
        for _ in 0..open {
            let answer = reader.next().await;
            session.handle(Input::Resource(answer), now);
        }
    };
    // What is not known by then is left out.
    let _ = tokio::time::timeout(READ_LIMIT, answers).await;
}

/// Tells the session of the objects; the notices among them are for the reader.
fn told(session: &mut Session, objects: Vec<TrackEvent>, now: Timestamp) -> Vec<Notice> {
    let mut notices = Vec::new();
    for event in objects {
        if let TrackEvent::Notice(notice) = &event {
            notices.push(notice.clone());
        }
        session.handle(Input::Track(event), now);
    }
    notices
}

fn show(
    args: &DiagnoseArgs,
    settings: Settings,
    summary: &Summary,
    notices: &mut Vec<Notice>,
) -> Result<(), Failure> {
    let now = Timestamp::now();
    let terminal = settings
        .view
        .is_read_on_terminal(io::stdout().is_terminal(), &env);
    let renderer = Renderer::new(settings, false, now, args.target.app().name).terminal(terminal);
    let mut screen = Screen::new(renderer, args.view.quiet, LogBudget::default());
    let mut out = Vec::new();
    for notice in notices.drain(..) {
        screen.record(&crate::render::notice(&notice), now, &mut out);
    }
    screen.verdict(summary, now, &mut out);
    match io::stdout().write_all(&out) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::usage(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Returns the configuration of a single look. It reports everything that is wrong now,
/// because it cannot tell old problems from new ones.
fn config_of(args: &DiagnoseArgs, app: &AppRef, started: Timestamp) -> Config {
    Config {
        app: app.clone(),
        is_one_of_several: args.target.apps.len() > 1,
        started,
        argocd: None,
        events: Events::None,
        fail_fast: false,
        grace: std::time::Duration::ZERO,
        allow_restarts: 0,
        ignore: Vec::new(),
        timeout: None,
        settle: std::time::Duration::ZERO,
        wait_terminated: false,
        on_paused: args.paused.on_paused,
        expectation: Expectation::default(),
    }
}
