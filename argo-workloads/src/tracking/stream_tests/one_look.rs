//! A snapshot, and the explanation of each object.

use super::*;

#[tokio::test(start_paused = true)]
async fn one_look_needs_no_watch() {
    let cluster = shop();
    cluster.refuse("/apis/apps/v1/namespaces/shop/replicasets", 403);
    let app = AppRef::new("shop", "argocd");
    let events = snapshot(cluster.clients(), app.clone(), config())
        .await
        .unwrap();
    let words: BTreeSet<_> = events.iter().filter_map(word).collect();
    let all = set(&[&SHOP[..], &["synced"]].concat());
    assert_eq!(words, all);
    let notices = events
        .iter()
        .filter(|event| matches!(event, TrackEvent::Notice(_)))
        .count();
    assert_eq!(notices, 1);
    assert!(
        !cluster
            .requests()
            .iter()
            .any(|request| request.contains("watch="))
    );

    cluster.refuse("/api/v1/namespaces/shop/pods", 401);
    let error = snapshot(cluster.clients(), app, config())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot list pods in shop");
}

#[tokio::test(start_paused = true)]
async fn each_object_is_explained() {
    let cluster = shop();
    let mut labelled = object("Deployment", "shop", "debug");
    labelled["metadata"]["labels"] = json!({"app.kubernetes.io/instance": "shop"});
    let mut copy = owned(object("ReplicaSet", "shop", "old-1"), "Deployment", "old");
    copy["metadata"]["annotations"] =
        json!({"argocd.argoproj.io/tracking-id": "shop-old:apps/Deployment:shop/old"});
    cluster
        .set("/apis/apps/v1/namespaces/shop/deployments", &[labelled])
        .set("/apis/apps/v1/namespaces/shop/replicasets", &[copy])
        .set(
            "/api/v1/namespaces/shop/pods",
            &[
                owned(object("Pod", "shop", "old-1-a"), "ReplicaSet", "old-1"),
                object("Pod", "shop", "alone"),
            ],
        );
    let all = explain(cluster.clients(), AppRef::new("shop", "argocd"), config())
        .await
        .unwrap();
    let lines: Vec<_> = all
        .objects
        .iter()
        .map(|one| {
            format!(
                "{} {}: {}",
                if one.followed { "followed" } else { "ignored" },
                one.object,
                one.why
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            "followed Pod/web-1-a: owned by ReplicaSet/web-1 ← Deployment/web",
            "followed Deployment/web: tracking id shop:apps/Deployment:shop/web",
            "followed ReplicaSet/web-1: owned by Deployment/web",
            "ignored Pod/alone: no tracking id",
            "ignored Pod/old-1-a: owned by ReplicaSet/old-1, which is not followed",
            "ignored Deployment/debug: no tracking id; label app.kubernetes.io/instance=shop (use --tracking label)",
            "ignored ReplicaSet/old-1: tracking id is a copy of Deployment/old's, which belongs to \"shop-old\"",
        ]
    );
}
