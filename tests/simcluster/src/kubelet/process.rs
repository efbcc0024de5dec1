//! A container's process: it carries out a script.

use std::time::Duration;

use jiff::Timestamp;

use super::behaviour::{ContainerBehaviour, Lines, Step};

/// End of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) at: Timestamp,
    pub(crate) code: i32,
    pub(crate) oom: bool,
}

/// Output of a process.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Output {
    /// A line on stdout.
    Stdout(String),
    /// A line on stderr.
    Stderr(String),
    /// Bytes on stdout.
    Raw(Vec<u8>),
}

/// Runs a script; it has no clock of its own.
#[derive(Debug)]
pub(crate) struct Process {
    steps: Vec<Step>,
    position: usize,
    /// The line of a `lines` step, from 0.
    line: u64,
    /// Start of the present step.
    began: Timestamp,
    term: Option<Vec<Step>>,
    terminating: bool,
    /// Result of the readiness and startup probes.
    pub(crate) ready: Result<(), Option<String>>,
    /// Result of the liveness probe.
    pub(crate) healthy: Result<(), String>,
    pub(crate) exit: Option<Exit>,
}

impl Process {
    /// The run with this restart count. `ends`: what an unscripted container does.
    pub(crate) fn new(
        behaviour: Option<&ContainerBehaviour>,
        restart: u32,
        ends: bool,
        now: Timestamp,
    ) -> Self {
        let default = || {
            let end = if ends { Step::Exit(0) } else { Step::Forever };
            vec![Step::Log("started".to_owned()), end]
        };
        let scripted = behaviour.and_then(|behaviour| behaviour.steps(restart));
        let steps = scripted.map_or_else(default, <[Step]>::to_vec);
        let waits = has_readiness(&steps);
        Self {
            steps,
            position: 0,
            line: 0,
            began: now,
            term: behaviour.and_then(|behaviour| behaviour.term.clone()),
            terminating: false,
            ready: if waits { Err(None) } else { Ok(()) },
            healthy: Ok(()),
            exit: None,
        }
    }

    /// Does everything that is due and hands out when it was due.
    pub(crate) fn advance(&mut self, now: Timestamp, output: &mut Vec<(Timestamp, Output)>) {
        while self.exit.is_none() && self.due().is_some_and(|due| due <= now) {
            self.step(output);
        }
    }

    /// Returns the time of its next action; `None` if it runs for ever or has ended.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        if self.exit.is_some() {
            return None;
        }
        match self.steps.get(self.position) {
            Some(Step::Forever) => None,
            Some(Step::Sleep(span) | Step::CrashAfter(span)) => Some(later(self.began, *span)),
            Some(Step::Lines(lines)) => Some(self.line_due(lines)),
            _ => Some(self.began),
        }
    }

    /// TERM: what the script says, or exit 143 at once.
    pub(crate) fn terminate(&mut self, now: Timestamp) {
        if self.terminating || self.exit.is_some() {
            return;
        }
        self.terminating = true;
        match self.term.take() {
            None => self.end(now, 143, false),
            Some(steps) => {
                self.steps = steps;
                self.position = 0;
                self.line = 0;
                self.began = now;
            }
        }
    }

    /// KILL.
    pub(crate) fn kill(&mut self, now: Timestamp) {
        if self.exit.is_none() {
            self.end(now, 137, false);
        }
    }

    /// Ends it as a process that could not be started.
    pub(crate) fn fail(&mut self, now: Timestamp) {
        self.end(now, 128, false);
    }

    /// Returns true if the script sets the readiness.
    pub(crate) fn says_when_ready(&self) -> bool {
        has_readiness(&self.steps) || self.ready.is_err()
    }

    fn step(&mut self, output: &mut Vec<(Timestamp, Output)>) {
        let at = self.due().unwrap_or(self.began);
        let Some(step) = self.steps.get(self.position) else {
            return self.end(at, 0, false);
        };
        match step {
            Step::Log(text) => output.push((at, Output::Stdout(text.clone()))),
            Step::Stderr(text) => output.push((at, Output::Stderr(text.clone()))),
            Step::Raw(bytes) => output.push((at, Output::Raw(bytes.clone()))),
            Step::Ready(ready) => self.ready = ready.clone(),
            Step::Unhealthy(text) => self.healthy = Err(text.clone()),
            Step::Exit(code) => return self.end(at, *code, false),
            Step::Oom => return self.end(at, 137, true),
            Step::CrashAfter(_) => return self.end(at, 1, false),
            Step::Lines(lines) => {
                if lines.count.is_none_or(|count| self.line < count) {
                    self.line += 1;
                    let text = lines.text.replace("{n}", &self.line.to_string());
                    return output.push((at, Output::Stdout(text)));
                }
            }
            Step::Sleep(_) | Step::Forever => {}
        }
        self.position += 1;
        self.line = 0;
        self.began = at;
    }

    /// A line comes at the end of its share of time; without a rate at once.
    fn line_due(&self, lines: &Lines) -> Timestamp {
        let (Some(rate), false) = (lines.rate, Some(self.line) == lines.count) else {
            let spent = lines.rate.map_or(0.0, |rate| share(self.line, rate));
            return later(
                self.began,
                Duration::try_from_secs_f64(spent).unwrap_or_default(),
            );
        };
        let spent = share(self.line + 1, rate);
        later(
            self.began,
            Duration::try_from_secs_f64(spent).unwrap_or(Duration::MAX),
        )
    }

    fn end(&mut self, at: Timestamp, code: i32, oom: bool) {
        self.exit = Some(Exit { at, code, oom });
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody writes 2^53 lines")]
fn share(lines: u64, rate: f64) -> f64 {
    lines as f64 / rate
}

fn has_readiness(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step, Step::Ready(_)))
}

