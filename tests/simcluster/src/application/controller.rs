//! The Application object, kept up to date with the cluster.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::apply::{apply, is_applied};
use super::health::{HealthStatus, health};
use super::object::{annotation, group, images, text, version};
use super::{ApplicationSpec, operation, plan};
use crate::scenario::SyncStep;
use crate::store::{Object, Store, StoreError, merge_patch};

const APPLICATIONS: &str = "applications.argoproj.io";
const WAVE: &str = "argocd.argoproj.io/sync-wave";
/// From a change in the cluster to the comparison (recorded: 30 to 300 ms).
const REFRESH: Duration = Duration::from_millis(100);

/// The controller of one Application; it stops when it is dropped.
#[derive(Debug)]
pub struct ApplicationController {
    state: Arc<State>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) store: Store,
    pub(super) spec: ApplicationSpec,
    desired: Mutex<Desired>,
    /// Counts changes in the cluster.
    changes: watch::Sender<u64>,
}

/// Manifests in git.
#[derive(Debug, Clone, Default)]
struct Desired {
    revision: String,
    /// Marked objects, hooks included; `None`: nothing is known, and what lives is wanted.
    objects: Option<Vec<Value>>,
}

/// One top-level object of the Application.
struct Resource {
    wanted: bool,
    hook: bool,
    synced: bool,
    live: Option<Arc<Object>>,
    entry: Value,
}

impl ApplicationController {
    /// Creates the Application, applies what it has deployed already, and keeps its status.
    ///
    /// # Errors
    ///
    /// If the store refuses one of the objects.
    pub fn start(store: Store, spec: ApplicationSpec) -> Result<Self, StoreError> {
        let state = Arc::new(State {
            store,
            spec,
            desired: Mutex::default(),
            changes: watch::Sender::new(0),
        });
        apply(&state.store, &state.new_application())?;
        let deployed = state.spec.deployed.0.clone();
        if !deployed.is_empty() {
            let objects = state.want(&deployed, revision(&deployed));
            for object in objects.iter().filter(|object| !plan::is_hook(object)) {
                apply(&state.store, object)?;
            }
        }
        state.refresh()?;
        let tasks = state.watch();
        Ok(Self { state, tasks })
    }

    /// Syncs to new manifests; returns when the operation is over, whatever became of it.
    ///
    /// # Errors
    ///
    /// If the Application is gone.
    pub async fn sync(&self, step: &SyncStep) -> Result<(), StoreError> {
        operation::run(&self.state, step).await
    }

    /// Applies a merge patch to the Application, status included.
    ///
    /// # Errors
    ///
    /// If the Application is gone.
    pub fn patch(&self, patch: &Value) -> Result<(), StoreError> {
        self.state
            .change(|application| merge_patch(application, patch))
    }
}

impl Drop for ApplicationController {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl State {
    /// Marks objects as those of the Application and takes them for what git holds.
    pub(super) fn want(&self, manifests: &[Value], revision: String) -> Vec<Value> {
        let (instance, destination) = (self.spec.instance(), &self.spec.destination);
        let mark = |manifest: &Value| {
            let mut object = manifest.clone();
            self.spec.tracking.mark(&mut object, &instance, destination);
            let namespaced = self
                .store
                .resource_of(&object)
                .is_none_or(|it| it.namespaced);
            if namespaced && text(&object, "namespace").is_empty() {
                object["metadata"]["namespace"] = json!(destination);
            }
            object
        };
        let objects: Vec<Value> = manifests.iter().map(mark).collect();
        *self.desired() = Desired {
            revision,
            objects: Some(objects.clone()),
        };
        objects
    }

