//! One pod on the node: its containers, and the kubelet's worker for it.
//!
//! The shape is the kubelet's own, because what a follower sees comes from it. Containers start
//! and end in their own time. The kubelet lists them once a second (PLEG) and knows nothing else;
//! a change makes it *sync* the pod: write the status from what it saw, then start what should
//! run. A sync never begins before a list that is newer than the end of the sync before, and one
//! that failed is repeated after 10 to 15 seconds. From these rules alone follow the late
//! `CrashLoopBackOff`, the restart that is never seen running, and events that come long before
//! the status (recordings 02, 03, 05, 10).
//!
//! The machine is pure: [`PodMachine::advance`] does what is due and says so as [`Effect`]s.

mod ending;
mod probing;
mod starting;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::behaviour::Behaviour;
use super::container::{Container, Seen};
use super::pod_status::{self, Source};
use super::process::{Output, later};
use super::recorder::Occurrence;
use super::references::{Lookup, missing_volume};
use super::timing::{Random, Timing};
use crate::clock::time;
use crate::store::Object;

/// Wait after a sync that failed (`backOffPeriod`); up to half of it is added.
const SYNC_BACK_OFF: Duration = Duration::from_secs(10);
const FIRST_MOUNT_RETRY: Duration = Duration::from_millis(500);
const LAST_MOUNT_RETRY: Duration = Duration::from_secs(122);

/// An action that the machine asks for.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Write the status.
    Status(Value),
    /// Record an event.
    Event(Occurrence),
    /// A run begins to log.
    LogStart {
        container: String,
        restart: u32,
        id: String,
    },
    /// A run writes.
    Log {
        container: String,
        at: Timestamp,
        output: Output,
    },
    /// A run ended.
    LogEnd { container: String, at: Timestamp },
    /// Delete the pod with a grace period of 0.
    Delete,
}

/// The worker's current task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Volumes, with the wait before the next attempt.
    Mount(Duration),
    Sandbox,
    Pull(usize),
    Create(usize),
    Start(usize),
    /// All containers ended because they should; the sandbox goes.
    Cleanup,
}

/// Progress of the end of the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    No,
    /// Containers get TERM, and KILL.
    Killing,
    /// All have ended.
    Cleaning,
    /// The final status is written.
    Over,
}

/// The next thing that is due. Variants are in the order of things due at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Process(usize),
    Kill(usize),
    Work,
    Relist,
    Sync,
    Probe(usize),
}

/// A pod on the node.
#[derive(Debug)]
pub(crate) struct PodMachine {
    pod: Arc<Object>,
    script_error: Option<String>,
    containers: Vec<Container>,
    timing: Timing,
    random: Random,
    /// The kubelet lists containers at this time and every `timing.relist` after it.
    phase: Timestamp,
    ip: String,
    start_time: String,
    status: Value,
    mounted: bool,
    sandbox: bool,
    sandbox_seen: bool,
    ending: Ending,
    sidecars_killed: bool,
    work: Option<(Timestamp, Work)>,
    queue: VecDeque<usize>,
    failed: bool,
    relist_at: Option<Timestamp>,
    sync_at: Option<Timestamp>,
    synced: Option<Timestamp>,
    down: bool,
    effects: Vec<Effect>,
}

impl PodMachine {
    pub(crate) fn new(
        pod: Arc<Object>,
        timing: Timing,
        seed: u64,
        phase: Timestamp,
        ip: String,
        now: Timestamp,
    ) -> Self {
        let (behaviour, script_error) = match Behaviour::of_pod(&pod) {
            Ok(behaviour) => (behaviour, None),
            Err(error) => (Behaviour::default(), Some(error.to_string())),
        };
        let containers = containers(&pod, &behaviour);
        let mut random = Random::named(seed, pod.uid());
        let first = later(now, timing.write.draw(&mut random));
        Self {
            status: pod["status"].clone(),
            script_error,
            containers,
            timing,
            random,
            phase,
            ip,
            start_time: time(now),
            mounted: false,
            sandbox: false,
            sandbox_seen: false,
            ending: Ending::No,
            sidecars_killed: false,
            work: None,
            queue: VecDeque::new(),
            failed: false,
            relist_at: None,
            sync_at: Some(first),
            synced: None,
            down: false,
            effects: Vec::new(),
            pod,
        }
    }

