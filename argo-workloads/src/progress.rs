//! The progress of the rollout of an application.
//!
//! [`Progress`] is fed with the events of a tracker and answers, as plain data: is
//! everything rolled out, how far is each workload, since when is it under way, and may a
//! container still crash although everything counts as ready. It has no clock, no client
//! and no words.
//!
//! ```no_run
//! use argo_core::{AppRef, TrackEvent};
//! use argo_workloads::progress::Progress;
//! use futures::{Stream, StreamExt};
//! use jiff::Timestamp;
//!
//! # async fn run(mut tracked: impl Stream<Item = TrackEvent> + Unpin) {
//! let mut progress = Progress::new(AppRef::new("shop", "argocd"), Timestamp::now());
//! while let Some(event) = tracked.next().await {
//!     if let Some(workload) = progress.track(&event, Timestamp::now()) {
//!         println!("{}: {:?} ready", workload.object, workload.rollout.ready);
//!     }
//!     if progress.is_rolled_out() {
//!         break;
//!     }
//! }
//! # }
//! ```

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use argo_core::{
    AppRef, ObjectRef, TrackEvent, Tracked, TrackedBody,
    resource::{Application, OperationState},
};
use jiff::Timestamp;

mod pod;
mod subject;
mod workload;

use pod::PodProgress;
pub use subject::SubjectState;
pub use workload::WorkloadProgress;

/// The workloads of an application, the pods that count for them, and the Application
/// itself.
#[derive(Debug)]
pub struct Progress {
    app: AppRef,
    started: Timestamp,
    synced: bool,
    workloads: BTreeMap<Arc<str>, WorkloadProgress>,
    pods: BTreeMap<Arc<str>, PodProgress>,
    /// The Application and those that it owns, by uid.
    applications: BTreeMap<Arc<str>, Arc<Application>>,
    /// The Application that is followed.
    application: Option<Arc<Application>>,
}

/// Ends of containers so far, by the uid of their pod.
pub type ContainerEnds = BTreeMap<Arc<str>, u32>;

impl Progress {
    /// Creates the progress of an application of which nothing is known yet. Times that
    /// workloads took are counted from `started`.
    pub fn new(app: AppRef, started: Timestamp) -> Self {
        Self {
            app,
            started,
            synced: false,
            workloads: BTreeMap::new(),
            pods: BTreeMap::new(),
            applications: BTreeMap::new(),
            application: None,
        }
    }

    /// Takes in an event of the tracker that was received at `now`. Returns the workload
    /// whose own state it carries, changed or not.
    pub fn track(&mut self, event: &TrackEvent, now: Timestamp) -> Option<&WorkloadProgress> {
        match event {
            TrackEvent::Applied(tracked) => return self.apply(tracked, now),
            TrackEvent::Removed(object) => self.remove(object),
            TrackEvent::Synced => self.synced = true,
            TrackEvent::Application(application) => self.apply_application(application),
            _ => {}
        }
        None
    }

    fn apply(&mut self, tracked: &Tracked, now: Timestamp) -> Option<&WorkloadProgress> {
        let uid = Arc::clone(&tracked.object.uid);
        if let TrackedBody::Pod(pod) = &tracked.body {
            let pod = PodProgress::new(tracked, pod);
            self.pods.insert(Arc::clone(&uid), pod);
        }
        let rollout = workload::own_rollout(tracked)?;
        let unready = if rollout.complete {
            None
        } else {
            self.unready(&uid)
        };
        let workload = self
            .workloads
            .entry(uid)
            .or_insert_with(|| WorkloadProgress::new(tracked));
        workload.held_up_by = unready.or(workload.held_up_by.take());
        workload.change(rollout, self.started, now);
        Some(workload)
    }

    /// Returns the name of a new pod that is meant to keep running and is not ready.
    fn unready(&self, root: &str) -> Option<Arc<str>> {
        let mut pods = self
            .pods
            .values()
            .filter(|pod| *pod.root == *root && pod.is_new && pod.keeps_running());
        let unready = pods.find(|pod| !pod.is_ready())?;
        unready.name().map(Arc::from)
    }

    fn remove(&mut self, object: &ObjectRef) {
        if let Some(pod) = self.pods.remove(&object.uid)
            && let Some(workload) = self.workloads.get_mut(&pod.root)
            && pod.is_new
        {
            workload.restarts_of_gone += pod.restarts;
        }
        if let Some(workload) = self.workloads.get_mut(&object.uid) {
            workload.gone = true;
        }
    }

    fn apply_application(&mut self, application: &Arc<Application>) {
        if self.is_ours(application) {
            self.application = Some(Arc::clone(application));
        }
        if let Some(uid) = application.metadata.uid.as_deref() {
            let application = Arc::clone(application);
            self.applications.insert(uid.into(), application);
        }
    }

    /// Tells the followed Application from its children: one of an app of apps may have the
    /// same name in another namespace. The namespace that we were given may be that of the
    /// workloads, so an Application of this name elsewhere will do until a better one comes.
    fn is_ours(&self, application: &Application) -> bool {
        let (meta, app) = (&application.metadata, &self.app);
        let other_is_known = self
            .application
            .as_ref()
            .is_some_and(|known| known.metadata.namespace != meta.namespace);
        meta.name.as_deref() == Some(&app.name)
            && (meta.namespace.as_deref() == Some(&app.namespace) || !other_is_known)
    }

    /// True once every watch has delivered its first list.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Returns the Application, if it could be read.
    pub fn application(&self) -> Option<&Application> {
        self.application.as_deref()
    }

