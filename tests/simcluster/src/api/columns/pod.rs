//! The cells of a pod.

use super::*;

pub(super) fn readiness(pod: &Value) -> (usize, usize) {
    let sidecars: Vec<&Value> = items(&pod["spec"]["initContainers"])
        .iter()
        .filter(|container| container["restartPolicy"] == "Always")
        .map(|container| &container["name"])
        .collect();
    let is_ready =
        |status: &&Value| status["ready"] == true && status["state"]["running"].is_object();
    let init = items(&pod["status"]["initContainerStatuses"]);
    let ready_sidecars = init
        .iter()
        .filter(|status| sidecars.contains(&&status["name"]) && status["ready"] == true)
        .count();
    let ready = items(&pod["status"]["containerStatuses"])
        .iter()
        .filter(is_ready)
        .count();
    (
        ready + ready_sidecars,
        items(&pod["spec"]["containers"]).len() + sidecars.len(),
    )
}

/// The word of the `STATUS` column.
pub(super) fn pod_status(pod: &Value) -> String {
    let status = &pod["status"];
    let phase = status["phase"].as_str().unwrap_or_default();
    let mut reason = status["reason"]
        .as_str()
        .filter(|reason| !reason.is_empty())
        .unwrap_or(phase)
        .to_owned();
    for condition in items(&status["conditions"]) {
        if condition["type"] == "PodScheduled" && condition["reason"] == "SchedulingGated" {
            "SchedulingGated".clone_into(&mut reason);
        }
    }
    match init_status(pod) {
        Some(initializing) => reason = initializing,
        None => {
            if let Some(containers) = containers_status(pod, &reason) {
                reason = containers;
            }
        }
    }
    if pod["metadata"]["deletionTimestamp"].is_string() {
        if status["reason"] == "NodeLost" {
            return "Unknown".to_owned();
        }
        if !matches!(phase, "Succeeded" | "Failed") {
            return "Terminating".to_owned();
        }
    }
    reason
}

/// `Init:…` while a init container keeps the pod from going on.
pub(super) fn init_status(pod: &Value) -> Option<String> {
    let specs = items(&pod["spec"]["initContainers"]);
    for (index, status) in items(&pod["status"]["initContainerStatuses"])
        .iter()
        .enumerate()
    {
        let state = &status["state"];
        let spec = specs.iter().find(|spec| spec["name"] == status["name"]);
        let is_sidecar = spec.is_some_and(|spec| spec["restartPolicy"] == "Always");
        let terminated = &state["terminated"];
        if terminated.is_object() && terminated["exitCode"] == 0
            || is_sidecar && status["started"] == true
        {
            continue;
        }
        if terminated.is_object() {
            return Some(format!("Init:{}", ended(terminated)));
        }
        let waiting = state["waiting"]["reason"].as_str().unwrap_or_default();
        if !waiting.is_empty() && waiting != "PodInitializing" {
            return Some(format!("Init:{waiting}"));
        }
        return Some(format!("Init:{index}/{}", specs.len()));
    }
    None
}

pub(super) fn containers_status(pod: &Value, phase: &str) -> Option<String> {
    let mut reason = None;
    let mut has_running = false;
    for status in items(&pod["status"]["containerStatuses"]).iter().rev() {
        let state = &status["state"];
        let waiting = state["waiting"]["reason"].as_str().unwrap_or_default();
        if !waiting.is_empty() {
            reason = Some(waiting.to_owned());
        } else if state["terminated"].is_object() {
            reason = Some(ended(&state["terminated"]));
        } else if status["ready"] == true && state["running"].is_object() {
            has_running = true;
        }
    }
    if has_running && reason.as_deref().unwrap_or(phase) == "Completed" {
        let conditions = items(&pod["status"]["conditions"]);
        let ready = conditions
            .iter()
            .any(|one| one["type"] == "Ready" && one["status"] == "True");
        reason = Some(if ready { "Running" } else { "NotReady" }.to_owned());
    }
    reason
}

pub(super) fn ended(terminated: &Value) -> String {
    match terminated["reason"].as_str() {
        Some(reason) if !reason.is_empty() => reason.to_owned(),
        _ if int(&terminated["signal"]) != 0 => format!("Signal:{}", terminated["signal"]),
        _ => format!("ExitCode:{}", int(&terminated["exitCode"])),
    }
}

/// `2 (35s ago)`.
pub(super) fn restarts(pod: &Value, now: Timestamp) -> String {
    let statuses = || {
        let init = if init_status(pod).is_some() {
            &pod["status"]["initContainerStatuses"]
        } else {
            &Value::Null
        };
        items(init)
            .iter()
            .chain(items(&pod["status"]["containerStatuses"]))
    };
    let count: i64 = statuses().map(|status| int(&status["restartCount"])).sum();
    let last = statuses()
        .filter_map(|status| time(&status["lastState"]["terminated"]["finishedAt"]))
        .max();
    match last {
        Some(last) if count > 0 => {
            format!(
                "{count} ({} ago)",
                human(now.duration_since(last).as_secs())
            )
        }
        _ => count.to_string(),
    }
}

pub(super) fn readiness_gates(pod: &Value) -> String {
    let gates = items(&pod["spec"]["readinessGates"]);
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let conditions = items(&pod["status"]["conditions"]);
    let holds = |gate: &&Value| {
        conditions
            .iter()
            .any(|one| one["type"] == gate["conditionType"] && one["status"] == "True")
    };
    format!("{}/{}", gates.iter().filter(holds).count(), gates.len())
}
