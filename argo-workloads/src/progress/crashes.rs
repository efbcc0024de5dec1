//! The ends of containers that nobody asked for.
//!
//! A container that should run ends for many good reasons: its pod is deleted, evicted or
//! drained, its own restart rules want it, its resources are resized in place. Only what is
//! left is a crash.

use std::{collections::BTreeMap, time::Duration};

use argo_core::{
    resource::{Container, ContainerStatus, Pod, Terminated},
    text::duration::between,
};

/// The waiting reason, and the reason of every past end, of a pod that restarts as a whole.
const RESTARTING_ALL: &str = "RestartingAllContainers";

/// The longest time for which a container that crashed is watched for the next crash.
const NEXT_CRASH: Duration = Duration::from_secs(60);

/// Returns the time that shows whether a container crashes again whose `longest` run ended in a
/// crash: one that ran for 12 s has proven nothing after 10 s.
pub(super) fn until_next(settle: Duration, longest: Duration) -> Duration {
    let next = longest.saturating_mul(3) / 2;
    settle.max(next.min(NEXT_CRASH.max(settle)))
}

/// The ends of each container of a pod, and those of them that nobody asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Crashes(BTreeMap<String, Ends>);

#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    all: u32,
    unwanted: u32,
    /// The longest run that ended so.
    longest: Duration,
    /// True if the container will not be started again.
    is_final: bool,
}

impl Crashes {
    /// Returns the crashes of a pod after its status changed from `before`. Ends of a pod that
    /// was there before the rollout count from its first status on.
    pub(super) fn after(before: Option<(&Self, &Pod)>, pod: &Pod, is_new: bool) -> Self {
        let is_excused = is_excused(pod) || before.is_some_and(|(_, pod)| is_excused(pod));
        let known = before.map(|(crashes, _)| crashes);
        let containers = permanent(pod).map(|(container, status)| {
            let all = ends(status);
            let first = Ends {
                all: if is_new { 0 } else { all },
                ..Ends::default()
            };
            let known = known.and_then(|known| known.0.get(&container.name));
            let known = known.copied().unwrap_or(first);
            let unwanted = all.saturating_sub(known.all);
            let is_crash = unwanted > 0 && !is_excused && !is_wanted(pod, container, status);
            let ends = Ends {
                all: all.max(known.all),
                unwanted: known.unwanted + if is_crash { unwanted } else { 0 },
                longest: if is_crash {
                    known.longest.max(ran_for(status))
                } else {
                    known.longest
                },
                is_final: known.is_final || (is_crash && policy(pod, container) == "Never"),
            };
            (container.name.clone(), ends)
        });
        Self(containers.collect())
    }

    /// Returns how often the container with the most crashes crashed.
    pub(super) fn most(&self) -> u32 {
        let ends = self.0.values().map(|ends| ends.unwanted);
        ends.max().unwrap_or(0)
    }

    /// Returns the number of crashes of all containers.
    pub(super) fn sum(&self) -> u32 {
        self.0.values().map(|ends| ends.unwanted).sum()
    }

    /// Returns the longest run that ended in a crash.
    pub(super) fn longest(&self) -> Duration {
        let longest = self.0.values().map(|ends| ends.longest);
        longest.max().unwrap_or_default()
    }

    /// True if a container crashed that will not be started again.
    pub(super) fn is_final(&self) -> bool {
        self.0.values().any(|ends| ends.is_final)
    }
}

/// Regular containers and sidecars; other init containers are meant to end.
pub(super) fn permanent(pod: &Pod) -> impl Iterator<Item = (&Container, &ContainerStatus)> {
    let sidecars = pod.spec.init_containers.iter();
    let sidecars =
        sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    sidecars
        .map(|container| (container, &pod.status.init_container_statuses))
        .chain(
            pod.spec
                .containers
                .iter()
                .map(|container| (container, &pod.status.container_statuses)),
        )
        .filter_map(|(container, statuses)| {
            let status = statuses
                .iter()
                .find(|status| status.name == container.name)?;
            Some((container, status))
        })
}

