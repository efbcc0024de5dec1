//! The kinds of objects that a server knows.

use serde::Deserialize;

/// One served resource, as discovery describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceType {
    /// API group; empty for the core group.
    #[serde(default)]
    pub group: String,
    /// Version, such as `v1`.
    pub version: String,
    /// Plural name, as in URLs.
    pub plural: String,
    /// Singular name, as kubectl accepts it.
    pub singular: String,
    /// Kind.
    pub kind: String,
    /// True if objects live in namespaces.
    #[serde(default = "yes")]
    pub namespaced: bool,
    /// Short names for kubectl.
    #[serde(default)]
    pub short_names: Vec<String>,
    /// Categories for kubectl, such as `all`.
    #[serde(default)]
    pub categories: Vec<String>,
    /// True if `metadata.generation` counts the changes of the desired state.
    #[serde(default = "yes")]
    pub generation: bool,
    /// True if the status is a subresource, which other updates leave alone.
    #[serde(default = "yes")]
    pub status_subresource: bool,
    /// True if discovery shows `/scale`.
    #[serde(default)]
    pub scale_subresource: bool,
}

fn yes() -> bool {
    true
}

impl ResourceType {
    /// A namespaced type with generations and a status subresource.
    #[must_use]
    pub fn new(group: &str, version: &str, plural: &str, kind: &str) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: plural.to_owned(),
            singular: kind.to_lowercase(),
            kind: kind.to_owned(),
            namespaced: true,
            short_names: Vec::new(),
            categories: Vec::new(),
            generation: true,
            status_subresource: true,
            scale_subresource: false,
        }
    }

    /// The name that addresses it in a [`Store`](super::Store), kubectl and a CRD:
    /// `pods`, `deployments.apps`.
    #[must_use]
    pub fn name(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// `v1`, `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    fn cluster_scoped(mut self) -> Self {
        self.namespaced = false;
        self
    }

    /// No generation is kept: all types of the core group but pods and replication controllers.
    fn without_generation(mut self) -> Self {
        self.generation = false;
        self
    }

    fn without_status(mut self) -> Self {
        self.status_subresource = false;
        self
    }

    fn scalable(mut self) -> Self {
        self.scale_subresource = true;
        self
    }

    fn short(mut self, names: &[&str]) -> Self {
        self.short_names = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    fn in_all(mut self) -> Self {
        self.categories = vec!["all".to_owned()];
        self
    }
}

/// Returns the types that every server knows at first. The custom resources are Argo's; unregister
/// them to have a cluster without their definitions.
#[must_use]
pub fn builtin() -> Vec<ResourceType> {
    let mut types = core();
    types.extend(workloads());
    types.extend(argo());
    types
}

fn core() -> Vec<ResourceType> {
    let of = |plural, kind| ResourceType::new("", "v1", plural, kind);
    let data = |plural, kind| of(plural, kind).without_generation().without_status();
    vec![
        of("pods", "Pod").short(&["po"]).in_all(),
        data("events", "Event").short(&["ev"]),
        of("namespaces", "Namespace")
            .short(&["ns"])
            .without_generation()
            .cluster_scoped(),
        of("nodes", "Node")
            .short(&["no"])
            .without_generation()
            .cluster_scoped(),
        data("configmaps", "ConfigMap").short(&["cm"]),
        data("secrets", "Secret"),
        data("serviceaccounts", "ServiceAccount").short(&["sa"]),
        of("services", "Service")
            .short(&["svc"])
            .without_generation()
            .in_all(),
        of("persistentvolumeclaims", "PersistentVolumeClaim")
            .short(&["pvc"])
            .without_generation(),
        of("resourcequotas", "ResourceQuota")
            .short(&["quota"])
            .without_generation(),
        of("replicationcontrollers", "ReplicationController")
            .short(&["rc"])
            .scalable()
            .in_all(),
    ]
}

fn workloads() -> Vec<ResourceType> {
    let apps = |plural, kind| ResourceType::new("apps", "v1", plural, kind);
    let batch = |plural, kind| ResourceType::new("batch", "v1", plural, kind).in_all();
    vec![
        apps("deployments", "Deployment")
            .short(&["deploy"])
            .scalable()
            .in_all(),
        apps("replicasets", "ReplicaSet")
            .short(&["rs"])
            .scalable()
            .in_all(),
        apps("statefulsets", "StatefulSet")
            .short(&["sts"])
            .scalable()
            .in_all(),
        apps("daemonsets", "DaemonSet").short(&["ds"]).in_all(),
        apps("controllerrevisions", "ControllerRevision")
            .without_generation()
            .without_status(),
        batch("jobs", "Job"),
        batch("cronjobs", "CronJob").short(&["cj"]),
        ResourceType::new(
            "autoscaling",
            "v2",
            "horizontalpodautoscalers",
            "HorizontalPodAutoscaler",
        )
        .short(&["hpa"])
        .without_generation()
        .in_all(),
    ]
}

fn argo() -> Vec<ResourceType> {
    let of = |plural, kind| ResourceType::new("argoproj.io", "v1alpha1", plural, kind);
    vec![
        // The definition of Application has no status subresource (argo-cd,
        // manifests/crds/application-crd.yaml): every change outside the metadata is a generation.
        of("applications", "Application")
            .short(&["app", "apps"])
            .without_status(),
        // argo-rollouts, manifests/crds: AnalysisRuns have no status subresource.
        of("rollouts", "Rollout").short(&["ro"]).scalable(),
        of("analysisruns", "AnalysisRun")
            .short(&["ar"])
            .without_status(),
        of("experiments", "Experiment")
            .short(&["exp"])
            .without_status(),
    ]
}
