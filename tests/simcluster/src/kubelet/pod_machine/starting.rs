//! A sync's second half: containers that should run are pulled, created and started.

use std::time::Duration;

use jiff::Timestamp;

use super::{Effect, PodMachine, SYNC_BACK_OFF, Work};
use crate::kubelet::behaviour::Pull;
use crate::kubelet::container::{Container, Reason, Role, Run, Seen, go_span};
use crate::kubelet::process::later;
use crate::kubelet::references::{Lookup, missing_env};

impl PodMachine {
    /// The containers that should be started now, from what was seen.
    pub(super) fn to_start(&self) -> Vec<usize> {
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

    pub(super) fn start_next(&mut self, at: Timestamp, lookup: Option<Lookup<'_>>) {
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

    pub(super) fn end_sync(&mut self, at: Timestamp) {
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
    pub(super) fn begin_start(&mut self, index: usize, at: Timestamp) -> bool {
        let container = &mut self.containers[index];
        if let Some(ended) = container.run.as_ref().and_then(Run::ended_at) {
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

    pub(super) fn present(&mut self, index: usize) -> bool {
        let image = &self.containers[index].image;
        let message = format!("Container image \"{image}\" already present on machine");
        self.event_at(index, false, "Pulled", message);
        true
    }

    pub(super) fn crash_loop(&mut self, index: usize, wait: Duration) {
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

    pub(super) fn pull(&mut self, index: usize, pull: &Pull, at: Timestamp) -> bool {
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
    pub(super) fn pulled(&mut self, index: usize, at: Timestamp, lookup: Lookup<'_>) {
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

    pub(super) fn configure(&mut self, index: usize, at: Timestamp, lookup: Lookup<'_>) {
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

    pub(super) fn start(&mut self, index: usize, at: Timestamp) {
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
    pub(super) fn refuse(&mut self, index: usize, reason: &'static str, message: String) -> bool {
        self.event_at(index, true, "Failed", format!("Error: {reason}"));
        self.wait_because(index, reason, message);
        false
    }

    pub(super) fn wait_because(&mut self, index: usize, reason: &'static str, message: String) {
        self.failed = true;
        self.containers[index].reason = Some(Reason { reason, message });
    }

    pub(super) fn later(&mut self, at: Timestamp, work: Work) {
        let span = self.timing.create.draw(&mut self.random);
        self.work = Some((later(at, span), work));
    }
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
