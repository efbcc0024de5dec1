//! Recorded events of a real cluster through the rules, by the recorded clock.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use argo_core::{
    GroupKind, Level, ObjectRef, TrackEvent, Tracked, TrackedBody, WatchEvent,
    text::similar::normalised,
};
use argo_events::{
    Event, EventConfig, EventItem, EventRecord, EventScope,
    engine::{self, Follower},
};
use jiff::Timestamp;
use simcluster::player::{Act, Recording};

const ROLLOUT: &str = "01-deployment-rollout-ok";
const CRASH_LOOP: &str = "03-crash-loop";
const STATEFUL_SET: &str = "06-statefulset-stuck";
const FAILURES: &str = "10-failure-kinds";
const OWNERS: &str = "11-owner-events";
const APPLICATIONS: &str = include_str!("../../recordings/application-events.json");

/// An event as the recorder's watch showed it.
struct Line {
    arrived: Timestamp,
    event: Event,
}

fn recording(name: &str) -> Vec<Line> {
    let timeline = Recording::builtin(name).unwrap().timeline().unwrap();
    let entries = timeline.entries().iter();
    entries
        .filter_map(|entry| match &entry.act {
            Act::Put(object) if object["kind"] == "Event" => Some(Line {
                arrived: entry.at,
                event: serde_json::from_value(object.clone()).unwrap(),
            }),
            _ => None,
        })
        .collect()
}

fn scope() -> EventScope {
    EventScope {
        namespace: "s".into(),
        applications: false,
        fields: None,
    }
}

fn tracked(event: &Event) -> Tracked {
    let involved = &event.involved_object;
    let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
    let object = ObjectRef {
        kind: GroupKind::new("", involved.kind.as_deref().unwrap()),
        namespace: text(&involved.namespace),
        name: text(&involved.name),
        uid: text(&involved.uid),
    };
    Tracked::root(object, TrackedBody::Other(Arc::default()))
}

fn track(follower: &mut Follower, event: &Event, now: Duration) {
    follower.track(&TrackEvent::Applied(tracked(event)), now);
}

fn follower(since: Timestamp) -> Follower {
    Follower::new(EventConfig::default().since(since), false)
}

fn records(follower: &mut Follower) -> Vec<EventRecord> {
    let items = std::iter::from_fn(|| follower.next_item());
    items
        .map(|item| match item {
            EventItem::Event(record) => record,
            other => panic!("{other:?}"),
        })
        .collect()
}

/// A record and when it was given, in milliseconds since the first event.
type Given = (i64, EventRecord);

/// Plays a recording in its own time, everything tracked from the start; what is given
/// until `end` seconds after the first event, and at the end.
fn play(lines: &[Line], end: u64) -> Vec<Given> {
    let started = lines[0].arrived;
    let mut follower = follower(started);
    for line in lines {
        track(&mut follower, &line.event, Duration::ZERO);
    }
    let mut given = Vec::new();
    let mut take = |follower: &mut Follower, now: Duration| {
        let at = i64::try_from(now.as_millis()).unwrap();
        given.extend(records(follower).into_iter().map(|record| (at, record)));
    };
    let tick = |follower: &mut Follower,
                until: Duration,
                take: &mut dyn FnMut(&mut Follower, Duration)| {
        while let Some(deadline) = follower.deadline().filter(|deadline| *deadline <= until) {
            follower.tick(deadline);
            take(follower, deadline);
        }
    };
    for line in lines {
        let now = line.arrived.duration_since(started).unsigned_abs();
        tick(&mut follower, now, &mut take);
        follower.watched(&scope(), WatchEvent::Applied(line.event.clone()), now);
        take(&mut follower, now);
    }
    let end = Duration::from_secs(end);
    tick(&mut follower, end, &mut take);
    follower.finish(end);
    take(&mut follower, end);
    given
}

#[test]
fn each_occurrence_of_a_healthy_rollout_comes_once_and_at_its_time() {
    let lines = recording(ROLLOUT);
    let given = play(&lines, 120);
    let normal = lines
        .iter()
        .filter(|line| line.event.type_.as_deref() == Some("Normal"));
    let told = given.iter().filter(|(_, record)| record.type_ == "Normal");
    assert_eq!(told.clone().count(), normal.count());
    assert!(
        told.clone()
            .all(|(_, record)| !record.repeated && !record.before_start)
    );
    for (at, record) in told {
        let arrived = lines[0].arrived.as_millisecond() + at;
        let late = arrived - record.time.as_millisecond();
        assert!((0..400).contains(&late), "{late} ms: {record:?}");
    }
}