/// Each restart is one end, and so is a container that has not been started again yet.
fn ends(status: &ContainerStatus) -> u32 {
    let ended = u32::from(status.state.terminated.is_some());
    // In a back-off the run that ended is the one before the next restart.
    let backs_off =
        status.last_state.terminated.as_ref().is_some_and(|end| {
            end.container_id.is_some() && end.container_id == status.container_id
        });
    let waits = u32::from(status.state.waiting.is_some() && backs_off);
    u32::try_from(status.restart_count).unwrap_or(0) + ended.max(waits)
}

/// Returns the time for which the run that ended last lasted.
fn ran_for(status: &ContainerStatus) -> Duration {
    let past = status.last_state.terminated.as_ref();
    let end = status.state.terminated.as_ref().or(past);
    let times = end.and_then(|end| end.started_at.as_ref().zip(end.finished_at.as_ref()));
    times.map_or(Duration::ZERO, |(start, end)| between(start.0, end.0))
}

/// True if the whole pod is ended by somebody: its containers cannot help it.
fn is_excused(pod: &Pod) -> bool {
    let holds = |type_: &str| {
        pod.condition(type_)
            .is_some_and(|condition| condition.status == "True")
    };
    pod.metadata.deletion_timestamp.is_some()
        // A kubelet that evicts or shuts down fails the pod without deleting it.
        || (pod.is_finished() && pod.status.reason.is_some())
        || holds("DisruptionTarget")
        || holds("AllContainersRestarting")
        // The container may be restarted to get its new resources.
        || holds("PodResizeInProgress")
}

fn is_wanted(pod: &Pod, container: &Container, status: &ContainerStatus) -> bool {
    let waiting = status.state.waiting.as_ref();
    if waiting.is_some_and(|waiting| waiting.reason.as_deref() == Some(RESTARTING_ALL)) {
        return true;
    }
    let past = status.last_state.terminated.as_ref();
    let Some(end) = status.state.terminated.as_ref().or(past) else {
        return false;
    };
    end.reason.as_deref() == Some(RESTARTING_ALL)
        || end.is_unknown()
        || is_wanted_by_rule(container, end.exit_code)
        || is_within_policy(policy(pod, container), end)
}

/// The first rule about the exit code decides.
fn is_wanted_by_rule(container: &Container, code: i32) -> bool {
    let mut rules = container.restart_policy_rules.iter();
    let rule = rules.find(|rule| rule.applies_to(code));
    rule.is_some_and(|rule| rule.action.starts_with("Restart"))
}

fn is_within_policy(policy: &str, end: &Terminated) -> bool {
    match policy {
        "OnFailure" => true,
        "Never" => end.exit_code == 0,
        _ => false,
    }
}

