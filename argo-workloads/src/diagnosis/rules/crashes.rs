//! The unwanted ends of a container: their number and their kind.
//!
//! `CrashLoopBackOff` comes 11–17 s after the first crash and sometimes for 0.3 s only
//! (recordings 03, 10): the number of ends counts, not the reason that the status shows at
//! the moment.

use argo_core::resource::Terminated;
use jiff::{SignedDuration, Timestamp};

use crate::diagnosis::{
    code::Code,
    context::{ContainerView, Role},
    facts::{End, EventFact, Line},
    finding::Severity,
    observation::{Observation, kubectl},
    span::{secs, span},
};
use crate::message::without_credentials;

/// The ends of a container in this rollout.
pub(super) struct Crashes<'a> {
    /// The number of ends.
    pub(super) count: i64,
    /// The last end.
    pub(super) last: &'a End,
    /// The time of the first failure that is remembered.
    first: Timestamp,
    /// The longest run that is remembered.
    pub(super) longest: SignedDuration,
}

impl<'a> Crashes<'a> {
    /// Counts the ends of a container; nothing where the container never failed, or has
    /// recovered.
    pub(super) fn of(view: &ContainerView<'a>) -> Option<Self> {
        let history = view.history;
        let ends = &history.ends;
        let last = ends
            .last()
            .filter(|end| is_failure(view, &end.terminated))?;
        let failures = || ends.iter().filter(|end| is_failure(view, &end.terminated));
        let longest = failures().filter_map(|end| ran_for(&end.terminated)).max();
        let longest = longest.unwrap_or(SignedDuration::ZERO);
        if has_recovered(view, longest) || is_done(view) || view.pod.is_disrupted() {
            return None;
        }
        Some(Self {
            count: last.run + 1 - counted_from(view, last),
            last,
            first: failures().next().map_or(last.time(), End::time),
            longest,
        })
    }

    /// True if the container ended more often than `allowed`, or will not be started again.
    pub(super) fn exceed(&self, view: &ContainerView<'_>, allowed: u32) -> bool {
        // A pod that is never restarted and belongs to no Job gets no second try.
        let is_final = view.restart_policy() == "Never" && view.pod.job().is_none();
        self.count > i64::from(allowed) || (is_final && self.count > 0)
    }

    /// Describes the number of ends: `3 times in 55 s`, `once`; while it is not certain yet,
    /// `1 of 2 allowed restarts`.
    pub(super) fn times(&self, view: &ContainerView<'_>) -> String {
        let thresholds = view.context().thresholds;
        let allowed = thresholds.allow_restarts;
        let is_restarted = view.restart_policy() != "Never";
        if thresholds.is_early && is_restarted && self.count <= i64::from(allowed) {
            let s = if allowed == 1 { "" } else { "s" };
            return format!("{} of {allowed} allowed restart{s}", self.count);
        }
        let between = self.last.time().duration_since(self.first);
        match self.count {
            1 => "once".to_owned(),
            count if between >= secs(1) => format!("{count} times in {}", span(between)),
            count => format!("{count} times"),
        }
    }

    /// Describes the time of the ends: `right after its start`, `after 40 s`.
    pub(super) fn when(&self) -> String {
        if self.longest <= secs(10) {
            "right after its start".to_owned()
        } else {
            format!("after {}", span(self.longest))
        }
    }
}

/// Returns the restart count from which crashes are counted. Restarts before this rollout are
/// not blamed on the rollout, unless the container is in its back-off even now.
fn counted_from(view: &ContainerView<'_>, last: &End) -> i64 {
    let context = view.context();
    // One look sees no second end: a short run that ended lately stands for all of them.
    let lately = |time| context.age(time) <= secs(600);
    let is_short = ran_for(&last.terminated).is_some_and(|ran| ran <= secs(600));
    let is_told = context.thresholds.is_one_look() && is_short && lately(last.time());
    let blocked = is_told
        || (last.run < view.history.baseline && view.waiting_reason() == "CrashLoopBackOff");
    if blocked { 0 } else { view.history.baseline }
}

