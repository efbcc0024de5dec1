//! Which containers are followed, and what each is told.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use argo_core::{
    GroupKind, Level, Notice, NoticeCode, ObjectRef, PodEvent,
    resource::{Container, ContainerState, Pod},
};
use jiff::Timestamp;

use crate::{ContainerKind, ContainerView, FollowerConfig, Origin, choice::Choice, stream::Config};

/// What is to be done about a container.
#[derive(Debug)]
pub(crate) enum Order {
    /// Begin to follow it.
    Follow {
        origin: Arc<Origin>,
        config: FollowerConfig,
        view: ContainerView,
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
    containers: HashMap<Arc<str>, (u32, ContainerView)>,
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
            } => {
                let object = ObjectRef::from_meta(GroupKind::new("", "Pod"), &pod.metadata);
                let mut orders = self.supersede(&object, now);
                let member = self.pods.entry(object.uid.clone());
                let member = member.or_insert_with(|| Member::new(object.clone()));
                let followed = member.followed;
                let workload = workload.as_ref();
                if followed || self.takes_place(pod, &object, workload, *is_new, &mut orders) {
                    self.follow(pod, &object, workload, *is_new, &mut orders);
                }
                if pod.is_finished() {
                    self.free_place(&object.uid);
                }
                orders
            }
        }
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
        let ids = member.containers.into_values().map(|(id, _)| id);
        ids.map(|id| Order::Tell {
            id,
            view: ContainerView::gone(),
        })
        .collect()
    }

    /// Tells what changed of the containers that are followed, and follows those that run
    /// or ran and are wanted.
    fn follow(
        &mut self,
        pod: &Pod,
        object: &ObjectRef,
        workload: Option<&ObjectRef>,
        is_new: bool,
        orders: &mut Vec<Order>,
    ) {
        let Some(member) = self.pods.get_mut(&object.uid) else {
            return;
        };
        member.followed = true;
        let none = std::collections::BTreeMap::new();
        let annotations = pod.metadata.annotations.as_ref().unwrap_or(&none);
        let choice = Choice::of(annotations, is_new);
        for (kind, container) in containers(pod) {
            let view = ContainerView::of(pod, &container.name);
            if let Some((id, told)) = member.containers.get_mut(container.name.as_str()) {
                if *told != view {
                    told.clone_from(&view);
                    orders.push(Order::Tell { id: *id, view });
                }
                continue;
            }
            let ran = view.instances().next().is_some();
            if !ran || !choice.admits(&container.name) || !self.config.names(&container.name) {
                continue;
            }
            let origin = Arc::new(Origin {
                pod: object.clone(),
                container: container.name.as_str().into(),
                workload: workload.cloned(),
                is_new,
                kind,
                id: self.next_id,
            });
            self.next_id += 1;
            let told = (origin.id, view.clone());
            member.containers.insert(origin.container.clone(), told);
            let since = self.left.get(&object.uid).copied();
            let config = self.config.follower(&origin, since);
            orders.push(Order::Follow {
                origin,
                config,
                view,
            });
        }
    }

    /// True if the pod has one of the places of its workload, or needs none.
    fn takes_place(
        &mut self,
        pod: &Pod,
        object: &ObjectRef,
        workload: Option<&ObjectRef>,
        is_new: bool,
        orders: &mut Vec<Order>,
    ) -> bool {
        let (Some(replicas), Some(workload)) = (self.config.replicas, workload) else {
            return true;
        };
        let key = (workload.uid.clone(), is_new);
        let places = self.places.entry(key).or_default();
        if places.contains(&object.uid) || has_failed(pod) {
            return true;
        }
        if places.len() < replicas {
            places.insert(object.uid.clone());
            return true;
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
