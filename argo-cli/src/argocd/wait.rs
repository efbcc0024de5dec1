//! The conditions and the resources that argocd waits for.

use std::{ffi::OsString, fmt};

use argo_core::ObjectRef;
use serde::{Deserialize, Serialize};

use super::flags::{Flag, flags};

/// A condition of `argocd app wait`, one flag each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Every resource is Healthy.
    Health,
    /// The application is Synced.
    Sync,
    /// No operation is requested or runs.
    Operation,
    /// Suspended, a paused rollout for example.
    Suspended,
    /// Degraded.
    Degraded,
    /// The application is deleted.
    Delete,
    /// The manifests are hydrated.
    Hydrated,
}

impl Condition {
    const ALL: [Self; 7] = [
        Self::Health,
        Self::Sync,
        Self::Operation,
        Self::Suspended,
        Self::Degraded,
        Self::Delete,
        Self::Hydrated,
    ];

    /// The conditions if no flag names one, which are also argocd's defaults.
    const DEFAULT: [Self; 3] = [Self::Health, Self::Sync, Self::Operation];

    /// Returns the flag without its dashes.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Sync => "sync",
            Self::Operation => "operation",
            Self::Suspended => "suspended",
            Self::Degraded => "degraded",
            Self::Delete => "delete",
            Self::Hydrated => "hydrated",
        }
    }

    /// Returns the state that ends the wait, as an adjective.
    fn state(self) -> &'static str {
        match self {
            Self::Health => "healthy",
            Self::Sync => "synced",
            Self::Operation => "without an operation",
            Self::Suspended => "suspended",
            Self::Degraded => "degraded",
            Self::Delete => "deleted",
            Self::Hydrated => "hydrated",
        }
    }
}

/// The conditions and resources that one `argocd app wait` waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The conditions, all of which must hold.
    pub conditions: Vec<Condition>,
    /// True if the user named a condition, so that none of ours is added.
    pub is_named: bool,
    /// The resources of `--resource`.
    pub selection: Selection,
}

impl Default for Wait {
    fn default() -> Self {
        Self {
            conditions: Condition::DEFAULT.to_vec(),
            is_named: false,
            selection: Selection::default(),
        }
    }
}

impl Wait {
    /// Reads the user's own flags. A condition among them replaces our defaults, as it does
    /// in argocd: if all that are named are false, argocd falls back to its defaults.
    pub fn of(extra: &[OsString]) -> Self {
        let flags = flags(extra);
        let selection = Selection::of(&flags);
        let named: Vec<Condition> = Condition::ALL
            .into_iter()
            .filter(|condition| last_of(&flags, *condition).is_some())
            .collect();
        let on = named
            .iter()
            .filter(|condition| last_of(&flags, **condition) == Some(true));
        let mut conditions: Vec<Condition> = on.copied().collect();
        if conditions.is_empty() {
            conditions = Condition::DEFAULT.to_vec();
        }
        let is_named = !named.is_empty();
        // argocd would wait for ever: the health of such a resource stays empty and never is Healthy.
        if !is_named && selection.first_without_health().is_some() {
            conditions.retain(|condition| *condition != Condition::Health);
        }
        Self {
            conditions,
            is_named,
            selection,
        }
    }

