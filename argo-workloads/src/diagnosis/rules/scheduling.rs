//! Pods that no node takes.
//!
//! Texts: kubernetes `pkg/scheduler/framework/types.go` and its plugins; recording 10.
//! Since 1.34 taints are no longer named.

use jiff::{SignedDuration, Timestamp};

use crate::diagnosis::{
    context::PodView,
    finding::Severity,
    observation::{Observation, kubectl},
    span::{secs, span},
};
use crate::message::without_credentials;
use argo_core::{resource::PodSpec, text::similar::without_numbers};

/// Finds a pod without a node. A cluster may be adding a node: kstatus' 15 s are too hasty.
pub(super) fn unschedulable(view: PodView<'_>) -> Option<Observation> {
    let (since, message) = unscheduled(view)?;
    // A claim has a rule of its own, which knows why there is no volume.
    if claim_trouble(message).is_some() || node_is_promised(view) {
        return None;
    }
    // A cluster autoscaler needs one to three minutes for a node, and tells of it in an event.
    let severity = if view.context.age(since) >= secs(180) {
        Severity::Doomed
    } else {
        Severity::Suspicious
    };
    let reasons = reasons(message).map(|reasons| reasons.named(view));
    let (cause, key) = match &reasons {
        Some(reasons) => (fits_nowhere(view, reasons), reasons.words()),
        None => {
            let message = without_credentials(message);
            (format!("no node takes the pod: {message}"), message)
        }
    };
    let next = kubectl(view.namespace(), &["describe", "pod", view.name()]);
    let observation = Observation::new(severity, since, cause).key(without_numbers(&key));
    let refused = view.event(|event| event.reason == "NotTriggerScaleUp");
    let observation = match refused {
        Some(event) => observation.evidence(&event.message),
        None => observation,
    };
    Some(observation.evidence(without_preemption(message)).next(next))
}

/// Cuts off the scheduler's words on preemption, which add nothing to its first sentence.
fn without_preemption(message: &str) -> &str {
    // 1.34 says `no new claims to deallocate, preemption: …`, 1.37 only `preemption: …`.
    let ends = [". no new claims", ". preemption", " preemption: "];
    let end = ends.iter().filter_map(|end| message.find(end)).min();
    &message[..end.unwrap_or(message.len())]
}

/// Finds a pod that waits for a claim. The reason stands in an event of the claim, which has
/// no tracking id: the pod's volumes lead to it.
pub(super) fn claim_pending(view: PodView<'_>) -> Option<Observation> {
    let (since, message) = unscheduled(view)?;
    let named = claim_trouble(message)?;
    let facts = view.context.facts;
    let volumes = view.fact.pod.spec.volumes.iter();
    let claims = volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref());
    let claims: Vec<&str> = claims.map(|claim| claim.claim_name.as_str()).collect();
    let failure = claims.iter().find_map(|name| {
        let claim = facts
            .others
            .values()
            .map(|fact| &fact.object)
            .find(|object| {
                &*object.kind.kind == "PersistentVolumeClaim"
                    && object.namespace == view.fact.object.namespace
                    && *object.name == **name
            })?;
        let failed = view.context.event(&claim.uid, |event| {
            matches!(&*event.reason, "ProvisioningFailed" | "FailedBinding")
        });
        let waiting = || {
            view.context
                .event(&claim.uid, |event| event.reason == "ExternalProvisioning")
        };
        Some((*name, failed.or_else(waiting)?))
    });
    let claim = failure.map(|(name, _)| name);
    let claim = named.or(claim).or(claims.first().copied());
    let name = without_credentials(claim.unwrap_or("(unknown)"));
    // `pod has unbound immediate PersistentVolumeClaims. not found` names no claim and is about
    // its volume (1.34).
    let gone = named.is_some() && message.contains("not found");
    let cause = match failure {
        _ if gone => format!("claim {name} does not exist"),
        Some((_, event)) => format!("claim {name} gets no volume: {}", no_volume(&event.message)),
        None => format!("claim {name} gets no volume"),
    };
    let next = match claim.filter(|_| !gone) {
        Some(claim) => kubectl(view.namespace(), &["describe", "pvc", claim]),
        None => kubectl(view.namespace(), &["get", "pvc"]),
    };
    Some(
        Observation::suspicious(since, cause)
            .evidence(message)
            .next(next),
    )
}