/// True if an end is a failure: a container that runs for ever should not end at all, one
/// that runs once should not fail.
fn is_failure(view: &ContainerView<'_>, end: &Terminated) -> bool {
    let for_ever = match view.role {
        Role::Init => false,
        Role::Sidecar => true,
        Role::Regular => view.restart_policy() == "Always",
    };
    let is_own = !is_wanted(view, end) && !is_bystander(view, end) && !end.is_unknown();
    (for_ever || end.exit_code != 0) && is_own
}

/// True if the spec asked for this end: a restart rule names its exit code, or an in-place
/// resize needed a restart.
fn is_wanted(view: &ContainerView<'_>, end: &Terminated) -> bool {
    restarts_by_rule(view, end.exit_code) || was_resized(view, end)
}

/// True if a restart rule of the container names the exit code.
pub(super) fn restarts_by_rule(view: &ContainerView<'_>, code: i32) -> bool {
    let mut rules = view.container.restart_policy_rules.iter();
    rules.any(|rule| rule.applies_to(code))
}

/// True if the container was stopped for an in-place resize: only an event tells.
fn was_resized(view: &ContainerView<'_>, end: &Terminated) -> bool {
    let event = view.event(|event| {
        event.reason == "Killing" && event.message.contains("resize requires restart")
    });
    let finished = end.finished_at.as_ref().map(|time| time.0);
    let grace = view
        .pod
        .fact
        .pod
        .spec
        .termination_grace_period_seconds
        .unwrap_or(30);
    event.zip(finished).is_some_and(|(event, finished)| {
        finished.duration_since(event.first) >= secs(-2)
            && finished.duration_since(event.last) <= secs(grace.clamp(0, 3600) + 5)
    })
}

/// True if another container of the pod was killed for memory: with a limit of the whole pod
/// the kernel's notice reaches every container (Kubernetes 1.37 on cgroup v1).
fn is_bystander(view: &ContainerView<'_>, end: &Terminated) -> bool {
    let is_oom = |end: &Terminated| end.reason.as_deref() == Some("OOMKilled");
    let mut others = view
        .pod
        .fact
        .containers
        .iter()
        .filter(|(name, _)| *name != view.name());
    let is_other_killed = others.any(|(_, history)| {
        let mut ends = history.ends.iter();
        ends.any(|end| is_oom(&end.terminated) && end.terminated.exit_code != 0)
    });
    is_oom(end) && end.exit_code == 0 && is_other_killed
}

/// True if the present run has outlived the past ones by far. A container that a probe
/// kills every minute is ready in between.
fn has_recovered(view: &ContainerView<'_>, longest: SignedDuration) -> bool {
    let since = view.running_since();
    let needed = secs(60).max(longest.saturating_mul(2));
    since.is_some_and(|since| view.context().age(since) > needed)
}

/// True if all containers of the pod have succeeded.
fn is_done(view: &ContainerView<'_>) -> bool {
    view.pod.fact.pod.status.phase.as_deref() == Some("Succeeded")
}

fn ran_for(end: &Terminated) -> Option<SignedDuration> {
    let (started, finished) = (end.started_at.as_ref()?, end.finished_at.as_ref()?);
    let ran = finished.0.duration_since(started.0);
    // A container that never started has the epoch as its start.
    (started.0 > Timestamp::UNIX_EPOCH && ran >= SignedDuration::ZERO).then_some(ran)
}

/// Returns the code of a crash, looking for the most specific cause first.
fn classify(view: &ContainerView<'_>, crashes: &Crashes<'_>) -> Code {
    let end = &crashes.last.terminated;
    let text = start_error(view, end).unwrap_or_default();
    let is_start = is_start_error(view, end);
    // Before the exit code: the kill of a child leaves the parent's own code (cgroup v1).
    if end.reason.as_deref() == Some("OOMKilled") {
        Code::OomKilled
    // Before the exit code: it is whatever the program made of SIGTERM, 0 as well.
    } else if probe_kill(view, crashes.last).is_some() {
        Code::ProbeFailing
    } else if text.contains("exec format error") || log_says(view, "exec format error") {
        Code::ExecFormat
    } else if (is_start && text.contains("permission denied")) || end.exit_code == 126 {
        Code::PermissionDenied
    } else if is_start {
        Code::StartFailed
    } else if view.role == Role::Init {
        Code::InitFailed
    } else {
        Code::CrashLoop
    }
}

