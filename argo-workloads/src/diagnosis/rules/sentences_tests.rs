//! Sentences that name what a person has to look for.

use serde_json::{Value, json};

use crate::diagnosis::made_tests::{World, time};

fn pending(spec: &Value, conditions: &Value) -> World {
    let mut world = World::with_deployment();
    let status = json!({"phase": "Pending", "startTime": time(1), "conditions": conditions});
    world.pod(1, "web-1-a", spec, &status);
    world
}

#[test]
fn the_config_map_of_a_volume_item_is_named() {
    let message = "MountVolume.SetUp failed for volume \"p\" : configmap references non-existent config key: nginx.conf";
    for (volume, expected) in [
        (
            json!({"name": "p", "configMap": {"name": "site"}}),
            "config-missing: ConfigMap \"site\" has no key \"nginx.conf\" (volume p)",
        ),
        (
            json!({"name": "p", "projected": {"sources": [{"secret": {"name": "s"}}, {"configMap": {"name": "site"}}]}}),
            "config-missing: ConfigMap \"site\" has no key \"nginx.conf\" (volume p)",
        ),
        (
            json!({"name": "p", "projected": {"sources": [{"configMap": {"name": "a"}}, {"configMap": {"name": "b"}}]}}),
            "config-missing: a ConfigMap that a volume uses has no key \"nginx.conf\" (volume p)",
        ),
    ] {
        let spec = json!({"volumes": [{"name": "other", "configMap": {"name": "x"}}, volume],
            "containers": [{"name": "app"}]});
        let mut world = pending(&spec, &json!([]));
        world.event(2, "web-1-a", "FailedMount", message);
        assert_eq!(world.sentences(20), [expected]);
    }
}

#[test]
fn labels_and_ports_that_no_node_has_are_named() {
    let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
        {"nodeSelectorTerms": [{"matchExpressions": [
            {"key": "zone", "operator": "In", "values": ["a", "b"]}, {"key": "gpu", "operator": "Exists"}]}]}}});
    let spec = json!({"nodeSelector": {"disktype": "nvme"}, "affinity": affinity,
        "containers": [{"name": "app", "ports": [{"hostPort": 80}, {"containerPort": 8080}]}]});
    let message = "0/3 nodes are available: 2 node(s) didn't match Pod's node affinity/selector, 1 node(s) didn't have free ports for the requested pod ports. preemption: 0/3";
    let conditions = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": message, "lastTransitionTime": time(1)}]);
    assert_eq!(
        pending(&spec, &conditions).sentences(70),
        [
            "unschedulable: no node fits: 3 nodes: 2 without the labels that the pod asks for (disktype=nvme, zone=a or b, gpu), 1 whose host port is taken (80)"
        ]
    );
}

#[test]
fn the_image_that_the_message_names_is_told() {
    let mut world = World::with_deployment();
    let spec = json!({"containers": [{"name": "app", "image": "web:1"}],
        "volumes": [{"name": "v", "image": {"reference": "localhost:5999/nope/data:1"}}]});
    let message = "Failed to pull image \"localhost:5999/nope/data:1\": failed to resolve image: localhost:5999/nope/data:1: not found";
    let waiting = json!({"waiting": {"reason": "ErrImagePull", "message": message}});
    let status =
        json!({"phase": "Pending", "containerStatuses": [{"name": "app", "state": waiting}]});
    world.pod(1, "web-1-a", &spec, &status);
    assert_eq!(
        world.sentences(2),
        ["image-pull: image localhost:5999/nope/data:1 does not exist"]
    );
}

