//! Carries out the steps of a scenario.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Parts, times};
use crate::api::Faults;
use crate::application::apply;
use crate::logs::KubeletState;
use crate::player::{Act, Player, Recording, RunKey};
use crate::scenario::{
    Action, LogLines, ObjectName, PodContainer, PodName, PowerState, RecordingStep, Rotate, Step,
    SyncStep,
};
use crate::store::{DeleteOptions, Object, StoreError};

/// The step that could not be carried out, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the step at {at}: {problem}")]
pub struct StepError {
    /// Time of the step.
    pub at: String,
    /// The problem.
    pub problem: String,
}

pub(super) struct Script {
    pub(super) parts: Arc<Parts>,
    pub(super) faults: Faults,
    pub(super) player: Player,
    /// First part of the tracking ids of the Application.
    pub(super) instance: Option<String>,
}

/// Syncs and recordings, which go on while later steps happen.
type Running = JoinSet<Result<(), StepError>>;

impl Script {
    /// Carries the steps out at their times; returns when all are over.
    pub(super) async fn run(mut self, steps: Vec<Step>) -> Result<(), StepError> {
        let clock = self.parts.store.clock().clone();
        let start = clock.elapsed();
        let mut running = Running::new();
        for step in steps {
            let due = start + step.at;
            clock.sleep(due.saturating_sub(clock.elapsed())).await;
            let at = format!("{:?}", step.at);
            let done = self.perform(step.action, &at, &mut running).await;
            done.map_err(|problem| StepError { at, problem })?;
        }
        while let Some(ended) = running.join_next().await {
            match ended {
                Ok(result) => result?,
                Err(error) => log::debug!("a step was aborted: {error}"),
            }
        }
        Ok(())
    }

    async fn perform(
        &mut self,
        action: Action,
        at: &str,
        running: &mut Running,
    ) -> Result<(), String> {
        match action {
            Action::Sync(step) => self.sync(step, at, running),
            Action::Recording(step) => self.play(&step, at, running)?,
            Action::Application(patch) => {
                if let Some(application) = &self.parts.application {
                    application.patch(&patch).map_err(text)?;
                }
            }
            Action::Apply(manifests) => {
                for object in &manifests.0 {
                    apply(&self.parts.store, object).map_err(text)?;
                }
            }
            Action::Put(manifests) => {
                for mut object in manifests.0 {
                    times::complete(&mut object, self.parts.store.clock().now());
                    self.player.perform(Act::Put(object)).map_err(text)?;
                }
            }
            Action::Delete(name) => self.delete(&name)?,
            Action::FireCronJob(name) => {
                if let Some(controllers) = &self.parts.controllers {
                    let fired = controllers.fire_cron_job(&name.namespace, &name.name);
                    fired.map_err(text)?;
                }
            }
            Action::Fault(fault) => {
                self.faults.add(*fault);
            }
            Action::EndOpen(fault) => {
                self.faults.end_open(&fault.on, &fault.action);
            }
            Action::ClearFaults => self.faults.clear(),
            Action::Kubelet(power) => self.kubelet(power),
            Action::Rotate(step) => self.rotate(&step)?,
            Action::Log(step) => self.log(&step)?,
            Action::EndLog(container) => {
                let (_, run, _) = self.run_of(&container)?;
                self.player.perform(Act::End(run)).map_err(text)?;
            }
        }
        Ok(())
    }

    fn sync(&self, step: SyncStep, at: &str, running: &mut Running) {
        let (parts, at) = (Arc::clone(&self.parts), at.to_owned());
        running.spawn(async move {
            let Some(application) = &parts.application else {
                return Ok(());
            };
            let synced = application.sync(&step).await;
            synced.map_err(|error| StepError {
                at,
                problem: error.to_string(),
            })
        });
    }

    fn play(&self, step: &RecordingStep, at: &str, running: &mut Running) -> Result<(), String> {
        let recording = Recording::builtin(&step.name).map_err(|error| error.to_string())?;
        let mut timeline = recording.timeline().map_err(|error| error.to_string())?;
        if let Some(application) = &step.application {
            let instance = self.instance.as_ref().unwrap_or(application);
            timeline.edit(|object| adopt(object, instance));
        }
        let timeline = timeline.starting_at(self.parts.store.clock().now());
        let (store, logs) = (self.parts.store.clone(), self.parts.logs.clone());
        let at = at.to_owned();
        running.spawn(async move {
            let played = Player::new(store, logs).play(timeline).await;
            played.map_err(|error| StepError {
                at,
                problem: error.to_string(),
            })
        });
        Ok(())
    }

    fn delete(&self, name: &ObjectName) -> Result<(), String> {
        let store = &self.parts.store;
        let target = if name.resource == "pods" {
            self.pod(&PodName {
                namespace: name.namespace.clone(),
                name: name.name.clone(),
            })?
            .name()
            .to_owned()
        } else {
            name.name.clone()
        };
        let options = DeleteOptions {
            grace_period_seconds: name.grace,
            ..DeleteOptions::default()
        };
        let deleted = store.delete_gracefully(&name.resource, &name.namespace, &target, &options);
        deleted.map(drop).map_err(text)
    }

