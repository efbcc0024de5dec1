//! `sync` and `follow`: streams, argocd and the session, put together.

use std::{ffi::OsString, io::IsTerminal, sync::Arc, time::Duration};

use argo_core::AppRef;
use argo_workloads::expectation::Expectation;
use jiff::Timestamp;

use super::env;
use crate::{
    apps::Apps,
    argocd::{Argocd, ArgocdCommand, ArgocdConfig, Wait, rows::Rows, time_limit},
    args::{FollowArgs, OnDegraded, SyncArgs},
    error::Failure,
    exit,
    files::Files,
    output::{Output, OutputBuffer, SpoolLimits},
    recording::{Header, Recorder},
    render::Renderer,
    run::{Before, Run},
    screen::{Card, LogBudget, Screen},
    select::select,
    session::{self, ArgocdRun},
    settings::Settings,
    signals::Signals,
    terminal::{Display, Requests},
    view::View,
    way::{self, AppStreams, Joining, Sources, Ways},
};

/// Runs `sync`, which ends when argocd does.
pub(super) async fn sync(args: SyncArgs, settings: Settings) -> Result<i32, Failure> {
    let expectation = expectation(&args.follow);
    let config = ArgocdConfig {
        revision: args.follow.wait.revision.clone(),
        program: std::env::var_os("ARGOCD").unwrap_or_else(|| OsString::from("argocd")),
        extra: args.argocd.argocd_flags.clone(),
        pass_env: args.argocd.argocd_env.clone(),
        ..ArgocdConfig::new(args.follow.target.app())
    };
    let on_degraded = args.argocd.on_degraded;
    let child = Waits {
        config,
        syncs: args.argocd.sync,
        refreshes: !expectation.is_empty(),
        on_degraded,
    };
    start(args.follow, Some(child), settings).await
}

/// Runs `follow`, which ends when the rollout is complete or has failed.
pub(super) async fn follow(args: FollowArgs, settings: Settings) -> Result<i32, Failure> {
    start(args, None, settings).await
}

/// The argocd of a run.
struct Waits {
    config: ArgocdConfig,
    /// True if a sync is requested before it waits.
    syncs: bool,
    /// True if Argo CD looks at git again before that.
    refreshes: bool,
    on_degraded: OnDegraded,
}

/// Returns what must run before success counts.
fn expectation(args: &FollowArgs) -> Expectation {
    Expectation::new(args.wait.revision.clone(), args.wait.images.clone())
}

impl Waits {
    /// Returns the commands before it waits, the first one last. A refresh takes one application.
    fn before(&self, apps: &[AppRef]) -> Vec<Before> {
        let of = |command, apps: &[AppRef]| Before {
            command,
            apps: apps.to_vec(),
        };
        let mut before = Vec::new();
        if self.syncs {
            before.push(of(ArgocdCommand::Sync, apps));
        }
        if self.refreshes {
            let apps = apps.iter().rev();
            before.extend(apps.map(|app| of(ArgocdCommand::Refresh, std::slice::from_ref(app))));
        }
        before
    }
}

