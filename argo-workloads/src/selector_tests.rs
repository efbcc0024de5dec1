// Against marks as a real Argo CD wrote them, and against the hard forms of its grammar.

use serde_json::{Value, json};

use super::*;

const PLAIN: &str = include_str!("../testdata/marks/client-side-apply.jsonl");
const ANY_NAMESPACE: &str = include_str!("../testdata/marks/app-in-any-namespace.jsonl");
const BOTH: &str =
    include_str!("../testdata/marks/tracking-annotation-and-label-with-installation-id.jsonl");
const LABEL: &str = include_str!("../testdata/marks/tracking-label.jsonl");
const LONG: &str = "storefront-checkout-and-payment-reconciliation-service-europe-west-plus";

fn selector(name: &str, namespace: &str) -> AppSelector {
    AppSelector::new(AppRef::new(name, namespace))
}

/// `Kind/name` of what belongs to the application by its own marks.
fn own(objects: &str, selector: &AppSelector) -> Vec<String> {
    let mut own = Vec::new();
    for line in objects.lines() {
        let object: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| object[field].as_str().unwrap().to_owned();
        let kind = GroupKind::from_api_version(&text("apiVersion"), &text("kind"));
        let meta: ObjectMeta = serde_json::from_value(object["metadata"].clone()).unwrap();
        if selector.matches(&kind, &meta) {
            own.push(format!("{}/{}", kind.kind, meta.name.unwrap()));
        }
    }
    own
}

fn membership(selector: &AppSelector, kind: (&str, &str), meta: &Value) -> Membership {
    let meta: ObjectMeta = serde_json::from_value(meta.clone()).unwrap();
    selector.membership(&GroupKind::new(kind.0, kind.1), &meta)
}

#[test]
fn what_a_real_argo_cd_applied_and_nothing_that_was_copied() {
    let all = [
        "Deployment/web",
        "Pod/toolbox",
        "StatefulSet/db",
        "DaemonSet/agent",
        "Job/db-migrate",
        "Job/index",
        "Job/seed-015bb54-sync-1795477823",
        "Job/seed-b5be06e-sync-1795479381",
        "CronJob/report",
        "Service/db",
        "Service/web",
        "ConfigMap/web-config",
    ];
    assert_eq!(own(PLAIN, &selector("shop", "argocd")), all);
    assert!(own(PLAIN, &selector("sho", "argocd")).is_empty());
    assert!(own(PLAIN, &selector("shop-x", "argocd")).is_empty());
}

#[test]
fn the_controllers_namespace_decides_the_form_of_the_id() {
    let team = selector("shop-team", "team-a");
    assert_eq!(own(ANY_NAMESPACE, &team).len(), 12);
    let known = team.clone().controller_namespace(Some("argocd".into()));
    assert_eq!(own(ANY_NAMESPACE, &known).len(), 12);
    let home = team.controller_namespace(Some("team-a".into()));
    assert!(own(ANY_NAMESPACE, &home).is_empty());
    let shop = selector("shop", "argocd");
    assert_eq!(
        own(
            PLAIN,
            &shop.clone().controller_namespace(Some("argocd".into()))
        )
        .len(),
        12
    );
    assert!(own(PLAIN, &shop.controller_namespace(Some("other".into()))).is_empty());
}

#[test]
fn an_installation_id_tells_two_argo_cds_apart() {
    let long = selector(LONG, "argocd").method(TrackingMethod::AnnotationAndLabel);
    let all = [
        "Deployment/web",
        "Job/check-b5be06e-postsync-1795479456",
        "ClusterRole/lab:tracking-reader",
    ];
    assert_eq!(own(BOTH, &long), all);
    assert_eq!(
        own(BOTH, &long.clone().installation(Some("lab-1".into()))),
        all
    );
    let other = long.installation(Some("lab-2".into()));
    assert!(own(BOTH, &other).is_empty());
    let meta = json!({"name": "a", "namespace": "n", "annotations": {
        "argocd.argoproj.io/tracking-id": format!("{LONG}:/Pod:n/a")}});
    let strange = membership(&other, ("", "Pod"), &meta);
    assert_eq!(strange, Membership::OtherInstallation(None));
}

