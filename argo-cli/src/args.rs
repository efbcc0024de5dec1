//! The command line: what can be typed, and the environment variable of each flag.

mod kubectl;
mod log_store;
mod logs;
pub mod names;
mod output;
mod target;

pub use kubectl::KubectlArgs;
pub use log_store::{LogStoreArgs, LogsFrom, StoreType};
pub use logs::LogArgs;
#[cfg(feature = "demo")]
pub use output::DemoArgs;
pub use output::{FileArgs, ReplayArgs, ReportArgs, ReportCommandArgs, Timestamps, ViewArgs};
pub use target::{TargetArgs, Tracking, Via};

use std::{ffi::OsString, str::FromStr, sync::Arc, time::Duration};

pub use crate::follow::OnPaused;
use argo_core::ObjectRef;
use argo_events::LevelOverride;
use argo_workloads::{Workload, expectation::WantedImage};
use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{BoolishValueParser, NonEmptyStringValueParser, styling},
    error::{ContextKind, ContextValue},
};
use jiff::SignedDuration;

/// The colours of the help; clap leaves them out if the output is not a terminal.
const STYLES: styling::Styles = styling::Styles::styled()
    .header(styling::AnsiColor::Green.on_default().bold())
    .usage(styling::AnsiColor::Green.on_default().bold())
    .literal(styling::AnsiColor::Cyan.on_default().bold())
    .placeholder(styling::AnsiColor::Cyan.on_default());

/// Run argocd app wait and show the logs of every container, the Kubernetes events of
/// everything the application owns, and the cause of a failure.
#[derive(Debug, Parser)]
#[command(
    name = "argo-assistant",
    version,
    styles = STYLES,
    max_term_width = 100,
    after_help = EXIT_CODES,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Returns the environment variable that a value refused by clap came from, as clap names
    /// only the flag. `typed` is the command line.
    pub fn variable(error: &clap::Error, typed: &[OsString]) -> Option<String> {
        let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else {
            return None;
        };
        let long = flag.split([' ', '=']).next()?.strip_prefix("--")?;
        let is_typed = typed
            .iter()
            .any(|arg| arg.to_string_lossy().starts_with(&format!("--{long}")));
        let name = format!(
            "ARGO_ASSISTANT_{}",
            long.to_ascii_uppercase().replace('-', "_")
        );
        (!is_typed).then_some(name)
    }
}

const EXIT_CODES: &str = "\
Exit codes (of sync: argocd's own, unless that is 0):
  0         success
  1         failed (--fail-fast, follow, diagnose), or another --revision or --image runs
  2         wrong usage or configuration
  70        time over (our own --timeout), or not complete yet (diagnose)
  71        superseded by another sync
  72        nothing found
  73        paused until a person acts (follow, diagnose; see --on-paused)
  77        no permission
  101       a mistake of this program
  126, 127  argocd cannot be executed, or is not there
  128 + N   ended by signal N; 141: nobody reads the output any more

Variables for the look of the output, besides --output and --timestamps:
  LOG_FORMAT=text|json, LOG_LEVEL, LOG_FULL_TIMESTAMP, LOG_TIMESTAMP_FORMAT, LOG_DISABLE_COLORS,
  LOG_FORCE_COLORS, LOG_DISABLE_LEVEL_TRUNCATION, LOG_PAD_LEVEL_TEXT, NO_COLOR

Examples:
  argo-assistant sync shop argocd -- --timeout 600     wait with argocd, 10 minutes at most
  argo-assistant sync shop pay argocd                  two applications in one run
  argo-assistant sync -l team=shop argocd              those with a label
  argo-assistant follow shop argocd --timeout 10m      the same without argocd
  argo-assistant diagnose shop argocd                  what is wrong right now
  argo-assistant explain shop argocd                   why do I see nothing?
  argo-assistant sync shop argocd --report run.html --junit run.xml --record run.zst
  argo-assistant replay run.zst --output github        the same run in another form";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Wait with argocd until the application is synced and healthy, and show what happens
    Sync(Box<SyncArgs>),
    /// Wait without argocd until everything is rolled out, failed or interrupted
    Follow(Box<FollowArgs>),
    /// Look once, and show everything that is wrong right now and why
    Diagnose(Box<DiagnoseArgs>),
    /// List the objects that would be followed, and the reason for ignoring others
    Explain(Box<ExplainArgs>),
    /// Show a recorded run again, in any form
    Replay(Box<ReplayArgs>),
    /// Make an HTML page, JUnit, Markdown, a trace or log files from a recorded run
    Report(Box<ReportCommandArgs>),
    /// Show about 40 s of a recorded rollout that fails, without a cluster
    #[cfg(feature = "demo")]
    Demo(DemoArgs),
    /// Print the version
    Version,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page in troff
    Man,
    /// Print versions and settings for a bug report, without anything secret
    Bugreport {
        /// The command line that went wrong; credentials in it are cut
        #[arg(last = true, value_name = "COMMAND LINE")]
        typed: Vec<OsString>,
    },
}

