//! Questions that only Argo CD's API can answer, and what many applications cost over it.

use std::{collections::BTreeMap, time::Duration};

use argo_core::{
    AppRef, GroupKind, ObjectName,
    argocd::{Client, Options, Trees},
};
use argo_tests::fake_argocd::{FakeArgocd, Request, Step, answer};
use argo_workloads::resources::{LiveObject, ReadRequest, ResourceReader};
use serde_json::{Value, json};

use crate::assistant::{Assistant, until};

const DENIED: &str = r#"{"error":"permission denied","code":7,"message":"permission denied"}"#;

fn client(fake: &FakeArgocd) -> Client {
    let env = |name: &str| match name {
        "ARGOCD_SERVER" => Some(fake.address.clone().into()),
        "ARGOCD_AUTH_TOKEN" => Some("t".into()),
        _ => None,
    };
    Client::new(Options::inferred(env, [("plaintext", "")]).unwrap()).unwrap()
}

fn assistant(fake: &FakeArgocd, args: &[&str]) -> Assistant {
    Assistant::new(&[args, &["--via", "argocd"]].concat())
        .env("ARGOCD_SERVER", &fake.address)
        .env("ARGOCD_AUTH_TOKEN", "t")
        .env("ARGOCD_OPTS", "--plaintext")
}

fn path(request: &Request) -> &str {
    request.path.split('?').next().unwrap_or_default()
}

