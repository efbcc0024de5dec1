//! Carrying out a script.

use std::{
    collections::BTreeMap,
    env, fs,
    fs::File,
    future,
    io::{self, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, raise},
    unistd::{dup2_stderr, dup2_stdout, getpgrp, getppid},
};
use serde_json::{Value, json};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::sleep,
};

use super::{
    follow::{Output, Wait},
    script::{Follow, Fork, Pipe, Script, Step, Trap},
    summary::summary,
};

/// Anything that makes a script wrong.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The whole program.
pub async fn main() -> ExitCode {
    match run().await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Nobody may be there to read it.
            let _ = writeln!(io::stderr(), "scripted-argocd: {error}");
            ExitCode::from(125)
        }
    }
}

async fn run() -> Result<u8, Failure> {
    let steps = steps()?;
    let (exits, mut exit) = mpsc::unbounded_channel();
    let mut performer = Performer { exits };
    tokio::select! {
        code = performer.all(&steps) => code,
        Some(code) = exit.recv() => code,
        () = orphaned(), if !is_forked() => Err("the program that ran it is gone".into()),
    }
}

/// Waits until the program that ran this one is gone for a while: a test that kills it must not
/// leave this one behind.
async fn orphaned() {
    let parent = getppid();
    while getppid() == parent {
        sleep(WHILE).await;
    }
}

/// Time for which an orphan may go on, so that tests can see that it does.
const WHILE: Duration = Duration::from_secs(30);

fn is_forked() -> bool {
    env::var_os(FORKED).is_some()
}

/// From a process that was started by `fork`, or the script, or what argocd would do.
fn steps() -> Result<Vec<Step>, Failure> {
    if let Ok(steps) = env::var(FORKED) {
        return Ok(serde_json::from_str(&steps)?);
    }
    if let Ok(path) = env::var("ARGO_SCRIPT") {
        let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        return Ok(Script::parse(&text)
            .map_err(|error| format!("{path}: {error}"))?
            .steps);
    }
    let (app, namespace) = asked_for();
    if env::var_os("ARGO_SIM_SERVER").is_some() {
        return Ok(vec![Step::Follow(Follow {
            server: None,
            namespace,
            app,
        })]);
    }
    print(&summary(&healthy(&app, &namespace), &argocd_server()))?;
    Ok(Vec::new())
}

/// Steps of a process that was started by `fork`.
const FORKED: &str = "ARGO_SCRIPT_FORKED";

/// `app wait <APP> --app-namespace=<NAMESPACE>`
fn asked_for() -> (String, String) {
    let app = env::args().nth(3).unwrap_or_default();
    let namespace = env::args().find_map(|argument| {
        argument
            .strip_prefix("--app-namespace=")
            .map(ToOwned::to_owned)
    });
    (app, namespace.unwrap_or_else(|| "argocd".to_owned()))
}

fn healthy(app: &str, namespace: &str) -> Value {
    json!({
        "metadata": {"name": app, "namespace": namespace},
        "spec": {
            "project": "default",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": app},
            "source": {"targetRevision": "main"},
        },
        "status": {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}},
    })
}

fn argocd_server() -> String {
    env::var("ARGOCD_SERVER").unwrap_or_default()
}

/// `--timeout N` or `--timeout=N`.
fn timeout() -> u64 {
    let mut arguments = env::args();
    let mut timeout = None;
    while let Some(argument) = arguments.next() {
        let value = match argument.strip_prefix("--timeout") {
            Some("") => arguments.next(),
            Some(value) => value.strip_prefix('=').map(ToOwned::to_owned),
            None => None,
        };
        timeout = value.and_then(|value| value.parse().ok()).or(timeout);
    }
    timeout.unwrap_or_default()
}

fn speed() -> f64 {
    let speed = env::var("ARGO_SPEED")
        .ok()
        .and_then(|speed| speed.parse().ok());
    speed.filter(|speed| *speed > 0.0).unwrap_or(1.0)
}

fn print(text: &str) -> io::Result<()> {
    write(Pipe::Stdout, text.as_bytes())
}

fn write(pipe: Pipe, bytes: &[u8]) -> io::Result<()> {
    match pipe {
        Pipe::Stdout => {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes)?;
            stdout.flush()
        }
        Pipe::Stderr => io::stderr().write_all(bytes),
    }
}

struct Performer {
    exits: mpsc::UnboundedSender<Result<u8, Failure>>,
}

