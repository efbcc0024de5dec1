// What an operation and its retries say.

use std::sync::Arc;

use argo_core::resource::Application;
use serde_json::{Value, json};

use super::{
    super::{Code, Finding, Thresholds, World, examine},
    *,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// An Application whose syncs are told one after the other.
struct Syncs(World);

impl Syncs {
    fn new() -> Self {
        Self(World::new(at(0)))
    }

    /// What is wrong once the operation is like this.
    fn tell(&mut self, phase: &str, retry: i64, results: &[Value]) -> Vec<Finding> {
        let value = json!({"metadata": {"name": "shop", "namespace": "argocd", "uid": "a"},
            "status": {"operationState": {"phase": phase, "retryCount": retry,
                "message": format!("one or more objects failed to apply (retried {retry} times)."),
                "startedAt": at(1).to_string(), "syncResult": {"resources": results}}}});
        let application: Application = serde_json::from_value(value).unwrap();
        self.0.application(&Arc::new(application));
        examine(&self.0, &Thresholds::default(), at(10))
    }
}

fn refused(name: &str, message: &str) -> Value {
    json!({"kind": "Deployment", "namespace": "n", "name": name, "status": "SyncFailed", "message": message})
}

fn synced(name: &str) -> Value {
    json!({"kind": "Deployment", "namespace": "n", "name": name, "status": "Synced", "message": "configured"})
}

fn hook(phase: &str) -> Value {
    json!({"kind": "Job", "namespace": "n", "name": "migrate", "hookType": "PreSync", "hookPhase": phase})
}

fn told(findings: &[Finding]) -> Vec<(Code, String, String)> {
    let told = findings.iter().map(|finding| {
        (
            finding.code,
            finding.cause.clone(),
            finding.sentence.clone(),
        )
    });
    told.collect()
}

const WEBHOOK: &str = "admission webhook refused Deployment";

#[test]
fn the_order_of_the_results_is_no_other_cause() {
    let mut syncs = Syncs::new();
    let (api, web) = (refused("api", "is invalid"), refused("web", WEBHOOK));
    let first = syncs.tell("Running", 1, &[web.clone(), api.clone()]);
    let empty = syncs.tell("Running", 1, &[]);
    let half = syncs.tell("Running", 1, std::slice::from_ref(&web));
    let second = syncs.tell("Running", 2, &[api, web]);
    assert_eq!(first[0].code, Code::SyncFailed);
    assert!(
        first[0]
            .sentence
            .contains("Deployment/api: is invalid; and 1 more")
    );
    for again in [empty, half, second] {
        assert_eq!(told(&again), told(&first));
    }
}

#[test]
fn another_reason_is_another_cause() {
    let mut syncs = Syncs::new();
    let webhook = |name: &str| refused(name, &format!("{WEBHOOK} \"{name}\""));
    let first = syncs.tell("Running", 1, &[webhook("web")]);
    let more = syncs.tell("Running", 2, &[webhook("web"), webhook("api")]);
    assert_eq!(more[0].cause, first[0].cause, "one webhook");
    let other = syncs.tell("Running", 2, &[refused("web", "is invalid"), synced("api")]);
    assert_ne!(other[0].cause, first[0].cause);
}

#[test]
fn it_ends_with_what_a_retry_or_another_sync_brings() {
    let mut syncs = Syncs::new();
    assert_eq!(
        syncs.tell("Running", 1, &[refused("web", WEBHOOK)]).len(),
        1
    );
    assert_eq!(syncs.tell("Running", 1, &[synced("web")]), []);
    assert_eq!(syncs.tell("Failed", 1, &[refused("web", WEBHOOK)]).len(), 1);
    assert_eq!(syncs.tell("Running", 0, &[]), []);
}

#[test]
fn a_hook_has_failed_until_its_next_run_has_ended() {
    let mut syncs = Syncs::new();
    for results in [vec![hook("Failed")], vec![], vec![hook("Running")]] {
        let findings = syncs.tell("Running", 1, &results);
        assert_eq!(findings[0].code, Code::HookFailed, "{results:?}");
    }
    assert_eq!(syncs.tell("Running", 1, &[hook("Succeeded")]), []);
}