/// A server on which the account may list some applications, and none is called `shpo`.
async fn with_a_list(items: Value) -> FakeArgocd {
    let items = json!({ "items": items }).to_string();
    let script = move |request: &Request, _| match path(request) {
        "/api/version" => answer(200, r#"{"Version":"v3.2.11"}"#),
        "/api/v1/session/userinfo" => answer(200, r#"{"loggedIn":true,"username":"ci"}"#),
        "/api/v1/applications" => answer(200, &items),
        _ => answer(403, DENIED),
    };
    FakeArgocd::start(script).await.unwrap()
}

#[tokio::test]
async fn the_application_that_may_be_meant_is_named_once() {
    let shop = json!([{"metadata": {"name": "shop", "namespace": "team-a"}}]);
    let fake = with_a_list(shop.clone()).await;
    let ended = assistant(&fake, &["follow", "shpo", "team-a"]).run().await;
    assert_eq!(ended.code(), Some(77), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("did you mean \"shop\"?"),
        "{}",
        ended.stderr
    );
    // The last line has it too, and a search that tries again does not ask again.
    let fake = with_a_list(shop).await;
    let denied = r#"steps: [{sleep: 4}, {error: '{"level":"fatal","msg":"rpc error: code = PermissionDenied desc = permission denied"}'}, {exit: 20}]"#;
    let run = assistant(&fake, &["sync", "shpo", "team-a"]).script(denied);
    let ended = run.run().await;
    assert_eq!(ended.code(), Some(20), "{}", ended.stdout);
    let last = ended.stdout.lines().next_back().unwrap_or_default();
    assert!(last.contains("(did you mean \"shop\"?)"), "{last}");
    assert_eq!(
        ended.count("[assistant] did you mean"),
        1,
        "{}",
        ended.stdout
    );
    let requests = fake.requests();
    let lists = requests
        .iter()
        .filter(|it| path(it) == "/api/v1/applications");
    assert_eq!(lists.count(), 1);
    // Who may see nothing is told nothing.
    let ended = assistant(&with_a_list(json!([])).await, &["follow", "shpo", "team-a"])
        .run()
        .await;
    assert_eq!(ended.code(), Some(77), "{}", ended.stderr);
    assert!(!ended.stderr.contains("did you mean"), "{}", ended.stderr);
}

#[tokio::test]
async fn the_fields_that_differ_from_git_come_from_the_comparison() {
    let state = |replicas: u32| {
        json!({"spec": {"replicas": replicas}, "status": {"replicas": replicas}}).to_string()
    };
    let of = |name: &str| {
        json!({"group": "apps", "kind": "Deployment", "namespace": "shop", "name": name,
            "normalizedLiveState": state(5), "predictedLiveState": state(3)})
    };
    let items = json!({"items": [of("other"), of("web")]}).to_string();
    let fake = FakeArgocd::start(move |request, _| match path(request) {
        "/api/v1/applications/shop/managed-resources" => answer(200, &items),
        _ => answer(403, DENIED),
    });
    let fake = fake.await.unwrap();
    let mut reader = ResourceReader::argocd(Trees::new(client(&fake)));
    reader.ask(ReadRequest {
        name: ObjectName {
            kind: GroupKind::new("apps", "Deployment"),
            namespace: "shop".into(),
            name: "web".into(),
        },
        version: "v1".to_owned(),
        compare: Some(AppRef::new("shop", "team-a")),
    });
    let answer = tokio::time::timeout(Duration::from_secs(20), reader.next()).await;
    let fields = vec!["spec.replicas (5, git has 3)".to_owned()];
    assert_eq!(answer.unwrap().live, LiveObject::Differs(fields));
    let wanted =
        "managed-resources?appNamespace=team-a&namespace=shop&name=web&group=apps&kind=Deployment";
    assert!(
        fake.requests()[0].path.ends_with(wanted),
        "{:?}",
        fake.requests()
    );
}

/// Pods of each application.
const PODS: usize = 10;

fn manifest(object: &Value) -> Vec<Step> {
    answer(200, &json!({"manifest": object.to_string()}).to_string())
}

fn node(group: &str, kind: &str, app: &str, name: &str, parent: Option<(&str, &str)>) -> Value {
    let parents = parent.map(|(kind, name)| {
        vec![json!({"group": "apps", "version": "v1", "kind": kind, "namespace": app, "name": name, "uid": format!("{app}-{kind}")})]
    });
    let uid = match kind {
        "Pod" => format!("{app}-{name}"),
        kind => format!("{app}-{kind}"),
    };
    json!({"group": group, "version": "v1", "kind": kind, "namespace": app, "name": name, "uid": uid,
        "resourceVersion": "1", "parentRefs": parents.unwrap_or_default()})
}

/// Answers for any application with a Deployment of ten pods, all of them ready.
pub(crate) fn serve(request: &Request) -> Vec<Step> {
    let path = path(request);
    let Some(rest) = path.strip_prefix("/api/v1/applications/") else {
        return match path {
            "/api/version" => answer(200, r#"{"Version":"v3.2.11"}"#),
            "/api/v1/session/userinfo" => answer(200, r#"{"loggedIn":true,"username":"ci"}"#),
            path if path.contains("/can-i/") => answer(200, r#"{"value":"yes"}"#),
            _ => vec![Step::Hang],
        };
    };
    let (app, what) = rest.split_once('/').unwrap_or((rest, ""));
    match what {
        "" => answer(
            200,
            &json!({"metadata": {"name": app, "namespace": "argocd", "uid": app},
                "spec": {"project": "default", "destination": {"namespace": app}},
                "status": {"controllerNamespace": "argocd", "sync": {"status": "Synced"}, "health": {"status": "Healthy"}}})
            .to_string(),
        ),
        "resource-tree" => {
            let mut nodes = vec![
                node("apps", "Deployment", app, "web", None),
                node("apps", "ReplicaSet", app, "web-1", Some(("Deployment", "web"))),
            ];
            let pod = |number| node("", "Pod", app, &format!("web-1-{number}"), Some(("ReplicaSet", "web-1")));
            nodes.extend((0..PODS).map(pod));
            answer(200, &json!({ "nodes": nodes }).to_string())
        }
        "resource" => resource(app, &request.path),
        "events" => answer(200, r#"{"items":[]}"#),
        _ => vec![Step::Hang],
    }
}

fn resource(app: &str, query: &str) -> Vec<Step> {
    let of = |name: &str| {
        let rest = query.split(&format!("{name}=")).nth(1).unwrap_or_default();
        rest.split('&').next().unwrap_or_default().to_owned()
    };
    let (kind, name) = (of("kind"), of("resourceName"));
    let uid = if kind == "Pod" {
        format!("{app}-{name}")
    } else {
        format!("{app}-{kind}")
    };
    let owner = match kind.as_str() {
        "Pod" => {
            json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": format!("{app}-ReplicaSet"), "controller": true}])
        }
        "ReplicaSet" => {
            json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": format!("{app}-Deployment"), "controller": true}])
        }
        _ => json!([]),
    };
    let tracking = format!("{app}:apps/Deployment:{app}/web");
    let annotations = match kind.as_str() {
        "Deployment" => json!({ "argocd.argoproj.io/tracking-id": tracking }),
        _ => json!({}),
    };
    let running = json!({"running": {"startedAt": "2026-11-28T06:52:00Z"}});
    manifest(&json!({
        "metadata": {"name": name, "namespace": app, "uid": uid, "resourceVersion": "1", "ownerReferences": owner, "annotations": annotations},
        "spec": {"replicas": PODS, "containers": [{"name": "app", "readinessProbe": {}}]},
        "status": {"phase": "Running", "replicas": PODS, "updatedReplicas": PODS, "readyReplicas": PODS, "availableReplicas": PODS,
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-28T06:52:00Z"}],
            "containerStatuses": [{"name": "app", "containerID": "c://1", "ready": true, "restartCount": 0, "state": running}]},
    }))
}

/// Follows so many applications until all are rolled out. Returns the requests by kind and the
/// most memory in use, in KiB.
async fn cost(apps: usize) -> (BTreeMap<&'static str, usize>, u64) {
    let started = std::time::Instant::now();
    let fake = FakeArgocd::start(|request, _| serve(request))
        .await
        .unwrap();
    let names: Vec<String> = (0..apps).map(|number| format!("app-{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let line = [&["sync"], &names[..], &["argocd", "--settle", "0"]].concat();
    let folder = crate::assistant::Folder::new("cost");
    let go = folder.path().join("go");
    let mut run = assistant(&fake, &line)
        .script(&format!("steps: [{{await: {go:?}}}]"))
        .start();
    let logs = || {
        let requests = fake.requests();
        requests
            .iter()
            .filter(|it| path(it).ends_with("/logs"))
            .count()
    };
    run.drain_until(until("all logs", || logs() >= apps * PODS))
        .await;
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", run.child.id().unwrap())).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let most: u64 = most
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    std::fs::write(go, "").unwrap();
    let ended = run.end().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
    let mut counts = BTreeMap::new();
    for request in fake.requests() {
        let path = path(&request);
        let kind = match path {
            path if path.contains("/stream/") => "streams",
            path if path.ends_with("/logs") => "logs",
            path if path.ends_with("/resource") => "reads of objects",
            path if path.ends_with("/resource-tree") => "trees",
            path if path.ends_with("/events") && request.path.contains("resourceUID=") => {
                "events of objects"
            }
            path if path.ends_with("/events") => "events of applications",
            path if path.contains("/can-i/") => "rights",
            path if path.starts_with("/api/v1/applications/") => "applications",
            _ => "once",
        };
        *counts.entry(kind).or_default() += 1;
    }
    counts.insert(
        "seconds",
        usize::try_from(started.elapsed().as_secs()).unwrap(),
    );
    (counts, most)
}

/// The requests of fifty applications are fifty times those of one, and no more.
#[tokio::test]
async fn fifty_applications_over_the_api_ask_for_each_thing_once() {
    let (few, _) = cost(5).await;
    let (many, memory) = cost(50).await;
    println!("50 applications of {PODS} pods over Argo CD's API: {many:?}, {memory} KiB");
    for (counts, apps) in [(&few, 5), (&many, 50)] {
        let of = |kind: &str| counts.get(kind).copied().unwrap_or(0);
        // One follows, and one looks at the end whether that was all.
        let logs = apps * PODS..=2 * apps * PODS;
        assert!(logs.contains(&of("logs")), "{counts:?}");
        // One each; a node that has changed by the time its object is there is read once more.
        let reads = apps * (PODS + 2)..=apps * (PODS + 2) + apps;
        assert!(reads.contains(&of("reads of objects")), "{counts:?}");
        assert!(of("trees") <= 4 * apps, "{counts:?}");
        assert_eq!(of("rights"), apps, "{counts:?}");
        assert_eq!(of("streams"), apps * 2, "{counts:?}");
        assert!(of("applications") <= apps * 4, "{counts:?}");
        assert!(of("once") <= 4, "{counts:?}");
        // All objects are healthy from the start: their events tell nothing of this rollout.
        assert_eq!(of("events of objects"), 0, "{counts:?}");
        let rounds = 1 + of("seconds") / (10 * (apps / 10).max(1));
        assert!(of("events of applications") <= apps * rounds, "{counts:?}");
    }
}
