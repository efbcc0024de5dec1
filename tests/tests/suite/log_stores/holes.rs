//! Lines that the cluster lacks come from the store, each once and in order.

use argo_core::{PodEvent, resource::Pod};
use argo_logs::LogConfig;
use argo_tests::fake_store::{FakeStore, Kind};
use jiff::{SignedDuration, Timestamp};

use super::{
    KINDS, applied, minute_ago, nanos, object, pod,
    scripted::{Answer, Scripted, followed},
    store::Store,
    unique,
};

/// A store that has three lines of a pod.
async fn with_three_lines(kind: Kind) -> (Store, Pod) {
    let store = Store::start(kind).await;
    let name = unique("web");
    let begin = nanos(minute_ago());
    let lines: Vec<_> = (0..3).map(|n| (begin + n, format!("line {n}"))).collect();
    store.add(&name, &lines).await;
    (store, pod(&name, true))
}

/// A line as the cluster sends it, with its time.
fn line(time: Timestamp, text: &str) -> String {
    format!("{time} {text}\n")
}

fn config(store: &Store) -> LogConfig {
    LogConfig::default().store(store.client())
}

#[tokio::test]
async fn lines_that_were_rotated_away_come_from_the_store() {
    for kind in KINDS {
        let store = Store::start(kind).await;
        let name = unique("web");
        let begin = minute_ago();
        let at = |millis: i64| begin + SignedDuration::from_millis(millis);
        let lines: Vec<_> = (0..10)
            .map(|n| (nanos(at(1000 + n * 100)), format!("line {n}")))
            .collect();
        store.add(&name, &lines).await;
        let text = |numbers: std::ops::Range<i64>| -> String {
            numbers
                .map(|n| line(at(1000 + n * 100), &format!("line {n}")))
                .collect()
        };
        let pod = pod(&name, true);
        // The file of lines 3 to 6 is gone.
        let answers = [Answer::Cut(text(0..3)), Answer::Open(text(7..10))];
        let source = Scripted::new(&pod, answers);
        let said = followed(source, vec![applied(&pod)], config(&store), |said| {
            said.of_store().len() >= 4
        })
        .await;
        assert_eq!(said.of_store(), ["line 3", "line 4", "line 5", "line 6"]);
        let notices: Vec<_> = said
            .0
            .iter()
            .filter(|said| said.contains("rotated"))
            .collect();
        assert_eq!(notices.len(), 1, "{:#?}", said.0);
        assert!(notices[0].starts_with("FromStore: lines may be missing between"));
        assert!(notices[0].ends_with("has follow"), "{}", notices[0]);
        let ours = said.0.iter().filter(|said| said.starts_with("line "));
        assert_eq!(ours.count(), 6);
    }
}

#[tokio::test]
async fn a_hook_that_left_before_it_was_read_comes_from_the_store() {
    for kind in KINDS {
        let store = Store::start(kind).await;
        let name = unique("migrate");
        let begin = nanos(minute_ago());
        let lines = ["begin", "done"].map(str::to_owned);
        let lines: Vec<_> = (begin + 1..).zip(lines).collect();
        store.add(&name, &lines).await;
        let pod = pod(&name, false);
        let source = Scripted::new(&pod, [Answer::Refused(404, "pods not found")]);
        let events = vec![applied(&pod), PodEvent::Removed(object(&name))];
        let said = followed(source, events, config(&store), |said| {
            said.of_store().len() >= 2
        })
        .await;
        assert_eq!(said.of_store(), ["begin", "done"]);
        assert!(
            said.has("the pod left before its log was read"),
            "{:#?}",
            said.0
        );
    }
}

#[tokio::test]
async fn a_node_that_refuses_is_stood_in_for() {
    for kind in KINDS {
        let (store, pod) = with_three_lines(kind).await;
        let source = Scripted::new(&pod, [Answer::Refused(401, "Unauthorized")]);
        let said = followed(source, vec![applied(&pod)], config(&store), |said| {
            said.of_store().len() >= 3
        })
        .await;
        assert_eq!(said.of_store(), ["line 0", "line 1", "line 2"]);
        assert!(
            said.has("logs of node node1: the log cannot be read now"),
            "{:#?}",
            said.0
        );
        let notices = said
            .0
            .iter()
            .filter(|said| said.contains("that cannot be read come from"));
        assert_eq!(notices.count(), 1);
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_one_notice() {
    for kind in KINDS {
        let fake = FakeStore::start(kind).await.unwrap();
        fake.set_down(true);
        let store = Store::Fake(fake);
        let pods = ["a", "b"].map(|name| pod(name, false));
        let source = Scripted::new(&pods[0], [Answer::Refused(404, "pods not found")]);
        let mut events: Vec<_> = pods.iter().map(applied).collect();
        events.extend(["a", "b"].map(|name| PodEvent::Removed(object(name))));
        let said = followed(source, events, config(&store), |said| {
            said.has("cannot be asked")
        })
        .await;
        assert_eq!(said.0.len(), 1, "{:#?}", said.0);
        assert!(said.0[0].contains("503"), "{:#?}", said.0);
    }
}

#[tokio::test]
async fn logs_are_followed_in_the_store_alone() {
    for kind in KINDS {
        let (store, pod) = with_three_lines(kind).await;
        let source = Scripted::new(&pod, [Answer::Refused(500, "nobody asks for this")]);
        let config = LogConfig::default().instead(store.client());
        let said = followed(source, vec![applied(&pod)], config, |said| {
            said.of_store().len() >= 3
        })
        .await;
        assert_eq!(said.of_store(), ["line 0", "line 1", "line 2"]);
        assert!(said.has("not from the cluster"), "{:#?}", said.0);
        assert!(!said.has("nobody asks"), "{:#?}", said.0);
    }
}
