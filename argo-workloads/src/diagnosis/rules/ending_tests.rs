use serde_json::{Value, json};

use crate::diagnosis::made_tests::{World, time};

/// A Deployment with this strategy whose old pod was asked to end at second 1, within 80 s.
fn world(strategy: &str) -> World {
    let mut world = World::new();
    let deployment = json!({"kind": "Deployment", "metadata": {"name": "web", "generation": 2},
        "spec": {"replicas": 1, "strategy": {"type": strategy}},
        "status": {"observedGeneration": 2, "replicas": 0, "updatedReplicas": 0}});
    world.apply(0, deployment);
    let set = |name: &str, revision: &str| -> Value {
        json!({"kind": "ReplicaSet", "owner": "web", "metadata": {"name": name,
            "labels": {"pod-template-hash": name},
            "annotations": {"deployment.kubernetes.io/revision": revision}}})
    };
    world.apply(0, set("web-1", "1"));
    if strategy != "Recreate" {
        world.apply(0, set("web-2", "2"));
    }
    let pod = json!({"kind": "Pod", "owner": "web-1", "metadata": {"name": "web-1-a",
            "labels": {"pod-template-hash": "web-1"}, "creationTimestamp": time(-900),
            "deletionTimestamp": time(81), "deletionGracePeriodSeconds": 80},
        "spec": {"containers": [{"name": "app"}]}, "status": {"phase": "Running"}});
    world.apply(1, pod);
    world
}

#[test]
fn an_old_pod_that_recreate_waits_for_is_named_and_is_no_finding() {
    let expected = "stuck-terminating: an old pod is still ending, 40 s after it was asked to; its grace period is 1 m 20 s";
    let mut recreate = world("Recreate");
    assert_eq!(recreate.reasons(41), [expected]);
    assert_eq!(recreate.reasons(10), [""; 0]);
    assert_eq!(recreate.sentences(41), [""; 0]);
    // New pods do not wait for old ones.
    assert_eq!(world("RollingUpdate").reasons(41), [""; 0]);
}
