//! A crowded namespace: pods as a real cluster has them, most of them other people's.

use jiff::Timestamp;
use serde_json::{Value, json};
use simcluster::{
    logs::{LogWriter, Logs, Origin},
    store::{Store, StoreError},
};

/// The namespace of the crowd.
pub const NAMESPACE: &str = "crowd";
/// Events of each pod.
pub const EVENTS: usize = 4;

/// Containers of each pod.
pub const CONTAINERS: [&str; 2] = ["app", "proxy"];

/// The number of pods in the namespace.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// All of them.
    pub pods: usize,
    /// Those of the application. They are spread over the whole list, as the last one decides.
    pub tracked: usize,
}

impl Size {
    /// True for a pod of the application.
    #[must_use]
    pub fn is_tracked(self, number: usize) -> bool {
        let every = self.pods / self.tracked;
        number % every == every - 1
    }
}

/// The objects of the crowd besides its pods.
#[derive(Debug)]
pub struct Crowd {
    /// Number of ReplicaSets.
    pub replica_sets: usize,
    /// Number of events.
    pub events: usize,
    /// The logs of the application's pods.
    _logs: Vec<LogWriter>,
}

/// Fills a store with an application among others. For two pods of theirs there
/// is a ReplicaSet, most of those old ones without pods; for ten of those a Deployment.
///
/// # Errors
///
/// Never: the store is empty.
pub fn fill(store: &Store, logs: &Logs, size: Size) -> Result<Crowd, StoreError> {
    let pods = size.pods;
    // A server would have the JSON at hand: it is written now, not while it is waited for.
    let put = |object| store.put_raw(object).inspect(|object| drop(object.json()));
    put(application())?;
    let replica_sets = pods * 2 / 5;
    let deployments = (replica_sets / 10).max(2);
    for number in 0..deployments {
        put(deployment(number))?;
    }
    for number in 0..replica_sets {
        put(replica_set(number, number % deployments))?;
    }
    let mut writers = Vec::new();
    for number in 0..pods {
        let is_tracked = size.is_tracked(number);
        let deployment = match is_tracked {
            true => 0,
            false => 1 + number % (deployments - 1),
        };
        let pod = put(pod(number, deployment))?;
        if is_tracked {
            writers.extend(CONTAINERS.map(|container| log(logs, pod.value(), container, number)));
        }
        for event in 0..EVENTS {
            put(self::event(number, event))?;
        }
    }
    Ok(Crowd {
        replica_sets,
        events: pods * EVENTS,
        _logs: writers,
    })
}

/// Creates the log of a container that runs and writes nothing new.
fn log(logs: &Logs, pod: &Value, container: &str, number: usize) -> LogWriter {
    let mut log = logs.start(pod, container, 1, &container_id(container, number));
    let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
    log.line(Origin::Stdout, now, "up");
    log
}

fn container_id(name: &str, number: usize) -> String {
    let digit = if name == CONTAINERS[0] { "c4" } else { "c5" };
    format!("containerd://{}{number:08x}", digit.repeat(28))
}

/// Returns the name of a pod.
#[must_use]
pub fn pod_name(number: usize) -> String {
    format!("svc-7d9c5b8f64-{number:05}")
}

fn uid(kind: u8, number: usize) -> String {
    format!("{kind:08x}-d20f-4725-b900-{number:012x}")
}

fn application() -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd", "uid": uid(0, 0),
            "creationTimestamp": "2026-11-20T08:00:00Z"},
        "spec": {"destination": {"server": "https://kubernetes.default.svc", "namespace": NAMESPACE}},
        "status": {"controllerNamespace": "argocd", "resources": [{"group": "apps", "version": "v1",
            "kind": "Deployment", "namespace": NAMESPACE, "name": "svc-0", "status": "Synced"}]}})
}

fn deployment(number: usize) -> Value {
    let application = if number == 0 {
        "shop".to_owned()
    } else {
        format!("other-{number}")
    };
    let name = format!("svc-{number}");
    // That of the application is not rolled out, so that a program goes on following it.
    let ready = if number == 0 { 9 } else { 10 };
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": meta(1, number, &name, &application, &name, &Value::Null),
        "spec": {"replicas": 10, "template": template(&name)},
        "status": {"observedGeneration": 1, "replicas": 10, "updatedReplicas": 10,
            "readyReplicas": ready, "availableReplicas": ready, "conditions": conditions()}})
}

fn replica_set(number: usize, deployment: usize) -> Value {
    let owner = format!("svc-{deployment}");
    let application = if deployment == 0 {
        "shop".to_owned()
    } else {
        format!("other-{deployment}")
    };
    let owned = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": owner,
        "uid": uid(1, deployment), "controller": true, "blockOwnerDeletion": true}]);
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": meta(2, number, &format!("svc-{deployment}-{number:010}"), &application, &owner, &owned),
        "spec": {"replicas": 0, "template": template(&owner)},
        "status": {"observedGeneration": 3, "replicas": 0}})
}