    fn kubelet(&self, power: PowerState) {
        match (&self.parts.kubelet, power) {
            (Some(kubelet), PowerState::Down) => kubelet.set_down(),
            (Some(kubelet), PowerState::Up) => kubelet.set_up(),
            (None, PowerState::Down) => self.parts.logs.set_kubelet(KubeletState::Down),
            (None, PowerState::Up) => self.parts.logs.set_kubelet(KubeletState::Up),
        }
    }

    fn rotate(&self, step: &Rotate) -> Result<(), String> {
        let pod = self.pod(&step.pod)?;
        let run = self.parts.logs.newest(pod.uid(), &step.container);
        match run {
            Some(run) => {
                run.rotate(step.how);
                Ok(())
            }
            None => Err(format!(
                "{} {} has no log to rotate",
                pod.name(),
                step.container
            )),
        }
    }

    /// Writes lines to the run that the pod's status shows.
    fn log(&mut self, step: &LogLines) -> Result<(), String> {
        let container = PodContainer {
            pod: step.pod.clone(),
            container: step.container.clone(),
        };
        let (pod, run, restart) = self.run_of(&container)?;
        if self
            .parts
            .logs
            .run(&run.pod_uid, &run.container, &run.id)
            .is_none()
        {
            let start = Act::Start {
                run: run.clone(),
                namespace: pod.namespace().to_owned(),
                pod: pod.name().to_owned(),
                restart,
            };
            self.player.perform(start).map_err(text)?;
        }
        let now = self.parts.store.clock().now().as_nanosecond();
        let mut time = i64::try_from(now).unwrap_or(i64::MAX);
        for line in step.lines.split_inclusive('\n') {
            let full = line.ends_with('\n');
            let line = Act::Line {
                run: run.clone(),
                time,
                full,
                text: line.trim_end_matches('\n').as_bytes().to_vec(),
            };
            self.player.perform(line).map_err(text)?;
            time = time.saturating_add(1_000);
        }
        Ok(())
    }

    /// The run that a pod's status shows, and its restart count.
    fn run_of(&self, container: &PodContainer) -> Result<(Arc<Object>, RunKey, u32), String> {
        let pod = self.pod(&container.pod)?;
        let lists = ["containerStatuses", "initContainerStatuses"];
        let statuses = lists
            .iter()
            .filter_map(|list| pod["status"][list].as_array());
        let status = statuses
            .flatten()
            .find(|status| status["name"] == *container.container);
        let id = status.and_then(|status| status["containerID"].as_str());
        let (Some(status), Some(id)) = (status, id) else {
            return Err(format!(
                "the status of pod {} shows no containerID of {}",
                pod.name(),
                container.container
            ));
        };
        let run = RunKey {
            pod_uid: pod.uid().to_owned(),
            container: container.container.clone(),
            id: id.to_owned(),
        };
        let restart = status["restartCount"].as_u64().unwrap_or(0);
        let restart = u32::try_from(restart).unwrap_or(u32::MAX);
        Ok((Arc::clone(&pod), run, restart))
    }

    /// A pod by its name, or the newest one whose name begins so.
    fn pod(&self, name: &PodName) -> Result<Arc<Object>, String> {
        let store = &self.parts.store;
        let pods = store
            .list("pods", Some(&name.namespace))
            .map_err(text)?
            .items
            .into_iter();
        let found = if name.name.ends_with('-') {
            pods.filter(|pod| pod.name().starts_with(&name.name))
                .max_by_key(|pod| pod["metadata"]["creationTimestamp"].to_string())
        } else {
            pods.into_iter().find(|pod| pod.name() == name.name)
        };
        found.ok_or_else(|| format!("there is no pod {}/{}", name.namespace, name.name))
    }
}

fn text(error: StoreError) -> String {
    match error {
        StoreError::UnknownType(name) => format!("the cluster has no type {name}"),
        error => error.to_string(),
    }
}

/// Marks a recorded object as one that Argo CD deployed: what nothing owns, and the copies that
/// the Deployment controller makes on its ReplicaSets.
fn adopt(object: &mut Value, instance: &str) {
    let (kind, owners) = (&object["kind"], &object["metadata"]["ownerReferences"]);
    let owner = owners[0]["name"].as_str();
    let (kind, name) = match (kind.as_str(), owner) {
        (Some("Event"), _) => return,
        (Some("ReplicaSet"), Some(owner)) => ("Deployment".to_owned(), owner.to_owned()),
        (Some(kind), None) => {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            (kind.to_owned(), name.to_owned())
        }
        _ => return,
    };
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let id = format!("{instance}:{group}/{kind}:{namespace}/{name}");
    object["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = json!(id);
}
