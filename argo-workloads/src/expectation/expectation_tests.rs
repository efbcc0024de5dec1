// What must run, against what an Application and its pods say.

use argo_core::{GroupKind, ObjectRef};
use serde_json::{Value, json};

use super::*;

const WANTED: &str = "abc1234abc1234abc1234abc1234abc1234abc12";
const OTHER: &str = "fff9999fff9999fff9999fff9999fff9999fff99";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// An Application that is compared with one revision and was last synced to another.
fn application(compared: &str, synced: &str) -> Value {
    json!({"metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {"source": {"targetRevision": "main"}},
        "status": {"reconciledAt": at(5).to_string(),
            "sync": {"status": if compared == synced { "Synced" } else { "OutOfSync" }, "revision": compared},
            "operationState": {"phase": "Succeeded", "operation": {"sync": {"revision": synced}, "initiatedBy": {"username": "eve"}},
                "syncResult": {"revision": synced}}}})
}

fn judge(expectation: &mut Expectation, application: &Value) -> Judgement {
    let application: Application = serde_json::from_value(application.clone()).unwrap();
    expectation.judge(Some(&application), &[], at(0))
}

fn expects(revision: &str) -> Expectation {
    Expectation::new(Some(revision.to_owned()), Vec::new())
}

fn waits(text: &str) -> Judgement {
    Judgement::Waiting(text.to_owned())
}

#[test]
fn a_commit_counts_once_it_is_synced() {
    for prefix in [WANTED, "abc1234", "ABC1", "abc1234abc"] {
        let mut expectation = expects(prefix);
        let stale = judge(&mut expectation, &application(OTHER, OTHER));
        assert!(matches!(stale, Judgement::Waiting(_)), "{stale:?}");
        assert_eq!(
            judge(&mut expectation, &application(WANTED, WANTED)),
            Judgement::Met
        );
    }
    assert_eq!(
        judge(&mut expects(WANTED), &application(OTHER, OTHER)),
        waits("Argo CD is at fff9999, not at abc1234")
    );
    assert_eq!(
        judge(&mut expects(WANTED), &application(WANTED, OTHER)),
        waits("Argo CD knows abc1234 and has not synced it")
    );
    // Rolled back to it: it is what runs.
    assert_eq!(
        judge(&mut expects(WANTED), &application(OTHER, WANTED)),
        Judgement::Met
    );
    // A commit that changes nothing for this application needs no sync.
    let mut unchanged = application(WANTED, OTHER);
    unchanged["status"]["sync"]["status"] = json!("Synced");
    assert_eq!(judge(&mut expects(WANTED), &unchanged), Judgement::Met);
    assert_eq!(expects(WANTED).judge(None, &[], at(0)), Judgement::Unknown);
}

#[test]
fn a_newer_sync_takes_its_place() {
    let superseded =
        Judgement::Superseded("abc1234 was superseded by fff9999 (synced by eve)".to_owned());
    let mut expectation = expects(WANTED);
    judge(&mut expectation, &application(WANTED, OTHER));
    assert_eq!(
        judge(&mut expectation, &application(OTHER, OTHER)),
        superseded
    );
    // It was deployed before the run began.
    let mut old = application(OTHER, OTHER);
    old["status"]["history"] = json!([{"revision": WANTED}, {"revision": OTHER}]);
    assert_eq!(judge(&mut expects(WANTED), &old), superseded);
    // It is the last one of the history, and a newer commit is not synced yet: it runs.
    let mut newest = application(OTHER, WANTED);
    newest["status"]["history"] = json!([{"revision": OTHER}, {"revision": WANTED}]);
    assert_eq!(judge(&mut expects(WANTED), &newest), Judgement::Met);
}

#[test]
fn a_rollback_takes_its_place_too() {
    let mut expectation = expects(WANTED);
    // Git has it, and an operation puts it in place: the next one is another.
    judge(&mut expectation, &application(WANTED, WANTED));
    assert_eq!(
        judge(&mut expectation, &application(WANTED, OTHER)),
        Judgement::Superseded("abc1234 was superseded by fff9999 (synced by eve)".to_owned())
    );
    // A branch that has moved on is a new wish, which no sync has met yet.
    let mut branch = expects("main");
    judge(&mut branch, &application(WANTED, WANTED));
    assert_eq!(
        judge(&mut branch, &application(OTHER, WANTED)),
        waits("Argo CD knows fff9999 (main) and has not synced it")
    );
}

