//! `argocd app wait` as a child process.
//!
//! [`Argocd::spawn`] starts it, [`Argocd::next`] hands out its lines and at the end how it
//! exited, [`Argocd::outcome`] says what that means in plain words. No task is spawned
//! and no thread: everything happens inside `next`, which loses nothing when a `select!`
//! drops it.
//!
//! What is taken care of:
//!
//! - argocd is the leader of a process group of its own, so a Ctrl-C at the terminal
//!   reaches it only through [`Argocd::interrupt`], and a kill reaches what it started.
//! - It gets an environment that is [picked](environment), a directory of its own for
//!   temporary files, and no stdin.
//! - `exec` keeps ignored signals ignored and gives caught ones their default back. A
//!   job started in the background of a shell ignores SIGINT, and so would argocd. So
//!   `spawn` sees to it that SIGINT, SIGTERM and SIGCHLD are caught in this process,
//!   **which from then on no longer dies of the first two**: whoever calls `spawn` must
//!   listen to them. An ignored SIGHUP (`nohup`) stays ignored: that is what was asked
//!   for.
//! - Its values of secret variables are cut out of its lines ([`Redactor`]): `argocd app
//!   wait --help` prints the token.
//! - A process that argocd left behind may hold its pipes open for ever. After argocd's
//!   exit they are read for a [grace](ArgocdConfig::grace), then the group is killed,
//!   what is still in the pipes is read, and that was all.
//!
//! What it does not do: a process that argocd moved to another group is not killed. The
//! private directory stays behind if this process is killed, or exits without dropping
//! [`Argocd`] or reading to the end.

mod arguments;
mod environment;
mod exit;
mod lines;
mod outcome;
mod private_dir;
mod redact;
mod start;

use std::{cell::Cell, ffi::OsString, time::Duration};

use argo_core::AppRef;
use bytes::Bytes;
use nix::{sys::signal::killpg, unistd::Pid};
use tokio::{
    process::{Child, ChildStderr, ChildStdout},
    task,
    time::{Instant, sleep_until},
};

use crate::error::Failure;

pub use arguments::{arguments, uses_grpc_web};
pub use environment::{environment, with_directory};
pub use exit::ArgocdExit;
pub use nix::sys::signal::Signal;
pub use outcome::{Account, ArgocdOutcome, sentence};
pub use redact::Redactor;

use lines::{Lines, Piece};
use private_dir::PrivateDir;

/// What to run.
#[derive(Clone, Debug)]
pub struct ArgocdConfig {
    /// The program: a path, or a name that is looked up in `PATH`.
    pub program: OsString,
    /// The application to wait for.
    pub app: AppRef,
    /// More arguments: what stands behind `--`.
    pub extra: Vec<OsString>,
    /// Names of variables that argocd gets beside those that it gets anyway.
    pub pass_env: Vec<String>,
    /// How long the pipes are read after the exit if something holds them open.
    pub grace: Duration,
}

impl ArgocdConfig {
    /// `argocd` from the `PATH`, nothing more.
    pub fn new(app: AppRef) -> Self {
        Self {
            program: "argocd".into(),
            app,
            extra: Vec::new(),
            pass_env: Vec::new(),
            grace: Duration::from_secs(2),
        }
    }
}

/// Where a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// The table and the summary.
    Stdout,
    /// Warnings, and the reason of a failure.
    Stderr,
}

impl Stream {
    /// As it stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// What [`Argocd::next`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgocdEvent {
    /// A line without its newline, or a piece of a very long one.
    Line {
        /// Where it was written. The order of lines is kept in each stream only.
        stream: Stream,
        /// The bytes as they were written, but for secrets; at most 1 MiB.
        text: Bytes,
        /// The next piece of this stream belongs to the same line.
        continues: bool,
    },
    /// It has ended, and all of its output was handed out.
    Exited(ArgocdExit),
}

/// A running `argocd app wait`. Dropping it kills the whole process group.
#[derive(Debug)]
pub struct Argocd {
    child: Child,
    group: Pid,
    stdout: Option<Lines<ChildStdout>>,
    stderr: Option<Lines<ChildStderr>>,
    account: Account,
    directory: Option<PrivateDir>,
    grace: Duration,
    phase: Phase,
    signalled: Cell<Option<Signal>>,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Running,
    /// It has exited, a pipe is open.
    Draining {
        exit: ArgocdExit,
        until: Instant,
    },
    /// The grace is over: read what is there, but no more than this many bytes.
    Late {
        exit: ArgocdExit,
        left: usize,
    },
    /// The exit was handed out.
    Over(ArgocdExit),
}

/// What happened next.
enum Step {
    Piece(Stream, Option<Piece>),
    Exited(ArgocdExit),
    GraceOver(ArgocdExit),
    NothingMore(ArgocdExit),
}

/// More than a pipe holds: what was written before the group was killed.
const LATE: usize = 2 << 20;

