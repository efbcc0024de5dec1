//! Statuses as Argo Rollouts 1.10.2 wrote them on a real cluster, times and names shortened.

use serde_json::{Value, json};

use crate::diagnosis::{
    Finding, Severity, Thresholds, examine,
    made_tests::{World, at, time},
};

/// `Rollout/web` of four pods with a canary of four steps, and a ReplicaSet of each revision.
fn world(status: &Value) -> World {
    let mut world = World::new();
    rollout(&mut world, 0, status);
    for (name, revision, hash) in [("web-old", "1", "old"), ("web-new", "2", "new")] {
        let meta = json!({"name": name, "labels": {"rollouts-pod-template-hash": hash},
            "annotations": {"rollout.argoproj.io/revision": revision}});
        world.apply(
            0,
            json!({"kind": "ReplicaSet", "owner": "web", "metadata": meta}),
        );
    }
    world
}

fn rollout(world: &mut World, second: i64, status: &Value) {
    let mut status = status.clone();
    let generation = status["observedGeneration"].as_str().unwrap_or("4");
    let generation: i64 = generation.parse().unwrap();
    status["observedGeneration"] = json!(generation.to_string());
    status["currentPodHash"] = json!("new");
    let steps = json!([{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"analysis": {}}]);
    let meta = json!({"name": "web", "generation": generation, "creationTimestamp": time(-900),
        "annotations": {"rollout.argoproj.io/revision": "2"}});
    world.apply(
        second,
        json!({"kind": "Rollout", "metadata": meta, "spec": {"replicas": 4,
            "strategy": {"canary": {"steps": steps}}}, "status": status}),
    );
}

fn paused(step: i64, reason: &str, since: i64) -> Value {
    json!({"phase": "Paused", "message": reason, "controllerPause": true, "currentStepIndex": step,
        "updatedReplicas": 1, "replicas": 4, "readyReplicas": 4, "availableReplicas": 4,
        "pauseConditions": [{"reason": reason, "startTime": time(since)}],
        "conditions": [{"type": "Progressing", "status": "Unknown", "reason": "RolloutPaused", "lastTransitionTime": time(20)}]})
}

fn aborted(message: &str, at: i64) -> Value {
    json!({"phase": "Degraded", "message": format!("RolloutAborted: Rollout aborted update to {message}"),
        "abort": true, "abortedAt": time(at), "currentStepIndex": 0, "replicas": 4,
        "readyReplicas": 4, "availableReplicas": 4})
}

fn found(world: &mut World, second: i64) -> Vec<Finding> {
    world.findings(second)
}

