use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::*;
use crate::clock::Clock;
use crate::logs::{Answer, Logs, ReadOptions};
use crate::store::{ChangeKind, Store};

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

fn cluster(speed: f64) -> (Store, Logs) {
    let start: Timestamp = "2030-01-01T00:00:00.25Z".parse().unwrap();
    (Store::new(Clock::starting_at(start, speed), 1), Logs::new())
}

fn without_version(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]["resourceVersion"].take();
    object
}

/// Returns the changes that a watch of this type shows, in order.
fn watched(store: &Store, resource: &str) -> Vec<(ChangeKind, Value)> {
    let mut watch = store.watch(resource, 0).unwrap();
    let changes = std::iter::from_fn(|| watch.try_next().unwrap());
    changes
        .map(|change| (change.kind, without_version(&change.object)))
        .collect()
}

/// Returns the same changes from the recording itself.
fn recorded(timeline: &Timeline, kind: &str) -> Vec<Value> {
    let entries = timeline.entries().iter();
    entries
        .filter_map(|entry| match &entry.act {
            Act::Put(object) if object["kind"] == kind => Some(without_version(object)),
            _ => None,
        })
        .collect()
}

#[test]
fn every_recording_that_ships_has_a_timeline() {
    let names = Recording::names();
    assert_eq!(names.len(), 11);
    for name in names {
        let timeline = Recording::builtin(&name).unwrap().timeline().unwrap();
        assert!(timeline.entries().len() > 20, "{name}");
    }
}

#[test]
fn the_store_shows_the_recorded_sequence_at_the_recorded_pace() {
    paused().block_on(async {
        let (store, logs) = cluster(10.0);
        let start = store.clock().now();
        let original = Recording::builtin("01-deployment-rollout-ok")
            .unwrap()
            .timeline()
            .unwrap();
        let played = original.clone().starting_at(start);
        let span = |timeline: &Timeline| {
            let last = timeline.entries().last().unwrap();
            last.at.duration_since(timeline.begins().unwrap())
        };
        assert_eq!(span(&played), span(&original));
        Player::new(store.clone(), logs)
            .play(played.clone())
            .await
            .unwrap();

        let took = store.clock().now().duration_since(played.begins().unwrap());
        assert!((took - span(&original)).abs().as_millis() < 50, "{took:?}");
        for (resource, kind) in [
            ("pods", "Pod"),
            ("deployments.apps", "Deployment"),
            ("replicasets.apps", "ReplicaSet"),
            ("events", "Event"),
        ] {
            let changes = watched(&store, resource).into_iter();
            let put: Vec<Value> = changes
                .filter(|(kind, _)| *kind != ChangeKind::Deleted)
                .map(|(_, object)| object)
                .collect();
            assert!(!put.is_empty());
            assert_eq!(put, recorded(&played, kind), "{kind}");
        }
        let deleted = watched(&store, "pods").into_iter();
        assert_eq!(
            deleted
                .filter(|(kind, _)| *kind == ChangeKind::Deleted)
                .count(),
            3
        );
    });
}

/// Follows every container of a recording from its first status on, and compares with the bytes
/// that the recorder got from the same request.
#[test]
fn follows_get_the_recorded_bytes_and_end_as_recorded() {
    for name in [
        "01-deployment-rollout-ok",
        "03-crash-loop",
        "06-statefulset-stuck",
    ] {
        paused().block_on(follow_all(name));
    }
}

async fn follow_all(name: &str) {
    let (store, logs) = cluster(1.0);
    let recording = Recording::builtin(name).unwrap();
    let wanted = recorded_bodies(&recording.timeline().unwrap());
    let mut player = Player::new(store.clone(), logs.clone());
    let mut follows: BTreeMap<String, tokio::task::JoinHandle<Vec<u8>>> = BTreeMap::new();
    let mut shown = store.watch("pods", 0).unwrap();
    for entry in recording.timeline().unwrap().entries() {
        player.perform(entry.act.clone()).unwrap();
        while let Some(change) = shown.try_next().unwrap() {
            open_new(&change.object, &logs, &mut follows).await;
        }
        tokio::task::yield_now().await;
    }
    // Runs that outlived the recording: what they wrote is complete.
    for entry in recording.timeline().unwrap().entries() {
        if let Act::Start { run, .. } = &entry.act {
            player.perform(Act::End(run.clone())).unwrap();
        }
    }
    let mut got = BTreeMap::new();
    for (id, follow) in follows {
        got.insert(id, follow.await.unwrap());
    }
    assert_eq!(got.len(), wanted.len(), "{name}");
    for (id, body) in got {
        assert_eq!(
            String::from_utf8_lossy(&body),
            String::from_utf8_lossy(&wanted[&id]),
            "{name} {id}"
        );
    }
}

async fn open_new(
    pod: &Value,
    logs: &Logs,
    follows: &mut BTreeMap<String, tokio::task::JoinHandle<Vec<u8>>>,
) {
    for status in pod["status"]["containerStatuses"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let Some(id) = status["containerID"].as_str() else {
            continue;
        };
        if follows.contains_key(id) || status["state"]["waiting"].is_object() {
            continue;
        }
        let options = ReadOptions {
            timestamps: true,
            follow: true,
            ..ReadOptions::default()
        };
        let Answer::Body(mut body) = logs.open(pod, status["name"].as_str(), false, options, "")
        else {
            panic!("{id} cannot be read")
        };
        let read = async move {
            let mut bytes = Vec::new();
            while let Some(chunk) = body.next().await {
                bytes.extend_from_slice(&chunk);
            }
            bytes
        };
        follows.insert(id.to_owned(), tokio::spawn(read));
        tokio::task::yield_now().await;
    }
}

fn recorded_bodies(timeline: &Timeline) -> BTreeMap<String, Vec<u8>> {
    let mut bodies: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for entry in timeline.entries() {
        match &entry.act {
            Act::Start { run, .. } => {
                bodies.entry(run.id.clone()).or_default();
            }
            Act::Line {
                run,
                time,
                full,
                text,
            } => {
                let body = bodies.entry(run.id.clone()).or_default();
                body.extend_from_slice(&crate::logs::stamp(*time));
                body.push(b' ');
                body.extend_from_slice(text);
                body.extend(full.then_some(b'\n'));
            }
            Act::Put(_) | Act::Delete(_) | Act::End(_) => {}
        }
    }
    bodies
}

#[test]
fn an_unknown_recording_is_answered_with_the_known_ones() {
    let error = Recording::builtin("02-nothing").unwrap_err().to_string();
    assert!(
        error.starts_with("there is no recording \"02-nothing\"; there are 01-deployment-"),
        "{error}"
    );
}