impl Argocd {
    /// Starts it, within a tokio runtime. `environment` is that of this process; what
    /// of it is passed is picked here.
    ///
    /// # Errors
    ///
    /// The program is not there (exit code 127) or cannot be executed (126).
    pub fn spawn(
        config: &ArgocdConfig,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Failure> {
        let passed = self::environment(config, environment);
        let redactor = Redactor::new(&config.extra, &passed);
        let directory = PrivateDir::for_argocd(&passed);
        let passed = with_directory(passed, directory.as_ref().map(PrivateDir::path));
        let mut child = start::start(config, passed)?;
        let group = start::group(&child)?;
        Ok(Self {
            stdout: child
                .stdout
                .take()
                .map(|pipe| Lines::new(pipe, redactor.clone())),
            stderr: child.stderr.take().map(|pipe| Lines::new(pipe, redactor)),
            child,
            group,
            account: Account::default(),
            directory,
            grace: config.grace,
            phase: Phase::Running,
            signalled: Cell::new(None),
        })
    }

    /// The next line; after the last one [`ArgocdEvent::Exited`], again and again.
    ///
    /// Cancel safe: a dropped future has taken nothing with it.
    pub async fn next(&mut self) -> ArgocdEvent {
        loop {
            match self.step().await {
                Step::Piece(stream, piece) => {
                    if let Some(event) = self.piece(stream, piece) {
                        return event;
                    }
                }
                Step::Exited(exit) => {
                    let until = Instant::now() + self.grace;
                    self.phase = Phase::Draining { exit, until };
                }
                Step::GraceOver(exit) => {
                    self.end_group();
                    self.phase = Phase::Late { exit, left: LATE };
                }
                Step::NothingMore(exit) => {
                    let event = self.rest();
                    return event.unwrap_or_else(|| self.over(exit));
                }
            }
        }
    }

    /// Sends a signal to the process group; false if argocd has already exited.
    pub fn interrupt(&self, signal: Signal) -> bool {
        if !matches!(self.phase, Phase::Running) {
            return false;
        }
        self.signalled.set(Some(signal));
        killpg(self.group, signal).is_ok()
    }

    /// Kills the process group at once, and what argocd left in it if it has exited.
    /// Read on until [`ArgocdEvent::Exited`].
    pub fn kill(&self) {
        let running = self.interrupt(Signal::SIGKILL);
        if !running && !matches!(self.phase, Phase::Over(_)) {
            self.end_group();
        }
    }

    /// The process id, which is that of the group too; none once it has exited.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// What the exit means, once [`ArgocdEvent::Exited`] was handed out.
    pub fn outcome(&self) -> Option<ArgocdOutcome> {
        let Phase::Over(exit) = self.phase else {
            return None;
        };
        Some(self.account.outcome(exit, self.signalled.get()))
    }

    /// Waits for whatever comes first.
    async fn step(&mut self) -> Step {
        let Self {
            child,
            stdout,
            stderr,
            phase,
            ..
        } = self;
        let (out, err) = (stdout.is_some(), stderr.is_some());
        match *phase {
            Phase::Running => tokio::select! {
                piece = Lines::next(stdout), if out => Step::Piece(Stream::Stdout, piece),
                piece = Lines::next(stderr), if err => Step::Piece(Stream::Stderr, piece),
                status = child.wait() => Step::Exited(status.into()),
            },
            Phase::Draining { exit, .. } if !out && !err => Step::NothingMore(exit),
            Phase::Draining { exit, until } => tokio::select! {
                piece = Lines::next(stdout), if out => Step::Piece(Stream::Stdout, piece),
                piece = Lines::next(stderr), if err => Step::Piece(Stream::Stderr, piece),
                () = sleep_until(until) => Step::GraceOver(exit),
            },
            Phase::Late { exit, left: 0 } | Phase::Over(exit) => Step::NothingMore(exit),
            // Yielding lets the runtime look at the pipes once more.
            Phase::Late { exit, .. } => tokio::select! {
                biased;
                piece = Lines::next(stdout), if out => Step::Piece(Stream::Stdout, piece),
                piece = Lines::next(stderr), if err => Step::Piece(Stream::Stderr, piece),
                () = task::yield_now() => Step::NothingMore(exit),
            },
        }
    }

    /// The event of a piece; none where the stream has ended.
    fn piece(&mut self, stream: Stream, piece: Option<Piece>) -> Option<ArgocdEvent> {
        let Some(piece) = piece else {
            match stream {
                Stream::Stdout => self.stdout = None,
                Stream::Stderr => self.stderr = None,
            }
            return None;
        };
        if let Phase::Late { left, .. } = &mut self.phase {
            *left = left.saturating_sub(piece.text.len() + 1);
        }
        self.account.line(&piece.text);
        let Piece { text, continues } = piece;
        Some(ArgocdEvent::Line {
            stream,
            text,
            continues,
        })
    }

    /// The start of a line whose end will not be waited for.
    fn rest(&mut self) -> Option<ArgocdEvent> {
        if let Some(piece) = self.stdout.take().and_then(Lines::rest) {
            return self.piece(Stream::Stdout, Some(piece));
        }
        let piece = self.stderr.take().and_then(Lines::rest)?;
        self.piece(Stream::Stderr, Some(piece))
    }

    fn over(&mut self, exit: ArgocdExit) -> ArgocdEvent {
        if !matches!(self.phase, Phase::Over(_)) {
            self.end_group();
            self.directory = None;
            self.phase = Phase::Over(exit);
        }
        ArgocdEvent::Exited(exit)
    }

    /// Ends what argocd left in its group. Its leader is gone, but the number cannot
    /// belong to anyone else while a member lives; with none left the kernel would have
    /// to come round to it within the grace.
    fn end_group(&self) {
        let ended = killpg(self.group, Signal::SIGKILL);
        log::trace!("end of argocd's process group: {ended:?}");
    }
}

impl Drop for Argocd {
    fn drop(&mut self) {
        if !matches!(self.phase, Phase::Over(_)) {
            self.end_group();
        }
    }
}
