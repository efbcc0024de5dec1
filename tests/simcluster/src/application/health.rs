//! Health of objects by the rules of Argo CD (gitops-engine/pkg/health).

use serde_json::Value;

/// From best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthStatus {
    /// All is as wanted.
    Healthy,
    /// Paused.
    Suspended,
    /// May become healthy.
    Progressing,
    /// Does not exist.
    Missing,
    /// Failed, or did not become healthy in time.
    Degraded,
}

impl HealthStatus {
    /// Returns the name as Argo CD writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Suspended => "Suspended",
            Self::Progressing => "Progressing",
            Self::Missing => "Missing",
            Self::Degraded => "Degraded",
        }
    }
}

/// The health of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Status.
    pub status: HealthStatus,
    /// Reason for the status.
    pub message: String,
}

use HealthStatus::{Degraded, Healthy, Progressing, Suspended};

/// The health of a live object; `None` for kinds that have none.
#[must_use]
pub fn health(object: &Value) -> Option<Health> {
    if object["metadata"]["deletionTimestamp"].is_string() {
        return Some(of(Progressing, "Pending deletion"));
    }
    Some(match object["kind"].as_str()? {
        "Deployment" => deployment(object),
        "StatefulSet" => stateful_set(object),
        "DaemonSet" => daemon_set(object),
        "ReplicaSet" => replica_set(object),
        "Job" => job(object),
        "Pod" => pod(object),
        "CronJob" => cron_job(object),
        _ => return None,
    })
}

fn of(status: HealthStatus, message: impl Into<String>) -> Health {
    Health {
        status,
        message: message.into(),
    }
}

fn count(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

/// `spec.replicas`, which is 1 if it is not given.
fn replicas(object: &Value) -> i64 {
    object["spec"]["replicas"].as_i64().unwrap_or(1)
}

fn is_observed(object: &Value) -> bool {
    count(&object["metadata"]["generation"]) <= count(&object["status"]["observedGeneration"])
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let mut conditions = object["status"]["conditions"].as_array()?.iter();
    conditions.find(|condition| condition["type"] == kind)
}

fn holds(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == "True")
}

fn deployment(object: &Value) -> Health {
    let (wanted, status) = (replicas(object), &object["status"]);
    let (updated, available) = (
        count(&status["updatedReplicas"]),
        count(&status["availableReplicas"]),
    );
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    if object["spec"]["paused"] == true {
        return of(Suspended, "Deployment is paused");
    }
    if !is_observed(object) {
        return of(
            Progressing,
            "Waiting for rollout to finish: observed deployment generation less than desired generation",
        );
    }
    if condition(object, "Progressing").is_some_and(|it| it["reason"] == "ProgressDeadlineExceeded")
    {
        return of(
            Degraded,
            format!("Deployment \"{name}\" exceeded its progress deadline"),
        );
    }
    let old = count(&status["replicas"]) - updated;
    if updated < wanted {
        of(
            Progressing,
            format!(
                "Waiting for rollout to finish: {updated} out of {wanted} new replicas have been updated..."
            ),
        )
    } else if old > 0 {
        of(
            Progressing,
            format!("Waiting for rollout to finish: {old} old replicas are pending termination..."),
        )
    } else if available < updated {
        of(
            Progressing,
            format!(
                "Waiting for rollout to finish: {available} of {updated} updated replicas are available..."
            ),
        )
    } else {
        of(Healthy, "")
    }
}

/// Never Degraded: a crash loop is Progressing for ever.
fn stateful_set(object: &Value) -> Health {
    let (wanted, status) = (replicas(object), &object["status"]);
    let update = &object["spec"]["updateStrategy"];
    if count(&status["observedGeneration"]) == 0 || !is_observed(object) {
        return of(
            Progressing,
            "Waiting for statefulset spec update to be observed...",
        );
    }
    let left = wanted - count(&status["readyReplicas"]);
    if left > 0 {
        return of(
            Progressing,
            format!("Waiting for {left} pods to be ready..."),
        );
    }
    let updated = count(&status["updatedReplicas"]);
    if update["type"] != "OnDelete"
        && let Some(partition) = update["rollingUpdate"]["partition"].as_i64()
    {
        let new = wanted - partition;
        return if updated < new {
            of(
                Progressing,
                format!(
                    "Waiting for partitioned roll out to finish: {updated} out of {new} new pods have been updated..."
                ),
            )
        } else {
            of(
                Healthy,
                format!("partitioned roll out complete: {updated} new pods have been updated..."),
            )
        };
    }
    if update["type"] == "OnDelete" {
        let ready = count(&status["readyReplicas"]);
        return of(Healthy, format!("statefulset has {ready} ready pods"));
    }
    if status["updateRevision"] != status["currentRevision"] {
        return of(
            Progressing,
            format!(
                "waiting for statefulset rolling update to complete {updated} pods at revision {}...",
                status["updateRevision"].as_str().unwrap_or_default()
            ),
        );
    }
    let current = count(&status["currentReplicas"]);
    of(
        Healthy,
        format!(
            "statefulset rolling update complete {current} pods at revision {}...",
            status["currentRevision"].as_str().unwrap_or_default()
        ),
    )
}

