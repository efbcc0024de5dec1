//! Whole blocks, as people read them.

use super::*;

#[track_caller]
fn check(summary: &Summary, expected: &str) {
    let text = text(summary, &Settings::of_pairs(&[]));
    assert!(text == expected.trim_start_matches('\n'), "got:\n{text}");
}

#[test]
fn a_good_rollout_is_one_line() {
    check(
        &good(),
        r#"
Rolled out shop in 1 m 06 s: 3 workloads, 5 pods, 0 restarts. Slowest: Deployment/web, 58 s (readiness of web-6d4cf56db-9kq2z).
"#,
    );
}

#[test]
fn a_good_rollout_with_something_to_tell_is_three_lines_at_most() {
    let mut summary = good();
    summary.findings = crash_loop().findings;
    summary.operation = vec!["PostSync hook Job/smoke failed.".to_owned()];
    check(
        &summary,
        r#"
Rolled out shop in 1 m 06 s: 3 workloads, 5 pods, 0 restarts. Slowest: Deployment/web, 58 s (readiness of web-6d4cf56db-9kq2z).
Worth a look: StatefulSet/db: db-1: container postgres crashes on start (exit 1, 3 times in 55 s): FATAL:  data directory "/data" has wrong ownership
PostSync hook Job/smoke failed.
"#,
    );
}

#[test]
fn a_crash_loop() {
    check(
        &crash_loop(),
        r#"
──────────────────────────────────────────────────────────────────────────────
TIMED OUT  shop  after 5 m: StatefulSet/db crash-loop  (argocd exit 20)
  argocd gave up waiting: its --timeout ran out

    Workload           Ready   Restarts   Waiting for
  ✔ Deployment/web     3/3     0          –
  ✘ StatefulSet/db     1/2     6          db-1: container postgres crashes on start (exit 1, 3 time…
  ✔ Job/shop-migrate   done    0          –

StatefulSet/db  crash-loop
  db-1: container postgres crashes on start (exit 1, 3 times in 55 s): FATAL: data directory "/data"
  has wrong ownership.
  exit code 1, 2 s after its start; 6 restarts since 10:01:46
    10:06:12  FATAL:  data directory "/data" has wrong ownership
    10:06:12  HINT:  The server must be started by the user that owns the data directory.
  Next: kubectl -n shop-prod logs db-1 -c postgres --previous

StatefulSet/db: db-1: container postgres crashes on start (exit 1, 3 times in 55 s): FATAL:  data directory "/data" has wrong ownership
"#,
    );
}

#[test]
fn two_deployments_with_one_cause_share_a_paragraph() {
    check(
        &image_typo(),
        r#"
──────────────────────────────────────────────────────────────────────────────
FAILED  shop  after 1 m 31 s: Deployment/web, Deployment/worker image-pull  (doomed for 1 m)

    Workload            Ready   Restarts   Waiting for
  ✘ Deployment/web      0/3     0          image registry.example.com/shop/web:v1.42 does not exist…
  ✘ Deployment/worker   0/2     0          image registry.example.com/shop/web:v1.42 does not exist…

Deployment/web, Deployment/worker  image-pull
  image registry.example.com/shop/web:v1.42 does not exist (5 pods).
  In Deployment/web (3 pods), Deployment/worker (2 pods)
  the registry answers: manifest unknown
  Next: kubectl -n shop-prod describe pod web-a

Deployment/web, Deployment/worker: image registry.example.com/shop/web:v1.42 does not exist (5 pods)
"#,
    );
}

#[test]
fn a_failed_hook() {
    check(
        &hook_failed(),
        r#"
──────────────────────────────────────────────────────────────────────────────
FAILED  shop  after 17 s: Job/shop-migrate hook-failed  (degraded)
  The sync failed before anything was deployed.

Job/shop-migrate  hook-failed
  PreSync hook Job/shop-migrate failed: exit 3: ERROR: relation "orders" already exists.
  Next: kubectl -n shop-prod logs job/shop-migrate

PreSync hook Job/shop-migrate failed: exit 3: ERROR: relation "orders" already exists
"#,
    );
}

#[test]
fn a_timeout_with_nothing_found() {
    check(
        &nothing(),
        r#"
──────────────────────────────────────────────────────────────────────────────
TIMED OUT  shop  after 5 m

    Workload         Ready   Restarts   Waiting for
  · Deployment/web   2/3     0          2 of 3 ready

No cause found. The last warnings:
    10:00:20  Pod/web-1 FailedToUpdateEndpoint: the object has been modified
    10:00:40  Pod/web-1 Unhealthy: Readiness probe failed: HTTP 503 (×9)
  Next: kubectl -n shop-prod describe deployment.apps/web

Deployment/web: 2 of 3 ready after 5 m, and no cause found
"#,
    );
}

#[test]
fn an_interruption() {
    check(
        &interrupted(),
        r#"
──────────────────────────────────────────────────────────────────────────────
INTERRUPTED  shop  after 12 s  (SIGINT)

    Workload         Ready   Restarts   Waiting for
  · Deployment/web   1/3     0          2 of 3 updated
  · StatefulSet/db   0/1     0          0 of 1 ready

Deployment/web: 2 of 3 updated after 12 s, when it was interrupted (and StatefulSet/db)
"#,
    );
}
