//! The state of one container as its pod reports it.

use std::sync::Arc;

use argo_core::resource::{ContainerStatus, Pod, Terminated};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// One run of a container, identified by its container id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The container id, `<runtime>://<id>`, which is never used again.
    pub id: Arc<str>,
    /// Number of runs before this one.
    pub restart: i32,
    /// Start, rounded down to the second.
    pub started_at: Option<Timestamp>,
    /// End, rounded down to the second; `None` while it runs.
    pub finished_at: Option<Timestamp>,
    /// True while the run has not ended.
    pub running: bool,
}

/// The state of a pod, as far as its logs depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodState {
    /// The pod exists, and its containers may run.
    #[default]
    Live,
    /// The pod exists, and none of its containers will run again.
    Finished,
    /// The pod does not exist any more, or another has its name.
    Gone,
}

/// The state of one container at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerView {
    /// The state of the pod.
    pub pod: PodState,
    /// The present run, or the one that ended last and has no successor yet.
    pub current: Option<Run>,
    /// The run before (`lastState.terminated`), which the kubelet serves as `previous`.
    pub last: Option<Run>,
    /// True if the kubelet made up the end of the run before: it has no container id, and no
    /// log.
    pub last_is_made_up: bool,
    /// True if the container itself will never run again (an ephemeral container that
    /// ended).
    pub over: bool,
}

impl Run {
    /// True if the container could not be started: the run ended without a start, so it has
    /// no log.
    pub(crate) fn never_started(&self) -> bool {
        !self.running && self.started_at.is_none()
    }
}

impl ContainerView {
    /// Reads the state of a container from its pod.
    pub fn new(pod: &Pod, container: &str) -> Self {
        let ephemeral = &pod.status.ephemeral_container_statuses;
        let status = pod
            .containers()
            .find(|(spec, _)| spec.name == container)
            .and_then(|(_, status)| status);
        let mut view = status.map(Self::from_status).unwrap_or_default();
        view.over = ephemeral
            .iter()
            .any(|status| status.name == container && status.state.terminated.is_some());
        if pod.is_finished() {
            view.pod = PodState::Finished;
        }
        view
    }

    /// The state of a container whose pod does not exist.
    pub fn gone() -> Self {
        Self {
            pod: PodState::Gone,
            ..Self::default()
        }
    }

    fn from_status(status: &ContainerStatus) -> Self {
        let current = running(status).or_else(|| {
            let terminated = status.state.terminated.as_ref()?;
            ended(terminated, status.restart_count)
        });
        let last = status.last_state.terminated.as_ref().and_then(|last| {
            // In a back-off `lastState` is the run that `restartCount` counts; beside a
            // successor it is the one before (recording 03-crash-loop).
            let before = i32::from(current.is_some());
            ended(last, (status.restart_count - before).max(0))
        });
        let has_last = status.last_state.terminated.is_some();
        Self {
            last_is_made_up: has_last && last.is_none(),
            current,
            last,
            ..Self::default()
        }
    }

    /// Iterates over the runs that the kubelet can serve, oldest first, each with whether
    /// the request for it needs `previous`.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (&Run, bool)> {
        let last = self.last.iter().map(|run| (run, true));
        last.chain(self.current.iter().map(|run| (run, false)))
    }

    /// True if a run with more than `restart` runs before it may have written at `time`.
    pub(crate) fn has_started(&self, restart: i32, time: i64) -> bool {
        let nanos = |at: Timestamp| i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX);
        self.runs().any(|(run, _)| {
            run.restart > restart && run.started_at.is_some_and(|at| nanos(at) <= time)
        })
    }

    /// True once the container will never write again.
    pub(crate) fn is_over(&self) -> bool {
        self.pod != PodState::Live || self.over
    }
}

fn running(status: &ContainerStatus) -> Option<Run> {
    let running = status.state.running.as_ref()?;
    let id = non_empty(status.container_id.as_deref())?;
    Some(Run {
        id: id.into(),
        restart: status.restart_count,
        started_at: timestamp(running.started_at.as_ref()),
        finished_at: None,
        running: true,
    })
}

fn ended(terminated: &Terminated, restart: i32) -> Option<Run> {
    let id = non_empty(terminated.container_id.as_deref())?;
    Some(Run {
        id: id.into(),
        restart,
        started_at: timestamp(terminated.started_at.as_ref()),
        finished_at: timestamp(terminated.finished_at.as_ref()),
        running: false,
    })
}

fn non_empty(id: Option<&str>) -> Option<&str> {
    id.filter(|id| !id.is_empty())
}

fn timestamp(time: Option<&Time>) -> Option<Timestamp> {
    // A container that never started has the Go zero time: 0001-01-01.
    time.map(|time| time.0).filter(|time| time.as_second() > 0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn view(status: &Value) -> ContainerView {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "p" },
            "spec": { "containers": [{ "name": "c" }] },
            "status": { "phase": "Running", "containerStatuses": [status] },
        }))
        .unwrap();
        ContainerView::new(&pod, "c")
    }

    fn terminated(id: &str) -> Value {
        json!({ "terminated": {
            "exitCode": 1, "containerID": id,
            "startedAt": "2026-11-24T00:01:39Z", "finishedAt": "2026-11-24T00:01:40Z",
        }})
    }

    fn runs(view: &ContainerView) -> Vec<(String, i32, bool, bool)> {
        view.runs()
            .map(|(run, previous)| (run.id.to_string(), run.restart, run.running, previous))
            .collect()
    }

    /// The sequence of recording 03-crash-loop.
    #[test]
    fn a_run_keeps_its_restart_count_from_its_end_through_the_back_off() {
        let ended = view(&json!({
            "name": "c", "restartCount": 1, "containerID": "B",
            "state": terminated("B"), "lastState": terminated("A"),
        }));
        assert_eq!(
            runs(&ended),
            [("A".into(), 0, false, true), ("B".into(), 1, false, false)]
        );
        let waiting = view(&json!({
            "name": "c", "restartCount": 1, "containerID": "B",
            "state": { "waiting": { "reason": "CrashLoopBackOff" } },
            "lastState": terminated("B"),
        }));
        assert_eq!(runs(&waiting), [("B".into(), 1, false, true)]);
    }

    #[test]
    fn a_container_that_never_started_has_no_run() {
        let creating = view(&json!({
            "name": "c", "restartCount": 0,
            "state": { "waiting": { "reason": "ContainerCreating" } },
        }));
        assert_eq!(runs(&creating), []);
        let no_id = view(&json!({
            "name": "c", "restartCount": 0, "containerID": "",
            "state": terminated(""),
        }));
        assert_eq!(runs(&no_id), []);
    }

    #[test]
    fn a_running_container_is_served_as_it_is() {
        let running = view(&json!({
            "name": "c", "restartCount": 0, "containerID": "A",
            "state": { "running": { "startedAt": "2026-11-24T00:01:39Z" } },
        }));
        assert_eq!(runs(&running), [("A".into(), 0, true, false)]);
        assert!(!running.is_over());
    }
}
