use argo_core::resource::Pod;
use serde_json::json;

use super::*;
use crate::workload::builtin;

fn mirror() -> Mirror {
    Mirror::new(Kinds::new(&builtin()))
}

fn app() -> AppRef {
    AppRef::new("shop", "argocd")
}

fn tree(pods: &[(&str, &str, &str)]) -> ResourceTree {
    let deployment = json!({"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "n", "name": "web", "uid": "d", "resourceVersion": "1"});
    let pods = pods.iter().map(|(uid, version, info)| {
        json!({
            "version": "v1", "kind": "Pod", "namespace": "n", "name": "web-1", "uid": uid, "resourceVersion": version,
            "parentRefs": [{"group": "apps", "version": "v1", "kind": "ReplicaSet", "namespace": "n", "name": "web", "uid": "r"}],
            "info": [{"name": "Status Reason", "value": info}],
        })
    });
    let missing = json!({"kind": "Service", "version": "v1", "namespace": "n", "name": "web"});
    let nodes: Vec<_> = pods.chain([deployment, missing]).collect();
    serde_json::from_value(json!({"nodes": nodes})).unwrap()
}

fn pod(uid: &str, version: &str) -> TrackedBody {
    let pod: Pod = serde_json::from_value(json!({"metadata": {
        "name": "web-1", "namespace": "n", "uid": uid, "resourceVersion": version,
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "r", "controller": true}],
    }}))
    .unwrap();
    TrackedBody::Pod(Arc::new(pod))
}

fn reads(mirror: &mut Mirror) -> Vec<String> {
    std::iter::from_fn(|| mirror.next_read())
        .map(|wanted| wanted.uid)
        .collect()
}

#[test]
fn an_object_is_read_when_it_is_new_and_when_its_node_changed() {
    let mut mirror = mirror();
    assert!(
        mirror
            .tree(&app(), "shop", &tree(&[("a", "1", "Pending")]))
            .is_empty()
    );
    assert_eq!(reads(&mut mirror), ["a", "d"]);
    assert!(!mirror.is_complete(1));
    let (change, again) = mirror.read("a", Some(pod("a", "1")));
    assert!(matches!(change, Some(Change::Applied(..))) && !again);
    mirror.read("d", None);
    assert!(
        mirror.is_complete(1),
        "one that cannot be read is not waited for"
    );
    mirror.tree(&app(), "shop", &tree(&[("a", "1", "Pending")]));
    assert_eq!(reads(&mut mirror), [""; 0], "a tree that says nothing new");
    mirror.tree(&app(), "shop", &tree(&[("a", "2", "Running")]));
    assert_eq!(reads(&mut mirror), ["a"]);
}

#[test]
fn a_change_during_a_read_is_one_more_read() {
    let mut mirror = mirror();
    mirror.tree(&app(), "shop", &tree(&[("a", "1", "Pending")]));
    reads(&mut mirror);
    mirror.tree(&app(), "shop", &tree(&[("a", "2", "Pending")]));
    mirror.tree(&app(), "shop", &tree(&[("a", "3", "Running")]));
    assert_eq!(reads(&mut mirror), [""; 0], "the read is still running");
    let (_, again) = mirror.read("a", Some(pod("a", "1")));
    assert!(again);
    mirror.want("a");
    assert_eq!(reads(&mut mirror), ["a"]);
    let (change, again) = mirror.read("a", Some(pod("a", "1")));
    assert!(change.is_none() && !again, "the version is known");
    mirror.tree(&app(), "shop", &tree(&[("a", "1", "Running")]));
    assert_eq!(
        reads(&mut mirror),
        [""; 0],
        "a node as old as what was read"
    );
}

#[test]
fn two_pods_of_one_name_are_two_pods() {
    let mut mirror = mirror();
    mirror.tree(&app(), "shop", &tree(&[("a", "1", "Running")]));
    reads(&mut mirror);
    mirror.read("a", Some(pod("a", "1")));
    let changes = mirror.tree(&app(), "shop", &tree(&[("b", "7", "Pending")]));
    let [Change::Removed(_, gone)] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(gone.metadata().uid.as_deref(), Some("a"));
    assert_eq!(reads(&mut mirror), ["b"]);
    let (change, _) = mirror.read("b", Some(pod("a", "1")));
    assert!(change.is_none(), "the answer is about the other one");
}

#[test]
fn an_object_of_the_manifests_gets_the_mark_of_the_application() {
    let mut mirror = mirror();
    mirror.tree(&app(), "argocd_shop", &tree(&[]));
    let id = mirror.metadata("d").unwrap().annotations.unwrap();
    assert_eq!(
        id[argo_core::TrackingId::ANNOTATION],
        "argocd_shop:apps/Deployment:n/web"
    );
    mirror.tree(&app(), "shop", &tree(&[("a", "1", "Running")]));
    let pod = mirror.metadata("a").unwrap();
    assert_eq!(pod.annotations, None);
    assert_eq!(pod.owner_references.unwrap()[0].uid, "r");
}