fn only(world: &mut World, second: i64) -> Finding {
    let mut found = found(world, second);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[test]
fn a_pause_names_step_weight_age_and_pods() {
    let mut world = world(&paused(1, "CanaryPauseStep", 2));
    assert!(found(&mut world, 4).is_empty(), "a pause just began");
    let finding = only(&mut world, 50);
    assert_eq!(finding.code.as_str(), "rollout-paused");
    assert_eq!(
        finding.sentence,
        "paused at step 2/4 (weight 25) for 48 s, 1 of 4 pods new: a person has to promote it"
    );
    assert_eq!(
        finding.next.as_deref(),
        Some("kubectl argo rollouts promote web -n shop"),
        "kubectl takes no flags before the name of a plugin"
    );
    assert!(!finding.is_doomed());
}

#[test]
fn a_timed_pause_is_no_finding() {
    let mut world = World::new();
    let steps = json!([{"setWeight": 25}, {"pause": {"duration": "75s"}}]);
    let object = |second| {
        json!({"kind": "Rollout", "metadata": {"name": "web", "creationTimestamp": time(-900)},
            "spec": {"strategy": {"canary": {"steps": steps}}}, "status": paused(1, "CanaryPauseStep", second)})
    };
    world.apply(0, object(2));
    assert!(found(&mut world, 70).is_empty());
    // The controller has gone away.
    let finding = only(&mut world, 120);
    assert_eq!(finding.code.as_str(), "controller-silent");
    assert!(
        finding
            .sentence
            .starts_with("the controller of Argo Rollouts has not ended the pause of 75 s until"),
        "{}",
        finding.sentence
    );
}

#[test]
fn an_abort_is_told_with_its_reason_or_its_person() {
    let why = "revision 2: ReplicaSet \"web-new\" has timed out progressing.";
    let mut timed_out = world(&json!({"phase": "Progressing"}));
    rollout(&mut timed_out, 10, &aborted(why, 10));
    let finding = only(&mut timed_out, 11);
    assert_eq!(finding.code.as_str(), "rollout-aborted");
    assert_eq!(
        finding.sentence,
        "the update to revision 2 was aborted: ReplicaSet \"web-new\" has timed out progressing"
    );
    let mut by_hand = world(&json!({"phase": "Progressing"}));
    rollout(&mut by_hand, 10, &aborted("revision 2", 10));
    let finding = only(&mut by_hand, 11);
    assert_eq!(finding.sentence, "someone aborted the update to revision 2");
    assert_eq!(
        finding.next.as_deref(),
        Some("kubectl argo rollouts retry rollout web -n shop")
    );
    assert!(finding.is_doomed());
}

#[test]
fn the_last_releases_abort_dooms_nothing_until_something_changed() {
    let why =
        "revision 2: Metric \"smoke-test\" assessed Failed due to failed (1) > failureLimit (0)";
    let mut world = world(&aborted(why, -60));
    assert!(found(&mut world, 2).is_empty(), "the fix is on its way");
    let before = only(&mut world, 8);
    assert_eq!(before.severity, Severity::Suspicious);
    assert!(before.sentence.ends_with("already so before this sync"));
    let mut later = aborted(why, 20);
    later["observedGeneration"] = json!("5");
    rollout(&mut world, 20, &later);
    assert!(only(&mut world, 21).is_doomed());
    // A single look judges what it sees.
    let mut world = self::world(&aborted(why, -60));
    let looked = examine(&mut world.facts, &Thresholds::one_look(), at(1));
    assert!(looked[0].is_doomed());
}

#[test]
fn a_refused_spec_has_its_own_code() {
    let message = "InvalidSpec: The Rollout \"web\" is invalid: spec.strategy.maxSurge: Invalid \
        value: intstr.IntOrString{Type:0, IntVal:0, StrVal:\"\"}: MaxSurge and MaxUnavailable both can not be zero";
    let mut world = world(&json!({"phase": "Progressing"}));
    let status = json!({"phase": "Degraded", "message": message, "conditions": [
        {"type": "InvalidSpec", "status": "True", "reason": "InvalidSpec", "lastTransitionTime": time(5)}]});
    rollout(&mut world, 5, &status);
    let finding = only(&mut world, 9);
    assert_eq!(finding.code.as_str(), "invalid-spec");
    assert!(
        finding
            .sentence
            .starts_with("the controller refuses the spec: spec.strategy.maxSurge: Invalid value"),
        "{}",
        finding.sentence
    );
}

/// An AnalysisRun of a revision, and its Job and pod where it measures by one.
fn analysis(world: &mut World, revision: &str, status: &Value, job: bool) {
    let name = format!("web-new-{revision}-3");
    let meta = json!({"name": name, "labels": {"rollout-type": "Step", "step-index": "3"},
        "annotations": {"rollout.argoproj.io/revision": revision}});
    let metrics = json!([{"name": "error-rate", "successCondition": "result == '99'"}]);
    world.apply(
        5,
        json!({"kind": "AnalysisRun", "owner": "web", "metadata": meta,
            "spec": {"metrics": metrics}, "status": status}),
    );
    if !job {
        return;
    }
    let meta = json!({"name": "784de450-d4f8.smoke-test.1",
        "annotations": {"analysisrun.argoproj.io/metric-name": "smoke-test"}});
    let failed = json!({"failed": 1, "conditions": [{"type": "Failed", "status": "True",
        "reason": "BackoffLimitExceeded", "lastTransitionTime": time(8)}]});
    world.apply(
        5,
        json!({"kind": "Job", "owner": name, "metadata": meta, "status": failed}),
    );
    let ended = json!({"exitCode": 7, "reason": "Error", "finishedAt": time(7)});
    world.apply(
        7,
        json!({"kind": "Pod", "owner": "784de450-d4f8.smoke-test.1", "metadata": {"name": "smoke-pod"},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "test"}]},
            "status": {"phase": "Failed", "containerStatuses": [{"name": "test", "state": {"terminated": ended}}]}}),
    );
    let lines = ["n 5 smoke", "GET /checkout answered 500"];
    let lines = lines.map(|text| (Some(at(6)), text.as_bytes()));
    let (pod, container) = ("smoke-pod".into(), "test".into());
    world
        .facts
        .lines(&pod, &container, &"A".into(), lines.into_iter());
}

const JOB_FAILED: &str =
    "Metric \"smoke-test\" assessed Failed due to failed (1) > failureLimit (0)";
