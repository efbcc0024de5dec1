//! Every controller from the first object to the end of its rollout, on a cluster that is not slow.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::kubelet::story::{Story, deployment};
use crate::store::{DeleteOptions, Object, Store};

mod jobs;

const SHOP: &str = "shop";

fn get(store: &Store, resource: &str, name: &str) -> Arc<Object> {
    store.get(resource, SHOP, name).unwrap()
}

fn condition(object: &Value, kind: &str) -> String {
    let condition = super::view::condition(object, kind)
        .cloned()
        .unwrap_or_default();
    let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
    format!("{} {}", text("status"), text("reason"))
}

fn workload(kind: &str, name: &str, spec: &Value, script: &str) -> Value {
    let version = if kind.ends_with("Job") {
        "batch/v1"
    } else {
        "apps/v1"
    };
    let mut template = deployment(name, 1, "app:1", script)["spec"]["template"].clone();
    if let Some(policy) = spec.get("restartPolicy") {
        template["spec"]["restartPolicy"] = policy.clone();
    }
    let mut object = json!({
        "kind": kind, "apiVersion": version, "metadata": {"name": name, "namespace": SHOP}, "spec": spec,
    });
    object["spec"]
        .as_object_mut()
        .unwrap()
        .remove("restartPolicy");
    object["spec"]["selector"] = json!({"matchLabels": {"app": name}});
    object["spec"]["template"] = template;
    object
}

fn complete(store: &Store, name: &str, replicas: i64) -> bool {
    let status = &get(store, "deployments.apps", name)["status"];
    let full = |field: &str| status[field] == replicas;
    full("replicas")
        && full("updatedReplicas")
        && full("availableReplicas")
        && status["observedGeneration"]
            == get(store, "deployments.apps", name)["metadata"]["generation"]
}

