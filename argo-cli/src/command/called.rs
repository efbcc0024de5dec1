//! The name that the program is called by: its own, or that of a plugin of argocd or kubectl.

use std::{ffi::OsStr, path::Path};

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::args::Cli;

/// The caller that found the program on the `PATH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A shell or a script.
    Shell,
    /// `argocd assistant`: argocd 3.1 and later start the file `argocd-assistant`.
    Argocd,
    /// `kubectl argo-assistant`: kubectl reads `_` in a file name as `-` in a command.
    Kubectl,
}

impl Caller {
    /// Returns the caller that uses the file name of `program`, the first word of the command line.
    pub fn of(program: &OsStr) -> Self {
        let stem = Path::new(program).file_stem().unwrap_or_default();
        match stem.to_str() {
            Some("argocd-assistant") => Self::Argocd,
            Some("kubectl-argo_assistant") => Self::Kubectl,
            _ => Self::Shell,
        }
    }

    /// Returns the caller of this process.
    pub fn current() -> Self {
        Self::of(&std::env::args_os().next().unwrap_or_default())
    }

    /// Returns the words that a user types for the program.
    pub fn typed(self) -> &'static str {
        match self {
            Self::Shell => "argo-assistant",
            Self::Argocd => "argocd assistant",
            Self::Kubectl => "kubectl argo-assistant",
        }
    }
}

/// Parses the command line of this process; usage lines show the words that the user typed.
///
/// # Errors
///
/// When the help was asked for, or the command line is wrong.
pub fn parse() -> Result<Cli, clap::Error> {
    let mut command = Cli::command().bin_name(Caller::current().typed());
    let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
    parsed(&mut matches).map_err(|error| error.format(&mut command))
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
    fn the_file_name_tells_the_caller() {
        for (program, typed) in [
            ("argo-assistant", "argo-assistant"),
            ("/usr/bin/argocd-assistant", "argocd assistant"),
            ("argocd-assistant.exe", "argocd assistant"),
            ("./kubectl-argo_assistant", "kubectl argo-assistant"),
            ("kubectl-argo-assistant", "argo-assistant"),
            ("", "argo-assistant"),
        ] {
            assert_eq!(Caller::of(OsStr::new(program)).typed(), typed, "{program}");
        }
    }

    #[test]
    fn usage_shows_the_words_typed() {
        let mut command = Cli::command().bin_name(Caller::Argocd.typed());
        let error = command
            .try_get_matches_from_mut(["argocd-assistant", "sync", "shop"])
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("Usage: argocd assistant sync"), "{text}");
    }
}