/// Returns the crashes of a container, if they are of the kind `code` and more than
/// `allowed`.
pub(super) fn crashed_as<'a>(
    view: &ContainerView<'a>,
    code: Code,
    allowed: u32,
) -> Option<Crashes<'a>> {
    let crashes = Crashes::of(view)?;
    (crashes.exceed(view, allowed) && classify(view, &crashes) == code).then_some(crashes)
}

/// Creates the observation of crashes. A Job starts new pods up to its limit, so the crashes
/// of its pods are only a warning.
pub(super) fn observation(
    view: &ContainerView<'_>,
    crashes: &Crashes<'_>,
    key: &str,
    cause: String,
) -> Observation {
    let severity = match view.pod.job() {
        Some(_) => Severity::Suspicious,
        None => Severity::Doomed,
    };
    let previous = crashes.last.run < restarts(view);
    let (namespace, pod) = (view.pod.namespace(), view.pod.name());
    let mut arguments = vec!["logs", pod, "-c", view.name()];
    if previous || view.waiting_reason() == "CrashLoopBackOff" {
        arguments.push("--previous");
    }
    Observation::new(severity, crashes.first, cause)
        .key(format!("{} {key}", view.label()))
        .weight(crashes.count)
        .evidence(end_fact(view, crashes))
        .next(kubectl(namespace, &arguments))
}

fn restarts(view: &ContainerView<'_>) -> i64 {
    view.status
        .map_or(0, |status| i64::from(status.restart_count))
}

/// Describes the last end: `ended last at 00:02:27 with exit code 1 after 2 s, 3 restarts`
fn end_fact(view: &ContainerView<'_>, crashes: &Crashes<'_>) -> String {
    let end = &crashes.last.terminated;
    let ran = ran_for(end).filter(|ran| *ran >= secs(1));
    let ran = ran.map_or(String::new(), |ran| format!(" after {}", span(ran)));
    let message = end
        .message
        .as_deref()
        .filter(|_| !is_start_error(view, end));
    let message = message.map_or(String::new(), |text| {
        format!(": {}", without_credentials(text))
    });
    let time = crashes.last.time().strftime("%H:%M:%S").to_string();
    let (restarts, s) = (restarts(view), if restarts(view) == 1 { "" } else { "s" });
    let code = end.exit_code;
    format!("ended last at {time} with exit code {code}{ran}, {restarts} restart{s}{message}")
}

/// Returns the lines of the run that ended; those of the present run prove nothing.
pub(super) fn lines_before_end(lines: &[Line], end: &End) -> Vec<Line> {
    // The kubelet gives the time of an end in whole seconds.
    let until = end.time().saturating_add(secs(1)).unwrap_or(end.time());
    let of_dead: Vec<Line> = lines
        .iter()
        .filter(|line| line.time <= until)
        .cloned()
        .collect();
    if of_dead.is_empty() {
        lines.to_vec()
    } else {
        of_dead
    }
}

fn log_says(view: &ContainerView<'_>, text: &str) -> bool {
    view.lines().iter().any(|line| line.text.contains(text))
}

/// Returns the event of the kubelet that killed this run for a probe. The event is Normal,
/// the exit code the program's own (143, or 137 where it ignores TERM).
pub(super) fn probe_kill<'a>(view: &ContainerView<'a>, end: &End) -> Option<&'a EventFact> {
    let event = view.event(|event| {
        event.reason == "Killing"
            && event.message.contains("probe")
            && event.message.contains("will be restarted")
    })?;
    let pod = &view.pod.fact.pod;
    let grace = pod.spec.termination_grace_period_seconds.unwrap_or(30);
    // One event counts all kills: it spans the first to the last.
    // The event has whole seconds and comes up to two before the end; a program that ignores
    // SIGTERM ends when the grace period does.
    let fits = |end: &&End| {
        let after_first = end.time().duration_since(event.first);
        let after_last = end.time().duration_since(event.last);
        after_first >= secs(-2) && after_last <= secs(grace.clamp(0, 3600) + 5)
    };
    // The event may come after the status (recording 10): a run that ended as one did that
    // was killed was killed too.
    let code = end.terminated.exit_code;
    // The kubelet stops telling of a pod that has many events: one look, which has not seen
    // the first end, knows a kill by its signal.
    let untold = view.context().thresholds.is_one_look() && matches!(code, 137 | 143);
    let killed = view.history.ends.iter().find(fits);
    let same = killed.is_some_and(|killed| killed.terminated.exit_code == code);
    (same || (untold && event.last <= end.time())).then_some(event)
}