/// `span` after `at`, or the end of time.
pub(crate) fn later(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::behaviour::Behaviour;
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    fn process(script: &str, restart: u32) -> Process {
        let behaviour = Behaviour::parse(script).unwrap();
        Process::new(behaviour.containers.get("app"), restart, false, at(0))
    }

    fn lines(process: &mut Process, until: i64) -> Vec<(i64, String)> {
        let mut output = Vec::new();
        process.advance(at(until), &mut output);
        let text = |output| match output {
            Output::Stdout(text) | Output::Stderr(text) => text,
            Output::Raw(bytes) => String::from_utf8(bytes).unwrap(),
        };
        output
            .into_iter()
            .map(|(at, output)| (at.as_millisecond(), text(output)))
            .collect()
    }

    #[test]
    fn lines_come_when_they_are_due_however_late_one_looks() {
        let mut process = process(
            "app: {run: [{log: a}, {sleep: 2s}, {lines: {count: 2, rate: 4, text: 'b{n}'}}, {exit: 3}]}",
            0,
        );
        assert_eq!(lines(&mut process, 100), [(0, "a".to_owned())]);
        assert_eq!(process.due(), Some(at(2000)));
        let rest = [(2250, "b1".to_owned()), (2500, "b2".to_owned())];
        assert_eq!(lines(&mut process, 90_000), rest);
        let exit = Exit {
            at: at(2500),
            code: 3,
            oom: false,
        };
        assert_eq!((process.exit.clone(), process.due()), (Some(exit), None));
    }

    #[test]
    fn a_script_that_ends_exits_0() {
        let mut process = process("app: {run: [{lines: {count: 2, text: x}}]}", 0);
        assert_eq!(lines(&mut process, 0).len(), 2);
        assert_eq!(process.exit.unwrap().code, 0);
    }

    #[test]
    fn term_takes_the_place_of_the_script() {
        let mut with = process(
            "app: {run: [{lines: {rate: 1, text: x}}], term: [{log: bye}, {sleep: 1s}, {exit: 0}]}",
            0,
        );
        lines(&mut with, 1500);
        with.terminate(at(1500));
        assert_eq!(lines(&mut with, 9000), [(1500, "bye".to_owned())]);
        assert_eq!(
            with.exit.map(|exit| (exit.at, exit.code)),
            Some((at(2500), 0))
        );
        let mut without = process("app: {run: [{forever: true}]}", 0);
        without.terminate(at(7));
        assert_eq!(
            without.exit.map(|exit| (exit.at, exit.code)),
            Some((at(7), 143))
        );
    }

    #[test]
    fn readiness_is_what_the_last_step_said() {
        let mut process = process(
            "app: {run: [{sleep: 1s}, {ready: true}, {sleep: 1s}, {not_ready: '503'}, {forever: true}]}",
            0,
        );
        assert_eq!(process.ready, Err(None));
        lines(&mut process, 1000);
        assert_eq!(process.ready, Ok(()));
        lines(&mut process, 2000);
        assert_eq!(process.ready, Err(Some("503".to_owned())));
        assert_eq!(process.due(), None);
    }
}
