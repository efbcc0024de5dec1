use serde_json::{Value, json};

use crate::diagnosis::made_tests::{World, time};

fn ended(code: i32, second: i64) -> Value {
    let reason = if code == 0 { "Completed" } else { "Error" };
    json!({"terminated": {"exitCode": code, "reason": reason, "finishedAt": time(second)}})
}

/// Returns what is said at second 40 of a Job whose pod has these containers, in this state.
fn said(policy: &str, states: &[(&str, Value)]) -> Vec<String> {
    let mut world = World::new();
    let job = json!({"kind": "Job", "metadata": {"name": "migrate"}, "status": {"active": 1}});
    world.apply(0, job);
    let containers: Vec<_> = states
        .iter()
        .map(|(name, _)| json!({"name": name}))
        .collect();
    let statuses: Vec<_> = states
        .iter()
        .map(|(name, state)| json!({"name": name, "state": state}))
        .collect();
    let pod = json!({"kind": "Pod", "owner": "migrate", "metadata": {"name": "migrate-x"},
        "spec": {"restartPolicy": policy, "containers": containers},
        "status": {"phase": "Running", "containerStatuses": statuses}});
    world.apply(1, pod);
    world.sentences(40)
}

#[test]
fn a_container_that_keeps_a_job_from_ending_is_named() {
    let running = json!({"running": {"startedAt": time(1)}});
    assert_eq!(
        said(
            "Never",
            &[("migrate", ended(0, 10)), ("proxy", running.clone())]
        ),
        [
            "job-held: container migrate is done (exit 0) and container proxy runs on for 30 s: the Job ends only when all its containers have"
        ]
    );
    assert_eq!(
        said(
            "Never",
            &[
                ("migrate", ended(3, 10)),
                ("a", running.clone()),
                ("b", running.clone())
            ]
        ),
        [
            "job-held: container migrate failed (exit 3) and containers a and b run on for 30 s: the Job ends only when all its containers have"
        ]
    );
    let fresh = [("migrate", ended(0, 25)), ("proxy", running.clone())];
    assert_eq!(said("Never", &fresh), [""; 0]);
    // It is started again: it is not done.
    let again = [("migrate", ended(3, 10)), ("proxy", running)];
    assert_eq!(said("OnFailure", &again), [""; 0]);
    assert_eq!(
        said("Never", &[("migrate", ended(0, 1)), ("b", ended(0, 2))]),
        [""; 0]
    );
}

/// Returns what is said of a bare pod, and of a Job with such a pod, that ended like this.
fn failed(status: &Value) -> [Vec<String>; 2] {
    let spec =
        json!({"restartPolicy": "Never", "nodeName": "node1", "containers": [{"name": "app"}]});
    let mut bare = World::new();
    bare.apply(
        1,
        json!({"kind": "Pod", "metadata": {"name": "once"}, "spec": spec, "status": status}),
    );
    let mut job = World::new();
    let conditions = json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
        "lastTransitionTime": time(9)}]);
    job.apply(
        1,
        json!({"kind": "Job", "metadata": {"name": "migrate"},
        "status": {"failed": 1, "conditions": conditions}}),
    );
    job.apply(
        1,
        json!({"kind": "Pod", "owner": "migrate", "metadata": {"name": "migrate-x"},
        "spec": spec, "status": status}),
    );
    [bare.sentences(20), job.sentences(20)]
}

#[test]
fn a_pod_that_ran_into_its_own_deadline_says_so() {
    for code in [0, 137] {
        let status = json!({"phase": "Failed", "reason": "DeadlineExceeded",
            "message": "Pod was active on the node longer than the specified deadline",
            "containerStatuses": [{"name": "app", "state": ended(code, 6)}]});
        let [bare, job] = failed(&status);
        assert_eq!(
            bare,
            ["job-failed: the pod ran longer than its activeDeadlineSeconds allow"]
        );
        assert_eq!(
            job,
            ["job-failed: failed: its pod ran longer than its activeDeadlineSeconds allow"]
        );
    }
}

#[test]
fn a_job_whose_pod_was_refused_tells_why_in_words() {
    let status = json!({"phase": "Failed", "reason": "OutOfcpu",
        "message": "Pod was rejected: Node didn't have enough resource: cpu, requested: 64000, used: 0, capacity: 2000"});
    let [_, job] = failed(&status);
    assert_eq!(
        job,
        [
            "job-failed: failed: its pod was refused (OutOfcpu): the pod asks for 64 cpu, the node has 2 and 0 are in use"
        ]
    );
}

#[test]
fn the_termination_message_is_told_where_the_log_names_no_error() {
    let end = json!({"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": time(6),
        "message": "reading config\nunknown key colour\n"}});
    let status = json!({"phase": "Failed", "containerStatuses": [{"name": "app", "state": end}]});
    let [bare, job] = failed(&status);
    assert_eq!(
        bare,
        ["job-failed: container app failed (exit 1): unknown key colour"]
    );
    assert_eq!(
        job,
        ["job-failed: failed (container app, exit 1): unknown key colour"]
    );
}
