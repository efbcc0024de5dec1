//! Runs one program and reports its cost.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        resource::{UsageWho, getrusage},
        signal::{Signal, kill},
        time::TimeValLike,
    },
    unistd::Pid,
};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The interval at which the program's memory is read.
const LOOK: Duration = Duration::from_millis(100);

/// The resources that a program used.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// Time from the start to the end of the program, in seconds.
    pub wall: f64,
    /// User and system time, in seconds.
    pub cpu: f64,
    /// The most memory that the program held, in KiB.
    pub max_rss: u64,
    /// Memory that the program held every 100 ms, in KiB.
    pub rss: Vec<u64>,
    /// Its exit code.
    pub code: Option<i64>,
}

/// A program that runs under a process of its own.
#[derive(Debug)]
pub struct Running {
    child: Child,
    said: BufReader<ChildStdout>,
    pid: i32,
}

/// Starts a program and discards its output.
///
/// # Errors
///
/// If it cannot be started.
pub fn start(command: &[String], environment: &[(&str, String)]) -> Result<Running, Failure> {
    let mut child = Command::new(env::current_exe()?)
        .arg("measure")
        .args(command)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = BufReader::new(child.stdout.take().ok_or("no stdout")?);
    let pid = line(&mut said)?.as_i64().ok_or("no pid")?;
    Ok(Running {
        child,
        said,
        pid: i32::try_from(pid)?,
    })
}

impl Running {
    /// Returns the memory that the program holds now, in KiB.
    #[must_use]
    pub fn rss(&self) -> Option<u64> {
        rss(self.pid)
    }

    /// Asks the program to end, as Ctrl-C does.
    ///
    /// # Errors
    ///
    /// If it has ended.
    pub fn interrupt(&self) -> Result<(), Failure> {
        Ok(kill(Pid::from_raw(self.pid), Signal::SIGINT)?)
    }

    /// Waits for the end of the program.
    ///
    /// # Errors
    ///
    /// If the process between does not report the end.
    pub fn cost(mut self) -> Result<Cost, Failure> {
        let told = line(&mut self.said)?;
        self.child.wait()?;
        let seconds = |name: &str| told[name].as_f64().unwrap_or_default();
        Ok(Cost {
            wall: seconds("wall"),
            cpu: seconds("cpu"),
            max_rss: told["max_rss"].as_u64().unwrap_or_default(),
            rss: serde_json::from_value(told["rss"].clone())?,
            code: told["code"].as_i64(),
        })
    }
}

/// Returns the user and system time of a program so far, in seconds.
///
/// # Errors
///
/// If there is no such process.
pub fn cpu(pid: i32) -> Result<f64, Failure> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name is in parentheses and may hold spaces.
    let (_, fields) = stat.rsplit_once(") ").ok_or("no stat")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    // Fields 14 and 15 of proc(5), in hundredths of a second on every Linux.
    let [user, system] = [ticks(11), ticks(12)];
    Ok(user
        .zip(system)
        .map_or(0.0, |(user, system)| (user + system) / 100.0))
}

/// Reads one line of JSON.
///
/// # Errors
///
/// If no line comes, or if it is not JSON.
pub fn line(from: &mut impl BufRead) -> Result<Value, Failure> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// The process between: it has no child but the program.
///
/// # Errors
///
/// If the program cannot be started.
pub fn between(command: &[String]) -> Result<(), Failure> {
    let (program, arguments) = command.split_first().ok_or("no program")?;
    let began = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let pid = i32::try_from(child.id())?;
    say(&json!(pid))?;
    let over = Arc::new(AtomicBool::new(false));
    let looking = thread::spawn({
        let over = Arc::clone(&over);
        move || look(pid, &over)
    });
    let status = child.wait()?;
    let wall = began.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    over.store(true, Ordering::Relaxed);
    let rss = looking.join().unwrap_or_default();
    let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    say(&json!({
        "wall": wall, "cpu": cpu as f64 / 1e6, "max_rss": usage.max_rss(), "rss": rss,
        "code": status.code(),
    }))?;
    Ok(())
}

fn look(pid: i32, over: &AtomicBool) -> Vec<u64> {
    let mut seen = Vec::new();
    while !over.load(Ordering::Relaxed) {
        seen.extend(rss(pid));
        thread::sleep(LOOK);
    }
    seen
}

fn rss(pid: i32) -> Option<u64> {
    held(u32::try_from(pid).ok()?)
}

/// Returns the memory that a process holds now, in KiB.
#[must_use]
pub fn held(pid: u32) -> Option<u64> {
    memory(pid, "VmRSS:")
}

/// Returns the most memory that a process held, in KiB.
#[must_use]
pub fn peak(pid: u32) -> Option<u64> {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn say(value: &Value) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{value}")?;
    stdout.flush()
}