/// The time that a scheduler may take until it says a word about a pod.
const SCHEDULER_TAKES: SignedDuration = secs(10);

/// Finds a pod that no scheduler has looked at: nobody checks that there is one of its name,
/// and neither a condition nor an event tells.
pub(super) fn not_looked_at(view: PodView<'_>) -> Option<Observation> {
    let pod = &view.fact.pod;
    let scheduler = pod.spec.scheduler_name.as_deref()?;
    let is_bound = pod
        .spec
        .node_name
        .as_deref()
        .is_some_and(|node| !node.is_empty());
    let is_untouched = pod.condition("PodScheduled").is_none() && !is_bound;
    let is_pending = view.is_not_started() && !view.is_going();
    let said = view.event(|event| event.reason == "FailedScheduling");
    let since = pod.metadata.creation_timestamp.as_ref()?.0;
    let age = view.context.age(since);
    if !is_untouched || !is_pending || said.is_some() || age < SCHEDULER_TAKES {
        return None;
    }
    let scheduler = without_credentials(scheduler);
    let lasted = span(age);
    let cause = match scheduler.as_str() {
        "default-scheduler" => format!(
            "the scheduler has not looked at the pod for {lasted}: it does not run, or is very busy"
        ),
        _ => format!(
            "scheduler {scheduler} (schedulerName) has not looked at the pod for {lasted}: there is none of this name, or it does not run"
        ),
    };
    let next = kubectl(view.namespace(), &["describe", "pod", view.name()]);
    let key = format!("scheduler {scheduler} is silent");
    Some(Observation::suspicious(since, cause).key(key).next(next))
}

/// Says why a claim has no volume. Kubernetes waits for a driver without knowing whether it runs
/// (kubernetes `pkg/controller/volume/persistentvolume/pv_controller.go`).
fn no_volume(message: &str) -> String {
    let (_, rest) = message
        .split_once("external provisioner '")
        .unwrap_or_default();
    match rest.split_once('\'') {
        Some((provisioner, _)) => format!(
            "provisioner {} has not made one; does it run?",
            without_credentials(provisioner)
        ),
        None => without_credentials(message),
    }
}

/// Returns the time since which the scheduler, or a gate, has refused the pod, and the
/// message.
fn unscheduled(view: PodView<'_>) -> Option<(Timestamp, &str)> {
    let condition = view.fact.pod.condition("PodScheduled")?;
    let since = condition.last_transition_time.as_ref()?.0;
    let refused = condition.status == "False"
        && matches!(
            condition.reason.as_deref(),
            Some("Unschedulable" | "SchedulingGated")
        );
    refused.then_some((since, condition.message.as_deref().unwrap_or_default()))
}

/// Returns `Some` if the message is about a claim, with the claim's name if the message has
/// it.
fn claim_trouble(message: &str) -> Option<Option<&str>> {
    if let Some((_, rest)) = message.split_once("persistentvolumeclaim \"") {
        return Some(rest.split('"').next());
    }
    let unbound = message.contains("unbound immediate PersistentVolumeClaims");
    unbound.then_some(None)
}

/// Autoscalers say in an event that a node is on its way: cluster-autoscaler
/// `TriggeredScaleUp`, Karpenter `Nominated`.
fn node_is_promised(view: PodView<'_>) -> bool {
    let promise = |reason: &str| matches!(reason, "TriggeredScaleUp" | "Nominated");
    let promised = view.event(|event| promise(&event.reason));
    promised.is_some_and(|event| view.context.age(event.last) < secs(300))
}

const WITHOUT_LABELS: &str = "without the labels that the pod asks for";
const WITHOUT_PORT: &str = "whose host port is taken";
/// A node may be too small, or only full: the scheduler does not say which.
const TOO_FULL: &str = "with too little free ";
const TAINTED: &str = "with a taint that the pod does not tolerate";

