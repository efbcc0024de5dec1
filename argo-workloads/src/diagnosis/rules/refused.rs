//! Pods that the kubelet refuses after they were bound to its node.
//!
//! Texts: kubernetes `pkg/kubelet/lifecycle/predicate.go`, `pkg/kubelet/kubelet.go`
//! (`rejectPod`). Such a pod is `Failed` at once, with a reason and without a container that
//! ran; its ReplicaSet makes the next one a moment later, without end.

use std::collections::BTreeSet;

use argo_core::text::quantity::bytes;
use jiff::Timestamp;

use crate::diagnosis::{
    context::{PodView, WorkloadView},
    finding::Severity,
    observation::{Observation, kubectl},
};
use crate::message::without_credentials;

/// Refusals of one workload that are a finding where another pod may fare better. A single one
/// may be a race of two pods for one place.
const REFUSALS: usize = 2;

/// Reasons of failed pods that the kubelet had taken, or that node pressure drove away.
const OTHER_ENDS: [&str; 6] = [
    "Evicted",
    "Preempting",
    "Terminated",
    "DeadlineExceeded",
    "NodeLost",
    "UnexpectedJobFailure",
];

/// The reason for which a kubelet refused a pod.
struct Refusal<'a> {
    reason: &'a str,
    message: &'a str,
}

/// Finds the pods of a workload that kubelets refused: one finding, however many they are.
pub(super) fn of_workload(view: WorkloadView<'_>) -> Option<Observation> {
    if !view.is_root() || view.state.complete {
        return None;
    }
    let refused: Vec<PodView<'_>> = view
        .pods()
        .filter(|pod| pod.fact.is_new && Refusal::of(*pod).is_some())
        .collect();
    let last = *refused.iter().max_by_key(|pod| created(**pod))?;
    let is_certain = Refusal::of(last)?.is_certain() || last.job().is_some();
    if refused.len() < REFUSALS && !is_certain {
        return None;
    }
    let is_only_refused = view
        .pods()
        .all(|pod| pod.is_not_started() || pod.fact.pod.is_finished());
    let severity = if is_only_refused && last.job().is_none() {
        Severity::Doomed
    } else {
        Severity::Suspicious
    };
    observation(last, &refused, severity)
}

/// Finds a pod that no workload owns and that its kubelet refused.
pub(super) fn of_bare_pod(view: PodView<'_>) -> Option<Observation> {
    let is_bare = view.fact.object.uid == view.fact.root.uid;
    if !is_bare {
        return None;
    }
    observation(view, &[view], Severity::Doomed)
}

fn observation(
    last: PodView<'_>,
    refused: &[PodView<'_>],
    severity: Severity,
) -> Option<Observation> {
    let refusal = Refusal::of(last)?;
    let nodes: BTreeSet<&str> = refused
        .iter()
        .filter_map(|pod| pod.fact.pod.spec.node_name.as_deref())
        .collect();
    let who = match nodes.first() {
        Some(node) if nodes.len() == 1 => format!("node {}", without_credentials(node)),
        _ => format!("{} nodes", nodes.len().max(1)),
    };
    let what = match refused.len() {
        1 => "the pod".to_owned(),
        count => format!("{count} pods"),
    };
    let verb = if nodes.len() > 1 { "refuse" } else { "refuses" };
    let reason = without_credentials(refusal.reason);
    let cause = format!("{who} {verb} {what} ({reason}): {}", refusal.words());
    let since = refused.iter().filter_map(|pod| created(*pod)).min();
    let since = since.unwrap_or(last.context.now);
    Some(
        Observation::new(severity, since, cause)
            .key(format!("refused: {reason}"))
            .evidence(format!("{}: {reason}: {}", last.name(), refusal.message))
            .next(kubectl(last.namespace(), &["describe", "pod", last.name()])),
    )
}

fn created(pod: PodView<'_>) -> Option<Timestamp> {
    let created = pod.fact.pod.metadata.creation_timestamp.as_ref();
    created.map(|time| time.0)
}

impl<'a> Refusal<'a> {
    /// Reads the refusal of a pod; nothing where one of its containers ever ran.
    fn of(pod: PodView<'a>) -> Option<Self> {
        let status = &pod.fact.pod.status;
        let reason = status
            .reason
            .as_deref()
            .filter(|reason| !reason.is_empty())?;
        let has_run = pod
            .fact
            .containers
            .values()
            .any(|known| !known.ends.is_empty())
            || pod
                .containers()
                .any(|container| container.running_since().is_some());
        let is_refused =
            status.phase.as_deref() == Some("Failed") && !has_run && !OTHER_ENDS.contains(&reason);
        is_refused.then_some(Self {
            reason,
            message: status.message.as_deref().unwrap_or_default(),
        })
    }

    /// True if this node can never take such a pod.
    fn is_certain(&self) -> bool {
        let shortage = Shortage::of(self.message);
        shortage.is_some_and(|shortage| shortage.requested > shortage.capacity)
    }

    fn words(&self) -> String {
        if let Some(shortage) = Shortage::of(self.message) {
            return shortage.words();
        }
        let told = self.message.trim_start_matches("Pod was rejected: ");
        let told = told.strip_prefix("Pod ").unwrap_or(told);
        let named = format!("Predicate {} failed: ", self.reason);
        let told = told.strip_prefix(&named).unwrap_or(told);
        match told {
            "" => "it gives no reason".to_owned(),
            told => without_credentials(told.trim_end_matches('.')),
        }
    }
}

/// `Node didn't have enough resource: cpu, requested: 500000, used: 5, capacity: 2000`
struct Shortage<'a> {
    resource: &'a str,
    requested: i64,
    used: i64,
    capacity: i64,
}

impl<'a> Shortage<'a> {
    fn of(message: &'a str) -> Option<Self> {
        let (_, rest) = message.split_once("enough resource: ")?;
        let (resource, rest) = rest.split_once(", requested: ")?;
        let (requested, rest) = rest.split_once(", used: ")?;
        let (used, capacity) = rest.split_once(", capacity: ")?;
        let capacity = capacity.trim_end().trim_end_matches('.');
        Some(Self {
            resource,
            requested: requested.parse().ok()?,
            used: used.parse().ok()?,
            capacity: capacity.parse().ok()?,
        })
    }

    /// Describes the shortage: `asks for 500 cpu; the node has 2, 0.005 in use`
    fn words(&self) -> String {
        let amount = |value: i64| amount(self.resource, value);
        let (requested, capacity) = (amount(self.requested), amount(self.capacity));
        let (used, resource) = (amount(self.used), without_credentials(self.resource));
        format!(
            "the pod asks for {requested} {resource}, the node has {capacity} and {used} are in use"
        )
    }
}

/// Writes an amount as people do: the kubelet counts thousandths of a CPU, and bytes.
#[allow(
    clippy::cast_precision_loss,
    reason = "an amount is shown with three digits"
)]
fn amount(resource: &str, value: i64) -> String {
    let is_bytes =
        matches!(resource, "memory" | "ephemeral-storage") || resource.starts_with("hugepages-");
    if resource == "cpu" {
        return decimal(value as f64 / 1000.0);
    }
    if !is_bytes {
        return value.to_string();
    }
    bytes(u64::try_from(value).unwrap_or(0))
}

/// Formats a number with at most three digits behind the point, without zeros at the end.
fn decimal(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
#[path = "refused_tests.rs"]
mod tests;
