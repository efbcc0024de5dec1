use std::time::Duration;

use serde_json::json;

use super::*;

fn store() -> Store {
    Store::new(Clock::new(1.0), 1)
}

fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"replicas": 1},
    })
}

fn running_pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"nodeName": "node", "terminationGracePeriodSeconds": 5},
        "status": {"phase": "Running"},
    })
}

const DEPLOYMENTS: &str = "deployments.apps";

#[test]
fn a_new_object_gets_what_the_server_gives() {
    let store = store();
    let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-"}});
    let first = store.create(object.clone()).unwrap();
    let second = store.create(object).unwrap();
    assert_eq!(first.namespace(), "default");
    assert!(first.name().starts_with("web-") && first.name().len() == 9);
    assert_ne!((first.name(), first.uid()), (second.name(), second.uid()));
    assert_eq!(first["metadata"]["generation"], 1);
    assert_eq!(
        first["metadata"]["resourceVersion"],
        first.resource_version().to_string()
    );
    assert_eq!(second.resource_version(), first.resource_version() + 1);
    let created = first["metadata"]["creationTimestamp"].as_str().unwrap();
    assert!(created.ends_with('Z') && created.len() == 20, "{created}");
}

#[test]
fn the_generation_counts_the_spec_but_not_the_status() {
    let store = store();
    store.create(deployment("web")).unwrap();
    let patch = json!({"spec": {"replicas": 2}, "status": {"replicas": 9}});
    let patched = store
        .merge_patch(DEPLOYMENTS, "shop", "web", &patch)
        .unwrap();
    assert_eq!(patched["metadata"]["generation"], 2);
    assert_eq!(patched.get("status"), None);
    let patched = store
        .merge_patch_status(DEPLOYMENTS, "shop", "web", &patch)
        .unwrap();
    assert_eq!(patched["metadata"]["generation"], 2);
    assert_eq!(patched["status"]["replicas"], 9);
    let labelled = json!({"metadata": {"labels": {"a": "b"}, "generation": 77}});
    let patched = store
        .merge_patch(DEPLOYMENTS, "shop", "web", &labelled)
        .unwrap();
    assert_eq!(patched["metadata"]["generation"], 2);
    let removed = store
        .modify(DEPLOYMENTS, "shop", "web", |object| {
            object.as_object_mut().unwrap().remove("spec");
        })
        .unwrap();
    assert_eq!(removed["metadata"]["generation"], 3);
}

#[test]
fn an_application_has_no_status_apart() {
    let store = store();
    let application = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {}, "status": {"sync": {"status": "OutOfSync"}},
    });
    store.create(application).unwrap();
    let patch = json!({"status": {"sync": {"status": "Synced"}}});
    let patched = store
        .merge_patch("applications.argoproj.io", "argocd", "shop", &patch)
        .unwrap();
    assert_eq!(patched["status"]["sync"]["status"], "Synced");
    assert_eq!(patched["metadata"]["generation"], 2);
}

#[test]
fn writing_the_same_makes_no_version() {
    let store = store();
    let first = store.create(deployment("web")).unwrap();
    let again = store.update(first.value().clone()).unwrap();
    assert_eq!(again.resource_version(), first.resource_version());
    assert_eq!(store.resource_version(), first.resource_version());
}

#[test]
fn a_stale_writer_is_refused() {
    let store = store();
    let first = store.create(deployment("web")).unwrap();
    store
        .merge_patch(
            DEPLOYMENTS,
            "shop",
            "web",
            &json!({"spec": {"replicas": 3}}),
        )
        .unwrap();
    let error = store.update(first.value().clone()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified; \
         please apply your changes to the latest version and try again"
    );
    let taken = store.create(deployment("web")).unwrap_err();
    assert_eq!(taken.to_string(), "deployments.apps \"web\" already exists");
}

#[test]
fn a_pod_on_a_node_waits_for_its_kubelet() {
    let store = store();
    store.create(running_pod()).unwrap();
    let delete = |grace| {
        let options = DeleteOptions {
            grace_period_seconds: grace,
            ..DeleteOptions::default()
        };
        store
            .delete_gracefully("pods", "shop", "web", &options)
            .unwrap()
    };
    let marked = delete(None);
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 5);
    assert_eq!(marked["metadata"]["generation"], 2);
    assert_eq!(
        delete(Some(60)).resource_version(),
        marked.resource_version()
    );
    delete(Some(0));
    assert!(store.get("pods", "shop", "web").is_none());
}

#[test]
fn a_finalizer_holds_an_object() {
    let store = store();
    let mut object = deployment("web");
    object["metadata"]["finalizers"] = json!(["example.com/held"]);
    store.create(object).unwrap();
    let options = DeleteOptions::default();
    let marked = store
        .delete_gracefully(DEPLOYMENTS, "shop", "web", &options)
        .unwrap();
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    let free = json!({"metadata": {"finalizers": null}});
    store
        .merge_patch(DEPLOYMENTS, "shop", "web", &free)
        .unwrap();
    assert!(store.get(DEPLOYMENTS, "shop", "web").is_none());
}

