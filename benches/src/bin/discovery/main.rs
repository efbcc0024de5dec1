//! The cost of finding an application in a crowded namespace.
//!
//! For 1,000, 2,000 and 5,000 pods, of which 50 belong to the application, it fills a
//! simulated cluster and starts itself again as a process that does nothing but track the
//! application, its events and its logs. It prints how long it took, from the start of that
//! process, until the server was asked for the log of each container, until the last pod was
//! known and until the last of the old events was read; the memory and CPU time that needed;
//! and what 200 changes a second of pods that are nobody's business cost.
//!
//! `cargo run --release -p argo-benches --bin discovery`
//!
//! With `programs PODS TRACKED PROGRAM…` it runs each `argo-assistant` of these paths as a user
//! does, one after another, `ROUNDS` times (3), and prints their cost beside each other.

#![allow(clippy::print_stdout, reason = "its output is all that it is for")]

mod follower;
mod programs;

use std::{
    collections::BTreeMap,
    error::Error,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use argo_benches::crowd::{self, Size};
use jiff::Timestamp;
use simcluster::{
    api::{ApiServer, LoggedRequest},
    clock::Clock,
    logs::Logs,
    store::Store,
};
use tokio::runtime::Runtime;

/// Pods of the application.
const TRACKED: usize = 50;
/// Changes a second while it is churned, and for how long.
const CHANGES: u32 = 200;
const CHURN: Duration = Duration::from_secs(10);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => {}
        [word, pods, tracked, paths @ ..] if word == "programs" => {
            let size = Size {
                pods: pods.parse()?,
                tracked: tracked.parse()?,
            };
            return programs::compare(size, paths);
        }
        [kubeconfig, ..] => {
            let follow = follower::follow(kubeconfig.into(), TRACKED);
            return runtime()?.block_on(follow);
        }
    }
    println!(
        "{:>6} {:>12} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10} {:>9}",
        "pods",
        "replicasets",
        "events",
        "logs open",
        "known",
        "events",
        "CPU",
        "peak RSS",
        "RSS",
        "churn CPU",
        "requests"
    );
    for pods in [1000, 2000, 5000] {
        measure(Size {
            pods,
            tracked: TRACKED,
        })?;
    }
    Ok(())
}

fn runtime() -> Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    Ok(builder.enable_all().build()?)
}

fn measure(size: Size) -> Result<()> {
    // One of its own: with it all objects go, before the next server is measured.
    let runtime = runtime()?;
    let (store, logs) = (Store::new(Clock::new(1.0), 1), Logs::new());
    let crowd = crowd::fill(&store, &logs, size)?;
    let server = runtime.block_on(ApiServer::builder(store.clone(), logs).start())?;
    let kubeconfig = kubeconfig(&server)?;
    let started = store.clock().now();
    let mut follower = Follower::start(&kubeconfig)?;
    // The server is served by this thread, so it has to wait within the runtime.
    let known = runtime.block_on(follower.answer())?;
    let requests = server.requests();
    let open = all_logs_open(&requests, size, started)?;
    follower.say("churn")?;
    runtime.block_on(churn(&store, size))?;
    follower.say("stop")?;
    let churned = runtime.block_on(follower.answer())?;
    follower.child.wait()?;
    std::fs::remove_file(&kubeconfig)?;
    println!(
        "{:>6} {:>12} {:>7} {open:>7.2} s {known} {churned} {:>9}",
        size.pods,
        crowd.replica_sets,
        crowd.events,
        requests.len()
    );
    Ok(())
}

fn kubeconfig(server: &ApiServer) -> Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("argo-discovery-{}", std::process::id()));
    std::fs::write(&path, server.kubeconfig())?;
    Ok(path)
}

/// Seconds until the log of each container of the application was asked for.
fn all_logs_open(requests: &[LoggedRequest], size: Size, started: Timestamp) -> Result<f64> {
    let first = first_follows(requests);
    assert_eq!(first.len(), size.tracked * crowd::CONTAINERS.len());
    let last = first.values().max().ok_or("no log was asked for")?;
    Ok(last.duration_since(started).as_secs_f64())
}

/// The time at which each log was asked for first, by pod and container.
fn first_follows(requests: &[LoggedRequest]) -> BTreeMap<(&str, &str), Timestamp> {
    let is_follow = |it: &&LoggedRequest| it.verb == "log" && it.query.contains("follow=true");
    let mut first = BTreeMap::new();
    for request in requests.iter().filter(is_follow) {
        let container = (&*request.name, &*request.container);
        first.entry(container).or_insert(request.at);
    }
    first
}

/// Changes pods that do not belong to the application, one after another.
async fn churn(store: &Store, size: Size) -> Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / CHANGES);
    let changes = CHANGES * u32::try_from(CHURN.as_secs())?;
    // A change that changes nothing is none: the next round must not repeat this one.
    let round = usize::try_from(store.resource_version())?;
    for change in 0..changes as usize {
        ticks.tick().await;
        let mut number = change % size.pods;
        if size.is_tracked(number) {
            number -= 1;
        }
        store.modify("pods", crowd::NAMESPACE, &crowd::pod_name(number), |pod| {
            let statuses = &mut pod["status"]["containerStatuses"];
            statuses[0]["restartCount"] = (round + change).into();
        })?;
    }
    Ok(())
}

/// The process that is measured.
struct Follower {
    child: Child,
    input: ChildStdin,
    output: Option<BufReader<ChildStdout>>,
}

impl Follower {
    fn start(kubeconfig: &std::path::Path) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().ok_or("no stdin")?;
        let output = child.stdout.take().map(BufReader::new);
        Ok(Self {
            child,
            input,
            output,
        })
    }

    fn say(&mut self, word: &str) -> Result<()> {
        writeln!(self.input, "{word}")?;
        Ok(())
    }

    async fn answer(&mut self) -> Result<String> {
        let mut output = self.output.take().ok_or("it ended")?;
        let (output, line) = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            let read = output.read_line(&mut line);
            (output, read.map(|_| line))
        })
        .await?;
        self.output = Some(output);
        Ok(line?.trim_end().to_owned())
    }
}
