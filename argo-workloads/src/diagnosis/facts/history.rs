//! Past statuses of a container: the present status forgets too fast.
//!
//! A kubelet keeps one past run, shows a telling message for a second, and alternates between
//! an error and its back-off (recordings 03, 10). This module remembers the part of the past
//! that a rule needs, bounded.

use argo_core::resource::{ContainerStatus, Terminated};
use jiff::Timestamp;

/// Runs of a container that are remembered; above this the oldest is dropped.
const RUNS: usize = 8;

/// The remembered past of one container of one pod.
#[derive(Clone, Debug, Default)]
pub(crate) struct ContainerHistory {
    /// The number of restarts that happened before the rollout.
    pub(crate) baseline: i64,
    /// The ends of the container's last runs, oldest first.
    pub(crate) ends: Vec<End>,
    /// The trouble that the container has in starting, until it runs.
    pub(crate) start_problem: Option<StartProblem>,
    /// The last telling message, even after a back-off has replaced it in the status.
    pub(crate) last_message: Option<LastMessage>,
}

/// The end of one run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct End {
    /// The number of restarts before this run.
    pub(crate) run: i64,
    /// The end in the words of the status.
    pub(crate) terminated: Terminated,
    /// The time at which the status first showed the end.
    pub(crate) seen: Timestamp,
}

impl End {
    /// Returns the time at which the run ended, by the kubelet's clock.
    pub(crate) fn time(&self) -> Timestamp {
        let finished = self.terminated.finished_at.as_ref().map(|time| time.0);
        finished
            .filter(|time| *time > Timestamp::UNIX_EPOCH)
            .unwrap_or(self.seen)
    }
}

/// The trouble that keeps a container from starting.
#[derive(Clone, Debug)]
pub(crate) struct StartProblem {
    /// The kind of trouble; a back-off belongs to the kind of the failure before it.
    pub(crate) kind: StartProblemKind,
    /// The reason that stands in the status, or stood there before a back-off.
    pub(crate) reason: String,
    /// The most telling message.
    pub(crate) message: String,
    /// The time at which the trouble began.
    pub(crate) since: Timestamp,
}

/// A message that was worth remembering.
#[derive(Clone, Debug)]
pub(crate) struct LastMessage {
    /// The reason that stood beside the message.
    pub(crate) reason: String,
    /// The message.
    pub(crate) message: String,
}

/// Reasons that alternate with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartProblemKind {
    /// The image.
    Image,
    /// ConfigMaps, Secrets and the security context.
    Config,
    /// The runtime.
    Create,
}

impl StartProblemKind {
    /// Kubernetes `pkg/kubelet/images/types.go`, `pkg/kubelet/kuberuntime/kuberuntime_container.go`,
    /// `pkg/kubelet/container/sync_result.go`.
    fn of(reason: &str) -> Option<Self> {
        match reason {
            "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ImageInspectError"
            | "RegistryUnavailable"
            | "SignatureValidationFailed" => Some(Self::Image),
            "CreateContainerConfigError" => Some(Self::Config),
            "CreateContainerError"
            | "RunContainerError"
            | "PostStartHookError"
            | "PreCreateHookError"
            | "PreStartHookError" => Some(Self::Create),
            _ => None,
        }
    }
}

impl ContainerHistory {
    /// Creates the memory of a container that is seen for the first time. Earlier restarts of
    /// a pod that is older than the rollout are not blamed on the rollout.
    pub(crate) fn new(status: &ContainerStatus, is_new: bool) -> Self {
        Self {
            baseline: if is_new {
                0
            } else {
                i64::from(status.restart_count.max(0))
            },
            ..Self::default()
        }
    }

    /// Takes in a status.
    pub(crate) fn observe(&mut self, status: &ContainerStatus, now: Timestamp) {
        let run = i64::from(status.restart_count.max(0));
        let now_ended = status.state.terminated.as_ref();
        if let Some(end) = &status.last_state.terminated {
            // In a back-off the last state is the run that the count counts; beside a
            // successor it is the one before (recording 03-crash-loop).
            let is_latest = end.container_id.is_some() && end.container_id == status.container_id;
            self.end(if is_latest { run } else { run - 1 }, end, now);
        }
        if let Some(end) = now_ended {
            self.end(run, end, now);
        }
        if status.state.running.is_some() {
            self.start_problem = None;
        }
        if let Some(waiting) = &status.state.waiting {
            let reason = waiting.reason.as_deref().unwrap_or_default();
            let message = waiting.message.as_deref().unwrap_or_default();
            self.wait(reason, message, now);
        }
    }

