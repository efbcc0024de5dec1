//! The cost of objects and events: to resolve owners, and to recognize new occurrences.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::{hint::black_box, sync::Arc, time::Duration};

use argo_benches::crowd;
use argo_core::{
    GroupKind, ObjectRef, TrackEvent, Tracked, TrackedBody, WatchEvent,
    resource::{PackedPod, Pod},
};
use argo_events::{Event, EventConfig, EventScope, engine::Follower};
use argo_workloads::engine::Index;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use serde_json::{Value, json};

const PODS: u64 = 1000;

fn body(kind: &str, value: Value) -> Option<TrackedBody> {
    Some(match kind {
        "Pod" => TrackedBody::Pod(Arc::new(serde_json::from_value(value).ok()?)),
        _ => TrackedBody::Workload(Arc::new(serde_json::from_value(value).ok()?)),
    })
}

fn owned(kind: &str, name: &str, owner: Option<(&str, &str)>) -> Option<TrackedBody> {
    let owners = owner.map(|(kind, uid)| json!([{"apiVersion": "apps/v1", "kind": kind, "name": uid, "uid": uid, "controller": true}]));
    let value = json!({
        "metadata": {"name": name, "namespace": "shop", "uid": name, "ownerReferences": owners.unwrap_or_else(|| json!([])),
            "creationTimestamp": "2026-11-23T10:00:00Z"},
        "spec": {"containers": [{"name": "app", "image": "web:1"}]}, "status": {"phase": "Running"},
    });
    body(kind, value)
}

fn index(c: &mut Criterion) {
    let (deployment, set, pod) = (
        GroupKind::new("apps", "Deployment"),
        GroupKind::new("apps", "ReplicaSet"),
        GroupKind::new("", "Pod"),
    );
    let top = owned("Deployment", "web", None);
    let middle = owned("ReplicaSet", "web-1", Some(("Deployment", "web")));
    let pods: Vec<_> = (0..PODS)
        .filter_map(|n| owned("Pod", &format!("web-1-{n}"), Some(("ReplicaSet", "web-1"))))
        .collect();
    let mut group = c.benchmark_group("index");
    group.throughput(Throughput::Elements(PODS));
    let build = || {
        let mut index = Index::new(Timestamp::UNIX_EPOCH);
        index.apply(&deployment, top.clone()?, true);
        index.apply(&set, middle.clone()?, false);
        Some(index)
    };
    group.bench_function("1000 pods of one Deployment arrive", |b| {
        b.iter(|| {
            let Some(mut index) = build() else { return };
            for body in &pods {
                black_box(index.apply(&pod, body.clone(), false));
            }
        });
    });
    let mut full = build();
    if let Some(index) = &mut full {
        for body in &pods {
            index.apply(&pod, body.clone(), false);
        }
    }
    group.bench_function("1000 pods change", |b| {
        b.iter(|| {
            if let Some(index) = &mut full {
                for body in &pods {
                    black_box(index.apply(&pod, body.clone(), false));
                }
            }
        });
    });
    group.finish();
}

/// The lines of a watch, and a pod in each that belongs to another application.
fn foreign(c: &mut Criterion) {
    let lines = [1, 2].map(|version: u64| {
        let mut pod = crowd::pod(1, 1);
        pod["metadata"]["uid"] = "u-1".into();
        pod["metadata"]["resourceVersion"] = version.to_string().into();
        json!({"type": "MODIFIED", "object": pod}).to_string()
    });
    // serde_json sorts the fields, a server does not.
    let lines = lines.map(|line| {
        let object = line.trim_start_matches("{\"object\":");
        let object = object.trim_end_matches(",\"type\":\"MODIFIED\"}");
        format!("{{\"type\":\"MODIFIED\",\"object\":{object}}}")
    });
    let kind = GroupKind::new("", "Pod");
    let mut group = c.benchmark_group("a change of another application's pod");
    group.throughput(Throughput::Bytes(lines[0].len() as u64));
    let mut index = Index::new(Timestamp::UNIX_EPOCH);
    let mut turns = lines.iter().cycle();
    group.bench_function("decoded at once", |b| {
        b.iter(|| {
            let event = turns.next().map(|line| serde_json::from_str(line));
            if let Some(Ok(kube::core::WatchEvent::<Pod>::Modified(pod))) = event {
                let body = TrackedBody::Pod(Arc::new(pod));
                black_box(index.apply(&kind, body, false));
            }
        });
    });
    let mut index = Index::new(Timestamp::UNIX_EPOCH);
    group.bench_function("packed", |b| {
        b.iter(|| {
            let event = turns.next().map(|line| serde_json::from_str(line));
            if let Some(Ok(kube::core::WatchEvent::<PackedPod>::Modified(pod))) = event {
                let pod = Arc::new(pod);
                if !index.refresh_pod(&pod) {
                    black_box(index.apply_pod(&pod, &pod.head(), false));
                }
            }
        });
    });
    group.bench_function("packed, seen for the first time", |b| {
        b.iter(|| {
            let mut index = Index::new(Timestamp::UNIX_EPOCH);
            let event = turns.next().map(|line| serde_json::from_str(line));
            if let Some(Ok(kube::core::WatchEvent::<PackedPod>::Modified(pod))) = event {
                let pod = Arc::new(pod);
                black_box(index.apply_pod(&pod, &pod.head(), false));
            }
        });
    });
    group.finish();
}

fn event(n: u64) -> Option<Event> {
    serde_json::from_value(json!({
        "metadata": {"name": format!("e{n}"), "namespace": "shop", "uid": format!("e{n}"), "resourceVersion": n.to_string()},
        "involvedObject": {"kind": "Pod", "name": format!("p{}", n % 100), "namespace": "shop", "uid": format!("p{}", n % 100)},
        "type": "Warning", "reason": "BackOff", "message": format!("Back-off restarting failed container app of pod p{n}"), "count": 1,
        "firstTimestamp": "2026-11-23T23:00:00Z", "lastTimestamp": "2026-11-23T23:00:00Z", "source": {"component": "kubelet"},
    }))
    .ok()
}

fn events(c: &mut Criterion) {
    const EVENTS: u64 = 1000;
    let events: Vec<_> = (0..EVENTS).filter_map(event).collect();
    let object = |n: u64| ObjectRef {
        kind: GroupKind::new("", "Pod"),
        namespace: "shop".into(),
        name: format!("p{n}").into(),
        uid: format!("p{n}").into(),
    };
    let scope = EventScope {
        namespace: "shop".into(),
        applications: false,
        fields: None,
    };
    let mut group = c.benchmark_group("events");
    group.throughput(Throughput::Elements(EVENTS));
    group.bench_function("1000 events of 100 pods", |b| {
        b.iter(|| {
            let config = EventConfig::default().since(Timestamp::UNIX_EPOCH);
            let mut follower = Follower::new(config, false);
            for n in 0..100 {
                let tracked = Tracked::root(object(n), TrackedBody::Other(Arc::default()));
                follower.track(&TrackEvent::Applied(tracked), Duration::ZERO);
            }
            for event in &events {
                follower.watched(&scope, WatchEvent::Applied(event.clone()), Duration::ZERO);
            }
            let told = std::iter::from_fn(|| follower.next_item()).count();
            assert!(black_box(told) > 0);
        });
    });
    group.finish();
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args()
}

criterion_group! { name = benches; config = short(); targets = index, foreign, events }
criterion_main!(benches);
