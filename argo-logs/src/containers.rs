//! The containers of a stream: decides which of them are followed.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use argo_core::{
    GroupKind, Level, Notice, NoticeCode, ObjectRef, PodEvent,
    resource::{Container, ContainerState, Pod},
};
use jiff::Timestamp;

use crate::{
    ContainerKind, ContainerView, FollowerConfig, LogConfig, Origin, annotations::Choice,
    slots::Priority,
};

/// An instruction to the stream.
#[derive(Debug)]
pub(crate) enum Order {
    /// Begin to follow a container.
    Follow {
        origin: Arc<Origin>,
        config: FollowerConfig,
        view: ContainerView,
        priority: Arc<Priority>,
        /// Time at which the pod came into being.
        created: Option<Timestamp>,
    },
    /// Send a follower the new state of its container.
    Update { id: u32, view: ContainerView },
    /// Hand out a notice.
    Report(Notice),
}

/// The pods of a stream and their containers. Two pods of one name and different uids are
/// two pods.
#[derive(Debug)]
pub(crate) struct Containers {
    config: LogConfig,
    pods: HashMap<Arc<str>, PodEntry>,
    /// The current uid of each namespace and name.
    names: HashMap<(Arc<str>, Arc<str>), Arc<str>>,
    /// Pods that left while they were followed, by uid. A pod that comes back, because it
    /// belongs to the application again, is shown from that time on.
    left: HashMap<Arc<str>, Timestamp>,
    /// The pods that count towards [`LogConfig::replicas`], by workload and [`Origin::is_new`].
    chosen: HashMap<(Arc<str>, bool), HashSet<Arc<str>>>,
    /// Workloads with a notice that not all of their pods are shown.
    reported: HashSet<Arc<str>>,
    next_id: u32,
}

#[derive(Debug)]
struct PodEntry {
    object: ObjectRef,
    is_followed: bool,
    containers: HashMap<Arc<str>, ContainerEntry>,
    /// The pod, while a store may have what was missed of it: it is new, has a node, and not
    /// every container has told of a run.
    unseen: Option<Unseen>,
}

/// A pod of which a container may run before the pod tells of it.
#[derive(Debug)]
struct Unseen {
    pod: Arc<Pod>,
    workload: Option<ObjectRef>,
}

/// A container that is followed.
#[derive(Debug)]
struct ContainerEntry {
    id: u32,
    /// The state last sent to the follower.
    sent: ContainerView,
    priority: Arc<Priority>,
}

impl Containers {
    pub(crate) fn new(config: LogConfig) -> Self {
        Self {
            config,
            pods: HashMap::new(),
            names: HashMap::new(),
            left: HashMap::new(),
            chosen: HashMap::new(),
            reported: HashSet::new(),
            next_id: 0,
        }
    }

    pub(crate) fn handle(&mut self, event: &PodEvent, now: Timestamp) -> Vec<Order> {
        match event {
            PodEvent::Removed(object) => self.remove(&object.uid, now),
            PodEvent::Applied {
                pod,
                workload,
                is_new,
            } => {
                let seen = AppliedPod {
                    pod,
                    object: ObjectRef::from_meta(GroupKind::new("", "Pod"), &pod.metadata),
                    workload: workload.as_ref(),
                    is_new: *is_new,
                };
                let orders = self.apply(&seen, now);
                self.remember(&seen, pod);
                orders
            }
        }
    }

    fn apply(&mut self, seen: &AppliedPod<'_>, now: Timestamp) -> Vec<Order> {
        // After a list that was read anew, the next pod of a StatefulSet may come before the
        // deletion of the one with the same name. A log request names no uid, so the old
        // follower would read the new pod.
        let mut orders = self.supersede(&seen.object, now);
        let entry = self.pods.entry(seen.object.uid.clone());
        let entry = entry.or_insert_with(|| PodEntry::new(seen.object.clone()));
        // A pod that is followed stays so: dropping it in the midst would lose its last lines.
        if entry.is_followed || self.is_chosen(seen, &mut orders) {
            self.follow(seen, &mut orders);
        }
        if seen.pod.is_finished() {
            self.release(&seen.object.uid);
        }
        orders
    }

    /// Removes the pod that had the name before: two pods of one name cannot exist.
    fn supersede(&mut self, object: &ObjectRef, now: Timestamp) -> Vec<Order> {
        let name = (object.namespace.clone(), object.name.clone());
        match self.names.insert(name, object.uid.clone()) {
            Some(before) if before != object.uid => self.remove(&before, now),
            _ => Vec::new(),
        }
    }

