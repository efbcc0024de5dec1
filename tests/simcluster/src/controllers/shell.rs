//! Waits for changes and for the clock, and lets controllers act on one object at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::future::select_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::index::Index;
use super::key::{Key, key};
use super::view::{Write, deleted, ended};
use super::{
    admission, cron_job, daemon_set, deployment, job, replica_set, scheduler, stateful_set,
};
use crate::kubelet::recorder::{Occurrence, Recorder};
use crate::kubelet::timing::{Random, Span};
use crate::store::{
    Change, ChangeKind, DeleteOptions, Object, Store, StoreError, Watch, merge_patch,
};

/// A Job looks at its pods together, once a second.
const JOB_BATCH: Duration = Duration::from_secs(1);
/// The work queues' waits after a failure: 5 ms, doubled up to 1000 s.
const FIRST_RETRY: Duration = Duration::from_millis(5);
const LAST_RETRY: Duration = Duration::from_secs(1000);

/// Types with a controller, and its name in events.
const CONTROLLED: [(&str, &str); 8] = [
    ("deployments.apps", "deployment-controller"),
    ("replicasets.apps", "replicaset-controller"),
    ("replicationcontrollers", "replication-controller"),
    ("statefulsets.apps", "statefulset-controller"),
    ("daemonsets.apps", "daemonset-controller"),
    ("jobs.batch", "job-controller"),
    ("cronjobs.batch", "cronjob-controller"),
    ("pods", "default-scheduler"),
];

pub(super) struct Shell {
    store: Store,
    latency: Span,
    random: Random,
    index: Index,
    watches: Vec<(String, Watch)>,
    queue: BTreeSet<(Timestamp, u64, Key)>,
    queued: HashMap<Key, (Timestamp, u64)>,
    entries: u64,
    attempts: HashMap<Key, u32>,
    failures: HashMap<Key, String>,
    recorders: BTreeMap<&'static str, Recorder>,
}

impl Shell {
    pub(super) fn new(store: Store, seed: u64, latency: Span) -> Self {
        let recorders = CONTROLLED.map(|(resource, name)| (resource, Recorder::new(name, None)));
        Self {
            store,
            latency,
            random: Random::new(seed),
            index: Index::default(),
            watches: Vec::new(),
            queue: BTreeSet::new(),
            queued: HashMap::new(),
            entries: 0,
            attempts: HashMap::new(),
            failures: HashMap::new(),
            recorders: recorders.into_iter().collect(),
        }
    }

    pub(super) async fn run(mut self) {
        for namespace in ["default", "kube-system"] {
            self.ensure_namespace(namespace);
        }
        let types = self.store.resources();
        for resource in types.iter().map(|resource| resource.name()) {
            if resource != "events" {
                self.open(&resource);
            }
        }
        loop {
            self.drain();
            let now = self.store.clock().now();
            match self.queue.first() {
                Some((at, ..)) if *at <= now => self.act(now),
                _ => self.wait().await,
            }
        }
    }

    fn open(&mut self, resource: &str) {
        let Ok(list) = self.store.list(resource, None) else {
            return;
        };
        for object in &list.items {
            self.index.add(resource, object);
            self.noticed(resource, object, ChangeKind::Added);
        }
        if let Ok(watch) = self.store.watch(resource, list.resource_version) {
            self.watches.push((resource.to_owned(), watch));
        }
    }

    /// Takes in all changes there are.
    fn drain(&mut self) {
        let mut lost = Vec::new();
        for at in 0..self.watches.len() {
            loop {
                let (resource, watch) = &mut self.watches[at];
                match watch.try_next() {
                    Ok(Some(change)) => {
                        let resource = resource.clone();
                        self.changed(&resource, &change);
                    }
                    Ok(None) => break,
                    Err(_) => {
                        lost.push(at);
                        break;
                    }
                }
            }
        }
        for at in lost.into_iter().rev() {
            let (resource, _) = self.watches.remove(at);
            self.open(&resource);
        }
    }

