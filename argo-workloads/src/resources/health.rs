//! The health of a live object of any kind, by Argo CD's rules, with the reason in words.
//!
//! Argo CD's rules say only `Progressing` (gitops-engine `pkg/health`, argo-cd
//! `resource_customizations`). The rules here come to the same health and say why.

use argo_core::GroupKind;
use jiff::Timestamp;
use serde_json::Value;

mod autoscaler;
mod condition;
mod network;
mod policy;
mod schedule;
mod storage;

/// The health of a resource as Argo CD names it, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// All is well.
    Healthy,
    /// Someone has paused it.
    Suspended,
    /// It is under way.
    Progressing,
    /// It is not in the cluster.
    Missing,
    /// Its state cannot be told.
    Unknown,
    /// It failed.
    Degraded,
}

impl Health {
    const ALL: [Self; 6] = [
        Self::Healthy,
        Self::Suspended,
        Self::Progressing,
        Self::Missing,
        Self::Unknown,
        Self::Degraded,
    ];

    /// Returns the name that Argo CD gives it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Suspended => "Suspended",
            Self::Progressing => "Progressing",
            Self::Missing => "Missing",
            Self::Unknown => "Unknown",
            Self::Degraded => "Degraded",
        }
    }

    /// Reads a name; returns `None` for any other word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|health| health.as_str() == text)
    }

    /// True unless a wait for health ends with it. What is missing is a matter of the sync.
    pub fn is_waited_for(self) -> bool {
        !matches!(self, Self::Healthy | Self::Missing)
    }
}

/// The health that an object shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The health.
    pub health: Health,
    /// The reason in a few words; empty if all is well.
    pub words: String,
    /// The time since which it has been so, if the object tells.
    pub since: Option<Timestamp>,
    /// Facts that explain the reason, one a line.
    pub notes: Vec<String>,
}

impl Assessment {
    fn healthy() -> Self {
        Self {
            health: Health::Healthy,
            words: String::new(),
            since: None,
            notes: Vec::new(),
        }
    }

    fn progressing(words: impl Into<String>) -> Self {
        Self {
            health: Health::Progressing,
            words: words.into(),
            ..Self::healthy()
        }
    }

    fn degraded(words: impl Into<String>) -> Self {
        Self {
            health: Health::Degraded,
            ..Self::progressing(words)
        }
    }

    fn since(mut self, since: Option<Timestamp>) -> Self {
        self.since = since;
        self
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// Returns the health of an object, or `None` if neither its kind nor its conditions have
/// one.
pub(super) fn assess(kind: &GroupKind, object: &Value) -> Option<Assessment> {
    if is_ignored(object) {
        return Some(Assessment::healthy());
    }
    if let Some(deletion) = deletion(object) {
        return Some(deletion);
    }
    match (&*kind.group, &*kind.kind) {
        ("", "Service") => Some(network::service(object)),
        ("networking.k8s.io" | "extensions", "Ingress") => Some(network::ingress(object)),
        ("", "PersistentVolumeClaim") => Some(storage::claim(object)),
        ("autoscaling", "HorizontalPodAutoscaler") => Some(autoscaler::horizontal(object)),
        ("policy", "PodDisruptionBudget") => Some(policy::disruption_budget(object)),
        ("batch", "CronJob") => Some(schedule::cron_job(object)),
        ("apiregistration.k8s.io", "APIService") => {
            condition::of(object, &["Available"], Health::Progressing)
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            condition::of(object, &["NamesAccepted", "Established"], Health::Degraded)
        }
        ("cert-manager.io", "Certificate") => condition::certificate(object),
        ("argoproj.io", "Application") => application(object),
        ("external-secrets.io", _) => condition::of(object, &["Ready"], Health::Degraded),
        // A custom resource that is not ready may be under way.
        _ => condition::of(object, condition::READY_LIKE, Health::Progressing),
    }
}

/// True if an object of the kind may have a health: not the plain data of Kubernetes itself.
pub(super) fn may_have_one(kind: &GroupKind) -> bool {
    const PLAIN: &[&str] = &[
        "ConfigMap",
        "Secret",
        "ServiceAccount",
        "Namespace",
        "Endpoints",
        "LimitRange",
        "ResourceQuota",
        "PersistentVolume",
    ];
    match &*kind.group {
        "" => !PLAIN.contains(&&*kind.kind),
        "rbac.authorization.k8s.io"
        | "scheduling.k8s.io"
        | "storage.k8s.io"
        | "admissionregistration.k8s.io"
        | "discovery.k8s.io" => false,
        "networking.k8s.io" => &*kind.kind == "Ingress",
        _ => true,
    }
}

/// True if the object asks Argo CD to leave its health out.
fn is_ignored(object: &Value) -> bool {
    let annotations = &object["metadata"]["annotations"];
    annotations["argocd.argoproj.io/ignore-healthcheck"] == "true"
}

/// Describes an object that is being deleted: something holds it.
fn deletion(object: &Value) -> Option<Assessment> {
    let since = time(&object["metadata"]["deletionTimestamp"])?;
    let finalizers = object["metadata"]["finalizers"].as_array();
    let names: Vec<&str> = finalizers
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let words = match names.is_empty() {
        true => "it is being deleted".to_owned(),
        false => format!(
            "it is being deleted, held by the finalizer {}",
            names.join(", ")
        ),
    };
    Some(Assessment::progressing(words).since(Some(since)))
}

/// Reads the health that a child Application has.
fn application(object: &Value) -> Option<Assessment> {
    let status = &object["status"];
    let health = Health::parse(status["health"]["status"].as_str()?)?;
    let sync = status["sync"]["status"].as_str().unwrap_or("Unknown");
    let words = match health {
        Health::Healthy => String::new(),
        _ => format!("the child application is {} and {sync}", health.as_str()),
    };
    Some(Assessment {
        health,
        words,
        since: time(&status["health"]["lastTransitionTime"]),
        notes: Vec::new(),
    })
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
#[path = "health/health_tests.rs"]
mod tests;
