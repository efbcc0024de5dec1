use std::time::Duration;

use serde_json::{Value, json};

use super::apply::{apply, is_applied};
use super::plan::{Phase, plan};
use super::*;
use crate::clock::Clock;
use crate::store::Store;

fn spec(text: &str) -> ApplicationSpec {
    serde_yaml_ng::from_str(text).unwrap()
}

fn store() -> Store {
    Store::new(Clock::new(1.0), 1)
}

fn shown(object: &Value) -> String {
    let health = health(object).unwrap();
    format!("{} {}", health.status.as_str(), health.message)
        .trim()
        .to_owned()
}

fn deployment(status: &Value) -> Value {
    json!({
        "kind": "Deployment",
        "metadata": {"name": "web", "generation": 2},
        "spec": {"replicas": 2},
        "status": status,
    })
}

#[test]
fn a_deployment_is_as_well_as_its_rollout() {
    let cases = [
        (json!({"observedGeneration": 1}), "Progressing"),
        (
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1}),
            "Progressing Waiting for rollout to finish: 1 out of 2",
        ),
        (
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2}),
            "Progressing Waiting for rollout to finish: 1 old",
        ),
        (
            json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}),
            "Progressing Waiting for rollout to finish: 1 of 2",
        ),
        (
            json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}),
            "Healthy",
        ),
        (
            json!({"observedGeneration": 2, "conditions": [
                {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}),
            "Degraded Deployment \"web\" exceeded",
        ),
    ];
    for (status, wanted) in cases {
        let shown = shown(&deployment(&status));
        assert!(shown.starts_with(wanted), "{shown}, not {wanted}");
    }
}

#[test]
fn a_crash_loop_is_degraded_only_in_a_bare_pod() {
    let waiting = json!([{"name": "app", "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}}]);
    let pod = json!({"kind": "Pod", "metadata": {}, "status": {"phase": "Running", "containerStatuses": waiting}});
    assert_eq!(shown(&pod), "Degraded back-off");
    let set = json!({
        "kind": "StatefulSet",
        "metadata": {"generation": 1},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": 1, "readyReplicas": 0},
    });
    assert_eq!(shown(&set), "Progressing Waiting for 1 pods to be ready...");
}

#[test]
fn a_job_is_degraded_when_it_gave_up() {
    let job = |conditions: Value| json!({"kind": "Job", "metadata": {}, "status": {"conditions": conditions}});
    assert_eq!(shown(&job(json!([]))), "Progressing");
    let failed = json!([{"type": "Failed", "status": "True", "message": "backoff limit"}]);
    assert_eq!(shown(&job(failed)), "Degraded backoff limit");
    assert!(health(&json!({"kind": "ConfigMap", "metadata": {}})).is_none());
}

#[test]
fn ids_are_as_argo_cd_writes_them() {
    let object = |text: &str| -> Value { serde_yaml_ng::from_str(text).unwrap() };
    let marked = |spec: &ApplicationSpec, text: &str| {
        let mut object = object(text);
        spec.tracking
            .mark(&mut object, &spec.instance(), &spec.destination);
        object["metadata"].clone()
    };
    let shop = spec("{name: shop, destination: prod}");
    let web = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}";
    let id = "argocd.argoproj.io/tracking-id";
    assert_eq!(
        marked(&shop, web)["annotations"][id],
        "shop:apps/Deployment:prod/web"
    );
    let seed = "{apiVersion: batch/v1, kind: Job, metadata: {generateName: seed-, namespace: x}}";
    assert_eq!(marked(&shop, seed)["annotations"][id], "shop:batch/Job:x/");
    let team =
        spec("{name: shop, namespace: team-a, destination: prod, tracking: annotation+label}");
    let meta = marked(&team, web);
    assert_eq!(
        meta["annotations"][id],
        "team-a_shop:apps/Deployment:prod/web"
    );
    assert_eq!(meta["labels"]["app.kubernetes.io/instance"], "team-a_shop");
    let label = spec("{name: shop, destination: prod, tracking: label}");
    assert_eq!(
        marked(&label, web),
        json!({"name": "web", "labels": {"app.kubernetes.io/instance": "shop"}})
    );
}

#[test]
fn tasks_are_ordered_by_phase_wave_kind_and_name() {
    let object = |kind: &str, name: &str, annotations: Value| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "annotations": annotations}});
    let hook = "argocd.argoproj.io/hook";
    let objects = [
        object("Deployment", "b", json!({})),
        object("Deployment", "a", json!({})),
        object("ConfigMap", "z", json!({})),
        object(
            "Deployment",
            "first",
            json!({"argocd.argoproj.io/sync-wave": "-1"}),
        ),
        object("Job", "both", json!({hook: "PreSync,PostSync"})),
        object("Job", "left", json!({hook: "Skip"})),
        json!({"apiVersion": "batch/v1", "kind": "Job",
               "metadata": {"generateName": "seed-", "annotations": {hook: "Sync"}}}),
    ];
    let tasks = plan(&objects, "015bb54869f0", 1_795_477_823);
    let names: Vec<_> = tasks
        .iter()
        .map(|task| task.object["metadata"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "both",
            "first",
            "z",
            "a",
            "b",
            "seed-015bb54-sync-1795477823",
            "both"
        ]
    );
    assert_eq!(tasks[6].phase, Phase::PostSync);
    assert!(tasks[0].policy.before_creation);
}

