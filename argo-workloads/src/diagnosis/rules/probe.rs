//! Probes that fail.
//!
//! Texts: kubernetes `pkg/probe`, `pkg/kubelet/prober`; recordings 06, 10. One failed
//! probe is noise, most healthy rollouts have some (recording 01).

use argo_core::resource::Probe;
use argo_core::text::{cap, similar::without_numbers};
use jiff::{SignedDuration, Timestamp};

use super::crashes::{self, Crashes, crashed_as, probe_kill};
use crate::diagnosis::{
    code::Code,
    context::{ContainerView, PodView, Role},
    facts::EventFact,
    observation::{Observation, kubectl},
    span::{secs, span},
};
use crate::message::without_credentials;

/// Finds a container that is killed for a probe again and again.
pub(super) fn killed(view: &ContainerView<'_>) -> Option<Observation> {
    let allowed = view.context().thresholds.tolerated();
    let crashes = crashed_as(view, Code::ProbeFailing, allowed)?;
    let event = probe_kill(view, crashes.last)?;
    let (kind, probe) = if event.message.contains("startup") {
        ("startup", view.container.startup_probe.as_ref())
    } else {
        ("liveness", view.container.liveness_probe.as_ref())
    };
    let answer = failed_probe(view, kind).map_or("", |event| event.message.as_str());
    let answer = answer_phrase(probe, answer);
    let (label, times) = (view.label(), crashes.times(view));
    let cause = format!("{label} is killed because its {kind} probe fails: {answer}, {times}");
    // Another probe that fails is another cause.
    let key = format!("{kind} {}", probe.map(asked).unwrap_or_default());
    Some(crashes::observation(view, &crashes, &key, cause).log(view.lines()))
}

/// Finds a container that runs and is not ready. The grace time is a minute, or the longer
/// time that the probe itself allows; pods of the same revision that became ready show how
/// long it takes and shorten it (recording 06: one of three stuck, the others ready after 1
/// s).
pub(super) fn not_ready(view: &ContainerView<'_>) -> Option<Observation> {
    let probe = view.readiness()?;
    let status = view.status?;
    // Until the startup probe has passed, the kubelet does not run the readiness probe.
    if status.ready || status.started == Some(false) {
        return None;
    }
    let started = view.running_since()?;
    // An event of the run before says nothing of this one: the kubelet counts all of them in one
    // object.
    let event = failed_probe(view, "readiness").filter(|event| event.last >= started)?;
    // Crashes say more than the probe that fails in between.
    if Crashes::of(view).is_some() {
        return None;
    }
    // A container that was ready for an hour is late from the moment at which it no longer was.
    let since = started.max(unready_since(view.pod).unwrap_or(started));
    let answer = answer_phrase(Some(probe), &event.message);
    let (name, lasted) = (view.name(), span(view.context().age(since)));
    let never = if since > started.saturating_add(secs(2)).unwrap_or(started) {
        "no longer passes"
    } else {
        "never passed"
    };
    let cause = format!("readiness of {name} {never}: {answer} for {lasted}");
    let observation = Observation::suspicious(since, cause)
        .key(format!(
            "readiness of {name}: {} {}",
            asked(probe),
            without_numbers(&answer)
        ))
        .weight(view.context().age(since).as_secs())
        .evidence(last_message(&event.message))
        .log(view.lines())
        .next(kubectl(
            view.pod.namespace(),
            &["logs", view.pod.name(), "-c", name],
        ));
    let observation = Observation {
        error_line: None,
        ..observation
    };
    let allowed = allowed_by(probe);
    Some(match slowest_sibling(view) {
        Some((sibling, took)) => {
            let grace = took
                .saturating_mul(5)
                .clamp(secs(20), secs(60).max(allowed));
            observation.grace(grace).evidence(format!(
                "{sibling} of the same revision was ready after {}",
                span(took)
            ))
        }
        None => observation.grace(secs(60).max(allowed)),
    })
}

