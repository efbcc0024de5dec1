//! Tests: a cluster with a kubelet and controllers, told as short lines.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Kubelet, Timing};
use crate::clock::Clock;
use crate::controllers::Controllers;
use crate::kubelet::Span;
use crate::logs::{Answer, Logs, ReadOptions};
use crate::store::{ChangeKind, Object, Store, Watch};

/// A cluster and what happened to its pods, events and workloads.
pub(crate) struct Story {
    pub(crate) store: Store,
    pub(crate) logs: Logs,
    pub(crate) kubelet: Kubelet,
    pub(crate) controllers: Controllers,
    pods: Watch,
    events: Watch,
    /// (pod, line) of every version of every pod.
    pub(crate) statuses: Vec<(String, String)>,
    /// (object, line) of every version of every event.
    pub(crate) told: Vec<(String, String)>,
}

impl Story {
    /// Starts a node: as slow as the recorded cluster, or without any delay.
    pub(crate) fn new(slow: bool) -> Self {
        let start = "2026-11-24T00:00:00Z".parse().unwrap();
        let store = Store::new(Clock::starting_at(start, 1.0), 7);
        let logs = Logs::new();
        let (timing, latency) = if slow {
            (Timing::recorded(), Span::millis(3, 30))
        } else {
            (Timing::none(), Span::default())
        };
        Self {
            kubelet: Kubelet::start_with(store.clone(), logs.clone(), 7, timing),
            controllers: Controllers::start_with(store.clone(), 7, latency),
            pods: store.watch("pods", store.resource_version()).unwrap(),
            events: store.watch("events", store.resource_version()).unwrap(),
            store,
            logs,
            statuses: Vec::new(),
            told: Vec::new(),
        }
    }

    pub(crate) fn create(&self, yaml: &str) -> std::sync::Arc<Object> {
        let mut object: Value = serde_yaml_ng::from_str(yaml).unwrap();
        if object["kind"] == "Pod" {
            // As the API server's registry does.
            object["status"] = json!({"phase": "Pending"});
        }
        self.store.create(object).unwrap()
    }

    /// Lets virtual time pass and reads what happened.
    pub(crate) async fn pass(&mut self, seconds: f64) {
        self.store
            .clock()
            .sleep(Duration::from_secs_f64(seconds))
            .await;
        self.read();
    }

    /// Waits until something holds, at most ten virtual minutes; says how many seconds it took.
    pub(crate) async fn until(&mut self, what: &str, holds: impl Fn(&Store) -> bool) -> f64 {
        let begin = self.store.clock().elapsed();
        for _ in 0..60_000 {
            if holds(&self.store) {
                self.read();
                return (self.store.clock().elapsed() - begin).as_secs_f64();
            }
            self.store.clock().sleep(Duration::from_millis(10)).await;
        }
        self.read();
        panic!("never: {what}\n{:#?}\n{:#?}", self.statuses, self.told);
    }

    fn read(&mut self) {
        while let Some(change) = self.pods.try_next().unwrap() {
            let deleted = change.kind == ChangeKind::Deleted;
            let line = if deleted {
                "gone".to_owned()
            } else {
                pod_line(&change.object["status"])
            };
            self.statuses.push((change.object.name().to_owned(), line));
        }
        while let Some(change) = self.events.try_next().unwrap() {
            self.told
                .push((about(&change.object), event_line(&change.object)));
        }
    }

    /// The lines of one pod, each only once in a row.
    pub(crate) fn pod(&self, pod: &str) -> Vec<String> {
        lines_of(&self.statuses, pod)
    }

    /// The events about `Kind/name`.
    pub(crate) fn events(&self, about: &str) -> Vec<String> {
        lines_of(&self.told, about)
    }

