//! One sync, from request to result (gitops-engine/pkg/sync/sync_context.go).

use std::time::Duration;

use serde_json::{Value, json};

use super::apply::apply;
use super::controller::{State, revision};
use super::health::{HealthStatus, health};
use super::object::{group, images, text, version};
use super::plan::{Phase, Task, plan};
use crate::scenario::SyncStep;
use crate::store::StoreError;

const FINALIZER: &str = "argocd.argoproj.io/hook-finalizer";
/// Between waves (controller/sync.go, `ARGOCD_SYNC_WAVE_DELAY`).
const WAVE_DELAY: Duration = Duration::from_secs(2);
/// From the request to the controller taking it up, and from there to the first apply (recorded).
const TAKEN_UP: Duration = Duration::from_millis(40);
const COMPARED: Duration = Duration::from_millis(260);
/// A sync without a change looks again after this time.
const PATIENCE: Duration = Duration::from_secs(1);

const UNSUCCESSFUL: &str = "one or more synchronization tasks completed unsuccessfully";

/// State of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Pending,
    Running,
    Succeeded,
    Failed,
}

impl Standing {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending | Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

struct Job {
    task: Task,
    standing: Standing,
    /// The API server refused it.
    refused: bool,
    message: String,
}

struct Operation<'a> {
    state: &'a State,
    revision: String,
    request: Value,
    started: String,
    jobs: Vec<Job>,
    prune: bool,
}

/// End of an operation.
enum Outcome {
    Succeeded(&'static str),
    Failed(String),
}

/// Runs one sync to its end.
pub(super) async fn run(state: &State, step: &SyncStep) -> Result<(), StoreError> {
    let clock = state.store.clock().clone();
    let manifests = &step.manifests.0;
    let revision = step.revision.clone().unwrap_or_else(|| revision(manifests));
    let objects = state.want(manifests, revision.clone());
    state.refresh()?;
    let request = request(state, step, &revision);
    let message = match &step.user {
        Some(user) => format!("{user} initiated sync to main ({revision})"),
        None => format!("Initiated automated sync to '{revision}'"),
    };
    state.change(|application| {
        application["operation"] = request.clone();
        if let Some(status) = application["status"].as_object_mut() {
            status.remove("operationState");
        }
    })?;
    state.event("OperationStarted", "Normal", &message)?;
    clock.sleep(TAKEN_UP).await;
    let started = clock.time();
    let jobs = plan(&objects, &revision, clock.now().as_second());
    let mut operation = Operation {
        state,
        revision,
        request,
        started,
        jobs: jobs.into_iter().map(Job::new).collect(),
        prune: step.prune,
    };
    operation.write("Running", None)?;
    clock.sleep(COMPARED).await;
    let outcome = operation.work().await?;
    operation.finish(outcome).await
}

fn request(state: &State, step: &SyncStep, revision: &str) -> Value {
    let by = match &step.user {
        Some(user) => json!({ "username": user }),
        None => json!({"automated": true}),
    };
    let mut sync = json!({
        "revision": revision,
        "source": state.source(),
        "syncStrategy": {"hook": {}},
    });
    if step.prune {
        sync["prune"] = json!(true);
    }
    json!({"initiatedBy": by, "retry": {}, "sync": sync})
}

impl Job {
    fn new(task: Task) -> Self {
        Self {
            task,
            standing: Standing::Pending,
            refused: false,
            message: String::new(),
        }
    }

    fn place(&self) -> (Phase, i64) {
        (self.task.phase, self.task.wave)
    }
}

impl Operation<'_> {
    /// Wave after wave; waits for hooks, and where there are several waves for health too.
    async fn work(&mut self) -> Result<Outcome, StoreError> {
        loop {
            self.await_running().await?;
            let failed = |job: &Job| job.standing == Standing::Failed;
            if let Some(job) = self.jobs.iter().find(|job| failed(job)) {
                return Ok(Outcome::Failed(if job.refused {
                    format!("{UNSUCCESSFUL}, reason: {}", job.message)
                } else {
                    UNSUCCESSFUL.to_owned()
                }));
            }
            let Some(place) = self.next_place() else {
                return Ok(Outcome::Succeeded("successfully synced (no more tasks)"));
            };
            self.apply_wave(place).await;
            let last = self.next_place().is_none();
            let hooks = self
                .jobs
                .iter()
                .any(|job| job.place() == place && job.task.hook);
            let refused = self.jobs.iter().any(|job| job.refused);
            if last && !hooks && !refused {
                return Ok(Outcome::Succeeded("successfully synced (all tasks run)"));
            }
            if !last && !refused {
                self.state.store.clock().sleep(WAVE_DELAY).await;
            }
        }
    }