#[test]
fn a_branch_is_what_a_look_after_the_start_resolves_it_to() {
    assert_eq!(
        judge(&mut expects("main"), &application(OTHER, OTHER)),
        Judgement::Met
    );
    assert_eq!(
        judge(&mut expects("main"), &application(WANTED, OTHER)),
        waits("Argo CD knows abc1234 (main) and has not synced it")
    );
    let mut old = application(OTHER, OTHER);
    old["status"]["reconciledAt"] = json!(at(-5).to_string());
    assert_eq!(
        judge(&mut expects("main"), &old),
        waits("Argo CD has not looked at main since this run began")
    );
    assert_eq!(
        judge(&mut expects("release-1"), &application(OTHER, OTHER)),
        Judgement::Never("the Application follows main, not release-1".to_owned())
    );
}

#[test]
fn other_sources() {
    let mut several = application(OTHER, OTHER);
    several["spec"] = json!({"sources": [{"chart": "web", "targetRevision": "1.2.x"}, {"targetRevision": "main"}]});
    several["status"]["sync"] = json!({"status": "Synced", "revisions": ["1.2.3", WANTED]});
    for wanted in [WANTED, "main", "1.2.3"] {
        assert_eq!(
            judge(&mut expects(wanted), &several),
            Judgement::Met,
            "{wanted}"
        );
    }
    assert!(matches!(
        judge(&mut expects("1.2.4"), &several),
        Judgement::Waiting(_)
    ));
    let mut hydrated = application(OTHER, OTHER);
    hydrated["spec"] = json!({"sourceHydrator": {"drySource": {}}});
    assert_eq!(
        judge(&mut expects(WANTED), &hydrated),
        waits("abc1234 is not hydrated yet")
    );
    hydrated["status"]["sourceHydrator"] =
        json!({"lastSuccessfulOperation": {"drySHA": WANTED, "hydratedSHA": OTHER}});
    assert_eq!(judge(&mut expects(WANTED), &hydrated), Judgement::Met);
    let mut paths = application(OTHER, OTHER);
    paths["metadata"]["annotations"] =
        json!({"argocd.argoproj.io/manifest-generate-paths": "/shop"});
    let Judgement::Waiting(text) = judge(&mut expects(WANTED), &paths) else {
        panic!()
    };
    assert!(
        text.contains("a commit that touches nothing below /shop never arrives"),
        "{text}"
    );
}

#[test]
fn images() {
    let web = ObjectRef {
        kind: GroupKind::new("apps", "Deployment"),
        namespace: "n".into(),
        name: "web".into(),
        uid: "".into(),
    };
    let runs = |image: &str, id: &str| RunningImage {
        workload: web.clone(),
        image: image.to_owned(),
        id: id.to_owned(),
    };
    let judge = |wanted: &str, running: &[RunningImage]| {
        let mut expectation = Expectation::new(None, vec![wanted.parse().unwrap()]);
        expectation.judge(None, running, at(0))
    };
    let (id, other) = (
        "registry.example.com/web@sha256:aa",
        "registry.example.com/web@sha256:bb",
    );
    assert_eq!(
        judge(
            "registry.example.com/web:1.2",
            &[runs("registry.example.com/web:1.2", id)]
        ),
        Judgement::Met
    );
    assert_eq!(
        judge(
            "registry.example.com/web@sha256:aa",
            &[runs("registry.example.com/web:1.2", id)]
        ),
        Judgement::Met
    );
    assert_eq!(
        judge(
            "nginx:1",
            &[runs(
                "docker.io/library/nginx:1",
                "docker.io/library/nginx@sha256:aa"
            )]
        ),
        Judgement::Met
    );
    assert_eq!(
        judge(
            "registry.example.com/web:1.2",
            &[runs("registry.example.com/web:1.1", id)]
        ),
        waits("Deployment/web runs registry.example.com/web:1.1, not registry.example.com/web:1.2")
    );
    assert_eq!(
        judge(
            "registry.example.com/web@sha256:aa",
            &[runs("registry.example.com/web:1.2", other)]
        ),
        waits(
            "Deployment/web runs registry.example.com/web:1.2, not registry.example.com/web@sha256:aa"
        )
    );
    assert_eq!(
        judge(
            "registry.example.com/api:1",
            &[runs("registry.example.com/web:1.2", id)]
        ),
        waits("no pod runs registry.example.com/api:1")
    );
    // It is wanted and not pulled yet.
    assert!(matches!(
        judge("nginx:1", &[runs("nginx:1", "")]),
        Judgement::Waiting(_)
    ));
    for bad in ["web", "", ":1", "a b:1"] {
        assert!(bad.parse::<WantedImage>().is_err(), "{bad}");
    }
}