/// `sync`.
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// The flags that `sync` shares with `follow`.
    #[command(flatten)]
    pub follow: FollowArgs,
    /// The flags about argocd.
    #[command(flatten)]
    pub argocd: ArgocdArgs,
}

/// `follow`, and the flags that `sync` shares with it.
#[derive(Debug, Args)]
pub struct FollowArgs {
    /// The flags that choose the application and its cluster.
    #[command(flatten)]
    pub target: TargetArgs,
    /// The flags about logs.
    #[command(flatten)]
    pub logs: LogArgs,
    /// The flags about a log store.
    #[command(flatten)]
    pub log_store: LogStoreArgs,
    /// The flags about events.
    #[command(flatten)]
    pub events: EventArgs,
    /// The flags about the end of the run.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// The flags about the look of the output.
    #[command(flatten)]
    pub view: ViewArgs,
    /// The flags about files.
    #[command(flatten)]
    pub files: FileArgs,
}

/// `diagnose`.
#[derive(Debug, Args)]
pub struct DiagnoseArgs {
    /// The flags that choose the application and its cluster.
    #[command(flatten)]
    pub target: TargetArgs,
    /// The flags about the look of the output.
    #[command(flatten)]
    pub view: ViewArgs,
    /// The flag about paused rollouts.
    #[command(flatten)]
    pub paused: PausedArgs,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The flags that choose the application and its cluster.
    #[command(flatten)]
    pub target: TargetArgs,
}

impl Command {
    /// Adds kinds of workload to the command, if it looks at a cluster.
    pub fn add_kinds(&mut self, kinds: Vec<Arc<dyn Workload>>) {
        if let Some(target) = self.target() {
            target.kinds = kinds;
        }
    }

    /// Returns the flags that choose the applications, if the command looks at a cluster.
    fn target(&mut self) -> Option<&mut TargetArgs> {
        Some(match self {
            Self::Sync(args) => &mut args.follow.target,
            Self::Follow(args) => &mut args.target,
            Self::Diagnose(args) => &mut args.target,
            Self::Explain(args) => &mut args.target,
            Self::Replay(_)
            | Self::Report(_)
            | Self::Version
            | Self::Man
            | Self::Completions { .. }
            | Self::Bugreport { .. } => return None,
            #[cfg(feature = "demo")]
            Self::Demo(_) => return None,
        })
    }

    /// Reads the names of the applications.
    ///
    /// # Errors
    ///
    /// One sentence that says what is missing or contradicts.
    pub fn read_names(&mut self) -> Result<(), String> {
        if let Some(target) = self.target() {
            target.apps = target.named()?.apps;
        }
        Ok(())
    }
}

/// The flags about events.
#[derive(Debug, Args)]
#[command(next_help_heading = "Events")]
pub struct EventArgs {
    /// Kubernetes events to show
    #[arg(long, value_enum, default_value_t, env = "ARGO_ASSISTANT_EVENTS")]
    pub events: Events,

    /// Show events of this reason at another level (repeatable), for example Pulled=debug
    #[arg(
        long,
        value_name = "REASON=LEVEL",
        value_delimiter = ',',
        env = "ARGO_ASSISTANT_EVENT_LEVEL"
    )]
    pub event_level: Vec<LevelOverride>,
}

/// `--events`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Events {
    /// All events
    #[default]
    All,
    /// Warnings and errors
    Warnings,
    /// No events
    None,
}

/// The flags about the end of the run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Waiting")]
pub struct WaitArgs {
    /// End with exit code 1 once every new pod of a workload is doomed for the grace time
    #[arg(long, value_parser = BoolishValueParser::new(), env = "ARGO_ASSISTANT_FAIL_FAST")]
    pub fail_fast: bool,

