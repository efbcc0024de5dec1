//! The one builder of manifests: a workload in a few words, and a scenario that syncs some.

use serde::Deserialize;
use serde_json::{Value, json};

/// A workload in a few words.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Workload {
    kind: String,
    pub(crate) name: String,
    #[serde(default)]
    behaviour: String,
    #[serde(default)]
    annotations: Value,
    /// Fields to merge into the container `app`.
    #[serde(default)]
    container: Value,
    /// Names of more containers.
    #[serde(default)]
    others: Vec<String>,
    /// Fields to merge into the pod.
    #[serde(default)]
    pod: Value,
    /// Fields to merge into the spec.
    #[serde(default)]
    pub(crate) spec: Value,
}

impl Workload {
    /// A workload whose pods follow a script.
    pub(crate) fn new(kind: &str, name: &str, behaviour: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            behaviour: behaviour.to_owned(),
            ..Self::default()
        }
    }

    /// A Deployment of one pod with the container `app`.
    pub(crate) fn deployment(name: &str, behaviour: &str) -> Self {
        Self::new("Deployment", name, behaviour)
    }

    /// Sets the number of pods.
    pub(crate) fn replicas(self, replicas: u32) -> Self {
        self.spec(&json!({"replicas": replicas}))
    }

    /// Merges fields into the spec.
    pub(crate) fn spec(mut self, fields: &Value) -> Self {
        merge(&mut self.spec, fields);
        self
    }

    /// Adds a container.
    pub(crate) fn with_container(mut self, name: &str) -> Self {
        self.others.push(name.to_owned());
        self
    }

    fn manifest(&self) -> Value {
        let mut container =
            json!({"name": "app", "image": format!("registry.example.com/shop/{}:2", self.name)});
        merge(&mut container, &self.container);
        let mut containers = vec![container];
        containers.extend(
            self.others
                .iter()
                .map(|name| json!({"name": name, "image": "other:1"})),
        );
        let mut pod = json!({"containers": containers});
        if self.kind == "Job" {
            pod["restartPolicy"] = json!("Never");
        }
        merge(&mut pod, &self.pod);
        let mut meta = json!({"labels": {"app": self.name}});
        if !self.behaviour.is_empty() {
            meta["annotations"] = json!({"simcluster/behaviour": self.behaviour});
        }
        let version = match &*self.kind {
            "Pod" | "ReplicationController" => "v1",
            "Job" | "CronJob" => "batch/v1",
            _ => "apps/v1",
        };
        let mut object =
            json!({"apiVersion": version, "kind": self.kind, "metadata": {"name": self.name}});
        merge(&mut object["metadata"]["annotations"], &self.annotations);
        let template = json!({"metadata": meta, "spec": pod});
        match &*self.kind {
            "Pod" => {
                object["spec"] = template["spec"].clone();
                merge(&mut object["metadata"], &template["metadata"]);
            }
            "Job" => object["spec"] = json!({"template": template}),
            "ReplicationController" => {
                object["spec"] = json!({"selector": {"app": self.name}, "template": template});
            }
            _ => {
                let selector = json!({"matchLabels": {"app": self.name}});
                object["spec"] = json!({"selector": selector, "template": template});
            }
        }
        merge(&mut object["spec"], &self.spec);
        object
    }
}

fn merge(target: &mut Value, from: &Value) {
    match from {
        Value::Null => {}
        Value::Object(fields) => {
            if !target.is_object() {
                *target = json!({});
            }
            for (name, value) in fields {
                merge(&mut target[name], value);
            }
        }
        other => *target = other.clone(),
    }
}

/// Returns the manifests as one YAML text.
pub(crate) fn manifests(workloads: &[Workload]) -> String {
    let text = |workload: &Workload| serde_yaml_ng::to_string(&workload.manifest()).unwrap();
    workloads.iter().map(text).collect::<Vec<_>>().join("---\n")
}

/// Returns a scenario in which Argo CD syncs these at once.
pub(crate) fn synced(workloads: &[Workload]) -> String {
    json!({
        "name": "test",
        "application": {"name": "shop", "destination": "shop-prod"},
        "steps": [{"at": "0s", "sync": {"manifests": manifests(workloads)}}],
    })
    .to_string()
}
