use serde_json::{Value, json};

use crate::diagnosis::{
    Thresholds, examine,
    made_tests::{World, at, time},
};

fn ended(code: i32, reason: &str, second: i64) -> Value {
    json!({"terminated": {"exitCode": code, "reason": reason, "containerID": format!("c{second}"),
        "startedAt": time(second - 1), "finishedAt": time(second)}})
}

fn running(second: i64) -> Value {
    json!({"running": {"startedAt": time(second)}})
}

/// A pod of `Deployment/web` with a container `once` of this spec that is in this state, and a
/// server beside it.
fn see(world: &mut World, second: i64, once: &Value, status: &Value) {
    let mut once = once.clone();
    once["name"] = json!("once");
    let mut status = status.clone();
    status["name"] = json!("once");
    let server = json!({"name": "web", "ready": true, "state": running(1)});
    let spec = json!({"containers": [once, {"name": "web"}]});
    let status = json!({"phase": "Running", "containerStatuses": [status, server]});
    world.pod(second, "web-1-a", &spec, &status);
}

#[test]
fn a_container_that_is_never_started_again_is_told_at_once() {
    for (policy, code, is_told) in [
        ("Never", 0, true),
        ("Never", 3, true),
        ("OnFailure", 0, true),
        ("OnFailure", 3, false),
        ("Always", 0, false),
    ] {
        let mut world = World::with_deployment();
        let status = json!({"state": ended(code, "Completed", 5)});
        see(&mut world, 5, &json!({"restartPolicy": policy}), &status);
        let expected = format!(
            "container-ended: container once has ended (exit {code}) and is not started again (its restartPolicy is {policy}): the pod is never Ready without it"
        );
        let expected = if is_told { vec![expected] } else { Vec::new() };
        assert_eq!(world.sentences(5), expected, "{policy} {code}");
    }
}

#[test]
fn what_a_restart_rule_wants_is_no_crash() {
    let rules = |action: &str| {
        json!({"restartPolicy": "Never", "restartPolicyRules": [{"action": action,
            "exitCodes": {"operator": "In", "values": [42]}}]})
    };
    for action in ["Restart", "RestartAllContainers"] {
        let mut world = World::with_deployment();
        for run in 0..6 {
            let status = json!({"restartCount": run, "state": ended(42, "Error", 5 + run * 9)});
            see(&mut world, 5 + run * 9, &rules(action), &status);
            assert_eq!(world.sentences(5 + run * 9), [""; 0]);
        }
        // Any other exit code is final.
        let status = json!({"restartCount": 6, "state": ended(1, "Error", 70)});
        see(&mut world, 70, &rules(action), &status);
        assert_eq!(world.sentences(70).len(), 1);
    }
}

#[test]
fn restarting_all_containers_leaves_the_true_exits() {
    let mut world = World::with_deployment();
    let removed = json!({"terminated": {"exitCode": 137, "reason": "RestartingAllContainers"}});
    for run in 0..6 {
        let waiting = json!({"waiting": {"reason": "RestartingAllContainers"}});
        let status = json!({"restartCount": run, "state": waiting, "lastState": removed});
        see(&mut world, run * 5, &json!({}), &status);
    }
    assert_eq!(world.sentences(40), [""; 0]);
}

#[test]
fn a_restart_for_a_resize_is_no_crash() {
    let mut world = World::with_deployment();
    for run in 1..6 {
        let second = run * 20;
        world.facts.event(crate::diagnosis::EventFact {
            object: argo_core::ObjectRef {
                kind: argo_core::GroupKind::new("", "Pod"),
                namespace: "shop".into(),
                name: "web-1-a".into(),
                uid: "web-1-a".into(),
            },
            container: Some("once".to_owned()),
            reason: "Killing".to_owned(),
            message: "Container once resize requires restart".to_owned(),
            type_: "Normal".to_owned(),
            count: 1,
            first: crate::diagnosis::made_tests::at(20),
            last: crate::diagnosis::made_tests::at(second),
        });
        let status = json!({"restartCount": run, "ready": true, "state": running(second + 2),
            "lastState": ended(137, "Error", second + 1)});
        see(&mut world, second + 2, &json!({}), &status);
        assert_eq!(world.sentences(second + 3), [""; 0]);
    }
}

/// Returns what is said of a bare pod that is not restarted, with a limit of the whole pod.
fn bare(ends: &[(&str, i32)]) -> Vec<String> {
    let mut world = World::new();
    let containers: Vec<_> = ends.iter().map(|(name, _)| json!({"name": name})).collect();
    let statuses: Vec<_> = ends
        .iter()
        .map(|(name, code)| json!({"name": name, "state": ended(*code, "OOMKilled", 4)}))
        .collect();
    let pod = json!({"kind": "Pod", "metadata": {"name": "task"},
        "spec": {"restartPolicy": "Never", "containers": containers,
            "resources": {"limits": {"memory": "53687091200m"}}},
        "status": {"phase": "Failed", "containerStatuses": statuses}});
    world.apply(4, pod);
    world.sentences(5)
}

