//! Serves a simulated cluster.
#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use clap::Parser;
use simcluster::cluster::{Cluster, Options};
use simcluster::scenario::{self, Scenario};

/// Serves a simulated Kubernetes cluster on 127.0.0.1 in which a scenario happens.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Name of a scenario, or a YAML file.
    #[arg(default_value = "shop")]
    scenario: String,
    /// Lists the scenarios that ship with the program.
    #[arg(long)]
    list: bool,
    /// Virtual seconds in a real one; not given: as the scenario says.
    #[arg(long)]
    speed: Option<f64>,
    /// Decides names, uids and delays; not given: as the scenario says.
    #[arg(long)]
    seed: Option<u64>,
    /// The port; 0 is any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Speaks TLS.
    #[arg(long)]
    tls: bool,
    /// Path of the kubeconfig to write [default: a file in the temporary directory]
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run(&args)),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    if args.list {
        return list();
    }
    let scenario = if Path::new(&args.scenario).extension().is_some() {
        Scenario::open(Path::new(&args.scenario))?
    } else {
        scenario::find(&args.scenario)?
    };
    let options = Options {
        speed: args.speed,
        seed: args.seed,
        tls: args.tls,
        port: args.port,
        ..Options::default()
    };
    let cluster = Cluster::start(&scenario, options).await?;
    let port = cluster
        .url()
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .to_owned();
    let file = args.kubeconfig.clone();
    let file = file.unwrap_or_else(|| env::temp_dir().join(format!("simcluster-{port}.yaml")));
    fs::write(&file, cluster.kubeconfig())?;
    println!("# {} on {}; stop with Ctrl-C", scenario.name, cluster.url());
    println!("export KUBECONFIG={}", file.display());
    tokio::select! {
        finished = cluster.finished() => finished?,
        interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
    }
    println!("# the scenario is over; the cluster stays");
    Ok(tokio::signal::ctrl_c().await?)
}

fn list() -> Result<(), Box<dyn std::error::Error>> {
    for scenario in scenario::builtin()? {
        println!("{:28} {}", scenario.name, scenario.description.trim());
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "errors go to the user")]
fn report(error: &dyn std::error::Error) {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  {error}");
        cause = error.source();
    }
}
