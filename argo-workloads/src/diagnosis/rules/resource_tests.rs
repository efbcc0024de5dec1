// Resources that Argo CD waits for, and the findings about them.

use std::sync::Arc;

use argo_core::{GroupKind, ObjectName, TrackEvent, resource::Application};
use serde_json::{Value, json};

use crate::{
    diagnosis::{
        Code, Finding, Severity, Thresholds, examine,
        made_tests::{World, at},
    },
    resources::{Answer, Health, LiveObject, Report},
};

fn name(group: &str, kind: &str, name: &str) -> ObjectName {
    ObjectName {
        kind: GroupKind::new(group, kind),
        namespace: "shop".into(),
        name: name.into(),
    }
}

fn report(world: &mut World, name: &ObjectName, health: Health, second: i64) {
    let report = Report {
        name: name.clone(),
        sync: Some("Synced".to_owned()),
        health: Some(health),
        message: None,
    };
    world.facts.resources_mut().report(report, at(second));
}

fn live(world: &mut World, name: &ObjectName, object: Value, second: i64) {
    let answer = Answer {
        name: name.clone(),
        live: LiveObject::Found(Box::new(object)),
    };
    world.facts.resources_mut().answer(answer, at(second));
}

fn find(world: &mut World, second: i64) -> Vec<Finding> {
    examine(&mut world.facts, &Thresholds::default(), at(second))
}

#[test]
fn an_ingress_without_an_address_is_named_after_a_minute() {
    let mut world = World::new();
    let ingress = name("networking.k8s.io", "Ingress", "web");
    report(&mut world, &ingress, Health::Progressing, 1);
    live(
        &mut world,
        &ingress,
        json!({"metadata": {"uid": "u"}, "spec": {"ingressClassName": "nginx"}}),
        4,
    );
    assert!(find(&mut world, 50).is_empty());
    let found = find(&mut world, 61);
    let finding = &found[0];
    assert_eq!(finding.code, Code::WaitingForResource);
    assert_eq!(finding.workload.to_string(), "Ingress/web");
    assert_eq!(finding.sentence, "still Progressing: no address yet");
    assert_eq!(
        finding.evidence,
        ["no controller of the ingress class nginx has given it an address"]
    );
    assert_eq!(
        finding.next.as_deref(),
        Some("kubectl -n shop describe ingress.networking.k8s.io web")
    );
    report(&mut world, &ingress, Health::Healthy, 62);
    assert!(find(&mut world, 130).is_empty());
}

#[test]
fn a_degraded_resource_comes_before_what_is_merely_waited_for() {
    let mut world = World::new();
    let (ingress, hpa) = (
        name("networking.k8s.io", "Ingress", "web"),
        name("autoscaling", "HorizontalPodAutoscaler", "web"),
    );
    report(&mut world, &ingress, Health::Progressing, 1);
    report(&mut world, &hpa, Health::Degraded, 20);
    live(
        &mut world,
        &hpa,
        json!({"metadata": {"uid": "h"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "nope"}},
        "status": {"conditions": [{"type": "AbleToScale", "status": "False", "reason": "FailedGetScale",
            "message": "deployments.apps \"nope\" not found"}]}}),
        23,
    );
    let found = find(&mut world, 90);
    let told: Vec<_> = found
        .iter()
        .map(|finding| (finding.code, &*finding.sentence))
        .collect();
    assert_eq!(
        told,
        [
            (
                Code::DegradedResource,
                "Degraded: its target Deployment/nope does not exist"
            ),
            (Code::WaitingForResource, "still Progressing"),
        ]
    );
    assert_eq!(found[0].severity, Severity::Suspicious);
}

#[test]
fn what_was_degraded_before_this_sync_says_so() {
    let mut world = World::new();
    let secret = name("external-secrets.io", "ExternalSecret", "db");
    report(&mut world, &secret, Health::Degraded, 1);
    live(
        &mut world,
        &secret,
        json!({"metadata": {"uid": "s"}, "status": {"conditions": [{"type": "Ready", "status": "False",
        "reason": "SecretSyncedError", "message": "no such key", "lastTransitionTime": at(-600).to_string()}]}}),
        4,
    );
    assert!(find(&mut world, 20).is_empty());
    let found = find(&mut world, 40);
    assert_eq!(
        found[0].sentence,
        "Degraded: Ready is False (SecretSyncedError): no such key; already so before this sync"
    );
}

#[test]
fn nothing_is_said_of_a_healthy_application_or_of_a_followed_workload() {
    let mut world = World::with_deployment();
    report(
        &mut world,
        &name("apps", "Deployment", "web"),
        Health::Progressing,
        1,
    );
    assert!(
        !find(&mut world, 200)
            .iter()
            .any(|finding| finding.code == Code::WaitingForResource)
    );
    let application: Application = serde_json::from_value(json!({"metadata": {"name": "shop", "namespace": "argocd", "uid": "a"},
        "status": {"health": {"status": "Healthy"}, "sync": {"status": "Synced"}, "resources": [
            {"group": "networking.k8s.io", "kind": "Ingress", "namespace": "shop", "name": "web", "status": "Synced"}]}})).unwrap();
    world
        .facts
        .track(&TrackEvent::Application(Arc::new(application)), at(2));
    let ingress = name("networking.k8s.io", "Ingress", "web");
    live(&mut world, &ingress, json!({"metadata": {"uid": "u"}}), 4);
    assert!(find(&mut world, 200).is_empty());
}

#[test]
fn a_claim_says_why_no_volume_is_bound() {
    let mut world = World::new();
    let claim = name("", "PersistentVolumeClaim", "data");
    report(&mut world, &claim, Health::Progressing, 1);
    let object = json!({"metadata": {"uid": "u"}, "spec": {"storageClassName": "fast"}, "status": {"phase": "Pending"}});
    live(&mut world, &claim, object, 4);
    world.facts.event(crate::diagnosis::EventFact {
        object: argo_core::ObjectRef {
            kind: claim.kind.clone(),
            namespace: "shop".into(),
            name: "data".into(),
            uid: "u".into(),
        },
        container: None,
        reason: "ProvisioningFailed".to_owned(),
        message: "storageclass.storage.k8s.io \"fast\" not found".to_owned(),
        type_: "Warning".to_owned(),
        count: 1,
        first: at(5),
        last: at(5),
    });
    let found = find(&mut world, 65);
    assert_eq!(
        found[0].sentence,
        "still Progressing: Pending, no volume is bound (storageclass.storage.k8s.io \"fast\" not found)"
    );
}