/// Never Degraded either.
fn daemon_set(object: &Value) -> Health {
    let status = &object["status"];
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    if !is_observed(object) {
        return of(
            Progressing,
            "Waiting for rollout to finish: observed daemon set generation less than desired generation",
        );
    }
    let wanted = count(&status["desiredNumberScheduled"]);
    let (updated, available) = (
        count(&status["updatedNumberScheduled"]),
        count(&status["numberAvailable"]),
    );
    if object["spec"]["updateStrategy"]["type"] == "OnDelete" {
        return of(
            Healthy,
            format!("daemon set {updated} out of {wanted} new pods have been updated"),
        );
    }
    if updated < wanted {
        of(
            Progressing,
            format!(
                "Waiting for daemon set \"{name}\" rollout to finish: {updated} out of {wanted} new pods have been updated..."
            ),
        )
    } else if available < wanted {
        of(
            Progressing,
            format!(
                "Waiting for daemon set \"{name}\" rollout to finish: {available} of {wanted} updated pods are available..."
            ),
        )
    } else {
        of(Healthy, "")
    }
}

fn replica_set(object: &Value) -> Health {
    if !is_observed(object) {
        return of(
            Progressing,
            "Waiting for rollout to finish: observed replica set generation less than desired generation",
        );
    }
    if let Some(failure) = condition(object, "ReplicaFailure").filter(|it| it["status"] == "True") {
        return of(Degraded, failure["message"].as_str().unwrap_or_default());
    }
    let available = count(&object["status"]["availableReplicas"]);
    let wanted = replicas(object);
    if available < wanted {
        return of(
            Progressing,
            format!(
                "Waiting for rollout to finish: {available} out of {wanted} new replicas are available..."
            ),
        );
    }
    of(Healthy, "")
}

fn job(object: &Value) -> Health {
    let message = |kind: &str| {
        let found = condition(object, kind).filter(|it| it["status"] == "True");
        found.map(|it| it["message"].as_str().unwrap_or_default().to_owned())
    };
    if let Some(message) = message("Failed") {
        of(Degraded, message)
    } else if let Some(message) = message("Suspended") {
        of(Suspended, message)
    } else if let Some(message) = message("Complete") {
        of(Healthy, message)
    } else {
        of(Progressing, "")
    }
}

fn pod(object: &Value) -> Health {
    let (spec, status) = (&object["spec"], &object["status"]);
    let statuses = status["containerStatuses"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let always = matches!(spec["restartPolicy"].as_str(), None | Some("Always"));
    let waits = |it: &&Value| {
        let reason = it["state"]["waiting"]["reason"]
            .as_str()
            .unwrap_or_default();
        reason.starts_with("Err") || reason.ends_with("Error") || reason.ends_with("BackOff")
    };
    if always && let Some(stuck) = statuses.iter().find(waits) {
        let message = stuck["state"]["waiting"]["message"].as_str();
        return of(Degraded, message.unwrap_or_default());
    }
    match status["phase"].as_str() {
        Some("Succeeded") => of(Healthy, ""),
        Some("Failed") => of(Degraded, failed_pod(object, statuses)),
        Some("Running") if always && holds(object, "Ready") => of(Healthy, ""),
        Some("Running") if always => {
            let died = |it: &&Value| it["lastState"]["terminated"].is_object();
            match statuses.iter().find(died) {
                Some(dead) => {
                    let message = dead["lastState"]["terminated"]["message"].as_str();
                    of(Degraded, message.unwrap_or_default())
                }
                None => of(Progressing, ""),
            }
        }
        _ => of(Progressing, status["message"].as_str().unwrap_or_default()),
    }
}

fn failed_pod(object: &Value, statuses: &[Value]) -> String {
    if let Some(message) = object["status"]["message"].as_str() {
        return message.to_owned();
    }
    for container in statuses {
        let end = &container["state"]["terminated"];
        let name = container["name"].as_str().unwrap_or_default();
        if let Some(message) = end["message"].as_str() {
            return message.to_owned();
        }
        if end["reason"] == "OOMKilled" {
            return "OOMKilled".to_owned();
        }
        if let Some(code) = end["exitCode"].as_i64().filter(|code| *code != 0) {
            return format!("container \"{name}\" failed with exit code {code}");
        }
    }
    String::new()
}

/// resource_customizations/batch/CronJob/health.lua, since 3.2.
fn cron_job(object: &Value) -> Health {
    let status = &object["status"];
    if object["spec"]["suspend"] == true {
        return of(Healthy, "CronJob is Suspended");
    }
    let Some(scheduled) = status["lastScheduleTime"].as_str() else {
        return of(Healthy, "CronJob has not been scheduled yet");
    };
    let active = status["active"].as_array().map_or(0, Vec::len);
    match status["lastSuccessfulTime"].as_str() {
        _ if active > 0 => of(
            Healthy,
            "The job is running. Its last execution was successful.",
        ),
        None => of(
            Healthy,
            "CronJob has not completed its last execution successfully",
        ),
        Some(succeeded) if succeeded < scheduled => of(
            Degraded,
            "CronJob has not completed its last execution successfully",
        ),
        Some(_) => of(
            Healthy,
            "CronJob has completed its last execution successfully",
        ),
    }
}
