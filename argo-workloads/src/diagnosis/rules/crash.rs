//! Containers that end again and again, each for a reason of its own.

use argo_core::{
    resource::{Container, Pod},
    text::{quantity::memory, similar::without_numbers},
};

use super::crashes::{
    Crashes, crashed_as, exit, lines_before_end, observation, start_error, start_phrase,
};
use crate::diagnosis::{
    code::Code,
    context::{ContainerView, Role},
    observation::{Observation, kubectl},
    span::span,
};
use crate::message::without_credentials;

/// Returns the restarts allowed to a failure that is the same each time: it needs no third
/// try, while other crashes may have waited for something.
fn allowed_if_certain(view: &ContainerView<'_>) -> u32 {
    view.context().thresholds.tolerated().min(1)
}

/// Finds a container killed at its memory limit. The kernel's kill of a child shows as
/// `OOMKilled` with the shell's own exit code on cgroup v1.
pub(super) fn oom_killed(view: &ContainerView<'_>) -> Option<Observation> {
    let crashes = crashed_as(view, Code::OomKilled, allowed_if_certain(view))?;
    let limit = memory_limit(&view.pod.fact.pod, view.container);
    let (label, after, times) = (view.label(), span(crashes.longest), crashes.times(view));
    let cause = format!("{label} is killed {limit}, {after} after its start, {times}");
    let lines = lines_before_end(view.lines(), crashes.last);
    // The limit is part of the key: another container's kill has another cause.
    let key = format!("oom {limit}");
    let observation = observation(view, &crashes, &key, cause).log(&lines);
    // The log of a killed program ends anywhere: no line of it is the error.
    Some(Observation {
        error_line: None,
        ..observation
    })
}

/// Describes the memory limit: `at its memory limit of 64Mi`; the limit of the whole pod
/// where the container has none.
pub(super) fn memory_limit(pod: &Pod, container: &Container) -> String {
    let own = container.resources.limits.get("memory");
    let of_pod = pod.spec.resources.limits.get("memory");
    match (own, of_pod) {
        (Some(limit), _) => format!(
            "at its memory limit of {}",
            without_credentials(&memory(limit))
        ),
        (None, Some(limit)) => format!(
            "at the pod's memory limit of {}",
            without_credentials(&memory(limit))
        ),
        (None, None) => {
            "for memory although it has no limit (the node or its cgroup ran out)".to_owned()
        }
    }
}

/// Finds a program for another processor, or a script without an interpreter line. The
/// runtime reports it in the log only (exit 1 or 255).
pub(super) fn exec_format(view: &ContainerView<'_>) -> Option<Observation> {
    let crashes = crashed_as(view, Code::ExecFormat, allowed_if_certain(view))?;
    let image = without_credentials(view.image());
    let label = view.label();
    let cause = format!(
        "{label} cannot run its program: it is for another processor, or a script without #! (exec format error; image {image})"
    );
    Some(observation(view, &crashes, "exec-format", cause).log(view.lines()))
}

/// Finds a program that may not be executed.
pub(super) fn permission_denied(view: &ContainerView<'_>) -> Option<Observation> {
    let crashes = crashed_as(view, Code::PermissionDenied, allowed_if_certain(view))?;
    let end = &crashes.last.terminated;
    let what = start_error(view, end).map_or_else(
        || "exit code 126: the program is not executable".to_owned(),
        |text| start_phrase(&text),
    );
    let cause = format!("{} cannot start: {what}", view.label());
    let lines = lines_before_end(view.lines(), crashes.last);
    Some(observation(view, &crashes, "permission", cause).log(&lines))
}

/// Finds a container that the runtime cannot start: the program is missing, a mount is wrong,
/// a hook fails. Exit code 128 alone is no proof (krane): it must happen twice.
pub(super) fn start_failed(view: &ContainerView<'_>) -> Option<Observation> {
    let crashes = crashed_as(view, Code::StartFailed, allowed_if_certain(view))?;
    let text = start_error(view, &crashes.last.terminated).unwrap_or_default();
    let phrase = start_phrase(&text);
    let cause = format!("{} cannot start: {phrase}", view.label());
    let (namespace, pod) = (view.pod.namespace(), view.pod.name());
    let observation = observation(view, &crashes, &without_numbers(&phrase), cause);
    // The text of a hook repeats its command, whose arguments may be secret.
    let observation = if text.contains(" lifecycle hook (") {
        observation
    } else {
        observation.evidence(text)
    };
    // A container that never started has no log.
    Some(observation.next(kubectl(namespace, &["describe", "pod", pod])))
}

/// Finds an init container that fails, which keeps the pod from starting.
pub(super) fn init_failed(view: &ContainerView<'_>) -> Option<Observation> {
    let allowed = view.context().thresholds.tolerated();
    let crashes = crashed_as(view, Code::InitFailed, allowed)?;
    Some(describe(view, &crashes))
}

/// Finds an init container that runs on, most often waiting for something.
pub(super) fn init_hangs(view: &ContainerView<'_>) -> Option<Observation> {
    let since = view.running_since().filter(|_| view.role == Role::Init)?;
    let ran = span(view.context().age(since));
    let mut cause = format!("{} has not ended after {ran}", view.label());
    if let Some(line) = view.lines().last() {
        cause = format!("{cause}; last line: {}", without_credentials(&line.text));
    }
    let (namespace, pod) = (view.pod.namespace(), view.pod.name());
    let observation = Observation::suspicious(since, cause)
        .key(format!("{} hangs", view.label()))
        .log(view.lines())
        .next(kubectl(namespace, &["logs", pod, "-c", view.name()]));
    Some(Observation {
        error_line: None,
        ..observation
    })
}

/// Finds a container that ends again and again for a reason of its own.
pub(super) fn crash_loop(view: &ContainerView<'_>) -> Option<Observation> {
    // A pod that runs once does not loop: job-failed.
    if view.restart_policy() == "Never" {
        return None;
    }
    let allowed = view.context().thresholds.tolerated();
    let crashes = crashed_as(view, Code::CrashLoop, allowed)?;
    Some(describe(view, &crashes))
}

fn describe(view: &ContainerView<'_>, crashes: &Crashes<'_>) -> Observation {
    let end = &crashes.last.terminated;
    let (label, when, times) = (view.label(), crashes.when(), crashes.times(view));
    let is_only = view.restart_policy() == "Never" && crashes.count == 1;
    let cause = if is_only {
        format!("{label} failed {when} ({})", exit(end))
    } else if end.exit_code == 0 {
        format!("{label} ends {when} with exit code 0 but should keep running ({times})")
    } else {
        format!("{label} crashes {when} ({}, {times})", exit(end))
    };
    let lines = lines_before_end(view.lines(), crashes.last);
    let observation = observation(view, crashes, &exit(end), cause).log(&lines);
    observation.own_words(end).last_words()
}
