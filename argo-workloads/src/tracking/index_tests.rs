// Cases with names, then random histories against a model that knows nothing but the
// definition.

use argo_core::resource::{Pod, WorkloadObject};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use super::*;

#[path = "index_tests/model.rs"]
mod model;

fn since() -> Timestamp {
    "2026-11-23T23:00:00Z".parse().unwrap()
}

fn kind(name: &str) -> GroupKind {
    GroupKind::new("", name)
}

/// `Pod/web` of namespace `n`, whose uid is its name unless the name has a `#`.
fn meta(uid: &str, owners: &[&str]) -> Value {
    let name = uid.split('#').next().unwrap();
    let owners: Vec<_> = owners
        .iter()
        .map(|uid| json!({"apiVersion": "v1", "kind": owner_kind(uid), "name": uid, "uid": uid}))
        .collect();
    json!({"name": name, "namespace": "n", "uid": uid, "ownerReferences": owners,
        "creationTimestamp": "2026-11-23T22:00:00Z"})
}

fn owner_kind(uid: &str) -> &'static str {
    match uid.split('-').next().unwrap() {
        "job" => "Job",
        "rs" => "ReplicaSet",
        "deploy" => "Deployment",
        "node" => "Node",
        _ => "CloneSet",
    }
}

fn pod(index: &mut Index, uid: &str, owners: &[&str], claims: &[&str]) -> Vec<String> {
    let volumes: Vec<_> = claims
        .iter()
        .map(|claim| json!({"name": claim, "persistentVolumeClaim": {"claimName": claim}}))
        .collect();
    let pod: Pod = serde_json::from_value(
        json!({"metadata": meta(uid, owners), "spec": {"volumes": volumes}}),
    )
    .unwrap();
    told(&index.apply(&kind("Pod"), TrackedBody::Pod(Arc::new(pod)), false))
}

fn workload(index: &mut Index, uid: &str, owners: &[&str], own: bool) -> Vec<String> {
    let object: WorkloadObject =
        serde_json::from_value(json!({"metadata": meta(uid, owners)})).unwrap();
    let body = TrackedBody::Workload(Arc::new(object));
    told(&index.apply(&kind(owner_kind(uid)), body, own))
}

/// `+uid<root`, `-uid` and `?uid`.
fn told(changes: &[Change]) -> Vec<String> {
    let words = changes.iter().map(|change| match change {
        Change::Applied(tracked) => format!("+{}<{}", tracked.object.uid, tracked.root.uid),
        Change::Removed(object) => format!("-{}", object.uid),
        Change::Want(wanted) => format!("?{}", wanted.owner.uid),
        Change::Read(pod) => format!("!{}", pod.uid),
    });
    words.collect()
}

fn namespace() -> Scope {
    Scope::Namespace("n".into())
}

fn covering(kinds: &[&str]) -> Index {
    let mut index = Index::new(since());
    for name in kinds {
        index.cover(&kind(name), &namespace());
    }
    index
}

#[test]
fn owners_may_arrive_after_what_they_own() {
    let mut index = covering(&["ReplicaSet", "Deployment", "Pod"]);
    assert!(pod(&mut index, "p1", &["rs-1"], &[]).is_empty());
    assert!(workload(&mut index, "rs-1", &["deploy-1"], false).is_empty());
    let all = ["+deploy-1<deploy-1", "+rs-1<deploy-1", "+p1<deploy-1"];
    assert_eq!(workload(&mut index, "deploy-1", &[], true), all);
    assert_eq!(pod(&mut index, "p1", &["rs-1"], &[]), ["+p1<deploy-1"]);
}

#[test]
fn an_application_that_takes_over_a_workload_gets_what_it_owns() {
    let mut index = covering(&["ReplicaSet", "Deployment"]);
    workload(&mut index, "deploy-1", &[], false);
    workload(&mut index, "rs-1", &["deploy-1"], false);
    pod(&mut index, "p1", &["rs-1"], &[]);
    let all = ["+deploy-1<deploy-1", "+rs-1<deploy-1", "+p1<deploy-1"];
    assert_eq!(
        told(&index.reselect(|object, _| &*object.uid == "deploy-1")),
        all
    );
    let none = ["-p1", "-rs-1", "-deploy-1"];
    assert_eq!(told(&index.reselect(|_, _| false)), none);
}