fn policy<'a>(pod: &'a Pod, container: &'a Container) -> &'a str {
    let own = container.restart_policy.as_deref();
    let policy = own.or(pod.spec.restart_policy.as_deref());
    policy.unwrap_or("Always")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(container: &Value, status: &Value, extra: &Value) -> Pod {
        let mut pod = json!({"metadata": {}, "spec": {"containers": [container]},
            "status": {"phase": "Running", "containerStatuses": [status]}});
        for (part, fields) in extra.as_object().unwrap() {
            for (field, value) in fields.as_object().unwrap() {
                pod[part][field] = value.clone();
            }
        }
        serde_json::from_value(pod).unwrap()
    }

    fn ended(restarts: i32, code: i32, reason: &str) -> Value {
        json!({"name": "app", "restartCount": restarts,
            "state": {"terminated": {"exitCode": code, "reason": reason}}})
    }

    /// The crashes after a container ended like this.
    fn after(container: &Value, code: i32, reason: &str, extra: &Value) -> u32 {
        let pod = pod(container, &ended(0, code, reason), extra);
        Crashes::after(None, &pod, true).sum()
    }

    #[test]
    fn what_somebody_asked_for_is_no_crash() {
        let app = json!({"name": "app"});
        let holds =
            |type_: &str| json!({"status": {"conditions": [{"type": type_, "status": "True"}]}});
        assert_eq!(after(&app, 1, "Error", &json!({})), 1);
        assert_eq!(after(&app, 0, "Completed", &json!({})), 1);
        let deleted = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
        assert_eq!(after(&app, 143, "Error", &deleted), 0);
        assert_eq!(after(&app, 137, "Error", &deleted), 0);
        let evicted = json!({"status": {"phase": "Failed", "reason": "Evicted"}});
        assert_eq!(after(&app, 137, "Error", &evicted), 0);
        for condition in [
            "DisruptionTarget",
            "AllContainersRestarting",
            "PodResizeInProgress",
        ] {
            assert_eq!(after(&app, 137, "Error", &holds(condition)), 0);
        }
        assert_eq!(after(&app, 137, RESTARTING_ALL, &json!({})), 0);
        // The node was rebooted.
        assert_eq!(after(&app, 255, "Unknown", &json!({})), 0);
        assert_eq!(after(&app, 137, "ContainerStatusUnknown", &json!({})), 0);
        assert_eq!(after(&app, 137, "Error", &holds("Ready")), 1);
    }

    #[test]
    fn the_containers_own_policy_and_rules_decide() {
        let own = |policy: &str| json!({"name": "app", "restartPolicy": policy});
        assert_eq!(after(&own("OnFailure"), 5, "Error", &json!({})), 0);
        assert_eq!(after(&own("Never"), 0, "Completed", &json!({})), 0);
        assert_eq!(after(&own("Always"), 0, "Completed", &json!({})), 1);
        let failed = pod(&own("Never"), &ended(0, 3, "Error"), &json!({}));
        assert!(Crashes::after(None, &failed, true).is_final());
        let rule = json!({"name": "app", "restartPolicy": "Never", "restartPolicyRules": [
            {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]});
        assert_eq!(after(&rule, 42, "Error", &json!({})), 0);
        assert_eq!(after(&rule, 41, "Error", &json!({})), 1);
        // The pod runs once: what it does with its container is the Job's business.
        let once = json!({"spec": {"restartPolicy": "OnFailure"}});
        assert_eq!(after(&json!({"name": "app"}), 1, "Error", &once), 0);
    }

    #[test]
    fn a_sidecar_among_the_init_containers_should_run_and_other_ones_end() {
        let init = |policy: Option<&str>| {
            let value = json!({"spec": {"containers": [],
                "initContainers": [{"name": "app", "restartPolicy": policy}]},
                "status": {"initContainerStatuses": [ended(0, 13, "Error")]}});
            let pod: Pod = serde_json::from_value(value).unwrap();
            Crashes::after(None, &pod, true).sum()
        };
        assert_eq!((init(Some("Always")), init(None)), (1, 0));
    }

    #[test]
    fn each_end_counts_once_and_a_resize_none() {
        let app = json!({"name": "app"});
        let running = |restarts: i32| {
            json!({"name": "app", "restartCount": restarts, "state": {"running": {}},
                "lastState": {"terminated": {"exitCode": 137, "reason": "Error"}}})
        };
        let resizing =
            json!({"status": {"conditions": [{"type": "PodResizeInProgress", "status": "True"}]}});
        let none = json!({});
        let mut past: Option<(Crashes, Pod)> = None;
        let mut see = |status: &Value, extra: &Value| {
            let pod = pod(&app, status, extra);
            let before = past.as_ref().map(|(crashes, pod)| (crashes, pod));
            let crashes = Crashes::after(before, &pod, false);
            let sum = crashes.sum();
            past = Some((crashes, pod));
            sum
        };
        assert_eq!(see(&running(4), &none), 0, "they were there before");
        assert_eq!(see(&ended(4, 1, "Error"), &none), 1);
        assert_eq!(see(&running(5), &none), 1);
        assert_eq!(see(&running(5), &resizing), 1);
        assert_eq!(
            see(&running(6), &none),
            1,
            "restarted for its new resources"
        );
        assert_eq!(see(&running(7), &none), 2);
    }
}