#[test]
fn a_full_disk_names_the_node() {
    let mut world = World::with_deployment();
    let image = "registry.example.com/access-denied/web:1.404.0";
    let spec = json!({"nodeName": "node3", "containers": [{"name": "app", "image": image}]});
    let message = format!(
        "failed to pull and unpack image \"{image}\": failed to extract layer sha256:ab: write /var/lib/x: no space left on device"
    );
    let waiting = json!({"waiting": {"reason": "ErrImagePull", "message": message}});
    let status =
        json!({"phase": "Pending", "containerStatuses": [{"name": "app", "state": waiting}]});
    world.pod(1, "web-1-a", &spec, &status);
    assert_eq!(world.sentences(2), [""; 0]);
    let expected = format!("image-pull: node node3 has no disk space left for image {image}");
    assert_eq!(world.sentences(62), [expected]);
}

#[test]
fn two_owners_are_one_finding() {
    let mut world = World::with_deployment();
    let warning = |object: &str| {
        json!({"type": "SharedResourceWarning", "lastTransitionTime": time(3),
            "message": format!("{object} is part of applications argocd/rep-one and rep-two")})
    };
    let conditions = json!([warning("Deployment/web"), warning("Service/web")]);
    world.application(
        3,
        json!({"metadata": {"name": "rep-one", "namespace": "argocd", "uid": "app"},
        "status": {"conditions": conditions}}),
    );
    assert_eq!(
        world.sentences(3),
        [
            "shared-resource: Deployment/web is part of applications argocd/rep-one and rep-two (and 1 more): each undoes what the other applies"
        ]
    );
}

#[test]
fn two_owners_that_take_turns_are_one_finding_for_as_long_as_they_do() {
    let mut world = World::with_deployment();
    let app = |conditions: Value| {
        json!({"metadata": {"name": "rep-one", "namespace": "argocd", "uid": "app"},
            "status": {"conditions": conditions}})
    };
    let warning = json!([{"type": "SharedResourceWarning", "lastTransitionTime": time(3),
        "message": "Deployment/web is part of applications argocd/rep-one and rep-two"}]);
    // The condition is there only while the other application has the object.
    world.application(3, app(warning));
    world.application(5, app(json!([])));
    assert_eq!(world.sentences(6).len(), 1);
    assert_eq!(world.sentences(60).len(), 1);
    assert_eq!(world.sentences(64), [""; 0]);
}

#[test]
fn a_tracking_id_that_goes_to_another_application_is_the_same_finding() {
    let mut world = World::with_deployment();
    let app = json!({"metadata": {"name": "rep-one", "namespace": "argocd", "uid": "app"}});
    world.application(1, app);
    world.claimed(2, "web", "rep-two");
    assert_eq!(
        world.sentences(3),
        [
            "shared-resource: Deployment/web carries the tracking id of application rep-two now, so it is not followed any more"
        ]
    );
    world.apply(
        4,
        json!({"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 3}}),
    );
    assert_eq!(
        world.sentences(5),
        [
            "shared-resource: Deployment/web carries the tracking id of application rep-two in turn with this one's: each undoes what the other applies"
        ]
    );
    assert_eq!(world.sentences(63), [""; 0]);
}

#[test]
fn a_cron_job_whose_last_run_is_gone_still_explains_the_health() {
    let mut world = World::new();
    let cron_job = |succeeded: Value| {
        json!({"kind": "CronJob", "metadata": {"name": "report", "creationTimestamp": time(-900)},
            "spec": {"schedule": "0 3 * * *"},
            "status": {"lastScheduleTime": time(-390), "lastSuccessfulTime": succeeded}})
    };
    let health = json!({"status": "Degraded", "lastTransitionTime": time(-300)});
    let app = json!({"metadata": {"name": "shop", "namespace": "argocd", "uid": "app"},
        "status": {"health": health}});
    world.application(0, app);
    for succeeded in [Value::Null, json!(time(-800))] {
        world.apply(0, cron_job(succeeded));
        let said = world.sentences(70).join("\n");
        let named = "because of CronJob/report (its last run, 7 m 40 s ago, has not succeeded)";
        assert!(said.contains(named), "{said}");
    }
    world.apply(0, cron_job(json!(time(-380))));
    assert!(!world.sentences(70).join("\n").contains("CronJob"));
}

#[test]
fn the_controllers_own_deadline_proves_the_cause() {
    let mut world = World::with_deployment();
    let late = json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
        "lastTransitionTime": time(30)});
    world.apply(30, json!({"kind": "Deployment", "metadata": {"name": "web", "generation": 1},
        "spec": {"replicas": 3, "progressDeadlineSeconds": 20},
        "status": {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "conditions": [late]}}));
    let waiting = json!({"waiting": {"reason": "InvalidImageName", "message": "x"}});
    let status =
        json!({"phase": "Pending", "containerStatuses": [{"name": "app", "state": waiting}]});
    world.pod(
        1,
        "web-1-a",
        &json!({"containers": [{"name": "app", "image": "UP"}]}),
        &status,
    );
    let findings = world.findings(31);
    assert_eq!(findings.len(), 1);
    let told = findings[0]
        .evidence
        .iter()
        .any(|fact| fact.contains("no progress for 20 s"));
    assert!(told, "{:?}", findings[0].evidence);
}