#[test]
fn a_label_counts_where_it_is_asked_for() {
    let checkout = selector("checkout", "argocd");
    assert!(own(LABEL, &checkout).is_empty());
    let labelled = json!({"name": "web", "labels": {"app.kubernetes.io/instance": "checkout"}});
    let only = membership(&checkout, ("apps", "Deployment"), &labelled);
    assert_eq!(only, Membership::LabelOnly);

    let by_label = checkout.method(TrackingMethod::Label);
    let all = ["Deployment/web", "Job/check-b5be06e-postsync-1795479477"];
    assert_eq!(own(LABEL, &by_label), all);
    assert!(own(LABEL, &by_label.clone().label("example.com/app")).is_empty());
    // Labels of pod templates are on what a chart's Deployment owns, too.
    let mut owned = labelled;
    owned["ownerReferences"] =
        json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "r"}]);
    assert_eq!(membership(&by_label, ("", "Pod"), &owned), Membership::None);
}

#[test]
fn a_long_name_is_cut_only_in_a_label_for_people() {
    let label = |value: &str| json!({"name": "a", "labels": {"app.kubernetes.io/instance": value}});
    let cut = &LONG[..63];
    let long = selector(LONG, "argocd");
    assert_eq!(
        membership(&long, ("", "Pod"), &label(cut)),
        Membership::LabelOnly
    );
    let by_label = long.method(TrackingMethod::Label);
    assert_eq!(
        membership(&by_label, ("", "Pod"), &label(cut)),
        Membership::Other(cut.into())
    );
    assert_eq!(
        membership(&by_label, ("", "Pod"), &label(LONG)),
        Membership::Own
    );
    assert_eq!(truncated(&format!("{}-.x", "a".repeat(61))), "a".repeat(61));
}

#[test]
fn an_id_is_trusted_only_on_the_object_that_it_names() {
    let shop = selector("shop", "argocd");
    let marked = |meta: &Value, id: &str| {
        let mut meta = meta.clone();
        meta["annotations"] = json!({"argocd.argoproj.io/tracking-id": id});
        meta
    };
    let web = json!({"name": "web", "namespace": "n"});
    let check = |id: &str| membership(&shop, ("apps", "Deployment"), &marked(&web, id));
    assert_eq!(check("shop:apps/Deployment:n/web"), Membership::Own);
    assert_eq!(check("argocd_shop:apps/Deployment:n/web"), Membership::Own);
    assert_eq!(
        check("cart:apps/Deployment:n/web"),
        Membership::Other("cart".into())
    );
    assert_eq!(check("nonsense"), Membership::None);
    for copied in [
        "shop:apps/Deployment:n/api",
        "shop:apps/Deployment:m/web",
        "shop:apps/StatefulSet:n/web",
        "shop:extensions/Deployment:n/web",
        "shop:apps/Deployment:n/",
    ] {
        assert!(matches!(check(copied), Membership::Copied(_)), "{copied}");
    }
    let generated = json!({"name": "seed-1a2b-sync-9", "namespace": "n", "generateName": "seed-"});
    let job = |id: &str| membership(&shop, ("batch", "Job"), &marked(&generated, id));
    assert_eq!(job("shop:batch/Job:n/"), Membership::Own);
    assert!(matches!(job("shop:batch/Job:m/"), Membership::Copied(_)));
    let role = json!({"name": "system:foo"});
    let id = "shop:rbac.authorization.k8s.io/ClusterRole:n/system:foo";
    let kind = ("rbac.authorization.k8s.io", "ClusterRole");
    assert_eq!(membership(&shop, kind, &marked(&role, id)), Membership::Own);
}