#[test]
fn an_apply_removes_what_the_last_one_set_and_nothing_else() {
    let store = store();
    let object = |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "x"}, "data": data});
    let message = |object: &Value| apply(&store, object).unwrap().message;
    assert_eq!(
        message(&object(json!({"a": "1", "b": "2"}))),
        "configmap/c created"
    );
    store
        .merge_patch("configmaps", "x", "c", &json!({"data": {"other": "3"}}))
        .unwrap();
    assert_eq!(
        message(&object(json!({"a": "1"}))),
        "configmap/c configured"
    );
    let live = store.get("configmaps", "x", "c").unwrap();
    assert_eq!(live["data"], json!({"a": "1", "other": "3"}));
    assert!(is_applied(&object(json!({"a": "1"})), &live));
    assert!(!is_applied(&object(json!({"a": "2"})), &live));
    assert_eq!(message(&object(json!({"a": "1"}))), "configmap/c unchanged");
}

/// Without hooks and waves a sync is over when all is applied (recording `first-sync-demo`).
#[test]
fn a_sync_without_hooks_does_not_wait_for_health() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = store();
        let application =
            ApplicationController::start(store.clone(), spec("{name: demo, destination: demo}")).unwrap();
        let step = serde_yaml_ng::from_str(
            "{user: admin, manifests: [{apiVersion: apps/v1, kind: Deployment, metadata: {name: demo}, spec: {}}]}",
        );
        application.sync(&step.unwrap()).await.unwrap();
        let shown = store.get("applications.argoproj.io", "argocd", "demo").unwrap();
        let operation = &shown["status"]["operationState"];
        assert_eq!(operation["phase"], "Succeeded");
        assert_eq!(operation["message"], "successfully synced (all tasks run)");
        assert_eq!(operation["syncResult"]["resources"][0]["hookPhase"], "Running");
        assert_eq!(shown["status"]["sync"]["status"], "Synced");
        assert_eq!(shown["status"]["health"]["status"], "Progressing");
        assert_eq!(shown["status"]["controllerNamespace"], "argocd");
        assert!(shown["operation"].is_null());
        assert!(store.clock().elapsed() < Duration::from_secs(1));
        let events = store.list("events", Some("argocd")).unwrap().items;
        let has = |reason: &str, text: &str| {
            events.iter().any(|event| {
                event["reason"] == reason && event["message"].as_str().unwrap().starts_with(text)
            })
        };
        assert!(has("OperationStarted", "admin initiated sync to main ("));
        assert!(has("OperationCompleted", "Sync operation to "));
        assert!(has("ResourceUpdated", "Updated health status: Missing -> Progressing"));
    });
}
