//! The knowledge about the objects of an application.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use argo_core::{
    ObjectName, ObjectRef, RolloutState, TrackEvent, Tracked, TrackedBody,
    resource::{Application, Pod, WorkloadObject},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::resources::Resources;
use crate::rollout::{Inherited, NOT_SEEN, References};
use crate::workload::{Rollout, Workload};

mod applications;
mod events;
mod finished_jobs;
mod frames;
mod history;
mod last_lines;
pub(super) mod newest;
mod pod;
mod sharing;
mod standing_out;
mod sync_failures;
mod workload;

use applications::Applications;
pub use events::EventFact;
use events::EventLog;
pub(super) use events::Events;
pub(super) use finished_jobs::{FinishedJobs, Taken};
pub(super) use history::{ContainerHistory, End, StartProblem, StartProblemKind};
use last_lines::LastLines;
pub use last_lines::{LAST_LINES, Line};
pub(super) use pod::PodFact;
pub(super) use sharing::Claim;
use sharing::Sharing;
pub use standing_out::stands_out;
pub(super) use sync_failures::SyncFailures;
pub(super) use workload::WorkloadFact;

/// Pods of one workload that are remembered after they are gone; above this the oldest is
/// forgotten.
const GONE: usize = 8;

/// The knowledge about the objects of an application: fed by a tracker, an event stream and a
/// log stream, read by [`examine`](super::examine).
///
/// A `Facts` remembers details that statuses forget and has no clock of its own: each input
/// comes with the time at which it was seen. Its size is bounded by the number of objects.
#[derive(Clone, Debug)]
pub struct Facts {
    pub(super) started: Timestamp,
    pub(super) pods: BTreeMap<Arc<str>, PodFact>,
    pub(super) workloads: BTreeMap<Arc<str>, WorkloadFact>,
    /// Anything else: claims, above all.
    pub(super) others: BTreeMap<Arc<str>, OtherFact>,
    pub(super) applications: Applications,
    events: EventLog,
    /// The last lines of the pods that exist, and of those that are remembered.
    lines: LastLines,
    gone: BTreeMap<Arc<str>, GonePods>,
    pub(super) sharing: Sharing,
    pub(super) releases: Releases,
    /// The resources that Argo CD waits for, of any kind.
    resources: Resources,
    /// Jobs that went after their end.
    finished_jobs: FinishedJobs,
}

/// The knowledge by which one release of a workload is told from another.
#[derive(Clone, Debug)]
pub(super) struct Releases {
    pub(super) inherited: Inherited,
    pub(super) references: References,
}

/// An object that is neither a pod nor a workload.
#[derive(Clone, Debug)]
pub(super) struct OtherFact {
    pub(super) object: ObjectRef,
    pub(super) owner: Option<ObjectRef>,
    pub(super) meta: Arc<ObjectMeta>,
}

/// The deleted pods of a workload.
#[derive(Clone, Debug, Default)]
struct GonePods {
    /// The last ones, oldest first.
    last: VecDeque<PodFact>,
    /// The number of those that a node refused, and the time of the first refusal.
    refused: (usize, Option<Timestamp>),
}

impl Facts {
    /// Creates facts that know nothing yet. Events before `started` are not blamed on this
    /// rollout.
    pub fn new(started: Timestamp) -> Self {
        Self {
            started,
            pods: BTreeMap::new(),
            workloads: BTreeMap::new(),
            others: BTreeMap::new(),
            applications: Applications::default(),
            events: EventLog::default(),
            lines: LastLines::default(),
            gone: BTreeMap::new(),
            sharing: Sharing::default(),
            releases: Releases {
                inherited: Inherited::new(started),
                references: References::default(),
            },
            resources: Resources::default(),
            finished_jobs: FinishedJobs::default(),
        }
    }

    /// Returns the resources that Argo CD waits for, of any kind.
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// Returns the resources that Argo CD waits for, to be told more of them.
    pub fn resources_mut(&mut self) -> &mut Resources {
        &mut self.resources
    }

    /// Returns what is known of the Jobs of this name that went after their end.
    pub(super) fn taken(&self, name: &ObjectName) -> Option<&Taken> {
        self.finished_jobs.of(name)
    }

    /// Returns the time at which the Application was seen to be gone.
    pub(super) fn deleted_at(&self, uid: &str) -> Option<Timestamp> {
        self.applications.deleted_at(uid)
    }

    /// Takes in an event of the tracker that was received at `now`.
    pub fn track(&mut self, event: &TrackEvent, now: Timestamp) {
        match event {
            TrackEvent::Applied(tracked) => self.apply(tracked, now),
            TrackEvent::Removed(object) => self.remove(object, now),
            TrackEvent::Application(application) => self.application(application, now),
            TrackEvent::Claimed { object, by } => self.sharing.claimed(object, by, now),
            _ => {}
        }
    }

