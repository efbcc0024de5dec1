//! Waits for changes and for the clock, and carries out what pod machines answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;

use super::pod_machine::{Effect, PodMachine};
use super::process::{Output, later};
use super::recorder::Recorder;
use super::timing::{Random, Timing};
use super::{HOST_IP, NODE};
use crate::clock::time;
use crate::logs::{KubeletState, LogWriter, Logs, Origin};
use crate::store::{Change, ChangeKind, DeleteOptions, Object, Preconditions, Store, Watch};

/// Until a kubelet that came back knows its pods (recording 13).
const RECOVERY: Duration = Duration::from_secs(1);
/// Until the node controller gives a silent node up (`node-monitor-grace-period`).
const NODE_GRACE: Duration = Duration::from_secs(40);

pub(super) struct Shell {
    store: Store,
    logs: Logs,
    seed: u64,
    timing: Timing,
    down: watch::Receiver<bool>,
    node: NodeState,
    recorder: Recorder,
    phase: Timestamp,
    addresses: u32,
    pods: HashMap<String, Running>,
    wakes: BTreeSet<(Timestamp, u64, String)>,
    arrivals: u64,
}

/// A pod, and where its containers write.
struct Running {
    machine: PodMachine,
    pod: Arc<Object>,
    writers: BTreeMap<String, LogWriter>,
    /// Its place among pods that wake at the same time.
    order: u64,
    wake: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NodeState {
    Up,
    /// Silent; given up at this time.
    Down(Timestamp),
    GivenUp,
    /// Knows its pods from this time on.
    Starting(Timestamp),
}

enum Input {
    Change(Arc<Change>),
    Wake,
    Node,
    /// The watch must be opened again, or the store is gone.
    Lost,
}

impl Shell {
    pub(super) fn new(
        store: Store,
        logs: Logs,
        seed: u64,
        timing: Timing,
        down: watch::Receiver<bool>,
    ) -> Self {
        let now = store.clock().now();
        let offset = timing.relist.mul_f64(Random::new(seed).fraction());
        Self {
            store,
            logs,
            seed,
            timing,
            down,
            node: NodeState::Up,
            recorder: Recorder::new("kubelet", Some(NODE)),
            phase: now.checked_sub(offset).unwrap_or(now),
            addresses: 0,
            pods: HashMap::new(),
            wakes: BTreeSet::new(),
            arrivals: 0,
        }
    }

    pub(super) async fn run(mut self) {
        register_node(&self.store);
        while let Some(mut watch) = self.open() {
            loop {
                match self.input(&mut watch).await {
                    Input::Change(change) => self.change(&change),
                    Input::Wake => {}
                    Input::Node => self.node_changed(),
                    Input::Lost => break,
                }
                self.wake();
            }
        }
    }

    /// Lists the pods, then watches them.
    fn open(&mut self) -> Option<Watch> {
        let list = self.store.list("pods", None).ok()?;
        let alive: BTreeSet<&str> = list.items.iter().map(|pod| pod.uid()).collect();
        let gone: Vec<String> = self
            .pods
            .keys()
            .filter(|uid| !alive.contains(uid.as_str()))
            .cloned()
            .collect();
        for uid in gone {
            self.remove(&uid);
        }
        for pod in &list.items {
            self.pod(pod);
        }
        self.store.watch("pods", list.resource_version).ok()
    }

