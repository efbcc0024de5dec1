//! Applications that deploy to another name of this cluster, or to another cluster.

use super::*;

/// An Application whose destination has a name that nobody but Argo CD knows.
fn deploys_to(name: &str, namespace: &str) -> serde_json::Value {
    let mut app = application("shop", &[]);
    app["spec"]["destination"] = json!({"name": name, "namespace": namespace});
    app
}

#[tokio::test(start_paused = true)]
async fn another_name_of_this_cluster_is_followed_by_the_tracking_id() {
    let cluster = shop();
    cluster.change(APPLICATIONS, "ADDED", &deploys_to("prod-eu", "shop"));
    cluster.state.lock().unwrap().changes.clear();
    let mut told = Told::new(&cluster, config());
    let words = told.until_synced().await;
    assert!(words.contains("+Deployment/web"), "{words:?}");
    assert!(told.notices.is_empty(), "{:?}", told.notices);
}

#[tokio::test(start_paused = true)]
async fn another_cluster_is_a_likely_reason_that_nothing_is_found() {
    let cluster = shop();
    cluster.change(APPLICATIONS, "ADDED", &deploys_to("prod-eu", "shop-eu"));
    cluster.state.lock().unwrap().changes.clear();
    let app = AppRef::new("shop", "argocd");
    let told = explain(cluster.clients(), app.clone(), config()).await;
    let told = told.unwrap().notices;
    let mut notices = Told::new(&cluster, config());
    for notice in [told[0].clone(), notices.notice().await] {
        let message = &notice.message;
        assert!(message.contains("to cluster \"prod-eu\""), "{message}");
        let hint = notice.hint.unwrap();
        assert!(
            hint.contains("-n;") && hint.contains("--app-context"),
            "{hint}"
        );
    }
}