    fn apply(&mut self, tracked: &Tracked, now: Timestamp) {
        let uid = Arc::clone(&tracked.object.uid);
        self.sharing.applied(&uid);
        match &tracked.body {
            TrackedBody::Pod(pod) => self.apply_pod(tracked, pod, now),
            TrackedBody::Workload(workload) => self.apply_workload(tracked, workload, now),
            TrackedBody::Other(meta) => {
                let fact = OtherFact {
                    object: tracked.object.clone(),
                    owner: tracked.owner.clone(),
                    meta: Arc::clone(meta),
                };
                self.others.insert(uid, fact);
            }
        }
    }

    fn apply_pod(&mut self, tracked: &Tracked, pod: &Arc<Pod>, now: Timestamp) {
        let known = self.pods.remove(&tracked.object.uid);
        let mut containers = known.map(|known| known.containers).unwrap_or_default();
        for (container, status) in pod.containers() {
            let Some(status) = status else { continue };
            let history = containers
                .entry(container.name.clone())
                .or_insert_with(|| Box::new(ContainerHistory::new(status, tracked.is_new)));
            history.observe(status, now);
        }
        let fact = PodFact {
            object: tracked.object.clone(),
            owner: tracked.owner.clone(),
            root: tracked.root.clone(),
            is_new: tracked.is_new,
            rollout: tracked.rollout.clone(),
            pod: Arc::clone(pod),
            containers,
        };
        self.lines.observe(&tracked.object.uid, pod);
        self.pods.insert(Arc::clone(&tracked.object.uid), fact);
    }

    fn apply_workload(
        &mut self,
        tracked: &Tracked,
        workload: &Arc<WorkloadObject>,
        now: Timestamp,
    ) {
        let revision = |workload: &WorkloadObject| workload.status.update_revision.clone();
        let known = self.workloads.get(&tracked.object.uid);
        let revision_since = known
            .filter(|known| revision(&known.workload) == revision(workload))
            .map_or(now, |known| known.revision_since);
        let unseen_since = known.and_then(|known| known.unseen_since);
        self.releases.inherited.track(tracked);
        self.releases.references.track(tracked);
        let fact = WorkloadFact {
            object: tracked.object.clone(),
            owner: tracked.owner.clone(),
            root: tracked.root.clone(),
            hook: tracked.hook.clone(),
            is_new: tracked.is_new,
            rollout: tracked.rollout.clone().unwrap_or_default(),
            traits: tracked.traits.clone(),
            workload: Arc::clone(workload),
            revision_since,
            unseen_since,
            is_gone: false,
        };
        let has_result = fact.rollout.complete || fact.rollout.failed.is_some();
        if fact.hook.is_some() && has_result {
            self.forget_gone(|gone| gone.object.same_name(&fact.object));
        }
        self.workloads.insert(Arc::clone(&tracked.object.uid), fact);
        self.observe(&tracked.object.uid, now);
        for uid in self.releases.references.referring_to(&tracked.object) {
            self.observe(&uid, now);
        }
    }

    /// Notes whether the controller has seen the newest spec of a workload, and that of the
    /// object whose pod template it uses.
    fn observe(&mut self, uid: &str, now: Timestamp) {
        let is_behind = self.releases.references.is_behind(uid);
        let Some(fact) = self.workloads.get_mut(uid) else {
            return;
        };
        if is_behind {
            fact.rollout = RolloutState::replicas(&fact.workload).waits(NOT_SEEN);
        } else if fact.workload.spec.workload_ref.is_some() {
            fact.rollout = Rollout.rollout(&fact.workload);
        }
        fact.unseen_since = if fact.rollout.waiting_for.as_deref() == Some(NOT_SEEN) {
            Some(fact.unseen_since.unwrap_or(now))
        } else {
            None
        };
    }

    /// Forgets hooks that failed and are gone, with their pods.
    fn forget_gone(&mut self, is_past: impl Fn(&WorkloadFact) -> bool) {
        let mut past = Vec::new();
        self.workloads.retain(|uid, fact| {
            let is_past = fact.is_gone && is_past(fact);
            if is_past {
                past.push(Arc::clone(uid));
            }
            !is_past
        });
        for uid in past {
            self.forget_gone_pods(&uid);
        }
    }

    fn forget_gone_pods(&mut self, root: &str) {
        let gone = self.gone.remove(root).unwrap_or_default();
        for gone in gone.last {
            self.forget_lines(&gone);
        }
    }

    /// Forgets the lines of a pod that was remembered, unless the pod is tracked again: objects
    /// leave the application and come back when their owners do.
    fn forget_lines(&mut self, gone: &PodFact) {
        let uid = &gone.object.uid;
        if !self.pods.contains_key(uid) {
            self.lines.forget(uid);
        }
    }