    /// The pod changed in the API.
    pub(crate) fn update(&mut self, pod: Arc<Object>, now: Timestamp) {
        let deleted = |pod: &Object| pod["metadata"]["deletionTimestamp"].is_string();
        let news = deleted(&pod) && !deleted(&self.pod);
        let grace = |pod: &Object| pod["metadata"]["deletionGracePeriodSeconds"].as_u64();
        let sooner = deleted(&pod) && grace(&pod) < grace(&self.pod);
        self.pod = pod;
        if news && self.ending == Ending::No {
            // The sync that goes on is cancelled.
            self.work = None;
            self.queue.clear();
            self.sync_at = Some(later(now, self.timing.write.draw(&mut self.random)));
        } else if news && self.ending == Ending::Over {
            self.effects.push(Effect::Delete);
        } else if sooner {
            let at = later(now, self.grace());
            for container in &mut self.containers {
                container.kill_at = container.kill_at.map(|kill| kill.min(at));
            }
        }
    }

    /// The kubelet dies or comes back. Containers do not care.
    pub(crate) fn set_down(&mut self, down: bool, now: Timestamp) {
        self.down = down;
        if !down {
            self.relist_at = Some(now);
        }
    }

    /// The pod is gone from the API: whatever still runs is ended.
    pub(crate) fn remove(&mut self, now: Timestamp) -> Vec<Effect> {
        for index in 0..self.containers.len() {
            if let Some(run) = self.containers[index]
                .run
                .as_mut()
                .filter(|run| run.alive())
            {
                run.process.kill(now);
                self.log_end(index, now);
            }
        }
        std::mem::take(&mut self.effects)
    }

    /// Does everything that is due, each at the time at which it was due.
    pub(crate) fn advance(&mut self, now: Timestamp, lookup: Lookup<'_>) -> Vec<Effect> {
        while let Some((at, due)) = self.next().filter(|(at, _)| *at <= now) {
            match due {
                Due::Process(index) => self.process(index, at),
                Due::Kill(index) => self.kill(index, at),
                Due::Relist => self.relist(at),
                Due::Work => self.work(at, lookup),
                Due::Sync => self.sync(at),
                Due::Probe(index) => self.probe(index, at),
            }
        }
        std::mem::take(&mut self.effects)
    }

    /// Returns the time at which something is due next.
    pub(crate) fn wake(&self) -> Option<Timestamp> {
        if !self.effects.is_empty() {
            return Some(Timestamp::MIN);
        }
        self.next().map(|(at, _)| at)
    }

    fn next(&self) -> Option<(Timestamp, Due)> {
        let processes = self
            .containers
            .iter()
            .enumerate()
            .filter_map(|(index, container)| {
                let due = container.run.as_ref()?.process.due()?;
                Some((due, Due::Process(index)))
            });
        let kills = self
            .containers
            .iter()
            .enumerate()
            .filter_map(|(index, container)| Some((container.kill_at?, Due::Kill(index))));
        let runtime = processes.chain(kills).min();
        if self.down {
            return runtime;
        }
        let probes = self
            .containers
            .iter()
            .enumerate()
            .filter_map(|(index, container)| Some((container.probes.next?, Due::Probe(index))));
        let sync = self.sync_at.filter(|_| self.work.is_none());
        let own = [
            self.relist_at.map(|at| (at, Due::Relist)),
            self.work.map(|(at, _)| (at, Due::Work)),
            sync.map(|at| (at, Due::Sync)),
            runtime,
        ];
        own.into_iter().flatten().chain(probes).min()
    }