    fn end(&mut self, run: i64, terminated: &Terminated, now: Timestamp) {
        // The status of a container that the kubelet has lost, or removed to restart the
        // whole pod, proves nothing: the kubelet makes up the exit code.
        const MADE_UP: [&str; 2] = ["ContainerStatusUnknown", "RestartingAllContainers"];
        let reason = terminated.reason.as_deref().unwrap_or_default();
        if run < 0 || MADE_UP.contains(&reason) {
            return;
        }
        let known = self.ends.iter_mut().find(|end| end.run == run);
        match known {
            Some(end) => end.terminated = terminated.clone(),
            None => self.ends.push(End {
                run,
                terminated: terminated.clone(),
                seen: now,
            }),
        }
        self.ends.sort_by_key(|end| end.run);
        if self.ends.len() > RUNS {
            self.ends.remove(0);
        }
    }

    fn wait(&mut self, reason: &str, message: &str, now: Timestamp) {
        let Some(kind) = StartProblemKind::of(reason) else {
            return;
        };
        if kind == StartProblemKind::Create && !message.is_empty() {
            self.last_message = Some(LastMessage {
                reason: reason.to_owned(),
                message: message.to_owned(),
            });
        }
        let known = self.start_problem.take().filter(|known| known.kind == kind);
        let (mut start_problem, is_first) = match known {
            Some(known) => (known, false),
            None => (
                StartProblem {
                    kind,
                    reason: reason.to_owned(),
                    message: message.to_owned(),
                    since: now,
                },
                true,
            ),
        };
        let backs_off = reason.ends_with("BackOff");
        if !is_first && !backs_off && !message.is_empty() {
            reason.clone_into(&mut start_problem.reason);
            message.clone_into(&mut start_problem.message);
        }
        self.start_problem = Some(start_problem);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seen(statuses: &[Value]) -> ContainerHistory {
        let mut history = ContainerHistory::default();
        for (second, status) in (0..).zip(statuses) {
            history.observe(&serde_json::from_value(status.clone()).unwrap(), at(second));
        }
        history
    }

    fn waiting(reason: &str, message: &str) -> Value {
        json!({"state": {"waiting": {"reason": reason, "message": message}}})
    }

    /// Recording 03-crash-loop: the run that ended stays the same one in its back-off.
    #[test]
    fn a_run_is_the_same_one_at_its_end_and_in_its_back_off() {
        let ended = |id: &str| json!({"terminated": {"exitCode": 1, "containerID": id}});
        let history = seen(&[
            json!({"restartCount": 1, "containerID": "B", "state": ended("B"), "lastState": ended("A")}),
            json!({"restartCount": 1, "containerID": "B", "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": ended("B")}),
            json!({"restartCount": 2, "containerID": "C", "state": {"running": {}}, "lastState": ended("B")}),
        ]);
        let ids = |end: &End| (end.run, end.terminated.container_id.clone().unwrap());
        let runs: Vec<_> = history.ends.iter().map(ids).collect();
        assert_eq!(runs, [(0, "A".to_owned()), (1, "B".to_owned())]);
    }

    #[test]
    fn an_error_and_its_back_off_are_one_trouble() {
        let history = seen(&[
            waiting("ErrImagePull", "not found"),
            waiting("ImagePullBackOff", "Back-off pulling image"),
            waiting("ErrImagePull", "still not found"),
        ]);
        let start_problem = history.start_problem.unwrap();
        assert_eq!(
            (start_problem.since, &*start_problem.message),
            (at(0), "still not found")
        );
        let history = seen(&[
            waiting("ErrImagePull", "x"),
            json!({"state": {"running": {}}}),
        ]);
        assert!(history.start_problem.is_none());
    }

    #[test]
    fn each_run_is_remembered_once() {
        let end = |code: i32| json!({"terminated": {"exitCode": code}});
        let history = seen(&[
            json!({"state": end(1)}),
            json!({"restartCount": 1, "state": {"running": {}}, "lastState": end(1)}),
            json!({"restartCount": 1, "state": end(2), "lastState": end(1)}),
        ]);
        let runs: Vec<_> = history
            .ends
            .iter()
            .map(|end| (end.run, end.terminated.exit_code))
            .collect();
        assert_eq!(runs, [(0, 1), (1, 2)]);
        let many: Vec<_> = (0..100)
            .map(|run| json!({"restartCount": run, "state": end(1)}))
            .collect();
        assert_eq!(seen(&many).ends.len(), RUNS);
    }

    #[test]
    fn a_telling_message_outlives_the_back_off() {
        let history = seen(&[
            waiting("PostStartHookError", "exited with 1: no route"),
            waiting("CrashLoopBackOff", "back-off 10s"),
        ]);
        assert_eq!(
            history.last_message.unwrap().message,
            "exited with 1: no route"
        );
    }
}
