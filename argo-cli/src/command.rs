//! The commands: from arguments to an exit code.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
};

use argo_core::{Level, text::redacted};
use argo_workloads::Workload;
use clap::CommandFactory;

use crate::{
    args::{Cli, Command, ViewArgs},
    caller::Caller,
    error::Failure,
    last_acts, limits,
    sanitize::printable,
    settings::Settings,
    view::{Surroundings, choose},
};

mod bugreport;
pub mod called;
#[cfg(feature = "demo")]
mod demo;
mod diagnose;
mod explain;
mod replay;
mod report;
mod sync;

/// Runs the whole program: reads the command line and carries it out.
pub fn main() -> ExitCode {
    main_with(Vec::new())
}

/// Runs the whole program with kinds of workload besides the built-in ones, for a tool that
/// knows more kinds.
pub fn main_with(kinds: Vec<Arc<dyn Workload>>) -> ExitCode {
    last_acts::install();
    called::end_with(Caller::current());
    match called::parse() {
        Ok(mut cli) => {
            cli.command.add_kinds(kinds);
            run(cli)
        }
        Err(error) => refused(&error),
    }
}

/// Prints the help, or the mistake in the command line or in a variable.
fn refused(error: &clap::Error) -> ExitCode {
    let typed: Vec<_> = std::env::args_os().skip(1).collect();
    // There is nobody left to tell if it cannot be printed.
    let _ = error.print();
    if let Some(variable) = Cli::variable(error, &typed) {
        let _ = writeln!(
            io::stderr(),
            "The value comes from the variable {variable}."
        );
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Carries out the command; a failure becomes one sentence on stderr.
fn run(cli: Cli) -> ExitCode {
    let code = execute(cli.command).unwrap_or_else(|failure| {
        // There is nobody left to tell if stderr is closed.
        let _ = io::stderr().write_all(failure.render().as_bytes());
        failure.code
    });
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

fn execute(command: Command) -> Result<i32, Failure> {
    match command {
        Command::Version => print(&format!("argo-assistant {}\n", env!("CARGO_PKG_VERSION"))),
        Command::Completions { shell } => completions(shell),
        Command::Man => manual(),
        Command::Bugreport { typed } => print(&bugreport::report(&typed, std::env::vars_os())),
        Command::Replay(args) => replay::replay(&args),
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::demo(&args),
        Command::Report(args) => report::report(&args),
        Command::Sync(args) => {
            let view = args.follow.view.clone();
            cluster(&view, |settings| sync::sync(*args, settings))
        }
        Command::Follow(args) => {
            let view = args.view.clone();
            cluster(&view, |settings| sync::follow(*args, settings))
        }
        Command::Diagnose(args) => {
            let view = args.view.clone();
            cluster(&view, |settings| diagnose::diagnose(*args, settings))
        }
        Command::Explain(args) => cluster(&ViewArgs::default(), |settings| {
            explain::explain(*args, settings)
        }),
    }
}

/// Runs a command that talks to a cluster. It uses one thread, because handing each chunk of
/// a stream from thread to thread costs more.
fn cluster<F>(view: &ViewArgs, command: impl FnOnce(Settings) -> F) -> Result<i32, Failure>
where
    F: Future<Output = Result<i32, Failure>>,
{
    let settings = settings(view);
    diagnostics()?;
    limits::raise_open_files();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::usage(format!("cannot start: {error}")))?;
    let result = runtime.block_on(command(settings));
    // Name lookups and the like may hang; nobody waits for them any more.
    runtime.shutdown_background();
    result
}

/// Chooses the form of the output and reads the `LOG_*` settings; each foreign value is one
/// warning on stderr.
fn settings(flags: &ViewArgs) -> Settings {
    let lookup = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
    let width = |term: console::Term| term.size_checked().map(|(_, columns)| columns);
    let choice = choose(&Surroundings {
        flag: flags.output,
        variables: &lookup,
        stdout: io::stdout().is_terminal(),
        stderr: io::stderr().is_terminal(),
        columns: width(console::Term::stderr()),
    });
    let (settings, warnings) = Settings::read(&lookup, choice);
    warn(&warnings);
    let mut settings = settings.with(flags);
    settings.fit(width(console::Term::stdout()));
    settings
}

/// Writes notes about the way to the cluster to stderr.
fn tell(notes: &[(Level, String)]) {
    for (level, note) in notes {
        let word = if *level <= Level::Warning {
            "warning"
        } else {
            "note"
        };
        // There is nobody left to tell if stderr is closed.
        let _ = writeln!(io::stderr(), "{word}: {}", printable(&redacted(note)));
    }
}

/// Writes warnings to stderr, a line each.
fn warn(warnings: &[String]) {
    for warning in warnings {
        let warning = printable(&redacted(warning));
        // There is nobody left to tell if stderr is closed.
        let _ = writeln!(io::stderr(), "warning: {warning}");
    }
}

/// Returns an environment variable; one that is not UTF-8 counts as unset.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Sets up the debug log of this program, which `ARGO_ASSISTANT_LOG` turns on.
fn diagnostics() -> Result<(), Failure> {
    let filter = env("ARGO_ASSISTANT_LOG").unwrap_or_else(|| "off".to_owned());
    let mut builder = env_logger::Builder::new();
    let logger = builder
        .parse_filters(&filter)
        .target(env_logger::Target::Stderr);
    logger
        .try_init()
        .map_err(|error| Failure::usage(format!("cannot start: {error}")))
}

/// Prints to stdout; a reader that went away is no failure.
fn print(text: &str) -> Result<i32, Failure> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::usage(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(crate::exit::OK),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<i32, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "argo-assistant", &mut script);
    let script = String::from_utf8_lossy(&script);
    if shell == clap_complete::Shell::Bash {
        // clap_complete up to 4.6.11 looks commands of a program with a hyphen in its name up by one
        // spelling and lists them by another (clap-rs/clap#6421): no flag was ever completed.
        return print(&script.replace("argo__subcmd__assistant__", "argo__assistant__"));
    }
    print(&script)
}

fn manual() -> Result<i32, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(|error| Failure::usage(format!("cannot write the manual: {error}")))?;
    print(&String::from_utf8_lossy(&page))
}
