//! `sync` and `follow`: streams, argocd and the session, put together.

use std::{
    ffi::OsString,
    io::{self, IsTerminal},
    ops::ControlFlow,
    sync::Arc,
    time::Duration,
};

use argo_core::AppRef;
use argo_workloads::expectation::Expectation;
use jiff::Timestamp;

use super::env;
use crate::{
    apps::Apps,
    argocd::{ArgocdCommand, ArgocdConfig, Wait, time_limit},
    args::{FollowArgs, OnDegraded, SyncArgs, TargetArgs},
    error::Failure,
    exit,
    files::Files,
    output::{Output, OutputBuffer, SpoolLimits},
    recording::{Header, Recorder},
    render::Renderer,
    run::{Before, Commands, Outlet, Run},
    screen::{Card, LogBudget, Screen},
    select::{Lookout, select},
    session::{self, ArgocdRun},
    settings::Settings,
    signals::Signals,
    terminal::{Display, Requests},
    view::View,
    way::{Joining, Sources, Ways, join_once},
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

    fn start(self, apps: &[AppRef]) -> Result<Commands, Failure> {
        let before = self.before(apps);
        Commands::start(self.config, before, apps)
    }

    /// Returns the part of argocd's command line that a session has to know.
    fn of_session(&self, target: &TargetArgs) -> ArgocdRun {
        let extra = &self.config.extra;
        ArgocdRun {
            wait: Wait::of(extra),
            // argocd waits for one application after the other, for each as long as its limit says.
            timeout: time_limit(extra).map(|seconds| {
                Duration::from_secs(seconds.saturating_mul(target.apps.len() as u64))
            }),
            on_degraded: self.on_degraded,
            children: !target.no_children,
        }
    }
}

async fn start(
    mut args: FollowArgs,
    argocd: Option<Waits>,
    settings: Settings,
) -> Result<i32, Failure> {
    let started = Timestamp::now();
    let mut signals = Signals::catch().map_err(|error| no_signals(&error))?;
    let mut screen = screen(&args, settings, started);
    let has_table = screen.view() == View::Terminal;
    let mut files = Files::prepare(&args.files, &mut screen)?;
    let extra = argocd.as_ref().map(|waits| waits.config.extra.as_slice());
    let ways = Ways::find(&args.target, &env, extra.unwrap_or_default())?;
    args.log_store.prepare(&env)?;
    let mut lookout = None;
    if args.target.is_selecting() {
        match unless_signalled(&mut signals, select(&args.target, &ways, &env)).await? {
            ControlFlow::Continue(selection) => {
                args.target.apps = selection.apps;
                lookout = Some(selection.lookout);
            }
            ControlFlow::Break(exit) => return Ok(exit),
        }
    }
    let args = Arc::new(args);
    // Without argocd there is nothing to wait for until there is a way.
    let joined = match &argocd {
        Some(_) => None,
        None => match unless_signalled(&mut signals, join_once(&ways, &args, started)).await? {
            ControlFlow::Continue(joined) => Some(joined),
            ControlFlow::Break(exit) => return Ok(exit),
        },
    };
    let apps = &args.target.apps;
    let of_session = argocd.as_ref().map(|waits| waits.of_session(&args.target));
    let argocd = argocd.map(|waits| waits.start(apps)).transpose()?;
    let apps = sessions(&args, of_session.as_ref(), started);
    let recorder = recorder(&mut files, &args, &apps);
    let requests = Requests::listen(has_table).map_err(|error| no_signals(&error))?;
    let (sources, first_lines) = match joined {
        Some(joined) => (
            Sources::open(joined.streams),
            Some((joined.described, joined.notes)),
        ),
        None => (
            Sources::search(Joining::start(ways, Arc::clone(&args), started)),
            None,
        ),
    };
    let mut run = Run {
        apps,
        argocd: argocd.unwrap_or_default(),
        signals,
        requests,
        sources,
        later: lookout.map(Lookout::start),
        outlet: outlet(&args, screen, recorder, started),
        files,
        card: Card::default(),
        log_store: args.log_store.client().cloned(),
    };
    if let Some((described, notes)) = first_lines {
        run.announce(&described, &notes);
    }
    Ok(run.run().await)
}

/// Waits for a step before the run; a signal ends the program at once, with this exit code,
/// since there is nothing yet that a verdict could tell.
async fn unless_signalled<T>(
    signals: &mut Signals,
    step: impl Future<Output = Result<T, Failure>>,
) -> Result<ControlFlow<i32, T>, Failure> {
    tokio::select! {
        result = step => result.map(ControlFlow::Continue),
        signal = signals.next() => Ok(ControlFlow::Break(exit::SIGNAL + signal as i32)),
    }
}

fn no_signals(error: &io::Error) -> Failure {
    Failure::usage(format!("cannot catch signals: {error}"))
}

fn recorder(files: &mut Files, args: &FollowArgs, apps: &Apps) -> Option<Recorder> {
    let started = apps.config().started;
    let header = Header::new(&args.target.app(), started).of(apps.title());
    let file = files.recording.take()?;
    Some(Recorder::begin(file, &header))
}

fn outlet(
    args: &FollowArgs,
    screen: Screen,
    recorder: Option<Recorder>,
    started: Timestamp,
) -> Outlet {
    let has_table = screen.view() == View::Terminal;
    Outlet {
        started,
        screen,
        recorder,
        display: has_table.then(|| Display::new(&env)),
        detect_level: args.logs.detect_level,
        buffer: OutputBuffer::default(),
        output: Output::stdout(SpoolLimits {
            total: args.logs.spool_limit,
            ..SpoolLimits::default()
        }),
    }
}

fn screen(args: &FollowArgs, settings: Settings, started: Timestamp) -> Screen {
    let terminal = settings
        .view
        .is_read_on_terminal(io::stdout().is_terminal(), &env);
    let budget = LogBudget::new(args.files.log_budget, settings.view);
    let renderer =
        Renderer::new(settings, args.logs.raw, started, args.target.app().name).terminal(terminal);
    Screen::new(renderer, args.view.quiet, budget)
}

fn sessions(args: &FollowArgs, argocd: Option<&ArgocdRun>, started: Timestamp) -> Apps {
    let apps = args.target.apps.iter();
    let configs = apps.map(|app| session_config(app, args, argocd.cloned(), started));
    Apps::new(configs.collect())
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
