// What an operation and its retries say.

use std::sync::Arc;

use argo_core::{
    GroupKind, KindTraits, ObjectRef, TrackEvent, Tracked, TrackedBody, resource::Application,
};
use serde_json::{Value, json};

use jiff::Timestamp;

use crate::diagnosis::{Code, Facts, Finding, Severity, Thresholds, examine};
use crate::{builtin, describe};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// An Application whose syncs are told one after the other.
struct Syncs(Facts);

impl Syncs {
    fn new() -> Self {
        Self(Facts::new(at(0)))
    }

    fn apply(&mut self, tracked: &Tracked) {
        let event = TrackEvent::Applied(tracked.clone());
        self.0.track(&event, at(5));
    }

    fn remove(&mut self, tracked: &Tracked) {
        let event = TrackEvent::Removed(tracked.object.clone());
        self.0.track(&event, at(5));
    }

    fn application(&mut self, value: Value) {
        let application: Application = serde_json::from_value(value).unwrap();
        let event = TrackEvent::Application(Arc::new(application));
        self.0.track(&event, at(5));
    }

    fn examine(&mut self) -> Vec<Finding> {
        examine(&mut self.0, &Thresholds::default(), at(10))
    }

    /// Returns the faults once the operation is like this.
    fn tell(&mut self, phase: &str, retry: i64, results: &[Value]) -> Vec<Finding> {
        let value = json!({"metadata": {"name": "shop", "namespace": "argocd", "uid": "a"},
            "status": {"operationState": {"phase": phase, "retryCount": retry,
                "message": format!("one or more objects failed to apply (retried {retry} times)."),
                "startedAt": at(1).to_string(), "syncResult": {"resources": results}}}});
        self.application(value);
        self.examine()
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

fn object(kind: GroupKind, name: &str, uid: &str) -> ObjectRef {
    ObjectRef {
        kind,
        namespace: "n".into(),
        name: name.into(),
        uid: uid.into(),
    }
}

/// One run of the hook `Job/migrate`: it has this condition.
fn job(uid: &str, condition: &str) -> Tracked {
    let value = json!({"spec": {"completions": 1}, "status": {"conditions": [
        {"type": condition, "status": "True", "lastTransitionTime": at(4).to_string()}]}});
    let object = object(GroupKind::new("batch", "Job"), "migrate", uid);
    let tracked = Tracked {
        root: object.clone(),
        object,
        owner: None,
        hook: Some("PreSync".into()),
        is_new: true,
        rollout: None,
        traits: KindTraits::default(),
        body: TrackedBody::Workload(Arc::new(serde_json::from_value(value).unwrap())),
    };
    describe(&builtin(), tracked)
}

/// The pod of a run that ended with code 3.
fn pod(job: &Tracked) -> Tracked {
    let ended = json!({"terminated": {"exitCode": 3, "reason": "Error",
        "startedAt": at(2).to_string(), "finishedAt": at(3).to_string()}});
    let value = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "app"}]},
        "status": {"phase": "Failed", "containerStatuses": [{"name": "app", "state": ended}]}});
    Tracked {
        object: object(GroupKind::new("", "Pod"), "migrate-1", "p"),
        owner: Some(job.object.clone()),
        rollout: None,
        traits: KindTraits::default(),
        body: TrackedBody::Pod(Arc::new(serde_json::from_value(value).unwrap())),
        ..job.clone()
    }
}

/// A hook that failed and was deleted for a retry, which has begun.
fn hook_is_made_anew() -> Syncs {
    let mut syncs = Syncs::new();
    let first = job("first", "Failed");
    let pod = pod(&first);
    syncs.apply(&first);
    syncs.apply(&pod);
    let line = (Some(at(3)), &b"ERROR: relation exists"[..]);
    syncs
        .0
        .lines(&"p".into(), &"app".into(), &"A".into(), [line].into_iter());
    syncs.tell("Running", 1, &[hook("Failed")]);
    syncs.remove(&pod);
    syncs.remove(&first);
    syncs.apply(&job("second", "Progressing"));
    syncs
}

#[test]
fn how_a_hook_failed_is_known_until_its_next_run_has_ended() {
    for results in [vec![], vec![hook("Running")]] {
        let findings = hook_is_made_anew().tell("Running", 1, &results);
        let [finding] = &findings[..] else {
            panic!("{findings:#?}")
        };
        assert!(
            finding.sentence.contains("exit 3") && finding.sentence.contains("relation exists"),
            "{}",
            finding.sentence
        );
        assert_eq!(finding.severity, Severity::Suspicious, "it is tried again");
        assert_eq!(finding.next, None, "its log is gone");
    }
    let mut syncs = hook_is_made_anew();
    syncs.apply(&job("second", "Complete"));
    assert_eq!(syncs.tell("Running", 1, &[hook("Succeeded")]), []);
}

#[test]
fn another_sync_owes_nothing_to_a_hook_that_is_gone() {
    let mut syncs = Syncs::new();
    let first = job("first", "Failed");
    syncs.apply(&first);
    syncs.remove(&first);
    assert_eq!(syncs.examine().len(), 1);
    let operation = json!({"phase": "Running", "startedAt": at(6).to_string()});
    let value =
        json!({"metadata": {"name": "shop", "uid": "a"}, "status": {"operationState": operation}});
    syncs.application(value);
    assert_eq!(syncs.examine(), []);
}

#[test]
fn the_value_of_an_immutable_template_is_left_out() {
    let template = "\"labels\":{\"app\":\"seed\"},".repeat(20);
    let message = format!(
        "Job.batch \"seed\" is invalid: spec.template: Invalid value: {{{template}}}: field is immutable"
    );
    let result = json!({"group": "batch", "kind": "Job", "namespace": "n", "name": "seed",
        "status": "SyncFailed", "message": message});
    let findings = Syncs::new().tell("Failed", 0, &[result]);
    let sentence = &findings[0].sentence;
    let end = "Job/seed is invalid: spec.template: field is immutable";
    assert!(sentence.ends_with(end), "{sentence}");
}

#[test]
fn a_hook_that_is_a_pod_is_one_finding() {
    let mut syncs = Syncs::new();
    let mut lint = pod(&job("first", "Complete"));
    lint.object = object(GroupKind::new("", "Pod"), "lint", "l");
    (lint.root, lint.owner) = (lint.object.clone(), None);
    syncs.apply(&lint);
    let result = json!({"kind": "Pod", "namespace": "n", "name": "lint", "hookType": "PreSync",
        "hookPhase": "Failed", "message": "container app failed"});
    let findings = syncs.tell("Running", 1, &[result]);
    let codes: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::JobFailed]);
}
