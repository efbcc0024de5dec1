//! `--wait-terminated`: success needs the old pods to have ended.

use super::*;

fn waiting_for_ends() -> Config {
    Config {
        wait_terminated: true,
        settle: Duration::ZERO,
        ..config()
    }
}

/// A pod of the release before that is being deleted.
fn old_pod() -> Input {
    let value = json!({"metadata": {"name": "web-old", "deletionTimestamp": at(0).to_string()},
        "spec": {"containers": [{"name": "app"}]}, "status": {"phase": "Running"}});
    let root = object(GroupKind::new("apps", "Deployment"), "web");
    let tracked = Tracked {
        is_new: false,
        root,
        ..Tracked::root(
            object(GroupKind::new("", "Pod"), "web-old"),
            TrackedBody::Pod(Arc::new(serde_json::from_value(value).unwrap())),
        )
    };
    Input::Track(TrackEvent::Applied(describe(&builtin(), tracked)))
}

/// A complete Deployment whose controller counts its ending pods (Kubernetes 1.35 and later).
fn counting(terminating: i64) -> Input {
    let value = json!({"spec": {"replicas": 1}, "status": {"replicas": 1, "updatedReplicas": 1,
        "readyReplicas": 1, "availableReplicas": 1, "terminatingReplicas": terminating}});
    let object = object(GroupKind::new("apps", "Deployment"), "web");
    applied(
        object.clone(),
        object,
        TrackedBody::Workload(Arc::new(serde_json::from_value(value).unwrap())),
    )
}

fn said(run: &Run, start: &str) -> bool {
    run.said.iter().any(|said| said.starts_with(start))
}

#[test]
fn the_end_of_an_old_pod_is_waited_for_and_told() {
    let mut run = Run::new(waiting_for_ends());
    run.tell(deployment(1), 1)
        .tell(old_pod(), 1)
        .tell(Input::Argocd(SUCCESS), 2)
        .until(3, 40);
    assert!(run.done.is_empty(), "{:?}", run.said);
    assert!(said(&run, "complete; waiting for 1 pod to end: web-old"));
    let again = "still waiting after 20 s: 1 pod to end: web-old";
    assert!(said(&run, again), "{:?}", run.said);
    let gone = object(GroupKind::new("", "Pod"), "web-old");
    run.tell(Input::Track(TrackEvent::Removed(gone)), 41)
        .until(42, 44);
    assert_eq!(run.result(), (vec!["drain"], 0));
}

#[test]
fn the_wait_for_old_pods_is_part_of_the_rollouts_time() {
    let mut run = Run::new(waiting_for_ends());
    run.tell(deployment(1), 1)
        .tell(old_pod(), 1)
        .tell(Input::Argocd(SUCCESS), 2)
        .until(3, 25);
    let gone = object(GroupKind::new("", "Pod"), "web-old");
    run.tell(Input::Track(TrackEvent::Removed(gone)), 26)
        .until(27, 30);
    let seconds = run.session.summary(None, at(30)).elapsed.as_secs();
    assert!((24..=26).contains(&seconds), "{seconds}");
}

#[test]
fn it_ends_at_once_unless_it_was_asked_for() {
    let mut run = Run::new(Config {
        wait_terminated: false,
        ..waiting_for_ends()
    });
    run.tell(deployment(1), 1)
        .tell(old_pod(), 1)
        .tell(Input::Argocd(SUCCESS), 2)
        .until(3, 4);
    assert_eq!(run.result(), (vec!["drain"], 0));
}

#[test]
fn the_controllers_count_tells_of_pods_that_are_not_seen() {
    let mut run = Run::new(waiting_for_ends());
    run.tell(counting(2), 1)
        .tell(Input::Argocd(SUCCESS), 2)
        .until(3, 9);
    assert!(run.done.is_empty());
    assert!(
        said(&run, "complete; waiting for 2 pods to end"),
        "{:?}",
        run.said
    );
    run.tell(counting(0), 10).until(11, 14);
    assert_eq!(run.result(), (vec!["drain"], 0));
}

#[test]
fn old_pods_that_stay_are_a_timeout() {
    let mut run = Run::new(Config {
        timeout: Some(Duration::from_secs(30)),
        ..waiting_for_ends()
    });
    run.tell(deployment(1), 1)
        .tell(old_pod(), 1)
        .tell(Input::Argocd(SUCCESS), 2)
        .until(3, 31);
    assert_eq!(run.result(), (vec!["drain"], 70));
}
