//! `argocd app wait` as a child process.
//!
//! [`Argocd::spawn`] starts it, [`Argocd::next`] returns its lines and then its exit, and
//! [`Argocd::outcome`] explains the exit in plain words. No task and no thread is spawned:
//! everything happens inside `next`, which loses nothing when a `select!` drops it.
//!
//! Details:
//!
//! - argocd is the leader of a process group of its own, so a Ctrl-C at the terminal
//!   reaches it only through [`Argocd::interrupt`], and a kill reaches what it started.
//! - It gets a picked environment, a directory of its own for temporary
//!   files, and no stdin.
//! - `exec` keeps ignored signals ignored and resets caught ones. A job started in the
//!   background of a shell ignores SIGINT, and argocd would too. So `spawn` catches SIGINT,
//!   SIGTERM and SIGCHLD in this process, **which from then on no longer dies of the first
//!   two**: the caller of `spawn` must listen to them. A SIGHUP that is ignored (`nohup`)
//!   stays ignored, as the user asked for.
//! - The values of secret variables are cut out of its lines ([`Redactor`]): `argocd app
//!   wait --help` prints the token.
//! - Its stderr keeps its place: the lines that argocd wrote to stdout before a line of
//!   stderr come before it, above all before the fatal line that ends a run.
//! - An argocd before 2.11 refuses `--app-namespace`. Its usage message is swallowed, and
//!   [`Argocd::refuses_namespace_flag`] tells the caller to start it again without the flag.
//! - A process that argocd left behind may hold its pipes open for ever. After argocd's
//!   exit they are read for a [grace](ArgocdConfig::grace), then the group is killed and the
//!   rest of the pipes is read.
//!
//! Limits: a process that argocd moved to another group is not killed. The private directory
//! stays behind if this process is killed, or exits without dropping [`Argocd`] or reading
//! to the end.

mod arguments;
mod credential_plugin;
mod environment;
mod exit;
mod flags;
mod lines;
mod outcome;
mod private_dir;
mod redact;
pub mod rows;
mod start;
mod variables;
mod wait;

use std::{cell::Cell, ffi::OsString, time::Duration};

use argo_core::AppRef;
use bytes::Bytes;
use nix::{sys::signal::killpg, unistd::Pid};
use tokio::{
    process::{Child, ChildStderr, ChildStdout},
    task,
    time::{Instant, sleep_until},
};

use crate::{
    error::Failure,
    last_acts::{Registered, on_panic},
};

pub use arguments::{arguments, flag_pairs, time_limit, uses_grpc_web};
pub use environment::{Passed, environment, with_directory};
pub use exit::ArgocdExit;
pub use nix::sys::signal::Signal;
pub use outcome::{Account, ArgocdOutcome, sentence};
pub use redact::Redactor;
pub use wait::{Condition, Selection, Wait};

use arguments::NAMESPACE_FLAG;
use lines::{Lines, Piece};
use private_dir::PrivateDir;

/// The form in which argocd is told the namespace of the Application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceForm {
    /// `shop --app-namespace=team-a`, since argocd 2.11.
    Flag,
    /// `team-a/shop`, since argocd 2.5.
    QualifiedName,
}

/// The command of argocd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArgocdCommand {
    /// `app get --refresh`: Argo CD looks at git again.
    Refresh,
    /// `app sync --async`: a sync is requested.
    Sync,
    /// `app wait`.
    #[default]
    Wait,
}

/// The configuration of one argocd.
#[derive(Clone, Debug)]
pub struct ArgocdConfig {
    /// The program: a path, or a name that is looked up in `PATH`.
    pub program: OsString,
    /// The command.
    pub command: ArgocdCommand,
    /// The applications to wait for.
    pub apps: Vec<AppRef>,
    /// The revision to sync to, if that is not the one that the Application names.
    pub revision: Option<String>,
    /// The form of the application's namespace.
    pub namespace_form: NamespaceForm,
    /// More arguments: those behind `--`.
    pub extra: Vec<OsString>,
    /// Names of additional variables for argocd; `*` stands for any text.
    pub pass_env: Vec<String>,
    /// The pipes are read this long after the exit if another process holds them open.
    pub grace: Duration,
}

