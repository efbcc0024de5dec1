use serde_json::json;

use super::*;

#[expect(
    clippy::needless_pass_by_value,
    reason = "callers write json! in place"
)]
fn assessed(api_version: &str, object: serde_json::Value) -> (Health, String) {
    let kind = object["kind"].as_str().unwrap();
    let kind = GroupKind::from_api_version(api_version, kind);
    let assessment = assess(&kind, &object).unwrap();
    (assessment.health, assessment.words)
}

#[test]
fn each_kind_says_what_it_lacks() {
    let condition = |type_: &str, status: &str, reason: &str, message: &str| {
        json!({"conditions": [{"type": type_, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2026-11-28T10:00:00Z"}]})
    };
    for (api_version, object, health, words) in [
        (
            "networking.k8s.io/v1",
            json!({"kind": "Ingress", "spec": {}, "status": {"loadBalancer": {}}}),
            Health::Progressing,
            "no address yet",
        ),
        (
            "networking.k8s.io/v1",
            json!({"kind": "Ingress", "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}}),
            Health::Healthy,
            "",
        ),
        (
            "v1",
            json!({"kind": "Service", "spec": {"type": "LoadBalancer"}, "status": {}}),
            Health::Progressing,
            "no load balancer address yet",
        ),
        (
            "v1",
            json!({"kind": "Service", "spec": {"type": "ClusterIP"}, "status": {}}),
            Health::Healthy,
            "",
        ),
        (
            "v1",
            json!({"kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}),
            Health::Progressing,
            "Pending, no volume is bound",
        ),
        (
            "v1",
            json!({"kind": "PersistentVolumeClaim", "status": {"phase": "Lost"}}),
            Health::Degraded,
            "its volume is lost",
        ),
        (
            "autoscaling/v2",
            json!({"kind": "HorizontalPodAutoscaler",
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "nope"}},
            "status": condition("AbleToScale", "False", "FailedGetScale", "deployments.apps \"nope\" not found")}),
            Health::Degraded,
            "its target Deployment/nope does not exist",
        ),
        (
            "autoscaling/v2",
            json!({"kind": "HorizontalPodAutoscaler",
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}},
            "status": condition("ScalingActive", "False", "FailedGetResourceMetric", "unable to get metrics")}),
            Health::Degraded,
            "it gets no metrics of Deployment/web",
        ),
        (
            "policy/v1",
            json!({"kind": "PodDisruptionBudget", "status": {"currentHealthy": 1, "desiredHealthy": 2,
            "conditions": [{"type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods"}]}}),
            Health::Degraded,
            "it allows no disruption: 1 healthy pods, 2 wanted",
        ),
        (
            "cert-manager.io/v1",
            json!({"kind": "Certificate", "status": {"conditions": [
            {"type": "Issuing", "status": "True", "message": "Issuing certificate as Secret does not exist"},
            {"type": "Ready", "status": "False", "reason": "DoesNotExist", "message": "no Secret"}]}}),
            Health::Progressing,
            "Ready is False (DoesNotExist): no Secret",
        ),
        (
            "external-secrets.io/v1",
            json!({"kind": "ExternalSecret",
            "status": condition("Ready", "False", "SecretSyncedError", "could not get secret data from provider")}),
            Health::Degraded,
            "Ready is False (SecretSyncedError): could not get secret data from provider",
        ),
        (
            "apiregistration.k8s.io/v1",
            json!({"kind": "APIService",
            "status": condition("Available", "False", "MissingEndpoints", "endpoints for service/metrics have no addresses")}),
            Health::Progressing,
            "Available is False (MissingEndpoints): endpoints for service/metrics have no addresses",
        ),
        (
            "apiextensions.k8s.io/v1",
            json!({"kind": "CustomResourceDefinition",
            "status": condition("NamesAccepted", "False", "ListKindConflict", "\"XList\" is already in use")}),
            Health::Degraded,
            "NamesAccepted is False (ListKindConflict): \"XList\" is already in use",
        ),
        (
            "batch/v1",
            json!({"kind": "CronJob", "status": {"lastScheduleTime": "2026-11-28T10:00:00Z",
            "lastSuccessfulTime": "2026-11-28T09:00:05Z"}}),
            Health::Degraded,
            "its last run (2026-11-28T10:00:00Z) did not succeed",
        ),
        (
            "gateway.networking.k8s.io/v1",
            json!({"kind": "HTTPRoute", "status": {"parents": [
            {"conditions": [{"type": "Accepted", "status": "False", "reason": "NoMatchingParent", "message": ""}]}]}}),
            Health::Progressing,
            "Accepted is False (NoMatchingParent)",
        ),
        (
            "db.example/v1",
            json!({"kind": "Database", "metadata": {"generation": 3},
            "status": {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}]}}),
            Health::Progressing,
            "its controller has not seen the change yet",
        ),
        (
            "v1",
            json!({"kind": "ConfigMap", "metadata": {"deletionTimestamp": "2026-11-28T10:00:00Z", "finalizers": ["a/b"]}}),
            Health::Progressing,
            "it is being deleted, held by the finalizer a/b",
        ),
        (
            "networking.k8s.io/v1",
            json!({"kind": "Ingress", "metadata": {"annotations": {"argocd.argoproj.io/ignore-healthcheck": "true"}}}),
            Health::Healthy,
            "",
        ),
    ] {
        assert_eq!(
            assessed(api_version, object.clone()),
            (health, words.to_owned()),
            "{object}"
        );
    }
}

#[test]
fn what_is_no_more_than_data_has_no_health() {
    assert_eq!(
        assess(&GroupKind::new("", "ConfigMap"), &json!({"data": {}})),
        None
    );
    assert!(!may_have_one(&GroupKind::new(
        "rbac.authorization.k8s.io",
        "Role"
    )));
    assert!(may_have_one(&GroupKind::new(
        "cert-manager.io",
        "Certificate"
    )));
}