    fn remove(&mut self, uid: &Arc<str>, now: Timestamp) -> Vec<Order> {
        self.release(uid);
        let Some(mut entry) = self.pods.remove(uid) else {
            return Vec::new();
        };
        let mut missed = self.missed(&mut entry);
        let name = (entry.object.namespace, entry.object.name);
        if self.names.get(&name) == Some(uid) {
            self.names.remove(&name);
        }
        // The pod may come back: a watch that lost events takes it for deleted, and its next
        // list has it again. Then only lines since now are new.
        if !entry.containers.is_empty() {
            self.left.insert(uid.clone(), now);
        }
        let ids = entry.containers.into_values().map(|known| known.id);
        missed.extend(ids.map(|id| Order::Update {
            id,
            view: ContainerView::gone(),
        }));
        missed
    }

    /// Follows the containers of a pod that is gone before they told of a run: a store may have
    /// their logs.
    fn missed(&mut self, entry: &mut PodEntry) -> Vec<Order> {
        let Some(Unseen { pod, workload }) = entry.unseen.take() else {
            return Vec::new();
        };
        let seen = AppliedPod {
            pod: &pod,
            object: entry.object.clone(),
            workload: workload.as_ref(),
            is_new: true,
        };
        let mut orders = Vec::new();
        for (kind, container) in self.wanted(&seen) {
            if !entry.containers.contains_key(container) {
                let origin = Arc::new(seen.origin(container, kind, self.next_id));
                self.next_id += 1;
                orders.push(Order::Follow {
                    config: self.config.follower(&origin, None),
                    origin,
                    view: ContainerView::gone(),
                    priority: Arc::default(),
                    created: seen.created(),
                });
            }
        }
        orders
    }

    /// Returns the containers of a pod that the annotations and the user want.
    fn wanted<'a>(&self, seen: &AppliedPod<'a>) -> Vec<(ContainerKind, &'a str)> {
        let none = BTreeMap::new();
        let annotations = seen.pod.metadata.annotations.as_ref().unwrap_or(&none);
        let choice = Choice::from_annotations(annotations, seen.is_new);
        let named = containers(seen.pod).map(|(kind, container)| (kind, container.name.as_str()));
        named
            .filter(|(_, name)| choice.admits(name) && self.config.admits(name))
            .collect()
    }

    /// Remembers a pod whose containers may run before it tells of them.
    fn remember(&mut self, seen: &AppliedPod<'_>, pod: &Arc<Pod>) {
        if self.config.store.is_none() {
            return;
        }
        let is_scheduled = seen.is_new && pod.spec.node_name.is_some();
        let wanted = self.wanted(seen).len();
        let Some(entry) = self.pods.get_mut(&seen.object.uid) else {
            return;
        };
        let may_be_missed = is_scheduled && entry.is_followed && entry.containers.len() < wanted;
        entry.unseen = may_be_missed.then(|| Unseen {
            pod: Arc::clone(pod),
            workload: seen.workload.cloned(),
        });
    }

    /// Updates the containers that are followed, and begins to follow wanted ones that run
    /// or ran.
    fn follow(&mut self, seen: &AppliedPod<'_>, orders: &mut Vec<Order>) {
        let Some(entry) = self.pods.get_mut(&seen.object.uid) else {
            return;
        };
        entry.is_followed = true;
        let none = BTreeMap::new();
        let annotations = seen.pod.metadata.annotations.as_ref().unwrap_or(&none);
        let choice = Choice::from_annotations(annotations, seen.is_new);
        let left = self.left.get(&seen.object.uid).copied();
        for (kind, container) in containers(seen.pod) {
            let name = container.name.as_str();
            let view = ContainerView::new(seen.pod, name);
            if let Some(known) = entry.containers.get_mut(name) {
                known.observe(seen.pod, name);
                orders.extend(known.update(view));
            // No run, no log: before the first one the kubelet answers 400 to every request.
            } else if view.runs().next().is_some()
                && choice.admits(name)
                && self.config.admits(name)
            {
                let origin = Arc::new(seen.origin(name, kind, self.next_id));
                self.next_id += 1;
                let known = ContainerEntry::new(origin.id, view.clone());
                known.observe(seen.pod, name);
                let priority = Arc::clone(&known.priority);
                entry.containers.insert(origin.container.clone(), known);
                orders.push(Order::Follow {
                    config: self.config.follower(&origin, left),
                    origin,
                    view,
                    priority,
                    created: seen.created(),
                });
            }
        }
    }

    /// True if the pod's logs are shown as far as [`LogConfig::replicas`] goes.
    fn is_chosen(&mut self, seen: &AppliedPod<'_>, orders: &mut Vec<Order>) -> bool {
        let (Some(replicas), Some(workload)) = (self.config.replicas, seen.workload) else {
            return true;
        };
        let key = (workload.uid.clone(), seen.is_new);
        let chosen = self.chosen.entry(key).or_default();
        let uid = &seen.object.uid;
        // A failure is what the logs are read for, so `replicas` does not hide it.
        if chosen.contains(uid) || has_failed(seen.pod) {
            return true;
        }
        if chosen.len() < replicas {
            return chosen.insert(uid.clone());
        }
        if self.reported.insert(workload.uid.clone()) {
            orders.push(Order::Report(not_all_shown(workload, replicas)));
        }
        false
    }

    /// Lets another pod be shown instead of this one.
    fn release(&mut self, uid: &Arc<str>) {
        self.chosen.retain(|_, pods| {
            pods.remove(uid);
            !pods.is_empty()
        });
    }
}

