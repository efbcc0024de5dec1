use serde_json::{Value, json};

use crate::diagnosis::made_tests::{World, time};

/// Returns what is said of a pod with this condition, at the given second.
fn said(type_: &str, reason: &str, message: &str, second: i64) -> Vec<String> {
    let mut world = World::with_deployment();
    see(&mut world, type_, reason, message);
    world.sentences(second)
}

fn see(world: &mut World, type_: &str, reason: &str, message: &str) {
    let condition: Value = json!({"type": type_, "status": "True", "reason": reason,
        "message": message, "lastTransitionTime": time(1)});
    let spec = json!({"nodeName": "node1", "containers": [{"name": "app"}]});
    let status = json!({"phase": "Running", "conditions": [condition],
        "containerStatuses": [{"name": "app", "state": {"running": {"startedAt": time(0)}}}]});
    world.pod(1, "web-1-a", &spec, &status);
}

const CAPACITY: &str = "Node didn't have enough capacity: cpu, requested: 64000, capacity: 2000";
const ROOM: &str = "Node didn't have enough resource: memory, requested: 2147483648, used: 3221225472, capacity: 4294967296";

#[test]
fn a_resize_that_cannot_be_is_told_in_words() {
    assert_eq!(
        said("PodResizePending", "Infeasible", CAPACITY, 2),
        [
            "resize-pending: node node1 can never give the pod its new resources: the pod asks for 64 cpu, the node has 2"
        ]
    );
    let deferred = [
        "resize-pending: node node1 has no room yet for the pod's new resources: the pod asks for 2Gi memory, the node has 4Gi and 3Gi are in use",
    ];
    assert_eq!(said("PodResizePending", "Deferred", ROOM, 70), deferred);
    assert_eq!(said("PodResizePending", "Deferred", ROOM, 30), [""; 0]);
    let static_policy =
        "Resize is infeasible for Guaranteed Pods alongside CPU Manager static policy";
    assert_eq!(
        said("PodResizePending", "Infeasible", static_policy, 2),
        [format!(
            "resize-pending: node node1 can never give the pod its new resources: {static_policy}"
        )]
    );
    assert_eq!(
        said(
            "PodResizeInProgress",
            "Error",
            "cannot decrease memory limits: container app",
            2
        ),
        [
            "resize-pending: the pod does not get its new resources: cannot decrease memory limits: container app"
        ]
    );
    // It is under way.
    assert_eq!(said("PodResizeInProgress", "", "", 300), [""; 0]);
}

#[test]
fn a_pod_that_serves_with_its_old_resources_holds_nothing_up() {
    let mut world = World::with_deployment();
    see(&mut world, "PodResizePending", "Infeasible", CAPACITY);
    let complete = json!({"kind": "Deployment", "metadata": {"name": "web", "generation": 1},
        "spec": {"replicas": 1}, "status": {"observedGeneration": 1, "replicas": 1,
            "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}});
    world.apply(3, complete);
    assert_eq!(world.sentences(70), [""; 0]);
}
