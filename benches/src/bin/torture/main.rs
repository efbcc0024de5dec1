//! Lines lost and shown twice by programs that follow logs, on a real cluster.
//!
//! `cargo run --release -p argo-benches --bin torture` takes the cluster that kubectl uses. It
//! creates a namespace, starts containers there whose logs are hard to follow, and beside them
//! argo-assistant (`ASSISTANT=FILE`, or on `PATH`), stern and `kubectl logs -f`. After
//! `--seconds` it counts and deletes the namespace. benches/README.md tells how to read the table.
//!
//! Each container numbers its lines from 1, so the truth about an instance is the number of its
//! last line, as any program or the cluster itself has it in the end. Lines that nobody saw count
//! for nobody.

#![allow(clippy::print_stdout, reason = "its output is all that it is for")]

mod pods;
mod tally;

use std::{
    collections::BTreeMap,
    error::Error,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use pods::{APP, Stage};
use serde_json::Value;
use tally::{Instance, Tally};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Time from the last line of a container to the request to stop.
const SETTLE: Duration = Duration::from_secs(20);
/// Time in which a program has to end after that request.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

const USAGE: &str =
    "usage: torture [--seconds N] [--image IMAGE] [--fault COMMAND]... [--tool NAME=COMMAND]...
  --seconds  how long containers write; default 90
  --image    an image with sh, head, od, tr and seq; default busybox:1.37
  --fault    a command that troubles the cluster, run by sh every 15 s, one after another
  --tool     a program of your own, run by sh; {namespace} stands for the namespace";

/// The wishes of the user.
struct Options {
    seconds: u64,
    image: String,
    faults: Vec<String>,
    tools: Vec<(String, String)>,
}

fn main() -> Result<ExitCode> {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            println!("{wrong}\n{USAGE}");
            return Ok(ExitCode::from(2));
        }
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let stage = Stage {
        namespace: format!("{APP}-{}", now % 100_000),
        image: options.image.clone(),
        until: now + options.seconds,
    };
    kubectl(&["create", "namespace", &stage.namespace], None)?;
    let told = torture(&stage, &options);
    kubectl(
        &["delete", "namespace", &stage.namespace, "--wait=false"],
        None,
    )?;
    told.map(|()| ExitCode::SUCCESS)
}

fn options(mut words: impl Iterator<Item = String>) -> std::result::Result<Options, String> {
    let mut options = Options {
        seconds: 90,
        image: "busybox:1.37".to_owned(),
        faults: Vec::new(),
        tools: Vec::new(),
    };
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        match &*word {
            "--seconds" => {
                let seconds = value.parse();
                options.seconds =
                    seconds.map_err(|_| format!("{value} is no number of seconds"))?;
            }
            "--image" => options.image = value,
            "--fault" => options.faults.push(value),
            "--tool" => {
                let tool = value
                    .split_once('=')
                    .ok_or(format!("{value} is not NAME=COMMAND"))?;
                options.tools.push((tool.0.to_owned(), tool.1.to_owned()));
            }
            _ => return Err(format!("there is no {word}")),
        }
    }
    Ok(options)
}

/// Returns the programs to compare: the user's, or those that are here.
fn tools(options: &Options) -> Vec<(String, String)> {
    if !options.tools.is_empty() {
        return options.tools.clone();
    }
    let ours = std::env::var("ASSISTANT").unwrap_or_else(|_| "argo-assistant".to_owned());
    let known = [
        (
            &*ours,
            "argo-assistant",
            // The pods that crash are doomed, which would end it.
            format!(
                "LOG_FORMAT=json exec {ours} follow {APP} {{namespace}} --timeout 1h --settle 1h --grace 1h --allow-restarts 1000000"
            ),
        ),
        (
            "stern",
            "stern",
            "exec stern -n {namespace} --color never --max-log-requests 100 .".to_owned(),
        ),
        // It follows the pods that are there when it starts, so it starts when they are.
        (
            "kubectl",
            "kubectl",
            format!(
                "sleep 15; exec kubectl logs -n {{namespace}} -l part-of={APP} --all-containers --prefix --tail=-1 --max-log-requests 100 -f"
            ),
        ),
    ];
    let here = known.into_iter().filter(|(program, _, _)| is_here(program));
    here.map(|(_, name, command)| (name.to_owned(), command))
        .collect()
}

fn is_here(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    Path::new(program).is_file()
        || std::env::split_paths(&paths).any(|path| path.join(program).is_file())
}

