//! Secrets that are planted everywhere but in logs, and must be shown nowhere.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use argo_assistant::{
    argocd::{Argocd, ArgocdConfig, ArgocdEvent, ArgocdExit, Stream},
    render::Renderer,
    session::{Effect, Exited, Input, Session},
};
use argo_core::{
    AppRef, GroupKind, KindTraits, Level, Notice, NoticeCode, ObjectRef, TrackEvent, Tracked,
    TrackedBody, WatchEvent,
};
use argo_workloads::{builtin, describe};
use jiff::Timestamp;
use serde_json::json;
use simcluster::scenario::Scenario;

use super::{
    assistant::Folder,
    stage::{self, Stage},
};

const SCENARIO: &str = r#"
name: canaries
application: {name: shop, destination: shop-prod}
objects: |
  apiVersion: v1
  kind: Secret
  metadata: {name: credentials, namespace: shop-prod}
  stringData: {password: CANARY-secret}
steps:
- at: 1s
  sync:
    user: ci
    manifests: |
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: web
        annotations: {note: CANARY-annotation, kubectl.kubernetes.io/last-applied-configuration: '{"env": "CANARY-applied"}'}
      spec:
        selector: {matchLabels: {app: web}}
        template:
          metadata:
            labels: {app: web}
            annotations:
              simcluster/behaviour: |
                app: {pull: {error: "failed to do request: Head \"https://ci:CANARY-pull@registry.example.com/v2/shop/web/manifests/2?token=CANARY-query\": 401 Unauthorized"}}
          spec:
            containers:
            - name: app
              image: ci:CANARY-image@registry.example.com/shop/web:2
              env: [{name: PASSWORD, value: CANARY-env}]
              args: [--password=CANARY-argument]
      ---
      apiVersion: apps/v1
      kind: StatefulSet
      metadata: {name: db}
      spec:
        selector: {matchLabels: {app: db}}
        template:
          metadata:
            labels: {app: db}
            annotations:
              simcluster/behaviour: |
                app: {start_error: "failed to start: exec: \"/app\": cannot reach https://root:CANARY-start@vault.example.com/: password=CANARY-pair"}
          spec:
            containers:
            - name: app
              image: registry.example.com/shop/db:2
              env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: credentials, key: password}}}]
- at: 5s
  application:
    status:
      conditions:
      - {type: ComparisonError, lastTransitionTime: "2026-11-23T10:00:05Z", message: "failed to fetch https://git:CANARY-git@git.example.com/shop.git: authentication required"}
      operationState:
        phase: Failed
        message: "cannot clone https://oauth2:CANARY-operation@git.example.com/shop.git"
        startedAt: "2026-11-23T10:00:01Z"
        finishedAt: "2026-11-23T10:00:05Z"
        operation: {sync: {}}
        syncResult:
          resources:
          - {group: apps, version: v1, kind: Deployment, namespace: shop-prod, name: web, status: SyncFailed, syncPhase: Sync, message: "webhook https://hook:CANARY-result@hook.example.com refused"}
"#;

#[tokio::test(start_paused = true)]
async fn no_secret_is_ever_shown() {
    let scenario = Scenario::parse("canaries", SCENARIO).unwrap();
    let mut stage = Stage::open(&scenario, stage::config()).await;
    stage.play(Duration::from_secs(120)).await;
    let (summary, _) = stage.argocd_times_out();
    assert!(summary.findings.len() >= 3, "{:?}", summary.findings);
    let objects: Vec<String> = [
        "deployments.apps",
        "events",
        "pods",
        "secrets",
        "applications.argoproj.io",
    ]
    .into_iter()
    .flat_map(|kind| stage.cluster.store().list(kind, None).unwrap().items)
    .map(|object| object.value().to_string())
    .collect();
    assert!(
        objects.join("\n").matches("CANARY").count() > 12,
        "they are planted"
    );
    let (_, look) = Stage::one_look(stage.cluster);
    let look = argo_assistant::verdict::text(&look, &stage::settings("text"));
    for shown in [
        String::from_utf8_lossy(&stage.text),
        String::from_utf8_lossy(&stage.json),
        look.into(),
    ] {
        assert!(shown.contains("registry.example.com"));
        let leaks: Vec<&str> = shown
            .lines()
            .filter(|line| line.contains("CANARY"))
            .collect();
        assert!(leaks.is_empty(), "{leaks:#?}");
    }
}