    async fn input(&mut self, watch: &mut Watch) -> Input {
        let first = self.wakes.first().map(|(at, ..)| *at);
        let node = match self.node {
            NodeState::Down(at) | NodeState::Starting(at) => Some(at),
            NodeState::Up | NodeState::GivenUp => None,
        };
        let next = [first, node].into_iter().flatten().min();
        let clock = self.store.clock().clone();
        let sleep = async {
            match next {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            change = watch.next() => change.map_or(Input::Lost, Input::Change),
            changed = self.down.changed() => match changed {
                Ok(()) => Input::Node,
                Err(_) => std::future::pending().await,
            },
            () = sleep => Input::Wake,
        }
    }

    fn change(&mut self, change: &Change) {
        match change.kind {
            ChangeKind::Deleted => self.remove(change.object.uid()),
            ChangeKind::Added | ChangeKind::Modified => self.pod(&change.object),
        }
    }

    fn pod(&mut self, pod: &Arc<Object>) {
        if pod["spec"]["nodeName"] != NODE {
            return;
        }
        let now = self.store.clock().now();
        if let Some(running) = self.pods.get_mut(pod.uid()) {
            running.pod = Arc::clone(pod);
            running.machine.update(Arc::clone(pod), now);
        } else {
            if matches!(
                pod["status"]["phase"].as_str(),
                Some("Succeeded" | "Failed")
            ) {
                return;
            }
            self.admit(pod, now);
        }
        self.plan(pod.uid());
    }

    fn admit(&mut self, pod: &Arc<Object>, now: Timestamp) {
        self.addresses += 1;
        self.arrivals += 1;
        let ip = format!(
            "10.78.{}.{}",
            self.addresses / 250,
            self.addresses % 250 + 2
        );
        let mut machine =
            PodMachine::new(Arc::clone(pod), self.timing, self.seed, self.phase, ip, now);
        if self.node != NodeState::Up {
            machine.set_down(true, now);
        }
        let running = Running {
            machine,
            pod: Arc::clone(pod),
            writers: BTreeMap::new(),
            order: self.arrivals,
            wake: None,
        };
        self.pods.insert(pod.uid().to_owned(), running);
    }

    fn remove(&mut self, uid: &str) {
        let Some(mut running) = self.pods.remove(uid) else {
            return;
        };
        if let Some(at) = running.wake {
            self.wakes.remove(&(at, running.order, uid.to_owned()));
        }
        for effect in running.machine.remove(self.store.clock().now()) {
            running.log(&self.logs, effect);
        }
        self.logs.remove_pod(uid);
        self.recorder.forget(uid);
    }

    /// Lets every pod do what is due.
    fn wake(&mut self) {
        let now = self.store.clock().now();
        if let NodeState::Starting(at) = self.node
            && at <= now
        {
            self.recovered(now);
        }
        if let NodeState::Down(at) = self.node
            && at <= now
        {
            self.node = NodeState::GivenUp;
            set_node_ready(
                &self.store,
                "Unknown",
                "NodeStatusUnknown",
                "Kubelet stopped posting node status.",
            );
        }
        while let Some((at, _, uid)) = self.wakes.first().cloned().filter(|(at, ..)| *at <= now) {
            self.advance(&uid, now);
            if self
                .pods
                .get(&uid)
                .is_none_or(|running| running.wake == Some(at))
            {
                self.wakes.pop_first();
            }
        }
    }

    fn advance(&mut self, uid: &str, now: Timestamp) {
        let Some(running) = self.pods.get_mut(uid) else {
            return;
        };
        let (store, namespace) = (&self.store, running.pod.namespace());
        let lookup = |resource: &str, name: &str| store.get(resource, namespace, name);
        let effects = running.machine.advance(now, &lookup);
        for effect in effects {
            self.carry_out(uid, effect);
        }
        self.plan(uid);
    }

    fn plan(&mut self, uid: &str) {
        let Some(running) = self.pods.get_mut(uid) else {
            return;
        };
        if let Some(at) = running.wake.take() {
            self.wakes.remove(&(at, running.order, uid.to_owned()));
        }
        running.wake = running.machine.wake();
        if let Some(at) = running.wake {
            self.wakes.insert((at, running.order, uid.to_owned()));
        }
    }

    fn carry_out(&mut self, uid: &str, effect: Effect) {
        let Some(running) = self.pods.get_mut(uid) else {
            return;
        };
        let (namespace, name) = (running.pod.namespace(), running.pod.name());
        match effect {
            Effect::Status(status) => {
                // Gone meanwhile: the watch will tell.
                let _ = self.store.modify("pods", namespace, name, |pod| {
                    if pod["metadata"]["uid"] == uid {
                        pod["status"] = status;
                    }
                });
            }
            Effect::Event(occurrence) => self.recorder.record(&self.store, &occurrence),
            Effect::Delete => {
                let options = DeleteOptions {
                    grace_period_seconds: Some(0),
                    preconditions: Some(Preconditions {
                        uid: Some(uid.to_owned()),
                        resource_version: None,
                    }),
                    propagation_policy: None,
                };
                let _ = self
                    .store
                    .delete_gracefully("pods", namespace, name, &options);
            }
            log => running.log(&self.logs, log),
        }
    }

    fn node_changed(&mut self) {
        let now = self.store.clock().now();
        let down = *self.down.borrow_and_update();
        self.node = match (down, self.node) {
            (true, NodeState::Up | NodeState::Starting(_)) => {
                self.logs.set_kubelet(KubeletState::Down);
                self.tell_machines(true, now);
                NodeState::Down(later(now, NODE_GRACE))
            }
            (false, NodeState::Down(_) | NodeState::GivenUp) => {
                self.logs.set_kubelet(KubeletState::Starting);
                NodeState::Starting(later(now, RECOVERY))
            }
            (_, same) => same,
        };
    }

    fn recovered(&mut self, now: Timestamp) {
        self.node = NodeState::Up;
        self.logs.set_kubelet(KubeletState::Up);
        set_node_ready(
            &self.store,
            "True",
            "KubeletReady",
            "kubelet is posting ready status",
        );
        self.tell_machines(false, now);
    }

    fn tell_machines(&mut self, down: bool, now: Timestamp) {
        let uids: BTreeSet<String> = self.pods.keys().cloned().collect();
        for uid in uids {
            if let Some(running) = self.pods.get_mut(&uid) {
                running.machine.set_down(down, now);
            }
            self.plan(&uid);
        }
    }
}

impl Running {
    /// The effects that concern logs.
    fn log(&mut self, logs: &Logs, effect: Effect) {
        match effect {
            Effect::LogStart {
                container,
                restart,
                id,
            } => {
                let writer = logs.start(&self.pod, &container, restart, &id);
                self.writers.insert(container, writer);
            }
            Effect::Log {
                container,
                at,
                output,
            } => {
                if let Some(writer) = self.writers.get_mut(&container) {
                    write(writer, at, &output);
                }
            }
            Effect::LogEnd { container, at } => {
                if let Some(mut writer) = self.writers.remove(&container) {
                    writer.close(nanoseconds(at));
                    writer.instance().end();
                    logs.ended(self.pod.uid(), &container);
                }
            }
            Effect::Status(_) | Effect::Event(_) | Effect::Delete => {}
        }
    }
}

fn write(writer: &mut LogWriter, at: Timestamp, output: &Output) {
    let at = nanoseconds(at);
    match output {
        Output::Stdout(text) => writer.line(Origin::Stdout, at, text),
        Output::Stderr(text) => writer.line(Origin::Stderr, at, text),
        Output::Raw(bytes) => writer.write(Origin::Stdout, at, bytes),
    }
}

fn nanoseconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)
}