    fn next_place(&self) -> Option<(Phase, i64)> {
        let pending = self
            .jobs
            .iter()
            .filter(|job| job.standing == Standing::Pending);
        let places = pending.map(Job::place);
        places.filter(|(phase, _)| *phase != Phase::SyncFail).min()
    }

    async fn apply_wave(&mut self, place: (Phase, i64)) {
        for index in 0..self.jobs.len() {
            if self.jobs[index].place() == place {
                self.apply(index).await;
            }
        }
    }

    async fn apply(&mut self, index: usize) {
        let mut object = self.jobs[index].task.object.clone();
        if self.jobs[index].task.hook {
            if self.jobs[index].task.policy.before_creation {
                self.delete_and_wait(&object).await;
            }
            object["metadata"]["finalizers"] = json!([FINALIZER]);
        }
        let applied = apply(&self.state.store, &object);
        let job = &mut self.jobs[index];
        match applied {
            Ok(applied) => {
                job.standing = Standing::Running;
                job.message = applied.message;
            }
            Err(error) => {
                job.standing = Standing::Failed;
                job.refused = true;
                job.message = error.to_string();
            }
        }
    }

    /// Waits for hooks, and for the health of everything else if there are several waves.
    async fn await_running(&mut self) -> Result<(), StoreError> {
        let mut changes = self.state.changes();
        loop {
            let waves: Vec<_> = self.jobs.iter().map(Job::place).collect();
            let wanted = waves.iter().filter(|(phase, _)| *phase != Phase::SyncFail);
            let several = wanted.clone().min() != wanted.max();
            changes.mark_unchanged();
            for index in 0..self.jobs.len() {
                self.look_at(index, several);
            }
            let waiting = self.waiting(several);
            if self
                .jobs
                .iter()
                .any(|job| job.standing != Standing::Pending)
            {
                self.write("Running", waiting.as_deref())?;
            }
            if waiting.is_none() {
                return Ok(());
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = self.state.store.clock().sleep(PATIENCE) => {}
            }
        }
    }

    fn look_at(&mut self, index: usize, several: bool) {
        let job = &mut self.jobs[index];
        if job.standing != Standing::Running || !(several || job.task.hook) {
            return;
        }
        let Some(live) = self.state.live(&job.task.object) else {
            return;
        };
        let found = health(&live);
        job.standing = match found.as_ref().map(|health| health.status) {
            None | Some(HealthStatus::Healthy) => Standing::Succeeded,
            Some(HealthStatus::Degraded) => Standing::Failed,
            Some(_) => Standing::Running,
        };
        if let Some(health) = found.filter(|health| !health.message.is_empty()) {
            let keeps = job.standing == Standing::Running;
            job.message = if keeps {
                job.message.clone()
            } else {
                health.message
            };
        }
        if job.task.hook && job.standing != Standing::Running {
            let resource = self.state.store.resource_of(&live);
            let resource = resource.map(|it| it.name()).unwrap_or_default();
            let store = &self.state.store;
            if let Err(error) = store.modify(&resource, live.namespace(), live.name(), release) {
                log::debug!("{resource} {}: {error}", live.name());
            }
        }
    }

