//! argo-assistant, built beside the tests so that they can run it as a process.

use std::process::ExitCode;

use argo_cli::{args::Cli, command};
use clap::Parser;

fn main() -> ExitCode {
    command::run(Cli::parse())
}
