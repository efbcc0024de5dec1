//! Recorded rollouts of a real cluster through the rules, by the recorded clock.
//!
//! `testdata/recordings` holds the watches of `tests/recordings` without the fields that
//! nobody reads, merged by time of arrival.

use std::{collections::BTreeMap, sync::Arc};

use argo_core::{
    GroupKind, KindTraits, ObjectRef, TrackEvent, Tracked, TrackedBody,
    resource::{Pod, WorkloadObject},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::*;
use crate::{builtin, describe};

/// What one recording is, and what it must and may bring.
struct Scenario {
    name: &'static str,
    recording: &'static str,
    /// `<Kind>/<name> <code>`: each must be found, nothing else may be.
    expected: &'static [&'static str],
}

/// A recording, played.
struct Player {
    facts: Facts,
    tracked: BTreeMap<String, Tracked>,
    lines: BTreeMap<(String, String), Vec<Line>>,
    start: Timestamp,
}

/// The first time that a finding stood.
#[derive(Debug)]
struct First {
    at: Timestamp,
    finding: Finding,
}

impl Player {
    fn new(start: Timestamp) -> Self {
        Self {
            facts: Facts::new(start),
            tracked: BTreeMap::new(),
            lines: BTreeMap::new(),
            start,
        }
    }

    fn step(&mut self, row: &Value, now: Timestamp) {
        match row["kind"].as_str().unwrap() {
            "Event" => self.facts.event(event(&row["object"])),
            "Line" => self.line(row),
            kind => self.object(kind, row, now),
        }
    }

    fn object(&mut self, kind: &str, row: &Value, now: Timestamp) {
        let value = row["object"].clone();
        let group = match kind {
            "Pod" => "",
            "Job" | "CronJob" => "batch",
            _ => "apps",
        };
        let meta: ObjectMeta = serde_json::from_value(value["metadata"].clone()).unwrap();
        let object = ObjectRef::from_meta(GroupKind::new(group, kind), &meta);
        if row["type"] == "DELETED" {
            self.facts.track(&TrackEvent::Removed(object), now);
            return;
        }
        let owners = meta.owner_references.unwrap_or_default();
        let owner = owners
            .first()
            .map(|owner| ObjectRef::from_owner(&object.namespace, owner));
        let body = match kind {
            "Pod" => TrackedBody::Pod(Arc::new(serde_json::from_value::<Pod>(value).unwrap())),
            _ => {
                let workload = serde_json::from_value::<WorkloadObject>(value).unwrap();
                TrackedBody::Workload(Arc::new(workload))
            }
        };
        let created = meta.creation_timestamp.map(|time| time.0);
        let tracked = Tracked {
            root: self.root(owner.as_ref()).unwrap_or_else(|| object.clone()),
            owner,
            hook: None,
            is_new: created.is_some_and(|time| time >= self.start - SignedDuration::from_secs(1)),
            object,
            rollout: None,
            traits: KindTraits::default(),
            body,
        };
        let tracked = describe(&builtin(), tracked);
        let event = TrackEvent::Applied(tracked.clone());
        self.facts.track(&event, now);
        self.tracked.insert(tracked.object.uid.to_string(), tracked);
    }

    fn root(&self, owner: Option<&ObjectRef>) -> Option<ObjectRef> {
        let owner = owner?;
        let known = self.tracked.get(&*owner.uid);
        Some(known.map_or_else(|| owner.clone(), |known| known.root.clone()))
    }

    fn line(&mut self, row: &Value) {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        let (pod, container, line) = (text("pod"), text("container"), text("line"));
        let Some((time, line)) = line.split_once(' ') else {
            return;
        };
        let Ok(time) = time.parse::<Timestamp>() else {
            return;
        };
        let uid = self
            .tracked
            .values()
            .find(|tracked| *tracked.object.name == *pod);
        let uid = uid.unwrap().object.uid.clone();
        let lines = self.lines.entry((pod, container.clone())).or_default();
        lines.push(Line {
            time,
            text: line.to_owned(),
        });
        self.facts.set_last_lines(&uid, &container, lines.clone());
    }
}

fn event(value: &Value) -> EventFact {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let involved = &value["involvedObject"];
    let time = |keys: &[&str]| {
        let found = keys
            .iter()
            .find_map(|key| value[key].as_str()?.parse().ok());
        found.unwrap_or(Timestamp::UNIX_EPOCH)
    };
    let path = text(&involved["fieldPath"]);
    let container = path
        .split_once('{')
        .map(|(_, rest)| rest.trim_end_matches('}').to_owned());
    EventFact {
        object: ObjectRef {
            kind: GroupKind::from_api_version(
                involved["apiVersion"].as_str().unwrap_or("v1"),
                &text(&involved["kind"]),
            ),
            namespace: text(&involved["namespace"]).into(),
            name: text(&involved["name"]).into(),
            uid: text(&involved["uid"]).into(),
        },
        container,
        reason: text(&value["reason"]),
        message: text(&value["message"]),
        type_: text(&value["type"]),
        count: u32::try_from(value["count"].as_u64().unwrap_or(1)).unwrap(),
        first: time(&["firstTimestamp", "eventTime"]),
        last: time(&["lastTimestamp", "eventTime"]),
    }
}