/// Describes an exit code: `exit 1`, `exit 139: SIGSEGV`, `exit 127: command not found`.
pub(super) fn exit(end: &Terminated) -> String {
    let code = end.exit_code;
    if end.reason.as_deref() == Some("OOMKilled") {
        return format!("exit {code}: OOMKilled");
    }
    let signal = end.signal.filter(|signal| *signal > 0);
    // By convention a code above 128 is 128 plus the number of a signal.
    let signal = signal.or((code > 128 && code < 160).then_some(code - 128));
    let reading = match (code, signal) {
        (127, _) => "command not found".to_owned(),
        (_, Some(6)) => "SIGABRT".to_owned(),
        (_, Some(9)) => "SIGKILL".to_owned(),
        (_, Some(11)) => "SIGSEGV".to_owned(),
        (_, Some(15)) => "SIGTERM".to_owned(),
        (_, Some(signal)) => format!("signal {signal}"),
        _ => return format!("exit {code}"),
    };
    format!("exit {code}: {reading}")
}

/// True if the runtime could not start the container. containerd
/// `internal/cri/server/helpers.go`: a task that cannot start ends as `StartError` with exit
/// code 128; Docker called it `ContainerCannotRun`.
fn is_start_error(view: &ContainerView<'_>, end: &Terminated) -> bool {
    let reason = end.reason.as_deref().unwrap_or_default();
    let hook = view.history.last_message.as_ref();
    let hook = hook.is_some_and(|last_message| last_message.reason == "PostStartHookError");
    matches!(reason, "StartError" | "ContainerCannotRun" | "CannotRun") || hook
}

/// Returns the runtime's message if the container could not be started.
pub(super) fn start_error(view: &ContainerView<'_>, end: &Terminated) -> Option<String> {
    if !is_start_error(view, end) {
        return None;
    }
    let last_message = view.history.last_message.as_ref();
    let told = last_message.map(|last_message| last_message.message.clone());
    let own = end.message.clone().filter(|text| !text.is_empty());
    own.or(told)
}

/// Returns the part of the runtime's text that speaks of the program.
pub(super) fn start_phrase(text: &str) -> String {
    const NOISE: [&str; 3] = [
        "unable to start container process: ",
        "OCI runtime create failed: ",
        "failed to create containerd task: ",
    ];
    let start = NOISE
        .iter()
        .find_map(|noise| text.rfind(noise).map(|at| at + noise.len()));
    let rest = &text[start.unwrap_or(0)..];
    let rest = rest.strip_suffix(": unknown").unwrap_or(rest);
    if let Some(words) = super::start_error::words(rest) {
        return without_credentials(&words);
    }
    let program = rest
        .strip_prefix("exec: \"")
        .and_then(|rest| rest.split_once('"'));
    match program {
        Some((program, why)) => {
            let why = why.trim_start_matches(": ");
            let why = why
                .strip_prefix(&format!("stat {program}: "))
                .unwrap_or(why);
            let why = why.strip_suffix(": unknown").unwrap_or(why);
            without_credentials(&format!("{program}: {why}"))
        }
        None => without_credentials(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_read() {
        let end = |exit_code| Terminated {
            exit_code,
            ..Terminated::default()
        };
        let cases = [
            (1, "exit 1"),
            (127, "exit 127: command not found"),
            (134, "exit 134: SIGABRT"),
            (137, "exit 137: SIGKILL"),
            (139, "exit 139: SIGSEGV"),
            (143, "exit 143: SIGTERM"),
            (136, "exit 136: signal 8"),
            (255, "exit 255"),
        ];
        for (code, text) in cases {
            assert_eq!(exit(&end(code)), text);
        }
    }

    #[test]
    fn the_runtimes_text_is_cut_to_the_program() {
        let text = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"/app/server\": stat /app/server: no such file or directory: unknown";
        assert_eq!(start_phrase(text), "/app/server: no such file or directory");
        let path = "unable to start container process: exec: \"server\": executable file not found in $PATH: unknown";
        assert_eq!(
            start_phrase(path),
            "server: executable file not found in $PATH"
        );
        assert_eq!(start_phrase("something else"), "something else");
    }
}