/// Finds a container whose startup probe has not passed yet. The kubelet kills it once the probe
/// has failed as often as it may, which is the grace time: a long start is allowed.
pub(super) fn not_started(view: &ContainerView<'_>) -> Option<Observation> {
    let probe = view.container.startup_probe.as_ref()?;
    let started = view.running_since()?;
    let is_starting = view.status?.started == Some(false);
    let event = failed_probe(view, "startup").filter(|event| event.last >= started)?;
    if !is_starting || Crashes::of(view).is_some() {
        return None;
    }
    let answer = answer_phrase(Some(probe), &event.message);
    let (label, lasted) = (view.label(), span(view.context().age(started)));
    let cause = format!("startup probe of {label} has not passed for {lasted}: {answer}");
    let namespace = view.pod.namespace();
    let arguments = ["logs", view.pod.name(), "-c", view.name()];
    let observation = Observation::suspicious(started, cause)
        .key(format!("startup of {label}: {}", asked(probe)))
        .grace(secs(60).max(allowed_by(probe)))
        .evidence(last_message(&event.message))
        .log(view.lines())
        .next(kubectl(namespace, &arguments));
    let consequence = match view.role {
        Role::Sidecar => "; the containers behind it start only then",
        _ => "",
    };
    Some(Observation {
        error_line: None,
        consequence,
        ..observation
    })
}

/// Finds a missing condition that something outside of the pod sets (a load balancer, above
/// all).
pub(super) fn gate(view: PodView<'_>) -> Option<Observation> {
    let ready = view.fact.pod.condition("Ready")?;
    if ready.status != "False" || ready.reason.as_deref() != Some("ReadinessGatesNotReady") {
        return None;
    }
    let since = ready.last_transition_time.as_ref()?.0;
    let message = without_credentials(ready.message.as_deref().unwrap_or_default());
    let cause = format!("containers are ready but a readiness gate is not: {message}");
    let next = kubectl(view.namespace(), &["describe", "pod", view.name()]);
    Some(Observation::suspicious(since, cause).next(next))
}

/// Returns the latest event of a failed probe of this kind.
fn failed_probe<'a>(view: &ContainerView<'a>, kind: &str) -> Option<&'a EventFact> {
    view.event(|event| {
        let mut words = event.message.split(' ');
        let is_kind = words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case(kind));
        event.reason == "Unhealthy" && is_kind && words.next() == Some("probe")
    })
}

/// Returns the time since which the pod has not been ready.
fn unready_since(view: PodView<'_>) -> Option<Timestamp> {
    let ready = view.fact.pod.condition("ContainersReady")?;
    let time = ready.last_transition_time.as_ref()?;
    (ready.status == "False").then_some(time.0)
}

/// Returns the time for which the probe itself lets a container fail.
fn allowed_by(probe: &Probe) -> SignedDuration {
    let bounded = |value: Option<i64>, default: i64| value.unwrap_or(default).clamp(0, 86_400);
    let delay = bounded(probe.initial_delay_seconds, 0);
    let threshold = bounded(probe.failure_threshold, 3);
    secs(delay + threshold * bounded(probe.period_seconds, 10))
}

/// Returns the slowest pod of the same revision that became ready at the first try, and the
/// time that it took.
fn slowest_sibling<'a>(view: &ContainerView<'a>) -> Option<(&'a str, SignedDuration)> {
    let own = &view.pod.fact.object.uid;
    let root = &view.pod.fact.root.uid;
    let siblings = view
        .context()
        .all_pods()
        .filter(|pod| pod.is_newest() && pod.fact.root.uid == *root && pod.fact.object.uid != *own);
    let took = siblings.filter_map(|pod| {
        let sibling = pod
            .containers()
            .find(|sibling| sibling.name() == view.name())?;
        let status = sibling
            .status
            .filter(|status| status.ready && status.restart_count == 0)?;
        let started = status.state.running.as_ref()?.started_at.as_ref()?.0;
        let ready = pod.fact.pod.condition("Ready")?;
        let ready = ready.last_transition_time.as_ref()?.0;
        Some((pod.name(), ready.duration_since(started).max(secs(0))))
    });
    took.max_by_key(|(_, took)| *took)
}

/// Describes a probe and its answer: `GET /healthz on port 8080 answers 404`.
fn answer_phrase(probe: Option<&Probe>, message: &str) -> String {
    let answer = match message.split_once("probe failed: ") {
        Some((_, answer)) => answer.trim(),
        None => message
            .split_once("probe errored")
            .map_or("", |(_, rest)| rest)
            .trim(),
    };
    let asked = probe.map_or_else(|| "the probe".to_owned(), asked);
    let code = answer.strip_prefix("HTTP probe failed with statuscode: ");
    if let Some(code) = code {
        return format!("{asked} answers {}", without_credentials(code));
    }
    let answer = answer
        .rsplit_once("resulted in unknown state: ")
        .map_or(answer, |(_, why)| why);
    // The kubelet looks for a port of this name, then takes the name for a number.
    if answer.starts_with("strconv.Atoi: parsing ") {
        return format!("{asked}: the container has no port of this name");
    }
    let said = network(answer).map_or_else(|| without_credentials(answer), str::to_owned);
    let is_command = probe.is_some_and(|probe| probe.exec.is_some());
    match (said.is_empty(), is_command) {
        (true, _) => format!("{asked} fails"),
        (false, true) => format!("{asked} fails (\"{}\")", cap(&said, 120)),
        (false, false) => format!("{asked}: {said}"),
    }
}

