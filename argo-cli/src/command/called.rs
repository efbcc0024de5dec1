//! The command line and the end of a program that may be a plugin of argocd or kubectl.

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::{args::Cli, caller::Caller};

/// Parses the command line of this process; usage lines show the words that the user typed.
///
/// # Errors
///
/// When the help was asked for, or the command line is wrong.
pub fn parse() -> Result<Cli, clap::Error> {
    parse_from(Caller::current(), std::env::args_os())
}

fn parse_from(
    caller: Caller,
    line: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<Cli, clap::Error> {
    let line: Vec<_> = line.into_iter().collect();
    let mut command = usage(Cli::command(), caller.typed());
    if line.iter().any(|word| word == "-h") {
        command = brief(command);
    }
    let mut matches = command.try_get_matches_from_mut(line)?;
    let name = matches.subcommand_name().unwrap_or_default().to_owned();
    let mut cli = parsed(&mut matches).map_err(|error| error.format(&mut command))?;
    cli.command.read_names().map_err(|message| {
        let own = command.find_subcommand_mut(&name);
        let kind = clap::error::ErrorKind::MissingRequiredArgument;
        match own {
            Some(own) => own.error(kind, message),
            None => command.error(kind, message),
        }
    })?;
    Ok(cli)
}

/// Writes the names as people read them; clap knows one list of names.
fn usage(command: clap::Command, typed: &str) -> clap::Command {
    let with = |command: clap::Command, name: &'static str, names: &str| {
        let text = format!("{typed} {name} [OPTIONS] {names}");
        command.mut_subcommand(name, |own| own.override_usage(text))
    };
    let command = examples(command, typed).bin_name(typed);
    let command = with(
        command,
        "sync",
        "<APP>... <APP_NAMESPACE> [-- <ARGOCD_FLAGS>...]",
    );
    let command = with(command, "follow", "<APP>... <APP_NAMESPACE>");
    let command = with(command, "diagnose", "<APP>... <APP_NAMESPACE>");
    with(command, "explain", "<APP>... <APP_NAMESPACE>")
}

/// Writes the examples as the caller's user types them.
fn examples(command: clap::Command, typed: &str) -> clap::Command {
    let text = command.get_after_help().map(ToString::to_string);
    let text = text.unwrap_or_default();
    command.after_help(text.replace("\n  argo-assistant ", &format!("\n  {typed} ")))
}

/// Flags that `--help` tells of and `-h` does not: few people ever need them.
const SELDOM: &[&str] = &[
    "tracking",
    "tracking-label",
    "installation-id",
    "app-kubeconfig",
    "app-context",
    "as",
    "as-group",
    "user",
    "cluster",
    "server",
    "token",
    "request-timeout",
    "insecure-skip-tls-verify",
    "certificate-authority",
    "client-certificate",
    "client-key",
    "tls-server-name",
    "max-lines-per-container",
    "max-rate",
    "replicas",
    "detect-level",
    "raw",
    "spool-limit",
    "logs-from",
    "log-store-type",
    "log-store-tenant",
    "log-store-header",
    "log-store-labels",
    "event-level",
    "ignore",
    "budget",
    "log-budget",
    "argocd-env",
];

/// Makes `-h` a summary: the flags that people use, without their variables.
fn brief(command: clap::Command) -> clap::Command {
    let of_arg = |arg: clap::Arg| {
        let is_seldom = arg.get_long().is_some_and(|long| SELDOM.contains(&long));
        arg.hide_env(true).hide_short_help(is_seldom)
    };
    let names = ["sync", "follow", "diagnose", "explain"];
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |own| own.mut_args(of_arg))
    })
}

fn parsed(matches: &mut ArgMatches) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches_mut(matches)
}

/// Asks the system to send SIGTERM when a caller that does not pass signals on dies.
///
/// kubectl becomes the plugin, but argocd waits for it as for any child: a pipeline that
/// cancels argocd would leave the program running.
pub fn end_with(caller: Caller) {
    #[cfg(target_os = "linux")]
    if caller == Caller::Argocd {
        // Without it the program only ends later, by itself.
        let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGTERM);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = caller;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_a_command_fits_two_screens() {
        let help = |flag: &str| {
            let line = ["argo-assistant", "sync", flag].map(Into::into);
            parse_from(Caller::Shell, line).unwrap_err().to_string()
        };
        let (short, long) = (help("-h"), help("--help"));
        assert!(
            short.lines().count() < 100,
            "{} lines",
            short.lines().count()
        );
        assert!(!short.contains("[env:") && long.contains("ARGO_ASSISTANT_SETTLE"));
        let command = Cli::command();
        let sync = command.find_subcommand("sync").unwrap();
        for name in SELDOM {
            let is_flag = sync.get_arguments().any(|arg| arg.get_long() == Some(name));
            assert!(is_flag, "there is no --{name}");
            let flag = format!("--{name} ");
            assert!(!short.contains(&flag), "{flag}");
        }
    }

    #[test]
    fn usage_shows_the_words_typed() {
        let line = ["argocd-assistant", "sync", "shop"].map(Into::into);
        let error = parse_from(Caller::Argocd, line).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("Usage: argocd assistant sync"), "{text}");
    }

    #[test]
    fn the_examples_are_what_the_caller_types() {
        for (caller, typed) in [
            (Caller::Shell, "argo-assistant"),
            (Caller::Argocd, "argocd assistant"),
            (Caller::Kubectl, "kubectl argo-assistant"),
        ] {
            let line = ["argo-assistant", "--help"].map(Into::into);
            let text = parse_from(caller, line).unwrap_err().to_string();
            let (_, examples) = text.split_once("Examples:\n").unwrap();
            for example in examples.trim_end().lines() {
                assert!(example.starts_with(&format!("  {typed} ")), "{example}");
            }
        }
    }
}
