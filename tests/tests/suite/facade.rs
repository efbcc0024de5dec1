//! The library's one call, on the simulated cluster.

use std::time::Duration;

use argo_assistant::{
    FollowConfig, FollowEvent, Outcome, Verdict,
    argo_core::AppRef,
    argo_workloads::diagnosis::{Code, FindingEvent},
    follow,
};
use futures::StreamExt;

use crate::{hand_made::connection, rollout::Rollout};

/// Everything that the stream said of a scenario, and its verdict.
async fn followed(name: &str, config: FollowConfig) -> (Vec<FollowEvent>, Verdict) {
    let rollout = Rollout::named(name, 20.0).await.begun().await;
    let connection = connection(&rollout.cluster.kubeconfig()).await;
    let all: Vec<_> = follow(connection, rollout.app(), config).collect().await;
    let Some(FollowEvent::Done(verdict)) = all.last().cloned() else {
        panic!("no verdict at the end of {} items", all.len());
    };
    (all, verdict)
}

fn has(events: &[FollowEvent], is: impl Fn(&FollowEvent) -> bool) -> bool {
    events.iter().any(is)
}

#[tokio::test]
async fn a_good_rollout_ends_well() {
    let config = FollowConfig::default().settle(Duration::from_secs(1));
    let (all, verdict) = followed("good", config).await;
    assert_eq!(verdict.outcome, Outcome::RolledOut, "{verdict:?}");
    assert!(verdict.to_string().starts_with("rolled out "), "{verdict}");
    assert!(has(&all, |event| matches!(event, FollowEvent::Lines(_))));
    assert!(has(&all, |event| matches!(event, FollowEvent::Event(_))));
    let complete = |event: &FollowEvent| match event {
        FollowEvent::Progress(workload) => workload.rollout.complete,
        _ => false,
    };
    assert!(has(&all, complete));
    assert!(
        verdict
            .workloads
            .iter()
            .all(|workload| workload.rollout.complete)
    );
}

#[tokio::test]
async fn a_doomed_rollout_ends_with_its_cause() {
    let config = FollowConfig::default().grace(Duration::from_secs(1));
    let (all, verdict) = followed("crash-loop", config).await;
    assert_eq!(verdict.outcome, Outcome::Failed, "{verdict:?}");
    assert_eq!(verdict.cause().unwrap().code, Code::CrashLoop);
    assert!(
        verdict.to_string().starts_with("StatefulSet/db: "),
        "{verdict}"
    );
    let found = |event: &FollowEvent| matches!(event, FollowEvent::Finding(FindingEvent::Found(found)) if found.code == Code::CrashLoop);
    assert!(has(&all, found));
}

#[tokio::test]
async fn its_time_ends_it_too() {
    let config = FollowConfig::default().timeout(Duration::from_secs(1));
    let (_, verdict) = followed("crash-loop", config).await;
    assert_eq!(verdict.outcome, Outcome::TimedOut, "{verdict:?}");
    assert!(!verdict.is_success());
}

#[tokio::test]
async fn an_application_that_does_not_exist_ends_it() {
    let rollout = Rollout::named("good", 20.0).await.begun().await;
    let connection = connection(&rollout.cluster.kubeconfig()).await;
    let config = FollowConfig::default().nothing_found_after(Duration::from_secs(1));
    let app = AppRef::new("nobody", "argocd");
    let all: Vec<_> = follow(connection, app, config).collect().await;
    let Some(FollowEvent::Done(verdict)) = all.last() else {
        panic!("no verdict at the end of {} items", all.len());
    };
    assert_eq!(verdict.outcome, Outcome::NothingFound, "{verdict:?}");
    assert!(!verdict.is_success());
    assert!(
        verdict.to_string().contains("application nobody "),
        "{verdict}"
    );
}

#[tokio::test]
async fn its_owner_can_stop_it() {
    let rollout = Rollout::named("crash-loop", 20.0).await.begun().await;
    let connection = connection(&rollout.cluster.kubeconfig()).await;
    let config = FollowConfig::default().grace(Duration::from_secs(600));
    let mut events = follow(connection, rollout.app(), config);
    while !matches!(events.next().await, Some(FollowEvent::Lines(_))) {}
    events.stop();
    events.stop();
    let rest: Vec<_> = events.collect().await;
    let Some(FollowEvent::Done(verdict)) = rest.last() else {
        panic!("no verdict at the end of {} items", rest.len());
    };
    assert_eq!(verdict.outcome, Outcome::Stopped, "{verdict:?}");
    let done = |event: &&FollowEvent| matches!(event, FollowEvent::Done(_));
    assert_eq!(rest.iter().filter(done).count(), 1);
}
