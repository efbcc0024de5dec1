//! A pod, its workload, the Application and an event that all have one message.

use std::time::Duration;

use argo_assistant::session::Input;
use argo_core::{GroupKind, KindTraits, ObjectRef, TrackEvent, Tracked, TrackedBody, WatchEvent};
use argo_workloads::{builtin, describe};
use jiff::Timestamp;
use serde_json::json;

/// The number of inputs before those about the pod.
pub(super) const WITHOUT_PODS: usize = 3;

/// A workload, the Application, a pod and an event that all have the message.
pub(super) fn inputs(message: &str, started: Timestamp) -> Vec<Input> {
    let meta = |name: &str| json!({"name": name, "namespace": "shop", "uid": name, "creationTimestamp": started, "generation": 1});
    let condition = |type_: &str, status: &str, reason: &str| json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": started});
    let workload = json!({"metadata": meta("web"), "spec": {"replicas": 1}, "status": {"observedGeneration": 1, "replicas": 1,
        "conditions": [condition("Progressing", "False", "ProgressDeadlineExceeded"), condition("ReplicaFailure", "True", "FailedCreate")]}});
    let pod = json!({"metadata": meta("web-1"), "spec": {"containers": [{"name": "app", "image": "web:2"}]}, "status": {"phase": "Pending",
        "containerStatuses": [{"name": "app", "ready": false, "state": {"waiting": {"reason": "ErrImagePull", "message": message}}}]}});
    let application = json!({"metadata": {"name": "shop", "namespace": "argocd", "uid": "shop"}, "status": {
        "conditions": [{"type": "ComparisonError", "message": message, "lastTransitionTime": started}],
        "operationState": {"phase": "Failed", "message": message, "startedAt": started, "finishedAt": started, "syncResult": {"resources": [
            {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "web", "status": "SyncFailed", "message": message}]}}}});
    let workload_body = TrackedBody::Workload(serde_json::from_value(workload).unwrap());
    let pod_body = TrackedBody::Pod(serde_json::from_value(pod).unwrap());
    let web = object(GroupKind::new("apps", "Deployment"), "web");
    let pod = object(GroupKind::new("", "Pod"), "web-1");
    let mut inputs = vec![
        tracked(&web, &web, workload_body),
        TrackEvent::Application(serde_json::from_value(application).unwrap()),
        TrackEvent::Synced,
        tracked(&pod, &web, pod_body),
    ];
    let mut follower = argo_events::engine::Follower::new(
        argo_events::EventConfig::default().since(started),
        false,
    );
    for input in &inputs {
        follower.track(input, Duration::ZERO);
    }
    let event = json!({"metadata": {"name": "e", "namespace": "shop", "uid": "e", "resourceVersion": "1"}, "type": "Warning", "reason": "Failed", "message": message,
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-1", "uid": "web-1", "fieldPath": "spec.containers{app}"}, "count": 1, "lastTimestamp": started});
    let scope = argo_events::EventScope {
        namespace: "shop".into(),
        applications: false,
        fields: None,
    };
    let event = WatchEvent::Applied(serde_json::from_value(event).unwrap());
    follower.watched(&scope, event, Duration::ZERO);
    let mut inputs: Vec<Input> = inputs.drain(..).map(Input::Track).collect();
    inputs.extend(std::iter::from_fn(|| follower.next_item()).map(Input::Event));
    inputs
}

fn object(kind: GroupKind, name: &str) -> ObjectRef {
    ObjectRef {
        kind,
        namespace: "shop".into(),
        name: name.into(),
        uid: name.into(),
    }
}

fn tracked(object: &ObjectRef, root: &ObjectRef, body: TrackedBody) -> TrackEvent {
    TrackEvent::Applied(describe(
        &builtin(),
        Tracked {
            object: object.clone(),
            owner: (object != root).then(|| root.clone()),
            root: root.clone(),
            hook: None,
            is_new: true,
            rollout: None,
            traits: KindTraits::default(),
            body,
        },
    ))
}