const WEB_FAILED: &str =
    "Metric \"error-rate\" assessed Failed due to failed (1) > failureLimit (0)";

fn by_job() -> Value {
    json!({"phase": "Failed", "message": JOB_FAILED, "completedAt": time(9), "metricResults": [
        {"name": "smoke-test", "phase": "Failed", "count": 1, "failed": 1, "measurements": [{"phase": "Failed",
            "metadata": {"job-name": "784de450-d4f8.smoke-test.1"}}]}]})
}

#[test]
fn an_analysis_is_named_by_its_metric_and_the_last_line_of_its_job() {
    let mut world = world(&json!({"phase": "Progressing", "currentStepIndex": 3}));
    analysis(&mut world, "2", &by_job(), true);
    rollout(
        &mut world,
        9,
        &aborted(&format!("revision 2: {JOB_FAILED}"), 9),
    );
    let finding = only(&mut world, 10);
    assert_eq!(finding.code.as_str(), "analysis-failed");
    assert_eq!(
        finding.sentence,
        "analysis at step 4/4 failed: metric smoke-test: container test of its Job failed (exit 7): \
         GET /checkout answered 500"
    );
    assert!(finding.pods.is_empty(), "{:?}", finding.pods);
    let next = finding.next.unwrap();
    assert!(!next.contains("promote"), "{next}");
}

#[test]
fn a_value_is_told_with_its_condition() {
    let status = json!({"phase": "Failed", "message": WEB_FAILED, "completedAt": time(9), "metricResults": [
        {"name": "error-rate", "phase": "Failed", "count": 1, "failed": 1,
            "measurements": [{"phase": "Failed", "value": "\"34\""}]}]});
    let mut world = world(&json!({"phase": "Progressing", "currentStepIndex": 3}));
    analysis(&mut world, "2", &status, false);
    rollout(
        &mut world,
        9,
        &aborted(&format!("revision 2: {WEB_FAILED}"), 9),
    );
    assert_eq!(
        only(&mut world, 10).sentence,
        "analysis at step 4/4 failed: metric error-rate is \"34\" (successCondition result == '99')"
    );
}

#[test]
fn an_analysis_that_may_not_be_read_is_told_by_the_rollout() {
    let mut world = world(&json!({"phase": "Progressing", "currentStepIndex": 3}));
    rollout(
        &mut world,
        9,
        &aborted(&format!("revision 2: {WEB_FAILED}"), 9),
    );
    let finding = only(&mut world, 10);
    assert_eq!(finding.code.as_str(), "analysis-failed");
    assert_eq!(finding.sentence, format!("analysis failed: {WEB_FAILED}"));
}

#[test]
fn the_jobs_of_past_analyses_are_no_cause() {
    let mut world = world(&json!({"phase": "Healthy"}));
    analysis(&mut world, "1", &by_job(), true);
    assert!(found(&mut world, 60).is_empty());
    let looked = examine(&mut world.facts, &Thresholds::one_look(), at(61));
    assert!(looked.is_empty(), "{looked:#?}");
}

#[test]
fn nobody_is_told_to_promote_past_an_analysis_that_did_not_run() {
    let current = |run: &Value| {
        let mut status = paused(3, "InconclusiveAnalysisRun", 2);
        status["canary"] = json!({ "currentStepAnalysisRunStatus": run });
        status
    };
    let run = json!({"name": "web-new-2-3", "status": "Inconclusive"});
    let mut world = world(&current(&run));
    let results = json!([{"name": "smoke-test", "phase": "Inconclusive", "measurements": [{"phase": "Inconclusive",
        "message": "Back-off pulling image \"nope\""}]}]);
    let status = json!({"phase": "Inconclusive", "completedAt": time(2), "metricResults": results});
    analysis(&mut world, "2", &status, false);
    let finding = only(&mut world, 10);
    assert_eq!(finding.code.as_str(), "rollout-paused");
    assert_eq!(
        finding.sentence,
        "paused by an inconclusive analysis at step 4/4 (weight 50) for 8 s, 1 of 4 pods new: metric \
         smoke-test has no clear result: Back-off pulling image \"nope\""
    );
    assert!(!finding.next.unwrap().contains("promote"));
    let measured = json!([{"name": "error-rate", "phase": "Inconclusive", "measurements": [
        {"phase": "Inconclusive", "value": "34"}]}]);
    let status =
        json!({"phase": "Inconclusive", "completedAt": time(2), "metricResults": measured});
    analysis(&mut world, "2", &status, false);
    assert!(only(&mut world, 10).next.unwrap().contains("promote"));
}