    // What containers do.

    fn process(&mut self, index: usize, at: Timestamp) {
        let Some(run) = self.containers[index].run.as_mut() else {
            return;
        };
        let said = (run.process.ready.clone(), run.process.healthy.clone());
        let mut written = Vec::new();
        run.process.advance(at, &mut written);
        let news = said != (run.process.ready.clone(), run.process.healthy.clone());
        let ended = !run.alive();
        let name = &self.containers[index].name;
        self.effects
            .extend(written.into_iter().map(|(at, output)| Effect::Log {
                container: name.clone(),
                at,
                output,
            }));
        if ended {
            self.ended(index, at);
        } else if news {
            self.plan_probe(index, at);
        }
    }

    fn kill(&mut self, index: usize, at: Timestamp) {
        let container = &mut self.containers[index];
        container.kill_at = None;
        if let Some(run) = container.run.as_mut().filter(|run| run.alive()) {
            run.process.kill(at);
            self.ended(index, at);
        }
    }

    fn ended(&mut self, index: usize, at: Timestamp) {
        let container = &mut self.containers[index];
        container.kill_at = None;
        container.probes.next = None;
        self.log_end(index, at);
        self.changed(at);
        if self.ending == Ending::Killing {
            self.go_on_killing(at);
        }
    }

    fn log_end(&mut self, index: usize, at: Timestamp) {
        let container = self.containers[index].name.clone();
        self.effects.push(Effect::LogEnd { container, at });
    }

    fn terminate(&mut self, index: usize, at: Timestamp) {
        let grace = self.grace();
        let container = &mut self.containers[index];
        if let Some(run) = container.run.as_mut().filter(|run| run.alive()) {
            container.kill_at = Some(later(at, grace));
            run.process.terminate(at);
            if !run.alive() {
                self.ended(index, at);
            }
        }
    }

    // What the kubelet sees.

    /// Something happened on the node that the next list shows.
    fn changed(&mut self, at: Timestamp) {
        let tick = self.tick_after(at);
        self.relist_at = Some(self.relist_at.map_or(tick, |planned| planned.min(tick)));
    }

    fn tick_after(&self, at: Timestamp) -> Timestamp {
        let relist = self.timing.relist.as_nanos();
        if relist == 0 {
            return at;
        }
        let since = at.duration_since(self.phase).as_nanos();
        let since = u128::try_from(since).unwrap_or_default();
        let ticks = (since / relist + 1) * relist;
        later(
            self.phase,
            Duration::from_nanos(u64::try_from(ticks).unwrap_or(u64::MAX)),
        )
    }

    fn relist(&mut self, at: Timestamp) {
        self.relist_at = None;
        self.sandbox_seen = self.sandbox;
        for container in &mut self.containers {
            if let Some(run) = &mut container.run {
                run.seen = if run.alive() {
                    Seen::Running
                } else {
                    Seen::Ended
                };
            }
        }
        if self.ending == Ending::No {
            let at = later(at, self.timing.write.draw(&mut self.random));
            self.want_sync(at);
        }
    }

    fn want_sync(&mut self, at: Timestamp) {
        self.sync_at = Some(self.sync_at.map_or(at, |planned| planned.min(at)));
    }

    // What the worker does.

    fn sync(&mut self, at: Timestamp) {
        self.sync_at = None;
        if self.ending != Ending::No {
            return;
        }
        for index in 0..self.containers.len() {
            self.begin_probes(index, at);
        }
        self.write_status(at);
        if self.deleted() || self.finished() {
            self.ending = Ending::Killing;
            return self.go_on_killing(at);
        }
        self.failed = false;
        self.queue = self.to_start().into();
        if !self.mounted {
            self.work = Some((at, Work::Mount(FIRST_MOUNT_RETRY)));
        } else if self.sandbox {
            self.start_next(at, None);
        }
    }

