//! Recorded objects of a real cluster in the ownership graph.

use std::{collections::BTreeMap, sync::Arc};

use argo_core::{
    GroupKind, TrackedBody,
    resource::{Pod, WorkloadObject},
};
use argo_workloads::{
    Scope,
    engine::{Change, Index},
};
use jiff::Timestamp;
use serde_json::Value;
use simcluster::player::{Act, Recording};

const KINDS: [&str; 7] = [
    "CronJob",
    "Job",
    "DaemonSet",
    "StatefulSet",
    "Deployment",
    "ReplicaSet",
    "Pod",
];

fn group_kind(kind: &str) -> GroupKind {
    let group = match kind {
        "Pod" => "",
        "Job" | "CronJob" => "batch",
        _ => "apps",
    };
    GroupKind::new(group, kind)
}

fn acts(recording: &str) -> Vec<Act> {
    let timeline = Recording::builtin(recording).unwrap().timeline().unwrap();
    timeline.entries().iter().map(|it| it.act.clone()).collect()
}

fn change(index: &mut Index, act: &Act, kind: &str, root: &str) -> Vec<Change> {
    match act {
        Act::Put(object) if object["kind"] == kind => {
            index.apply(&group_kind(kind), body(kind, object), kind == root)
        }
        Act::Delete(object) if object["kind"] == kind => {
            index.delete(object["metadata"]["uid"].as_str().unwrap())
        }
        _ => Vec::new(),
    }
}

fn body(kind: &str, object: &Value) -> TrackedBody {
    let object = object.clone();
    match kind {
        "Pod" => TrackedBody::Pod(Arc::new(serde_json::from_value(object).unwrap())),
        _ => TrackedBody::Workload(Arc::new(serde_json::from_value(object).unwrap())),
    }
}

/// Each watch's events in the order in which they came. Whatever the order of the watches,
/// each object belongs to the one in git, except those that were gone before their owner was
/// seen.
#[test]
fn recorded_rollouts_have_one_root_in_any_order_of_the_watches() {
    for (recording, namespace, root, pods) in [
        ("01-deployment-rollout-ok", "s01", "Deployment", [6, 3]),
        ("09-cronjob", "s09", "CronJob", [1, 1]),
    ] {
        let acts = acts(recording);
        let mut backward = KINDS;
        backward.reverse();
        for (order, pods) in [KINDS, backward].into_iter().zip(pods) {
            let mut index = Index::new(Timestamp::UNIX_EPOCH);
            for kind in KINDS {
                index.cover(&group_kind(kind), &Scope::Namespace(namespace.into()));
            }
            let mut roots = BTreeMap::new();
            for kind in order {
                for change in acts
                    .iter()
                    .flat_map(|act| change(&mut index, act, kind, root))
                {
                    if let Change::Applied(tracked) = change {
                        roots.insert(tracked.object.to_string(), tracked.root.to_string());
                    }
                }
            }
            let names = roots.keys();
            assert_eq!(names.filter(|name| name.starts_with("Pod/")).count(), pods);
            assert!(roots.values().all(|of| of.starts_with(root)), "{roots:?}");
        }
    }
}

/// The tracker keeps objects as JSON while nobody needs them.
#[test]
fn recorded_objects_survive_as_json() {
    let mut count = 0;
    for name in Recording::names() {
        for act in acts(&name) {
            let Act::Put(object) = act else { continue };
            let Some(kind) = object["kind"].as_str().filter(|kind| KINDS.contains(kind)) else {
                continue;
            };
            match body(kind, &object) {
                TrackedBody::Pod(pod) => {
                    let json = serde_json::to_vec(&*pod).unwrap();
                    assert_eq!(serde_json::from_slice::<Pod>(&json).unwrap(), *pod);
                }
                TrackedBody::Workload(workload) => {
                    let json = serde_json::to_vec(&*workload).unwrap();
                    let read = serde_json::from_slice::<WorkloadObject>(&json).unwrap();
                    assert_eq!(read, *workload);
                }
                other => panic!("{other:?}"),
            }
            count += 1;
        }
    }
    assert!(count > 500, "{count}");
}
