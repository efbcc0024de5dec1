//! Costs of what people see, as ratios within one run: text beside an older build, a recording
//! beside JSON, and the live table in a terminal.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use argo_benches::{
    measure,
    table::{median, verdict},
};

use super::{Bench, Failure, LINES, on_path, say};

/// Lines a second in the terminal, of all pods together.
const RATE: u64 = 1_000;
const PODS: u64 = 20;
/// Seconds before the look at the terminal, and seconds of it.
const WARM: u64 = 3;
const LOOK: u64 = 10;

/// A program that is compared, with its way of writing.
struct Run {
    name: &'static str,
    command: Vec<String>,
    format: &'static str,
}

impl Bench {
    pub(super) fn costs(&mut self) -> Result<(), Failure> {
        self.pipe()?;
        if on_path("script") {
            self.terminal()
        } else {
            say("script is not on PATH: the terminal is missing");
            Ok(())
        }
    }

    fn pipe(&mut self) -> Result<(), Failure> {
        let text = self.assistant();
        let with = |command: &[String], more: &[String]| [command, more].concat();
        let record = |name: &str| ["--record".to_owned(), self.path(name)];
        let run = |name, command, format| Run {
            name,
            command,
            format,
        };
        // As a recording is a file, JSON is measured into a file too.
        let redirect = format!("exec \"$0\" \"$@\" > {}", self.path("json"));
        let shell = ["sh", "-c", &redirect].map(str::to_owned);
        let mut runs = vec![
            run("text", text.clone(), "text"),
            run("JSON", text.clone(), "json"),
            run("JSON into a file", with(&shell, &text), "json"),
            run(
                "text and a recording",
                with(&text, &record("run.ndjson")),
                "text",
            ),
            run(
                "text and a recording, compressed",
                with(&text, &record("run.zst")),
                "text",
            ),
        ];
        if let Some(before) = std::env::var_os("BEFORE") {
            let before = vec![before.to_string_lossy().into_owned()];
            let command = with(&before, &text[1..]);
            runs.push(run("text, the build before", command, "text"));
        }
        let costs = self.cpu(&runs)?;
        say(&format!(
            "\n## Costs, one container, {LINES} lines of 120 bytes ({} rounds)\n",
            self.rounds
        ));
        say("| | CPU ms |\n| --- | --- |");
        for (run, costs) in runs.iter().zip(&costs) {
            say(&format!("| {} | {:.0} |", run.name, median(costs) * 1e3));
        }
        let ratio = |a: usize, b: usize| {
            let pairs = costs[a].iter().zip(&costs[b]);
            median(&pairs.map(|(a, b)| a / b).collect::<Vec<_>>())
        };
        for (json, name) in [(1, "JSON alone"), (2, "JSON into a file")] {
            let recording = ratio(3, json);
            say(&format!(
                "- text and a recording / {name}: {recording:.2} (target 1.30: {}); compressed {:.2}",
                verdict(recording, 1.3),
                ratio(4, json)
            ));
        }
        if runs.len() > 5 {
            let text = ratio(0, 5);
            say(&format!(
                "- text / before: {text:.2} (target 1.10: {})",
                verdict(text, 1.1)
            ));
        }
        Ok(())
    }

    /// Lets each program read the flood in turn, and returns the CPU seconds of each round.
    fn cpu(&mut self, runs: &[Run]) -> Result<Vec<Vec<f64>>, Failure> {
        let mut costs = vec![Vec::new(); runs.len()];
        for round in 0..=self.rounds {
            for (costs, run) in costs.iter_mut().zip(runs) {
                // To empty a file of the round before would be part of the cost.
                for name in ["json", "run.ndjson", "run.zst"] {
                    let _ = fs::remove_file(self.path(name));
                }
                let (cost, _) = self.reads(LINES, &run.command, "plain", run.format)?;
                // The first round warms up.
                if round > 0 {
                    costs.push(cost.cpu);
                }
            }
        }
        Ok(costs)
    }

    fn terminal(&mut self) -> Result<(), Failure> {
        let [text, table] = [self.in_terminal("text")?, self.in_terminal("terminal")?];
        say(&format!(
            "\n## In a terminal, {PODS} pods, {RATE} lines a second, {LOOK} s\n\n\
             - lines only: {:.1} % of a core\n\
             - with the live table: {:.1} %, so the table takes {:.1} % (target 3: {})",
            text * 100.0,
            table * 100.0,
            (table - text) * 100.0,
            verdict((table - text) * 100.0, 3.0)
        ));
        Ok(())
    }

    /// Returns the part of a core that the program takes while lines come steadily.
    fn in_terminal(&mut self, form: &str) -> Result<f64, Failure> {
        self.told("streams 0")?;
        let pid_file = self.path(&format!("pid.{form}"));
        let mut words = self.assistant();
        words.extend(["--output".to_owned(), form.to_owned()]);
        let command = words.join(" ");
        let script = format!("stty rows 50 cols 160; echo $$ > {pid_file}; exec {command}");
        let mut child = Command::new("script")
            .args(["-qec", &script, "/dev/null"])
            .env("KUBECONFIG", self.path("api"))
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm-256color")
            .env_remove("CI")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        thread::sleep(Duration::from_secs(1));
        let pid: i32 = fs::read_to_string(pid_file)?.trim().parse()?;
        writeln!(self.tell, "steady {PODS} {RATE} {}", WARM + LOOK + 2)?;
        thread::sleep(Duration::from_secs(WARM));
        let (began, before) = (Instant::now(), measure::cpu(pid)?);
        thread::sleep(Duration::from_secs(LOOK));
        let part = (measure::cpu(pid)? - before) / began.elapsed().as_secs_f64();
        measure::line(&mut self.said)?;
        child.wait()?;
        Ok(part)
    }
}