#[test]
fn a_kill_at_the_limit_of_the_pod_names_the_container_that_took_the_memory() {
    assert_eq!(
        bare(&[("hog", 137), ("idle", 0)]),
        [
            "oom-killed: container hog is killed at the pod's memory limit of 51.2Mi, 1 s after its start, once"
        ]
    );
    // A child was killed; the shell ended with its own code.
    let said = bare(&[("hog", 3), ("idle", 0)]);
    assert!(
        said.len() == 1 && said[0].contains("container hog is killed at the pod's"),
        "{said:?}"
    );
}

#[test]
fn a_bystander_of_a_kill_for_memory_is_not_blamed_however_often_it_happens() {
    let mut world = World::with_deployment();
    let spec = json!({"containers": [{"name": "idle"}, {"name": "hog"}],
        "resources": {"limits": {"memory": "64Mi"}}});
    for run in 0..4_i64 {
        let second = 4 + 2 * run;
        let status = |name: &str, code: i32| {
            json!({"name": name, "restartCount": run, "containerID": format!("{name}-{run}"),
                "state": ended(code, "OOMKilled", second)})
        };
        let statuses = json!({"phase": "Running",
            "containerStatuses": [status("idle", 0), status("hog", 137)]});
        world.pod(second, "web-1-a", &spec, &statuses);
    }
    assert_eq!(
        world.sentences(12),
        [
            "oom-killed: container hog is killed at the pod's memory limit of 64Mi, 1 s after its start, 4 times in 6 s"
        ]
    );
}

#[test]
fn an_eviction_is_no_crash() {
    for (reason, message, words) in [
        (
            "TerminationByKubelet",
            "The node was low on resource: memory.",
            "was evicted: The node was low on resource: memory",
        ),
        (
            "EvictionByEvictionAPI",
            "Eviction API: evicting",
            "was evicted through the API",
        ),
        (
            "PreemptionByScheduler",
            "preempting",
            "made room for one of higher priority",
        ),
        (
            "DeletionByTaintManager",
            "x",
            "was driven off its node by a taint",
        ),
    ] {
        let status = json!({"phase": "Failed",
            "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message,
                "lastTransitionTime": time(4)}],
            "containerStatuses": [{"name": "app", "state": ended(143, "Error", 5)}]});
        let mut world = World::with_deployment();
        for name in ["web-1-a", "web-1-b", "web-1-c"] {
            world.pod(5, name, &json!({"containers": [{"name": "app"}]}), &status);
        }
        assert_eq!(world.sentences(9), [""; 0], "{reason}");
        let mut world = World::new();
        let bare = json!({"kind": "Pod", "metadata": {"name": "task"},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "app"}]}, "status": status});
        world.apply(5, bare);
        assert_eq!(world.sentences(9), [format!("job-failed: the pod {words}")]);
    }
}

#[test]
fn an_end_that_nobody_saw_is_no_crash() {
    for (code, reason) in [(255, "Unknown"), (137, "ContainerStatusUnknown")] {
        let mut world = World::with_deployment();
        for run in 0..4 {
            let status = json!({"restartCount": run, "state": ended(code, reason, 5 + run * 9)});
            see(&mut world, 5 + run * 9, &json!({}), &status);
        }
        assert_eq!(world.sentences(40), [""; 0], "{reason}");
    }
}

#[test]
fn one_look_counts_the_restarts_before_it() {
    for state in [
        ended(3, "Error", -20),
        json!({"waiting": {"reason": "CrashLoopBackOff"}}),
        running(-1),
    ] {
        let mut world = World::with_deployment();
        let status = json!({"name": "app", "restartCount": 8, "containerID": "c-20",
            "state": state, "lastState": ended(3, "Error", -20)});
        let pod = json!({"kind": "Pod", "owner": "web-1",
            "metadata": {"name": "web-1-a", "creationTimestamp": time(-900)},
            "spec": {"containers": [{"name": "app"}]},
            "status": {"phase": "Running", "containerStatuses": [status]}});
        world.apply(0, pod);
        let found = examine(&mut world.facts, &Thresholds::one_look(), at(0));
        let said: Vec<&str> = found.iter().map(|it| it.sentence.as_str()).collect();
        assert!(
            said.iter()
                .any(|it| it.contains("(exit 3, 9 times") || it.contains("(exit 3, 8 times")),
            "{state}: {said:?}"
        );
    }
}