impl Performer {
    async fn all(&mut self, steps: &[Step]) -> Result<u8, Failure> {
        for step in steps {
            if let Some(code) = self.one(step).await? {
                return Ok(code);
            }
        }
        Ok(0)
    }

    async fn one(&mut self, step: &Step) -> Result<Option<u8>, Failure> {
        match step {
            Step::Print(text) => text.write(&mut io::stdout().lock())?,
            Step::Error(text) => text.write(&mut io::stderr())?,
            Step::Sleep(seconds) => {
                sleep(Duration::try_from_secs_f64(seconds / speed())?).await;
            }
            Step::Await(path) => {
                while !path.exists() {
                    sleep(Duration::from_millis(5)).await;
                }
            }
            Step::Close(pipe) => close(*pipe)?,
            Step::Fork(fork) => start(fork)?,
            Step::On(trap) => self.trap(trap.clone())?,
            Step::Exit(code) => return Ok(Some(*code)),
            Step::Die(name) => raise(name.parse()?)?,
            Step::Dump(path) => dump(path)?,
            Step::Follow(follow) => return Ok(Some(wait(follow)?.run(&mut Pipes).await?)),
            Step::Hang => future::pending().await,
        }
        Ok(None)
    }

    /// A signal without an exit code is as good as ignored.
    fn trap(&self, trap: Trap) -> Result<(), Failure> {
        let number = trap.signal.parse::<Signal>()? as i32;
        let mut signals = signal(SignalKind::from_raw(number))?;
        let exits = self.exits.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                let printed = trap.print.as_ref().map(|line| print(&format!("{line}\n")));
                let code = match (printed.transpose(), trap.exit) {
                    (Err(error), _) => Err(error.to_string()),
                    (Ok(_), Some(code)) => Ok(code),
                    (Ok(_), None) => continue,
                };
                let _ = exits.send(code.map_err(Failure::from));
            }
        });
        Ok(())
    }
}

fn wait(follow: &Follow) -> Result<Wait, Failure> {
    let server = follow
        .server
        .clone()
        .or_else(|| env::var("ARGO_SIM_SERVER").ok());
    Ok(Wait {
        server: server.ok_or("follow without a server: set ARGO_SIM_SERVER")?,
        namespace: follow.namespace.clone(),
        app: follow.app.clone(),
        timeout: timeout(),
        speed: speed(),
        argocd_server: argocd_server(),
    })
}

/// The real pipes.
struct Pipes;

impl Output for Pipes {
    fn stdout(&mut self, text: &str) -> io::Result<()> {
        print(text)
    }

    fn fatal(&mut self, message: &str) -> io::Result<()> {
        let time = jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string();
        let line = json!({"level": "fatal", "msg": message, "time": time});
        write(Pipe::Stderr, format!("{line}\n").as_bytes())
    }
}

/// The descriptor stays, for that no other file takes its place.
fn close(pipe: Pipe) -> Result<(), Failure> {
    let nowhere = File::options().write(true).open("/dev/null")?;
    match pipe {
        Pipe::Stdout => dup2_stdout(&nowhere)?,
        Pipe::Stderr => dup2_stderr(&nowhere)?,
    }
    Ok(())
}

/// Starts a process that outlives this one.
fn start(fork: &Fork) -> Result<(), Failure> {
    let mut command = Command::new(env::current_exe()?);
    command.env(FORKED, serde_json::to_string(&fork.steps)?);
    if fork.detached {
        command.process_group(0);
    }
    command.spawn()?;
    Ok(())
}

/// Whole or not at all: someone may be waiting for the file.
fn dump(path: &Path) -> Result<(), Failure> {
    let part = path.with_extension("part");
    fs::write(&part, serde_json::to_vec_pretty(&seen()?)?)?;
    fs::rename(part, path)?;
    Ok(())
}

fn seen() -> Result<Value, Failure> {
    let environment: BTreeMap<_, _> = env::vars_os()
        .map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        })
        .collect();
    let arguments: Vec<_> = env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let mut stdin = Vec::new();
    io::stdin().read_to_end(&mut stdin)?;
    let tmpdir = environment.get("TMPDIR").map(Path::new).map(Path::is_dir);
    Ok(json!({
        "arguments": arguments,
        "environment": environment,
        "pid": std::process::id(),
        "group": getpgrp().as_raw(),
        "stdin": String::from_utf8_lossy(&stdin),
        "tmpdir_exists": tmpdir,
        "ignored_signals": ignored_signals(),
    }))
}

/// The mask of ignored signals, in hexadecimal; Linux only.
fn ignored_signals() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    Some(line.trim().to_owned())
}