async fn start(
    mut args: FollowArgs,
    argocd: Option<Waits>,
    settings: Settings,
) -> Result<i32, Failure> {
    let started = Timestamp::now();
    let mut signals = Signals::catch()
        .map_err(|error| Failure::usage(format!("cannot catch signals: {error}")))?;
    let mut screen = screen(&args, settings, started);
    let has_table = screen.view() == View::Terminal;
    let mut files = Files::prepare(&args.files, &mut screen)?;
    let extra = argocd.as_ref().map(|waits| waits.config.extra.as_slice());
    let ways = Ways::find(&args.target, &env, extra.unwrap_or_default())?;
    args.log_store.prepare(&env)?;
    if args.target.is_selecting() {
        args.target.apps = tokio::select! {
            apps = select(&args.target, &ways, &env) => apps?,
            signal = signals.next() => return Ok(exit::SIGNAL + signal as i32),
        };
    }
    let apps = args.target.apps.clone();
    let args = Arc::new(args);
    // Without argocd there is nothing to wait for until there is a way.
    let joined = if argocd.is_none() {
        let joined = tokio::select! {
            joined = way::join_once(&ways, &args, started) => joined?,
            signal = signals.next() => return Ok(exit::SIGNAL + signal as i32),
        };
        Some(joined)
    } else {
        None
    };
    let run = argocd.as_ref().map(|waits| ArgocdRun {
        wait: Wait::of(&waits.config.extra),
        // argocd waits for one application after the other, for each as long as its limit says.
        timeout: time_limit(&waits.config.extra)
            .map(|seconds| Duration::from_secs(seconds.saturating_mul(apps.len() as u64))),
        on_degraded: waits.on_degraded,
        children: !args.target.no_children,
    });
    let mut before = Vec::new();
    let argocd = argocd.map(|waits| {
        before = waits.before(&apps);
        let first = before.pop().unwrap_or_else(|| Before {
            command: ArgocdCommand::Wait,
            apps: apps.clone(),
        });
        ArgocdConfig {
            command: first.command,
            apps: first.apps,
            ..waits.config
        }
    });
    let child = argocd
        .as_ref()
        .map(|config| Argocd::spawn(config, std::env::vars_os()));
    let child = child.transpose()?;
    let configs = apps
        .iter()
        .map(|app| session_config(app, &args, run.clone(), started));
    let apps = Apps::new(configs.collect());
    let header = Header::new(&args.target.app(), started).of(apps.title());
    let recording = files.recording.take();
    let recorder = recording.map(|file| Recorder::begin(file, &header));
    let requests = Requests::listen(has_table)
        .map_err(|error| Failure::usage(format!("cannot catch signals: {error}")))?;
    let mut joined = joined;
    let sources = match &mut joined {
        Some(joined) => Sources::open(std::mem::replace(
            &mut joined.streams,
            AppStreams::pending(),
        )),
        None => Sources::search(Joining::start(ways, Arc::clone(&args), started)),
    };
    let output = Output::stdout(SpoolLimits {
        total: args.logs.spool_limit,
        ..SpoolLimits::default()
    });
    let mut run = Run {
        apps,
        argocd_config: argocd,
        before,
        argocd: child,
        signals,
        screen,
        recorder,
        files,
        output,
        detect_level: args.logs.detect_level,
        sources,
        outcome: None,
        out: OutputBuffer::default(),
        requests,
        display: has_table.then(|| Display::new(&env)),
        rows: Rows::default(),
        card: Card::default(),
        log_store: args.log_store.client().cloned(),
    };
    if let Some(joined) = joined {
        run.announce(&joined.described, &joined.notes);
    }
    Ok(run.run().await)
}

fn screen(args: &FollowArgs, settings: Settings, started: Timestamp) -> Screen {
    let terminal = settings
        .view
        .is_read_on_terminal(std::io::stdout().is_terminal(), &env);
    let budget = LogBudget::new(args.files.log_budget, settings.view);
    let renderer =
        Renderer::new(settings, args.logs.raw, started, args.target.app().name).terminal(terminal);
    Screen::new(renderer, args.view.quiet, budget)
}

fn session_config(
    app: &AppRef,
    args: &FollowArgs,
    argocd: Option<ArgocdRun>,
    started: Timestamp,
) -> session::Config {
    let wait = &args.wait;
    session::Config {
        app: app.clone(),
        is_one_of_several: args.target.apps.len() > 1,
        started,
        argocd,
        events: args.events.events,
        fail_fast: wait.fail_fast,
        grace: wait.grace,
        allow_restarts: wait.allow_restarts,
        ignore: wait.ignore.clone(),
        timeout: (!wait.timeout.is_zero()).then_some(wait.timeout),
        settle: wait.settle,
        wait_terminated: wait.wait_terminated,
        on_paused: wait.paused.on_paused,
        expectation: expectation(args),
    }
}