#[test]
fn a_deleted_job_keeps_its_pods_until_they_are_gone() {
    let mut index = covering(&["Job"]);
    workload(&mut index, "job-1", &[], true);
    pod(&mut index, "p1", &["job-1"], &[]);
    assert_eq!(told(&index.delete("job-1")), ["-job-1"]);
    assert_eq!(pod(&mut index, "p1", &["job-1"], &[]), ["+p1<job-1"]);
    assert_eq!(told(&index.delete("p1")), ["-p1"]);
    // Seen for the first time after its owner is gone.
    assert_eq!(pod(&mut index, "p2", &["job-1"], &[]), ["+p2<job-1"]);
}

#[test]
fn a_released_pod_is_no_longer_followed_and_an_adopted_one_is() {
    let mut index = covering(&["ReplicaSet"]);
    workload(&mut index, "rs-1", &[], true);
    pod(&mut index, "p1", &["rs-1"], &[]);
    assert_eq!(pod(&mut index, "p1", &[], &[]), ["-p1"]);
    assert!(workload(&mut index, "rs-2", &[], false).is_empty());
    assert!(pod(&mut index, "p1", &["rs-2"], &[]).is_empty());
    assert_eq!(pod(&mut index, "p1", &["rs-1"], &[]), ["+p1<rs-1"]);
}

/// An index that has listed its kinds and leaves pods out.
fn leaving_out(kinds: &[&str]) -> (Index, Bystanders) {
    let bystanders = Bystanders::default();
    let mut index = covering(kinds).leaving_out(bystanders.clone());
    for name in kinds {
        list(&mut index, name, |_| {});
    }
    (index, bystanders)
}

fn list(index: &mut Index, name: &str, within: impl FnOnce(&mut Index)) -> Vec<String> {
    index.begin_list(&kind(name), &namespace());
    within(index);
    told(&index.end_list(&kind(name), &namespace()))
}

fn packed(index: &mut Index, uid: &str, owners: &[&str]) -> Vec<String> {
    let mut meta = meta(uid, owners);
    meta["labels"] = json!({"app": "web"});
    let json = json!({"metadata": meta, "status": {"phase": "Running"}});
    let pod: Arc<PackedPod> = Arc::new(serde_json::from_value(json).unwrap());
    if index.refresh_pod(&pod) {
        return Vec::new();
    }
    told(&index.apply_pod(&pod, &pod.head(), false))
}

#[test]
fn a_pod_that_was_left_out_is_read_once_it_belongs_to_the_application() {
    let (mut index, bystanders) = leaving_out(&["ReplicaSet", "Deployment", "Pod"]);
    workload(&mut index, "deploy-1", &[], false);
    workload(&mut index, "rs-1", &["deploy-1"], false);
    assert!(packed(&mut index, "p1", &["rs-1"]).is_empty());
    assert!(packed(&mut index, "p2", &[]).is_empty());
    assert_eq!(bystanders.len(), 2);
    let marks = index.node("p1").unwrap().metadata().into_owned();
    assert_eq!(marks.labels.unwrap()["app"], "web");
    assert_eq!(marks.owner_references.unwrap()[0].uid, "rs-1");
    let alone = index.node("p2").unwrap().metadata().into_owned();
    assert_eq!(alone.owner_references, None);
    let all = ["+deploy-1<deploy-1", "+rs-1<deploy-1", "!p1"];
    let adopted = index.reselect(|object, _| &*object.uid == "deploy-1");
    assert_eq!(told(&adopted), all);
    assert_eq!(bystanders.len(), 1, "changes of p1 are wanted from now on");
    assert!(index.is_left_out("p1") && index.is_left_out("p2"));
    assert_eq!(packed(&mut index, "p1", &["rs-1"]), ["+p1<deploy-1"]);
    assert!(!index.is_left_out("p1"));
    let none = ["-p1", "-rs-1", "-deploy-1"];
    assert_eq!(told(&index.reselect(|_, _| false)), none);
    // It counts as nobody's again with its next change, and not before.
    assert!(packed(&mut index, "p1", &["rs-1"]).is_empty());
    index.delete("p1");
    index.delete("p2");
    assert!(bystanders.is_empty());
}

#[test]
fn no_pod_is_left_out_before_its_owners_are_known() {
    let bystanders = Bystanders::default();
    let kinds = ["ReplicaSet", "Deployment", "Pod"];
    let mut index = covering(&kinds).leaving_out(bystanders.clone());
    list(&mut index, "Pod", |index| {
        packed(index, "p1", &["rs-1"]);
        packed(index, "p2", &["rs-2"]);
    });
    list(&mut index, "ReplicaSet", |index| {
        workload(index, "rs-1", &["deploy-1"], false);
        workload(index, "rs-2", &["deploy-2"], false);
    });
    assert!(bystanders.is_empty(), "Deployments are not listed yet");
    list(&mut index, "Deployment", |index| {
        workload(index, "deploy-1", &[], true);
        workload(index, "deploy-2", &[], false);
    });
    assert_eq!(bystanders.len(), 1);
    assert!(index.is_left_out("p2") && !index.is_left_out("p1"));
}

