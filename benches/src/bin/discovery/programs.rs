//! Whole programs in a crowded namespace, one after another on the same server.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use argo_benches::{
    crowd::{self, Size},
    measure,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use simcluster::{api::ApiServer, clock::Clock, logs::Logs, store::Store};

use crate::{CHANGES, CHURN, Result, churn, first_follows, kubeconfig, runtime};

/// Time without use of the CPU after which everything counts as known.
const QUIET: Duration = Duration::from_secs(2);

/// The cost of a program.
struct Cost {
    /// CPU until the server was asked for all logs, and until everything was known, in seconds.
    open: f64,
    known: f64,
    /// MiB.
    peak: f64,
    /// MiB, once everything was known.
    held: f64,
    /// CPU in a second without changes, in milliseconds.
    idle: f64,
    /// CPU for each change of a pod of others, in microseconds, without what would be used anyway.
    change: f64,
}

/// Prints the cost of each program in each round.
pub(crate) fn compare(size: Size, programs: &[String]) -> Result<()> {
    let runtime = runtime()?;
    let (store, logs) = (Store::new(Clock::new(1.0), 1), Logs::new());
    let _crowd = crowd::fill(&store, &logs, size)?;
    let server = runtime.block_on(ApiServer::builder(store.clone(), logs).start())?;
    let kubeconfig = kubeconfig(&server)?;
    println!(
        "{} pods, {} of them the application's",
        size.pods, size.tracked
    );
    println!(
        "| program | CPU to all logs, s | CPU to all known, s | peak MiB | then MiB | idle, ms a second | µs a change |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let rounds = std::env::var("ROUNDS").ok().and_then(|n| n.parse().ok());
    for _ in 0..rounds.unwrap_or(3) {
        for program in programs {
            let mut child = start(program, &kubeconfig)?;
            let measured = measure(&child, &server, &store, size);
            let cost = runtime.block_on(measured);
            kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGKILL)?;
            child.wait()?;
            let Cost {
                open,
                known,
                peak,
                held,
                idle,
                change,
            } = cost?;
            println!(
                "| {program} | {open:.2} | {known:.2} | {peak:.1} | {held:.1} | {idle:.1} | {change:.1} |"
            );
        }
    }
    fs::remove_file(&kubeconfig)?;
    Ok(())
}

fn start(program: &str, kubeconfig: &Path) -> Result<Child> {
    let words = [
        "follow",
        "shop",
        "argocd",
        "--since",
        "1h",
        "--timeout",
        "1h",
    ];
    let mut command = Command::new(program);
    command.args(words).env("KUBECONFIG", kubeconfig);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    Ok(command.spawn()?)
}

async fn measure(child: &Child, server: &ApiServer, store: &Store, size: Size) -> Result<Cost> {
    let before = server.requests().len();
    let all = size.tracked * crowd::CONTAINERS.len();
    let began = Instant::now();
    while first_follows(&server.requests()[before..]).len() < all {
        if began.elapsed() > Duration::from_secs(120) {
            return Err("not all logs are asked for".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let open = used(child)?;
    let known = quiet(child).await?;
    let (peak, held) = memory(child)?;
    let (before, began) = (used(child)?, Instant::now());
    tokio::time::sleep(CHURN).await;
    let still = used(child)?;
    let idle = (still - before) / began.elapsed().as_secs_f64();
    let began = Instant::now();
    churn(store, size).await?;
    tokio::time::sleep(QUIET).await;
    let changes = f64::from(CHANGES) * CHURN.as_secs_f64();
    let without = idle * began.elapsed().as_secs_f64();
    let change = (used(child)? - still - without) * 1e6 / changes;
    Ok(Cost {
        open,
        known,
        peak,
        held,
        idle: idle * 1e3,
        change,
    })
}

/// Waits until the program does nothing any more, and returns the CPU time that it has used.
async fn quiet(child: &Child) -> Result<f64> {
    let mut before = used(child)?;
    loop {
        tokio::time::sleep(QUIET).await;
        let now = used(child)?;
        if now - before < 0.03 {
            return Ok(now);
        }
        before = now;
    }
}

/// Returns the CPU time that the threads used so far, in seconds.
fn used(child: &Child) -> Result<f64> {
    let mut nanos = 0.0;
    for thread in fs::read_dir(format!("/proc/{}/task", child.id()))? {
        let stat = fs::read_to_string(thread?.path().join("schedstat"))?;
        let first = stat.split_whitespace().next().ok_or("no time")?;
        nanos += first.parse::<f64>()?;
    }
    Ok(nanos / 1e9)
}

/// Returns the most memory that a program held, and what it holds now, in MiB.
fn memory(child: &Child) -> Result<(f64, f64)> {
    let (peak, now) = (measure::peak(child.id()), measure::held(child.id()));
    let (peak, now) = peak.zip(now).ok_or("no memory is known")?;
    Ok((peak as f64 / 1024.0, now as f64 / 1024.0))
}
