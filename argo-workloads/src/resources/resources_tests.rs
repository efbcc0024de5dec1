// A resource through its reports and reads.

use serde_json::json;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "callers write json! in place"
)]
fn application(health: &str, resources: serde_json::Value) -> Application {
    serde_json::from_value(json!({"metadata": {"name": "shop", "namespace": "argocd", "uid": "a"},
        "status": {"sync": {"status": "Synced"}, "health": {"status": health}, "resources": resources}}))
    .unwrap()
}

fn ingress() -> serde_json::Value {
    json!({"group": "networking.k8s.io", "version": "v1", "kind": "Ingress", "namespace": "shop",
        "name": "web", "status": "Synced"})
}

fn name(kind: &str) -> ObjectName {
    let group = if kind == "Ingress" {
        "networking.k8s.io"
    } else {
        ""
    };
    ObjectName {
        kind: GroupKind::new(group, kind),
        namespace: "shop".into(),
        name: "web".into(),
    }
}

fn no_workloads(_: &GroupKind) -> bool {
    false
}

#[test]
fn an_ingress_without_a_reported_health_is_read_and_named() {
    let mut resources = Resources::default();
    resources.application(&application("Progressing", json!([ingress()])), at(0));
    assert!(resources.due(no_workloads, at(1)).is_empty());
    let due = resources.due(no_workloads, at(2));
    assert_eq!((&*due[0].name.name, &*due[0].version), ("web", "v1"));
    // One read at a time.
    assert!(resources.due(no_workloads, at(9)).is_empty());
    let live = json!({"metadata": {"uid": "u"}, "status": {}});
    let answer = |live: serde_json::Value| Answer {
        name: name("Ingress"),
        live: LiveObject::Found(Box::new(live)),
    };
    assert!(resources.answer(answer(live.clone()), at(3)).is_some());
    assert!(resources.answer(answer(live), at(4)).is_none());
    let waits = resources.waits(at(120));
    assert_eq!(
        waits[0].sentence(at(120)),
        "Ingress/web: Progressing, no address yet (2 m)"
    );
    let address = json!({"metadata": {"uid": "u"}, "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}});
    resources.answer(answer(address), at(121));
    assert!(resources.waits(at(121)).is_empty());
}

#[test]
fn what_argo_cd_reports_counts_more_than_the_object() {
    let mut resources = Resources::default();
    let report = |health| Report {
        name: name("Ingress"),
        sync: Some("Synced".to_owned()),
        health: Some(health),
        message: None,
    };
    resources.report(report(Health::Progressing), at(0));
    assert_eq!(resources.waits(at(5)).len(), 1);
    resources.report(report(Health::Healthy), at(6));
    assert!(resources.waits(at(7)).is_empty());
    assert!(resources.due(no_workloads, at(60)).is_empty());
}

#[test]
fn nothing_is_read_of_a_healthy_application() {
    let mut resources = Resources::default();
    resources.application(&application("Healthy", json!([ingress()])), at(0));
    assert!(resources.due(no_workloads, at(60)).is_empty());
}

#[test]
fn reads_become_rare() {
    let mut resources = Resources::default();
    resources.application(&application("Progressing", json!([ingress()])), at(0));
    let mut reads = 0;
    for second in 0..600 {
        for request in resources.due(no_workloads, at(second)) {
            reads += 1;
            let live = LiveObject::Found(Box::new(json!({"metadata": {"uid": "u"}})));
            resources.answer(
                Answer {
                    name: request.name,
                    live,
                },
                at(second),
            );
        }
    }
    assert!((20..=25).contains(&reads), "{reads}");
}

#[test]
fn a_resource_that_left_the_application_is_forgotten() {
    let mut resources = Resources::default();
    resources.application(&application("Progressing", json!([ingress()])), at(0));
    let other = json!({"kind": "Service", "namespace": "shop", "name": "web", "status": "Synced"});
    resources.application(&application("Progressing", json!([other])), at(1));
    assert!(resources.get(&name("Ingress")).is_none());
    assert!(resources.get(&name("Service")).is_some());
}
