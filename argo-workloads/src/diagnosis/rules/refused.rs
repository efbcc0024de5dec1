//! Pods that the kubelet refuses after they were bound to its node.
//!
//! Texts: kubernetes `pkg/kubelet/lifecycle/predicate.go`, `pkg/kubelet/kubelet.go`
//! (`rejectPod`). Such a pod is `Failed` at once, with a reason and without a container that
//! ran; its ReplicaSet makes the next one a moment later, without end.

use std::collections::BTreeSet;

use argo_core::text::quantity::bytes;
use jiff::{SignedDuration, Timestamp};

use crate::diagnosis::{
    context::{PodView, WorkloadView},
    facts::PodFact,
    finding::Severity,
    observation::{Observation, kubectl},
    span::secs,
};
use crate::message::without_credentials;

/// Refusals of one workload that are a finding where another pod may fare better. A single one
/// may be a race of two pods for one place.
const REFUSALS: usize = 2;

/// The time for which a refused pod counts that its controller has deleted: a StatefulSet or
/// DaemonSet makes the next one under way before another is refused.
const REMEMBERED: SignedDuration = secs(30);

/// The reason for which a kubelet refused a pod.
pub(super) struct Refusal<'a> {
    reason: &'a str,
    message: &'a str,
}

/// Finds the pods of a workload that kubelets refused: one finding, however many they are.
pub(super) fn of_workload(view: WorkloadView<'_>) -> Option<Observation> {
    if !view.is_root() || view.state.complete {
        return None;
    }
    let (gone, first) = view.context.facts.refused_and_gone(&view.fact.root.uid);
    let refused = view.pods().chain(gone_lately(view));
    let refused: Vec<PodView<'_>> = refused
        .filter(|pod| pod.fact.is_new && pod.fact.was_refused())
        .collect();
    let last = *refused.iter().max_by_key(|pod| created(**pod))?;
    let earliest = refused.iter().filter_map(|pod| created(*pod)).min();
    let refusals = Refusals {
        count: gone + refused.iter().filter(|pod| pod.is_present()).count(),
        since: first.or(earliest),
        last,
        nodes: nodes(&refused),
    };
    let is_certain = Refusal::of(last.fact)?.is_certain() || last.job().is_some();
    if refusals.count < REFUSALS && !is_certain {
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
    refusals.observation(severity)
}

/// Returns the pods of a workload that were deleted a moment ago.
fn gone_lately<'a>(view: WorkloadView<'a>) -> impl Iterator<Item = PodView<'a>> {
    let context = view.context;
    let gone = context.facts.gone_of(&view.fact.root.uid);
    let views = gone.map(move |fact| PodView { context, fact });
    views.filter(|pod| created(*pod).is_some_and(|time| pod.context.age(time) <= REMEMBERED))
}

/// Finds a pod that no workload owns and that its kubelet refused.
pub(super) fn of_bare_pod(view: PodView<'_>) -> Option<Observation> {
    let is_bare = view.fact.object.uid == view.fact.root.uid;
    if !is_bare {
        return None;
    }
    let refusals = Refusals {
        count: 1,
        since: created(view),
        last: view,
        nodes: nodes(&[view]),
    };
    refusals.observation(Severity::Doomed)
}

/// The refused pods of one workload.
struct Refusals<'a> {
    count: usize,
    since: Option<Timestamp>,
    last: PodView<'a>,
    nodes: BTreeSet<&'a str>,
}

fn nodes<'a>(pods: &[PodView<'a>]) -> BTreeSet<&'a str> {
    pods.iter()
        .filter_map(|pod| pod.fact.pod.spec.node_name.as_deref())
        .collect()
}

impl Refusals<'_> {
    fn observation(&self, severity: Severity) -> Option<Observation> {
        let (last, nodes) = (self.last, &self.nodes);
        let refusal = Refusal::of(last.fact)?;
        let who = match nodes.first() {
            Some(node) if nodes.len() == 1 => format!("node {}", without_credentials(node)),
            _ => format!("{} nodes", nodes.len().max(1)),
        };
        let what = match self.count {
            1 => "the pod".to_owned(),
            count => format!("{count} pods"),
        };
        let verb = if nodes.len() > 1 { "refuse" } else { "refuses" };
        let reason = without_credentials(refusal.reason);
        let cause = format!("{who} {verb} {what} ({reason}): {}", refusal.words());
        let since = self.since.unwrap_or(last.context.now);
        Some(
            Observation::new(severity, since, cause)
                .key(format!("refused: {reason}"))
                .evidence(format!("{}: {reason}: {}", last.name(), refusal.message))
                .next(kubectl(last.namespace(), &["describe", "pod", last.name()])),
        )
    }
}

fn created(pod: PodView<'_>) -> Option<Timestamp> {
    let created = pod.fact.pod.metadata.creation_timestamp.as_ref();
    created.map(|time| time.0)
}

impl<'a> Refusal<'a> {
    /// Reads the refusal of a pod; nothing where one of its containers ever ran.
    pub(super) fn of(pod: &'a PodFact) -> Option<Self> {
        let status = &pod.pod.status;
        let reason = status.reason.as_deref()?;
        pod.was_refused().then_some(Self {
            reason,
            message: status.message.as_deref().unwrap_or_default(),
        })
    }

    /// True if this node can never take such a pod.
    fn is_certain(&self) -> bool {
        let shortage = Shortage::of(self.message);
        shortage.is_some_and(|shortage| shortage.requested > shortage.capacity)
    }

    /// `was refused (OutOfcpu): the pod asks for 64 cpu, …`
    pub(super) fn told(&self) -> String {
        let reason = without_credentials(self.reason);
        format!("was refused ({reason}): {}", self.words())
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

/// `Node didn't have enough resource: cpu, requested: 500000, used: 5, capacity: 2000`; a resize
/// says `enough capacity: cpu, requested: 64000, capacity: 2000`.
pub(super) struct Shortage<'a> {
    resource: &'a str,
    requested: i64,
    used: Option<i64>,
    capacity: i64,
}

impl<'a> Shortage<'a> {
    pub(super) fn of(message: &'a str) -> Option<Self> {
        let resource = message.split_once("enough resource: ");
        let (_, rest) = resource.or_else(|| message.split_once("enough capacity: "))?;
        let (resource, rest) = rest.split_once(", requested: ")?;
        let (rest, capacity) = rest.split_once(", capacity: ")?;
        let (requested, used) = match rest.split_once(", used: ") {
            Some((requested, used)) => (requested, Some(used.parse().ok()?)),
            None => (rest, None),
        };
        let capacity = capacity.trim_end().trim_end_matches('.');
        Some(Self {
            resource,
            requested: requested.parse().ok()?,
            used,
            capacity: capacity.parse().ok()?,
        })
    }

    /// Describes the shortage: `the pod asks for 500 cpu; the node has 2, 0.005 in use`
    pub(super) fn words(&self) -> String {
        let amount = |value: i64| amount(self.resource, value);
        let (requested, capacity) = (amount(self.requested), amount(self.capacity));
        let resource = without_credentials(self.resource);
        let used = self.used.map(amount);
        let used = used.map_or(String::new(), |used| format!(" and {used} are in use"));
        format!("the pod asks for {requested} {resource}, the node has {capacity}{used}")
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
