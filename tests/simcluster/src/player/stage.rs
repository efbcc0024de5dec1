//! Carries acts out on a cluster.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::logs::{LogWriter, Logs, Origin};
use crate::store::{Store, StoreError};

use super::timeline::{Act, RunKey, Timeline};

/// Carries acts out on a [`Store`] and [`Logs`].
#[derive(Debug)]
pub struct Player {
    store: Store,
    logs: Logs,
    runs: HashMap<RunKey, LogWriter>,
}

impl Player {
    /// A player for a cluster.
    #[must_use]
    pub fn new(store: Store, logs: Logs) -> Self {
        Self {
            store,
            logs,
            runs: HashMap::new(),
        }
    }

    /// Plays a timeline at the speed of the store's clock. Acts whose time has passed come at once.
    ///
    /// # Errors
    ///
    /// If the store does not know the type of an object.
    pub async fn play(&mut self, timeline: Timeline) -> Result<(), StoreError> {
        let clock = self.store.clock().clone();
        for entry in timeline.entries() {
            clock.sleep_until(entry.at).await;
            self.perform(entry.act.clone())?;
        }
        Ok(())
    }

    /// Carries out one act.
    ///
    /// # Errors
    ///
    /// If the store does not know the type of an object.
    pub fn perform(&mut self, act: Act) -> Result<(), StoreError> {
        match act {
            Act::Put(object) => self.put(object)?,
            Act::Delete(object) => self.delete(&object)?,
            Act::Start {
                run,
                namespace,
                pod,
                restart,
            } => self.start(run, &namespace, &pod, restart),
            Act::Line {
                run,
                time,
                full,
                text,
            } => {
                if let Some(writer) = self.runs.get_mut(&run) {
                    writer.record(Origin::Stdout, time, full, &text);
                }
            }
            Act::End(run) => self.end(&run),
        }
        Ok(())
    }

    fn put(&mut self, object: Value) -> Result<(), StoreError> {
        ensure_namespace(&self.store, &object)?;
        self.store.put_raw(object)?;
        Ok(())
    }

    fn delete(&mut self, object: &Value) -> Result<(), StoreError> {
        let Some(resource) = self.store.resource_of(object) else {
            return Err(StoreError::UnknownType(object["kind"].to_string()));
        };
        let meta = &object["metadata"];
        let text = |field: &str| meta[field].as_str().unwrap_or_default();
        match self
            .store
            .delete(&resource.name(), text("namespace"), text("name"))
        {
            Ok(_) | Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        if resource.name() == "pods" {
            self.logs.remove_pod(text("uid"));
            // A pod is deleted after its containers ended; a follow may not know it yet.
            self.runs.retain(|run, writer| {
                let stays = run.pod_uid != text("uid");
                if !stays {
                    writer.instance().end();
                }
                stays
            });
        }
        Ok(())
    }

    fn start(&mut self, run: RunKey, namespace: &str, pod: &str, restart: u32) {
        let pod = json!({"metadata": {"namespace": namespace, "name": pod, "uid": run.pod_uid}});
        let writer = self.logs.start(&pod, &run.container, restart, &run.id);
        self.runs.insert(run, writer);
    }

    fn end(&mut self, run: &RunKey) {
        if let Some(writer) = self.runs.remove(run) {
            writer.instance().end();
            self.logs.ended(&run.pod_uid, &run.container);
        }
    }
}

/// Objects need a namespace that exists, as they do in a cluster.
pub(crate) fn ensure_namespace(store: &Store, object: &Value) -> Result<(), StoreError> {
    let Some(namespace) = object["metadata"]["namespace"].as_str() else {
        return Ok(());
    };
    if namespace.is_empty() || store.get("namespaces", "", namespace).is_some() {
        return Ok(());
    }
    store.create(json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace, "labels": {"kubernetes.io/metadata.name": namespace}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }))?;
    Ok(())
}