    /// Time for which a workload must stay doomed before --fail-fast (or follow) ends; also the
    /// time that --on-degraded wait waits
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration, env = "ARGO_ASSISTANT_GRACE")]
    pub grace: Duration,

    /// Restarts allowed per container before they are reported as a finding
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 2,
        env = "ARGO_ASSISTANT_ALLOW_RESTARTS"
    )]
    pub allow_restarts: u32,

    /// Do not let this workload end the run with --fail-fast (repeatable)
    #[arg(
        long,
        value_name = "KIND/NAME",
        value_delimiter = ',',
        env = "ARGO_ASSISTANT_IGNORE"
    )]
    pub ignore: Vec<WorkloadName>,

    /// End after this time with exit code 70; 0 waits for ever
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration, env = "ARGO_ASSISTANT_TIMEOUT")]
    pub timeout: Duration,

    /// Time for which to keep watching for crashes after success: a container without a readiness
    /// probe counts as ready before it can crash
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration, env = "ARGO_ASSISTANT_SETTLE")]
    pub settle: Duration,

    /// After success, wait until the old pods have ended, for programs that must not run twice
    #[arg(long, value_parser = BoolishValueParser::new(), env = "ARGO_ASSISTANT_WAIT_TERMINATED")]
    pub wait_terminated: bool,

    /// The flag about paused rollouts.
    #[command(flatten)]
    pub paused: PausedArgs,

    /// Count success only once this revision runs: a commit or its first digits, the branch that
    /// the Application follows, or the version of its chart
    #[arg(long, value_name = "REVISION", value_parser = NonEmptyStringValueParser::new(), env = "ARGO_ASSISTANT_REVISION")]
    pub revision: Option<String>,

    /// Count success only once the new pods run this image (repeatable): REPOSITORY:TAG or
    /// REPOSITORY@DIGEST
    #[arg(
        long = "image",
        value_name = "IMAGE",
        value_delimiter = ',',
        env = "ARGO_ASSISTANT_IMAGE"
    )]
    pub images: Vec<WantedImage>,
}

/// The flag about rollouts that are paused until a person acts.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Waiting")]
pub struct PausedArgs {
    /// Reaction to a rollout that is paused until a person acts, once nothing else is left to wait
    /// for: wait (the default of sync), end with exit code 0, or with 1. Without this flag follow
    /// and diagnose end with 73. A pause with a duration is always waited for
    #[arg(long, value_enum, env = "ARGO_ASSISTANT_ON_PAUSED")]
    pub on_paused: Option<OnPaused>,
}

/// The flags about argocd.
#[derive(Debug, Args)]
#[command(next_help_heading = "argocd")]
pub struct ArgocdArgs {
    /// Run argocd app sync --async first, with the same connection flags
    #[arg(long, value_parser = BoolishValueParser::new(), env = "ARGO_ASSISTANT_SYNC")]
    pub sync: bool,

    /// Behaviour when argocd gives up on a Degraded resource: fail, or wait for it to recover and
    /// run argocd again (up to three times)
    #[arg(long, value_enum, default_value_t, env = "ARGO_ASSISTANT_ON_DEGRADED")]
    pub on_degraded: OnDegraded,

    /// Pass this environment variable to argocd too (repeatable; * stands for any text:
    /// 'AWS_*'). argocd always gets ARGO* and the variables that it cannot run without
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        env = "ARGO_ASSISTANT_ARGOCD_ENV"
    )]
    pub argocd_env: Vec<String>,

    /// Flags for argocd app wait, after --
    #[arg(last = true, value_name = "ARGOCD_FLAGS")]
    pub argocd_flags: Vec<OsString>,
}

/// `--on-degraded`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnDegraded {
    /// End with argocd's exit code
    #[default]
    Fail,
    /// Wait for the grace time, and run argocd again if it healed
    Wait,
}

/// `Deployment/web`, any case of the kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadName {
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}

impl WorkloadName {
    /// True if this names the workload; the case of the kind does not matter.
    pub fn is(&self, workload: &ObjectRef) -> bool {
        self.kind.eq_ignore_ascii_case(&workload.kind.kind) && *self.name == *workload.name
    }
}

impl FromStr for WorkloadName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => Ok(Self {
                kind: kind.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err("expected KIND/NAME, for example Deployment/web".to_owned()),
        }
    }
}

