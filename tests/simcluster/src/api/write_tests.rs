//! Writing over HTTP.

use serde_json::{Value, json};

use super::client::{Answer, Cluster};

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "app", "image": "x:1"}]},
            },
        },
        "status": {"replicas": 7},
    })
}

async fn send(cluster: &Cluster, request: &str, content_type: &str, body: &Value) -> Answer {
    let header = format!("Content-Type: {content_type}");
    cluster
        .send(request, &[&header], &body.to_string())
        .await
        .whole()
        .await
}

const WEB: &str = "/apis/apps/v1/namespaces/a/deployments/web";

async fn with_web() -> Cluster {
    let cluster = Cluster::start().await;
    let path = "POST /apis/apps/v1/namespaces/a/deployments";
    let created = send(&cluster, path, "application/json", &deployment()).await;
    assert_eq!(created.status, 201);
    cluster
}

#[tokio::test]
async fn a_new_object_is_completed_and_has_no_status() {
    let cluster = with_web().await;
    let web = cluster.store.get("deployments.apps", "a", "web").unwrap();
    assert_eq!(web["spec"]["replicas"], 1);
    assert_eq!(web["spec"]["progressDeadlineSeconds"], 600);
    assert_eq!(web["metadata"]["generation"], 1);
    assert_eq!(web.get("status"), None);
    let path = "POST /apis/apps/v1/namespaces/a/deployments";
    let again = send(&cluster, path, "application/json", &deployment()).await;
    assert_eq!(
        (again.status, &again.json()["reason"]),
        (409, &json!("AlreadyExists"))
    );
}

#[tokio::test]
async fn each_kind_of_patch() {
    let cluster = with_web().await;
    let image = |image: &str| json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}});
    for (content_type, patch, wanted) in [
        (
            "application/strategic-merge-patch+json",
            image("x:2"),
            ("x:2", "IfNotPresent"),
        ),
        (
            "application/apply-patch+yaml",
            image("x:3"),
            ("x:3", "IfNotPresent"),
        ),
        (
            "application/json-patch+json",
            json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "x:4"}]),
            ("x:4", "IfNotPresent"),
        ),
        // A merge patch replaces the list.
        ("application/merge-patch+json", image("x:5"), ("x:5", "")),
    ] {
        let patched = send(&cluster, &format!("PATCH {WEB}"), content_type, &patch).await;
        assert_eq!(patched.status, 200, "{content_type}");
        let container = &patched.json()["spec"]["template"]["spec"]["containers"][0];
        let policy = container["imagePullPolicy"].as_str().unwrap_or_default();
        assert_eq!(
            (container["image"].as_str().unwrap(), policy),
            wanted,
            "{content_type}"
        );
    }
    let web = cluster.store.get("deployments.apps", "a", "web").unwrap();
    assert_eq!(web["metadata"]["generation"], 5);
    let unknown = send(
        &cluster,
        &format!("PATCH {WEB}"),
        "application/json",
        &json!({}),
    )
    .await;
    assert_eq!(unknown.status, 415);
    let missing = format!("PATCH {WEB}2");
    let merge = send(
        &cluster,
        &missing,
        "application/merge-patch+json",
        &json!({}),
    )
    .await;
    assert_eq!(merge.status, 404);
    let mut new = deployment();
    new["metadata"]["name"] = json!("web2");
    let applied = send(&cluster, &missing, "application/apply-patch+yaml", &new).await;
    assert_eq!(applied.status, 201);
}

#[tokio::test]
async fn status_and_scale_are_written_apart() {
    let cluster = with_web().await;
    let merge = "application/merge-patch+json";
    let status = json!({"status": {"replicas": 2}, "spec": {"replicas": 9}});
    let path = format!("PATCH {WEB}/status");
    assert_eq!(send(&cluster, &path, merge, &status).await.status, 200);
    let web = cluster.store.get("deployments.apps", "a", "web").unwrap();
    assert_eq!(
        (&web["status"]["replicas"], &web["spec"]["replicas"]),
        (&json!(2), &json!(1))
    );

    let scale = send(
        &cluster,
        &format!("PATCH {WEB}/scale"),
        merge,
        &json!({"spec": {"replicas": 4}}),
    )
    .await;
    assert_eq!(
        (scale.status, &scale.json()["spec"]["replicas"]),
        (200, &json!(4))
    );
    let read = cluster.ask(&format!("GET {WEB}/scale")).await.json();
    assert_eq!(read["kind"], "Scale");
    assert_eq!(read["spec"]["replicas"], 4);
    assert_eq!(
        read["status"],
        json!({"replicas": 2, "selector": "app=web"})
    );
}

#[tokio::test]
async fn an_old_version_is_a_conflict() {
    let cluster = with_web().await;
    let mut web = cluster.ask(&format!("GET {WEB}")).await.json();
    let patch = json!({"metadata": {"labels": {"x": "y"}}});
    cluster
        .store
        .merge_patch("deployments.apps", "a", "web", &patch)
        .unwrap();
    web["spec"]["replicas"] = json!(2);
    let conflict = send(&cluster, &format!("PUT {WEB}"), "application/json", &web).await;
    assert_eq!(
        conflict.json(),
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified; please apply your changes to the latest version and try again",
            "reason": "Conflict",
            "details": {"name": "web", "group": "apps", "kind": "deployments"},
            "code": 409,
        })
    );
}

#[tokio::test]
async fn deletion_answers_a_status_or_what_is_left() {
    let cluster = with_web().await;
    let gone = cluster.ask(&format!("DELETE {WEB}")).await.json();
    assert_eq!(gone["status"], "Success");
    assert_eq!(gone["details"]["kind"], "deployments");
    cluster
        .store
        .create(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "a"},
            "spec": {"nodeName": "n", "containers": []},
        }))
        .unwrap();
    let marked = cluster
        .ask("DELETE /api/v1/namespaces/a/pods/p?gracePeriodSeconds=5")
        .await
        .json();
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 5);
    let force = json!({"gracePeriodSeconds": 0, "kind": "DeleteOptions", "apiVersion": "v1"});
    send(
        &cluster,
        "DELETE /api/v1/namespaces/a/pods",
        "application/json",
        &force,
    )
    .await;
    assert!(cluster.store.get("pods", "a", "p").is_none());
}

#[tokio::test]
async fn nothing_is_created_in_a_namespace_that_is_not_there() {
    let cluster = with_web().await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b"}});
    let made = send(
        &cluster,
        "POST /api/v1/namespaces",
        "application/json",
        &namespace,
    )
    .await
    .json();
    assert_eq!(made["status"]["phase"], "Active");
    let path = "POST /apis/apps/v1/namespaces/c/deployments";
    let refused = send(&cluster, path, "application/json", &deployment()).await;
    assert_eq!(
        (refused.status, &refused.json()["message"]),
        (404, &json!("namespaces \"c\" not found"))
    );
}