#[test]
fn nothing_is_lost_in_any_recording() {
    for (name, text) in [
        ("01", ROLLOUT),
        ("03", CRASH_LOOP),
        ("06", STATEFUL_SET),
        ("10", FAILURES),
        ("11", OWNERS),
    ] {
        let lines = recording(text);
        // What each object had of each reason in the end, counted from the raw lines.
        let mut last = BTreeMap::new();
        for line in &lines {
            let event = &line.event;
            last.insert(event.uid().to_owned(), event.clone());
        }
        let mut expected = BTreeMap::<_, u32>::new();
        for event in last.values() {
            let key = (event.object_uid().to_owned(), event.reason.clone().unwrap());
            *expected.entry(key).or_default() += engine::count(event);
        }
        // The last record of each line has its whole count; lines differ in the message.
        let mut lines_told = BTreeMap::new();
        for (_, record) in play(&lines, 10_000) {
            let message = if record.type_ == "Warning" {
                normalised(&record.message)
            } else {
                record.message.clone()
            };
            let key = (
                record.object.uid.to_string(),
                record.reason.clone(),
                record.container.clone(),
                message,
            );
            lines_told.insert(key, record.count);
        }
        let mut told = BTreeMap::<_, u32>::new();
        for ((object, reason, ..), count) in lines_told {
            *told.entry((object, reason)).or_default() += count;
        }
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn a_crash_loop_is_one_line_a_minute() {
    let given = play(&recording(CRASH_LOOP), 100);
    let back_off: Vec<_> = given
        .iter()
        .filter(|(_, record)| record.reason == "BackOff")
        .map(|(at, record)| (*at, record.count, record.level, record.container.as_deref()))
        .collect();
    let app = Some("app");
    assert_eq!(
        back_off,
        [
            (2316, 1, Level::Warning, app),
            (62_316, 5, Level::Warning, app),
            (100_000, 9, Level::Warning, app)
        ]
    );
    let repeats = given
        .iter()
        .filter(|(_, record)| record.repeated && record.level <= Level::Info);
    assert_eq!(repeats.count(), 2);
}

#[test]
fn a_quota_that_refuses_fifteen_pods_is_one_event() {
    let given = play(&recording(OWNERS), 50);
    let quota: Vec<_> = given
        .iter()
        .filter(|(_, record)| {
            record.reason == "FailedCreate" && record.object.name.starts_with("over-quota")
        })
        .map(|(_, record)| record)
        .collect();
    assert_eq!(
        quota.iter().map(|record| record.count).collect::<Vec<_>>(),
        [1, 15]
    );
    assert!(
        quota[1].message.starts_with("Error creating: pods"),
        "{}",
        quota[1].message
    );
    assert_eq!(quota[0].level, Level::Error);
    let of_job = given
        .iter()
        .filter(|(_, record)| &*record.object.kind.kind == "Job");
    assert_eq!(
        of_job.map(|(_, record)| record.count).collect::<Vec<_>>(),
        [1, 5]
    );
}

#[test]
fn listing_again_tells_nothing_again() {
    let lines = recording(FAILURES);
    let mut follower = follower(lines[0].arrived);
    let mut last = BTreeMap::new();
    for line in &lines {
        track(&mut follower, &line.event, Duration::ZERO);
        follower.watched(
            &scope(),
            WatchEvent::Applied(line.event.clone()),
            Duration::ZERO,
        );
        last.insert(line.event.uid().to_owned(), line.event.clone());
    }
    assert!(!records(&mut follower).is_empty());
    for now in [200, 400].map(Duration::from_secs) {
        follower.tick(now);
        records(&mut follower);
        follower.watched(&scope(), WatchEvent::Restarted, now);
        for event in last.values() {
            follower.watched(&scope(), WatchEvent::Applied(event.clone()), now);
        }
        follower.watched(&scope(), WatchEvent::Synced, now);
        assert_eq!(records(&mut follower), []);
        assert_eq!(follower.deadline(), None);
    }
}

#[test]
fn events_of_real_applications() {
    let events: Vec<Event> = serde_json::from_str(APPLICATIONS).unwrap();
    let mut times: Vec<_> = events.iter().map(engine::time).collect();
    times.sort();
    let since = times[times.len() / 2];
    let second = Timestamp::from_second(since.as_second()).unwrap();
    let mut follower = follower(since);
    for event in &events {
        track(&mut follower, event, Duration::ZERO);
        follower.watched(&scope(), WatchEvent::Applied(event.clone()), Duration::ZERO);
    }
    follower.finish(Duration::ZERO);
    let told = records(&mut follower);
    assert!(
        told.iter()
            .all(|record| record.before_start == (record.time < second))
    );
    assert!(told.iter().any(|record| record.before_start));
    for record in &told {
        let failed = record.message.contains(" failed: ");
        let degraded = record.message.ends_with("-> Degraded");
        let expected = match (failed, degraded) {
            (true, _) => Level::Error,
            (_, true) => Level::Warning,
            _ => Level::Info,
        };
        assert_eq!(record.level, expected, "{}", record.message);
        assert!(
            record.component.starts_with("argocd-"),
            "{}",
            record.component
        );
    }
}
