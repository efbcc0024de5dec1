//! Which containers are followed, and what each is told.

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
    ContainerKind, ContainerView, FollowerConfig, Origin, choice::Choice, stream::Config,
    turns::Health,
};

/// What is to be done about a container.
#[derive(Debug)]
pub(crate) enum Order {
    /// Begin to follow it.
    Follow {
        origin: Arc<Origin>,
        config: FollowerConfig,
        view: ContainerView,
        health: Arc<Health>,
    },
    /// Tell its follower what the pod says now.
    Tell { id: u32, view: ContainerView },
    /// Say this.
    Say(Notice),
}

/// The pods of a stream. Two pods of one name and different uids are two pods.
#[derive(Debug)]
pub(crate) struct Roster {
    config: Config,
    pods: HashMap<Arc<str>, Member>,
    /// The uid that a namespace and name mean now.
    names: HashMap<(Arc<str>, Arc<str>), Arc<str>>,
    /// Pods that left while they were followed, by uid. One that comes back (it belongs
    /// to the application again) is shown from there on.
    left: HashMap<Arc<str>, Timestamp>,
    /// The pods that take one of the places of a workload.
    places: HashMap<(Arc<str>, bool), HashSet<Arc<str>>>,
    /// Workloads whose places were said to be taken.
    told: HashSet<Arc<str>>,
    next_id: u32,
}

#[derive(Debug)]
struct Member {
    object: ObjectRef,
    followed: bool,
    containers: HashMap<Arc<str>, Known>,
}

/// A container that is followed.
#[derive(Debug)]
struct Known {
    id: u32,
    told: ContainerView,
    health: Arc<Health>,
}

impl Roster {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            pods: HashMap::new(),
            names: HashMap::new(),
            left: HashMap::new(),
            places: HashMap::new(),
            told: HashSet::new(),
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
            } => self.see(
                &Sighting {
                    pod,
                    object: ObjectRef::from_meta(GroupKind::new("", "Pod"), &pod.metadata),
                    workload: workload.as_ref(),
                    is_new: *is_new,
                },
                now,
            ),
        }
    }

    fn see(&mut self, seen: &Sighting<'_>, now: Timestamp) -> Vec<Order> {
        let mut orders = self.supersede(&seen.object, now);
        let member = self.pods.entry(seen.object.uid.clone());
        let member = member.or_insert_with(|| Member::new(seen.object.clone()));
        if member.followed || self.takes_place(seen, &mut orders) {
            self.follow(seen, &mut orders);
        }
        if seen.pod.is_finished() {
            self.free_place(&seen.object.uid);
        }
        orders
    }

    /// A name that means another uid now: the one before is gone, whoever says it.
    fn supersede(&mut self, object: &ObjectRef, now: Timestamp) -> Vec<Order> {
        let name = (object.namespace.clone(), object.name.clone());
        match self.names.insert(name, object.uid.clone()) {
            Some(before) if before != object.uid => self.remove(&before, now),
            _ => Vec::new(),
        }
    }

    fn remove(&mut self, uid: &Arc<str>, now: Timestamp) -> Vec<Order> {
        self.free_place(uid);
        let Some(member) = self.pods.remove(uid) else {
            return Vec::new();
        };
        let name = (member.object.namespace, member.object.name);
        if self.names.get(&name) == Some(uid) {
            self.names.remove(&name);
        }
        if !member.containers.is_empty() {
            self.left.insert(uid.clone(), now);
        }
        let ids = member.containers.into_values().map(|known| known.id);
        ids.map(|id| Order::Tell {
            id,
            view: ContainerView::gone(),
        })
        .collect()
    }

    /// Tells what changed of the containers that are followed, and follows those that run
    /// or ran and are wanted.
    fn follow(&mut self, seen: &Sighting<'_>, orders: &mut Vec<Order>) {
        let Some(member) = self.pods.get_mut(&seen.object.uid) else {
            return;
        };
        member.followed = true;
        let none = BTreeMap::new();
        let annotations = seen.pod.metadata.annotations.as_ref().unwrap_or(&none);
        let choice = Choice::of(annotations, seen.is_new);
        let left = self.left.get(&seen.object.uid).copied();
        for (kind, container) in containers(seen.pod) {
            let name = container.name.as_str();
            let view = ContainerView::of(seen.pod, name);
            if let Some(known) = member.containers.get_mut(name) {
                known.see(seen.pod, name);
                orders.extend(known.news(view));
            } else if view.instances().next().is_some()
                && choice.admits(name)
                && self.config.names(name)
            {
                let origin = Arc::new(seen.origin(name, kind, self.next_id));
                self.next_id += 1;
                let known = Known::new(origin.id, view.clone());
                known.see(seen.pod, name);
                let health = Arc::clone(&known.health);
                member.containers.insert(origin.container.clone(), known);
                orders.push(Order::Follow {
                    config: self.config.follower(&origin, left),
                    origin,
                    view,
                    health,
                });
            }
        }
    }

    /// True if the pod has one of the places of its workload, or needs none.
    fn takes_place(&mut self, seen: &Sighting<'_>, orders: &mut Vec<Order>) -> bool {
        let (Some(replicas), Some(workload)) = (self.config.replicas, seen.workload) else {
            return true;
        };
        let key = (workload.uid.clone(), seen.is_new);
        let places = self.places.entry(key).or_default();
        let uid = &seen.object.uid;
        if places.contains(uid) || has_failed(seen.pod) {
            return true;
        }
        if places.len() < replicas {
            return places.insert(uid.clone());
        }
        if self.told.insert(workload.uid.clone()) {
            orders.push(Order::Say(places_taken(workload, replicas)));
        }
        false
    }

    fn free_place(&mut self, uid: &Arc<str>) {
        self.places.retain(|_, pods| {
            pods.remove(uid);
            !pods.is_empty()
        });
    }
}

