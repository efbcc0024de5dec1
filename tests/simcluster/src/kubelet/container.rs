//! One container of a pod as the node knows it, and as the kubelet has seen it.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::behaviour::ContainerBehaviour;
use super::process::{Process, later};
use super::timing::Random;
use crate::clock::time;

/// First wait of both back-offs, and the longest.
const BACK_OFF: Duration = Duration::from_secs(10);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(300);

/// Role of a container in its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Runs to its end before the next one starts.
    Init,
    /// An init container with restartPolicy `Always`.
    Sidecar,
    /// One of `spec.containers`.
    Main,
}

/// State of a run in the kubelet's last list of containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seen {
    Not,
    Running,
    Ended,
}

/// One run of a container.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) restart: u32,
    pub(crate) started: Option<Timestamp>,
    pub(crate) process: Process,
    /// Message of the runtime if it could not start the run.
    pub(crate) start_error: Option<String>,
    pub(crate) seen: Seen,
}

/// Reason for which a container waits, from the kubelet's reason cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// client-go's `flowcontrol.Backoff` for one key.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BackOff {
    entry: Option<(Duration, Timestamp)>,
}

impl BackOff {
    /// The wait that still holds at `now` for something that ended at `ended`.
    pub(crate) fn holds(&self, ended: Timestamp, now: Timestamp) -> Option<Duration> {
        let (wait, updated) = self.entry?;
        let forgotten = ended > later(updated, LONGEST_BACK_OFF * 2);
        (!forgotten && now < later(ended, wait)).then_some(wait)
    }

    /// Another attempt is made at `now`, after one that ended at `ended`.
    pub(crate) fn next(&mut self, ended: Timestamp, now: Timestamp) {
        let kept = self
            .entry
            .filter(|(_, updated)| ended <= later(*updated, LONGEST_BACK_OFF * 2));
        let wait = kept.map_or(BACK_OFF, |(wait, _)| (wait * 2).min(LONGEST_BACK_OFF));
        self.entry = Some((wait, now));
    }
}

/// A container.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) role: Role,
    pub(crate) field_path: String,
    pub(crate) spec: Value,
    pub(crate) behaviour: Option<ContainerBehaviour>,
    pub(crate) run: Option<Run>,
    /// `terminated` of the runs before, newest last; two are enough for a status.
    pub(crate) dead: VecDeque<Value>,
    pub(crate) reason: Option<Reason>,
    pub(crate) back_off: BackOff,
    pub(crate) pull_back_off: BackOff,
    pub(crate) pull_failure: Option<(Timestamp, String)>,
    pub(crate) failed_pulls: u32,
    pub(crate) pulled: bool,
    pub(crate) probes: Probes,
    /// Time at which KILL follows TERM.
    pub(crate) kill_at: Option<Timestamp>,
}

/// Results of the kubelet's probes of the present run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Probes {
    pub(crate) started: bool,
    pub(crate) ready: bool,
    /// True once the probes of this run have begun.
    pub(crate) begun: bool,
    pub(crate) count: u32,
    pub(crate) failures: u64,
    pub(crate) live_failures: u64,
    pub(crate) next: Option<Timestamp>,
    pub(crate) last: Option<Timestamp>,
}

impl Container {
    pub(crate) fn new(spec: &Value, init: bool, behaviour: Option<&ContainerBehaviour>) -> Self {
        let text = |field: &str| spec[field].as_str().unwrap_or_default().to_owned();
        let role = match (init, spec["restartPolicy"].as_str()) {
            (true, Some("Always")) => Role::Sidecar,
            (true, _) => Role::Init,
            (false, _) => Role::Main,
        };
        let list = if init { "initContainers" } else { "containers" };
        Self {
            field_path: format!("spec.{list}{{{}}}", text("name")),
            name: text("name"),
            image: text("image"),
            role,
            spec: spec.clone(),
            behaviour: behaviour.cloned(),
            run: None,
            dead: VecDeque::new(),
            reason: None,
            back_off: BackOff::default(),
            pull_back_off: BackOff::default(),
            pull_failure: None,
            failed_pulls: 0,
            pulled: false,
            probes: Probes::default(),
            kill_at: None,
        }
    }

    /// Another run; the one before becomes a dead one.
    pub(crate) fn start(
        &mut self,
        ends: bool,
        start_error: Option<String>,
        random: &mut Random,
        now: Timestamp,
    ) -> &Run {
        let restart = self.run.as_ref().map_or(0, |run| run.restart + 1);
        if let Some(before) = self.run.take().and_then(|run| run.terminated()) {
            self.dead.push_back(before);
            if self.dead.len() > 2 {
                self.dead.pop_front();
            }
        }
        let mut process = Process::new(self.behaviour.as_ref(), restart, ends, now);
        if start_error.is_some() {
            process.fail(now);
        }
        self.probes = Probes::default();
        self.kill_at = None;
        self.run.insert(Run {
            id: container_id(random),
            restart,
            started: start_error.is_none().then_some(now),
            process,
            start_error,
            seen: Seen::Not,
        })
    }

    pub(crate) fn alive(&self) -> bool {
        self.run.as_ref().is_some_and(Run::alive)
    }

    pub(crate) fn seen(&self) -> Seen {
        self.run.as_ref().map_or(Seen::Not, |run| run.seen)
    }

    /// The exit code if the kubelet knows that the newest run ended.
    pub(crate) fn ended_with(&self) -> Option<i32> {
        let run = self.run.as_ref().filter(|run| run.seen == Seen::Ended)?;
        run.exit_code()
    }

