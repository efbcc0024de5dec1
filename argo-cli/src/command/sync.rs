//! `sync` and `follow`: streams, argocd and the session, put together.

use std::{ffi::OsString, io::IsTerminal};

use jiff::Timestamp;

use super::env;
use crate::{
    argocd::{Argocd, ArgocdConfig},
    args::{FollowArgs, OnDegraded, SyncArgs},
    cluster,
    error::Failure,
    exit,
    output::{Output, SpoolLimits},
    render::Renderer,
    run::{Run, Waiting},
    session::{self, Session},
    settings::Settings,
    signals::Signals,
    streams::Streams,
};

/// argocd decides when it is over.
pub(super) async fn sync(args: SyncArgs, settings: Settings) -> Result<i32, Failure> {
    let config = ArgocdConfig {
        program: std::env::var_os("ARGOCD").unwrap_or_else(|| OsString::from("argocd")),
        extra: args.argocd.argocd_flags.clone(),
        pass_env: args.argocd.argocd_env.clone(),
        ..ArgocdConfig::new(args.follow.target.app())
    };
    let on_degraded = args.argocd.on_degraded;
    start(args.follow, Some(config), settings, |session| {
        session.on_degraded = on_degraded;
    })
    .await
}

/// The objects themselves decide when it is over.
pub(super) async fn follow(args: FollowArgs, settings: Settings) -> Result<i32, Failure> {
    start(args, None, settings, |_| {}).await
}

async fn start(
    args: FollowArgs,
    argocd: Option<ArgocdConfig>,
    settings: Settings,
    adjust: impl FnOnce(&mut session::Config),
) -> Result<i32, Failure> {
    let started = Timestamp::now();
    let mut signals = Signals::catch()
        .map_err(|error| Failure::usage(format!("cannot catch signals: {error}")))?;
    let clusters = tokio::select! {
        clusters = cluster::connect(&args.target, &env) => clusters?,
        signal = signals.next() => return Ok(exit::SIGNAL + signal as i32),
    };
    let child = argocd
        .as_ref()
        .map(|config| Argocd::spawn(config, std::env::vars_os()));
    let child = child.transpose()?;
    let mut config = session_config(&args, argocd.is_some(), started);
    adjust(&mut config);
    let streams = Streams::open(&args, &clusters, started);
    let terminal = std::io::stdout().is_terminal();
    let renderer =
        Renderer::new(settings, args.logs.raw, started, args.target.app.clone()).terminal(terminal);
    let output = Output::stdout(SpoolLimits {
        total: args.logs.spool_limit,
        ..SpoolLimits::default()
    });
    let mut run = Run {
        session: Session::new(config),
        argocd_config: argocd,
        argocd: child,
        signals,
        renderer,
        output,
        detect_level: args.logs.detect_level,
        streams,
        outcome: None,
        out: Waiting::default(),
    };
    run.greet(&clusters.workloads.described);
    Ok(run.run().await)
}

fn session_config(args: &FollowArgs, argocd: bool, started: Timestamp) -> session::Config {
    let wait = &args.wait;
    session::Config {
        app: args.target.app(),
        started,
        argocd,
        events: args.events.events,
        fail_fast: wait.fail_fast,
        grace: wait.grace,
        allow_restarts: wait.allow_restarts,
        ignore: wait.ignore.clone(),
        timeout: (!wait.timeout.is_zero()).then_some(wait.timeout),
        settle: wait.settle,
        on_degraded: OnDegraded::Fail,
    }
}
