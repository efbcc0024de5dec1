// The state of a sync that holds an application up.

use std::sync::Arc;

use argo_core::{ObjectRef, TrackEvent, resource::Application};
use serde_json::{Value, json};

use crate::diagnosis::{
    Code, Facts, Finding, Severity, Thresholds, examine,
    made_tests::{World, at},
};
use crate::resources::{Answer, LiveObject};

fn shop(status: &Value, policy: &Value) -> TrackEvent {
    let mut value = json!({"metadata": {"name": "shop", "namespace": "argocd", "uid": "a"},
        "spec": {"syncPolicy": policy}, "status": {"health": {"status": "Healthy"}}});
    for (key, field) in status.as_object().unwrap() {
        value["status"][key] = field.clone();
    }
    let application: Application = serde_json::from_value(value).unwrap();
    TrackEvent::Application(Arc::new(application))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "callers write json! in place"
)]
fn out_of_sync(resource: Value, policy: &Value) -> TrackEvent {
    shop(
        &json!({"sync": {"status": "OutOfSync", "revision": "abc"}, "resources": [resource],
        "operationState": {"phase": "Succeeded", "syncResult": {"revision": "abc"}, "startedAt": at(-9).to_string(),
            "finishedAt": at(-5).to_string()}}),
        policy,
    )
}

fn find(facts: &mut Facts, second: i64) -> Vec<Finding> {
    examine(facts, &Thresholds::default(), at(second))
}

fn job() -> Value {
    json!({"group": "batch", "kind": "Job", "namespace": "shop", "name": "seed", "status": "OutOfSync"})
}

#[test]
fn each_reason_has_its_words_and_its_next_step() {
    let service = |pruning: bool| json!({"kind": "Service", "namespace": "shop", "name": "old", "status": "OutOfSync", "requiresPruning": pruning});
    let missing = json!({"kind": "Service", "namespace": "shop", "name": "web", "status": "OutOfSync", "health": {"status": "Missing"}});
    let (heals, automated, none) = (
        json!({"automated": {"selfHeal": true}}),
        json!({"automated": {}}),
        json!({}),
    );
    for (resource, policy, sentence, next) in [
        (
            service(true),
            &automated,
            "Service/old is not in git any more and must be pruned; no sync prunes without being told to",
            "argocd app sync shop --prune",
        ),
        (
            service(false),
            &none,
            "Service/old is different from git; auto-sync is off, and nobody syncs it",
            "argocd app sync shop",
        ),
        (
            service(false),
            &automated,
            "Service/old is different from git; auto-sync applies each commit once, and selfHeal is off",
            "argocd app sync shop",
        ),
        (
            service(false),
            &heals,
            "Service/old is different from git; self-heal applied this commit already: something changes it back",
            "argocd app diff shop",
        ),
        (
            missing,
            &none,
            "Service/web is missing in the cluster; auto-sync is off, and nobody syncs it",
            "argocd app sync shop",
        ),
        (
            job(),
            &automated,
            "Job/seed is missing in the cluster: a finished Job that its TTL or somebody deleted counts as OutOfSync; auto-sync applies each commit once, and selfHeal is off",
            "make the Job a hook (argocd.argoproj.io/hook: Sync), or leave out ttlSecondsAfterFinished",
        ),
    ] {
        let mut world = World::new();
        world.facts.track(&out_of_sync(resource, policy), at(1));
        assert!(find(&mut world.facts, 19).is_empty());
        let found = find(&mut world.facts, 21);
        assert_eq!(found[0].code, Code::OutOfSync);
        assert_eq!(found[0].sentence, format!("OutOfSync: {sentence}"));
        assert_eq!(found[0].next.as_deref(), Some(next));
    }
}

#[test]
fn a_job_that_its_ttl_takes_and_self_heal_makes_again() {
    let mut world = World::new();
    world.facts.track(
        &out_of_sync(job(), &json!({"automated": {"selfHeal": true}})),
        at(1),
    );
    let seed = json!({"kind": "Job", "metadata": {"name": "seed", "namespace": "shop"}, "spec": {"ttlSecondsAfterFinished": 3},
        "status": {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}});
    for second in [2, 12] {
        world.apply(second, seed.clone());
        let object = ObjectRef {
            uid: "seed".into(),
            ..world.facts.workloads["seed"].object.clone()
        };
        world
            .facts
            .track(&TrackEvent::Removed(object), at(second + 3));
    }
    let found = find(&mut world.facts, 16);
    assert_eq!(found[0].code, Code::OutOfSync);
    assert!(
        found[0].sentence.starts_with(
            "Job/seed is deleted 3 s after it finished (ttlSecondsAfterFinished), \
        and self-heal makes it again and again (2 times so far)"
        ),
        "{}",
        found[0].sentence
    );
}

#[test]
fn a_sync_window_is_named_soon() {
    let mut facts = Facts::new(at(0));
    facts.track(
        &shop(
            &json!({"sync": {"status": "OutOfSync"}, "operationState": {"phase": "Running",
        "message": "Sync operation blocked by sync window", "startedAt": at(-100).to_string()}}),
            &json!({}),
        ),
        at(1),
    );
    let found = find(&mut facts, 6);
    assert_eq!(found[0].code, Code::SyncWindow);
    assert_eq!(
        found[0].next.as_deref(),
        Some("argocd proj windows list default")
    );
}