/// Labels and values that a pod's selector and affinity ask of a node.
fn labels(spec: &PodSpec) -> Vec<String> {
    let selector = spec.node_selector.iter();
    let selected = selector.map(|(key, value)| {
        format!(
            "{}={}",
            without_credentials(key),
            without_credentials(value)
        )
    });
    let terms = spec
        .affinity
        .node_affinity
        .required
        .node_selector_terms
        .iter();
    let expressions = terms.flat_map(|term| &term.match_expressions);
    let affine = expressions.map(|expression| {
        let values = without_credentials(&expression.values.join(" or "));
        let key = without_credentials(&expression.key);
        match expression.operator.as_str() {
            "In" => format!("{key}={values}"),
            "NotIn" => format!("{key} not {values}"),
            "Exists" => key,
            "DoesNotExist" => format!("no {key}"),
            "Gt" => format!("{key}>{values}"),
            "Lt" => format!("{key}<{values}"),
            _ => key,
        }
    });
    selected.chain(affine).take(6).collect()
}

fn host_ports(spec: &PodSpec) -> Vec<String> {
    let ports = spec
        .containers
        .iter()
        .flat_map(|container| &container.ports);
    let taken = ports.filter_map(|port| port.host_port.filter(|port| *port > 0));
    taken.take(6).map(|port| port.to_string()).collect()
}

/// The number of nodes, and the reasons for which they do not take the pod.
struct Reasons {
    nodes: u64,
    each: Vec<(u64, String)>,
}

impl Reasons {
    /// Names the amounts that the pod asks for where the scheduler only names the resource
    /// that nodes lack.
    fn named(mut self, view: PodView<'_>) -> Self {
        let spec = &view.fact.pod.spec;
        for (_, why) in &mut self.each {
            let names = match why.as_str() {
                WITHOUT_LABELS => labels(spec),
                WITHOUT_PORT => host_ports(spec),
                _ => Vec::new(),
            };
            if !names.is_empty() {
                *why = format!("{why} ({})", names.join(", "));
            }
        }
        self
    }

    fn words(&self) -> String {
        let words = self
            .each
            .iter()
            .map(|(count, why)| format!("{count} {why}"));
        words.collect::<Vec<_>>().join(", ")
    }
}

/// Reads `0/12 nodes are available: 9 Insufficient memory, 3 node(s) had untolerated
/// taint(s). preemption: …`
fn reasons(message: &str) -> Option<Reasons> {
    let (_, rest) = message.split_once("0/")?;
    let (nodes, rest) = rest.split_once(" nodes are available: ")?;
    let end = [". no new claims", ". preemption", ". "];
    let end = end.iter().filter_map(|end| rest.find(end)).min();
    let list = rest[..end.unwrap_or(rest.len())].trim_end_matches('.');
    let each = list.split(", ").filter_map(|part| {
        let (count, why) = part.trim().split_once(' ')?;
        Some((count.parse().ok()?, describe(why)))
    });
    let each: Vec<_> = each.take(8).collect();
    let nodes = nodes.parse().ok()?;
    (!each.is_empty()).then_some(Reasons { nodes, each })
}

