//! `cargo demo`: a rollout without a cluster.
//!
//! One program in three roles, told apart by the name it is called by: the demo starts the
//! simulated cluster and runs itself as `argo-assistant`, which runs it as `argocd`.

use std::{env, ffi::OsString, path::Path, process::ExitCode};

use argo_assistant::command;
use argo_tests::{demo, scripted_argocd};
use clap::Parser;

fn main() -> ExitCode {
    match role().as_str() {
        "argocd" => argocd(),
        "argo-assistant" => command::main(),
        _ => demo::main(&demo::Args::parse_from(arguments())),
    }
}

/// `cargo demo --list` and `cargo demo -- --list` are the same.
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<_> = env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == "--") {
        arguments.remove(1);
    }
    arguments
}

fn argocd() -> ExitCode {
    match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(scripted_argocd::main()),
        Err(_) => ExitCode::FAILURE,
    }
}

fn role() -> String {
    let called = env::args_os().next().unwrap_or_default();
    let name = Path::new(&called).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