#[test]
fn a_kind_that_cannot_be_watched_is_not_waited_for() {
    let bystanders = Bystanders::default();
    let mut index = covering(&["Rollout", "Pod"]).leaving_out(bystanders.clone());
    list(&mut index, "Pod", |index| drop(packed(index, "p1", &[])));
    assert!(bystanders.is_empty());
    index.uncover(&kind("Rollout"), &namespace());
    assert_eq!(bystanders.len(), 1);
}

#[test]
fn pods_of_an_owner_that_was_only_read_are_not_left_out() {
    let (mut index, bystanders) = leaving_out(&["ReplicaSet", "Pod"]);
    assert_eq!(packed(&mut index, "p1", &["set-1"]), ["?set-1"]);
    assert!(bystanders.is_empty(), "its owner may be ours");
    let unknown = UnknownOwner {
        owner: ObjectRef::from_meta(
            kind("CloneSet"),
            &serde_json::from_value(meta("set-1", &[])).unwrap(),
        ),
        api_version: "v1".into(),
    };
    let found = serde_json::from_value(meta("set-1", &[])).unwrap();
    assert!(index.owner_read(&unknown, Some(found), false).is_empty());
    packed(&mut index, "p1", &["set-1"]);
    assert!(
        bystanders.is_empty(),
        "its owner is read again when it changes"
    );
}

#[test]
fn an_owner_in_no_namespace_is_looked_up_by_that_of_each_of_its_pods() {
    let mut index = covering(&["ReplicaSet"]);
    let wants = |changes: &[Change]| match changes {
        [Change::Want(unknown)] => unknown.clone(),
        other => panic!("{other:?}"),
    };
    let pod = |uid: &str| {
        let pod: Pod = serde_json::from_value(json!({"metadata": meta(uid, &["set-1"])})).unwrap();
        TrackedBody::Pod(Arc::new(pod))
    };
    let first = wants(&index.apply(&kind("Pod"), pod("p1"), false));
    let mut found = meta("set-1", &[]);
    found["namespace"] = Value::Null;
    let found = serde_json::from_value(found).unwrap();
    assert!(index.owner_read(&first, Some(found), false).is_empty());
    let again = wants(&index.apply(&kind("Pod"), pod("p2"), false));
    assert_eq!(again, first, "the reference has a namespace");
    assert_eq!(&*again.owner.namespace, "n");
}

#[test]
fn two_pods_of_one_name_are_two_pods() {
    let mut index = covering(&["Job"]);
    workload(&mut index, "job-1", &[], true);
    pod(&mut index, "db-0#1", &["job-1"], &[]);
    // The deletion was missed.
    let both = ["-db-0#1", "+db-0#2<job-1"];
    assert_eq!(pod(&mut index, "db-0#2", &["job-1"], &[]), both);
    assert!(index.delete("db-0#1").is_empty());
    assert_eq!(told(&index.delete("db-0#2")), ["-db-0#2"]);
}

#[test]
fn an_unknown_owner_is_asked_for_once() {
    let mut index = covering(&["ReplicaSet"]);
    assert_eq!(pod(&mut index, "p1", &["clone-1"], &[]), ["?clone-1"]);
    assert!(pod(&mut index, "p1", &["clone-1"], &[]).is_empty());
    assert!(pod(&mut index, "p2", &["clone-1"], &[]).is_empty());
    assert!(pod(&mut index, "p3", &["node-1"], &[]).is_empty());
    let clone = UnknownOwner {
        owner: ObjectRef {
            kind: kind("CloneSet"),
            namespace: "n".into(),
            name: "clone-1".into(),
            uid: "clone-1".into(),
        },
        api_version: "v1".into(),
    };
    // One of the same name is not the same.
    let stranger = serde_json::from_value(meta("clone-1#2", &[])).unwrap();
    assert!(index.owner_read(&clone, Some(stranger), true).is_empty());
    assert!(pod(&mut index, "p4", &["clone-1"], &[]).is_empty());
    for uid in ["p1", "p2", "p4"] {
        index.delete(uid);
    }
    assert_eq!(pod(&mut index, "p5", &["clone-1"], &[]), ["?clone-1"]);
    let found = serde_json::from_value(meta("clone-1", &[])).unwrap();
    let all = ["+clone-1<clone-1", "+p5<clone-1"];
    assert_eq!(told(&index.owner_read(&clone, Some(found), true)), all);
    assert_eq!(told(&index.delete("p5")), ["-p5", "-clone-1"]);
}

