//! An application on the simulated cluster: one Job, and pods that follow orders.

use serde_json::{Value, json};
use simcluster::{
    clock::Clock,
    logs::{LogWriter, Logs, Origin},
    store::{Store, StoreError},
};

/// The application, in the namespace `argocd`.
pub const APP: &str = "bench";
/// The namespace that the application deploys to.
pub const NAMESPACE: &str = "bench";
const CONTAINER: &str = "app";

/// The objects and their logs.
#[derive(Debug)]
pub struct Scene {
    /// The objects.
    pub store: Store,
    /// The logs.
    pub logs: Logs,
    runs: u64,
}

/// A pod of the Job, and its log.
#[derive(Debug)]
pub struct Pod {
    name: String,
    log: LogWriter,
}

impl Pod {
    /// Writes a line now.
    pub fn line(&mut self, text: &str) {
        self.log.line(Origin::Stdout, now(), text);
    }

    /// Writes bytes now.
    pub fn write(&mut self, bytes: &[u8]) {
        self.log.write(Origin::Stdout, now(), bytes);
    }
}

/// Now, in nanoseconds since 1970.
#[must_use]
pub fn now() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

impl Scene {
    /// Creates the Application without any objects of its own.
    ///
    /// # Errors
    ///
    /// Never: the store is empty.
    pub fn new() -> Result<Self, StoreError> {
        let scene = Self {
            store: Store::new(Clock::new(1.0), 1),
            logs: Logs::new(),
            runs: 0,
        };
        for name in ["argocd", NAMESPACE] {
            scene.store.create(
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
            )?;
        }
        scene.store.create(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": APP, "namespace": "argocd"},
            "spec": {"project": "default", "destination": {"namespace": NAMESPACE, "server": "https://kubernetes.default.svc"}},
            "status": {
                "sync": {"status": "Synced"}, "health": {"status": "Progressing"},
                "resources": [{"group": "batch", "version": "v1", "kind": "Job", "namespace": NAMESPACE, "name": "job", "status": "Synced"}],
            },
        }))?;
        Ok(scene)
    }

    /// Returns a second handle to the objects, which makes no pods.
    #[must_use]
    pub fn of(store: Store, logs: Logs) -> Self {
        Self {
            store,
            logs,
            runs: 0,
        }
    }

    /// Starts over with a new Job without pods.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub fn begin(&mut self) -> Result<(), StoreError> {
        for pod in self.store.list("pods", Some(NAMESPACE))?.items {
            let name = pod.value()["metadata"]["name"].as_str().unwrap_or_default();
            self.logs
                .remove_pod(pod.value()["metadata"]["uid"].as_str().unwrap_or_default());
            self.store.delete("pods", NAMESPACE, name)?;
        }
        if self.store.get("jobs.batch", NAMESPACE, "job").is_some() {
            self.store.delete("jobs.batch", NAMESPACE, "job")?;
        }
        let tracking = format!("{APP}:batch/Job:{NAMESPACE}/job");
        self.store.create(json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "job", "namespace": NAMESPACE, "annotations": {"argocd.argoproj.io/tracking-id": tracking}},
            "spec": {"completions": 1, "parallelism": 1, "template": template()},
            "status": {"active": 1},
        }))?;
        Ok(())
    }

    /// Creates a pod whose container runs.
    ///
    /// # Errors
    ///
    /// If there is one of that name.
    pub fn pod(&mut self, name: &str) -> Result<Pod, StoreError> {
        let job = self.store.get("jobs.batch", NAMESPACE, "job");
        let uid = job.map_or(Value::Null, |job| job.value()["metadata"]["uid"].clone());
        self.runs += 1;
        let id = format!("containerd://{:064x}", self.runs);
        let pod = self.store.create(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "namespace": NAMESPACE, "labels": {"job-name": "job"},
                "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": uid, "controller": true}],
            },
            "spec": {"nodeName": "node", "restartPolicy": "Never", "containers": template()["spec"]["containers"]},
            "status": {"phase": "Pending"},
        }))?;
        let log = self.logs.start(pod.value(), CONTAINER, 0, &id);
        self.store.modify("pods", NAMESPACE, name, |pod| {
            pod["status"] = status("Running", &id, &json!({"running": {"startedAt": stamp()}}));
        })?;
        Ok(Pod {
            name: name.to_owned(),
            log,
        })
    }

    /// Marks the container as ended with success.
    ///
    /// # Errors
    ///
    /// If there is no such pod.
    pub fn end(&self, pod: &Pod) -> Result<(), StoreError> {
        pod.log.instance().end();
        let id = pod.log.instance().id().to_owned();
        let ended = json!({"terminated": {"exitCode": 0, "reason": "Completed", "containerID": id, "startedAt": stamp(), "finishedAt": stamp()}});
        self.store.modify("pods", NAMESPACE, &pod.name, |pod| {
            pod["status"] = status("Succeeded", &id, &ended);
        })?;
        Ok(())
    }

    /// Marks the Job as complete.
    ///
    /// # Errors
    ///
    /// If there is no Job.
    pub fn complete(&self) -> Result<(), StoreError> {
        self.store.modify("jobs.batch", NAMESPACE, "job", |job| {
            job["status"] = json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": stamp()}]});
        })?;
        Ok(())
    }
}

fn template() -> Value {
    json!({"spec": {"restartPolicy": "Never", "containers": [{"name": CONTAINER, "image": "bench:1"}]}})
}

fn status(phase: &str, id: &str, state: &Value) -> Value {
    json!({
        "phase": phase, "hostIP": "10.77.0.1",
        "containerStatuses": [{
            "name": CONTAINER, "containerID": id, "image": "bench:1", "imageID": "", "ready": phase == "Running",
            "started": phase == "Running", "restartCount": 0, "state": state, "lastState": {},
        }],
    })
}

fn stamp() -> String {
    simcluster::clock::time(jiff::Timestamp::now())
}
