//! Pods that the API server does not let in.
//!
//! ReplicaSets and Deployments say so in a condition (`ReplicaFailure`), the others in
//! events only (recording 11).

use argo_core::RefusedPods;
use jiff::Timestamp;

use crate::diagnosis::{
    context::WorkloadView,
    observation::{Observation, kubectl},
};
use crate::message::without_credentials;
use argo_core::text::similar::without_numbers;

/// Finds a quota that allows no more pods.
pub(super) fn quota(view: WorkloadView<'_>) -> Option<Observation> {
    let refusal = refusal(view)?;
    let (name, phrase) = exceeded(refusal.message).or_else(|| unspecified(refusal.message))?;
    let cause = format!("quota \"{name}\" {phrase}{}", refusal.counts());
    let key = without_numbers(&format!("quota \"{name}\""));
    let next = kubectl(&view.fact.object.namespace, &["describe", "quota", &name]);
    Some(
        Observation::doomed(refusal.since, cause)
            .key(key)
            .evidence(refusal.message)
            .next(next),
    )
}

/// Finds anything but a quota that refuses pods: a webhook, Pod Security, a missing service
/// account.
pub(super) fn denied(view: WorkloadView<'_>) -> Option<Observation> {
    let refusal = refusal(view)?;
    if exceeded(refusal.message).is_some() || unspecified(refusal.message).is_some() {
        return None;
    }
    let (phrase, object) = denial(refusal.message);
    let cause = format!("{phrase}{}", refusal.counts());
    let namespace = &view.fact.object.namespace;
    let next = match object {
        // The list shows a name that is spelt otherwise.
        Some(kinds) => kubectl(namespace, &["get", kinds]),
        None => {
            let kind = view.fact.object.kind.kind.to_ascii_lowercase();
            kubectl(namespace, &["describe", &kind, &view.fact.object.name])
        }
    };
    Some(
        Observation::doomed(refusal.since, cause)
            .key(without_numbers(&phrase))
            .evidence(refusal.message)
            .next(next),
    )
}

/// The present refusal of a workload's pods.
struct Refusal<'a> {
    since: Timestamp,
    message: &'a str,
    /// The numbers of pods that exist and that are wanted.
    there: i64,
    wanted: i64,
}

impl Refusal<'_> {
    fn counts(&self) -> String {
        let missing = self.wanted.saturating_sub(self.there).max(1);
        let wanted = self.wanted.max(missing);
        let s = if wanted == 1 { "" } else { "s" };
        format!("; {missing} of {wanted} pod{s} cannot be created")
    }
}

/// Returns the refusal: from the condition where there is one, otherwise from the event while
/// pods are missing: controllers try again after up to minutes, so its age proves nothing.
fn refusal<'a>(view: WorkloadView<'a>) -> Option<Refusal<'a>> {
    if view.state.complete {
        return None;
    }
    let there = view
        .pods()
        .filter(|pod| !pod.fact.pod.is_finished())
        .count();
    let there = i64::try_from(there).unwrap_or(i64::MAX);
    let wanted = view.state.desired.unwrap_or(1);
    let condition = view
        .fact
        .workload
        .condition("ReplicaFailure")
        .filter(|condition| condition.status == "True");
    if let Some(condition) = condition {
        // The Deployment repeats what its ReplicaSet says.
        return view.is_root().then_some(Refusal {
            since: condition.last_transition_time.as_ref()?.0,
            message: condition.message.as_deref().unwrap_or_default(),
            there,
            wanted,
        });
    }
    if view.fact.traits.refused_pods != RefusedPods::Events || view.state.failed.is_some() {
        return None;
    }
    let uid = &view.fact.object.uid;
    let event = view
        .context
        .event(uid, |event| event.reason == "FailedCreate")?;
    let made = view
        .context
        .event(uid, |event| event.reason == "SuccessfulCreate");
    // The controller makes pods one by one: one that succeeded later shows that the way is free.
    let made_since = made.is_some_and(|made| made.last > event.last);
    (!made_since && there < wanted).then_some(Refusal {
        since: event.first,
        message: &event.message,
        there,
        wanted,
    })
}