    async fn wait(&mut self) {
        let clock = self.store.clock().clone();
        let next = self.queue.first().map(|(at, ..)| *at);
        let sleep = async {
            match next {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        if self.watches.is_empty() {
            return sleep.await;
        }
        let news = self
            .watches
            .iter_mut()
            .map(|(_, watch)| Box::pin(watch.next()));
        let (at, change) = tokio::select! {
            biased;
            (change, at, _) = select_all(news) => (at, change),
            () = sleep => return,
        };
        let resource = self.watches[at].0.clone();
        match change {
            Ok(change) => self.changed(&resource, &change),
            Err(_) => {
                self.watches.remove(at);
                self.open(&resource);
            }
        }
    }

    fn changed(&mut self, resource: &str, change: &Change) {
        self.index.apply(resource, change);
        self.noticed(resource, &change.object, change.kind);
        if change.kind == ChangeKind::Deleted {
            self.collect(&change.object);
            for recorder in self.recorders.values_mut() {
                recorder.forget(change.object.uid());
            }
            if resource == "namespaces" {
                self.empty_namespace(change.object.name());
            }
        } else if deleted(&change.object) {
            self.finalize(resource, &change.object);
        }
    }

    /// Queues the objects that a change concerns.
    fn noticed(&mut self, resource: &str, object: &Arc<Object>, kind: ChangeKind) {
        match resource {
            "namespaces" if kind == ChangeKind::Added => self.furnish(object.name()),
            "nodes" => self.node_changed(),
            _ => {}
        }
        if let Some((resource, _)) = CONTROLLED.iter().find(|(name, _)| *name == resource) {
            if kind == ChangeKind::Added {
                self.ensure_namespace(object.namespace());
            }
            let scheduled = *resource == "pods" && object["spec"]["nodeName"].is_string();
            if !scheduled && kind != ChangeKind::Deleted {
                self.enqueue(key(resource, object), Duration::ZERO);
            }
        }
        let owners = object["metadata"]["ownerReferences"].as_array();
        for owner in owners.into_iter().flatten() {
            self.owner_concerned(owner, object, kind);
        }
    }

    fn owner_concerned(&mut self, owner: &Value, child: &Object, change: ChangeKind) {
        let Some(resource) = owner["uid"]
            .as_str()
            .and_then(|uid| self.index.resource(uid))
        else {
            return;
        };
        let Some((resource, _)) = CONTROLLED.iter().find(|(name, _)| *name == resource) else {
            return;
        };
        let name = owner["name"].as_str().unwrap_or_default().to_owned();
        let namespace = child.namespace().to_owned();
        let slow = *resource == "jobs.batch"
            && change != ChangeKind::Added
            && self.latency != Span::default();
        let wait = if slow { JOB_BATCH } else { Duration::ZERO };
        // A Deployment that recreates waits for the end of pods that are not its own children.
        if *resource == "replicasets.apps" && (change == ChangeKind::Deleted || ended(child)) {
            let set = self.store.get(resource, &namespace, &name);
            let deployments = set
                .iter()
                .filter_map(|set| set["metadata"]["ownerReferences"].as_array());
            let names: Vec<String> = deployments
                .flatten()
                .filter_map(|owner| owner["name"].as_str().map(str::to_owned))
                .collect();
            for name in names {
                let namespace = namespace.clone();
                self.enqueue(
                    Key {
                        resource: "deployments.apps",
                        namespace,
                        name,
                    },
                    Duration::ZERO,
                );
            }
        }
        self.enqueue(
            Key {
                resource,
                namespace,
                name,
            },
            wait,
        );
    }

    fn enqueue(&mut self, key: Key, wait: Duration) {
        let wait = wait + self.latency.draw(&mut self.random);
        let now = self.store.clock().now();
        let at = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        if let Some((planned, entry)) = self.queued.get(&key).copied() {
            if planned <= at {
                return;
            }
            self.queue.remove(&(planned, entry, key.clone()));
        }
        self.entries += 1;
        self.queued.insert(key.clone(), (at, self.entries));
        self.queue.insert((at, self.entries, key));
    }

    fn act(&mut self, now: Timestamp) {
        let Some((_, _, key)) = self.queue.pop_first() else {
            return;
        };
        self.queued.remove(&key);
        let Some(object) = self.store.get(key.resource, &key.namespace, &key.name) else {
            self.attempts.remove(&key);
            self.failures.remove(&key);
            return;
        };
        self.reconcile(&key, &object, now);
    }

    fn reconcile(&mut self, key: &Key, object: &Arc<Object>, now: Timestamp) {
        let pods = || self.index.children(object.uid(), "pods");
        let writes = match key.resource {
            "pods" => return self.schedule(object),
            "deployments.apps" => {
                let sets = self.index.children(object.uid(), "replicasets.apps");
                let pods: Vec<Arc<Object>> = sets
                    .iter()
                    .flat_map(|set| self.index.children(set.uid(), "pods"))
                    .collect();
                deployment::reconcile(object, &sets, &pods, now)
            }
            "replicasets.apps" | "replicationcontrollers" if deleted(object) => return,
            // kubernetes `pkg/controller/replication`: the same controller on other objects.
            "replicasets.apps" | "replicationcontrollers" => {
                replica_set::reconcile(object, &pods(), now)
            }
            "statefulsets.apps" => stateful_set::reconcile(object, &pods(), now),
            "daemonsets.apps" => daemon_set::reconcile(object, &pods(), self.node().as_deref()),
            "jobs.batch" => job::reconcile(object, &pods(), now),
            _ => cron_job::reconcile(object, &self.index.children(object.uid(), "jobs.batch")),
        };
        self.carry_out(key, object, writes);
        self.drain();
        self.write_status(key, now);
    }

    /// The statuses that follow from the pods as they are after the writes.
    fn write_status(&mut self, key: &Key, now: Timestamp) {
        let Some(object) = self.store.get(key.resource, &key.namespace, &key.name) else {
            return;
        };
        let pods = self.index.children(object.uid(), "pods");
        let status = match key.resource {
            "replicasets.apps" | "replicationcontrollers" => {
                let failure = self.failures.get(key).map(String::as_str);
                replica_set::status(&object, &pods, failure, now)
            }
            "statefulsets.apps" => stateful_set::status(&object, &pods, now),
            "daemonsets.apps" => daemon_set::status(&object, &pods, self.node().as_deref(), now),
            _ => return,
        };
        self.set_status(key.resource, &key.namespace, &key.name, status);
    }

    fn carry_out(&mut self, key: &Key, object: &Arc<Object>, writes: Vec<Write>) {
        let mut refused = false;
        for write in writes {
            match write {
                Write::CreatePod(_) if refused => {}
                Write::CreatePod(pod) => refused = !self.create_pod(key, object, &pod),
                Write::Again(wait) => self.enqueue(key.clone(), wait),
                Write::Create(new) => {
                    // It may be there already, as revisions are.
                    let _ = self.store.create(new);
                }
                Write::Patch {
                    resource,
                    namespace,
                    name,
                    patch,
                } => {
                    let change = |object: &mut Value| merge_patch(object, &patch);
                    let _ = self.store.modify(resource, &namespace, &name, change);
                }
                Write::Status {
                    resource,
                    namespace,
                    name,
                    status,
                } => {
                    self.set_status(resource, &namespace, &name, status);
                }
                Write::Delete {
                    resource,
                    namespace,
                    name,
                } => {
                    let options = DeleteOptions::default();
                    let _ = self
                        .store
                        .delete_gracefully(resource, &namespace, &name, &options);
                }
                Write::Event {
                    about,
                    warning,
                    reason,
                    message,
                } => {
                    let occurrence = Occurrence::normal(&about, reason, message);
                    self.record(
                        key,
                        &Occurrence {
                            warning,
                            ..occurrence
                        },
                    );
                }
            }
        }
        if !refused {
            self.attempts.remove(key);
            self.failures.remove(key);
        }
    }

    fn create_pod(&mut self, key: &Key, owner: &Arc<Object>, pod: &Value) -> bool {
        let stateful = key.resource == "statefulsets.apps";
        let set = owner.name();
        let refusal = admission::refusal(&self.store, pod, &mut self.random);
        let made = match refusal {
            Some(refusal) => Err(refusal),
            None => self
                .store
                .create(pod.clone())
                .map_err(|error| error.to_string()),
        };
        match made {
            Ok(pod) => {
                let name = pod.name();
                let message = if stateful {
                    format!("create Pod {name} in StatefulSet {set} successful")
                } else {
                    format!("Created pod: {name}")
                };
                self.record(key, &Occurrence::normal(owner, "SuccessfulCreate", message));
                true
            }
            Err(error) => {
                let name = pod["metadata"]["name"].as_str().unwrap_or_default();
                let message = if stateful {
                    format!("create Pod {name} in StatefulSet {set} failed error: {error}")
                } else {
                    format!("Error creating: {error}")
                };
                self.record(key, &Occurrence::warning(owner, "FailedCreate", message));
                self.failures.entry(key.clone()).or_insert(error);
                let attempts = self.attempts.entry(key.clone()).or_insert(0);
                let wait = FIRST_RETRY * 2u32.pow((*attempts).min(18));
                *attempts += 1;
                self.enqueue(key.clone(), wait.min(LAST_RETRY));
                false
            }
        }
    }

    fn set_status(&self, resource: &str, namespace: &str, name: &str, status: Value) {
        // Gone meanwhile: the watch will tell.
        let _ = self.store.modify(resource, namespace, name, |object| {
            object["status"] = status;
        });
    }

    fn record(&mut self, key: &Key, occurrence: &Occurrence) {
        if let Some(recorder) = self.recorders.get_mut(key.resource) {
            recorder.record(&self.store, occurrence);
        }
    }

    fn schedule(&mut self, pod: &Arc<Object>) {
        let free = pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty);
        // Pods of another scheduler are not looked at (kubernetes `pkg/scheduler/eventhandlers.go`).
        let scheduler = pod["spec"]["schedulerName"].as_str();
        let free = free && scheduler.is_none_or(|name| name == "default-scheduler");
        if let Some(recorder) = self
            .recorders
            .get_mut("pods")
            .filter(|_| free && !deleted(pod))
        {
            scheduler::schedule(&self.store, recorder, pod);
        }
    }

    fn node(&self) -> Option<Arc<Object>> {
        let nodes = self.store.list("nodes", None).ok()?;
        nodes.items.first().cloned()
    }

    fn node_changed(&mut self) {
        for resource in ["pods", "daemonsets.apps"] {
            let objects = self
                .store
                .list(resource, None)
                .map(|list| list.items)
                .unwrap_or_default();
            for object in objects
                .iter()
                .filter(|object| object["spec"]["nodeName"].is_null())
            {
                self.enqueue(key(resource, object), Duration::ZERO);
            }
        }
    }

    // Namespaces and the garbage collector.

    fn ensure_namespace(&self, name: &str) {
        if !name.is_empty() && self.store.get("namespaces", "", name).is_none() {
            let labels = json!({"kubernetes.io/metadata.name": name});
            let _ = self.store.create(json!({
                "kind": "Namespace", "apiVersion": "v1",
                "metadata": {"name": name, "labels": labels}, "status": {"phase": "Active"},
            }));
        }
    }

    /// Creates the objects that every namespace has.
    fn furnish(&self, namespace: &str) {
        let _ = self.store.modify("namespaces", "", namespace, |object| {
            if object["status"]["phase"].is_null() {
                object["status"]["phase"] = json!("Active");
            }
        });
        let meta = |name: &str| json!({"name": name, "namespace": namespace});
        let _ = self.store.create(json!({
            "kind": "ServiceAccount", "apiVersion": "v1", "metadata": meta("default"),
        }));
        let _ = self.store.create(json!({
            "kind": "ConfigMap", "apiVersion": "v1", "metadata": meta("kube-root-ca.crt"),
            "data": {"ca.crt": ""},
        }));
    }

    fn empty_namespace(&self, namespace: &str) {
        for resource in self
            .store
            .resources()
            .iter()
            .filter(|resource| resource.namespaced)
        {
            let list = self.store.list(&resource.name(), Some(namespace));
            for object in list.map(|list| list.items).unwrap_or_default() {
                let _ = self.delete(&resource.name(), &object);
            }
        }
    }

    fn delete(&self, resource: &str, object: &Object) -> Result<Arc<Object>, StoreError> {
        let options = DeleteOptions::default();
        self.store
            .delete_gracefully(resource, object.namespace(), object.name(), &options)
    }

    /// Deletes what belonged to an object that is gone.
    fn collect(&mut self, owner: &Arc<Object>) {
        let children: Vec<Arc<Object>> = self.index.all_children(owner.uid()).cloned().collect();
        for child in children.iter().filter(|child| !self.index.is_owned(child)) {
            let Some(resource) = self.index.resource(child.uid()).map(str::to_owned) else {
                continue;
            };
            // A pod that its Job has not counted would never go.
            if let Some(Write::Patch { patch, .. }) = job::release(child) {
                let change = |object: &mut Value| merge_patch(object, &patch);
                let _ = self
                    .store
                    .modify(&resource, child.namespace(), child.name(), change);
            }
            let _ = self.delete(&resource, child);
        }
    }

    /// `foregroundDeletion` waits for the dependents, `orphan` lets them go.
    fn finalize(&mut self, resource: &str, object: &Arc<Object>) {
        let finalizers = object["metadata"]["finalizers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let children: Vec<Arc<Object>> = self.index.all_children(object.uid()).cloned().collect();
        let has = |name: &str| finalizers.iter().any(|finalizer| finalizer == name);
        let done = if has("orphan") {
            for child in &children {
                self.disown(child, object.uid());
            }
            "orphan"
        } else if has("foregroundDeletion") {
            for child in children.iter().filter(|child| !deleted(child)) {
                if let Some(resource) = self.index.resource(child.uid()) {
                    let _ = self.delete(resource, child);
                }
            }
            if !children.is_empty() {
                return;
            }
            "foregroundDeletion"
        } else {
            return;
        };
        let kept: Vec<Value> = finalizers
            .into_iter()
            .filter(|finalizer| finalizer != done)
            .collect();
        let _ = self
            .store
            .modify(resource, object.namespace(), object.name(), |object| {
                object["metadata"]["finalizers"] = json!(kept);
            });
    }

    fn disown(&self, child: &Object, owner: &str) {
        let Some(resource) = self.index.resource(child.uid()) else {
            return;
        };
        let _ = self
            .store
            .modify(resource, child.namespace(), child.name(), |child| {
                let owners = child["metadata"]["ownerReferences"].as_array_mut();
                owners
                    .into_iter()
                    .for_each(|owners| owners.retain(|entry| entry["uid"] != owner));
            });
    }
}