    /// Compares what lives with what is wanted, and writes what came of it.
    pub(super) fn refresh(&self) -> Result<(), StoreError> {
        let revision = self.desired().revision.clone();
        let resources = self.resources();
        let synced = resources.iter().filter(|it| !it.hook).all(|it| it.synced);
        let (sync, health) = (
            if synced { "Synced" } else { "OutOfSync" },
            worst(&resources),
        );
        let entries: Vec<&Value> = resources.iter().map(|resource| &resource.entry).collect();
        let live = resources
            .iter()
            .filter_map(|resource| resource.live.as_deref());
        let mut images: Vec<Value> = live.flat_map(|object| images(object)).collect();
        images.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
        images.dedup();
        let now = self.store.clock().time();
        let mut old = (String::new(), String::new());
        self.change(|application| {
            let status = &mut application["status"];
            let before = status.clone();
            let was = |field: &str| {
                before[field]["status"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            old = (was("sync"), was("health"));
            status["sync"]["status"] = json!(sync);
            status["sync"]["revision"] = json!(revision);
            status["health"]["status"] = json!(health.as_str());
            status["resources"] = json!(entries);
            status["summary"] = json!({ "images": images });
            if old.1 != health.as_str() {
                status["health"]["lastTransitionTime"] = json!(now);
            }
            if *status != before {
                status["reconciledAt"] = json!(now);
            }
        })?;
        if old.0 != sync {
            let message = format!("Updated sync status: {} -> {sync}", old.0);
            self.event("ResourceUpdated", "Normal", &message)?;
        }
        if old.1 != health.as_str() {
            let message = format!("Updated health status: {} -> {}", old.1, health.as_str());
            self.event("ResourceUpdated", "Normal", &message)?;
        }
        Ok(())
    }

    /// Changes the Application.
    pub(super) fn change(&self, change: impl FnOnce(&mut Value)) -> Result<(), StoreError> {
        let (namespace, name) = (&self.spec.namespace, &self.spec.name);
        self.store.modify(APPLICATIONS, namespace, name, change)?;
        Ok(())
    }

    /// Deletes what Argo CD prunes: live objects that git no longer holds.
    pub(super) fn prune(&self) {
        for resource in self.resources() {
            if let (false, false, Some(live)) = (resource.wanted, resource.hook, resource.live) {
                self.delete(&live);
            }
        }
    }

    /// Deletes an object; its finalizer of a hook does not hold it.
    pub(super) fn delete(&self, live: &Object) {
        let Some(resource) = self.store.resource_of(live) else {
            return;
        };
        let name = resource.name();
        let unheld = self
            .store
            .modify(&name, live.namespace(), live.name(), operation::release);
        let deleted = unheld.and_then(|_| {
            let options = crate::store::DeleteOptions::default();
            self.store
                .delete_gracefully(&name, live.namespace(), live.name(), &options)
        });
        if let Err(error) = deleted {
            log::debug!("{name} {}: {error}", live.name());
        }
    }

    /// The live form of an object.
    pub(super) fn live(&self, object: &Value) -> Option<Arc<Object>> {
        let resource = self.store.resource_of(object)?;
        self.store.get(
            &resource.name(),
            text(object, "namespace"),
            text(object, "name"),
        )
    }

    /// A Kubernetes Event about the Application.
    pub(super) fn event(&self, reason: &str, kind: &str, message: &str) -> Result<(), StoreError> {
        let (namespace, name) = (&self.spec.namespace, &self.spec.name);
        let application = self.store.get(APPLICATIONS, namespace, name);
        let meta = application
            .map(|it| it["metadata"].clone())
            .unwrap_or_default();
        let clock = self.store.clock();
        let component = if reason == "OperationStarted" {
            "argocd-server"
        } else {
            "argocd-application-controller"
        };
        let (now, nanos) = (clock.time(), clock.now().as_nanosecond());
        self.store.put_raw(json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": format!("{name}.{nanos:x}{:x}", self.store.resource_version()),
                "namespace": namespace,
                "uid": format!("{nanos:032x}"),
                "creationTimestamp": now,
            },
            "involvedObject": {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "name": name,
                "namespace": namespace,
                "uid": meta["uid"],
                "resourceVersion": meta["resourceVersion"],
            },
            "reason": reason,
            "message": message,
            "type": kind,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": component},
            "reportingComponent": "",
            "reportingInstance": "",
        }))?;
        Ok(())
    }

