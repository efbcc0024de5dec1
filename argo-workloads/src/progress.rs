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
//!     if progress.is_rolled_out(Timestamp::now()) {
//!         break;
//!     }
//! }
//! # }
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use argo_core::{
    AppRef, ObjectRef, PausedBy, RolloutState, Runs, TrackEvent, Tracked, TrackedBody,
    resource::{Application, OperationState},
    text::duration::between,
};
use jiff::Timestamp;

mod child;
mod crashes;
mod pod;
mod pods;
mod subject;
mod sync_end;
mod workload;

use crate::rollout::{Inherited, NOT_SEEN, References};
pub use child::{Child, ChildState, Stuck};
use pod::PodProgress;
use pods::Pods;
pub use pods::{CrashCounts, PodCounts, Setbacks};
pub use subject::SubjectState;
use sync_end::SyncEnd;
pub use workload::{Involvement, PodTraces, Timing, WorkloadProgress};

/// The workloads of an application, the pods that count for them, and the Application
/// itself.
#[derive(Debug)]
pub struct Progress {
    app: AppRef,
    started: Timestamp,
    synced: bool,
    workloads: BTreeMap<Arc<str>, WorkloadProgress>,
    pods: Pods,
    /// The Application and those that it owns, by uid.
    applications: BTreeMap<Arc<str>, Arc<Application>>,
    /// The Application that is followed.
    application: Option<Arc<Application>>,
    /// When an object came that was not known before, or the first lists were read.
    newest_object: Timestamp,
    sync_end: SyncEnd,
    inherited: Inherited,
    references: References,
}

/// Without a readable Application everything must have been complete for this long after the
/// newest object came: the next one may be about to be applied. Longer than a sync takes
/// between two objects.
const QUIET: Duration = Duration::from_secs(5);

impl Progress {
    /// Creates the progress of an application of which nothing is known yet. Times that
    /// workloads took are counted from `started`.
    pub fn new(app: AppRef, started: Timestamp) -> Self {
        Self {
            app,
            started,
            synced: false,
            workloads: BTreeMap::new(),
            pods: Pods::default(),
            applications: BTreeMap::new(),
            application: None,
            newest_object: started,
            sync_end: SyncEnd::default(),
            inherited: Inherited::new(started),
            references: References::default(),
        }
    }

    /// Takes in an event of the tracker that was received at `now`. Returns the workload
    /// whose own state it carries, changed or not.
    pub fn track(&mut self, event: &TrackEvent, now: Timestamp) -> Option<&WorkloadProgress> {
        match event {
            TrackEvent::Applied(tracked) => return self.apply(tracked, now),
            TrackEvent::Removed(object) => self.remove(object),
            TrackEvent::Synced => {
                if !self.synced {
                    self.newest_object = now;
                }
                self.synced = true;
            }
            TrackEvent::Application(application) => self.apply_application(application, now),
            _ => {}
        }
        None
    }

    fn apply(&mut self, tracked: &Tracked, now: Timestamp) -> Option<&WorkloadProgress> {
        let uid = Arc::clone(&tracked.object.uid);
        if let TrackedBody::Pod(pod) = &tracked.body
            && self.pods.apply(tracked, pod)
        {
            self.newest_object = now;
        }
        self.inherited.track(tracked);
        self.references.track(tracked);
        self.refer(&tracked.object, now);
        let rollout =
            workload::own_rollout(tracked).filter(|_| !self.is_judged_by_root(tracked))?;
        let unready = if rollout.complete {
            None
        } else {
            self.pods.unready(&uid)
        };
        if !self.workloads.contains_key(&uid) {
            self.newest_object = now;
        }
        let old_terminating = self.pods.old_terminating(&uid, rollout.terminating);
        let workload = self
            .workloads
            .entry(Arc::clone(&uid))
            .or_insert_with(|| WorkloadProgress::new(tracked));
        let traces = &mut workload.pods;
        traces.held_up_by = unready.or(traces.held_up_by.take());
        traces.old_terminating = old_terminating;
        workload.observe(tracked);
        workload.reported = rollout;
        self.change(&uid, now)
    }

