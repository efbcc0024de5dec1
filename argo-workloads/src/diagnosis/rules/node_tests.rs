use serde_json::json;

use crate::diagnosis::{
    Thresholds, examine,
    made_tests::{World, at},
};

#[test]
fn pods_that_wait_for_their_deletion_are_counted() {
    let mut world = World::new();
    let spec = json!({"replicas": 2, "updateStrategy": {"type": "OnDelete"}});
    let status = json!({"observedGeneration": 2, "replicas": 2, "readyReplicas": 2,
        "updatedReplicas": 0, "updateRevision": "db-2", "currentRevision": "db-1"});
    let set = json!({"kind": "StatefulSet", "metadata": {"name": "db", "generation": 2},
        "spec": spec, "status": status});
    world.apply(1, set);
    let labels = json!({"controller-revision-hash": "db-1"});
    let pod = json!({"kind": "Pod", "owner": "db", "metadata": {"name": "db-1", "labels": labels}});
    world.apply(1, pod);
    let findings = world.findings(1);
    assert_eq!(
        findings[0].sentence,
        "2 of 2 pods run the old revision: with the update strategy OnDelete a pod is replaced only once somebody deletes it"
    );
    assert_eq!(
        findings[0].next.as_deref(),
        Some("kubectl -n shop delete pod db-1")
    );
}

#[test]
fn a_daemon_set_with_one_old_pod() {
    let mut world = World::new();
    let status = json!({"observedGeneration": 2, "desiredNumberScheduled": 3, "numberReady": 3,
        "updatedNumberScheduled": 2, "numberAvailable": 3});
    let set = |strategy: &str| {
        json!({"kind": "DaemonSet", "metadata": {"name": "agent", "generation": 2},
            "spec": {"updateStrategy": {"type": strategy}}, "status": status})
    };
    world.apply(1, set("OnDelete"));
    let said = world.sentences(1);
    assert!(
        said[0].starts_with("old-revision: 1 of 3 pods runs the old revision"),
        "{said:?}"
    );
    world.apply(2, set("RollingUpdate"));
    assert_eq!(world.sentences(2), [""; 0]);
}

#[test]
fn a_kubelet_may_take_a_moment_also_in_one_look() {
    let mut world = World::with_deployment();
    world.pod(
        1,
        "web-1-a",
        &json!({"nodeName": "node7", "containers": [{"name": "app"}]}),
        &json!({"phase": "Pending"}),
    );
    let mut codes = |second: i64| -> Vec<&str> {
        let findings = examine(&mut world.facts, &Thresholds::one_look(), at(second));
        findings
            .iter()
            .map(|finding| finding.code.as_str())
            .collect()
    };
    assert_eq!(codes(5), [""; 0]);
    assert_eq!(codes(15), ["node-lost"]);
}

#[test]
fn pods_that_are_evicted_one_after_the_other_are_found_between_two_evictions() {
    let mut world = World::new();
    let complete = json!({"kind": "Deployment", "metadata": {"name": "web", "generation": 1},
        "spec": {"replicas": 1}, "status": {"observedGeneration": 1, "replicas": 1,
            "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}});
    world.apply(0, complete);
    world.apply(
        0,
        json!({"kind": "ReplicaSet", "owner": "web", "metadata": {"name": "web-1"}}),
    );
    let status = json!({"phase": "Failed", "reason": "Evicted",
        "message": "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. "});
    for (second, name) in [(10, "web-1-c"), (20, "web-1-b"), (30, "web-1-a")] {
        world.pod(
            second,
            name,
            &json!({"containers": [{"name": "app"}]}),
            &status,
        );
    }
    assert_eq!(
        world.sentences(40),
        [
            "evicted: 3 pods were evicted: Pod ephemeral local storage usage exceeds the total limit of containers 2Mi"
        ]
    );
    assert_eq!(world.sentences(200), [""; 0], "the last one stays");
}
