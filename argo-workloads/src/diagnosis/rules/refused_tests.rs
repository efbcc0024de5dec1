use serde_json::json;

use crate::diagnosis::{Severity, made_tests::World};

/// Returns what is said of pods that `node1` refused one after the other.
fn said(pods: usize, reason: &str, message: &str) -> Vec<String> {
    let mut world = World::with_deployment();
    for number in 0..pods {
        let status = json!({"phase": "Failed", "reason": reason, "message": message});
        let spec = json!({"nodeName": "node1", "containers": [{"name": "app"}]});
        world.pod(1, &format!("web-1-{number}"), &spec, &status);
    }
    world.sentences(3)
}

#[test]
fn many_refused_pods_are_one_finding_with_their_number() {
    let cpu = "Pod was rejected: Node didn't have enough resource: cpu, requested: 500000, used: 5, capacity: 2000";
    assert_eq!(
        said(59, "OutOfcpu", cpu),
        [
            "pod-rejected: node node1 refuses 59 pods (OutOfcpu): the pod asks for 500 cpu, the node has 2 and 0.005 are in use"
        ]
    );
    // More than the node has: no other pod will fare better.
    assert_eq!(said(1, "OutOfcpu", cpu).len(), 1);
    // A race for the last place: the next pod goes elsewhere.
    let race = "Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: 110, capacity: 110";
    assert_eq!(said(1, "OutOfpods", race), [""; 0]);
    assert_eq!(said(2, "OutOfpods", race).len(), 1);
}

#[test]
fn each_refusal_is_told_in_the_nodes_words() {
    for (reason, message, words) in [
        (
            "OutOfmemory",
            "Node didn't have enough resource: memory, requested: 68719476736, used: 1073741824, capacity: 33554432000",
            "the pod asks for 64Gi memory, the node has 31.25Gi and 1Gi are in use",
        ),
        (
            "OutOfephemeral-storage",
            "Pod Node didn't have enough resource: ephemeral-storage, requested: 2147483648, used: 0, capacity: 1073741824",
            "the pod asks for 2Gi ephemeral-storage, the node has 1Gi and 0 bytes are in use",
        ),
        (
            "OutOfnvidia.com/gpu",
            "Pod was rejected: Node didn't have enough resource: nvidia.com/gpu, requested: 2, used: 1, capacity: 2",
            "the pod asks for 2 nvidia.com/gpu, the node has 2 and 1 are in use",
        ),
        (
            "NodeAffinity",
            "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
            "node(s) didn't match Pod's node affinity/selector",
        ),
        (
            "NodePorts",
            "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
            "node(s) didn't have free ports for the requested pod ports",
        ),
        (
            "UnexpectedAdmissionError",
            "Pod was rejected: Allocate failed due to can't allocate unregistered device nvidia.com/gpu, which is unexpected",
            "Allocate failed due to can't allocate unregistered device nvidia.com/gpu, which is unexpected",
        ),
        (
            "TopologyAffinityError",
            "Pod was rejected: Resources cannot be allocated with Topology locality",
            "Resources cannot be allocated with Topology locality",
        ),
        (
            "SysctlForbidden",
            "Pod was rejected: forbidden sysctl: \"kernel.msgmax\" not allowlisted",
            "forbidden sysctl: \"kernel.msgmax\" not allowlisted",
        ),
        (
            "NodeShutdown",
            "Pod was rejected as the node is shutting down.",
            "was rejected as the node is shutting down",
        ),
        ("PodOSNotSupported", "", "it gives no reason"),
    ] {
        let expected = format!("pod-rejected: node node1 refuses 3 pods ({reason}): {words}");
        assert_eq!(said(3, reason, message), [expected]);
    }
}

#[test]
fn an_eviction_or_an_end_of_its_own_is_no_refusal() {
    let codes = |said: Vec<String>| {
        said.iter()
            .filter(|it| it.starts_with("pod-rejected"))
            .count()
    };
    assert_eq!(
        codes(said(5, "Evicted", "The node was low on resource: memory.")),
        0
    );
    assert_eq!(codes(said(5, "", "")), 0);
    let mut world = World::with_deployment();
    for name in ["web-1-a", "web-1-b", "web-1-c"] {
        let ended = json!({"terminated": {"exitCode": 137, "reason": "Error", "finishedAt": crate::diagnosis::made_tests::time(2)}});
        let status = json!({"phase": "Failed", "reason": "NodeShutdown",
            "containerStatuses": [{"name": "app", "state": ended}]});
        world.pod(2, name, &json!({"containers": [{"name": "app"}]}), &status);
    }
    assert_eq!(world.sentences(9), [""; 0]);
}

#[test]
fn a_bare_pod_that_is_refused_is_doomed_at_once() {
    let mut world = World::new();
    world.apply(1, json!({"kind": "Pod", "metadata": {"name": "task"},
        "spec": {"nodeName": "node1", "containers": [{"name": "app"}]},
        "status": {"phase": "Failed", "reason": "NodePorts", "message": "Predicate NodePorts failed: x"}}));
    let findings = world.findings(1);
    assert_eq!(
        findings[0].sentence,
        "node node1 refuses the pod (NodePorts): x"
    );
    assert_eq!(findings[0].severity, Severity::Doomed);
}

#[test]
fn a_node_that_never_takes_its_pod_is_named() {
    let mut world = World::with_deployment();
    let spec = json!({"nodeName": "node7", "containers": [{"name": "app"}]});
    world.pod(1, "web-1-a", &spec, &json!({"phase": "Pending"}));
    assert_eq!(world.sentences(20), [""; 0]);
    assert_eq!(
        world.sentences(41),
        [
            "node-lost: node node7 has not taken the pod for 40 s: there is no such node, or its kubelet does not run"
        ]
    );
    let taken = json!({"phase": "Pending", "startTime": crate::diagnosis::made_tests::time(42)});
    world.pod(42, "web-1-a", &spec, &taken);
    assert_eq!(world.sentences(99), [""; 0]);
}

/// A StatefulSet or DaemonSet deletes a refused pod before it makes the next one.
#[test]
fn refused_pods_that_were_deleted_still_count() {
    let cpu = "Pod was rejected: Node didn't have enough resource: cpu, requested: 64000, used: 0, capacity: 2000";
    let refused = |number: usize| {
        json!({"kind": "Pod", "owner": "web-1", "metadata": {"name": format!("web-1-{number}")},
            "spec": {"nodeName": "node1", "containers": [{"name": "app"}]},
            "status": {"phase": "Failed", "reason": "OutOfcpu", "message": cpu}})
    };
    let mut world = World::with_deployment();
    for number in 0..40 {
        world.apply(1, refused(number));
        world.remove(&format!("web-1-{number}"));
    }
    let said = |count: usize| {
        [format!(
            "pod-rejected: node node1 refuses {count} pods (OutOfcpu): the pod asks for 64 cpu, the node has 2 and 0 are in use"
        )]
    };
    assert_eq!(world.sentences(3), said(40));
    world.apply(4, refused(40));
    assert_eq!(world.sentences(5), said(41));
    world.remove("web-1-40");
    // Nothing was refused for a while: the controller has stopped, or another node took the pod.
    assert_eq!(world.sentences(40), [""; 0]);
}