fn rows(recording: &str) -> Vec<(Timestamp, Value)> {
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let time = Timestamp::from_millisecond(row["t_ms"].as_i64().unwrap()).unwrap();
        (time, row)
    };
    recording.lines().map(row).collect()
}

/// Plays a recording and examines it once a second and at each change.
fn play(recording: &str) -> (Timestamp, BTreeMap<String, First>) {
    let rows = rows(recording);
    let start = rows.first().unwrap().0;
    let mut player = Player::new(start);
    let mut firsts = BTreeMap::new();
    let mut tick = start;
    for (time, row) in &rows {
        while tick < *time {
            look(&mut player.facts, tick, &mut firsts);
            tick += SignedDuration::from_secs(1);
        }
        player.step(row, *time);
        if row["kind"] != "Line" {
            look(&mut player.facts, *time, &mut firsts);
        }
    }
    (start, firsts)
}

fn look(facts: &mut Facts, now: Timestamp, firsts: &mut BTreeMap<String, First>) {
    for finding in examine(facts, &Thresholds::default(), now) {
        let key = format!("{} {}", finding.workload, finding.code);
        let first = firsts.entry(key).or_insert_with(|| First {
            at: now,
            finding: finding.clone(),
        });
        if finding.severity > first.finding.severity {
            first.finding.severity = finding.severity;
        }
    }
}

macro_rules! recordings {
    ($($name:literal: [$($expected:literal),* $(,)?],)*) => {
        const SCENARIOS: &[Scenario] = &[$(Scenario {
            name: $name,
            recording: include_str!(concat!("../../testdata/recordings/", $name, ".jsonl")),
            expected: &[$($expected),*],
        },)*];
    };
}

recordings! {
    "01-deployment-rollout-ok": [],
    "02-deployment-rollout-bad-image": ["Deployment/web image-pull"],
    "03-crash-loop": ["Deployment/crash crash-loop"],
    "04-init-and-sidecar": [],
    "05-failing-init": ["Deployment/web init-failed", "Pod/never init-failed"],
    "06-statefulset-stuck": ["StatefulSet/db probe-failing"],
    "07-daemonset-rollout": [],
    "08-jobs": [
        "Job/bad job-failed",
        "Job/bad-onfailure crash-loop",
        "Job/bad-onfailure job-failed",
        "Job/deadline deadline-exceeded",
    ],
    "09-cronjob": [],
    "10-failure-kinds": [
        "Deployment/command-not-found start-failed",
        "Deployment/exits-zero crash-loop",
        "Deployment/image-never-pull image-pull",
        "Deployment/invalid-image-name image-pull",
        "Deployment/liveness-fails probe-failing",
        "Deployment/missing-configmap-env config-missing",
        "Deployment/missing-configmap-volume config-missing",
        "Deployment/missing-secret-key config-missing",
        "Deployment/missing-secret-volume config-missing",
        "Deployment/oom oom-killed",
        "Deployment/readiness-fails probe-failing",
        "Deployment/readiness-http-fails probe-failing",
        "Deployment/readiness-refused probe-failing",
        "Deployment/run-as-nonroot permission-denied",
        "Deployment/startup-fails probe-failing",
        "Deployment/unschedulable unschedulable",
    ],
    "11-owner-events": [
        "Deployment/no-service-account admission-denied",
        "Deployment/over-quota quota-exceeded",
        "Job/job-no-sa admission-denied",
        "StatefulSet/sts-no-sa admission-denied",
    ],
}

#[test]
fn recordings_bring_what_happened_and_nothing_else() {
    let (mut right, mut missed, mut wrong) = (0, Vec::new(), Vec::new());
    for scenario in SCENARIOS {
        let (start, firsts) = play(scenario.recording);
        println!("{}", scenario.name);
        for (key, First { at, finding }) in &firsts {
            let (seen, since) = (age(*at, start), age(*at, finding.since));
            println!(
                "  +{seen:.1} s ({since:.1} s after the cause) {key}: {:?}",
                finding.severity
            );
            println!("      {}", finding.sentence);
            for fact in &finding.evidence {
                println!("      - {fact}");
            }
            println!("      next: {}", finding.next.as_deref().unwrap_or("-"));
            if !scenario.expected.contains(&&**key) {
                wrong.push(format!("{} {key}", scenario.name));
            }
        }
        for expected in scenario.expected {
            match firsts.contains_key(*expected) {
                true => right += 1,
                false => missed.push(format!("{} {expected}", scenario.name)),
            }
        }
    }
    println!(
        "right {right}, missed {}, false {}",
        missed.len(),
        wrong.len()
    );
    assert!(
        missed.is_empty() && wrong.is_empty(),
        "missed {missed:#?}, false {wrong:#?}"
    );
}

fn age(now: Timestamp, since: Timestamp) -> f64 {
    now.duration_since(since).as_secs_f64()
}
