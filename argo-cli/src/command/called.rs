//! The command line and the end of a program that may be a plugin of argocd or kubectl.

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::{args::Cli, caller::Caller};

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
    fn usage_shows_the_words_typed() {
        let mut command = Cli::command().bin_name(Caller::Argocd.typed());
        let error = command
            .try_get_matches_from_mut(["argocd-assistant", "sync", "shop"])
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("Usage: argocd assistant sync"), "{text}");
    }
}
