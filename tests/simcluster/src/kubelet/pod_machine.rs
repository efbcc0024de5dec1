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

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::behaviour::{Behaviour, Pull};
use super::container::{Container, Reason, Role, Seen, go_span};
use super::pod_status::{self, Source};
use super::process::{Output, later};
use super::recorder::Occurrence;
use super::references::{Lookup, missing_env, missing_volume};
use super::timing::{Random, Timing};
use crate::clock::time;
use crate::store::Object;

/// Wait after a sync that failed (`backOffPeriod`); up to half of it is added.
const SYNC_BACK_OFF: Duration = Duration::from_secs(10);
const FIRST_MOUNT_RETRY: Duration = Duration::from_millis(500);
const LAST_MOUNT_RETRY: Duration = Duration::from_secs(122);

/// What the machine wants done.
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

/// What the worker is in the middle of.
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

/// How far the end of the pod is.
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

/// What is due next. The order is that of things due at the same time.
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
    /// When the kubelet lists containers: at this time and every `timing.relist` after it.
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

    /// When something is due next.
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

    /// The containers that should be started now, from what was seen.
    fn to_start(&self) -> Vec<usize> {
        let mut starts = Vec::new();
        let of = |role: Role| {
            move |container: &Container| (container.role == Role::Main) == (role == Role::Main)
        };
        let idle = |container: &Container| {
            container
                .run
                .as_ref()
                .is_none_or(|run| run.seen == Seen::Ended)
        };
        let mains_ran = self
            .containers
            .iter()
            .filter(|c| of(Role::Main)(c))
            .any(|main| main.run.is_some());
        for (index, container) in self.containers.iter().enumerate() {
            let due = idle(container);
            match container.role {
                Role::Init if mains_ran || container.ended_with() == Some(0) => {}
                Role::Init => {
                    if due && (container.run.is_none() || container.restarts(self.policy())) {
                        starts.push(index);
                    }
                    return starts;
                }
                Role::Sidecar => {
                    if due {
                        starts.push(index);
                    }
                    if !mains_ran && !container.started() {
                        return starts;
                    }
                }
                Role::Main => {
                    if due && (container.run.is_none() || container.restarts(self.policy())) {
                        starts.push(index);
                    }
                }
            }
        }
        starts
    }

    fn start_next(&mut self, at: Timestamp, lookup: Option<Lookup<'_>>) {
        while let Some(index) = self.queue.pop_front() {
            if self.begin_start(index, at) {
                // Without a pull the configuration is next; it needs the lookup of a work step.
                if self.work.is_none() {
                    match lookup {
                        Some(lookup) => self.configure(index, at, lookup),
                        None => self.work = Some((at, Work::Pull(index))),
                    }
                }
                if self.work.is_some() {
                    return;
                }
            }
        }
        self.end_sync(at);
    }

    fn end_sync(&mut self, at: Timestamp) {
        self.synced = Some(at);
        let newer = self.tick_after(at);
        self.sync_at = self.sync_at.map(|planned| planned.max(newer));
        if self.failed {
            let extra = if self.timing.jitter {
                self.random.fraction() * 0.5
            } else {
                0.0
            };
            self.want_sync(later(at, SYNC_BACK_OFF.mul_f64(1.0 + extra)));
        }
    }

    /// Back-off and image. False if the container cannot start in this sync.
    fn begin_start(&mut self, index: usize, at: Timestamp) -> bool {
        let container = &mut self.containers[index];
        if let Some(ended) = container
            .run
            .as_ref()
            .and_then(super::container::Run::ended_at)
        {
            if let Some(wait) = container.back_off.holds(ended, at) {
                self.crash_loop(index, wait);
                return false;
            }
            container.back_off.next(ended, at);
        }
        if let Some(message) = invalid_image(&container.image) {
            self.event_at(index, true, "InspectFailed", message.clone());
            return self.refuse(index, "InvalidImageName", message);
        }
        let Some(pull) = container
            .behaviour
            .as_ref()
            .and_then(|script| script.pull.clone())
        else {
            return self.present(index);
        };
        if container.pulled {
            return self.present(index);
        }
        if container.spec["imagePullPolicy"] == "Never" {
            let image = &container.image;
            let message =
                format!("Container image \"{image}\" is not present with pull policy of Never");
            self.event_at(index, true, "ErrImageNeverPull", message.clone());
            return self.refuse(index, "ErrImageNeverPull", message);
        }
        self.pull(index, &pull, at)
    }

    fn present(&mut self, index: usize) -> bool {
        let image = &self.containers[index].image;
        let message = format!("Container image \"{image}\" already present on machine");
        self.event_at(index, false, "Pulled", message);
        true
    }

    fn crash_loop(&mut self, index: usize, wait: Duration) {
        let (wait, pod, name) = (
            go_span(wait),
            self.full_name(),
            self.containers[index].name.clone(),
        );
        let said = format!("Back-off restarting failed container {name} in pod {pod}");
        self.event_at(index, true, "BackOff", said);
        let message = format!("back-off {wait} restarting failed container={name} pod={pod}");
        self.wait_because(index, "CrashLoopBackOff", message);
    }

    fn pull(&mut self, index: usize, pull: &Pull, at: Timestamp) -> bool {
        let container = &self.containers[index];
        let image = container.image.clone();
        if let Some((failed, error)) = container.pull_failure.clone()
            && container.pull_back_off.holds(failed, at).is_some()
        {
            let message = format!("Back-off pulling image \"{image}\"");
            self.event_at(index, false, "BackOff", message.clone());
            return self.refuse(
                index,
                "ImagePullBackOff",
                format!("{message}: ErrImagePull: {error}"),
            );
        }
        self.event_at(
            index,
            false,
            "Pulling",
            format!("Pulling image \"{image}\""),
        );
        let span = match pull {
            Pull::Takes(span) => *span,
            Pull::Fails(error) => error.after,
        };
        self.work = Some((later(at, span), Work::Pull(index)));
        true
    }

    /// The pull is over, or there was none.
    fn pulled(&mut self, index: usize, at: Timestamp, lookup: Lookup<'_>) {
        let container = &mut self.containers[index];
        let pull = container
            .behaviour
            .as_ref()
            .and_then(|script| script.pull.clone());
        let image = container.image.clone();
        match pull.filter(|_| !container.pulled) {
            Some(Pull::Fails(pull))
                if pull
                    .times
                    .is_none_or(|times| container.failed_pulls < times) =>
            {
                container.failed_pulls += 1;
                let before = container
                    .pull_failure
                    .as_ref()
                    .map_or(at, |(before, _)| *before);
                container.pull_back_off.next(before, at);
                container.pull_failure = Some((at, pull.error.clone()));
                let message = format!("Failed to pull image \"{image}\": {}", pull.error);
                self.event_at(index, true, "Failed", message);
                self.refuse(index, "ErrImagePull", pull.error);
                return self.start_next(at, Some(lookup));
            }
            Some(pull) => {
                container.pulled = true;
                let span = match pull {
                    Pull::Takes(span) => span,
                    Pull::Fails(pull) => pull.after,
                };
                let span = format!("{}ms", span.as_millis());
                let message = format!(
                    "Successfully pulled image \"{image}\" in {span} ({span} including waiting). Image size: 2219949 bytes."
                );
                self.event_at(index, false, "Pulled", message);
            }
            None => {}
        }
        self.configure(index, at, lookup);
        if self.work.is_none() {
            self.start_next(at, Some(lookup));
        }
    }

    fn configure(&mut self, index: usize, at: Timestamp, lookup: Lookup<'_>) {
        let spec = &self.containers[index].spec;
        let wrong =
            missing_env(spec, self.pod.namespace(), lookup).or_else(|| self.script_error.clone());
        if let Some(message) = wrong {
            self.event_at(index, true, "Failed", format!("Error: {message}"));
            self.wait_because(index, "CreateContainerConfigError", message);
        } else {
            self.later(at, Work::Create(index));
        }
    }

    fn start(&mut self, index: usize, at: Timestamp) {
        let ends = self.policy() != "Always" && self.containers[index].role == Role::Main;
        let container = &mut self.containers[index];
        let ends = ends || container.role == Role::Init;
        let error = container
            .behaviour
            .as_ref()
            .and_then(|script| script.start_error.clone());
        let run = container.start(ends, error.clone(), &mut self.random, at);
        let (restart, id) = (run.restart, run.id.clone());
        let container = container.name.clone();
        self.effects.push(Effect::LogStart {
            container: container.clone(),
            restart,
            id,
        });
        self.changed(at);
        match error {
            None => {
                self.containers[index].reason = None;
                self.event_at(
                    index,
                    false,
                    "Started",
                    format!("Started container {container}"),
                );
            }
            Some(message) => {
                self.log_end(index, at);
                self.event_at(index, true, "Failed", format!("Error: {message}"));
                self.wait_because(index, "RunContainerError", message);
            }
        }
    }

    /// An image that cannot be had: `Failed: Error: ErrImagePull` and the like.
    fn refuse(&mut self, index: usize, reason: &'static str, message: String) -> bool {
        self.event_at(index, true, "Failed", format!("Error: {reason}"));
        self.wait_because(index, reason, message);
        false
    }

    fn wait_because(&mut self, index: usize, reason: &'static str, message: String) {
        self.failed = true;
        self.containers[index].reason = Some(Reason { reason, message });
    }

    fn later(&mut self, at: Timestamp, work: Work) {
        let span = self.timing.create.draw(&mut self.random);
        self.work = Some((later(at, span), work));
    }

    // How the pod ends.

    /// Nothing runs any more that should, and nothing will.
    fn finished(&self) -> bool {
        let over = |container: &Container| {
            container.ended_with().is_some() && !container.restarts(self.policy())
        };
        let of = |role: Role| {
            self.containers
                .iter()
                .filter(move |container| container.role == role)
        };
        let failed_init = of(Role::Init).any(|init| over(init) && init.ended_with() != Some(0));
        failed_init || of(Role::Main).all(over)
    }

    fn go_on_killing(&mut self, at: Timestamp) {
        let alive = |sidecar: bool, machine: &Self| -> Vec<usize> {
            let of = machine.containers.iter().enumerate();
            let alive = of.filter(|(_, c)| c.alive() && (c.role == Role::Sidecar) == sidecar);
            alive.map(|(index, _)| index).collect()
        };
        let unasked = |machine: &Self, list: &[usize]| -> Vec<usize> {
            let of = list.iter().copied();
            of.filter(|index| machine.containers[*index].kill_at.is_none())
                .collect()
        };
        let mut left = alive(false, self);
        if left.is_empty() {
            left = alive(true, self);
            self.sidecars_killed |= !left.is_empty();
        }
        if left.is_empty() {
            return self.all_ended(at);
        }
        let unasked = unasked(self, &left);
        for index in &unasked {
            let name = &self.containers[*index].name;
            self.event_at(
                *index,
                false,
                "Killing",
                format!("Stopping container {name}"),
            );
        }
        for index in unasked {
            self.terminate(index, at);
        }
    }

    fn all_ended(&mut self, at: Timestamp) {
        if self.ending != Ending::Killing {
            return;
        }
        self.ending = Ending::Cleaning;
        self.relist(at);
        (self.sync_at, self.relist_at) = (None, None);
        self.sandbox = false;
        for container in &mut self.containers {
            (container.reason, container.probes.next) = (None, None);
        }
        if self.deleted() {
            self.final_status(at);
        } else if self.sidecars_killed {
            self.write_status(at);
        }
        let span = self.timing.cleanup.draw(&mut self.random);
        self.work = Some((later(at, span), Work::Cleanup));
    }

    fn over(&mut self, at: Timestamp) {
        self.final_status(at);
        self.ending = Ending::Over;
        if self.deleted() {
            self.effects.push(Effect::Delete);
        }
    }

    fn final_status(&mut self, at: Timestamp) {
        let before = std::mem::replace(&mut self.ending, Ending::Over);
        self.write_status(at);
        self.ending = before;
    }

    // What probes find.

    /// A run is seen running for the first time.
    fn begin_probes(&mut self, index: usize, at: Timestamp) {
        let container = &mut self.containers[index];
        let Some(run) = container.run.as_ref() else {
            return;
        };
        if run.seen != Seen::Running || container.probes.begun || container.role == Role::Init {
            return;
        }
        let waits = container.probe("readinessProbe").is_some() || run.process.says_when_ready();
        let starts = container.probe("startupProbe").is_some();
        container.probes.begun = true;
        container.probes.started = !starts;
        container.probes.ready = !starts && !waits;
        self.plan_probe(index, at);
    }

    /// The probe that could find something new, if any.
    fn plan_probe(&mut self, index: usize, at: Timestamp) {
        let container = &mut self.containers[index];
        container.probes.next = None;
        let probes = container.probes;
        let Some(run) = container
            .run
            .as_ref()
            .filter(|run| run.alive() && probes.begun)
        else {
            return;
        };
        let declared = |kind: &str| container.probe(kind).is_some();
        let sick = run.process.healthy.is_err() && declared("livenessProbe");
        let wrong = !probes.started || probes.ready != run.process.ready.is_ok();
        let failing = run.process.ready.is_err() && declared("readinessProbe");
        if !(sick || wrong || failing) || container.kill_at.is_some() {
            return;
        }
        let kind = probe_kind(container, sick && !wrong && !failing);
        let spec = container.probe(kind);
        let number =
            |field: &str, or: u64| spec.and_then(|spec| spec[field].as_u64()).unwrap_or(or);
        let period = Duration::from_secs(number("periodSeconds", 10).max(1));
        container.probes.next = Some(match (probes.last, spec) {
            // A script that speaks of readiness without a probe is believed at once.
            (_, None) => at,
            (None, Some(_)) => later(
                run.started.unwrap_or(at),
                Duration::from_secs(number("initialDelaySeconds", 0)),
            )
            .max(at),
            // The second probe comes after a second whatever the period is.
            (Some(last), Some(_)) if probes.count == 1 => {
                later(last, Duration::from_secs(1)).max(at)
            }
            (Some(last), Some(_)) => next_period(last, period, at),
        });
    }

    fn probe(&mut self, index: usize, at: Timestamp) {
        let container = &mut self.containers[index];
        container.probes.next = None;
        container.probes.last = Some(at);
        container.probes.count += 1;
        let Some(run) = container.run.as_ref().filter(|run| run.alive()) else {
            return;
        };
        let (ready, healthy) = (run.process.ready.clone(), run.process.healthy.clone());
        if !container.probes.started {
            self.startup(index, ready, at);
        } else {
            self.readiness(index, ready, at);
            self.liveness(index, healthy, at);
        }
        self.plan_probe(index, later(at, Duration::from_nanos(1)));
    }

    fn startup(&mut self, index: usize, said: Result<(), Option<String>>, at: Timestamp) {
        let Err(text) = said else {
            let container = &mut self.containers[index];
            container.probes.started = true;
            container.probes.ready = true;
            container.probes.failures = 0;
            self.write_status(at);
            let at = self
                .synced
                .map_or(at, |synced| self.tick_after(synced).max(at));
            return self.want_sync(at);
        };
        let failures = self.unhealthy(index, "startupProbe", text);
        self.containers[index].probes.failures = failures;
        if failures >= self.threshold(index, "startupProbe") {
            self.restart(index, "startup", at);
        }
    }

    fn readiness(&mut self, index: usize, said: Result<(), Option<String>>, at: Timestamp) {
        let declared = self.containers[index].probe("readinessProbe").is_some();
        let was = self.containers[index].probes.ready;
        let now = match said {
            Ok(()) => {
                self.containers[index].probes.failures = 0;
                true
            }
            Err(_) if !declared => false,
            Err(text) => {
                let failures = self.unhealthy(index, "readinessProbe", text);
                self.containers[index].probes.failures = failures;
                was && failures < self.threshold(index, "readinessProbe")
            }
        };
        if now != was {
            self.containers[index].probes.ready = now;
            self.write_status(at);
        }
    }

    fn liveness(&mut self, index: usize, said: Result<(), String>, at: Timestamp) {
        let Err(text) = said else {
            return;
        };
        if self.containers[index].probe("livenessProbe").is_none() {
            return;
        }
        let before = self.containers[index].probes.failures;
        self.unhealthy(index, "livenessProbe", Some(text));
        self.containers[index].probes.failures = before;
        self.containers[index].probes.live_failures += 1;
        if self.containers[index].probes.live_failures >= self.threshold(index, "livenessProbe") {
            self.restart(index, "liveness", at);
        }
    }

    /// Records a failed probe; the failures in a row.
    fn unhealthy(&mut self, index: usize, kind: &str, text: Option<String>) -> u64 {
        let container = &self.containers[index];
        let spec = container.probe(kind).cloned().unwrap_or_default();
        let text = text.unwrap_or_else(|| default_text(&spec, &self.ip));
        let title = match kind {
            "startupProbe" => "Startup",
            "livenessProbe" => "Liveness",
            _ => "Readiness",
        };
        let failures = container.probes.failures + 1;
        self.event_at(
            index,
            true,
            "Unhealthy",
            format!("{title} probe failed: {text}"),
        );
        failures
    }

    fn threshold(&self, index: usize, kind: &str) -> u64 {
        let spec = self.containers[index].probe(kind);
        spec.and_then(|spec| spec["failureThreshold"].as_u64())
            .unwrap_or(3)
    }

    fn restart(&mut self, index: usize, probe: &str, at: Timestamp) {
        let name = &self.containers[index].name;
        let message = format!("Container {name} failed {probe} probe, will be restarted");
        self.event_at(index, false, "Killing", message);
        self.terminate(index, at);
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

fn invalid_image(image: &str) -> Option<String> {
    let wrong = |letter: char| letter.is_whitespace() || letter.is_uppercase();
    let repository = image
        .rsplit_once(':')
        .map_or(image, |(repository, _)| repository);
    let path = repository
        .split_once('/')
        .map_or(repository, |(_, path)| path);
    path.contains(wrong).then(|| {
        format!(
            "Failed to apply default image tag \"{image}\": couldn't parse image name \"{image}\": invalid reference format: repository name ({path}) must be lowercase"
        )
    })
}

fn probe_kind(container: &Container, sick: bool) -> &'static str {
    match (container.probes.started, sick) {
        (false, _) => "startupProbe",
        (true, true) => "livenessProbe",
        (true, false) => "readinessProbe",
    }
}

fn next_period(last: Timestamp, period: Duration, at: Timestamp) -> Timestamp {
    let passed = at.duration_since(last).as_nanos();
    let passed = u128::try_from(passed).unwrap_or_default();
    let periods = passed.div_ceil(period.as_nanos()).max(1);
    later(last, period * u32::try_from(periods).unwrap_or(u32::MAX))
}

/// What a probe says of which the script says nothing.
fn default_text(probe: &Value, ip: &str) -> String {
    if probe["httpGet"].is_object() {
        return "HTTP probe failed with statuscode: 503".to_owned();
    }
    for kind in ["tcpSocket", "grpc"] {
        if probe[kind].is_object() {
            let port = &probe[kind]["port"];
            return format!("dial tcp {ip}:{port}: connect: connection refused");
        }
    }
    String::new()
}
