//! The status of a pod from what the kubelet has seen of its containers.

use serde_json::{Value, json};

use super::container::{Container, Role, Seen};

/// Inputs of a pod status.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) pod: &'a Value,
    pub(crate) containers: &'a [Container],
    pub(crate) policy: &'a str,
    /// The address, once the sandbox was seen.
    pub(crate) ip: Option<&'a str>,
    /// The sandbox is up.
    pub(crate) sandbox: bool,
    /// Everything has ended and is cleaned up: the phase may be final.
    pub(crate) over: bool,
    /// The status written before.
    pub(crate) before: &'a Value,
    /// Now, as `metav1.Time`.
    pub(crate) now: &'a str,
    pub(crate) start_time: &'a str,
}

/// `status` of the pod.
pub(crate) fn status(source: &Source<'_>) -> Value {
    let phase = phase(source);
    let is_final = matches!(phase, "Succeeded" | "Failed");
    let shown = if is_final && !source.over {
        source.before["phase"].as_str().unwrap_or("Pending")
    } else {
        phase
    };
    let generation = source.pod["metadata"]["generation"].clone();
    let mut status = json!({
        "phase": shown,
        "conditions": conditions(source, phase, &generation),
        "hostIP": super::HOST_IP, "hostIPs": [{"ip": super::HOST_IP}],
        "startTime": source.start_time,
        "qosClass": source.before["qosClass"].as_str().unwrap_or("BestEffort"),
    });
    if !generation.is_null() {
        status["observedGeneration"] = generation;
    }
    if let Some(ip) = source.ip {
        status["podIP"] = Value::from(ip);
        status["podIPs"] = json!([{"ip": ip}]);
    }
    let has_init = source
        .containers
        .iter()
        .any(|container| container.role != Role::Main);
    let waiting = if has_init {
        "PodInitializing"
    } else {
        "ContainerCreating"
    };
    for (list, init) in [
        ("initContainerStatuses", true),
        ("containerStatuses", false),
    ] {
        let of_list = source
            .containers
            .iter()
            .filter(|container| (container.role != Role::Main) == init);
        let statuses: Vec<Value> = of_list
            .map(|container| container_status(source, container, waiting))
            .collect();
        if !statuses.is_empty() {
            status[list] = Value::from(statuses);
        }
    }
    status
}

fn container_status(source: &Source<'_>, container: &Container, waiting: &str) -> Value {
    let mut status = container.status(waiting, source.policy);
    // A main container of a pod that was deleted before it ran (recordings 02 and 10).
    let deleted = source.pod["metadata"]["deletionTimestamp"].is_string();
    if source.over
        && deleted
        && status["state"]["waiting"].is_object()
        && container.role == Role::Main
    {
        status["state"] = json!({"terminated": {
            "exitCode": 137, "reason": "ContainerStatusUnknown",
            "message": "The container could not be located when the pod was terminated",
            "startedAt": null, "finishedAt": null,
        }});
    }
    status
}

/// `getPhase` of the kubelet.
fn phase(source: &Source<'_>) -> &'static str {
    let of = |role: Role| {
        source
            .containers
            .iter()
            .filter(move |container| container.role == role)
    };
    let failed_init = of(Role::Init).any(|init| {
        init.ended_with().is_some_and(|code| code != 0) && !init.restarts(source.policy)
    });
    if failed_init {
        return "Failed";
    }
    if source.over && of(Role::Main).any(|main| main.seen() != Seen::Ended) {
        return "Failed";
    }
    let never_ran = |main: &Container| main.seen() == Seen::Not && main.dead.is_empty();
    if !initialized(source) && of(Role::Main).all(never_ran) {
        return "Pending";
    }
    if of(Role::Main).any(never_ran) {
        return "Pending";
    }
    if of(Role::Main).any(|main| main.seen() == Seen::Running) {
        return "Running";
    }
    // A sidecar that still runs keeps the pod from being over.
    if of(Role::Sidecar).any(|sidecar| sidecar.seen() == Seen::Running) {
        return "Running";
    }
    let succeeded = of(Role::Main).all(|main| main.ended_with() == Some(0));
    match source.policy {
        _ if source.over => {
            if succeeded {
                "Succeeded"
            } else {
                "Failed"
            }
        }
        "Always" => "Running",
        _ if succeeded => "Succeeded",
        "Never" => "Failed",
        _ => "Running",
    }
}

fn initialized(source: &Source<'_>) -> bool {
    unfinished(source).is_empty()
}

fn unfinished<'a>(source: &'a Source<'_>) -> Vec<&'a str> {
    let ran = |container: &Container| {
        container.role == Role::Main
            && (container.seen() != Seen::Not || !container.dead.is_empty())
    };
    if source.containers.iter().any(ran) {
        return Vec::new();
    }
    let done = |container: &Container| match container.role {
        Role::Init => container.ended_with() == Some(0),
        Role::Sidecar => container.started(),
        Role::Main => true,
    };
    let waiting = source
        .containers
        .iter()
        .filter(|container| !done(container));
    waiting.map(|container| container.name.as_str()).collect()
}

fn conditions(source: &Source<'_>, phase: &str, generation: &Value) -> Value {
    let listed = |names: Vec<&str>, kind: &str| {
        format!("containers with {kind} status: [{}]", names.join(" "))
    };
    let unready = source
        .containers
        .iter()
        .filter(|container| container.role != Role::Init && !container.ready());
    let unready: Vec<&str> = unready.map(|container| container.name.as_str()).collect();
    let ready = match phase {
        "Succeeded" => (false, "PodCompleted", String::new()),
        "Failed" => (false, "PodFailed", String::new()),
        _ if unready.is_empty() => (true, "", String::new()),
        _ => (false, "ContainersNotReady", listed(unready, "unready")),
    };
    let unfinished = unfinished(source);
    let initialized = match phase {
        "Succeeded" => (true, "PodCompleted", String::new()),
        _ if unfinished.is_empty() => (true, "", String::new()),
        _ => (
            false,
            "ContainersNotInitialized",
            listed(unfinished, "incomplete"),
        ),
    };
    let all = [
        (
            "PodReadyToStartContainers",
            (source.sandbox, "", String::new()),
        ),
        ("Initialized", initialized),
        ("Ready", ready.clone()),
        ("ContainersReady", ready),
        ("PodScheduled", (true, "", String::new())),
    ];
    let made = all.into_iter().map(|(kind, (status, reason, message))| {
        let status = if status { "True" } else { "False" };
        let mut condition = json!({
            "type": kind, "status": status, "lastProbeTime": null,
            "lastTransitionTime": since(source, kind, status),
        });
        let mut set = |field: &str, value: Value| condition[field] = value;
        if !generation.is_null() {
            set("observedGeneration", generation.clone());
        }
        if !reason.is_empty() {
            set("reason", Value::from(reason));
        }
        if !message.is_empty() {
            set("message", Value::from(message));
        }
        condition
    });
    Value::from(made.collect::<Vec<Value>>())
}

/// Since when a condition has this status.
fn since(source: &Source<'_>, kind: &str, status: &str) -> Value {
    let before = source.before["conditions"].as_array().into_iter().flatten();
    let mut same =
        before.filter(|condition| condition["type"] == kind && condition["status"] == status);
    match same.next() {
        Some(condition) => condition["lastTransitionTime"].clone(),
        None => Value::from(source.now),
    }
}
