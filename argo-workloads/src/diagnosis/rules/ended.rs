//! Containers that have ended and are never started again (Kubernetes 1.34 and later).

use crate::diagnosis::{
    context::{ContainerView, Role},
    observation::{Observation, kubectl},
};

use super::crashes::{exit, restarts_by_rule};

/// Finds a container with a restart policy of its own that has ended for good in a pod that
/// runs on. The kubelet never calls such a pod Ready again, also after exit code 0, and no
/// event tells it.
pub(super) fn for_good(view: &ContainerView<'_>) -> Option<Observation> {
    let policy = view.container.restart_policy.as_deref()?;
    let end = view.status?.state.terminated.as_ref()?;
    let is_final = match policy {
        "Never" => true,
        "OnFailure" => end.exit_code == 0,
        _ => false,
    };
    let runs_on = view.pod.restart_policy() == "Always" && !view.pod.fact.pod.is_finished();
    let is_wanted = restarts_by_rule(view, end.exit_code) || view.pod.is_disrupted();
    if view.role != Role::Regular || !is_final || !runs_on || is_wanted {
        return None;
    }
    let since = end.finished_at.as_ref();
    let since = since.map_or(view.context().now, |time| time.0);
    let (label, how) = (view.label(), exit(end));
    let cause = format!(
        "{label} has ended ({how}) and is not started again (its restartPolicy is {policy}): the pod is never Ready without it"
    );
    let (namespace, pod) = (view.pod.namespace(), view.pod.name());
    let observation = Observation::doomed(since, cause)
        .key(format!("{label} has ended, {how}"))
        .next(kubectl(namespace, &["logs", pod, "-c", view.name()]));
    Some(match end.exit_code {
        0 => observation,
        _ => observation.log(view.lines()).own_words(end).last_words(),
    })
}

#[cfg(test)]
#[path = "ended_tests.rs"]
mod tests;