    /// Becomes ready when something in the cluster changes.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn desired(&self) -> std::sync::MutexGuard<'_, Desired> {
        self.desired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_application(&self) -> Value {
        let spec = &self.spec;
        let (destination, source) = (self.destination(), self.source());
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": spec.name, "namespace": spec.namespace},
            "spec": {"destination": destination, "project": "default", "source": source},
            "status": {
                "controllerNamespace": spec.controller_namespace,
                "resourceHealthSource": "appTree",
                "sourceType": "Directory",
                "sync": {"comparedTo": {"destination": destination, "source": source}},
            },
        })
    }

    fn destination(&self) -> Value {
        json!({"namespace": self.spec.destination, "server": "https://kubernetes.default.svc"})
    }

    pub(super) fn source(&self) -> Value {
        json!({
            "path": self.spec.name,
            "repoURL": "https://git.example.com/deploy.git",
            "targetRevision": "main",
        })
    }

    /// Wanted objects and live ones, by group, kind, namespace and name.
    fn resources(&self) -> Vec<Resource> {
        let desired = self.desired().objects.clone();
        let wanted = desired.iter().flatten();
        let wanted = wanted.filter(|it| !plan::is_hook(it) && !plan::is_skipped(it));
        let mut resources: Vec<Resource> = wanted
            .map(|object| {
                let live = self.live(object);
                let synced = live.as_ref().is_some_and(|live| is_applied(object, live));
                resource(object, live, true, synced)
            })
            .collect();
        let known: Vec<Value> = resources.iter().map(|it| it.entry["key"].clone()).collect();
        for live in self.owned() {
            let found = resource(
                &live,
                Some(Arc::clone(&live)),
                desired.is_none(),
                desired.is_none(),
            );
            if !known.contains(&found.entry["key"]) {
                resources.push(found);
            }
        }
        resources.sort_by_key(|it| it.entry["key"].as_str().unwrap_or_default().to_owned());
        for resource in &mut resources {
            if let Some(fields) = resource.entry.as_object_mut() {
                fields.remove("key");
            }
        }
        resources
    }

    /// All live objects that carry the Application's mark.
    fn owned(&self) -> Vec<Arc<Object>> {
        let (instance, destination) = (self.spec.instance(), &self.spec.destination);
        let lists = self.store.resources().into_iter().filter_map(|resource| {
            let name = resource.name();
            let looked_at = name != "events" && name != APPLICATIONS;
            looked_at
                .then(|| self.store.list(&name, None).ok())
                .flatten()
        });
        let owns = |object: &Arc<Object>| self.spec.tracking.owns(object, &instance, destination);
        lists.flat_map(|list| list.items).filter(owns).collect()
    }

    /// One task for each type, and one that compares.
    fn watch(self: &Arc<Self>) -> Vec<JoinHandle<()>> {
        let types = self
            .store
            .resources()
            .into_iter()
            .map(|resource| resource.name());
        let mut tasks: Vec<_> = types
            .filter(|name| name != "events" && name != APPLICATIONS)
            .map(|name| tokio::spawn(Arc::clone(self).count_changes(name)))
            .collect();
        tasks.push(tokio::spawn(Arc::clone(self).keep_comparing()));
        tasks
    }

    async fn count_changes(self: Arc<Self>, resource: String) {
        let mut from = self.store.resource_version();
        while let Ok(mut watch) = self.store.watch(&resource, from) {
            while watch.next().await.is_ok() {
                self.changes.send_modify(|count| *count += 1);
            }
            from = self.store.resource_version();
        }
    }

    async fn keep_comparing(self: Arc<Self>) {
        let mut changes = self.changes();
        while changes.changed().await.is_ok() {
            self.store.clock().sleep(REFRESH).await;
            changes.mark_unchanged();
            if let Err(error) = self.refresh() {
                log::debug!("application {}: {error}", self.spec.name);
            }
        }
    }
}

/// A commit for manifests that name none.
pub(super) fn revision(manifests: &[Value]) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in json!(manifests).to_string().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let more = hash.rotate_left(29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{hash:016x}{more:016x}{:08x}", hash >> 32)
}

fn resource(object: &Value, live: Option<Arc<Object>>, wanted: bool, synced: bool) -> Resource {
    let kind = object["kind"].as_str().unwrap_or_default();
    let (namespace, name) = (text(object, "namespace"), text(object, "name"));
    let group = group(object);
    let hook = plan::is_hook(object);
    let mut entry = json!({
        "key": format!("{group}/{kind}/{namespace}/{name}"),
        "version": version(object),
        "kind": kind,
        "name": name,
    });
    if !group.is_empty() {
        entry["group"] = json!(group);
    }
    if !namespace.is_empty() {
        entry["namespace"] = json!(namespace);
    }
    let wave: i64 = annotation(object, WAVE).parse().unwrap_or(0);
    if wave != 0 {
        entry["syncWave"] = json!(wave);
    }
    if hook {
        entry["hook"] = json!(true);
    } else {
        entry["status"] = json!(if synced { "Synced" } else { "OutOfSync" });
        // As with `controller.resource.health.persist`; argocd-server fills it in otherwise,
        // and here nobody stands between the Application and who reads it.
        if let Some(health) = entry_health(live.as_deref()) {
            entry["health"] = json!({"status": health.as_str()});
        }
    }
    if hook || !wanted {
        entry["requiresPruning"] = json!(true);
    }
    Resource {
        wanted,
        hook,
        synced,
        live,
        entry,
    }
}

fn entry_health(live: Option<&Object>) -> Option<HealthStatus> {
    match live {
        None => Some(HealthStatus::Missing),
        Some(object) => Some(health(object)?.status),
    }
}

/// The worst of what lives; hooks do not count. `Missing` only if nothing lives.
fn worst(resources: &[Resource]) -> HealthStatus {
    let counted = || resources.iter().filter(|resource| !resource.hook);
    if counted().next().is_some() && counted().all(|resource| resource.live.is_none()) {
        return HealthStatus::Missing;
    }
    let live = counted().filter_map(|resource| resource.live.as_deref());
    let healths = live.filter_map(|object| Some(health(object)?.status));
    healths.max().unwrap_or(HealthStatus::Healthy)
}