    fn work(&mut self, at: Timestamp, lookup: Lookup<'_>) {
        let Some((_, work)) = self.work.take() else {
            return;
        };
        match work {
            Work::Mount(wait) => self.mount(wait, at, lookup),
            Work::Sandbox => {
                self.sandbox = true;
                self.changed(at);
                self.start_next(at, Some(lookup));
            }
            Work::Pull(index) => self.pulled(index, at, lookup),
            Work::Create(index) => {
                let name = &self.containers[index].name;
                self.event_at(
                    index,
                    false,
                    "Created",
                    format!("Created container: {name}"),
                );
                self.later(at, Work::Start(index));
            }
            Work::Start(index) => {
                self.start(index, at);
                self.start_next(at, Some(lookup));
            }
            Work::Cleanup => self.over(at),
        }
    }

    fn mount(&mut self, wait: Duration, at: Timestamp, lookup: Lookup<'_>) {
        if let Some(message) = missing_volume(&self.pod["spec"], lookup) {
            self.event(true, "FailedMount", message);
            let next = (wait * 2).min(LAST_MOUNT_RETRY);
            self.work = Some((later(at, wait), Work::Mount(next)));
        } else {
            self.mounted = true;
            let span = self.timing.sandbox.draw(&mut self.random);
            self.work = Some((later(at, span), Work::Sandbox));
        }
    }

    // What it says.

    fn write_status(&mut self, at: Timestamp) {
        let now = time(at);
        let over = self.ending == Ending::Over;
        let status = pod_status::status(&Source {
            pod: &self.pod,
            containers: &self.containers,
            policy: self.policy(),
            ip: self.sandbox_seen.then_some(self.ip.as_str()),
            sandbox: self.sandbox_seen && self.sandbox && !over,
            over,
            before: &self.status,
            now: &now,
            start_time: &self.start_time,
        });
        if status != self.status {
            self.status = status.clone();
            self.effects.push(Effect::Status(status));
        }
    }

    fn event(&mut self, warning: bool, reason: &'static str, message: String) {
        let occurrence = Occurrence::normal(&self.pod, reason, message);
        self.effects.push(Effect::Event(Occurrence {
            warning,
            ..occurrence
        }));
    }

    fn event_at(&mut self, index: usize, warning: bool, reason: &'static str, message: String) {
        let occurrence = Occurrence::normal(&self.pod, reason, message);
        let occurrence = occurrence.at(&self.containers[index].field_path);
        self.effects.push(Effect::Event(Occurrence {
            warning,
            ..occurrence
        }));
    }

    fn deleted(&self) -> bool {
        self.pod["metadata"]["deletionTimestamp"].is_string()
    }

    fn policy(&self) -> &str {
        self.pod["spec"]["restartPolicy"]
            .as_str()
            .unwrap_or("Always")
    }

    fn grace(&self) -> Duration {
        let given = self.pod["metadata"]["deletionGracePeriodSeconds"].as_u64();
        let own = self.pod["spec"]["terminationGracePeriodSeconds"].as_u64();
        Duration::from_secs(given.or(own).unwrap_or(30))
    }

    /// `name_namespace(uid)`.
    fn full_name(&self) -> String {
        format!(
            "{}_{}({})",
            self.pod.name(),
            self.pod.namespace(),
            self.pod.uid()
        )
    }
}

fn containers(pod: &Object, behaviour: &Behaviour) -> Vec<Container> {
    let lists = [("initContainers", true), ("containers", false)];
    let of_list = |(list, init): (&str, bool)| -> Vec<Container> {
        let specs = pod["spec"][list].as_array().into_iter().flatten();
        let script = |spec: &Value| {
            behaviour
                .containers
                .get(spec["name"].as_str().unwrap_or_default())
        };
        specs
            .map(|spec| Container::new(spec, init, script(spec)))
            .collect()
    };
    lists.into_iter().flat_map(of_list).collect()
}