#[tokio::test(start_paused = true)]
async fn a_recreated_deployment_never_has_pods_of_two_revisions() {
    let mut story = Story::new(false);
    let with = |image: &str| {
        let mut web = deployment(
            "web",
            2,
            image,
            "app: {run: [{forever: true}], term: [{sleep: 3s}, {exit: 0}]}",
        );
        web["spec"]["strategy"] = json!({"type": "Recreate"});
        web
    };
    story.store.create(with("app:1")).unwrap();
    story
        .until("first", |store| complete(store, "web", 2))
        .await;
    let old = story.names("pods");
    story.store.update(with("app:2")).unwrap();
    let took = story
        .until("second", |store| complete(store, "web", 2))
        .await;
    assert!((3.0..4.0).contains(&took), "{took}");
    let first_new = story
        .statuses
        .iter()
        .position(|(pod, _)| !old.contains(pod))
        .unwrap_or(usize::MAX);
    let new = story
        .statuses
        .iter()
        .rposition(|(pod, line)| old.contains(pod) && line.starts_with("Running"));
    let begins: Vec<usize> = story
        .statuses
        .iter()
        .enumerate()
        .filter(|(_, (pod, _))| !old.contains(pod))
        .map(|(at, _)| at)
        .collect();
    assert!(begins[0] == first_new && new.unwrap() < first_new);
    assert_eq!(story.events("Deployment/web").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_does_not_go_on_exceeds_its_deadline() {
    let mut story = Story::new(false);
    let mut web = deployment("web", 1, "app:1", "app: {run: [{exit: 1}]}");
    web["spec"]["progressDeadlineSeconds"] = json!(20);
    story.store.create(web).unwrap();
    story.pass(2.0).await;
    let now =
        |story: &Story| condition(&get(&story.store, "deployments.apps", "web"), "Progressing");
    assert_ne!(now(&story), "False ProgressDeadlineExceeded");
    story.pass(600.0).await;
    let reason = now(&story);
    // Healthy for a moment after each start: Kubernetes counts that as progress.
    assert!(
        [
            "False ProgressDeadlineExceeded",
            "True NewReplicaSetAvailable"
        ]
        .contains(&reason.as_str()),
        "{reason}"
    );

    let mut stuck = deployment(
        "stuck",
        1,
        "app:1",
        "app: {run: [{ready: false}, {forever: true}]}",
    );
    stuck["spec"]["progressDeadlineSeconds"] = json!(20);
    story.store.create(stuck).unwrap();
    let took = story.until("the deadline", |store| {
        condition(&get(store, "deployments.apps", "stuck"), "Progressing")
            == "False ProgressDeadlineExceeded"
    });
    let took = took.await;
    assert!((20.0..22.0).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_paused_deployment_waits_and_a_rollback_takes_the_old_replica_set() {
    let mut story = Story::new(false);
    let with = |image: &str, paused: bool| {
        let mut web = deployment("web", 2, image, "{}");
        web["spec"]["paused"] = json!(paused);
        web
    };
    story.store.create(with("app:1", false)).unwrap();
    story
        .until("first", |store| complete(store, "web", 2))
        .await;
    let first = story.names("replicasets.apps");
    story.store.update(with("app:2", true)).unwrap();
    story.pass(5.0).await;
    assert_eq!(story.names("replicasets.apps"), first);
    let web = get(&story.store, "deployments.apps", "web");
    assert_eq!(condition(&web, "Progressing"), "Unknown DeploymentPaused");
    story.store.update(with("app:2", false)).unwrap();
    story
        .until("second", |store| {
            complete(store, "web", 2)
                && store.list("replicasets.apps", None).unwrap().items.len() == 2
        })
        .await;
    story.store.update(with("app:1", false)).unwrap();
    story.pass(5.0).await;
    assert!(complete(&story.store, "web", 2));
    assert_eq!(story.names("replicasets.apps").len(), 2);
    let again = get(&story.store, "replicasets.apps", &first[0]);
    assert_eq!(
        again["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "3"
    );
    assert_eq!(again["status"]["availableReplicas"], 2);
}

/// Recording 11: nine events, then a combined one; conditions on both.
#[tokio::test(start_paused = true)]
async fn a_quota_and_a_missing_account_are_told_on_the_replica_set() {
    let mut story = Story::new(false);
    story.create("{kind: ResourceQuota, apiVersion: v1, metadata: {name: small, namespace: shop}, spec: {hard: {pods: '2'}}}");
    story
        .store
        .create(deployment("over", 3, "app:1", "{}"))
        .unwrap();
    story.pass(3.0).await;
    assert_eq!(story.names("pods").len(), 2);
    let set = story.names("replicasets.apps").remove(0);
    let refused = story.events(&format!("ReplicaSet/{set}"));
    let refused: Vec<&String> = refused
        .iter()
        .filter(|line| line.contains("FailedCreate"))
        .collect();
    let text =
        "is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2";
    assert!(
        refused.iter().all(|line| line.ends_with(text)),
        "{refused:#?}"
    );
    let combined = refused.iter().position(|line| {
        line.contains("x1 : (combined from similar events): Error creating: pods")
    });
    assert_eq!(combined, Some(9), "{refused:#?}");
    for (resource, name) in [
        ("replicasets.apps", set.as_str()),
        ("deployments.apps", "over"),
    ] {
        assert_eq!(
            condition(&get(&story.store, resource, name), "ReplicaFailure"),
            "True FailedCreate"
        );
    }

    let mut nobody = workload("StatefulSet", "nobody", &json!({"replicas": 1}), "{}");
    nobody["spec"]["template"]["spec"]["serviceAccountName"] = json!("nobody");
    story.store.create(nobody).unwrap();
    story.pass(1.0).await;
    let first = &story.events("StatefulSet/nobody")[0];
    assert_eq!(
        first,
        "Warning FailedCreate x1 : create Pod nobody-0 in StatefulSet nobody failed error: pods \"nobody-0\" is forbidden: error looking up service account shop/nobody: serviceaccount \"nobody\" not found"
    );
    story.create(
        "{kind: ServiceAccount, apiVersion: v1, metadata: {name: nobody, namespace: shop}}",
    );
    story.store.delete("resourcequotas", SHOP, "small").unwrap();
    story
        .until("both heal", |store| {
            complete(store, "over", 3) && store.get("pods", SHOP, "nobody-0").is_some()
        })
        .await;
    story.pass(1.0).await;
    assert_eq!(
        condition(
            &get(&story.store, "deployments.apps", "over"),
            "ReplicaFailure"
        ),
        " "
    );
}

/// Recording 06: in order up, in reverse order updated, and stuck on the one that is never ready.
#[tokio::test(start_paused = true)]
async fn a_stateful_set_is_stuck_on_a_pod_that_is_never_ready() {
    let mut story = Story::new(false);
    let with = |script: &str| {
        workload(
            "StatefulSet",
            "db",
            &json!({"replicas": 3, "serviceName": "db"}),
            script,
        )
    };
    story
        .store
        .create(with(
            "app: {run: [{sleep: 1s}, {ready: true}, {forever: true}]}",
        ))
        .unwrap();
    let took = story
        .until("three", |store| {
            get(store, "statefulsets.apps", "db")["status"]["availableReplicas"] == 3
        })
        .await;
    assert!((3.0..3.5).contains(&took), "one after the other: {took}");
    story
        .store
        .update(with("app: {run: [{ready: false}, {forever: true}]}"))
        .unwrap();
    story.pass(30.0).await;
    let status = get(&story.store, "statefulsets.apps", "db")["status"].clone();
    let counts = [
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
    ]
    .map(|field| status[field].as_i64());
    assert_eq!(counts, [Some(3), Some(2), Some(2), Some(1)]);
    assert_ne!(status["currentRevision"], status["updateRevision"]);
    let db = story.events("StatefulSet/db");
    assert!(
        db.contains(
            &"Normal SuccessfulCreate x2 : create Pod db-2 in StatefulSet db successful".to_owned()
        ),
        "{db:#?}"
    );
    // Undone, it stays stuck until the pod is deleted by hand.
    story
        .store
        .update(with(
            "app: {run: [{sleep: 1s}, {ready: true}, {forever: true}]}",
        ))
        .unwrap();
    story.pass(30.0).await;
    assert_eq!(
        get(&story.store, "statefulsets.apps", "db")["status"]["readyReplicas"],
        2
    );
    story
        .store
        .delete_gracefully("pods", SHOP, "db-2", &DeleteOptions::default())
        .unwrap();
    story
        .until("healed", |store| {
            let status = &get(store, "statefulsets.apps", "db")["status"];
            status["readyReplicas"] == 3 && status["currentReplicas"] == 3
        })
        .await;
}

/// Recording 07: the new pod comes when the old one has ended, before it is gone.
#[tokio::test(start_paused = true)]
async fn a_daemon_set_replaces_its_pod() {
    let mut story = Story::new(true);
    let with = |image: &str| {
        let mut agent = workload(
            "DaemonSet",
            "agent",
            &json!({}),
            "app: {run: [{sleep: 1s}, {ready: true}, {forever: true}], term: [{forever: true}]}",
        );
        agent["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        agent["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = json!(2);
        agent
    };
    let done = |store: &Store| {
        let agent = get(store, "daemonsets.apps", "agent");
        let status = &agent["status"];
        status["updatedNumberScheduled"] == 1
            && status["numberAvailable"] == 1
            && status["observedGeneration"] == agent["metadata"]["generation"]
    };
    story.store.create(with("app:1")).unwrap();
    story.until("first", done).await;
    let old = story.names("pods").remove(0);
    story.store.update(with("app:2")).unwrap();
    story.until("second", done).await;
    story.pass(2.0).await;
    assert_eq!(story.names("pods").len(), 1);
    let ends = story.pod(&old);
    assert!(
        ends[ends.len() - 2].starts_with("Failed app=terminated(Error,137)"),
        "{ends:#?}"
    );
    let gone = story
        .statuses
        .iter()
        .position(|(pod, line)| *pod == old && line == "gone")
        .unwrap();
    let new = story
        .statuses
        .iter()
        .position(|(pod, _)| *pod != old)
        .unwrap();
    assert!(new < gone);
}

#[tokio::test(start_paused = true)]
async fn what_no_node_can_take_waits_until_the_node_changes() {
    let mut story = Story::new(true);
    let pod = |name: &str, spec: Value| json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": name, "namespace": SHOP}, "spec": spec});
    story.store.create(pod("big", json!({"containers": [{"name": "app", "image": "a", "resources": {"requests": {"cpu": "4500m"}}}]}))).unwrap();
    story
        .store
        .create(pod(
            "picky",
            json!({"nodeSelector": {"disk": "ssd"}, "containers": [{"name": "app", "image": "a"}]}),
        ))
        .unwrap();
    story.pass(2.0).await;
    assert_eq!(
        story.events("Pod/big"),
        [
            "Warning FailedScheduling : 0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        ]
    );
    assert_eq!(
        condition(&get(&story.store, "pods", "picky"), "PodScheduled"),
        "False Unschedulable"
    );
    let patch = json!({"metadata": {"labels": {"disk": "ssd"}}});
    story
        .store
        .merge_patch("nodes", "", crate::kubelet::NODE, &patch)
        .unwrap();
    story
        .until("picky runs", |store| {
            get(store, "pods", "picky")["status"]["phase"] == "Running"
        })
        .await;
    assert_eq!(
        get(&story.store, "pods", "picky")["metadata"]["generation"],
        1
    );
}

#[tokio::test(start_paused = true)]
async fn what_an_object_owned_goes_with_it() {
    let mut story = Story::new(true);
    story
        .store
        .create(deployment("web", 3, "app:1", "{}"))
        .unwrap();
    story.until("runs", |store| complete(store, "web", 3)).await;
    let none = DeleteOptions::default();
    story
        .store
        .delete_gracefully("deployments.apps", SHOP, "web", &none)
        .unwrap();
    story
        .until("all gone", |store| {
            store.list("pods", Some(SHOP)).unwrap().items.is_empty()
        })
        .await;
    assert!(story.names("replicasets.apps").is_empty());
    story
        .store
        .create(deployment("web", 1, "app:1", "{}"))
        .unwrap();
    story
        .until("runs again", |store| complete(store, "web", 1))
        .await;
    story
        .store
        .delete_gracefully("namespaces", "", SHOP, &none)
        .unwrap();
    story
        .until("all gone", |store| {
            ["pods", "deployments.apps", "configmaps"]
                .iter()
                .all(|resource| store.list(resource, Some(SHOP)).unwrap().items.is_empty())
        })
        .await;
}
