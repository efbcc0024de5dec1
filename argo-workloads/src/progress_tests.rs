// How far an application is, told by its objects.

use argo_core::GroupKind;
use serde_json::{Value, json};

use super::*;
use crate::{builtin, describe};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn tracked(kind: (&str, &str), name: &str, body: TrackedBody) -> Tracked {
    let object = ObjectRef {
        kind: GroupKind::new(kind.0, kind.1),
        namespace: "n".into(),
        name: name.into(),
        uid: name.into(),
    };
    let tracked = Tracked {
        is_new: false,
        ..Tracked::root(object, body)
    };
    describe(&builtin(), tracked)
}

fn deployment(updated: i64, ready: i64) -> Tracked {
    let value: Value = json!({"spec": {"replicas": 3}, "status": {"replicas": 3,
        "updatedReplicas": updated, "readyReplicas": ready, "availableReplicas": ready}});
    let workload = serde_json::from_value(value).unwrap();
    let body = TrackedBody::Workload(Arc::new(workload));
    tracked(("apps", "Deployment"), "web", body)
}

fn pod(restarts: i32, probe: bool, ready_since: &str) -> Tracked {
    let probe = probe.then(|| json!({"httpGet": {"path": "/"}}));
    let value = json!({"metadata": {"name": "web-1"},
        "spec": {"containers": [{"name": "app", "readinessProbe": probe}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": restarts}],
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": ready_since}]}});
    let pod = serde_json::from_value(value).unwrap();
    let mut pod = tracked(("", "Pod"), "web-1", TrackedBody::Pod(Arc::new(pod)));
    pod.root = deployment(3, 3).object;
    pod.is_new = true;
    pod
}

fn application(namespace: &str, operation: &Value) -> TrackEvent {
    let value = json!({"metadata": {"name": "shop", "namespace": namespace, "uid": namespace},
        "status": {"operationState": operation, "sync": {"status": "Synced"},
            "health": {"status": "Healthy"}}});
    TrackEvent::Application(Arc::new(serde_json::from_value(value).unwrap()))
}

fn newest() -> BTreeSet<&'static str> {
    BTreeSet::from(["web-1"])
}

fn progress() -> Progress {
    Progress::new(AppRef::new("shop", "argocd"), at(0))
}

fn apply(progress: &mut Progress, tracked: Tracked, second: i64) {
    progress.track(&TrackEvent::Applied(tracked), at(second));
}

fn remove(progress: &mut Progress, tracked: &Tracked) {
    let event = TrackEvent::Removed(tracked.object.clone());
    progress.track(&event, at(9));
}

#[test]
fn the_time_to_completion_counts_from_the_start() {
    let mut progress = progress();
    apply(&mut progress, deployment(3, 3), 0);
    let first = progress.workloads()[0].clone();
    assert!(!first.involvement.touched && first.timing.took.is_none());
    apply(&mut progress, deployment(1, 3), 5);
    assert_eq!(progress.workloads()[0].timing.pending_since, Some(at(5)));
    assert!(!progress.is_complete());
    apply(&mut progress, deployment(3, 3), 12);
    let took = progress.workloads()[0].timing.took;
    assert_eq!(took, Some(Duration::from_secs(12)));
    assert!(progress.is_complete());
}

#[test]
fn a_new_workload_counts_from_the_start() {
    let mut progress = progress();
    let mut new = deployment(3, 3);
    new.is_new = true;
    apply(&mut progress, new.clone(), 4);
    apply(&mut progress, new, 8);
    let took = progress.workloads()[0].timing.took;
    assert_eq!(took, Some(Duration::from_secs(4)));
}

#[test]
fn only_the_last_run_of_a_hook_counts() {
    let mut progress = progress();
    for (uid, second) in [("first", 1), ("second", 9)] {
        let created = at(second).to_string();
        let value = json!({"metadata": {"creationTimestamp": created}, "spec": {"completions": 1}});
        let workload = serde_json::from_value(value).unwrap();
        let body = TrackedBody::Workload(Arc::new(workload));
        let mut hook = tracked(("batch", "Job"), "migrate", body);
        (hook.object.uid, hook.root.uid) = (uid.into(), uid.into());
        hook.hook = Some("PreSync".into());
        apply(&mut progress, hook.clone(), second);
        if uid == "first" {
            remove(&mut progress, &hook);
        }
    }
    let workloads = progress.workloads();
    let uids: Vec<_> = workloads.iter().map(|hook| &*hook.object.uid).collect();
    assert_eq!(uids, ["second"]);
}

#[test]
fn restarts_of_deleted_pods_still_count() {
    let mut progress = progress();
    let restarted = pod(2, true, "1970-01-01T00:00:00Z");
    apply(&mut progress, deployment(3, 3), 0);
    apply(&mut progress, restarted.clone(), 1);
    remove(&mut progress, &restarted);
    assert_eq!(progress.restarts(progress.workloads()[0], &newest()), 2);
}

#[test]
fn without_a_probe_or_just_ready_it_may_still_crash() {
    let settle = Duration::from_secs(10);
    let check = |probe, ready_since: i64| {
        let mut progress = progress();
        let pod = pod(0, probe, &at(ready_since).to_string());
        apply(&mut progress, pod, 0);
        progress.may_still_crash(settle, &newest(), at(20))
    };
    assert!(check(false, 0) && check(true, 15));
    assert!(!check(true, 5));
}

#[test]
fn one_that_ended_after_a_while_has_proven_nothing_before_that_while() {
    let settle = Duration::from_secs(10);
    let may_crash_again = |ready_since: i64, now: i64| {
        let mut progress = progress();
        let ended = json!({"exitCode": 0, "containerID": "A", "startedAt": at(0).to_string(),
            "finishedAt": at(14).to_string()});
        let status = json!({"name": "app", "restartCount": 1, "containerID": "B",
            "state": {"running": {}}, "lastState": {"terminated": ended}});
        let mut again = pod(1, true, &at(ready_since).to_string());
        let TrackedBody::Pod(body) = &mut again.body else {
            unreachable!()
        };
        let body = Arc::make_mut(body);
        body.status.container_statuses = vec![serde_json::from_value(status).unwrap()];
        apply(&mut progress, again, ready_since);
        progress.may_still_crash(settle, &newest(), at(now))
    };
    assert!(may_crash_again(16, 28), "ready for 12 s");
    assert!(!may_crash_again(16, 38), "ready for 22 s");
}

#[test]
fn a_container_that_ends_is_noticed_unless_its_workload_is_ignored() {
    let mut progress = progress();
    apply(&mut progress, deployment(3, 3), 0);
    apply(&mut progress, pod(1, true, "1970-01-01T00:00:00Z"), 0);
    let before = progress.crashes();
    let web = |workload: &ObjectRef| *workload.name == *"web";
    assert!(!progress.has_crashed_since(&before, 0, &newest(), |_| false));
    apply(&mut progress, pod(2, true, "1970-01-01T00:00:00Z"), 1);
    assert!(progress.has_crashed_since(&before, 0, &newest(), |_| false));
    assert!(!progress.has_crashed_since(&before, 0, &newest(), web));
    assert!(!progress.has_crashed_since(&before, 2, &newest(), |_| false));
    assert!(
        !progress.has_crashed_since(&before, 0, &BTreeSet::new(), |_| false),
        "old"
    );
}

#[test]
fn rolled_out_is_known_and_complete_without_a_running_sync() {
    let mut progress = progress();
    apply(&mut progress, deployment(3, 3), 0);
    assert!(!progress.is_rolled_out(at(6)), "not everything is known");
    progress.track(&TrackEvent::Synced, at(1));
    assert!(
        !progress.is_rolled_out(at(5)),
        "the next object may be on its way"
    );
    assert!(progress.is_rolled_out(at(6)));
    let running = json!({"phase": "Running"});
    progress.track(&application("argocd", &running), at(2));
    assert!(!progress.is_rolled_out(at(6)));
    let succeeded = json!({"phase": "Succeeded"});
    progress.track(&application("argocd", &succeeded), at(3));
    assert!(progress.is_rolled_out(at(6)));
    // The workloads of the release before are complete.
    for phase in ["Failed", "Error"] {
        let failed = json!({"phase": phase});
        progress.track(&application("argocd", &failed), at(4));
        assert!(!progress.is_rolled_out(at(9)), "{phase}");
    }
}

#[test]
fn an_application_without_workloads_is_judged_by_itself() {
    let mut progress = progress();
    progress.track(&TrackEvent::Synced, at(1));
    assert!(!progress.is_rolled_out(at(6)));
    let succeeded = json!({"phase": "Succeeded"});
    progress.track(&application("argocd", &succeeded), at(2));
    assert!(progress.is_rolled_out(at(6)));
}

#[test]
fn a_child_of_the_same_name_is_another_application() {
    let mut progress = progress();
    let succeeded = json!({"phase": "Succeeded"});
    progress.track(&application("argocd", &succeeded), at(1));
    progress.track(&application("team", &json!({"phase": "Failed"})), at(2));
    let application = progress.application().unwrap();
    assert_eq!(application.metadata.namespace.as_deref(), Some("argocd"));
}

#[test]
fn the_subject_of_a_finding_is_found_by_its_name() {
    let subject = |progress: &Progress, pods: &[&str]| {
        let pods: Vec<_> = pods.iter().map(|&pod| pod.to_owned()).collect();
        let mut object = deployment(3, 3).object;
        object.uid = "an older one".into();
        progress.subject(&object, &pods)
    };
    let mut progress = progress();
    apply(&mut progress, deployment(1, 3), 0);
    assert_eq!(subject(&progress, &[]), SubjectState::InProgress);
    assert_eq!(subject(&progress, &["gone"]), SubjectState::PodsReplaced);
    apply(&mut progress, deployment(3, 3), 1);
    assert_eq!(subject(&progress, &["gone"]), SubjectState::Complete);
    remove(&mut progress, &deployment(3, 3));
    assert_eq!(subject(&progress, &[]), SubjectState::Gone);
}

#[test]
fn old_pods_that_end_are_seen_or_counted_by_the_controller() {
    let with = |terminating: Value| {
        let value = json!({"spec": {"replicas": 3}, "status": {"replicas": 3, "updatedReplicas": 3,
            "readyReplicas": 3, "availableReplicas": 3, "terminatingReplicas": terminating}});
        let body = TrackedBody::Workload(Arc::new(serde_json::from_value(value).unwrap()));
        tracked(("apps", "Deployment"), "web", body)
    };
    let old = |progress: &Progress| progress.workloads()[0].pods.old_terminating;
    let mut progress = progress();
    apply(&mut progress, with(json!(null)), 1);
    assert_eq!(old(&progress), 0);
    apply(&mut progress, with(json!(2)), 2);
    assert_eq!(
        (old(&progress), progress.terminating_unseen(|_| false)),
        (2, 2)
    );
    assert_eq!(progress.terminating_unseen(|_| true), 0, "it is ignored");
    let mut going = pod(0, false, "2026-01-01T00:00:00Z");
    if let TrackedBody::Pod(pod) = &mut going.body {
        let deleted = jiff::Timestamp::UNIX_EPOCH;
        Arc::make_mut(pod).metadata.deletion_timestamp = Some(
            k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(deleted),
        );
    }
    // A new pod that was deleted is none of the old ones.
    apply(&mut progress, going, 3);
    apply(&mut progress, with(json!(2)), 3);
    assert_eq!(
        (old(&progress), progress.terminating_unseen(|_| false)),
        (1, 1)
    );
    apply(&mut progress, with(json!(0)), 4);
    assert_eq!(
        (old(&progress), progress.terminating_unseen(|_| false)),
        (0, 0)
    );
}

#[test]
fn a_pod_that_was_scaled_away_held_nothing_up() {
    let mut progress = progress();
    let mut unready = pod(0, true, "2026-01-01T00:00:00Z");
    if let TrackedBody::Pod(pod) = &mut unready.body {
        Arc::make_mut(pod).status.conditions.clear();
    }
    apply(&mut progress, unready.clone(), 1);
    apply(&mut progress, deployment(2, 2), 1);
    let held = |progress: &Progress| progress.workloads()[0].pods.held_up_by.clone();
    assert_eq!(held(&progress).as_deref(), Some("web-1"));
    apply(&mut progress, deployment(3, 3), 5);
    assert_eq!(held(&progress).as_deref(), Some("web-1"));
    remove(&mut progress, &unready);
    assert_eq!(held(&progress), None);
    // Nor did one that was evicted: its successor did.
    if let TrackedBody::Pod(pod) = &mut unready.body {
        Arc::make_mut(pod).status.phase = Some("Failed".into());
    }
    apply(&mut progress, unready, 6);
    apply(&mut progress, deployment(2, 2), 7);
    assert_eq!(held(&progress), None);
}
