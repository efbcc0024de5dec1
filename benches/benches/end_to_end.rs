//! Whole programs beside each other: argo-assistant, curl and kubectl read the same logs.
//!
//! `cargo bench -p argo-benches --bench end_to_end -- [PART…]`, a part being `flood`,
//! `json`, `streams`, `first`, `calm`, `many`, `costs` or `long`; all of them without one. `ROUNDS=N` for
//! more rounds than three, `BEFORE=FILE` for an older build beside which `costs` sets this one.

#[path = "end_to_end/costs.rs"]
mod costs;
#[path = "end_to_end/many.rs"]
mod many;

use std::{
    env, fs,
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use argo_benches::{
    measure::{self, Cost, Running},
    scene::{APP, NAMESPACE, now},
    server::{self, MARK},
    table::{median, quantile, verdict},
};
use serde_json::Value;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const LINES: u64 = 1_000_000;
const STREAMS: u64 = 500;
/// Lines of each busy stream.
const BUSY: u64 = 1998;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let result = match arguments.split_first() {
        Some((word, _)) if word == "serve" => server::run(),
        Some((word, command)) if word == "measure" => measure::between(command),
        _ => Bench::new().and_then(|mut bench| bench.run(&arguments)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// The server, and the data needed to reach it.
struct Bench {
    server: Child,
    tell: ChildStdin,
    said: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
    assistant: PathBuf,
    urls: Value,
    rounds: usize,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Bench {
    fn new() -> Result<Self, Failure> {
        let assistant = assistant()?;
        let mut server = Command::new(env::current_exe()?)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let tell = server.stdin.take().ok_or("no stdin")?;
        let mut said = BufReader::new(server.stdout.take().ok_or("no stdout")?);
        let urls = measure::line(&mut said)?;
        let bench = Self {
            server,
            tell,
            said,
            folder: tempfile::tempdir()?,
            assistant,
            urls,
            rounds: env::var("ROUNDS")
                .ok()
                .and_then(|n| n.parse().ok())
                .unwrap_or(3),
        };
        bench.write_kubeconfigs()?;
        Ok(bench)
    }

    fn run(&mut self, parts: &[String]) -> Result<(), Failure> {
        let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
        for program in ["curl", "kubectl"] {
            if !on_path(program) {
                say(&format!("{program} is not on PATH: its rows are missing"));
            }
        }
        if wanted("flood") {
            self.flood("plain", "text")?;
            self.flood("tls", "text")?;
        }
        if wanted("json") {
            self.flood("plain", "json")?;
        }
        if wanted("streams") {
            self.idle("api")?;
            self.idle("api_tls")?;
            self.busy()?;
        }
        if wanted("first") {
            self.first()?;
        }
        if wanted("calm") {
            self.calm()?;
        }
        if wanted("costs") {
            self.costs()?;
        }
        if wanted("many") {
            self.many()?;
        }
        if wanted("long") {
            self.long()?;
        }
        Ok(())
    }

    fn told(&mut self, line: &str) -> Result<Value, Failure> {
        writeln!(self.tell, "{line}")?;
        measure::line(&mut self.said)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write_kubeconfigs(&self) -> Result<(), Failure> {
        let text = |name: &str| self.urls[name].as_str().unwrap_or_default();
        let authority = self.path("authority.pem");
        fs::write(&authority, text("authority"))?;
        for name in ["api", "api_tls"] {
            fs::write(self.path(name), text(name))?;
        }
        for name in ["plain", "tls"] {
            let url = text(name);
            let trust = if name == "tls" {
                format!(", certificate-authority: {authority}")
            } else {
                String::new()
            };
            let config = format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: sim\nclusters:\n- {{name: sim, cluster: {{server: '{url}'{trust}}}}}\n\
                 contexts:\n- {{name: sim, context: {{cluster: sim, user: sim}}}}\nusers:\n- {{name: sim, user: {{token: any}}}}\n"
            );
            fs::write(self.path(name), config)?;
        }
        Ok(())
    }

    /// argo-assistant as it is used in a pipeline.
    fn assistant(&self) -> Vec<String> {
        let program = self.assistant.display().to_string();
        let words = [
            &program, "follow", APP, "argocd", "--since", "1h", "--settle", "0s",
        ];
        words.map(str::to_owned).to_vec()
    }

    fn start(&self, command: &[String], way: &str, format: &str) -> Result<Running, Failure> {
        let environment = [
            ("KUBECONFIG", self.path(way)),
            ("LOG_FORMAT", format.to_owned()),
        ];
        measure::start(command, &environment)
    }

    fn curl(&self, way: &str) -> Vec<String> {
        let base = self.urls[way].as_str().unwrap_or_default();
        let url = format!(
            "{base}/api/v1/namespaces/{NAMESPACE}/pods/flood/log?container=app&follow=true&timestamps=true"
        );
        let authority = self.path("authority.pem");
        ["curl", "-sN", "--http1.1", "--cacert", &authority, &url]
            .map(str::to_owned)
            .to_vec()
    }

    /// Lets one program read the flood, and returns its cost and the time that the server took.
    fn reads(
        &mut self,
        lines: u64,
        command: &[String],
        way: &str,
        format: &str,
    ) -> Result<(Cost, f64), Failure> {
        self.told(&format!("flood {lines}"))?;
        let cost = self.start(command, way, format)?.cost()?;
        if cost.code != Some(0) {
            return Err(format!("{} ended with {:?}", command[0], cost.code).into());
        }
        let took = self.told("took")?.as_f64().ok_or("no time")? / 1e6;
        Ok((cost, took))
    }

    fn flood(&mut self, way: &str, format: &str) -> Result<(), Failure> {
        let kubectl = [
            "kubectl",
            "logs",
            "-f",
            "--timestamps",
            "-n",
            NAMESPACE,
            "flood",
        ];
        let mut programs = vec![("argo-assistant", self.assistant())];
        if on_path("curl") {
            programs.push(("curl -sN", self.curl(way)));
        }
        if on_path("kubectl") {
            programs.push(("kubectl logs -f", kubectl.map(str::to_owned).to_vec()));
        }
        let mut costs = vec![Vec::new(); programs.len()];
        for round in 0..=self.rounds {
            for (costs, (_, command)) in costs.iter_mut().zip(&programs) {
                let cost = self.reads(LINES, command, way, format)?;
                // The first round warms up.
                if round > 0 {
                    costs.push(cost);
                }
            }
        }
        say(&format!(
            "\n## One container, {LINES} lines of 120 bytes, {way}, {format} ({} rounds)\n",
            self.rounds
        ));
        say(
            "| program | CPU µs a line | bytes flow, s | start to end, s | max RSS MiB |\n| --- | --- | --- | --- | --- |",
        );
        for ((name, _), costs) in programs.iter().zip(&costs) {
            let of = |value: fn(&(Cost, f64)) -> f64| {
                median(&costs.iter().map(value).collect::<Vec<_>>())
            };
            say(&format!(
                "| {name} | {:.3} | {:.2} | {:.2} | {:.1} |",
                of(|(cost, _)| cost.cpu) * 1e6 / LINES as f64,
                of(|(_, took)| *took),
                of(|(cost, _)| cost.wall),
                of(|(cost, _)| cost.max_rss as f64) / 1024.0
            ));
        }
        say("");
        for (at, (name, _)) in programs.iter().enumerate().skip(1) {
            let ratio = |value: fn(&(Cost, f64)) -> f64| {
                let pairs = costs[0].iter().zip(&costs[at]);
                median(
                    &pairs
                        .map(|(ours, theirs)| value(ours) / value(theirs))
                        .collect::<Vec<_>>(),
                )
            };
            let is_curl = name.starts_with("curl");
            let limit = if is_curl { 1.5 } else { 1.0 / 3.0 };
            let cpu = ratio(|(cost, _)| cost.cpu);
            let wall = ratio(|(_, took)| *took);
            say(&format!(
                "- CPU / {name}: {cpu:.2} (target {limit:.2}: {})",
                verdict(cpu, limit)
            ));
            say(&format!(
                "- wall / {name}: {wall:.2} (target 1.50: {})",
                verdict(wall, 1.5)
            ));
        }
        Ok(())
    }

    /// Waits until the given number of logs is open.
    fn opened(&mut self, streams: u64) -> Result<(), Failure> {
        let until = Instant::now() + Duration::from_secs(60);
        while self.told("logs")?.as_u64() < Some(streams) {
            if Instant::now() > until {
                return Err("the logs are not opened".into());
            }
            thread::sleep(Duration::from_millis(100));
        }
        thread::sleep(Duration::from_secs(2));
        Ok(())
    }

    fn idle(&mut self, way: &str) -> Result<(), Failure> {
        let mut held = Vec::new();
        for streams in [20, STREAMS] {
            self.told(&format!("streams {streams}"))?;
            let running = self.start(&self.assistant(), way, "text")?;
            self.opened(streams)?;
            let rss = running.rss().ok_or("no memory is known")?;
            running.interrupt()?;
            let cost = running.cost()?;
            held.push((streams, rss, cost));
        }
        let (few, many) = (&held[0], &held[1]);
        let each = many.1.saturating_sub(few.1) as f64 / (many.0 - few.0) as f64;
        say(&format!("\n## {STREAMS} idle streams, {way}\n"));
        say(&format!(
            "- RSS: {:.1} MiB with {} streams, {:.1} MiB with {}, at most {:.1} MiB (target 64: {})",
            few.1 as f64 / 1024.0,
            few.0,
            many.1 as f64 / 1024.0,
            many.0,
            many.2.max_rss as f64 / 1024.0,
            verdict(many.2.max_rss as f64 / 1024.0, 64.0)
        ));
        say(&format!(
            "- growth: {each:.1} KiB a stream (target 64: {})",
            verdict(each, 64.0)
        ));
        say(&format!(
            "- CPU from start to end: {:.0} ms",
            many.2.cpu * 1e3
        ));
        Ok(())
    }

    /// Without kubectl, which opens five logs a second and no more.
    fn busy(&mut self) -> Result<(), Failure> {
        let lines = (STREAMS * BUSY) as f64;
        say(&format!(
            "\n## {STREAMS} busy streams, {BUSY} lines each, three at a time, plain\n"
        ));
        say("| program | CPU µs a line | max RSS MiB | exit |\n| --- | --- | --- | --- |");
        let base = self.urls["api_url"].as_str().unwrap_or_default();
        let url = format!(
            "{base}/api/v1/namespaces/{NAMESPACE}/pods/pod-[000-{:03}]/log?container=app&follow=true&timestamps=true",
            STREAMS - 1
        );
        let half = |from: u64, to: u64| {
            url.replace(
                &format!("[000-{:03}]", STREAMS - 1),
                &format!("[{from:03}-{to:03}]"),
            )
        };
        let quiet = "curl -sN -Z --no-progress-meter --parallel-immediate --parallel-max 300";
        // curl has at most 300 transfers at a time.
        let curls = format!(
            "{quiet} '{}' & {quiet} '{}'; wait",
            half(0, STREAMS / 2 - 1),
            half(STREAMS / 2, STREAMS - 1)
        );
        let shell = |script: &str| ["sh", "-c", script].map(str::to_owned).to_vec();
        let mut programs = vec![("argo-assistant", self.assistant())];
        if on_path("curl") {
            programs.push(("curl -sN (2 × 250)", shell(&curls)));
        }
        let mut costs = Vec::new();
        for (name, command) in programs {
            self.told(&format!("streams {STREAMS}"))?;
            let running = self.start(&command, "api", "text")?;
            self.opened(STREAMS)?;
            self.told(&format!("busy {BUSY}"))?;
            let cost = running.cost()?;
            say(&format!(
                "| {name} | {:.3} | {:.1} | {:?} |",
                cost.cpu * 1e6 / lines,
                cost.max_rss as f64 / 1024.0,
                cost.code
            ));
            costs.push(cost);
        }
        let rss = costs[0].max_rss as f64 / 1024.0;
        say(&format!(
            "\n- RSS: {rss:.1} MiB (target 64: {})",
            verdict(rss, 64.0)
        ));
        if let [ours, curl] = &costs[..] {
            let ratio = ours.cpu / curl.cpu;
            say(&format!(
                "- CPU / curl: {ratio:.2} (target 1.50: {})",
                verdict(ratio, 1.5)
            ));
        }
        Ok(())
    }

    /// Runs the program, reads its output and returns the delays of the marked lines in ms.
    fn delays(&mut self, way: &str, order: &str) -> Result<Vec<f64>, Failure> {
        self.told("streams 1")?;
        let command = self.assistant();
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .env("KUBECONFIG", self.path(way))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no stdout")?;
        let reading = thread::spawn(move || read_delays(stdout));
        thread::sleep(Duration::from_secs(1));
        self.told(order)?;
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id())?);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT)?;
        child.wait()?;
        reading.join().map_err(|_| "the reader failed".into())
    }

    fn first(&mut self) -> Result<(), Failure> {
        let delays = self.delays("api", "first 200")?;
        let (half, most) = (quantile(&delays, 0.5), quantile(&delays, 0.99));
        say(&format!(
            "\n## Start of a container to its first line, {} containers\n",
            delays.len()
        ));
        say(&format!(
            "- p50 {half:.2} ms (target 3: {}), p99 {most:.2} ms (target 10: {})",
            verdict(half, 3.0),
            verdict(most, 10.0)
        ));
        Ok(())
    }

    fn calm(&mut self) -> Result<(), Failure> {
        let delays = self.delays("plain", "calm 19 10")?;
        let (half, most) = (quantile(&delays, 0.5), quantile(&delays, 0.99));
        say(&format!(
            "\n## 20 streams, one at full speed: delay of the other 19 ({} lines)\n",
            delays.len()
        ));
        say(&format!(
            "- p50 {half:.2} ms, p99 {most:.2} ms (target 50: {})",
            verdict(most, 50.0)
        ));
        Ok(())
    }

    fn long(&mut self) -> Result<(), Failure> {
        let (cost, took) = self.reads(10 * LINES, &self.assistant(), "plain", "text")?;
        // The first quarter has the start in it.
        let quarter = cost.rss.len() / 4;
        let of = |part: &[u64]| median(&part.iter().map(|rss| *rss as f64).collect::<Vec<_>>());
        let (early, late) = (
            of(&cost.rss[quarter..2 * quarter]),
            of(&cost.rss[3 * quarter..]),
        );
        let change = (late / early - 1.0).abs() * 100.0;
        say("\n## Memory over 10 million lines\n");
        say(&format!(
            "- {:.1} MiB in the second quarter, {:.1} MiB in the last, of {took:.1} s: {change:.1} % (target 5: {}); every 100 ms, KiB: {:?}",
            early / 1024.0,
            late / 1024.0,
            verdict(change, 5.0),
            cost.rss
        ));
        Ok(())
    }
}

/// Returns the delay of each marked line from its time to now. It searches only for the marks
/// and does not split lines, so that it is not the slow part.
fn read_delays(mut stdout: ChildStdout) -> Vec<f64> {
    let (mut delays, mut kept) = (Vec::new(), 0);
    let mut buffer = vec![0; 1 << 20];
    while let Ok(read) = stdout.read(&mut buffer[kept..]) {
        let now = now();
        let filled = kept + read;
        // A line that is not complete waits for its end.
        let whole = memchr::memrchr(b'\n', &buffer[..filled]).map_or(0, |at| at + 1);
        for at in memchr::memmem::find_iter(&buffer[..whole], MARK.as_bytes()) {
            let digits = buffer[at + MARK.len()..]
                .split(|byte| *byte == b'\n')
                .next();
            let time = String::from_utf8_lossy(digits.unwrap_or_default())
                .trim()
                .parse::<i64>();
            delays.extend(time.map(|time| (now - time) as f64 / 1e6));
        }
        if read == 0 {
            break;
        }
        buffer.copy_within(whole..filled, 0);
        kept = filled - whole;
    }
    delays
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Returns the path of the release build of the program, which is built if necessary.
fn assistant() -> Result<PathBuf, Failure> {
    if let Some(given) = env::var_os("ASSISTANT") {
        return Ok(given.into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--release", "-p", "argo-cli"])
        .current_dir(&root)
        .status()?;
    if !built.success() {
        return Err("argo-assistant cannot be built".into());
    }
    // target/PROFILE/deps/end_to_end-…
    let here = env::current_exe()?;
    let target = here.ancestors().nth(3).ok_or("no target folder")?;
    Ok(target.join("release").join("argo-assistant"))
}
