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