/// Returns a pod of a Deployment.
#[must_use]
pub fn pod(number: usize, deployment: usize) -> Value {
    let owned = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "name": format!("svc-{deployment}-{deployment:010}"), "uid": uid(2, deployment),
        "controller": true, "blockOwnerDeletion": true}]);
    let mut metadata = meta(3, number, &pod_name(number), "", "", &owned);
    metadata["annotations"] = json!({"cni.projectcalico.org/containerID": "9f".repeat(32),
        "cni.projectcalico.org/podIP": "10.42.7.91/32", "cni.projectcalico.org/podIPs": "10.42.7.91/32",
        "checksum/config": "3b".repeat(32), "prometheus.io/scrape": "true", "prometheus.io/port": "8080"});
    let mut spec = template("svc")["spec"].clone();
    spec["nodeName"] = "worker-7.example.com".into();
    let status = |name: &str| {
        json!({"name": name, "ready": true, "started": true, "restartCount": 1,
            "image": format!("registry.example.com/shop/{name}:1.42.0"),
            "imageID": format!("registry.example.com/shop/{name}@sha256:{}", "5e".repeat(32)),
            "containerID": container_id(name, number),
            "state": {"running": {"startedAt": "2026-11-23T22:51:09Z"}},
            "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled",
                "startedAt": "2026-11-23T20:51:09Z", "finishedAt": "2026-11-23T22:51:08Z",
                "containerID": format!("containerd://{}{number:08x}", "d4".repeat(28))}}})
    };
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec,
        "status": {"phase": "Running", "podIP": "10.42.7.91", "hostIP": "192.0.2.7", "qosClass": "Burstable",
            "startTime": "2026-11-23T20:51:00Z", "conditions": conditions(),
            "containerStatuses": CONTAINERS.map(status)}})
}

fn event(pod: usize, number: usize) -> Value {
    let (reason, message) = [
        (
            "Scheduled",
            "Successfully assigned crowd/svc to worker-7.example.com",
        ),
        (
            "Pulled",
            "Container image \"registry.example.com/shop/app:1.42.0\" already present on machine",
        ),
        ("Created", "Created container: app"),
        ("Started", "Started container app"),
    ][number];
    json!({"apiVersion": "v1", "kind": "Event",
        "metadata": {"name": format!("{}.{number:016x}", pod_name(pod)), "namespace": NAMESPACE,
            "uid": uid(4, pod * EVENTS + number), "creationTimestamp": "2026-11-23T22:51:09Z",
            "managedFields": managed()},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": pod_name(pod),
            "namespace": NAMESPACE, "uid": uid(3, pod), "fieldPath": "spec.containers{app}"},
        "reason": reason, "message": message, "type": "Normal", "count": 1,
        "source": {"component": "kubelet", "host": "worker-7.example.com"},
        "firstTimestamp": "2026-11-23T22:51:09Z", "lastTimestamp": "2026-11-23T22:51:09Z"})
}

fn meta(kind: u8, number: usize, name: &str, application: &str, id: &str, owners: &Value) -> Value {
    let mut meta = json!({"name": name, "namespace": NAMESPACE, "uid": uid(kind, number), "generation": 1,
        "creationTimestamp": "2026-11-23T20:51:00Z", "managedFields": managed(),
        "labels": {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": application,
            "app.kubernetes.io/version": "1.42.0", "app.kubernetes.io/managed-by": "Helm",
            "helm.sh/chart": "svc-3.1.4", "pod-template-hash": "7d9c5b8f64", "team": "payments"},
        "annotations": {"deployment.kubernetes.io/revision": "17",
            "kubectl.kubernetes.io/last-applied-configuration": "x".repeat(2000),
            "argocd.argoproj.io/tracking-id": format!("{application}:apps/Deployment:{NAMESPACE}/{id}")}});
    if !owners.is_null() {
        meta["ownerReferences"] = owners.clone();
    }
    meta
}

fn managed() -> Value {
    let fields: serde_json::Map<String, Value> = (0..40)
        .map(|number| {
            (
                format!("f:someFieldOfTheObject{number}"),
                json!({"f:value": {}, ".": {}}),
            )
        })
        .collect();
    json!([{"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
        "time": "2026-11-23T20:51:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields}])
}

fn template(name: &str) -> Value {
    let env: Vec<_> = (0..20)
        .map(|number| json!({"name": format!("SETTING_NUMBER_{number}"), "value": "some value of a setting"}))
        .collect();
    let probe = json!({"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"},
        "periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3, "successThreshold": 1});
    let container = |of: &str| {
        json!({"name": of, "image": format!("registry.example.com/shop/{of}:1.42.0"), "env": env,
            "readinessProbe": probe, "livenessProbe": probe,
            "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
            "volumeMounts": [{"name": "settings", "mountPath": "/etc/settings"},
                {"name": "kube-api-access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]})
    };
    json!({"metadata": {"labels": {"app.kubernetes.io/name": name}, "annotations": {"checksum/config": "3b".repeat(32)}},
        "spec": {"restartPolicy": "Always", "serviceAccountName": "svc", "terminationGracePeriodSeconds": 30,
            "containers": CONTAINERS.map(container),
            "volumes": [{"name": "settings", "configMap": {"name": "settings"}},
                {"name": "kube-api-access", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]}})
}

fn conditions() -> Value {
    let of = |type_: &str| json!({"type": type_, "status": "True", "lastTransitionTime": "2026-11-23T20:51:09Z"});
    [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]
    .map(of)
    .into()
}