#[test]
fn a_kind_that_may_not_be_watched_is_asked_for() {
    let mut index = covering(&["ReplicaSet"]);
    assert!(pod(&mut index, "p1", &["rs-1"], &[]).is_empty());
    let changes = index.uncover(&kind("ReplicaSet"), &namespace());
    assert_eq!(told(&changes), ["?rs-1"]);
}

#[test]
fn a_list_that_is_read_again_says_only_what_is_new() {
    let mut index = covering(&[]);
    let versioned = |index: &mut Index, uid: &str, version: &str| {
        let mut meta = meta(uid, &[]);
        meta["resourceVersion"] = version.into();
        let object = serde_json::from_value(json!({"metadata": meta})).unwrap();
        told(&index.apply(&kind("Job"), TrackedBody::Workload(Arc::new(object)), true))
    };
    for uid in ["job-1", "job-2", "job-3"] {
        versioned(&mut index, uid, "1");
    }
    index.begin_list(&kind("Job"), &namespace());
    assert!(versioned(&mut index, "job-1", "1").is_empty());
    // Its second page fails, and it begins again.
    index.begin_list(&kind("Job"), &namespace());
    assert_eq!(versioned(&mut index, "job-2", "7"), ["+job-2<job-2"]);
    assert_eq!(
        told(&index.end_list(&kind("Job"), &namespace())),
        ["-job-1", "-job-3"]
    );
}

#[test]
fn claims_follow_the_pods_that_use_them() {
    let mut index = covering(&["Job"]);
    let claim = |index: &mut Index| {
        let meta = serde_json::from_value(meta("data", &[])).unwrap();
        let body = TrackedBody::Other(Arc::new(meta));
        told(&index.apply(&kind("PersistentVolumeClaim"), body, false))
    };
    workload(&mut index, "job-1", &[], true);
    assert!(claim(&mut index).is_empty());
    let both = ["+p1<job-1", "+data<job-1"];
    assert_eq!(pod(&mut index, "p1", &["job-1"], &["data"]), both);
    assert_eq!(told(&index.delete("data")), ["-data"]);
    assert_eq!(claim(&mut index), ["+data<job-1"]);
    assert_eq!(told(&index.delete("p1")), ["-p1", "-data"]);
}

#[test]
fn what_arrives_outside_a_list_is_new_whatever_the_clocks_say() {
    let mut index = Index::new(since());
    let scope = namespace();
    let is_new = |changes: Vec<Change>| match &changes[..] {
        [Change::Applied(tracked)] => tracked.is_new,
        other => panic!("{other:?}"),
    };
    let job = |uid: &str, created: &str| {
        let mut meta = meta(uid, &[]);
        meta["creationTimestamp"] = created.into();
        let object = serde_json::from_value(json!({"metadata": meta})).unwrap();
        TrackedBody::Workload(Arc::new(object))
    };
    index.begin_list(&kind("Job"), &scope);
    let old = job("job-1", "2026-11-23T22:59:59Z");
    assert!(!is_new(index.apply(&kind("Job"), old.clone(), true)));
    let young = job("job-2", "2026-11-23T23:00:00Z");
    assert!(is_new(index.apply(&kind("Job"), young, true)));
    index.end_list(&kind("Job"), &scope);
    let skewed = job("job-3", "2026-11-23T22:00:00Z");
    assert!(is_new(index.apply(&kind("Job"), skewed, true)));
    assert!(!is_new(index.apply(&kind("Job"), old, true)));
    let earlier = "2026-11-23T22:59:00Z".parse().unwrap();
    assert!(is_new(index.new_since(earlier)));
    assert!(index.new_since(earlier).is_empty());
}

#[test]
fn what_a_hook_owns_has_its_phase() {
    let mut index = covering(&["Job"]);
    let mut meta = meta("job-1", &[]);
    meta["annotations"] = json!({"argocd.argoproj.io/hook": "PostSync"});
    let object = serde_json::from_value(json!({"metadata": meta})).unwrap();
    index.apply(&kind("Job"), TrackedBody::Workload(Arc::new(object)), true);
    let pod: Pod =
        serde_json::from_value(json!({"metadata": self::meta("p", &["job-1"])})).unwrap();
    let changes = index.apply(&kind("Pod"), TrackedBody::Pod(Arc::new(pod)), false);
    let [Change::Applied(tracked)] = &changes[..] else {
        panic!("{changes:?}");
    };
    assert_eq!(tracked.hook.as_deref(), Some("PostSync"));
    assert_eq!(
        tracked.owner.as_ref().map(|owner| &*owner.uid),
        Some("job-1")
    );
}