impl ArgocdConfig {
    /// Runs `argocd` from the `PATH`, without additional arguments or variables.
    pub fn new(app: AppRef) -> Self {
        Self {
            program: "argocd".into(),
            command: ArgocdCommand::Wait,
            apps: vec![app],
            revision: None,
            namespace_form: NamespaceForm::Flag,
            extra: Vec::new(),
            pass_env: Vec::new(),
            grace: Duration::from_secs(2),
        }
    }
}

/// The stream that a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// The table and the summary.
    Stdout,
    /// Warnings, and the reason of a failure.
    Stderr,
}

impl Stream {
    /// Returns the name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// An item of [`Argocd::next`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgocdEvent {
    /// A line without its newline, or a piece of a very long one.
    Line {
        /// The stream of the line.
        stream: Stream,
        /// The bytes as they were written, without secrets; at most 1 MiB.
        text: Bytes,
        /// True if the next piece of this stream belongs to the same line.
        continues: bool,
    },
    /// argocd has ended, and all of its output was returned.
    Exited(ArgocdExit),
}

/// A running `argocd app wait`. Dropping it kills the whole process group.
#[derive(Debug)]
pub struct Argocd {
    child: Child,
    group: Pid,
    _on_panic: Registered,
    stdout: Option<Lines<ChildStdout>>,
    stderr: Option<Lines<ChildStderr>>,
    account: Account,
    directory: Option<PrivateDir>,
    grace: Duration,
    phase: Phase,
    signalled: Cell<Option<Signal>>,
    namespace_flag: NamespaceFlag,
    /// A line about variables that argocd got for a credential plugin.
    notice: Option<String>,
}

/// argocd's reaction to our `--app-namespace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NamespaceFlag {
    /// The flag was not refused so far, or was not passed by us.
    NotRefused { is_ours: bool },
    /// argocd does not know the flag, so the rest of its output is its usage message.
    Refused,
}

/// The phase of the child.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Running,
    /// argocd has exited, but a pipe is open.
    Draining {
        exit: ArgocdExit,
        until: Instant,
    },
    /// The grace is over; at most `left` bytes of the pipes are still read.
    Late {
        exit: ArgocdExit,
        left: usize,
    },
    /// The exit was returned.
    Over(ArgocdExit),
}

/// The next thing to handle.
enum Step {
    Piece(Stream, Option<Piece>),
    Exited(ArgocdExit),
    GraceOver(ArgocdExit),
    NothingMore(ArgocdExit),
}

/// The most bytes that are still read after the grace. That is more than the pipes hold, so
/// nothing written before the group was killed is lost.
const LATE: usize = 2 << 20;