/// What an event says of a pod.
struct Sighting<'a> {
    pod: &'a Pod,
    object: ObjectRef,
    workload: Option<&'a ObjectRef>,
    is_new: bool,
}

impl Sighting<'_> {
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

impl Known {
    fn new(id: u32, told: ContainerView) -> Self {
        Self {
            id,
            told,
            health: Arc::default(),
        }
    }

    fn see(&self, pod: &Pod, container: &str) {
        let mut containers = pod.containers();
        let found = containers.find(|(spec, _)| spec.name == container);
        if let Some((_, Some(status))) = found {
            self.health.see(status);
        }
    }

    /// What its follower is told, if that is news.
    fn news(&mut self, view: ContainerView) -> Option<Order> {
        (self.told != view).then(|| {
            self.told.clone_from(&view);
            Order::Tell { id: self.id, view }
        })
    }
}

impl Member {
    fn new(object: ObjectRef) -> Self {
        Self {
            object,
            followed: false,
            containers: HashMap::new(),
        }
    }
}

impl Config {
    /// True if containers of this name are wanted.
    fn names(&self, container: &str) -> bool {
        let matches = |regex: &regex::Regex| regex.is_match(container);
        self.containers.as_ref().is_none_or(matches)
            && !self.exclude_containers.as_ref().is_some_and(matches)
    }

    fn follower(&self, origin: &Origin, came_back_after: Option<Timestamp>) -> FollowerConfig {
        FollowerConfig {
            pod: origin.pod.clone(),
            container: origin.container.clone(),
            is_new: origin.is_new && came_back_after.is_none(),
            tail: self.tail.filter(|_| came_back_after.is_none()),
            since: came_back_after.max(self.since),
            // Spread over all bits: neighbours would start their delays alike.
            seed: self.seed ^ u64::from(origin.id + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
        }
    }
}

/// The containers of a pod, each with what it is for.
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

fn places_taken(workload: &ObjectRef, replicas: usize) -> Notice {
    let message = format!("logs of no more than {replicas} of its pods are shown");
    Notice::new(NoticeCode::Limited, Level::Info, message)
        .about(workload.clone())
        .hint("pods in which a container failed are shown all the same")
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
