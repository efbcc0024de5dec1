//! Jobs, hooks among them, and pods that run once.
//!
//! `FailureTarget` comes 2–3 s before `Failed` (recording 08); the failed pods may be gone
//! before either.

use argo_core::{
    resource::{Condition, Pod, Terminated},
    text::similar::without_numbers,
};
use jiff::Timestamp;

use super::{crash::memory_limit, crashes::exit, refused::Refusal};
use crate::diagnosis::{
    context::{ContainerView, PodView, Role, WorkloadView, is_disrupted},
    facts::{End, Facts, PodFact, WorkloadFact},
    observation::{Observation, kubectl},
    span::span,
};
use crate::message::without_credentials;

/// Finds a Job that failed and is no hook.
pub(super) fn failed(view: WorkloadView<'_>) -> Option<Observation> {
    let condition = failed_condition(view)?;
    let is_known = view.fact.hook.is_some() || view.fact.metric().is_some();
    if is_known || is_deadline(condition) {
        return None;
    }
    Some(job_observation(
        view,
        condition,
        format!("{}failed", name(view)),
    ))
}

/// Finds a Job that took longer than `activeDeadlineSeconds`.
pub(super) fn took_too_long(view: WorkloadView<'_>) -> Option<Observation> {
    let condition = failed_condition(view).filter(|condition| is_deadline(condition))?;
    if view.fact.hook.is_some() || view.fact.metric().is_some() {
        return None;
    }
    Some(job_observation(
        view,
        condition,
        format!("{}{}", name(view), too_long(view)),
    ))
}

/// Finds a failed pod that no workload owns and that is not restarted.
pub(super) fn pod_failed(view: PodView<'_>) -> Option<Observation> {
    let fact = view.fact;
    let is_bare = fact.object.uid == fact.root.uid;
    let failed = fact.pod.status.phase.as_deref() == Some("Failed");
    if !is_bare || !failed {
        return None;
    }
    if let Some(why) = disruption(&fact.pod) {
        let since = view
            .context
            .now
            .min(disrupted_at(fact).unwrap_or(view.context.now));
        let next = kubectl(view.namespace(), &["describe", "pod", view.name()]);
        let key = without_numbers(&why);
        return Some(
            Observation::doomed(since, format!("the pod {why}"))
                .key(key)
                .next(next),
        );
    }
    if let Some(why) = overtime(&fact.pod) {
        let ended = fact.containers.values().filter_map(|it| it.ends.last());
        let since = ended.map(End::time).max().unwrap_or(view.context.now);
        let next = kubectl(view.namespace(), &["describe", "pod", view.name()]);
        return Some(Observation::doomed(since, format!("the pod {why}")).next(next));
    }
    let (container, end, time) = failure(fact)?;
    // A kill for memory has a rule of its own, which names the limit.
    if end.reason.as_deref() == Some("OOMKilled") && fact.is_new {
        return None;
    }
    // A failed init container has a rule of its own.
    let is_regular = fact.pod.spec.containers.iter().any(|c| c.name == container);
    let cause = format!("container {container} failed ({})", exit(end));
    let next = kubectl(view.namespace(), &["logs", view.name(), "-c", container]);
    is_regular.then(|| {
        Observation::doomed(time, cause)
            .log(view.context.facts.lines_of(fact, container))
            .own_words(end)
            .last_words()
            .next(next)
    })
}

/// Finds a pod that runs once, of which one container has ended for good while another runs
/// on: an injected proxy, most often. Neither the pod nor its Job ends before all have.
pub(super) fn held(view: PodView<'_>) -> Option<Observation> {
    let is_bare = view.fact.object.uid == view.fact.root.uid;
    let runs_once = view.job().is_some() || (is_bare && view.restart_policy() != "Always");
    if !runs_once || view.fact.pod.is_finished() {
        return None;
    }
    let regular = || view.containers().filter(|it| it.role == Role::Regular);
    let ended = regular().filter_map(|container| Some((container, ended_for_good(&container)?)));
    let (done, end) = ended.max_by_key(|(_, end)| finished(end))?;
    let running: Vec<_> = regular()
        .filter(|container| container.running_since().is_some())
        .map(|container| container.name())
        .collect();
    let first = *running.first()?;
    let since = finished(end).unwrap_or(view.context.now);
    let lasted = span(view.context.age(since));
    let how = match end.exit_code {
        0 => format!("is done ({})", exit(end)),
        _ => format!("failed ({})", exit(end)),
    };
    let (s, verb) = if running.len() == 1 {
        ("", "runs")
    } else {
        ("s", "run")
    };
    let others = argo_core::text::listed(&running);
    let whole = if view.job().is_some() { "Job" } else { "pod" };
    let cause = format!(
        "container {} {how} and container{s} {others} {verb} on for {lasted}: the {whole} ends only when all its containers have",
        done.name()
    );
    let next = kubectl(view.namespace(), &["logs", view.name(), "-c", first]);
    Some(
        Observation::suspicious(since, cause)
            .key(format!("held by {others}"))
            .next(next),
    )
}