    /// Takes in the deletion of an object. The last pods of each workload are remembered: a
    /// Job deletes its failed pods before it reports its failure (recording 08). A failed
    /// hook is remembered as well: a retry of the sync deletes the hook before creating it
    /// anew.
    fn remove(&mut self, object: &ObjectRef, now: Timestamp) {
        self.remove_pod(object);
        if self.applications.get(&object.uid).is_some() {
            self.resources.forget(&object.uid);
            self.applications.delete(&object.uid, now);
            return;
        }
        if let Some(fact) = self.workloads.get(&object.uid) {
            self.finished_jobs.removed(fact, now);
        }
        if let Some(fact) = self.workloads.get_mut(&object.uid)
            && fact.failed_hook().is_some()
        {
            fact.is_gone = true;
            return;
        }
        self.workloads.remove(&object.uid);
        self.releases.inherited.remove(&object.uid);
        self.releases.references.remove(object);
        self.others.remove(&object.uid);
        self.forget_gone_pods(&object.uid);
    }

    fn remove_pod(&mut self, object: &ObjectRef) {
        let Some(fact) = self.pods.remove(&object.uid) else {
            return;
        };
        let gone = self.gone.entry(Arc::clone(&fact.root.uid)).or_default();
        if fact.is_new && fact.was_refused() {
            let created = fact.pod.metadata.creation_timestamp.as_ref();
            gone.refused.0 += 1;
            gone.refused.1 = gone.refused.1.or(created.map(|time| time.0));
        }
        gone.last.push_back(fact);
        if gone.last.len() > GONE
            && let Some(oldest) = gone.last.pop_front()
        {
            self.forget_lines(&oldest);
        }
    }

    /// Takes in an event of an object, whether that object is known yet or not.
    pub fn event(&mut self, event: EventFact) {
        self.events.add(event);
    }

    /// Takes in lines that one run of a container wrote, oldest first, as bytes. Only the last
    /// [`LAST_LINES`] of a run are kept, and the last of those before them that
    /// [stand out](stands_out), so a caller may skip the others. One that skips the beginnings
    /// of a flood unread may lose a line that stands out.
    pub fn lines<'a>(
        &mut self,
        pod_uid: &Arc<str>,
        container: &Arc<str>,
        run: &Arc<str>,
        lines: impl Iterator<Item = (Option<Timestamp>, &'a [u8])>,
    ) {
        self.lines.keep(pod_uid, container, run, lines);
    }

    /// Drops the lines that came for pods that are neither tracked nor remembered.
    pub(super) fn forget_strangers(&mut self) {
        let (pods, gone) = (&self.pods, &self.gone);
        self.lines.retain(|uid| {
            let mut gone = gone.values().flat_map(|gone| &gone.last);
            pods.contains_key(uid) || gone.any(|gone| &*gone.object.uid == uid)
        });
    }

    fn application(&mut self, application: &Arc<Application>, now: Timestamp) {
        self.releases.inherited.application(application);
        self.resources.application(application, now);
        let uid: Arc<str> = application
            .metadata
            .uid
            .as_deref()
            .unwrap_or_default()
            .into();
        if let Some(operation) = &application.status.operation_state {
            let started = operation.started_at.as_ref().map(|time| time.0);
            let is_retry = operation.retry_count > Some(0);
            self.forget_gone(|gone| !is_retry && started > gone.failed_hook());
        }
        self.sharing.application(&uid, application, now);
        self.applications.apply(uid, application);
    }

    /// Returns the failures of an Application's sync.
    pub(super) fn failures_of(&self, uid: &str) -> Option<&SyncFailures> {
        self.applications.failures_of(uid)
    }

    /// Returns the events of an object.
    pub(super) fn events_of(&self, uid: &str) -> Option<&Events> {
        self.events.of(uid)
    }

    /// Returns the lines of a container, whether its pod exists or is gone.
    pub(super) fn lines_of(&self, pod: &PodFact, container: &str) -> &[Line] {
        self.lines.of(&pod.object.uid, container)
    }

    /// Returns the deleted pods of a workload, oldest first.
    pub(super) fn gone_of(&self, root: &str) -> impl DoubleEndedIterator<Item = &PodFact> {
        let gone = self.gone.get(root).into_iter();
        gone.flat_map(|gone| &gone.last)
    }

    /// Returns the number of a workload's deleted pods that nodes had refused, and the time of
    /// the first refusal.
    pub(super) fn refused_and_gone(&self, root: &str) -> (usize, Option<Timestamp>) {
        self.gone.get(root).map_or((0, None), |gone| gone.refused)
    }
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