    /// Takes the state that the controller reported of a workload, as far as it holds.
    fn change(&mut self, uid: &Arc<str>, now: Timestamp) -> Option<&WorkloadProgress> {
        let is_behind = self.references.is_behind(uid);
        let inherited = self.inherited.is_inherited(uid);
        let workload = self.workloads.get_mut(uid)?;
        let reported = workload.reported.clone();
        let rollout = match is_behind {
            true => RolloutState {
                complete: false,
                failed: None,
                pause: None,
                // The pod template lies in another object, which has changed: this status speaks
                // of the one before.
                ..reported.waits(NOT_SEEN)
            },
            false => reported,
        };
        workload.inherited = inherited;
        workload.stands_for = match rollout.desired {
            Some(0) => self.references.rollout_of(&workload.object).cloned(),
            _ => None,
        };
        workload.change(rollout, self.started, now);
        Some(workload)
    }

    /// Looks again at the Rollouts that use the pod template of an object, and at the object
    /// that a Rollout uses.
    fn refer(&mut self, object: &ObjectRef, now: Timestamp) {
        for uid in self.references.referring_to(object) {
            self.change(&uid, now);
        }
        if let Some(target) = self.references.target_of(&object.uid) {
            let mut known = self.workloads.iter();
            let known = known.find(|(_, workload)| workload.object.name() == *target);
            if let Some(uid) = known.map(|(uid, _)| Arc::clone(uid)) {
                self.change(&uid, now);
            }
        }
    }

    /// True for a Job of a workload that runs for ever: it measures for an analysis, and the
    /// workload itself tells what came of it.
    fn is_judged_by_root(&self, tracked: &Tracked) -> bool {
        let root = self.workloads.get(&tracked.root.uid);
        let is_owned = tracked.object.uid != tracked.root.uid;
        is_owned && root.is_some_and(|root| root.runs == Runs::ForEver)
    }

    fn remove(&mut self, object: &ObjectRef) {
        if let Some(pod) = self.pods.remove(&object.uid)
            && let Some(workload) = self.workloads.get_mut(&pod.root)
            && pod.is_new
        {
            workload.pods.restarts_of_gone += pod.restarts;
        }
        let name: Option<&str> = Some(&object.name);
        for workload in self.workloads.values_mut() {
            // It was scaled away or replaced: nobody waited for it in the end.
            if workload.rollout.complete && workload.pods.held_up_by.as_deref() == name {
                workload.pods.held_up_by = None;
            }
        }
        if let Some(workload) = self.workloads.get_mut(&object.uid) {
            workload.gone = true;
        }
        let is_root = self
            .application
            .as_ref()
            .is_some_and(|root| root.metadata.uid.as_deref() == Some(&*object.uid));
        if !is_root {
            self.applications.remove(&object.uid);
        }
        self.inherited.remove(&object.uid);
        self.references.remove(object);
    }