    /// Returns the health of the Application, if it could be read.
    pub fn health(&self) -> Option<&str> {
        self.application()?.status.health.status.as_deref()
    }

    /// Returns the workloads by namespace, kind and name. Deleted hooks stay, and of the Jobs
    /// of CronJobs those of this rollout are listed.
    pub fn workloads(&self) -> Vec<&WorkloadProgress> {
        let mut workloads: Vec<_> = self
            .workloads
            .values()
            .filter(|workload| workload.counts())
            .collect();
        workloads.sort_by(|a, b| a.order().cmp(&b.order()));
        // A hook is made anew at each retry of a sync: only its last run counts.
        workloads.dedup_by(|later, earlier| {
            let same = later.object.same_name(&earlier.object) && earlier.gone;
            if same {
                *earlier = *later;
            }
            same
        });
        workloads
    }

    /// Returns how often containers of a workload's new pods were restarted.
    pub fn restarts(&self, workload: &WorkloadProgress) -> u32 {
        let pods = self.pods.values();
        let present = pods.filter(|pod| pod.is_new && pod.root == workload.object.uid);
        workload.restarts_of_gone + present.map(|pod| pod.restarts).sum::<u32>()
    }

    /// Returns the number of new pods.
    pub fn new_pods(&self) -> usize {
        self.pods.values().filter(|pod| pod.is_new).count()
    }

    /// Returns the number of pods, old and new.
    pub fn pods(&self) -> usize {
        self.pods.len()
    }

    /// True if there is a workload and every one is complete.
    pub fn is_complete(&self) -> bool {
        let mut workloads = self
            .workloads
            .values()
            .filter(|workload| !workload.gone && workload.counts())
            .peekable();
        workloads.peek().is_some() && workloads.all(|workload| workload.rollout.complete)
    }

    /// True once everything is known and complete, and no sync is running. An application
    /// without workloads is judged by its Application alone.
    pub fn is_rolled_out(&self) -> bool {
        let complete = if self.workloads.values().any(WorkloadProgress::counts) {
            self.is_complete()
        } else {
            self.is_synced_and_healthy()
        };
        self.synced && complete && !self.is_syncing()
    }

    fn is_syncing(&self) -> bool {
        self.application().is_some_and(|application| {
            let operation = application.status.operation_state.as_ref();
            application.operation || operation.is_some_and(OperationState::is_running)
        })
    }

    fn is_synced_and_healthy(&self) -> bool {
        let sync = self
            .application()
            .and_then(|application| application.status.sync.status.as_deref());
        sync == Some("Synced") && self.health() == Some("Healthy")
    }

    /// Returns how often the containers of each new pod that is meant to keep running have
    /// ended so far.
    pub fn container_ends(&self) -> ContainerEnds {
        let pods = self
            .pods
            .iter()
            .filter(|(_, pod)| pod.is_new && pod.keeps_running());
        pods.map(|(uid, pod)| (Arc::clone(uid), pod.container_ends()))
            .collect()
    }

    /// True if a container has ended since `before`, unless its workload is ignored. A pod
    /// that came later counts from its first end on.
    pub fn has_ended_since(
        &self,
        before: &ContainerEnds,
        is_ignored: impl Fn(&ObjectRef) -> bool,
    ) -> bool {
        let ends = self.container_ends();
        let mut ended = ends
            .iter()
            .filter(|(uid, ends)| **ends > before.get(*uid).copied().unwrap_or(0));
        ended.any(|(uid, _)| {
            !self
                .workload_of_pod(uid)
                .is_some_and(|workload| is_ignored(&workload.object))
        })
    }

    fn workload_of_pod(&self, pod_uid: &str) -> Option<&WorkloadProgress> {
        self.workloads.get(&self.pods.get(pod_uid)?.root)
    }

    /// True if a crash may still come: a new container without a readiness probe runs, or a
    /// new pod has been ready for less than `settle`.
    pub fn may_still_crash(&self, settle: Duration, now: Timestamp) -> bool {
        let new = self.pods.values().filter(|pod| pod.is_new);
        new.filter(|pod| !pod.is_finished())
            .any(|pod| !pod.has_readiness_probes() || !pod.is_ready_for(settle, now))
    }

    /// Returns how the workload or Application of a finding is getting on; `pods` are the
    /// names of those that the finding is about.
    pub fn subject(&self, object: &ObjectRef, pods: &[String]) -> SubjectState {
        if let Some(application) = self.applications.get(&object.uid) {
            return subject::of_sync(application);
        }
        // A hook is made anew under the same name, so the uid does not do.
        let mut known = self
            .workloads
            .values()
            .filter(|workload| workload.object.same_name(object))
            .peekable();
        let is_known = known.peek().is_some();
        let present = known.find(|workload| !workload.gone);
        match present.map(|workload| &workload.rollout) {
            Some(rollout) if rollout.failed.is_some() => SubjectState::Failed,
            Some(rollout) if rollout.complete => SubjectState::Complete,
            None if is_known => SubjectState::Gone,
            _ => self.subject_by_pods(object, pods),
        }
    }

    /// Judges a workload without a rollout of its own by the pods that it still has.
    fn subject_by_pods(&self, root: &ObjectRef, pods: &[String]) -> SubjectState {
        let mut names = self
            .pods
            .values()
            .filter(|pod| pod.root == root.uid)
            .filter_map(PodProgress::name);
        if pods.is_empty() || names.any(|name| pods.iter().any(|pod| pod == name)) {
            SubjectState::InProgress
        } else {
            SubjectState::PodsReplaced
        }
    }
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;