/// Parses `exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2`
fn exceeded(message: &str) -> Option<(String, String)> {
    let (_, rest) = message.split_once("exceeded quota: ")?;
    let (name, rest) = rest.split_once(", requested: ")?;
    let (requested, rest) = rest.split_once(", used: ")?;
    let (used, limited) = rest.split_once(", limited: ")?;
    let value = |list: &str, resource: &str| {
        let mut pairs = list
            .split(',')
            .filter_map(|pair| pair.trim().split_once('='));
        let found = pairs.find(|(name, _)| *name == resource);
        found.map_or_else(|| "?".to_owned(), |(_, value)| without_credentials(value))
    };
    let phrases = requested.split(',').filter_map(|pair| {
        let (resource, asks) = pair.trim().split_once('=')?;
        let (limit, used) = (value(limited, resource), value(used, resource));
        let (resource, asks) = (without_credentials(resource), without_credentials(asks));
        let resource = match limit.as_str() {
            "1" => resource.trim_end_matches('s'),
            _ => &resource,
        };
        let verb = if used == "1" { "is" } else { "are" };
        Some(format!(
            "allows {limit} {resource}, {used} {verb} used and each new pod asks for {asks}"
        ))
    });
    let phrase = phrases.take(4).collect::<Vec<_>>().join(", and ");
    (!phrase.is_empty()).then(|| (without_credentials(name), phrase))
}

/// Parses `failed quota: compute: must specify limits.cpu for: app`
fn unspecified(message: &str) -> Option<(String, String)> {
    let (_, rest) = message.split_once("failed quota: ")?;
    let (name, what) = rest.split_once(": must specify ")?;
    Some((
        without_credentials(name),
        format!("wants each container to set {}", without_credentials(what)),
    ))
}

/// Returns the cause in words, and the kind of the object to look for.
fn denial(message: &str) -> (String, Option<&'static str>) {
    let quoted = |after: &str| {
        let (_, rest) = message.split_once(after)?;
        Some(without_credentials(rest.split('"').next()?))
    };
    if message.contains("error looking up service account") {
        let name = quoted("serviceaccount \"").unwrap_or_default();
        let phrase = format!("service account \"{name}\" does not exist");
        return (phrase, Some("serviceaccounts"));
    }
    if let Some((_, rest)) = message.split_once("no PriorityClass with name ") {
        let name = without_credentials(rest.split(' ').next().unwrap_or_default());
        return (format!("priority class \"{name}\" does not exist"), None);
    }
    if let Some((_, rest)) = message.split_once("admission webhook \"") {
        let (name, rest) = rest.split_once('"').unwrap_or((rest, ""));
        let why = rest
            .trim_start_matches(" denied the request")
            .trim_start_matches(": ");
        let phrase = format!(
            "admission webhook {} refuses the pods: {}",
            without_credentials(name),
            without_credentials(why)
        );
        return (phrase, None);
    }
    if let Some(name) = quoted("failed calling webhook \"") {
        let why = message.rsplit(": ").next().unwrap_or_default();
        let phrase = format!(
            "admission webhook {name} cannot be reached: {}",
            without_credentials(why)
        );
        return (phrase, None);
    }
    let why = message.split_once("is forbidden: ").map(|(_, why)| why);
    match why {
        Some(why) => (
            format!(
                "the API server refuses the pods: {}",
                without_credentials(why)
            ),
            None,
        ),
        None => (
            format!("pods cannot be created: {}", without_credentials(message)),
            None,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_decoded() {
        let message = "pods \"w\" is forbidden: exceeded quota: compute, requested: limits.cpu=1,pods=1, used: limits.cpu=4,pods=2, limited: limits.cpu=4,pods=2";
        let (name, phrase) = exceeded(message).unwrap();
        assert_eq!(name, "compute");
        assert_eq!(
            phrase,
            "allows 4 limits.cpu, 4 are used and each new pod asks for 1, and allows 2 pods, 2 are used and each new pod asks for 1"
        );
        let (_, phrase) = unspecified("failed quota: q: must specify limits.cpu for: app").unwrap();
        assert_eq!(phrase, "wants each container to set limits.cpu for: app");
    }

    #[test]
    fn refusals_are_named() {
        let cases = [
            (
                "pods \"x-\" is forbidden: error looking up service account s11/nobody: serviceaccount \"nobody\" not found",
                "service account \"nobody\" does not exist",
            ),
            (
                "pods \"x\" is forbidden: no PriorityClass with name high was found",
                "priority class \"high\" does not exist",
            ),
            (
                "admission webhook \"policy.example.com\" denied the request: no latest tags",
                "admission webhook policy.example.com refuses the pods: no latest tags",
            ),
            (
                "Internal error occurred: failed calling webhook \"inject.example.com\": failed to call webhook: Post \"https://x.svc:443/inject\": dial tcp 10.0.0.1:443: connect: connection refused",
                "admission webhook inject.example.com cannot be reached: connection refused",
            ),
            (
                "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": privileged",
                "the API server refuses the pods: violates PodSecurity \"restricted:latest\": privileged",
            ),
        ];
        for (message, phrase) in cases {
            assert_eq!(denial(message).0, phrase);
        }
    }
}