    /// Everything a container has in its log now.
    pub(crate) async fn log(&self, namespace: &str, pod: &str, container: &str) -> String {
        let pod = self.store.get("pods", namespace, pod).unwrap();
        let options = ReadOptions::default();
        let answer = self.logs.open(&pod, Some(container), false, options, "");
        let Answer::Body(mut body) = answer else {
            return format!("{answer:?}");
        };
        let mut text = Vec::new();
        while let Some(chunk) = body.next().await {
            text.extend_from_slice(&chunk);
        }
        String::from_utf8(text).unwrap()
    }

    pub(crate) fn names(&self, resource: &str) -> Vec<String> {
        let list = self.store.list(resource, Some("shop")).unwrap();
        list.items
            .iter()
            .map(|object| object.name().to_owned())
            .collect()
    }
}

fn about(event: &Value) -> String {
    let about = &event["involvedObject"];
    let text = |field: &str| about[field].as_str().unwrap_or_default().to_owned();
    format!("{}/{}", text("kind"), text("name"))
}

fn lines_of(all: &[(String, String)], of: &str) -> Vec<String> {
    let mut lines: Vec<String> = all
        .iter()
        .filter(|(name, _)| name == of)
        .map(|(_, line)| line.clone())
        .collect();
    lines.dedup();
    lines
}

/// `Running app=waiting(CrashLoopBackOff)<terminated(Error,1) restarts=2 [Ready]`.
pub(crate) fn pod_line(status: &Value) -> String {
    let state = |state: &Value| {
        let kinds = ["waiting", "running", "terminated"];
        let kind = kinds.iter().find(|kind| state[**kind].is_object())?;
        let held = &state[*kind];
        let reason = held["reason"].as_str().unwrap_or_default();
        let code = held["exitCode"]
            .as_i64()
            .map(|code| format!(",{code}"))
            .unwrap_or_default();
        Some(format!("{kind}({reason}{code})"))
    };
    let statuses = ["initContainerStatuses", "containerStatuses"];
    let statuses = statuses
        .iter()
        .filter_map(|list| status[*list].as_array())
        .flatten();
    let containers = statuses.map(|container| {
        let last = state(&container["lastState"])
            .map(|last| format!("<{last}"))
            .unwrap_or_default();
        let flag = |field: &str| if container[field] == true { "+" } else { "-" };
        format!(
            "{}={}{last} x{} {}{}",
            container["name"].as_str().unwrap_or_default(),
            state(&container["state"]).unwrap_or_default(),
            container["restartCount"],
            flag("ready"),
            flag("started"),
        )
    });
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let conditions = conditions.map(|condition| {
        let reason = condition["reason"]
            .as_str()
            .map(|reason| format!("({reason})"))
            .unwrap_or_default();
        let holds = if condition["status"] == "True" {
            ""
        } else {
            "!"
        };
        format!(
            "{holds}{}{reason}",
            condition["type"].as_str().unwrap_or_default()
        )
    });
    let all = [
        containers.collect::<Vec<_>>().join(", "),
        conditions.collect::<Vec<_>>().join(" "),
    ];
    format!(
        "{} {}",
        status["phase"].as_str().unwrap_or_default(),
        all.join(" | ")
    )
}

/// `Warning BackOff x2 spec.containers{app}: Back-off …`, without names that differ in each run.
pub(crate) fn event_line(event: &Value) -> String {
    let about = &event["involvedObject"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    event_text(
        &text(&event["type"]),
        &text(&event["reason"]),
        &event["count"],
        &text(&about["fieldPath"]),
        &text(&event["message"]),
    )
}

pub(crate) fn event_text(
    kind: &str,
    reason: &str,
    count: &Value,
    at: &str,
    message: &str,
) -> String {
    let count = count
        .as_u64()
        .map(|count| format!(" x{count}"))
        .unwrap_or_default();
    format!("{kind} {reason}{count} {at}: {message}")
}

/// A Deployment of namespace `shop` whose pods follow a script.
pub(crate) fn deployment(name: &str, replicas: u32, image: &str, script: &str) -> Value {
    json!({
        "kind": "Deployment", "apiVersion": "apps/v1",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": {super::ANNOTATION: script}},
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
        },
    })
}