/// A crash of the pod of an Experiment, whose template hash is its own.
#[test]
fn the_pods_of_this_revisions_experiment_are_new() {
    for (revision, is_blamed) in [("2", true), ("1", false)] {
        let mut world = world(&json!({"phase": "Progressing", "currentStepIndex": 0}));
        let meta = json!({"name": "web-new-2-0", "annotations": {"rollout.argoproj.io/revision": revision}});
        world.apply(
            1,
            json!({"kind": "Experiment", "owner": "web", "metadata": meta, "status": {"phase": "Running"}}),
        );
        let meta = json!({"name": "web-new-2-0-candidate", "labels": {"rollouts-pod-template-hash": "76bf"}});
        world.apply(
            1,
            json!({"kind": "ReplicaSet", "owner": "web-new-2-0", "metadata": meta}),
        );
        crash(&mut world, 2, "web-new-2-0-candidate", "76bf", 5);
        let codes: Vec<_> = found(&mut world, 40)
            .iter()
            .map(|finding| finding.code.as_str())
            .collect();
        let expected: &[&str] = if is_blamed { &["crash-loop"] } else { &[] };
        assert_eq!(codes, expected, "revision {revision}");
    }
}

fn crash(world: &mut World, second: i64, owner: &str, hash: &str, restarts: i64) {
    let name = format!("{owner}-x");
    let end = json!({"exitCode": 3, "reason": "Error", "startedAt": time(second), "finishedAt": time(second + 1)});
    world.apply(
        second,
        json!({"kind": "Pod", "owner": owner, "metadata": {"name": name, "labels": {"rollouts-pod-template-hash": hash}},
            "spec": {"restartPolicy": "Always", "containers": [{"name": "app"}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": restarts,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": end}}]}}),
    );
}

/// The abort removes the crashing pod within a second.
#[test]
fn a_crash_before_an_abort_stays_its_cause() {
    let mut world = world(&json!({"phase": "Progressing", "currentStepIndex": 0}));
    crash(&mut world, 2, "web-new", "new", 1);
    assert!(found(&mut world, 20).is_empty(), "two restarts are allowed");
    let why = "revision 2: ReplicaSet \"web-new\" has timed out progressing.";
    rollout(&mut world, 21, &aborted(why, 21));
    world.remove("web-new-x");
    let finding = only(&mut world, 23);
    assert_eq!(finding.code.as_str(), "crash-loop");
    assert!(finding.is_doomed() && finding.sentence.contains("exit 3"));
    assert!(
        finding
            .evidence
            .iter()
            .any(|fact| fact.contains("timed out progressing")),
        "{:?}",
        finding.evidence
    );
    let next = finding.next.unwrap();
    assert!(!next.contains("logs"), "the pod is gone: {next}");
}

#[test]
fn a_controller_that_does_not_look_is_told() {
    let mut world = World::new();
    let object = json!({"kind": "Rollout", "metadata": {"name": "web", "generation": 5, "creationTimestamp": time(-900)},
        "status": {"observedGeneration": "4", "phase": "Healthy"}});
    world.apply(0, object);
    assert!(found(&mut world, 20).is_empty());
    let finding = only(&mut world, 31);
    assert_eq!(finding.code.as_str(), "controller-silent");
    assert_eq!(
        finding.sentence,
        "the controller of Argo Rollouts has not seen the newest spec for 31 s"
    );
}

#[test]
fn a_template_elsewhere_is_part_of_the_spec() {
    let mut world = World::new();
    let deployment = |generation: i64| {
        json!({"kind": "Deployment", "metadata": {"name": "template", "generation": generation, "creationTimestamp": time(-900)},
            "spec": {"replicas": 0}, "status": {"observedGeneration": generation}})
    };
    world.apply(0, deployment(3));
    let rollout = json!({"kind": "Rollout", "metadata": {"name": "web", "generation": 1, "creationTimestamp": time(-900)},
        "spec": {"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "template"}},
        "status": {"observedGeneration": "1", "workloadObservedGeneration": "3", "phase": "Healthy"}});
    world.apply(0, rollout);
    assert!(found(&mut world, 40).is_empty());
    world.apply(40, deployment(4));
    let finding = only(&mut world, 71);
    assert_eq!(
        finding.sentence,
        "the controller of Argo Rollouts has not seen the newest pod template of Deployment/template for 31 s"
    );
}