#[test]
fn what_made_an_application_degraded_before_is_named() {
    let mut world = World::new();
    let old = json!({"name": "report", "creationTimestamp": time(-900)});
    world.apply(0, json!({"kind": "CronJob", "metadata": old}));
    let failed = json!({"type": "Failed", "status": "True", "lastTransitionTime": time(-300),
        "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"});
    world.apply(0, json!({"kind": "Job", "owner": "report",
        "metadata": {"name": "report-1", "creationTimestamp": time(-600)}, "status": {"conditions": [failed]}}));
    world.application(
        0,
        json!({"metadata": {"name": "shop", "uid": "app"},
        "status": {"health": {"status": "Degraded", "lastTransitionTime": time(-290)}}}),
    );
    assert_eq!(
        world.sentences(90),
        [
            "already-degraded: the application was Degraded 4 m 50 s before this rollout began and still is because of CronJob/report (Job/report-1: Job has reached the specified backoff limit, 6 m 30 s ago); argocd waits for it to recover"
        ]
    );
}

#[test]
fn a_reason_so_far_says_how_many_restarts_are_allowed() {
    let mut world = World::with_deployment();
    let spec = json!({"containers": [{"name": "app"}]});
    let ended = |run: i64, second: i64| {
        json!({"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": run,
            "state": {"terminated": {"exitCode": 9, "reason": "Error", "containerID": format!("c{run}"),
                "startedAt": time(second - 1), "finishedAt": time(second)}}}]})
    };
    let expected = |times: &str| {
        [format!(
            "crash-loop: container app crashes right after its start (exit 9, {times})"
        )]
    };
    world.pod(2, "web-1-a", &spec, &ended(0, 2));
    assert_eq!(world.sentences(3), [""; 0], "it is allowed");
    assert_eq!(world.reasons(3), expected("1 of 2 allowed restarts"));
    world.pod(9, "web-1-a", &spec, &ended(1, 9));
    assert_eq!(world.reasons(9), expected("2 of 2 allowed restarts"));
    world.pod(30, "web-1-a", &spec, &ended(2, 30));
    assert_eq!(world.reasons(31), expected("3 times in 28 s"));
    assert_eq!(world.sentences(31), expected("3 times in 28 s"));
}

#[test]
fn a_pull_secret_that_is_missing_is_named() {
    let mut world = World::with_deployment();
    let spec = json!({"containers": [{"name": "app", "image": "reg.example.com/web:1"}]});
    let message = "failed to pull image \"reg.example.com/web:1\": unexpected status from HEAD request: 401 Unauthorized";
    let status = json!({"phase": "Pending", "containerStatuses": [{"name": "app",
        "state": {"waiting": {"reason": "ErrImagePull", "message": message}}}]});
    world.pod(1, "web-1-a", &spec, &status);
    let refused =
        "image-pull: reg.example.com refuses the credentials for image reg.example.com/web:1";
    assert_eq!(world.sentences(2), [refused]);
    let missing = "Unable to retrieve some image pull secrets (regcred); attempting to pull the image may not succeed.";
    world.event(2, "web-1-a", "FailedToRetrieveImagePullSecret", missing);
    assert_eq!(
        world.sentences(3),
        [format!("{refused} (pull secret regcred is missing)")]
    );
}

