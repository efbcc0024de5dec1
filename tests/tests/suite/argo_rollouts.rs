//! Rollouts of Argo Rollouts that are paused or aborted, through the whole program: statuses as
//! the controller 1.10.2 wrote them on a real cluster.

use std::time::Duration;

use argo_assistant::{Follow, FollowConfig, FollowEvent, Outcome, follow};
use argo_core::AppRef;
use futures::StreamExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    assistant::{Assistant, Ended},
    hand_made::{Hand, LONGEST, application, object, of, owned},
};

/// `Rollout/web` of four pods with a canary of four steps, and an Application.
fn rollout(status: &Value) -> Vec<Value> {
    let mut web = of("shop", object("Rollout", "prod", "web"));
    web["metadata"]["generation"] = json!(4);
    web["metadata"]["annotations"]["rollout.argoproj.io/revision"] = json!("2");
    web["spec"] = json!({"replicas": 4, "strategy": {"canary": {"steps": [
        {"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "75s"}}]}}});
    web["status"] = status.clone();
    web["status"]["observedGeneration"] = json!("4");
    web["status"]["currentPodHash"] = json!("new");
    vec![application("argocd", "shop", &["prod"]), web]
}

fn seconds_ago(seconds: u64) -> String {
    let time = Timestamp::now() - Duration::from_secs(seconds);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn paused(step: i64, seconds: u64) -> Value {
    json!({"phase": "Paused", "message": "CanaryPauseStep", "controllerPause": true,
        "currentStepIndex": step, "updatedReplicas": 1, "replicas": 4, "readyReplicas": 4,
        "availableReplicas": 4,
        "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": seconds_ago(seconds)}]})
}

fn aborted() -> Value {
    let message = "RolloutAborted: Rollout aborted update to revision 2: Step-based analysis phase \
        error/failed: Metric \"error-rate\" assessed Failed due to failed (1) > failureLimit (0)";
    json!({"phase": "Degraded", "message": message, "abort": true, "abortedAt": seconds_ago(60),
        "currentStepIndex": 0, "replicas": 4, "readyReplicas": 4, "availableReplicas": 4})
}

async fn run(objects: Vec<Value>, args: &[&str]) -> Ended {
    let hand = Hand::new(objects).await;
    let ended = Assistant::new(args)
        .kubeconfig(&hand.server.kubeconfig())
        .run()
        .await;
    println!("{}{}", ended.stdout, ended.stderr);
    ended
}

#[tokio::test]
async fn a_pause_for_a_person_has_a_code_of_its_own() {
    const DIAGNOSE: [&str; 3] = ["diagnose", "shop", "argocd"];
    for (choice, code) in [(None, 73), (Some("succeed"), 0), (Some("fail"), 1)] {
        let choice = choice.map(|choice| ["--on-paused", choice]);
        let args = [&DIAGNOSE[..], choice.as_ref().map_or(&[], |it| &it[..])].concat();
        let ended = run(rollout(&paused(1, 48)), &args).await;
        assert_eq!(ended.code(), Some(code));
        let last = ended.stdout.lines().last().unwrap();
        assert!(
            last.starts_with("Rollout/web: paused at step 2/4 (weight 25) for 4")
                && last.ends_with("1 of 4 pods new: a person has to promote it"),
            "{last}"
        );
        assert!(!ended.stdout.to_lowercase().contains("rolled out"));
        assert!(
            ended
                .stdout
                .contains("Next: kubectl argo rollouts promote web -n prod")
        );
    }
}

#[tokio::test]
async fn a_timed_pause_is_only_not_done_yet() {
    let ended = run(rollout(&paused(3, 5)), &["diagnose", "shop", "argocd"]).await;
    assert_eq!(ended.code(), Some(70));
    assert!(
        ended.stdout.contains("pause of 75 s until ")
            && ended.stdout.contains("(step 4/4, weight 50)")
    );
    assert!(!ended.stdout.contains("promote"));
}

#[tokio::test]
async fn follow_ends_where_a_person_has_to_act() {
    let ended = run(
        rollout(&paused(1, 0)),
        &["follow", "shop", "argocd", "--timeout", "50s"],
    )
    .await;
    assert_eq!(ended.code(), Some(73));
    let ended = run(
        rollout(&paused(1, 0)),
        &[
            "follow",
            "shop",
            "argocd",
            "--timeout",
            "7s",
            "--on-paused",
            "wait",
        ],
    )
    .await;
    assert_eq!(ended.code(), Some(70));
}

async fn next(events: &mut Follow) -> FollowEvent {
    let next = timeout(LONGEST, events.next()).await;
    next.expect("an event within a minute").unwrap()
}

#[tokio::test]
async fn the_last_releases_abort_does_not_end_the_next() {
    let hand = Hand::new(rollout(&aborted())).await;
    let config = FollowConfig::default().settle(Duration::ZERO);
    let app = AppRef::new("shop", "argocd");
    let mut events = follow(hand.connection().await, app, config.grace(Duration::ZERO));
    // Said once, and it ends nothing.
    loop {
        match next(&mut events).await {
            FollowEvent::Finding(_) => break,
            FollowEvent::Done(verdict) => panic!("{verdict}"),
            _ => {}
        }
    }
    let mut healthy = rollout(
        &json!({"phase": "Healthy", "updatedReplicas": 4, "replicas": 4,
        "readyReplicas": 4, "availableReplicas": 4}),
    )
    .remove(1);
    healthy["metadata"]["generation"] = json!(5);
    healthy["status"]["observedGeneration"] = json!("5");
    hand.store.put_raw(healthy).unwrap();
    let verdict = loop {
        if let FollowEvent::Done(verdict) = next(&mut events).await {
            break verdict;
        }
    };
    assert_eq!(verdict.outcome, Outcome::RolledOut, "{verdict}");
}

#[tokio::test]
async fn an_abort_is_told_by_the_metric_and_its_value() {
    let mut objects = rollout(&aborted());
    let mut analysis = owned(&objects[1], object("AnalysisRun", "prod", "web-new-2-1"));
    analysis["metadata"]["annotations"] = json!({"rollout.argoproj.io/revision": "2"});
    analysis["metadata"]["labels"] = json!({"rollout-type": "Step", "step-index": "1"});
    analysis["spec"] =
        json!({"metrics": [{"name": "error-rate", "successCondition": "result == '99'"}]});
    let message = "Metric \"error-rate\" assessed Failed due to failed (1) > failureLimit (0)";
    analysis["status"] = json!({"phase": "Failed", "message": message, "completedAt": seconds_ago(60),
        "metricResults": [{"name": "error-rate", "phase": "Failed", "count": 1, "failed": 1,
            "measurements": [{"phase": "Failed", "value": "34"}]}]});
    objects.push(analysis);
    let ended = run(objects, &["diagnose", "shop", "argocd"]).await;
    assert_eq!(ended.code(), Some(1));
    assert_eq!(
        ended.stdout.lines().last().unwrap(),
        "Rollout/web: analysis at step 2/4 failed: metric error-rate is 34 (successCondition result == '99')"
    );
    assert!(!ended.stdout.contains("promote"));
}