/// Translates the scheduler's words into plain ones, where they are known.
fn describe(why: &str) -> String {
    if let Some(resource) = why.strip_prefix("Insufficient ") {
        return format!("{TOO_FULL}{}", without_credentials(resource));
    }
    const TEXTS: [(&str, &str); 14] = [
        ("Too many pods", "full of pods"),
        ("node(s) had untolerated taint", TAINTED),
        ("node(s) had taint", TAINTED),
        ("node(s) didn't match Pod's node affinity", WITHOUT_LABELS),
        (
            "node(s) didn't match pod anti-affinity",
            "taken by a pod that this one avoids",
        ),
        (
            "node(s) didn't match pod affinity rules",
            "without a pod that the affinity asks for",
        ),
        (
            "node(s) didn't match pod topology spread constraints (missing required label)",
            "without the label of the topology spread",
        ),
        (
            "node(s) didn't match pod topology spread",
            "against the topology spread",
        ),
        (
            "node(s) had volume node affinity conflict",
            "in another zone than the volume",
        ),
        (
            "node(s) didn't match PersistentVolume's node affinity",
            "out of reach of the volume",
        ),
        (
            "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod",
            "where another pod has the claim for itself (ReadWriteOncePod)",
        ),
        (
            "node(s) exceed max volume count",
            "with as many volumes as it can have",
        ),
        ("node(s) were unschedulable", "cordoned"),
        ("node(s) didn't have free ports", WITHOUT_PORT),
    ];
    let known = TEXTS.iter().find(|(text, _)| why.starts_with(text));
    let named = why
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'));
    match (known, named) {
        (Some((_, TAINTED)), Some((taint, _))) => {
            format!(
                "with a taint that the pod does not tolerate ({})",
                without_credentials(taint)
            )
        }
        (Some((_, words)), _) => (*words).to_owned(),
        _ => without_credentials(why),
    }
}

/// Describes the failure: `no node fits: needs 16Gi memory; 12 nodes: 9 with too little
/// free memory, 3 cordoned`
fn fits_nowhere(view: PodView<'_>, reasons: &Reasons) -> String {
    let short = reasons.each.iter().filter_map(|(_, why)| {
        let resource = why.strip_prefix(TOO_FULL)?;
        Some((resource, requested(view, resource)?))
    });
    let needs: Vec<String> = short
        .map(|(resource, amount)| format!("{amount} {resource}"))
        .collect();
    let needs = if needs.is_empty() {
        String::new()
    } else {
        format!(" needs {};", needs.join(" and "))
    };
    let (nodes, s) = (reasons.nodes, if reasons.nodes == 1 { "" } else { "s" });
    format!("no node fits:{needs} {nodes} node{s}: {}", reasons.words())
}

/// Returns the amounts of a resource that the containers request, as they are written.
fn requested(view: PodView<'_>, resource: &str) -> Option<String> {
    let containers = view.fact.pod.spec.containers.iter();
    let amounts = containers.filter_map(|container| {
        let resources = &container.resources;
        let amount = resources.requests.get(resource);
        amount.or(resources.limits.get(resource))
    });
    let amounts: Vec<String> = amounts
        .take(5)
        .map(|amount| without_credentials(amount))
        .collect();
    (!amounts.is_empty()).then(|| amounts.join(" + "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedulers_text_is_decoded() {
        let cases = [
            (
                "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
                "1 with too little free cpu",
            ),
            (
                "0/12 nodes are available: 3 node(s) had untolerated taint {dedicated: gpu}, 9 Insufficient memory.",
                "3 with a taint that the pod does not tolerate (dedicated: gpu), 9 with too little free memory",
            ),
            (
                "0/3 nodes are available: 2 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s). preemption: 0/3",
                "2 without the labels that the pod asks for, 1 with a taint that the pod does not tolerate",
            ),
        ];
        for (message, words) in cases {
            assert_eq!(reasons(message).unwrap().words(), words);
        }
        assert!(reasons("no nodes available to schedule pods").is_none());
    }

    #[test]
    fn a_driver_that_does_not_run_is_named() {
        let message = "Waiting for a volume to be created either by the external provisioner 'ebs.csi.aws.com' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.";
        assert_eq!(
            no_volume(message),
            "provisioner ebs.csi.aws.com has not made one; does it run?"
        );
        let other = "storageclass.storage.k8s.io \"fast\" not found";
        assert_eq!(no_volume(other), other);
    }

    #[test]
    fn claims_are_another_cause() {
        let unbound =
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found";
        assert_eq!(claim_trouble(unbound), Some(None));
        let gone = "0/1 nodes are available: persistentvolumeclaim \"data\" not found.";
        assert_eq!(claim_trouble(gone), Some(Some("data")));
        assert_eq!(
            claim_trouble("0/1 nodes are available: 1 Insufficient cpu"),
            None
        );
    }
}