#[test]
fn a_list_is_one_namespace_or_all() {
    let store = store();
    for (namespace, name) in [("b", "1"), ("a", "2"), ("a", "1"), ("ab", "3")] {
        let mut object = deployment(name);
        object["metadata"]["namespace"] = json!(namespace);
        store.create(object).unwrap();
    }
    let names = |namespace| -> Vec<String> {
        let list = store.list(DEPLOYMENTS, namespace).unwrap();
        assert_eq!(list.resource_version, store.resource_version());
        let name = |object: &Arc<Object>| format!("{}/{}", object.namespace(), object.name());
        list.items.iter().map(name).collect()
    };
    assert_eq!(names(None), ["a/1", "a/2", "ab/3", "b/1"]);
    assert_eq!(names(Some("a")), ["a/1", "a/2"]);
    assert_eq!(
        store.list("widgets.x", None).unwrap_err(),
        unknown("widgets.x")
    );
}

#[test]
fn a_watch_from_a_list_sees_what_came_after() {
    let store = store();
    store.create(deployment("old")).unwrap();
    let list = store.list(DEPLOYMENTS, None).unwrap();
    store.create(running_pod()).unwrap();
    store.create(deployment("web")).unwrap();
    let mut watch = store.watch(DEPLOYMENTS, list.resource_version).unwrap();
    store
        .modify(DEPLOYMENTS, "shop", "web", |web| {
            web["spec"]["replicas"] = json!(7);
        })
        .unwrap();
    let deleted = store.delete(DEPLOYMENTS, "shop", "old").unwrap();
    let mut seen = Vec::new();
    while let Some(change) = watch.try_next().unwrap() {
        let before = change
            .previous
            .as_ref()
            .map(|object| object.resource_version());
        assert!(before.is_none_or(|before| before < change.object.resource_version()));
        seen.push((change.kind, change.object.name().to_owned()));
    }
    let kinds = [ChangeKind::Added, ChangeKind::Modified, ChangeKind::Deleted];
    let wanted: Vec<_> = kinds
        .into_iter()
        .zip(["web", "web", "old"].map(str::to_owned))
        .collect();
    assert_eq!(seen, wanted);
    assert_eq!(watch.resource_version(), deleted.resource_version());
}

#[test]
fn a_reader_that_waits_is_woken() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = store();
        let mut watch = store.watch("pods", store.resource_version()).unwrap();
        let reader = tokio::spawn(async move { watch.next().await });
        tokio::task::yield_now().await;
        store.create(running_pod()).unwrap();
        let change = tokio::time::timeout(Duration::from_secs(20), reader).await;
        assert_eq!(change.unwrap().unwrap().unwrap().object.name(), "web");
    });
}

#[test]
fn who_is_behind_a_compaction_expires_and_who_is_not_goes_on() {
    let store = store();
    let start = store.resource_version();
    let (mut behind, mut ahead) = (
        store.watch("pods", start).unwrap(),
        store.watch("pods", start).unwrap(),
    );
    store.create(running_pod()).unwrap();
    assert!(ahead.try_next().unwrap().is_some());
    store.create(deployment("web")).unwrap();
    store.compact();
    assert_eq!(behind.try_next().unwrap_err(), WatchEnd::Expired);
    store.delete("pods", "shop", "web").unwrap();
    assert_eq!(ahead.try_next().unwrap().unwrap().kind, ChangeKind::Deleted);
    let error = store.watch("pods", start).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("too old resource version: {start} ({})", start + 2)
    );
}

#[test]
fn a_full_window_drops_the_oldest() {
    let store = store();
    store.set_window(2);
    let start = store.resource_version();
    for name in ["a", "b", "c"] {
        store.create(deployment(name)).unwrap();
    }
    assert!(store.watch(DEPLOYMENTS, start).is_err());
    let mut watch = store.watch(DEPLOYMENTS, start + 1).unwrap();
    assert_eq!(watch.try_next().unwrap().unwrap().object.name(), "b");
}

#[test]
fn a_type_can_go() {
    let store = store();
    let mut watch = store
        .watch("rollouts.argoproj.io", store.resource_version())
        .unwrap();
    assert!(store.unregister("rollouts.argoproj.io"));
    assert_eq!(watch.try_next().unwrap_err(), WatchEnd::Closed);
    let rollout =
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "x"}});
    assert!(matches!(
        store.create(rollout),
        Err(StoreError::UnknownType(_))
    ));
}

#[test]
fn a_recorded_object_stays_as_it_was() {
    let store = store();
    let recorded = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "3", "generation": 4},
    });
    let put = store.put_raw(recorded.clone()).unwrap();
    let mut wanted = recorded;
    wanted["metadata"]["resourceVersion"] = json!(put.resource_version().to_string());
    assert_eq!(*put.value(), wanted);
    assert_eq!(put.json(), serde_json::to_vec(&wanted).unwrap());
}
