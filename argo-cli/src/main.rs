//! The argo-assistant command.

use std::process::ExitCode;

fn main() -> ExitCode {
    use clap::Parser;
    let cli = argo_cli::args::Cli::parse();
    let _ = cli;
    ExitCode::SUCCESS
}