/// Returns the end of a container that is not started again.
fn ended_for_good<'a>(view: &ContainerView<'a>) -> Option<&'a Terminated> {
    let end = view.status?.state.terminated.as_ref()?;
    let is_final = match view.restart_policy() {
        "Never" => true,
        "OnFailure" => end.exit_code == 0,
        _ => false,
    };
    is_final.then_some(end)
}

fn finished(end: &Terminated) -> Option<Timestamp> {
    end.finished_at.as_ref().map(|time| time.0)
}

/// Returns the condition that ended the Job as failed, unless the Job failed before this
/// rollout.
pub(super) fn failed_condition(view: WorkloadView<'_>) -> Option<&Condition> {
    if !view.fact.traits.runs_once() || view.state.failed.is_none() {
        return None;
    }
    let workload = &view.fact.workload;
    let holds = |type_: &str| {
        workload
            .condition(type_)
            .filter(|condition| condition.status == "True")
    };
    let condition = holds("FailureTarget").or_else(|| holds("Failed"))?;
    let is_past = !view.fact.is_new
        && time(condition, view) < view.context.facts.started
        && !view.context.thresholds.is_one_look();
    (!is_past).then_some(condition)
}

fn time(condition: &Condition, view: WorkloadView<'_>) -> Timestamp {
    let time = condition.last_transition_time.as_ref();
    time.map_or(view.context.now, |time| time.0)
}

pub(super) fn is_deadline(condition: &Condition) -> bool {
    condition.reason.as_deref() == Some("DeadlineExceeded")
}

pub(super) fn too_long(view: WorkloadView<'_>) -> String {
    match view.fact.workload.spec.active_deadline_seconds {
        Some(seconds) => format!("took longer than its {seconds} s (activeDeadlineSeconds)"),
        None => "took longer than it may (activeDeadlineSeconds)".to_owned(),
    }
}

/// Returns `Job/x ` for a Job of a CronJob, nothing for a Job that the finding names anyway.
fn name(view: WorkloadView<'_>) -> String {
    if view.is_root() {
        String::new()
    } else {
        format!("{} ", view.fact.object)
    }
}

pub(super) fn job_observation(
    view: WorkloadView<'_>,
    condition: &Condition,
    cause: String,
) -> Observation {
    let since = time(condition, view);
    let message = condition.message.as_deref().unwrap_or_default();
    let failed = view.fact.workload.status.failed.unwrap_or(0);
    let s = if failed == 1 { "" } else { "s" };
    let observation_of = |cause: String| {
        // A run of a CronJob holds nothing up, and a hook that was deleted is tried again.
        if view.is_root() && !view.fact.is_gone {
            Observation::doomed(since, cause)
        } else {
            Observation::suspicious(since, cause)
        }
    };
    let object = &view.fact.object;
    let pod = last_failed_pod(view.context.facts, view.fact);
    let Some((fact, (container, end, _))) = pod.and_then(|fact| Some((fact, failure(fact)?)))
    else {
        let cause = match unstarted(view.context.facts, view.fact) {
            Some(why) => format!("{cause}: its pod {why}"),
            None => cause,
        };
        let next = kubectl(&object.namespace, &["describe", "job", &object.name]);
        return observation_of(cause).evidence(message).next(next);
    };
    let is_oom = end.reason.as_deref() == Some("OOMKilled");
    let is_killed = is_oom || is_disrupted(&fact.pod) || overtime(&fact.pod).is_some();
    let is_own_end = !is_deadline(condition) && !is_killed && !is_stopped(fact, end);
    // At the deadline the kubelet killed the container: its exit code is no cause.
    let how = if is_deadline(condition) {
        String::new()
    } else {
        how_it_ended(fact, container, end)
    };
    let lines = view.context.facts.lines_of(fact, container);
    let target = format!("job/{}", object.name);
    let observation = observation_of(cause + &how)
        .evidence(match failed {
            0 => message.to_owned(),
            _ => format!("{message}; {failed} pod{s} failed"),
        })
        .log(lines);
    // A container that was killed has no last words.
    let observation = if is_own_end {
        observation.own_words(end).last_words()
    } else {
        observation
    };
    if view.fact.is_gone {
        return observation;
    }
    let logs = ["logs", &target, "-c", container];
    observation.next(kubectl(&object.namespace, &logs))
}

/// Describes the end of the container that failed a Job's pod, to be put behind the cause.
fn how_it_ended(fact: &PodFact, container: &str, end: &Terminated) -> String {
    // What happened to the whole pod says more than the code of one container.
    if let Some(why) = disruption(&fact.pod).or_else(|| overtime(&fact.pod)) {
        format!(": its pod {why}")
    } else if end.reason.as_deref() == Some("OOMKilled") {
        let spec = &fact.pod.spec;
        let mut all = spec.containers.iter().chain(&spec.init_containers);
        let killed = all.find(|known| known.name == container);
        let limit = killed.map(|known| memory_limit(&fact.pod, known));
        let (limit, code) = (limit.unwrap_or_default(), end.exit_code);
        format!(": container {container} was killed {limit} (exit {code})")
    } else if is_stopped(fact, end) {
        let code = exit(end);
        format!(": its pod was deleted (container {container}, {code})")
    } else {
        format!(" (container {container}, {})", exit(end))
    }
}

