//! A very large application.

use super::*;

/// Its containers, and for how many seconds they write.
const MANY: u64 = 4000;
const WRITES: u64 = 20;

impl Bench {
    /// A very large application: each container writes five lines a second.
    pub(super) fn many(&mut self) -> Result<(), Failure> {
        self.told(&format!("streams {MANY}"))?;
        let command = self.assistant();
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .env("KUBECONFIG", self.path("api"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no stdout")?;
        let reading = thread::spawn(move || read_delays(stdout));
        self.opened(MANY)?;
        let pid = i32::try_from(child.id())?;
        let before = measure::cpu(pid)?;
        self.told(&format!("many {WRITES}"))?;
        let share = (measure::cpu(pid)? - before) / WRITES as f64 * 100.0;
        let peak = measure::peak(child.id()).ok_or("no memory is known")? as f64 / 1024.0;
        let pid = nix::unistd::Pid::from_raw(pid);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT)?;
        child.wait()?;
        let delays = reading.join().map_err(|_| "the reader failed")?;
        let most = quantile(&delays, 0.99);
        say(&format!(
            "\n## {MANY} containers, five lines a second each ({} lines)\n",
            delays.len()
        ));
        say(&format!(
            "- CPU {share:.0} % of a core (target 25: {}), at most {peak:.0} MiB (target 200: {})",
            verdict(share, 25.0),
            verdict(peak, 200.0)
        ));
        say(&format!(
            "- delay: p50 {:.1} ms, p99 {most:.1} ms (target 50: {})",
            quantile(&delays, 0.5),
            verdict(most, 50.0)
        ));
        Ok(())
    }
}
