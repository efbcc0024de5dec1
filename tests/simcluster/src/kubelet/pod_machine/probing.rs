//! Probes. A probe that could find nothing new does not run: only its message counts.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::PodMachine;
use crate::kubelet::container::{Container, Role, Seen};
use crate::kubelet::process::later;

impl PodMachine {
    /// A run is seen running for the first time.
    pub(super) fn begin_probes(&mut self, index: usize, at: Timestamp) {
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
    pub(super) fn plan_probe(&mut self, index: usize, at: Timestamp) {
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

    pub(super) fn probe(&mut self, index: usize, at: Timestamp) {
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

    pub(super) fn startup(
        &mut self,
        index: usize,
        said: Result<(), Option<String>>,
        at: Timestamp,
    ) {
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

    pub(super) fn readiness(
        &mut self,
        index: usize,
        said: Result<(), Option<String>>,
        at: Timestamp,
    ) {
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

    pub(super) fn liveness(&mut self, index: usize, said: Result<(), String>, at: Timestamp) {
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
    pub(super) fn unhealthy(&mut self, index: usize, kind: &str, text: Option<String>) -> u64 {
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

    pub(super) fn threshold(&self, index: usize, kind: &str) -> u64 {
        let spec = self.containers[index].probe(kind);
        spec.and_then(|spec| spec["failureThreshold"].as_u64())
            .unwrap_or(3)
    }

    pub(super) fn restart(&mut self, index: usize, probe: &str, at: Timestamp) {
        let name = &self.containers[index].name;
        let message = format!("Container {name} failed {probe} probe, will be restarted");
        self.event_at(index, false, "Killing", message);
        self.terminate(index, at);
    }
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

/// Message of a failing probe for which the script has none.
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