    fn apply_application(&mut self, application: &Arc<Application>, now: Timestamp) {
        if self.is_ours(application) {
            let is_first = self.application.is_none();
            self.sync_end.application(application, is_first, now);
            self.application = Some(Arc::clone(application));
            self.inherited.application(application);
            for (uid, workload) in &mut self.workloads {
                workload.inherited = self.inherited.is_inherited(uid);
            }
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

    /// Returns the Applications that the application deploys, as far as they are followed.
    pub fn children(&self) -> Vec<Child> {
        let root = self.application.as_ref();
        let root = root.and_then(|root| root.metadata.uid.as_deref());
        let others = self
            .applications
            .iter()
            .filter(|(uid, _)| Some(&***uid) != root);
        others
            .map(|(_, application)| Child::of(application, self.started))
            .collect()
    }

    /// True while an Application that the application deploys was not seen yet.
    pub fn has_unseen_children(&self) -> bool {
        let known: Vec<AppRef> = self.children().into_iter().map(|child| child.app).collect();
        let mut listed = self.applications.values().flat_map(|it| child::listed(it));
        listed.any(|app| !known.contains(&app))
    }

    /// True if the Application and those that it deploys are healthy, as far as they could be read.
    pub fn are_healthy(&self) -> bool {
        let is_waited_for = |child: &Child| child.state.is_waited_for();
        self.health() == Some("Healthy") && !self.children().iter().any(is_waited_for)
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

    /// Returns how often containers of a workload's pods of the `newest` revision were
    /// restarted during this rollout.
    pub fn restarts(&self, workload: &WorkloadProgress, newest: &BTreeSet<&str>) -> u32 {
        let present = self.pods.restarts(&workload.object.uid, newest);
        workload.pods.restarts_of_gone + present
    }

    /// Returns how often containers of a workload's pods of the `newest` revision were restarted
    /// since the pods came into being.
    pub fn restarts_ever(&self, workload: &WorkloadProgress, newest: &BTreeSet<&str>) -> u32 {
        self.pods.restarts_ever(&workload.object.uid, newest)
    }

    /// Returns the namespaces of the workloads and pods.
    pub fn namespaces(&self) -> BTreeSet<&str> {
        let workloads = self.workloads.values().map(|w| &*w.object.namespace);
        let pods = self.pods.iter().filter_map(PodProgress::namespace);
        workloads.chain(pods).collect()
    }

    /// Counts the pods of a workload that are ready, those of the `newest` revision apart from
    /// the others. Pods that are `left_out` do not count.
    pub fn pod_counts(
        &self,
        workload: &WorkloadProgress,
        newest: &BTreeSet<&str>,
        left_out: &BTreeSet<&str>,
    ) -> PodCounts {
        self.pods.counts(&workload.object.uid, newest, left_out)
    }

    /// Returns the start of the rollout.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// True if a Rollout went back to its old revision in this rollout, at least `long` ago.
    pub fn is_aborted(&self, object: &ObjectRef, long: Duration, now: Timestamp) -> bool {
        let workload = self.workloads.get(&object.uid);
        workload.is_some_and(|workload| {
            let since = workload.timing.changed_at;
            let since = since.filter(|_| workload.rollout.aborted);
            !workload.inherited && since.is_some_and(|since| between(since, now) >= long)
        })
    }

    /// Returns the number of new pods.
    pub fn new_pods(&self) -> usize {
        self.pods.iter().filter(|pod| pod.is_new).count()
    }

    /// Returns the names of the pods that are about to end, of all workloads but those that are
    /// ignored.
    pub fn terminating(&self, is_ignored: impl Fn(&ObjectRef) -> bool) -> Vec<&str> {
        let pods = self.pods.iter().filter(|pod| pod.is_going());
        let pods = pods.filter(|pod| {
            let workload = self.workloads.get(&pod.root);
            workload.is_some_and(|workload| !is_ignored(&workload.object))
        });
        pods.filter_map(PodProgress::name).collect()
    }

    /// Returns the number of pods that are about to end by their controllers' count and were
    /// not seen here: pods may be hidden from us, or come later than their workload.
    pub fn terminating_unseen(&self, is_ignored: impl Fn(&ObjectRef) -> bool) -> usize {
        let workloads = self.workloads.values().filter(|it| !it.gone);
        let unseen = workloads
            .filter(|workload| !is_ignored(&workload.object))
            .map(|workload| {
                let counted = workload.rollout.terminating;
                self.pods.unseen_terminating(&workload.object.uid, counted)
            });
        unseen.sum()
    }

    /// Returns the number of pods, old and new.
    pub fn pods(&self) -> usize {
        self.pods.len()
    }

    /// True if there is a workload and every one is complete.
    pub fn is_complete(&self) -> bool {
        let counts = |workload: &&WorkloadProgress| !workload.gone && workload.counts();
        self.workloads.values().any(|workload| counts(&workload)) && self.incomplete().is_empty()
    }

    /// Returns the workloads that are paused until a person acts, if nothing else is left to
    /// wait for, and the time since which that is so.
    ///
    /// Workloads that `is_ignored` do not count.
    pub fn paused(
        &self,
        is_ignored: impl Fn(&ObjectRef) -> bool,
    ) -> Option<(Vec<&WorkloadProgress>, Timestamp)> {
        let mut waiting = self.incomplete();
        waiting.retain(|workload| !is_ignored(&workload.object));
        // Who suspends a Job may be a queue, which starts it when there is room.
        let is_paused = |workload: &&WorkloadProgress| {
            let pause = workload.rollout.pause;
            workload.rollout.waits_for_a_person()
                && pause.is_some_and(|pause| pause.by != PausedBy::Suspend)
        };
        let all = waiting.iter().all(is_paused);
        let since = waiting.iter().filter_map(|it| it.timing.changed_at).max()?;
        (self.synced && all).then_some((waiting, since))
    }

    /// Returns the workloads that the rollout waits for. Runs of a CronJob are none.
    pub fn incomplete(&self) -> Vec<&WorkloadProgress> {
        let workloads = self.workloads();
        let waiting = workloads.into_iter().filter(|workload| {
            !workload.gone && !workload.rollout.complete && self.holds_up(workload)
        });
        waiting.collect()
    }

    /// True unless the workload was started by a clock (a Job of a CronJob): such a run may
    /// come and fail at any time.
    pub fn holds_up(&self, workload: &WorkloadProgress) -> bool {
        let root = self.workloads.get(workload.root());
        !workload.is_owned() || !root.is_some_and(WorkloadProgress::only_starts_others)
    }

    /// True once everything is known and complete, the last sync neither runs nor failed nor has
    /// ended a moment ago, and the Applications that the application deploys are synced. Where a sync is refused, the
    /// workloads of the release before are complete. An application
    /// without workloads is judged by its Application alone; one whose Application cannot be
    /// read must have been quiet for a while.
    pub fn is_rolled_out(&self, now: Timestamp) -> bool {
        let complete = if self.workloads.values().any(WorkloadProgress::counts) {
            self.is_complete()
        } else {
            self.is_synced_and_healthy()
        };
        // An Application tells by its operation whether more objects are to come.
        let is_quiet = self.application.is_some() || between(self.newest_object, now) >= QUIET;
        let are_children_synced = || !self.children().iter().any(|it| it.state.is_syncing());
        self.synced
            && complete
            && !self.is_syncing()
            && !self.has_failed_sync()
            && self.sync_end.is_shown(now)
            && is_quiet
            && are_children_synced()
    }

    fn has_failed_sync(&self) -> bool {
        let application = self.application();
        let operation =
            application.and_then(|application| application.status.operation_state.as_ref());
        operation.is_some_and(OperationState::has_failed)
    }

    /// True while a sync runs or was requested.
    pub fn is_syncing(&self) -> bool {
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

    /// Returns how often the containers of each pod have crashed so far.
    pub fn crashes(&self) -> CrashCounts {
        self.pods.crashes()
    }

    /// Returns the crashes and evictions of new pods so far, those of workloads left out that
    /// are ignored.
    pub fn setbacks(&self, is_ignored: impl Fn(&ObjectRef) -> bool) -> Setbacks {
        self.pods.setbacks(|pod| {
            let workload = self.workloads.get(&pod.root);
            workload.is_some_and(|workload| is_ignored(&workload.object))
        })
    }

    /// True if a container of a pod of the `newest` revision has crashed since `before`, and
    /// more often than `allowed` in all or for good. Pods of which the workload `is_ignored`
    /// do not count.
    pub fn has_crashed_since(
        &self,
        before: &CrashCounts,
        allowed: u32,
        newest: &BTreeSet<&str>,
        is_ignored: impl Fn(&ObjectRef) -> bool,
    ) -> bool {
        self.pods.of(newest).any(|(uid, pod)| {
            pod.crashes.sum() > before.get(uid).copied().unwrap_or(0)
                && (pod.crashes.most() > allowed || pod.crashes.is_final())
                && !self
                    .workloads
                    .get(&pod.root)
                    .is_some_and(|workload| is_ignored(&workload.object))
        })
    }

    /// True if a crash may still come: a new container without a readiness probe runs, one
    /// that was there before has started within `settle`, or a new pod has been ready for less.
    pub fn may_still_crash(
        &self,
        settle: Duration,
        newest: &BTreeSet<&str>,
        now: Timestamp,
    ) -> bool {
        let mut pods = self.pods.of(newest);
        pods.any(|(_, pod)| pod.may_still_crash(settle, now))
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
            .iter()
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