    /// Returns the condition flags to add to the user's.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        if self.is_named {
            return Vec::new();
        }
        let flag = |condition: &Condition| format!("--{}", condition.flag()).into();
        self.conditions.iter().map(flag).collect()
    }

    /// True if argocd waits for the rollout of the whole application.
    pub fn is_whole_rollout(&self) -> bool {
        self.selection.is_everything() && self.conditions == Condition::DEFAULT
    }

    /// True if argocd waits until the resources are healthy, and for nothing that excludes it.
    pub fn is_for_health(&self) -> bool {
        let excludes = |condition: &Condition| {
            !Condition::DEFAULT.contains(condition) && *condition != Condition::Hydrated
        };
        self.conditions.contains(&Condition::Health) && !self.conditions.iter().any(excludes)
    }

    /// `Deployment/web to be synced and healthy`
    pub fn sentence(&self, app: &str) -> String {
        let target = if self.selection.is_everything() {
            app.to_owned()
        } else {
            self.selection.to_string()
        };
        format!("{target} to be {}", self.states())
    }

    /// `synced, healthy and without an operation`
    pub fn states(&self) -> String {
        let states: Vec<&str> = self.conditions.iter().map(|c| c.state()).collect();
        match states.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, first)) => format!("{} and {last}", first.join(", ")),
            None => String::new(),
        }
    }

    /// Returns one line about a selection whose health argocd cannot wait for.
    pub fn notice(&self) -> Option<String> {
        if self.is_named {
            return None;
        }
        if let Some(rule) = self.selection.first_without_health() {
            return Some(format!(
                "argocd waits until {} is {}, not until it is healthy: Argo CD has no health check for \
                 {}; add --health after -- if yours has one",
                self.selection,
                self.states(),
                rule.kind
            ));
        }
        self.selection.is_open().then(|| {
            "argocd waits until each selected resource is healthy; a resource without a health check \
             (a ConfigMap for example) never is: if there is one, name the conditions, \
             -- --sync --operation"
                .to_owned()
        })
    }
}

/// Returns the last value of a condition's flag.
fn last_of(flags: &[Flag<'_>], condition: Condition) -> Option<bool> {
    let own = flags.iter().filter(|flag| flag.is(condition.flag()));
    own.map(Flag::is_on).next_back()
}

/// The resources of `--resource`, by argocd's rules (`util/argo`, `IncludeResource`):
/// without a rule that includes, everything is included; a rule that excludes wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    rules: Vec<Rule>,
}

/// `[!]GROUP:KIND:[NAMESPACE/]NAME`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Rule {
    excludes: bool,
    group: String,
    kind: String,
    namespace: String,
    name: String,
}