    /// Returns the objects that the operation waits for, hooks first.
    fn waiting(&self, several: bool) -> Option<String> {
        let running = |job: &&Job| job.standing == Standing::Running && (several || job.task.hook);
        let running: Vec<&Job> = self.jobs.iter().filter(running).collect();
        let first = running
            .iter()
            .find(|job| job.task.hook)
            .or(running.first())?;
        let what = if first.task.hook {
            "completion of hook"
        } else {
            "healthy state of"
        };
        let object = &first.task.object;
        let kind = object["kind"].as_str().unwrap_or_default();
        let name = text(object, "name");
        let more = match running.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more resources"),
        };
        Some(format!(
            "waiting for {what} {}/{kind}/{name}{more}",
            group(object)
        ))
    }

    async fn finish(mut self, outcome: Outcome) -> Result<(), StoreError> {
        let (phase, message) = match outcome {
            Outcome::Succeeded(message) => {
                if self.prune {
                    self.state.prune();
                }
                self.delete_hooks(|task| task.policy.succeeded);
                ("Succeeded", message.to_owned())
            }
            Outcome::Failed(message) => {
                self.delete_hooks(|task| task.policy.failed);
                self.run_sync_fail().await?;
                ("Failed", message)
            }
        };
        self.write(phase, Some(&message))?;
        let revision = &self.revision;
        if phase == "Succeeded" {
            self.record_history()?;
            let message = format!("Sync operation to {revision} succeeded");
            self.state.event("OperationCompleted", "Normal", &message)?;
        } else {
            let message = format!("Sync operation to {revision} failed: {message}");
            self.state
                .event("OperationCompleted", "Warning", &message)?;
        }
        self.state.refresh()
    }

    async fn run_sync_fail(&mut self) -> Result<(), StoreError> {
        for index in 0..self.jobs.len() {
            if self.jobs[index].task.phase == Phase::SyncFail {
                self.apply(index).await;
            }
        }
        self.await_running().await
    }

    fn delete_hooks(&self, policy: impl Fn(&Task) -> bool) {
        let done = self
            .jobs
            .iter()
            .filter(|job| job.standing != Standing::Pending);
        for job in done.filter(|job| job.task.hook && policy(&job.task)) {
            if let Some(live) = self.state.live(&job.task.object) {
                self.state.delete(&live);
            }
        }
    }

    async fn delete_and_wait(&self, object: &Value) {
        let mut changes = self.state.changes();
        let Some(live) = self.state.live(object) else {
            return;
        };
        self.state.delete(&live);
        while self.state.live(object).is_some() {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn record_history(&self) -> Result<(), StoreError> {
        let now = self.state.store.clock().time();
        let entry = json!({
            "deployStartedAt": self.started,
            "deployedAt": now,
            "initiatedBy": self.request["initiatedBy"],
            "revision": self.revision,
            "source": self.state.source(),
        });
        self.state.change(|application| {
            let history = &mut application["status"]["history"];
            if !history.is_array() {
                *history = json!([]);
            }
            if let Some(history) = history.as_array_mut() {
                let mut entry = entry;
                entry["id"] = json!(history.len());
                history.push(entry);
            }
        })
    }

    /// Writes `operationState`; an operation that is over is no longer requested.
    fn write(&self, phase: &str, message: Option<&str>) -> Result<(), StoreError> {
        let finished = phase != "Running";
        let mut operation = json!({
            "operation": self.request,
            "phase": phase,
            "startedAt": self.started,
        });
        let results: Vec<Value> = self.results();
        if !results.is_empty() {
            operation["syncResult"] = json!({
                "resources": results,
                "revision": self.revision,
                "source": self.state.source(),
            });
        }
        if let Some(message) = message {
            operation["message"] = json!(message);
        }
        if finished {
            operation["finishedAt"] = json!(self.state.store.clock().time());
        }
        self.state.change(|application| {
            application["status"]["operationState"] = operation;
            if let Some(fields) = application.as_object_mut().filter(|_| finished) {
                fields.remove("operation");
            }
        })
    }

    fn results(&self) -> Vec<Value> {
        let begun = self
            .jobs
            .iter()
            .filter(|job| job.standing != Standing::Pending);
        begun
            .map(|job| {
                let object = &job.task.object;
                let mut result = json!({
                    "group": group(object),
                    "hookPhase": job.standing.as_str(),
                    "kind": object["kind"],
                    "message": job.message,
                    "name": text(object, "name"),
                    "namespace": text(object, "namespace"),
                    "status": if job.refused { "SyncFailed" } else { "Synced" },
                    "syncPhase": job.task.phase.as_str(),
                    "version": version(object),
                });
                if job.task.hook {
                    result["hookType"] = json!(job.task.phase.as_str());
                }
                let images = images(object);
                if !images.is_empty() {
                    result["images"] = json!(images);
                }
                result
            })
            .collect()
    }
}

/// Takes the finalizer of a hook away.
pub(super) fn release(object: &mut Value) {
    if let Some(finalizers) = object["metadata"]["finalizers"].as_array_mut() {
        finalizers.retain(|finalizer| finalizer != FINALIZER);
        if finalizers.is_empty()
            && let Some(meta) = object["metadata"].as_object_mut()
        {
            meta.remove("finalizers");
        }
    }
}
