use kube::core::WatchEvent;
use serde_json::{Value, json};

use super::*;

/// A pod with every field that is read, among those that are not.
fn crowded() -> Value {
    let probe = json!({"httpGet": {"path": "/a\"b\\\n\u{e9}", "port": "web", "httpHeaders": [{"name": "Authorization", "value": "s3cret"}]},
        "exec": {"command": ["sh", "-c", "true"]}, "periodSeconds": 10, "failureThreshold": 3});
    let container = json!({"name": "app", "image": "app:1", "args": ["s3cret"], "command": ["s3cret"],
        "env": [{"name": "PASSWORD", "value": "s3cret"}], "envFrom": [{"secretRef": {"name": "x"}}],
        "restartPolicy": "Always", "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [3]}}],
        "ports": [{"containerPort": 80, "hostPort": 8080}], "readinessProbe": probe, "livenessProbe": probe,
        "lifecycle": {"preStop": {"exec": {"command": ["s3cret"]}}}, "securityContext": {"privileged": true},
        "resources": {"limits": {"cpu": "1"}, "requests": {"memory": "1Mi"}}, "volumeMounts": [{"name": "v"}]});
    let status = json!({"name": "app", "ready": false, "started": true, "restartCount": 3, "image": "app:1",
        "imageID": "app@sha256:1", "containerID": "containerd://2", "resources": {}, "user": {"linux": {"uid": 0}},
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": {"exitCode": 1, "signal": 9, "startedAt": "2026-11-24T00:00:00Z", "containerID": "containerd://1"}}});
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-1", "generateName": "web-", "namespace": "shop", "uid": "u-1", "resourceVersion": "7",
            "generation": 2, "creationTimestamp": "2026-11-24T00:00:00Z", "deletionTimestamp": "2026-11-24T00:01:00Z",
            "labels": {"app": "web"}, "finalizers": ["a/b"], "managedFields": [{"manager": "m"}],
            "annotations": {"a": "b", "kubectl.kubernetes.io/last-applied-configuration": "s3cret"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "o-1", "controller": true}]},
        "spec": {"nodeName": "node", "schedulerName": "batch", "restartPolicy": "Always", "serviceAccountName": "web", "containers": [container],
            "initContainers": [container], "ephemeralContainers": null, "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "a"}], "terminationGracePeriodSeconds": 30, "resources": {"limits": {"cpu": "2"}},
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}}},
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-0"}},
                {"name": "both", "projected": {"sources": [{"secret": {"name": "s"}}, {"configMap": {"name": "c"}}]}},
                {"name": "secret", "secret": {"secretName": "s"}}, {"name": "image", "image": {"reference": "i:1"}}]},
        "status": {"phase": "Running", "reason": "r", "message": "m", "startTime": "2026-11-24T00:00:00Z", "podIP": "10.0.0.1",
            "conditions": [{"type": "Ready", "status": "False", "lastProbeTime": null, "lastTransitionTime": "2026-11-24T00:00:00Z"}],
            "containerStatuses": [status], "initContainerStatuses": [status], "observedGeneration": 2}})
}

fn packed(pod: &Value) -> PackedPod {
    serde_json::from_str(&pod.to_string()).unwrap()
}

#[test]
fn a_packed_pod_is_the_pod() {
    let pod: Pod = serde_json::from_value(crowded()).unwrap();
    let packed = packed(&crowded());
    assert_eq!(packed.pod(), pod);
    assert_eq!(packed.metadata(), pod.metadata);
    assert_eq!(packed.head().claims, ["data-0"]);
    assert_eq!(
        (packed.uid(), packed.resource_version()),
        ("u-1", Some("7"))
    );
    for odd in [json!({}), json!({"metadata": {}, "status": null})] {
        let pod: Pod = serde_json::from_value(odd.clone()).unwrap();
        assert_eq!(serde_json::from_value::<PackedPod>(odd).unwrap().pod(), pod);
    }
}

#[test]
fn it_keeps_no_value_that_may_be_a_secret() {
    let packed = packed(&crowded());
    for part in [&packed.metadata, &packed.rest] {
        let text = std::str::from_utf8(part).unwrap();
        assert!(
            !text.contains("s3cret") && !text.contains("managedFields"),
            "{text}"
        );
    }
}

#[test]
fn an_event_is_read_whichever_of_its_fields_comes_first() {
    let pod: Pod = serde_json::from_value(crowded()).unwrap();
    let object = crowded().to_string();
    for text in [
        format!(r#"{{"type":"MODIFIED","object":{object}}}"#),
        format!(r#"{{"object":{object},"type":"MODIFIED"}}"#),
    ] {
        let event: WatchEvent<PackedPod> = serde_json::from_str(&text).unwrap();
        let WatchEvent::Modified(packed) = event else {
            panic!("{event:?}");
        };
        assert_eq!(packed.pod(), pod);
    }
}

#[test]
fn only_a_change_of_metadata_is_one_of_the_owner() {
    let before = packed(&crowded());
    let mut pod = crowded();
    pod["metadata"]["resourceVersion"] = "8".into();
    pod["status"]["phase"] = "Failed".into();
    let after = packed(&pod);
    assert_eq!(after.fingerprint(), before.fingerprint());
    assert_eq!(after.pod().status.phase.as_deref(), Some("Failed"));
    pod["metadata"]["labels"]["app"] = "other".into();
    assert_ne!(packed(&pod).fingerprint(), before.fingerprint());
}

#[test]
fn a_glimpse_of_a_line_is_enough_to_know_the_pod() {
    let pod = crowded();
    let glimpse = |line: String| PackedPod::glimpse(line.as_bytes());
    let wanted = Glimpse {
        version: Some("7".to_owned()),
        fingerprint: packed(&pod).fingerprint(),
    };
    let line = format!(r#"{{"type":"MODIFIED","object":{pod}}}"#);
    assert_eq!(glimpse(line.clone()), Some(wanted.clone()));
    // The order in which servers write it; what comes behind the metadata is not looked at.
    let metadata = &pod["metadata"];
    let kind = r#"{"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1""#;
    let servers = format!(r#"{kind},"metadata":{metadata},"spec":{{"#);
    assert_eq!(glimpse(servers), Some(wanted));
    let elsewhere = format!(r#"{kind},"spec":{{"metadata":{metadata}}}}}}}"#);
    let cut = format!(r#"{kind},"metadata":{{"name":"web"#);
    let added = line.replace("MODIFIED", "ADDED");
    for other in [elsewhere, cut, added, format!("[{line}]"), String::new()] {
        assert_eq!(glimpse(other.clone()), None, "{other}");
    }
}
