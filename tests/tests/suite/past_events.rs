//! The events that `diagnose` lists: on the right cluster, and a refusal is reported.

use serde_json::json;
use simcluster::api::Rule;

use crate::{
    assistant::{Assistant, Ended, Folder},
    hand_made::{Hand, application, object, of, rollout_of},
    rollout::{messages, records},
};

/// Runs `diagnose` with the Application on a cluster of its own.
async fn diagnose(workloads: &Hand, applications: &Hand) -> Ended {
    let cluster = |name: &str, hand: &Hand| {
        let server = json!({"server": hand.server.url()});
        let context = json!({"cluster": name, "user": "user"});
        (
            json!({"name": name, "cluster": server}),
            json!({"name": name, "context": context}),
        )
    };
    let (one, two) = (
        cluster("workloads", workloads),
        cluster("argocd", applications),
    );
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "workloads",
        "clusters": [one.0, two.0], "contexts": [one.1, two.1],
        "users": [{"name": "user", "user": {"token": "any"}}],
    });
    let folder = Folder::new("two-clusters");
    let file = folder.write("config", &config.to_string());
    let flags = [
        "diagnose",
        "shop",
        "argocd",
        "-n",
        "prod",
        "--app-context",
        "argocd",
    ];
    Assistant::new(&flags)
        .env("KUBECONFIG", file)
        .env("LOG_FORMAT", "json")
        .run()
        .await
}

/// The namespaces whose events were listed.
fn listed(hand: &Hand) -> Vec<String> {
    let requests = hand.server.requests();
    requests
        .into_iter()
        .filter(|request| request.verb == "list" && request.resource == "events")
        .map(|request| request.namespace)
        .collect()
}

#[tokio::test]
async fn events_of_an_application_are_listed_on_its_own_cluster() {
    let mut objects = rollout_of("shop", "prod", "web");
    // The namespace of Argo CD exists on both clusters.
    objects.push(of("shop", object("Pod", "argocd", "agent")));
    let workloads = Hand::new(objects).await;
    let applications = Hand::new([application("argocd", "shop", &["prod", "argocd"])]).await;
    let ended = diagnose(&workloads, &applications).await;
    let mut of_workloads = listed(&workloads);
    of_workloads.sort();
    assert_eq!(of_workloads, ["argocd", "prod"], "{}", ended.stdout);
    assert_eq!(listed(&applications), ["argocd"], "{}", ended.stdout);
}

#[tokio::test]
async fn a_refusal_to_list_events_is_reported() {
    let workloads = Hand::new(rollout_of("shop", "prod", "web")).await;
    let applications = Hand::new([application("argocd", "shop", &["prod"])]).await;
    let open = diagnose(&workloads, &applications).await;
    assert_eq!(messages(&records(&open), "notice"), [""; 0]);
    for (hand, namespace) in [(&workloads, "prod"), (&applications, "argocd")] {
        hand.server.faults().forbid(Rule {
            user: None,
            verb: Some("list".into()),
            resource: Some("events".into()),
            namespace: Some(namespace.into()),
        });
        let records = records(&diagnose(&workloads, &applications).await);
        let notices = messages(&records, "notice");
        let part = format!("events in namespace \"{namespace}\"");
        assert!(
            notices.iter().any(|notice| notice.contains(&part)),
            "{notices:?}"
        );
    }
}
