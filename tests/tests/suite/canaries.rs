//! Secrets that are planted everywhere but in logs, and must be shown nowhere.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use argo_assistant::argocd::{Argocd, ArgocdConfig, ArgocdEvent};
use argo_core::AppRef;
use simcluster::scenario::Scenario;

use self::ways::{WAYS, shown};
use super::{
    assistant::Folder,
    stage::{self, Stage},
};

mod inputs;
mod ways;

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

/// Each form goes through a session as the message of a pod, a workload, an Application and an
/// event, then as a notice and as a line of argocd; and it is looked for on every way out.
#[tokio::test]
async fn no_form_gets_out_on_any_way() {
    let messages: Vec<String> = forms::FORMS
        .iter()
        .map(|(_, form)| form.replace("{}", CANARY))
        .collect();
    let lines = argocd_lines(&messages).await;
    let mut table = format!("{:<42} {}\n", "form", WAYS.join(" | "));
    let mut wrong = Vec::new();
    let mut cut = 0;
    for ((name, _), (message, lines)) in forms::FORMS.iter().zip(messages.iter().zip(&lines)) {
        let cells = WAYS
            .iter()
            .zip(shown(message, lines).await)
            .map(|(way, shown)| {
                let cell = Cell::of(&shown);
                if cell != Cell::Cut {
                    wrong.push(format!("{name}, {way}: {cell:?}: {shown}"));
                }
                cut += usize::from(cell == Cell::Cut);
                format!("{cell:?}")
            });
        let cells: Vec<_> = cells.collect();
        table.push_str(&format!("{name:<42} {}\n", cells.join(" | ")));
    }
    println!("{table}{cut} cells");
    assert!(wrong.is_empty(), "{table}\n{}", wrong.join("\n"));
    assert_eq!(cut, forms::FORMS.len() * WAYS.len());
}

/// The fate of a secret on a way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// The message is there, with a mark in the place of the secret.
    Cut,
    /// A part of the secret is there.
    Leak,
    /// The message is not there, so that the test shows nothing.
    Absent,
}

impl Cell {
    fn of(shown: &str) -> Self {
        let (first, second) = CANARY.split_at(CANARY.len() / 2);
        // Markdown escapes the stars.
        let is_cut = shown.contains("***") || shown.contains(r"\*\*\*");
        if shown.contains(first) || shown.contains(second) {
            Self::Leak
        } else if is_cut {
            Self::Cut
        } else {
            Self::Absent
        }
    }
}

/// Digests, commits, uids, names and sentences are shown on each way as they are.
#[tokio::test]
async fn what_is_no_secret_is_shown() {
    let messages: Vec<String> = forms::HARMLESS.iter().map(ToString::to_string).collect();
    let lines = argocd_lines(&messages).await;
    for (message, lines) in messages.iter().zip(&lines) {
        for shown in shown(message, lines).await {
            assert!(!shown.contains("***"), "{shown}");
        }
        assert_eq!(lines.concat(), message.as_bytes());
    }
}

/// Prints messages as lines of argocd, and returns each as it is shown. Each has an argocd of its
/// own: a key block that is cut takes the lines after it along.
async fn argocd_lines(messages: &[String]) -> Vec<Vec<Vec<u8>>> {
    let folder = Folder::new("canaries");
    let output = folder.path().join("output");
    let program = folder.write(
        "argocd",
        &format!("#!/bin/sh\ncat '{}'\n", output.display()),
    );
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let config = ArgocdConfig {
        program: program.into(),
        ..ArgocdConfig::new(AppRef::new("shop", "argocd"))
    };
    let mut all = Vec::new();
    for message in messages {
        std::fs::write(&output, message).unwrap();
        let mut argocd = Argocd::spawn(&config, std::env::vars_os()).unwrap();
        let mut lines = Vec::new();
        while let ArgocdEvent::Line { text, .. } = argocd.next().await {
            lines.push(text.to_vec());
        }
        all.push(lines);
    }
    all
}
