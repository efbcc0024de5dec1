//! The demo: a scenario on the simulated cluster, watched by the real program.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write as _},
    os::unix::{fs::symlink, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus},
    time::Duration,
};

use clap::Parser;
use simcluster::{
    cluster::{Cluster, Options},
    scenario::{self, Action, Scenario, ScenarioError, Step},
};
use tokio::{process::Command, signal::unix::SignalKind};

/// Watch a rollout on a simulated cluster
///
/// Everything is real but the cluster and argocd: what you see is what argo-assistant shows.
#[derive(Debug, Parser)]
#[command(name = "cargo demo", max_term_width = 100)]
pub struct Args {
    /// List the scenarios and end
    #[arg(long)]
    list: bool,

    /// Name of a scenario, or a YAML file with one
    #[arg(long, value_name = "NAME|FILE", default_value = "shop")]
    scenario: String,

    /// Speed of the cluster, as a multiple of real time
    #[arg(long, value_name = "FACTOR", value_parser = speed)]
    speed: Option<f64>,

    /// Leave the cluster up afterwards, and say how kubectl gets to it
    #[arg(long)]
    keep: bool,

    /// Run without argocd: `argo-assistant follow`
    #[arg(long)]
    follow: bool,

    /// Run this program in place of argo-assistant; it gets the application, its namespace and the
    /// flags after --, and in its environment KUBECONFIG, ARGOCD, ARGO_SIM_SERVER and ARGO_SPEED
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,

    /// Flags for argo-assistant, after --
    #[arg(last = true, value_name = "FLAGS")]
    flags: Vec<OsString>,
}

/// Seconds after which argocd gives up where a scenario says nothing of it.
const LONGEST: u64 = 180;

/// A rollout that has not begun after this time is an error.
const BEGIN: Duration = Duration::from_secs(3);
const APPLICATIONS: &str = "applications.argoproj.io";

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 => Ok(speed),
        _ => Err("expected a number above 0, such as 4".to_owned()),
    }
}

/// Runs the demo; the exit code is that of argo-assistant.
pub fn main(args: &Args) -> ExitCode {
    let result = if args.list { list() } else { run(args) };
    match result {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

fn list() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut stdout = io::stdout().lock();
    for scenario in scenario::builtin()? {
        let first = scenario.description.lines().next().unwrap_or_default();
        // A reader that went away is no failure.
        let _ = writeln!(stdout, "{:<28} {first}", scenario.name);
    }
    Ok(ExitCode::SUCCESS)
}

/// The cluster lives in this process, what watches it is another one.
fn run(args: &Args) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let scenario = find(&args.scenario)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let folder = Folder::new()?;
    let status = runtime.block_on(watch(args, &scenario, &folder))?;
    runtime.shutdown_background();
    let code = status.code().unwrap_or(128 + status.signal().unwrap_or(0));
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

fn find(name: &str) -> Result<Scenario, ScenarioError> {
    match Path::new(name) {
        path if path.is_file() => Scenario::open(path),
        _ => scenario::find(name),
    }
}

async fn watch(
    args: &Args,
    scenario: &Scenario,
    folder: &Folder,
) -> Result<ExitStatus, Box<dyn std::error::Error>> {
    // Ctrl-C reaches argo-assistant as it reaches us; its end is ours.
    let _interrupts = tokio::signal::unix::signal(SignalKind::interrupt())?;
    let options = Options {
        speed: args.speed,
        ..Options::default()
    };
    let cluster = Cluster::start(scenario, options).await?;
    let kubeconfig = folder.write("kubeconfig", &cluster.kubeconfig())?;
    // As in a pipeline: the sync was asked for before anyone waits for it.
    let _ = tokio::time::timeout(BEGIN, begins(&cluster, scenario)).await;
    let mut command = assistant(args, scenario, &cluster, folder)?;
    command.env("KUBECONFIG", &kubeconfig);
    let status = command.status().await?;
    if args.keep {
        keep(&kubeconfig).await;
    }
    Ok(status)
}

/// Waits until the first sync has begun; where a recording is played, until there is something
/// to wait for. Before that argocd would find everything synced and healthy.
pub async fn begins(cluster: &Cluster, scenario: &Scenario) -> Option<()> {
    let application = scenario.application.as_ref()?;
    let syncs = scenario.steps.iter().any(is_sync);
    let mut changes = cluster
        .store()
        .watch(APPLICATIONS, cluster.store().resource_version())
        .ok()?;
    loop {
        let object =
            cluster
                .store()
                .get(APPLICATIONS, &application.namespace, &application.name)?;
        let status = &object.value()["status"];
        let begun = if syncs {
            status["operationState"].is_object()
        } else {
            status["health"]["status"] == "Progressing"
        };
        if begun {
            return Some(());
        }
        changes.next().await.ok()?;
    }
}

fn is_sync(step: &Step) -> bool {
    matches!(step.action, Action::Sync(_))
}

fn assistant(
    args: &Args,
    scenario: &Scenario,
    cluster: &Cluster,
    folder: &Folder,
) -> Result<Command, Box<dyn std::error::Error>> {
    let application = scenario.application.as_ref();
    let application = application
        .ok_or("the scenario has no application: section, so there is nothing to wait for")?;
    let speed = args.speed.unwrap_or(scenario.speed);
    let mut command = if let Some(program) = &args.program {
        let mut command = Command::new(program);
        command.args([&application.name, &application.namespace]);
        command
    } else {
        let mut command = Command::new(folder.role("argo-assistant")?);
        command
            .arg(if args.follow { "follow" } else { "sync" })
            .args([&application.name, &application.namespace]);
        command
    };
    command
        .args(&args.flags)
        // A pod that the demo happens to run in is not the cluster that is meant.
        .env_remove("KUBERNETES_SERVICE_HOST")
        .env("ARGOCD", folder.role("argocd")?)
        .env("ARGO_SIM_SERVER", cluster.url())
        .env("ARGO_SPEED", speed.to_string());
    if args.program.is_some() {
        return Ok(command);
    }
    // Without a script argocd follows the Application, and gives up in the end.
    let argocd = cluster.argocd();
    if let Some(script) = argocd.filter(|script| script.get("steps").is_some()) {
        let script = serde_yaml_ng::to_string(script)?;
        command.env("ARGO_SCRIPT", folder.write("argocd.yaml", &script)?);
    } else if !args.follow {
        let timeout = argocd.and_then(|argocd| argocd.get("timeout")?.as_u64());
        let timeout = timeout.unwrap_or(LONGEST).to_string();
        command.args(["--", "--timeout", &timeout]);
    }
    Ok(command)
}

async fn keep(kubeconfig: &Path) {
    let text = format!(
        "\nThe cluster stays up until Ctrl-C:\n  export KUBECONFIG={}\n  kubectl get pods -A\n",
        kubeconfig.display()
    );
    let _ = io::stderr().write_all(text.as_bytes());
    let _ = tokio::signal::ctrl_c().await;
}

/// Holds the kubeconfig and this program under the names of its roles.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("argo-demo-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    fn role(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        if !path.exists() {
            symlink(std::env::current_exe()?, &path)?;
        }
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
