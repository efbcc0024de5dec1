use argo_core::{GroupKind, ObjectRef, TrackedBody};
use serde_json::json;

use super::*;

fn event() -> Event {
    let event = json!({
        "metadata": {"name": "web.1", "namespace": "s", "uid": "e", "resourceVersion": "7"},
        "involvedObject": {"kind": "Pod", "namespace": "s", "name": "web", "uid": "pod"},
        "type": "Normal", "reason": "Started", "message": "Started container app", "count": 1,
        "lastTimestamp": "2026-11-23T23:55:26Z",
    });
    serde_json::from_value(event).unwrap()
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

fn follower() -> Follower {
    Follower::new(EventConfig::default().since(Timestamp::UNIX_EPOCH), false)
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

#[test]
fn an_event_waits_for_its_object_but_not_for_ever() {
    let event = &event();
    for (object_at, told) in [(29, 1), (30, 0)] {
        let mut follower = follower();
        follower.watched(&scope(), WatchEvent::Applied(event.clone()), Duration::ZERO);
        assert_eq!(records(&mut follower), []);
        track(&mut follower, event, Duration::from_secs(object_at));
        assert_eq!(records(&mut follower).len(), told, "{object_at}");
    }
}

#[test]
fn the_last_events_of_a_pod_come_after_it() {
    let event = &event();
    let mut follower = follower();
    track(&mut follower, event, Duration::ZERO);
    let gone = TrackEvent::Removed(tracked(event).object);
    follower.track(&gone, Duration::from_secs(1));
    follower.watched(
        &scope(),
        WatchEvent::Applied(event.clone()),
        Duration::from_secs(3),
    );
    assert_eq!(records(&mut follower).len(), 1);
    assert_eq!(follower.scopes().len(), 1);
    assert_eq!(follower.deadline(), Some(Duration::from_secs(31)));
    follower.tick(Duration::from_secs(31));
    assert!(follower.scopes().is_empty());
}

#[test]
fn a_namespace_that_may_not_be_read_is_one_notice() {
    let mut follower = follower();
    let degraded = Degraded {
        reason: DegradedReason::Forbidden,
        message: "events is forbidden".into(),
    };
    follower.watched(&scope(), WatchEvent::Degraded(degraded), Duration::ZERO);
    follower.watched(&scope(), WatchEvent::Restored, Duration::ZERO);
    let items: Vec<_> = std::iter::from_fn(|| follower.next_item()).collect();
    let [EventItem::Notice(forbidden), EventItem::Notice(restored)] = items.as_slice() else {
        panic!("{items:?}");
    };
    assert_eq!(forbidden.code, NoticeCode::Forbidden);
    assert!(
        forbidden
            .message
            .contains("list and watch events in namespace \"s\""),
        "{}",
        forbidden.message
    );
    assert!(forbidden.hint.is_some());
    assert_eq!(restored.code, NoticeCode::Restored);
}
