//! Secrets that are planted everywhere but in logs, and must be shown nowhere.

use std::time::Duration;

use simcluster::scenario::Scenario;

use super::stage::{self, Stage};

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