    /// Returns true if the container runs again after it ended.
    pub(crate) fn restarts(&self, policy: &str) -> bool {
        match (self.role, policy) {
            (Role::Sidecar, _) => true,
            (_, "Never") => false,
            (Role::Main, "Always") => true,
            _ => self.ended_with() != Some(0),
        }
    }

    pub(crate) fn probe(&self, kind: &str) -> Option<&Value> {
        Some(&self.spec[kind]).filter(|probe| probe.is_object())
    }

    /// `containerStatuses[]`. `waiting` is the reason of a container that never ran.
    pub(crate) fn status(&self, waiting: &str, policy: &str) -> Value {
        let shown = self.run.as_ref().filter(|run| run.seen != Seen::Not);
        let (mut state, mut last, id, restart) = match (shown, self.dead.back()) {
            (Some(run), dead) => (run.state(), dead.cloned(), run.id.clone(), run.restart),
            (None, Some(dead)) => {
                let before = self.dead.len().checked_sub(2).map(|i| self.dead[i].clone());
                let id = dead["containerID"].as_str().unwrap_or_default().to_owned();
                let restart = self
                    .run
                    .as_ref()
                    .map_or(0, |run| run.restart.saturating_sub(1));
                (json!({"terminated": dead}), before, id, restart)
            }
            (None, None) => (
                json!({"waiting": {"reason": waiting}}),
                None,
                String::new(),
                0,
            ),
        };
        let running = state["running"].is_object();
        let restarts = state["terminated"].is_null() || self.restarts(policy);
        if let Some(reason) = self.reason.as_ref().filter(|_| !running && restarts) {
            if state["terminated"].is_object() {
                last = Some(state["terminated"].clone());
            }
            state = json!({"waiting": {"reason": reason.reason, "message": reason.message}});
        }
        let last = last.map_or_else(|| json!({}), |dead| json!({"terminated": dead}));
        let mut status = json!({
            "name": self.name, "state": state, "lastState": last, "ready": self.ready(),
            "restartCount": restart, "image": self.image, "imageID": "",
            "started": self.started(),
        });
        if !id.is_empty() {
            status["imageID"] = Value::from(image_id(&self.image));
            status["containerID"] = Value::from(id);
        }
        status
    }

    pub(crate) fn ready(&self) -> bool {
        match self.role {
            Role::Init => self.ended_with() == Some(0),
            _ => self.seen() == Seen::Running && self.probes.ready,
        }
    }

    pub(crate) fn started(&self) -> bool {
        self.seen() == Seen::Running && (self.role == Role::Init || self.probes.started)
    }
}

impl Run {
    pub(crate) fn alive(&self) -> bool {
        self.process.exit.is_none()
    }

    pub(crate) fn ended_at(&self) -> Option<Timestamp> {
        self.process.exit.as_ref().map(|exit| exit.at)
    }

    pub(crate) fn exit_code(&self) -> Option<i32> {
        self.process.exit.as_ref().map(|exit| exit.code)
    }

    fn state(&self) -> Value {
        match (self.seen, self.terminated()) {
            (Seen::Ended, Some(terminated)) => json!({"terminated": terminated}),
            _ => {
                json!({"running": {"startedAt": time(self.started.unwrap_or(Timestamp::UNIX_EPOCH))}})
            }
        }
    }

    pub(crate) fn terminated(&self) -> Option<Value> {
        let exit = self.process.exit.as_ref()?;
        let reason = match (&self.start_error, exit.oom, exit.code) {
            (Some(_), ..) => "StartError",
            (None, true, _) => "OOMKilled",
            (None, false, 0) => "Completed",
            (None, false, _) => "Error",
        };
        let mut terminated = json!({
            "exitCode": exit.code, "reason": reason,
            "startedAt": time(self.started.unwrap_or(Timestamp::UNIX_EPOCH)),
            "finishedAt": time(exit.at), "containerID": self.id,
        });
        if let Some(message) = &self.start_error {
            terminated["message"] = Value::from(message.as_str());
        }
        Some(terminated)
    }
}

fn container_id(random: &mut Random) -> String {
    let parts: String = (0..4).map(|_| format!("{:016x}", random.next())).collect();
    format!("containerd://{parts}")
}

fn image_id(image: &str) -> String {
    let mut random = Random::named(0, image);
    let parts: String = (0..4).map(|_| format!("{:016x}", random.next())).collect();
    format!("sha256:{parts}")
}

/// A span as Go prints it: `10s`, `1m20s`, `5m0s`.
pub(crate) fn go_span(span: Duration) -> String {
    match (span.as_secs() / 60, span.as_secs() % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_back_off_doubles_up_to_five_minutes_and_is_forgotten_after_ten() {
        let (mut back_off, mut now) = (BackOff::default(), Timestamp::UNIX_EPOCH);
        let mut waits = Vec::new();
        for _ in 0..8 {
            assert_eq!(back_off.holds(now, now).map(go_span), waits.last().cloned());
            back_off.next(now, now);
            waits.push(back_off.holds(now, now).map(go_span).unwrap());
            now = later(now, Duration::from_secs(1));
        }
        assert_eq!(
            waits,
            [
                "10s", "20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s", "5m0s"
            ]
        );
        let healthy = later(now, Duration::from_secs(601));
        assert_eq!(back_off.holds(healthy, healthy), None);
        back_off.next(healthy, healthy);
        assert_eq!(back_off.holds(healthy, healthy), Some(BACK_OFF));
    }

    #[test]
    fn a_container_id_has_64_digits() {
        let id = container_id(&mut Random::new(3));
        assert_eq!(id.len(), "containerd://".len() + 64);
    }
}