/// Parses the name of an application or a namespace (RFC 1123, with dots for applications).
fn object_name(text: &str) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let ok = text.chars().all(inner) && edge(text.chars().next()) && edge(text.chars().last());
    if ok && text.len() <= 253 {
        return Ok(text.to_owned());
    }
    Err("expected lower-case letters, digits, '-' and '.'".to_owned())
}

/// Parses `90s`, `5m`, `1h30m`, or a number of seconds as argocd takes it.
fn duration(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected a duration such as 30s, 5m or 1h30m";
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let parsed: SignedDuration = text.parse().map_err(|_| EXPECTED.to_owned())?;
    Duration::try_from(parsed).map_err(|_| EXPECTED.to_owned())
}

/// Parses a regular expression. The error is the last line of the parser's message, since the
/// lines before it draw the expression.
fn regex<T: FromStr<Err = regex::Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: regex::Error| {
        let error = error.to_string();
        let why = error.lines().next_back().unwrap_or_default();
        let why = why.trim_start_matches("error: ");
        format!("not a regular expression: {}", why.trim_end_matches('.'))
    })
}

/// Parses `64MiB`, `1GiB`, `1G`, or a number of bytes.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: Option<u64> = match unit.trim() {
        "" | "B" => Some(1),
        "K" | "Ki" | "KiB" => Some(1 << 10),
        "M" | "Mi" | "MiB" => Some(1 << 20),
        "G" | "Gi" | "GiB" => Some(1 << 30),
        _ => None,
    };
    let number = number.parse::<u64>().ok();
    number
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .ok_or_else(|| "expected a size such as 64MiB or 1GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn sync(args: &[&str]) -> SyncArgs {
        let line = ["argo-assistant", "sync"].iter().chain(args);
        match Cli::try_parse_from(line).unwrap().command {
            Command::Sync(args) => *args,
            other => panic!("{other:?}"),
        }
    }

    fn refused(args: &[&str]) -> String {
        let line = ["argo-assistant"].iter().chain(args);
        Cli::try_parse_from(line).unwrap_err().to_string()
    }

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_demo_is_a_command_where_its_recording_is_part_of_the_program() {
        let help = Cli::command().render_help().to_string();
        assert_eq!(help.contains("\n  demo "), cfg!(feature = "demo"), "{help}");
    }

    #[test]
    fn each_flag_has_its_variable() {
        let command = Cli::command();
        for subcommand in command.get_subcommands() {
            for flag in subcommand.get_arguments() {
                let Some(long) = flag.get_long() else {
                    continue;
                };
                let name = long.to_ascii_uppercase().replace('-', "_");
                let wanted = format!("ARGO_ASSISTANT_{name}");
                let found = flag.get_env().and_then(|name| name.to_str());
                assert!(
                    matches!(long, "help" | "version") || found == Some(wanted.as_str()),
                    "--{long}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn flags_of_argocd_come_after_two_dashes() {
        let args = sync(&["shop", "argocd", "--tail", "3", "--", "--timeout", "300"]);
        assert_eq!(args.argocd.argocd_flags, ["--timeout", "300"]);
        assert_eq!(args.follow.logs.tail, 3);
        let all = sync(&["shop", "argocd", "--tail", "-1"]);
        assert_eq!(all.follow.logs.tail, -1);
        assert_eq!(args.follow.target.names, ["shop", "argocd"]);
    }

    #[test]
    fn values_of_their_own_kind() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("300"), Ok(Duration::from_secs(300)));
        assert!(duration("-5s").is_err() && duration("soon").is_err());
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert!(size("many").is_err() && size("99999999999999GiB").is_err());
    }

    #[test]
    fn a_bad_value_says_what_would_be_right() {
        for (args, sentence) in [
            (
                &["sync", "Shop", "argocd"][..],
                "expected lower-case letters",
            ),
            (
                &["sync", "shop", "argocd", "--timeout", "soon"],
                "expected a duration such as 30s",
            ),
            (
                &["sync", "shop", "argocd", "--ignore", "web"],
                "expected KIND/NAME",
            ),
            (
                &["sync", "shop", "argocd", "--event-level", "Pulled"],
                "REASON=LEVEL",
            ),
        ] {
            let said = refused(args);
            assert!(said.contains(sentence), "{said}");
        }
    }
}
