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

#[test]
fn what_stays_different_is_compared_with_git_once() {
    let differing = |status: &str| {
        let listed = json!([{"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop",
            "name": "web", "status": status, "health": {"status": "Healthy"}}]);
        let mut application = application("Healthy", listed);
        application.status.sync.status = Some(status.to_owned());
        application
    };
    let compared = |resources: &mut Resources, second: i64| {
        let due = resources.due(no_workloads, at(second)).into_iter();
        due.filter_map(|request| request.compare).count()
    };
    let mut resources = Resources::default();
    resources.application(&differing("OutOfSync"), at(0));
    assert_eq!(
        compared(&mut resources, 4),
        0,
        "it may be compared again at once"
    );
    assert_eq!(compared(&mut resources, 5), 1);
    assert_eq!(compared(&mut resources, 60), 0, "it was asked for");
    let name = ObjectName {
        kind: GroupKind::new("apps", "Deployment"),
        ..name("Service")
    };
    let answer = |fields: &[&str]| Answer {
        name: name.clone(),
        live: LiveObject::Differs(fields.iter().map(|&field| field.to_owned()).collect()),
    };
    assert_eq!(resources.answer(answer(&["spec.replicas"]), at(61)), None);
    let fields = vec!["spec.replicas".to_owned()];
    assert_eq!(resources.get(&name).unwrap().drift, Drift::Fields(fields));
    resources.answer(answer(&[]), at(62));
    assert_eq!(resources.get(&name).unwrap().drift, Drift::Unknown);
    // While a sync runs everything differs.
    let mut syncing = Resources::default();
    let mut application = differing("OutOfSync");
    application.operation = true;
    syncing.application(&application, at(0));
    assert_eq!(compared(&mut syncing, 60), 0);
    let mut synced = Resources::default();
    synced.application(&differing("Synced"), at(0));
    assert_eq!(compared(&mut synced, 60), 0);
}