impl Argocd {
    /// Starts argocd, within a tokio runtime. `environment` is the environment of this
    /// process, of which argocd gets a part.
    ///
    /// # Errors
    ///
    /// The program is not there (exit code 127) or cannot be executed (126).
    pub fn spawn(
        config: &ArgocdConfig,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Failure> {
        let Passed {
            variables: passed,
            notice,
        } = self::environment(config, environment);
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
            _on_panic: on_panic(move || {
                let _ = killpg(group, Signal::SIGKILL);
            }),
            account: Account::default(),
            directory,
            grace: config.grace,
            phase: Phase::Running,
            signalled: Cell::new(None),
            namespace_flag: NamespaceFlag::NotRefused {
                is_ours: config.namespace_form == NamespaceForm::Flag,
            },
            notice,
        })
    }

    /// Returns the next line; after the last one [`ArgocdEvent::Exited`], again and again.
    ///
    /// Cancel safe: a dropped future takes nothing with it.
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

    /// Sends a signal to the process group. Returns false if argocd has already exited.
    pub fn interrupt(&self, signal: Signal) -> bool {
        // Once the exit was collected, the kernel may give the id to another process.
        if !matches!(self.phase, Phase::Running) {
            return false;
        }
        self.signalled.set(Some(signal));
        killpg(self.group, signal).is_ok()
    }

    /// Kills the process group at once, including processes that argocd left in it.
    /// Read on until [`ArgocdEvent::Exited`].
    pub fn kill(&self) {
        let running = self.interrupt(Signal::SIGKILL);
        if !running && !matches!(self.phase, Phase::Over(_)) {
            self.end_group();
        }
    }

    /// Returns the process id, which is also the id of the group; `None` once argocd has exited.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// True if argocd failed because it does not know our `--app-namespace`, and no signal
    /// was sent to it. It then has to be started again with the qualified name.
    pub fn refuses_namespace_flag(&self) -> bool {
        let has_failed = match self.phase {
            Phase::Over(exit) => exit != ArgocdExit::Code(0),
            _ => false,
        };
        has_failed
            && self.namespace_flag == NamespaceFlag::Refused
            && self.signalled.get().is_none()
    }

    /// Takes the line about the variables that a credential plugin gets.
    pub fn take_notice(&mut self) -> Option<String> {
        self.notice.take()
    }

    /// Returns the application that argocd waited for last, by what it has printed.
    pub fn waits_for<'a>(&self, apps: &'a [AppRef]) -> Option<&'a AppRef> {
        self.account.waits_for(apps)
    }

    /// Returns the application that the exit is about, as far as argocd names it.
    pub fn about(&self) -> Option<&str> {
        self.account.app()
    }

    /// Returns the meaning of the exit, once [`ArgocdEvent::Exited`] was returned.
    pub fn outcome(&self) -> Option<ArgocdOutcome> {
        let Phase::Over(exit) = self.phase else {
            return None;
        };
        Some(self.account.outcome(exit, self.signalled.get()))
    }

    /// Waits for the next step. If both streams have lines, stdout comes first: everything that
    /// argocd wrote to stdout before a line of stderr is in the pipe when that line is.
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
                biased;
                // Before the pipes: the grace must begin even while another process floods them.
                status = child.wait() => Step::Exited(status.into()),
                piece = Lines::next(stdout), if out => Step::Piece(Stream::Stdout, piece),
                piece = Lines::next(stderr), if err => Step::Piece(Stream::Stderr, piece),
            },
            Phase::Draining { exit, .. } if !out && !err => Step::NothingMore(exit),
            Phase::Draining { exit, until } => tokio::select! {
                // The deadline comes first: a process that floods the pipe must not defer it.
                biased;
                () = sleep_until(until) => Step::GraceOver(exit),
                piece = Lines::next(stdout), if out => Step::Piece(Stream::Stdout, piece),
                piece = Lines::next(stderr), if err => Step::Piece(Stream::Stderr, piece),
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

    /// Returns the event of a piece; `None` if the stream has ended, for an empty line, and
    /// for the usage that follows a refused flag.
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
        self.look_for_refusal(&piece.text);
        if self.namespace_flag == NamespaceFlag::Refused || piece.is_blank_line() {
            return None;
        }
        let Piece {
            text, continues, ..
        } = piece;
        Some(ArgocdEvent::Line {
            stream,
            text,
            continues,
        })
    }

    /// Recognizes cobra's error for a flag that this argocd does not know.
    fn look_for_refusal(&mut self, line: &[u8]) {
        let is_ours = NamespaceFlag::NotRefused { is_ours: true };
        let refused = line
            .strip_prefix(b"Error: unknown flag: ")
            .is_some_and(|flag| flag.trim_ascii() == NAMESPACE_FLAG.as_bytes());
        if refused && self.namespace_flag == is_ours {
            self.namespace_flag = NamespaceFlag::Refused;
        }
    }

    /// Returns the start of an unfinished line without waiting for its end.
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

    /// Kills the processes that argocd left in its group. The group's id cannot belong to another
    /// process while a member lives. Without a member, the kernel would have to reuse the id
    /// within the grace.
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