/// True if somebody deleted the pod, and the container was stopped for it.
fn is_stopped(fact: &PodFact, end: &Terminated) -> bool {
    let signals = [128 + 9, 128 + 15];
    fact.pod.metadata.deletion_timestamp.is_some() && signals.contains(&end.exit_code)
}

/// Returns the reason for which a pod of a Job failed although no container did: the pod was
/// taken away, or never started.
fn unstarted(facts: &Facts, job: &WorkloadFact) -> Option<String> {
    let mut pods = facts.pods.values().chain(facts.gone_of(&job.root.uid));
    pods.find_map(|fact| {
        let owner = fact.owner.as_ref()?;
        let status = &fact.pod.status;
        let is_failed = status.phase.as_deref() == Some("Failed");
        if owner.uid != job.object.uid || !is_failed {
            return None;
        }
        let refused = Refusal::of(fact).map(|refusal| refusal.told());
        let told = || {
            let message = without_credentials(status.message.as_deref().unwrap_or_default());
            Some(format!("failed ({}): {message}", status.reason.as_deref()?))
        };
        refused
            .or_else(|| disruption(&fact.pod))
            .or_else(|| overtime(&fact.pod))
            .or_else(told)
    })
}

/// Returns how the cluster took a pod away, if it did: `was evicted: …`.
///
/// Reasons of the condition: kubernetes `pkg/apis/core/types.go` and the controllers.
pub(super) fn disruption(pod: &Pod) -> Option<String> {
    if !is_disrupted(pod) {
        return None;
    }
    let condition = pod.condition("DisruptionTarget");
    let reason = condition.and_then(|condition| condition.reason.as_deref());
    let own = pod
        .status
        .message
        .as_deref()
        .filter(|text| !text.is_empty());
    let message = condition.and_then(|condition| condition.message.as_deref());
    let message = without_credentials(own.or(message).unwrap_or_default());
    let message = message.trim_end_matches('.');
    let told = |what: &str| match message {
        "" => what.to_owned(),
        message => format!("{what}: {message}"),
    };
    Some(match (reason, pod.status.reason.as_deref()) {
        (Some("EvictionByEvictionAPI"), _) => "was evicted through the API".to_owned(),
        (Some("PreemptionByScheduler"), _) => "made room for one of higher priority".to_owned(),
        (Some("DeletionByTaintManager"), _) => "was driven off its node by a taint".to_owned(),
        (Some("DeletionByPodGC"), _) => "was removed because its node is gone".to_owned(),
        (_, Some("Preempting")) => "made room for a critical one".to_owned(),
        (_, Some("NodeShutdown" | "Terminated")) => {
            "ended with the shutdown of its node".to_owned()
        }
        (_, Some("NodeLost")) => "was lost with its node".to_owned(),
        _ => told("was evicted"),
    })
}

/// Says that the kubelet ended a pod at its own deadline, if it did (kubernetes
/// `pkg/kubelet/active_deadline.go`): the way in which its containers ended is no cause then.
fn overtime(pod: &Pod) -> Option<String> {
    let is_late = pod.status.reason.as_deref() == Some("DeadlineExceeded");
    is_late.then(|| "ran longer than its activeDeadlineSeconds allow".to_owned())
}

fn disrupted_at(fact: &PodFact) -> Option<Timestamp> {
    let condition = fact.pod.condition("DisruptionTarget")?;
    condition.last_transition_time.as_ref().map(|time| time.0)
}

/// Returns the pod of a Job that failed last, even if the pod is gone.
pub(super) fn last_failed_pod<'a>(facts: &'a Facts, job: &'a WorkloadFact) -> Option<&'a PodFact> {
    let of_job = |fact: &&PodFact| {
        let owner = fact.owner.as_ref();
        owner.is_some_and(|owner| owner.uid == job.object.uid)
    };
    let gone = facts.gone_of(&job.root.uid);
    let pods = facts.pods.values().chain(gone).filter(of_job);
    pods.filter_map(|fact| Some((failure(fact)?.2, fact)))
        .max_by_key(|(time, _)| *time)
        .map(|(_, fact)| fact)
}

/// Returns the container of a pod that failed last, with its end and the time of that.
pub(super) fn failure(fact: &PodFact) -> Option<(&str, &Terminated, Timestamp)> {
    let failures = fact.containers.iter().filter_map(|(name, history)| {
        let end = history.ends.last()?;
        (end.terminated.exit_code != 0).then_some((name.as_str(), &end.terminated, end.time()))
    });
    failures.max_by_key(|(_, _, time)| *time)
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