fn torture(stage: &Stage, options: &Options) -> Result<()> {
    let folder = std::env::temp_dir().join(&stage.namespace);
    fs::create_dir_all(&folder)?;
    let mut running = Vec::new();
    for (name, command) in tools(options) {
        let output = folder.join(&name);
        let child = start(&command.replace("{namespace}", &stage.namespace), &output)?;
        running.push((name, output, child));
    }
    kubectl(&["apply", "-f", "-"], Some(&stage.manifests().to_string()))?;
    trouble(options, Duration::from_secs(options.seconds));
    std::thread::sleep(SETTLE);
    let (mut tallies, mut last) = (Vec::new(), truth(&stage.namespace)?);
    for (name, output, child) in running {
        let by_itself = stop(child)?;
        let tally = read(&output)?;
        tally.last_lines(&mut last);
        tallies.push((name, tally, by_itself));
    }
    for (instance, lines) in &mut last {
        *lines = pods::always(instance).unwrap_or(*lines);
    }
    print(&tallies, &last);
    println!("\nThe outputs are in {}.", folder.display());
    Ok(())
}

fn start(command: &str, output: &Path) -> Result<Child> {
    let mut sh = Command::new("sh");
    sh.args(["-c", command]).stdin(Stdio::null());
    let errors = File::create(output.with_extension("errors"))?;
    Ok(sh.stdout(File::create(output)?).stderr(errors).spawn()?)
}

/// Runs the faults in turn while containers write.
fn trouble(options: &Options, time: Duration) {
    let began = Instant::now();
    let mut faults = options.faults.iter().cycle();
    while began.elapsed() < time {
        std::thread::sleep(Duration::from_secs(15).min(time));
        let is_late = began.elapsed() + Duration::from_secs(10) > time;
        if let Some(fault) = faults.next().filter(|_| !is_late) {
            let ended = Command::new("sh").args(["-c", fault]).status();
            println!(
                "{:4.0} s  {fault}: {}",
                began.elapsed().as_secs_f64(),
                match ended {
                    Ok(status) => status.to_string(),
                    Err(error) => error.to_string(),
                }
            );
        }
    }
}

/// Asks a program to end. Returns true if it had done so already.
fn stop(mut child: Child) -> Result<bool> {
    if child.try_wait()?.is_some() {
        return Ok(true);
    }
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    kill(pid, Signal::SIGINT)?;
    let asked = Instant::now();
    while child.try_wait()?.is_none() {
        if asked.elapsed() > ENDS_WITHIN {
            child.kill()?;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(false)
}

/// Reads the last lines of the instances that the cluster still has.
fn truth(namespace: &str) -> Result<BTreeMap<Instance, u64>> {
    let pods = kubectl(&["-n", namespace, "get", "pods", "-o", "json"], None)?;
    let pods: Value = serde_json::from_slice(&pods)?;
    let mut tally = Tally::default();
    for pod in pods["items"].as_array().into_iter().flatten() {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        for container in ["init", "app"] {
            for previous in ["--previous=false", "--previous"] {
                let words = [
                    "-n", namespace, "logs", name, "-c", container, "--tail=1", previous,
                ];
                // Not every pod has both containers, nor a run before.
                let log = kubectl(&words, None).unwrap_or_default();
                log.split(|byte| *byte == b'\n')
                    .for_each(|line| tally.take(line));
            }
        }
    }
    let mut last = BTreeMap::new();
    tally.last_lines(&mut last);
    Ok(last)
}

fn read(output: &PathBuf) -> Result<Tally> {
    let mut tally = Tally::default();
    for line in BufReader::new(File::open(output)?).split(b'\n') {
        tally.take(&line?);
    }
    Ok(tally)
}

fn print(tallies: &[(String, Tally, bool)], last: &BTreeMap<Instance, u64>) {
    let (lines, instances) = (last.values().sum::<u64>(), last.len());
    println!("\n{lines} lines of {instances} instances\n");
    println!(
        "| program | lines | lost | of them in silence | twice | holes announced | instances unseen | where | ended by itself |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (name, tally, by_itself) in tallies {
        let score = tally.score(last);
        let places: Vec<_> = score.places.into_iter().collect();
        println!(
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} |",
            score.lines,
            score.lost,
            score.in_silence,
            score.twice,
            tally.holes(),
            score.unseen,
            places.join(", "),
            if *by_itself { "yes" } else { "no" }
        );
    }
}

fn kubectl(words: &[&str], input: Option<&str>) -> Result<Vec<u8>> {
    let mut child = Command::new("kubectl")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.unwrap_or_default().as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(format!("kubectl {}: {said}", words.join(" ")).into());
    }
    Ok(output.stdout)
}
