//! The labels by which collectors name the pod of a line.

#[cfg(any(test, feature = "log-store"))]
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Names of the three labels that tell where a line comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LabelNames {
    /// The namespace of the pod.
    pub namespace: String,
    /// The name of the pod.
    pub pod: String,
    /// The name of the container.
    pub container: String,
}

/// The sets in use, the usual ones first.
#[cfg(any(test, feature = "log-store"))]
const KNOWN: [[&str; 3]; 14] = [
    // vlagent and vector.
    [
        "kubernetes.pod_namespace",
        "kubernetes.pod_name",
        "kubernetes.container_name",
    ],
    // fluent-bit, fluentd.
    [
        "kubernetes.namespace_name",
        "kubernetes.pod_name",
        "kubernetes.container_name",
    ],
    // filebeat.
    [
        "kubernetes.namespace",
        "kubernetes.pod.name",
        "kubernetes.container.name",
    ],
    [
        "kubernetes.namespace",
        "kubernetes.pod_name",
        "kubernetes.container_name",
    ],
    // OpenTelemetry.
    ["k8s.namespace.name", "k8s.pod.name", "k8s.container.name"],
    ["k8s_namespace_name", "k8s_pod_name", "k8s_container_name"],
    // The same where dots became underscores.
    [
        "kubernetes_pod_namespace",
        "kubernetes_pod_name",
        "kubernetes_container_name",
    ],
    [
        "kubernetes_namespace_name",
        "kubernetes_pod_name",
        "kubernetes_container_name",
    ],
    [
        "kubernetes_namespace",
        "kubernetes_pod_name",
        "kubernetes_container_name",
    ],
    ["pod_namespace", "pod_name", "container_name"],
    ["namespace_name", "pod_name", "container_name"],
    ["namespace", "pod_name", "container_name"],
    ["exported_namespace", "exported_pod", "exported_container"],
    // promtail and Alloy.
    ["namespace", "pod", "container"],
];

impl LabelNames {
    /// Creates a set of names.
    pub fn new(namespace: &str, pod: &str, container: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            container: container.to_owned(),
        }
    }

    /// Chooses the set of which most names are there, the pod's above all. `None` if neither
    /// pod nor container of any set is there beside a namespace.
    #[cfg(any(test, feature = "log-store"))]
    pub(crate) fn choose(names: &BTreeSet<String>) -> Option<Self> {
        let has = |name: &str| u8::from(names.contains(name));
        let score = |[namespace, pod, container]: &[&str; 3]| {
            3 * has(pod) + 2 * has(namespace) + 2 * has(container)
        };
        let mut best: Option<([&str; 3], u8)> = None;
        for set in KNOWN {
            let score = score(&set);
            if score >= 4 && best.is_none_or(|(_, most)| score > most) {
                best = Some((set, score));
            }
        }
        best.map(|([namespace, pod, container], _)| Self::new(namespace, pod, container))
    }

    /// The names for a store whose only label is `service_name`: Loki's defaults for
    /// OpenTelemetry keep the others beside each line.
    #[cfg(feature = "log-store")]
    pub(crate) fn opentelemetry() -> Self {
        Self::new("k8s_namespace_name", "k8s_pod_name", "k8s_container_name")
    }

    /// Iterates over the three names.
    #[cfg(any(test, feature = "log-store"))]
    pub(crate) fn all(&self) -> [&str; 3] {
        [&self.namespace, &self.pod, &self.container]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str]) -> Option<String> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        LabelNames::choose(&names).map(|names| names.all().join(" "))
    }

    #[test]
    fn the_set_of_the_collector_is_found() {
        for (names, wanted) in [
            (
                &["app", "namespace", "pod", "container", "filename"][..],
                "namespace pod container",
            ),
            // Grafana's chart keeps the pod beside the line.
            (
                &["namespace", "container", "job", "service_name"],
                "namespace pod container",
            ),
            (
                &["k8s_namespace_name", "k8s_pod_name", "service_name"],
                "k8s_namespace_name k8s_pod_name k8s_container_name",
            ),
            (
                &[
                    "kubernetes.pod_name",
                    "kubernetes.namespace_name",
                    "kubernetes.container_name",
                    "kubernetes.host",
                ],
                "kubernetes.namespace_name kubernetes.pod_name kubernetes.container_name",
            ),
            (
                &[
                    "kubernetes.container_name",
                    "kubernetes.pod_name",
                    "kubernetes.pod_namespace",
                ],
                "kubernetes.pod_namespace kubernetes.pod_name kubernetes.container_name",
            ),
            // Those of the scraped Prometheus target do not hide those of the pod.
            (
                &[
                    "namespace",
                    "kubernetes_namespace_name",
                    "kubernetes_pod_name",
                ],
                "kubernetes_namespace_name kubernetes_pod_name kubernetes_container_name",
            ),
        ] {
            assert_eq!(chosen(names).as_deref(), Some(wanted), "{names:?}");
        }
    }

    #[test]
    fn a_store_of_something_else_is_not_guessed_at() {
        assert_eq!(chosen(&["host", "service_name", "unit"]), None);
        assert_eq!(chosen(&["namespace", "level"]), None);
        assert_eq!(chosen(&[]), None);
    }
}