/// A pod as an event has it.
struct AppliedPod<'a> {
    pod: &'a Pod,
    object: ObjectRef,
    workload: Option<&'a ObjectRef>,
    is_new: bool,
}

impl AppliedPod<'_> {
    fn created(&self) -> Option<Timestamp> {
        let created = self.pod.metadata.creation_timestamp.as_ref();
        created.map(|created| created.0)
    }

    fn origin(&self, container: &str, kind: ContainerKind, id: u32) -> Origin {
        Origin {
            pod: self.object.clone(),
            container: container.into(),
            workload: self.workload.cloned(),
            is_new: self.is_new,
            kind,
            id,
        }
    }
}

impl ContainerEntry {
    fn new(id: u32, sent: ContainerView) -> Self {
        Self {
            id,
            sent,
            priority: Arc::default(),
        }
    }

    fn observe(&self, pod: &Pod, container: &str) {
        let mut containers = pod.containers();
        let found = containers.find(|(spec, _)| spec.name == container);
        if let Some((_, Some(status))) = found {
            self.priority.observe(status);
        }
    }

    /// Returns an update for the follower if the state has changed.
    fn update(&mut self, view: ContainerView) -> Option<Order> {
        if self.sent == view {
            return None;
        }
        self.sent.clone_from(&view);
        Some(Order::Update { id: self.id, view })
    }
}

impl PodEntry {
    fn new(object: ObjectRef) -> Self {
        Self {
            object,
            is_followed: false,
            containers: HashMap::new(),
            unseen: None,
        }
    }
}

impl LogConfig {
    /// True if containers of this name are wanted.
    fn admits(&self, container: &str) -> bool {
        let matches = |regex: &regex::Regex| regex.is_match(container);
        self.containers.as_ref().is_none_or(matches)
            && !self.exclude_containers.as_ref().is_some_and(matches)
    }

    fn follower(&self, origin: &Origin, came_back_after: Option<Timestamp>) -> FollowerConfig {
        FollowerConfig {
            pod: origin.pod.clone(),
            container: origin.container.clone(),
            is_new: origin.is_new && came_back_after.is_none(),
            tail: self.first_lines().filter(|_| came_back_after.is_none()),
            since: came_back_after.max(self.since),
            last_read: self.finish_within,
            // Spread over all bits: otherwise containers with neighbouring ids would have
            // similar delays.
            seed: self.seed ^ u64::from(origin.id + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
        }
    }
}

/// Returns the containers of a pod with their kinds.
fn containers(pod: &Pod) -> impl Iterator<Item = (ContainerKind, &Container)> {
    let init = pod.spec.init_containers.iter().map(|container| {
        let kind = match container.restart_policy.as_deref() {
            Some("Always") => ContainerKind::Sidecar,
            _ => ContainerKind::Init,
        };
        (kind, container)
    });
    let of = |kind| move |container| (kind, container);
    let main = pod.spec.containers.iter().map(of(ContainerKind::Main));
    let ephemeral = pod.spec.ephemeral_containers.iter();
    init.chain(main)
        .chain(ephemeral.map(of(ContainerKind::Ephemeral)))
}

fn has_failed(pod: &Pod) -> bool {
    let failed =
        |state: &ContainerState| state.terminated.as_ref().is_some_and(|t| t.exit_code != 0);
    let mut statuses = pod.containers().filter_map(|(_, status)| status);
    statuses.any(|status| {
        status.restart_count > 0 || failed(&status.state) || failed(&status.last_state)
    })
}

fn not_all_shown(workload: &ObjectRef, replicas: usize) -> Notice {
    let message = format!("showing logs of {replicas} of its pods only (--replicas)");
    Notice::new(NoticeCode::Limited, Level::Info, message)
        .about(workload.clone())
        .hint("pods in which a container failed are shown all the same")
}

#[cfg(test)]
#[path = "containers_tests.rs"]
mod tests;