/// A probe without an answer (`Readiness probe failed: `) proves no more than the sentence.
fn last_message(message: &str) -> &str {
    let message = message.trim();
    if message.ends_with("failed:") {
        ""
    } else {
        message
    }
}

/// Returns the network error of an answer, without addresses.
fn network(answer: &str) -> Option<&'static str> {
    const TEXTS: [(&str, &str); 6] = [
        ("connection refused", "connection refused"),
        ("connection reset", "connection reset"),
        ("no route to host", "no route to host"),
        ("Client.Timeout", "no answer in time"),
        ("deadline exceeded", "no answer in time"),
        ("i/o timeout", "no answer in time"),
    ];
    let found = TEXTS.iter().find(|(text, _)| answer.contains(text));
    found.map(|(_, phrase)| *phrase)
}

/// Describes the request of a probe. A command is shown by its program only: its arguments
/// may hold a password.
fn asked(probe: &Probe) -> String {
    let port = |port: &Option<serde_json::Value>| match port {
        Some(serde_json::Value::String(name)) => format!(" on port {}", without_credentials(name)),
        Some(serde_json::Value::Number(number)) => format!(" on port {number}"),
        _ => String::new(),
    };
    if let Some(get) = &probe.http_get {
        let path = get.path.as_deref().unwrap_or("/");
        let path = path.split('?').next().unwrap_or_default();
        return format!("GET {}{}", without_credentials(path), port(&get.port));
    }
    if let Some(socket) = &probe.tcp_socket {
        return format!("a connection{}", port(&socket.port));
    }
    if let Some(grpc) = &probe.grpc {
        return format!("the gRPC health check{}", port(&grpc.port));
    }
    let program = probe.exec.as_ref().and_then(|exec| exec.command.first());
    match program {
        Some(program) => format!("command {}", without_credentials(program)),
        None => "the probe".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_probe_and_its_answer_in_words() {
        let http = json!({"httpGet": {"path": "/healthz?token=abc", "port": 8080}});
        let exec = json!({"exec": {"command": ["redis-cli", "-a", "s3cret", "ping"]}});
        let tcp = json!({"tcpSocket": {"port": "web"}});
        let cases = [
            (
                &http,
                "Readiness probe failed: HTTP probe failed with statuscode: 404",
                "GET /healthz on port 8080 answers 404",
            ),
            (
                &http,
                "Readiness probe failed: Get \"http://10.0.0.1:8080/healthz\": dial tcp 10.0.0.1:8080: connect: connection refused",
                "GET /healthz on port 8080: connection refused",
            ),
            (
                &http,
                "Liveness probe failed: Get \"http://10.0.0.1:8080/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
                "GET /healthz on port 8080: no answer in time",
            ),
            (
                &exec,
                "Readiness probe failed: database not reachable\n",
                "command redis-cli fails (\"database not reachable\")",
            ),
            (&exec, "Startup probe failed: ", "command redis-cli fails"),
            (
                &tcp,
                "Readiness probe errored and resulted in unknown state: strconv.Atoi: parsing \"web\": invalid syntax",
                "a connection on port web: the container has no port of this name",
            ),
            (
                &exec,
                "Readiness probe errored and resulted in unknown state: rpc error: code = Unknown desc = no such container",
                "command redis-cli fails (\"rpc error: code = Unknown desc = no such container\")",
            ),
            (
                &tcp,
                "Readiness probe failed: dial tcp 10.0.0.1:80: i/o timeout",
                "a connection on port web: no answer in time",
            ),
        ];
        for (probe, message, phrase) in cases {
            let probe: Probe = serde_json::from_value(probe.clone()).unwrap();
            assert_eq!(answer_phrase(Some(&probe), message), phrase);
        }
    }
}
