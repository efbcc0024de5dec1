//! The argo-assistant command.

use std::process::ExitCode;

use argo_cli::{args::Cli, command};
use clap::Parser;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    command::run(cli)
}