#[test]
fn a_wave_that_does_not_end_says_what_is_not_applied_yet() {
    let mut facts = Facts::new(at(0));
    facts.track(&shop(&json!({"sync": {"status": "OutOfSync"}, "resources": [
            {"kind": "Service", "namespace": "shop", "name": "a", "status": "Synced"},
            {"kind": "Service", "namespace": "shop", "name": "b", "status": "OutOfSync", "syncWave": 1}],
        "operationState": {"phase": "Running", "startedAt": at(0).to_string(),
            "message": "waiting for healthy state of db.example/Database/db"}}), &json!({})), at(1));
    assert!(find(&mut facts, 59).is_empty());
    let found = find(&mut facts, 61);
    assert_eq!(found[0].code, Code::WaveBlocked);
    assert_eq!(
        found[0].sentence,
        "the sync is waiting for healthy state of db.example/Database/db; not applied yet: Service/b"
    );
}

#[test]
fn an_application_that_goes_is_doomed_and_a_child_is_not() {
    let mut facts = Facts::new(at(0));
    facts.track(&shop(&json!({}), &json!({})), at(1));
    let gone = ObjectRef {
        uid: "a".into(),
        ..facts_object()
    };
    facts.track(&TrackEvent::Removed(gone), at(5));
    let found = find(&mut facts, 6);
    assert_eq!(
        (found[0].code, found[0].severity),
        (Code::ApplicationDeleted, Severity::Doomed)
    );
    // It was only made anew.
    facts.track(&shop(&json!({}), &json!({})), at(7));
    assert!(find(&mut facts, 8).is_empty());
}

fn facts_object() -> ObjectRef {
    ObjectRef {
        kind: argo_core::GroupKind::new("argoproj.io", "Application"),
        namespace: "argocd".into(),
        name: "shop".into(),
        uid: "a".into(),
    }
}

#[test]
fn auto_sync_that_refuses_says_why() {
    let mut facts = Facts::new(at(0));
    let condition = json!({"type": "SyncError", "message": "Skipping sync attempt to abc: auto-sync will wipe out all resources"});
    facts.track(
        &shop(
            &json!({"conditions": [condition]}),
            &json!({"automated": {}}),
        ),
        at(1),
    );
    let found = find(&mut facts, 6);
    assert_eq!(found[0].code, Code::SyncFailed);
    assert!(found[0].next.as_deref().unwrap().contains("allowEmpty"));
}

#[test]
fn the_fields_that_differ_are_named_where_they_are_known() {
    let web = json!({"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web", "status": "OutOfSync"});
    let said = |fields: &[&str]| {
        let mut facts = Facts::new(at(0));
        facts.track(&out_of_sync(web.clone(), &json!({})), at(0));
        let name = facts.resources().all().next().unwrap().name.clone();
        let fields = fields.iter().map(|&field| field.to_owned()).collect();
        let answer = Answer {
            name,
            live: LiveObject::Differs(fields),
        };
        facts.resources_mut().answer(answer, at(9));
        find(&mut facts, 60).remove(0)
    };
    let known = said(&["spec.replicas (5, git has 3)", "spec.paused (not in git)"]);
    let sentence = "Deployment/web is different from git in spec.replicas (5, git has 3) and \
                    spec.paused (not in git); auto-sync is off, and nobody syncs it";
    assert!(known.sentence.ends_with(sentence), "{}", known.sentence);
    let unknown = said(&[]);
    let sentence = "Deployment/web is different from git; auto-sync is off, and nobody syncs it";
    assert!(unknown.sentence.ends_with(sentence), "{}", unknown.sentence);
    let is_told = |fact: &String| fact.contains("argocd app diff");
    assert!(unknown.evidence.iter().any(is_told), "{unknown:?}");
}

#[test]
fn a_sync_that_failed_long_ago_says_why() {
    let web = json!({"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web",
        "status": "OutOfSync", "health": {"status": "Missing"}});
    let refused = json!({"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web",
        "status": "SyncFailed", "message": "namespaces \"shop\" not found"});
    let status = json!({"sync": {"status": "OutOfSync", "revision": "abc"}, "resources": [web],
        "operationState": {"phase": "Failed", "startedAt": at(-3000).to_string(), "finishedAt": at(-2900).to_string(),
            "syncResult": {"revision": "abc", "resources": [refused]}}});
    let mut facts = Facts::new(at(0));
    facts.track(&shop(&status, &json!({"automated": {}})), at(0));
    let found = find(&mut facts, 60).remove(0);
    let sentence = "its last sync failed (Deployment/web: namespaces \"shop\" not found); auto-sync does not try a commit twice";
    assert!(found.sentence.ends_with(sentence), "{}", found.sentence);
    let next = found.next.unwrap_or_default();
    assert!(next.contains("CreateNamespace=true"), "{next}");
}

#[test]
fn a_sync_that_failed_long_ago_is_why_nothing_changes() {
    let web = json!({"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web",
        "status": "OutOfSync", "health": {"status": "Missing"}});
    let migrate = json!({"group": "batch", "kind": "Job", "namespace": "shop", "name": "migrate",
        "hookType": "PreSync", "hookPhase": "Failed"});
    let status = json!({"sync": {"status": "OutOfSync", "revision": "abc"}, "resources": [web],
        "operationState": {"phase": "Failed", "startedAt": at(-3000).to_string(), "finishedAt": at(-2900).to_string(),
            "syncResult": {"revision": "abc", "resources": [migrate]}}});
    let mut facts = Facts::new(at(0));
    facts.track(&shop(&status, &json!({"automated": {}})), at(0));
    let found = find(&mut facts, 60).remove(0);
    let sentence = "Deployment/web is missing in the cluster; its last sync failed (PreSync hook Job/migrate); \
                    auto-sync does not try a commit twice";
    assert!(found.sentence.ends_with(sentence), "{}", found.sentence);
}