/// Every form in which a secret comes, kept beside the rules that cut it.
#[path = "../../../argo-core/src/text/redact/forms.rs"]
mod forms;

const CANARY: &str = "k3J9xQ2mZp7wB5tR";

/// The ways on which a message reaches the screen.
const WAYS: [&str; 5] = ["text", "JSON", "verdict", "notice", "argocd line"];

/// Each form goes through a session as the message of a pod, a workload, an Application and an
/// event, then as a notice and as a line of argocd.
#[tokio::test]
async fn no_form_gets_out_on_any_way() {
    let messages: Vec<String> = forms::FORMS
        .iter()
        .map(|(_, form)| form.replace("{}", CANARY))
        .collect();
    let lines = argocd_lines(&messages).await;
    let mut leaks = Vec::new();
    println!("{:<42} {}", "form", WAYS.join(" | "));
    for ((name, _), (message, lines)) in forms::FORMS.iter().zip(messages.iter().zip(&lines)) {
        let shown = shown(message, lines);
        let marks = WAYS.iter().zip(&shown).map(|(way, shown)| {
            let leaks_here = shown.contains(&CANARY[..8]) || shown.contains(&CANARY[8..]);
            assert!(shown.contains("***"), "{name}, {way}: {shown}");
            (way, leaks_here)
        });
        let marks: Vec<_> = marks.collect();
        let words = marks
            .iter()
            .map(|(_, leak)| if *leak { "LEAK" } else { "cut" });
        println!("{name:<42} {}", words.collect::<Vec<_>>().join(" | "));
        leaks.extend(
            marks
                .iter()
                .filter(|(_, leak)| *leak)
                .map(|(way, _)| format!("{name}: {way}")),
        );
    }
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// Digests, commits, uids, names and sentences are shown on each way as they are.
#[tokio::test]
async fn what_is_no_secret_is_shown() {
    let messages: Vec<String> = forms::HARMLESS.iter().map(ToString::to_string).collect();
    let lines = argocd_lines(&messages).await;
    for (message, lines) in messages.iter().zip(&lines) {
        for shown in shown(message, lines) {
            assert!(!shown.contains("***"), "{shown}");
        }
        assert_eq!(lines.concat(), message.as_bytes());
    }
}

/// Prints messages as lines of argocd, and returns each as it is shown.
async fn argocd_lines(messages: &[String]) -> Vec<Vec<Vec<u8>>> {
    const NEXT: &str = "== the next message";
    let folder = Folder::new("canaries");
    let output = folder.write("output", &messages.join(&format!("\n{NEXT}\n")));
    let script = format!("#!/bin/sh\ncat '{}'\n", output.display());
    let program = folder.write("argocd", &script);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let config = ArgocdConfig {
        program: program.into(),
        ..ArgocdConfig::new(AppRef::new("shop", "argocd"))
    };
    let mut argocd = Argocd::spawn(&config, std::env::vars_os()).unwrap();
    let mut lines = vec![Vec::new()];
    while let ArgocdEvent::Line { text, .. } = argocd.next().await {
        if text == NEXT {
            lines.push(Vec::new());
        } else {
            lines.last_mut().unwrap().push(text.to_vec());
        }
    }
    lines
}

/// The text of a message on each of the [`WAYS`].
fn shown(message: &str, argocd: &[Vec<u8>]) -> [String; 5] {
    let config = stage::config();
    let started = config.started;
    let mut session = Session::new(config);
    let mut renderers = ["text", "json"]
        .map(|format| Renderer::new(stage::settings(format), false, started, "shop".into()));
    let mut records = Vec::new();
    for input in inputs(message, started) {
        records.extend(session.handle(input, started));
    }
    let minute = jiff::SignedDuration::from_secs(60);
    records.extend(session.handle(Input::Tick, started + minute));
    let notice = Notice::new(NoticeCode::Other, Level::Warning, message);
    let notices = session.handle(Input::Notice(notice), started + minute);
    let exited = Exited {
        exit: ArgocdExit::Code(20),
        degraded: false,
    };
    session.handle(Input::Argocd(exited), started + minute);
    let outcome = argo_assistant::argocd::sentence(argocd, ArgocdExit::Code(20));
    let summary = session.summary(Some(&outcome), started + minute);

    let mut render = |at: usize, effects: &[Effect]| {
        let mut out = Vec::new();
        for effect in effects {
            if let Effect::Show(record) = effect {
                renderers[at].record(record, &mut out);
            }
        }
        String::from_utf8(out).unwrap()
    };
    let [text, json] = [render(0, &records), render(1, &records)];
    let notice = render(0, &notices) + &render(1, &notices);
    let mut verdict =
        argo_assistant::verdict::text(&summary, &stage::settings("text")).into_bytes();
    let mut lines = Vec::new();
    for renderer in &mut renderers {
        renderer.verdict(&summary, started, &mut verdict);
        for line in argocd {
            renderer.argo(Stream::Stderr, line, &mut lines);
        }
    }
    let [verdict, lines] = [verdict, lines].map(|bytes| String::from_utf8(bytes).unwrap());
    [text, json, verdict, notice, lines]
}

/// A pod, its workload, the Application and an event that all have the message.
fn inputs(message: &str, started: Timestamp) -> Vec<Input> {
    let meta = |name: &str| json!({"name": name, "namespace": "shop", "uid": name, "creationTimestamp": started, "generation": 1});
    let condition = |type_: &str, status: &str, reason: &str| json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": started});
    let workload = json!({"metadata": meta("web"), "spec": {"replicas": 1}, "status": {"observedGeneration": 1, "replicas": 1,
        "conditions": [condition("Progressing", "False", "ProgressDeadlineExceeded"), condition("ReplicaFailure", "True", "FailedCreate")]}});
    let pod = json!({"metadata": meta("web-1"), "spec": {"containers": [{"name": "app", "image": "web:2"}]}, "status": {"phase": "Pending",
        "containerStatuses": [{"name": "app", "ready": false, "state": {"waiting": {"reason": "ErrImagePull", "message": message}}}]}});
    let application = json!({"metadata": {"name": "shop", "namespace": "argocd", "uid": "shop"}, "status": {
        "conditions": [{"type": "ComparisonError", "message": message, "lastTransitionTime": started}],
        "operationState": {"phase": "Failed", "message": message, "startedAt": started, "finishedAt": started, "syncResult": {"resources": [
            {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "web", "status": "SyncFailed", "message": message}]}}}});
    let workload_body = TrackedBody::Workload(serde_json::from_value(workload).unwrap());
    let pod_body = TrackedBody::Pod(serde_json::from_value(pod).unwrap());
    let web = object(GroupKind::new("apps", "Deployment"), "web");
    let mut inputs = vec![
        tracked(&web, &web, workload_body),
        tracked(&object(GroupKind::new("", "Pod"), "web-1"), &web, pod_body),
        TrackEvent::Application(serde_json::from_value(application).unwrap()),
        TrackEvent::Synced,
    ];
    let mut follower = argo_events::engine::Follower::new(
        argo_events::EventConfig::default().since(started),
        false,
    );
    for input in &inputs {
        follower.track(input, Duration::ZERO);
    }
    let event = json!({"metadata": {"name": "e", "namespace": "shop", "uid": "e", "resourceVersion": "1"}, "type": "Warning", "reason": "Failed", "message": message,
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-1", "uid": "web-1", "fieldPath": "spec.containers{app}"}, "count": 1, "lastTimestamp": started});
    let scope = argo_events::EventScope {
        namespace: "shop".into(),
        applications: false,
        fields: None,
    };
    let event = WatchEvent::Applied(serde_json::from_value(event).unwrap());
    follower.watched(&scope, event, Duration::ZERO);
    let mut inputs: Vec<Input> = inputs.drain(..).map(Input::Track).collect();
    inputs.extend(std::iter::from_fn(|| follower.next_item()).map(Input::Event));
    inputs
}

fn object(kind: GroupKind, name: &str) -> ObjectRef {
    ObjectRef {
        kind,
        namespace: "shop".into(),
        name: name.into(),
        uid: name.into(),
    }
}

fn tracked(object: &ObjectRef, root: &ObjectRef, body: TrackedBody) -> TrackEvent {
    TrackEvent::Applied(describe(
        &builtin(),
        Tracked {
            object: object.clone(),
            owner: (object != root).then(|| root.clone()),
            root: root.clone(),
            hook: None,
            is_new: true,
            rollout: None,
            traits: KindTraits::default(),
            body,
        },
    ))
}