#[test]
fn a_scheduler_that_nobody_runs_is_named() {
    let mut world = World::with_deployment();
    let spec = json!({"schedulerName": "batch-scheduler", "containers": [{"name": "app"}]});
    world.pod(1, "web-1-a", &spec, &json!({"phase": "Pending"}));
    assert_eq!(world.sentences(20), [""; 0]);
    assert_eq!(
        world.sentences(45),
        [
            "unschedulable: scheduler batch-scheduler (schedulerName) has not looked at the pod for 44 s: there is none of this name, or it does not run"
        ]
    );
    let condition =
        json!([{"type": "PodScheduled", "status": "True", "lastTransitionTime": time(46)}]);
    let status = json!({"phase": "Pending", "conditions": condition, "startTime": time(46)});
    world.pod(46, "web-1-a", &spec, &status);
    assert_eq!(world.sentences(47), [""; 0]);
}

#[test]
fn a_pull_without_an_end_is_told() {
    let image = "registry.example.com/shop/web:2";
    let mut world = World::with_deployment();
    let spec = json!({"nodeName": "node1", "containers": [{"name": "app", "image": image}]});
    let waiting = json!([{"name": "app", "state": {"waiting": {"reason": "ContainerCreating"}}}]);
    let status = json!({"phase": "Pending", "startTime": time(1), "containerStatuses": waiting});
    world.pod(1, "web-1-a", &spec, &status);
    world.event_of(
        2,
        "web-1-a",
        "app",
        "Pulling",
        &format!("Pulling image \"{image}\""),
    );
    assert_eq!(
        world.reasons(32),
        [format!(
            "image-pull: image {image} has not been pulled after 30 s: registry.example.com is slow, or its node pulls another image first"
        )]
    );
    assert_eq!(world.sentences(120), [""; 0]);
    assert_eq!(world.sentences(190).len(), 1);
    world.event_of(
        200,
        "web-1-a",
        "app",
        "Pulled",
        &format!("Successfully pulled image \"{image}\" in 3m18s"),
    );
    assert_eq!(world.reasons(201), [""; 0]);
}

#[test]
fn a_startup_probe_that_does_not_pass_is_named_before_the_kubelet_acts() {
    let mut world = World::with_deployment();
    let probe = json!({"exec": {"command": ["vault", "status"]}, "periodSeconds": 1, "failureThreshold": 100});
    let spec = json!({"nodeName": "node1", "containers": [{"name": "app"}],
        "initContainers": [{"name": "vault", "restartPolicy": "Always", "startupProbe": probe}]});
    let status = json!({"phase": "Pending", "startTime": time(1),
        "containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "PodInitializing"}}}],
        "initContainerStatuses": [{"name": "vault", "started": false, "containerID": "v",
            "state": {"running": {"startedAt": time(2)}}}]});
    world.pod(2, "web-1-a", &spec, &status);
    let message = "Startup probe failed: sealed\n";
    world.event_of(20, "web-1-a", "vault", "Unhealthy", message);
    let sentence = "startup probe of sidecar vault has not passed for 30 s: command vault fails (\"sealed\"); the containers behind it start only then";
    assert_eq!(world.reasons(32), [format!("probe-failing: {sentence}")]);
    assert_eq!(world.sentences(90), [""; 0], "the probe allows 100 s");
    assert_eq!(world.sentences(110).len(), 1);
}