impl Rule {
    /// Parses a rule; returns `None` if argocd refuses the text too.
    fn parse(text: &str) -> Option<Self> {
        let (excludes, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut fields = text.split(':');
        let (group, kind, name) = (fields.next()?, fields.next()?, fields.next()?);
        let (namespace, name) = name.split_once('/').unwrap_or(("", name));
        fields.next().is_none().then(|| Self {
            excludes,
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    fn matches(&self, object: &ObjectRef) -> bool {
        let is = |pattern: &str, text: &str| pattern == "*" || pattern == text;
        is(&self.group, &object.kind.group)
            && is(&self.kind, &object.kind.kind)
            && is(&self.name, &object.name)
            && (self.namespace.is_empty() || is(&self.namespace, &object.namespace))
    }

    fn is_of_any_kind(&self) -> bool {
        self.kind == "*"
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl Selection {
    fn of(flags: &[Flag<'_>]) -> Self {
        let values = flags.iter().filter(|flag| flag.is("resource"));
        Self {
            rules: values
                .filter_map(|flag| Rule::parse(&flag.text()))
                .collect(),
        }
    }

    /// True if nothing is selected, so that the application as a whole counts.
    pub fn is_everything(&self) -> bool {
        self.rules.is_empty()
    }

    /// True if argocd waits for this object.
    pub fn includes(&self, object: &ObjectRef) -> bool {
        let mut including = self.rules.iter().filter(|rule| !rule.excludes).peekable();
        let is_included = including.peek().is_none() || including.any(|rule| rule.matches(object));
        let mut excluding = self.rules.iter().filter(|rule| rule.excludes);
        is_included && !excluding.any(|rule| rule.matches(object))
    }

    /// Returns the first rule that names a kind for which Argo CD has no health check.
    fn first_without_health(&self) -> Option<&Rule> {
        let mut including = self.rules.iter().filter(|rule| !rule.excludes);
        including.find(|rule| !rule.is_of_any_kind() && !has_health(&rule.group, &rule.kind))
    }

    /// True if the selection may hold resources of any kind.
    fn is_open(&self) -> bool {
        let mut including = self.rules.iter().filter(|rule| !rule.excludes).peekable();
        !self.is_everything() && (including.peek().is_none() || including.any(Rule::is_of_any_kind))
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = |excludes: bool| {
            let rules = self.rules.iter().filter(|rule| rule.excludes == excludes);
            rules.map(Rule::to_string).collect::<Vec<_>>().join(", ")
        };
        match (texts(false).as_str(), texts(true).as_str()) {
            ("", "") => f.write_str("everything"),
            ("", excluded) => write!(f, "everything but {excluded}"),
            (included, "") => f.write_str(included),
            (included, excluded) => write!(f, "{included} but {excluded}"),
        }
    }
}

/// True if Argo CD assesses the health of a kind: by its built-in checks
/// (`gitops-engine/pkg/health`) or by a script of `resource_customizations`.
fn has_health(group: &str, kind: &str) -> bool {
    let is_builtin = HEALTH
        .iter()
        .any(|(own, kinds)| *own == group && kinds.contains(&kind));
    let is_in = |suffix: &&str| {
        group
            .strip_suffix(*suffix)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    is_builtin || (kind != "Application" && HEALTH_GROUPS.iter().any(is_in))
}

/// Kubernetes' own kinds with a health check; `*` stands for any group.
const HEALTH: &[(&str, &[&str])] = &[
    ("", &["Pod", "Service", "PersistentVolumeClaim"]),
    (
        "apps",
        &["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"],
    ),
    (
        "extensions",
        &["Deployment", "DaemonSet", "ReplicaSet", "Ingress"],
    ),
    ("batch", &["Job", "CronJob"]),
    ("networking.k8s.io", &["Ingress"]),
    ("autoscaling", &["HorizontalPodAutoscaler"]),
    ("apiregistration.k8s.io", &["APIService"]),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("policy", &["PodDisruptionBudget"]),
    (
        "snapshot.storage.k8s.io",
        &["VolumeSnapshot", "VolumeSnapshotContent"],
    ),
    (
        "*",
        &[
            "Pod",
            "Service",
            "PersistentVolumeClaim",
            "Deployment",
            "StatefulSet",
            "DaemonSet",
            "ReplicaSet",
            "Job",
            "CronJob",
            "Ingress",
            "HorizontalPodAutoscaler",
            "APIService",
            "CustomResourceDefinition",
            "PodDisruptionBudget",
            "Rollout",
        ],
    ),
];

/// Groups of custom resources that have a health script in Argo CD, or the ends of such groups.
const HEALTH_GROUPS: &[&str] = &[
    "acid.zalan.do",
    "apache.org",
    "argoproj.io",
    "atlasgo.io",
    "bitnami.com",
    "cert-manager.io",
    "cluster.x-k8s.io",
    "cnpg.io",
    "cnrm.cloud.google.com",
    "confluent.io",
    "coreos.com",
    "crossplane.io",
    "datadoghq.com",
    "external-secrets.io",
    "fluxcd.io",
    "gateway.networking.k8s.io",
    "istio.io",
    "jaegertracing.io",
    "k8s.elastic.co",
    "k8s.keycloak.org",
    "karmada.io",
    "keda.sh",
    "keycloak.org",
    "knative.dev",
    "kruise.io",
    "kubeflow.org",
    "kubevirt.io",
    "min.io",
    "mongodb.com",
    "open-cluster-management.io",
    "openshift.io",
    "opentelemetry.io",
    "percona.com",
    "projectcontour.io",
    "rabbitmq.com",
    "seldon.io",
    "services.k8s.aws",
    "sparkoperator.k8s.io",
    "strimzi.io",
    "tekton.dev",
    "upbound.io",
];

#[cfg(test)]
#[path = "wait_tests.rs"]
mod tests;