fn register_node(store: &Store) {
    let now = time(store.clock().now());
    let node = json!({
        "kind": "Node", "apiVersion": "v1",
        "metadata": {"name": NODE, "labels": {
            "kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        }},
        "spec": {"podCIDR": "10.78.0.0/16"},
        "status": {
            "capacity": {"cpu": "4", "memory": "8Gi", "pods": "1000"},
            "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "1000"},
            "addresses": [
                {"type": "InternalIP", "address": HOST_IP}, {"type": "Hostname", "address": NODE},
            ],
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "KubeletReady",
                "message": "kubelet is posting ready status",
                "lastHeartbeatTime": now, "lastTransitionTime": now,
            }],
        },
    });
    // It may be registered already, with labels of its own.
    let _ = store.create(node);
}

fn set_node_ready(store: &Store, status: &str, reason: &str, message: &str) {
    let now = time(store.clock().now());
    let _ = store.modify("nodes", "", NODE, |node| {
        let conditions = node["status"]["conditions"].as_array_mut();
        for condition in conditions.into_iter().flatten() {
            if condition["type"] == "Ready" && condition["status"] != status {
                condition["status"] = status.into();
                condition["reason"] = reason.into();
                condition["message"] = message.into();
                condition["lastTransitionTime"] = now.as_str().into();
            }
        }
    });
}
