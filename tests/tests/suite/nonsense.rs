//! Objects, events and lines that make no sense: nothing panics, and what is said has an end.

use std::sync::Arc;

use argo_assistant::{
    session::{Input, Session},
    verdict,
};
use argo_core::{GroupKind, KindTraits, ObjectRef, TrackEvent, Tracked, TrackedBody};
use argo_events::{EventItem, EventRecord};
use argo_logs::{Batch, Line};
use argo_workloads::{
    builtin, describe,
    diagnosis::{EventFact, Examiner, Facts, Thresholds, examine},
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::stage;

/// Values that replace a leaf.
const LEAVES: [&str; 14] = [
    "null",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "0",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\"0001-01-01T00:00:00Z\"",
    "\"9999-12-31T23:59:59Z\"",
    "\"-9999-01-01T00:00:00Z\"",
    "\"\\u0000\\u001b[2J\u{202e}ä\"",
    "\"HUGE\"",
];

/// Texts that decoders look for; they are cut anywhere.
const TEXTS: [&str; 16] = [
    "0/12 nodes are available: 3 node(s) had untolerated taint {dedicated: gpu}, 9 Insufficient memory. preemption: 0/12",
    "pods \"w\" is forbidden: exceeded quota: compute, requested: limits.cpu=1,pods=1, used: limits.cpu=4,pods=2, limited: limits.cpu=4,pods=2",
    "pods \"x-\" is forbidden: error looking up service account s11/nobody: serviceaccount \"nobody\" not found",
    "admission webhook \"policy.example.com\" denied the request: no latest tags",
    "failed calling webhook \"x\": failed to call webhook: Post \"https://x.svc:443/inject\": refused",
    "Readiness probe failed: Get \"http://10.0.0.1:8080/healthz\": dial tcp 10.0.0.1:8080: connect: connection refused",
    "Container app failed liveness probe, will be restarted",
    "Failed to pull image \"x\": rpc error: code = NotFound desc = failed to resolve reference \"x\": not found",
    "couldn't find key A in ConfigMap n/c",
    "secret \"s\" not found",
    "MountVolume.SetUp failed for volume \"v\" : configmap \"c\" not found",
    "Multi-Attach error for volume \"pvc\" Volume is already used",
    "failed to create containerd task: exec: \"/a\": stat /a: no such file or directory: unknown",
    "https://user:pass@host/path?token=x",
    "ä\u{301}\u{1F600}\"'`$(x)",
    "",
];

const REASONS: [&str; 16] = [
    "Failed",
    "BackOff",
    "Unhealthy",
    "Killing",
    "FailedMount",
    "FailedAttachVolume",
    "FailedScheduling",
    "FailedCreate",
    "FailedCreatePodSandBox",
    "TriggeredScaleUp",
    "NodeNotReady",
    "Pulled",
    "Started",
    "Evicted",
    "ProvisioningFailed",
    "",
];

fn seeds() -> Vec<(GroupKind, Value)> {
    let time = "2026-11-23T10:00:00Z";
    let ended = json!({"exitCode": 1, "signal": 9, "reason": "OOMKilled", "message": "m", "startedAt": time, "finishedAt": time, "containerID": "c"});
    let container = json!({"name": "app", "image": "i", "restartPolicy": "Always", "resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "1"}},
        "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1, "failureThreshold": 3, "initialDelaySeconds": 1, "timeoutSeconds": 1}});
    let status = json!({"name": "app", "restartCount": 3, "ready": false, "started": true, "containerID": "c", "image": "i", "imageID": "i",
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}, "running": {"startedAt": time}, "terminated": ended},
        "lastState": {"terminated": ended}});
    let condition = |type_: &str, reason: &str| json!({"type": type_, "status": "False", "reason": reason, "message": "TEXT", "lastTransitionTime": time, "lastUpdateTime": time});
    let meta = json!({"name": "x", "namespace": "n", "uid": "u", "generation": 2, "creationTimestamp": time, "deletionTimestamp": time, "finalizers": ["f"],
        "labels": {"pod-template-hash": "h"}, "annotations": {"deployment.kubernetes.io/revision": "2", "deprecated.daemonset.template.generation": "2"}});
    let pod = json!({"metadata": meta, "spec": {"nodeName": "n", "restartPolicy": "Never", "terminationGracePeriodSeconds": 30, "readinessGates": [{"conditionType": "g"}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}, {"name": "w", "secret": {"secretName": "s"}}],
        "initContainers": [container], "containers": [container]},
        "status": {"phase": "Pending", "reason": "Evicted", "message": "TEXT", "conditions": [condition("PodScheduled", "Unschedulable"), condition("Ready", "ContainersNotReady")],
            "initContainerStatuses": [status], "containerStatuses": [status]}});
    let workload = json!({"metadata": meta, "spec": {"replicas": 3, "paused": false, "suspend": false, "completions": 1, "parallelism": 1, "backoffLimit": 0, "activeDeadlineSeconds": 5,
        "podManagementPolicy": "OrderedReady", "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}},
        "status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1, "unavailableReplicas": 2, "currentRevision": "a", "updateRevision": "b",
            "desiredNumberScheduled": 3, "updatedNumberScheduled": 1, "numberAvailable": 1, "numberReady": 1, "active": 1, "succeeded": 0, "failed": 1,
            "conditions": [condition("Progressing", "ProgressDeadlineExceeded"), condition("ReplicaFailure", "FailedCreate"), {"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "lastTransitionTime": time}]}});
    let application = json!({"metadata": {"name": "shop", "namespace": "argocd", "uid": "a"}, "status": {
        "health": {"status": "Suspended", "message": "TEXT", "lastTransitionTime": time}, "conditions": [{"type": "ComparisonError", "message": "TEXT", "lastTransitionTime": time}],
        "resources": [{"kind": "Deployment", "name": "x", "namespace": "n", "health": {"status": "Degraded"}}],
        "operationState": {"phase": "Failed", "message": "TEXT", "startedAt": time, "finishedAt": time,
            "syncResult": {"resources": [{"group": "batch", "kind": "Job", "namespace": "n", "name": "x", "hookType": "PreSync", "hookPhase": "Failed", "status": "SyncFailed", "message": "TEXT"}]}}}});
    let kinds = [
        ("apps", "Deployment"),
        ("apps", "ReplicaSet"),
        ("apps", "StatefulSet"),
        ("apps", "DaemonSet"),
        ("batch", "Job"),
        ("batch", "CronJob"),
        ("argoproj.io", "Rollout"),
    ];
    let mut seeds = vec![
        (GroupKind::new("", "Pod"), pod),
        (GroupKind::new("argoproj.io", "Application"), application),
    ];
    seeds.extend(kinds.map(|(group, kind)| (GroupKind::new(group, kind), workload.clone())));
    seeds
}

/// Replaces some leaves, counted from the first, by what the numbers say.
fn twist(value: &mut Value, numbers: &mut impl Iterator<Item = usize>) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            items.iter_mut().for_each(|item| twist(item, numbers));
        }
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields.iter_mut() {
                if name != "uid" {
                    twist(field, numbers);
                }
            }
        }
        leaf => {
            let number = numbers.next().unwrap_or(0);
            if leaf == "TEXT" {
                *leaf = json!(cut(number));
            } else if number.is_multiple_of(8) {
                *leaf = nonsense(number / 8);
            }
        }
    }
}

fn nonsense(number: usize) -> Value {
    match LEAVES[number % LEAVES.len()] {
        "\"HUGE\"" => json!("x y".repeat(100_000)),
        text => serde_json::from_str(text).unwrap(),
    }
}

fn cut(number: usize) -> String {
    let text = TEXTS[number % TEXTS.len()];
    let keep = (number / 16) % 120;
    match number % 3 {
        0 => text.to_owned(),
        1 => text.chars().take(keep).collect(),
        _ => text.chars().take(keep).collect::<String>().repeat(500),
    }
}

/// Inputs made of random numbers.
struct Play {
    session: Session,
    facts: Facts,
    examiner: Examiner,
    now: Timestamp,
    accepted: usize,
}

fn object(kind: &GroupKind, number: usize) -> ObjectRef {
    let name = if number.is_multiple_of(5) {
        "x".repeat(3000)
    } else {
        "x".to_owned()
    };
    ObjectRef {
        kind: kind.clone(),
        namespace: "n".into(),
        name: name.as_str().into(),
        uid: format!("{}-{}", kind.kind, number % 4).as_str().into(),
    }
}

impl Play {
    fn object(&mut self, numbers: &[usize]) {
        let seeds = seeds();
        let (kind, mut value) = seeds[numbers[0] % seeds.len()].clone();
        twist(
            &mut value,
            &mut numbers[1..].iter().copied().cycle().take(10_000),
        );
        let object = object(&kind, numbers[1]);
        if &*kind.kind == "Application" {
            if let Ok(application) = serde_json::from_value(value) {
                let event = TrackEvent::Application(Arc::new(application));
                self.facts.track(&event, self.now);
                self.session.handle(Input::Track(event), self.now);
                self.accepted += 1;
            }
            return;
        }
        let body = match &*kind.kind {
            "Pod" => serde_json::from_value(value).map(|pod| TrackedBody::Pod(Arc::new(pod))),
            _ => serde_json::from_value(value)
                .map(|workload| TrackedBody::Workload(Arc::new(workload))),
        };
        let Ok(body) = body else { return };
        let roots: Vec<GroupKind> = seeds.into_iter().map(|(kind, _)| kind).collect();
        let root = self::object(&roots[2 + numbers[2] % 7], numbers[3]);
        let is_root = &*kind.kind != "Pod" || numbers[2].is_multiple_of(3);
        let tracked = Tracked {
            root: if is_root {
                object.clone()
            } else {
                root.clone()
            },
            owner: (!is_root).then_some(root),
            hook: numbers[3].is_multiple_of(3).then(|| "PreSync".into()),
            is_new: numbers[3].is_multiple_of(2),
            object,
            rollout: None,
            traits: KindTraits::default(),
            body,
        };
        let tracked = describe(&builtin(), tracked);
        self.accepted += 1;
        let event = TrackEvent::Applied(tracked);
        self.facts.track(&event, self.now);
        self.session.handle(Input::Track(event), self.now);
    }

    fn event(&mut self, numbers: &[usize]) {
        let seeds = seeds();
        let object = object(&seeds[numbers[0] % seeds.len()].0, numbers[1]);
        let times = [
            Timestamp::MIN,
            Timestamp::MAX,
            Timestamp::UNIX_EPOCH,
            self.now,
        ];
        let (first, last) = (times[numbers[2] % 4], times[numbers[3] % 4]);
        let (reason, message) = (
            REASONS[numbers[4] % REASONS.len()].to_owned(),
            cut(numbers[5]),
        );
        let container = numbers[1].is_multiple_of(2).then(|| "app".to_owned());
        let count = u32::try_from(numbers[5]).unwrap_or(u32::MAX);
        self.session.handle(
            Input::Event(EventItem::Event(EventRecord {
                time: last,
                level: argo_core::Level::Warning,
                object: object.clone(),
                root: object.clone(),
                container: container.as_deref().map(Into::into),
                reason: reason.clone(),
                message: message.clone(),
                count,
                repeated: false,
                before_start: numbers[0].is_multiple_of(2),
                type_: "Warning".to_owned(),
                component: String::new(),
                first_seen: first,
            })),
            self.now,
        );
        self.facts.event(EventFact {
            object,
            container,
            reason,
            message,
            type_: "Warning".to_owned(),
            count,
            first,
            last,
        });
    }

    fn lines(&mut self, numbers: &[usize]) {
        let pod = object(&GroupKind::new("", "Pod"), numbers[0]);
        let text = cut(numbers[1]);
        let nanos = [Some(i64::MIN), Some(i64::MAX), None, Some(0)][numbers[2] % 4];
        let lines = (0..numbers[3] % 100).map(|_| Line::new(nanos, text.as_bytes()));
        let batch = Batch::from_lines("c".into(), 0, lines);
        self.session.lines(&pod.uid, &"app".into(), &batch);
    }

    fn step(&mut self, numbers: &[usize]) {
        match numbers[6] % 5 {
            0 => self.event(numbers),
            1 => self.lines(numbers),
            _ => self.object(numbers),
        }
        self.now += SignedDuration::from_secs(i64::try_from(numbers[7] % 100).unwrap());
        self.session.handle(Input::Tick, self.now);
    }

    /// Checks that the output is bounded.
    fn check(&mut self) {
        for thresholds in [
            Thresholds::default(),
            Thresholds::one_look(),
            Thresholds::settling(),
        ] {
            for now in [self.now, Timestamp::MIN, Timestamp::MAX] {
                for finding in self.examiner.examine(&mut self.facts, &thresholds, now) {
                    let longest = |texts: &[String]| {
                        texts
                            .iter()
                            .map(|text| text.chars().count())
                            .max()
                            .unwrap_or(0)
                    };
                    assert!(
                        finding.sentence.chars().count() <= 1000,
                        "{}",
                        finding.sentence
                    );
                    assert!(finding.evidence.len() <= 10 && longest(&finding.evidence) <= 1000);
                    assert!(finding.last_lines.len() <= 10);
                    assert!(finding.next.is_none_or(|next| next.len() <= 4000));
                }
            }
        }
        let summary = self.session.look_once(self.now);
        let text = verdict::text(&summary, &stage::settings("text"));
        assert!(
            text.lines().count() <= 300 && text.len() <= 100_000,
            "{} bytes",
            text.len()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn nonsense_is_survived(steps in prop::collection::vec(prop::collection::vec(any::<u32>().prop_map(|n| n as usize), 24), 1..12)) {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let mut play = Play { session: Session::new(stage::config()), facts: Facts::new(now), examiner: Examiner::default(), now, accepted: 0 };
        for numbers in &steps {
            play.step(numbers);
        }
        play.check();
    }
}

/// The property would hold of nothing at all.
#[test]
fn some_nonsense_is_accepted() {
    let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
    let mut play = Play {
        session: Session::new(stage::config()),
        facts: Facts::new(now),
        examiner: Examiner::default(),
        now,
        accepted: 0,
    };
    for seed in 0..60_usize {
        let numbers: Vec<usize> = (0..24)
            .map(|index| seed.wrapping_mul(7919).wrapping_add(index * 104_729) % 65_537)
            .collect();
        play.object(&numbers);
    }
    assert!(play.accepted > 10, "{}", play.accepted);
    let findings = examine(&mut play.facts, &Thresholds::one_look(), now);
    assert!(!findings.is_empty());
}
