use std::sync::Arc;

use argo_core::{Degraded, DegradedReason, GroupKind, NoticeCode, ObjectRef, Tracked, TrackedBody};
use futures::stream::BoxStream;
use serde_json::json;

use super::*;

fn object(kind: GroupKind, namespace: &str, name: &str) -> ObjectRef {
    ObjectRef {
        kind,
        namespace: namespace.into(),
        name: name.into(),
        uid: name.into(),
    }
}

fn applied(object: ObjectRef) -> TrackEvent {
    TrackEvent::Applied(Tracked::root(object, TrackedBody::Other(Arc::default())))
}

fn pod(namespace: &str, name: &str) -> TrackEvent {
    applied(object(GroupKind::new("", "Pod"), namespace, name))
}

fn event(object: &str, message: &str, count: u32) -> WatchEvent<Event> {
    let event = json!({
        "metadata": {"name": message, "uid": message, "resourceVersion": "7"},
        "involvedObject": {"kind": "Pod", "name": object, "uid": object},
        "type": "Warning", "reason": "BackOff", "message": message, "count": count,
        "lastTimestamp": "2026-11-23T23:00:00Z",
    });
    WatchEvent::Applied(serde_json::from_value(event).unwrap())
}

fn degraded(reason: DegradedReason) -> WatchEvent<Event> {
    WatchEvent::Degraded(Degraded {
        reason,
        message: "events is forbidden: User \"ci\" cannot list".into(),
    })
}

/// Answers by namespace, as a watch that never ends. In a split source the namespace of
/// the Applications is another one.
#[derive(Clone, Copy)]
struct Canned {
    is_split: bool,
}

impl EventSource for Canned {
    fn watch(&self, scope: &EventScope) -> BoxStream<'static, WatchEvent<Event>> {
        let answer = match (&*scope.namespace, scope.applications) {
            ("shop", false) => vec![
                WatchEvent::Restarted,
                event("web", "back-off", 3),
                event("stranger", "back-off of another", 1),
                WatchEvent::Synced,
                event("web", "after the list", 1),
            ],
            ("shop", true) => vec![event("app", "of the Application", 1), WatchEvent::Synced],
            ("secret", _) => vec![degraded(DegradedReason::Forbidden)],
            ("down", _) => vec![degraded(DegradedReason::Unreachable)],
            other => panic!("{other:?} is not to be listed"),
        };
        futures::stream::iter(answer)
            .chain(futures::stream::pending())
            .boxed()
    }

    fn is_split(&self) -> bool {
        self.is_split
    }
}

async fn look(is_split: bool, tracked: &[TrackEvent]) -> Vec<String> {
    let items = snapshot(Canned { is_split }, tracked, EventConfig::default()).await;
    items
        .into_iter()
        .map(|item| match item {
            EventItem::Event(event) => {
                assert!(event.before_start, "{event:?}");
                format!("{} ×{}", event.message, event.count)
            }
            EventItem::Notice(notice) => {
                assert_eq!(notice.level, Level::Warning, "{notice:?}");
                assert_eq!(
                    notice.hint.is_some(),
                    notice.code == NoticeCode::Forbidden,
                    "{notice:?}"
                );
                format!("{:?}", notice.code)
            }
        })
        .collect()
}

#[tokio::test]
async fn one_look_lists_past_events_and_names_what_cannot_be_read() {
    let tracked = [
        pod("secret", "a"),
        pod("shop", "web"),
        pod("down", "b"),
        TrackEvent::Synced,
    ];
    let seen = look(false, &tracked).await;
    assert_eq!(seen, ["Unreachable", "Forbidden", "back-off ×3"]);
}

#[tokio::test]
async fn an_application_is_looked_for_on_its_own_cluster() {
    let application = applied(object(
        GroupKind::new("argoproj.io", "Application"),
        "shop",
        "app",
    ));
    let tracked = [application, pod("shop", "web")];
    assert_eq!(look(false, &tracked).await, ["back-off ×3"]);
    let both = ["back-off ×3", "of the Application ×1"];
    assert_eq!(look(true, &tracked).await, both);
}

#[tokio::test]
async fn nothing_is_listed_for_removed_objects() {
    let gone = object(GroupKind::new("", "Pod"), "elsewhere", "gone");
    let tracked = [applied(gone.clone()), TrackEvent::Removed(gone)];
    assert!(look(false, &tracked).await.is_empty());
}
