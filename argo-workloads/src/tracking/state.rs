//! Combines the tracking rules: takes watch events, produces [`TrackEvent`]s.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use argo_core::{
    AppRef, Bystanders, Degraded, DegradedReason, GroupKind, KindTraits, Notice, ObjectRef,
    TrackEvent, Tracked, TrackedBody, WatchEvent,
    resource::{Application, PackedPod},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{
    Explanation, TrackConfig,
    access::is_argocd,
    application,
    applications::{Applications, Followed},
    explain::explain,
    index::{Change, Index, UnknownOwner},
    inferred_owner::infer_owner,
    local_cluster::LocalCluster,
    names::{Inquiry, Names},
    nothing_found::NothingFound,
    notices::{self, NoticeKey, Notices},
    owner_reader::Answer,
    owners::Owners,
    plan::{Replanned, WatchPlan},
    selectors::Selectors,
    watches::{Observed, WatchSpec, is_part_of_kubernetes},
};
use crate::{
    Membership,
    workload::{Kinds, Scope},
};

mod followed;
mod unknown_owners;
mod watch_failures;

/// Decides which watches are open and which events followers get.
///
/// Feed it with the events of its [watches](Self::watches) and with the answers of the
/// [owners to read](Self::next_owner), and call [`tick`](Self::tick) at its
/// [deadline](Self::deadline). Then take its [events](Self::next_event). `now` counts from
/// the start.
#[derive(Debug)]
pub struct Tracker {
    config: TrackConfig,
    kinds: Kinds,
    applications: Applications,
    selectors: Selectors,
    index: Index,
    plan: WatchPlan,
    owners: Owners,
    notices: Notices,
    events: VecDeque<TrackEvent>,
    /// Pods of the application of which only the name is known.
    pods: VecDeque<ObjectRef>,
    /// Those of them that have not come yet, by a read or by their watch.
    pods_to_come: BTreeSet<Arc<str>>,
    phase: Phase,
    search: Search,
    now: Duration,
}

/// The progress of the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Only the Application is watched.
    AwaitingApplication,
    /// All watches are open, and not all first lists are complete.
    Listing,
    /// Every watch has delivered its first list or failed for good.
    Synced,
}

/// The search for a first object of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    /// No object was found so far.
    Searching,
    /// At least one object was found.
    Found,
    /// No object was found in time, which was reported.
    GaveUp,
}

impl Tracker {
    /// Creates a tracker of an application whose objects are on `cluster`.
    pub fn new(app: AppRef, config: TrackConfig, cluster: LocalCluster) -> Self {
        let kinds = Kinds::new(&config.kinds);
        let applications = Applications::new(app, &config, cluster);
        let selectors = Selectors::new(applications.selectors(&config), kinds.clone());
        let mut tracker = Self {
            index: Index::new(application::new_since(None, config.started)),
            config,
            kinds,
            applications,
            selectors,
            plan: WatchPlan::default(),
            owners: Owners::default(),
            notices: Notices::default(),
            events: VecDeque::new(),
            pods: VecDeque::new(),
            pods_to_come: BTreeSet::new(),
            phase: Phase::AwaitingApplication,
            search: Search::Searching,
            now: Duration::ZERO,
        };
        tracker.replan();
        tracker
    }

    /// Keeps no bodies of pods that are nobody's, and tells their watch to leave them out.
    #[must_use]
    pub fn leaving_out(mut self, bystanders: Bystanders) -> Self {
        self.index = self.index.leaving_out(bystanders);
        self
    }

    /// Returns the watches that are to be open.
    pub fn watches(&self) -> &BTreeSet<WatchSpec> {
        self.plan.watches()
    }

    /// Takes the next event for followers.
    pub fn next_event(&mut self) -> Option<TrackEvent> {
        self.events.pop_front()
    }

    /// Takes the next owner to read.
    pub fn next_owner(&mut self) -> Option<UnknownOwner> {
        self.owners.next()
    }

    /// Takes the next pod to read: it was left out, and belongs to the application now.
    pub(crate) fn next_pod(&mut self) -> Option<ObjectRef> {
        self.pods.pop_front()
    }

    /// Takes a pod that was read; nothing if it is gone.
    pub(crate) fn pod_read(&mut self, wanted: &ObjectRef, found: Option<Arc<PackedPod>>) {
        self.pods_to_come.remove(&wanted.uid);
        // Its watch may have been faster, and may have reported its end.
        let found = found.filter(|found| *found.uid() == *wanted.uid);
        if let Some(pod) = found.filter(|found| self.index.is_left_out(found.uid())) {
            self.applied_pod(&pod);
        }
        self.check_synced();
    }

    /// Takes the next question for the names that a user may have meant.
    pub fn next_inquiry(&mut self) -> Option<Inquiry> {
        self.notices.inquiries.pop_front()
    }

    /// Takes the answer to a [question](Self::next_inquiry).
    pub fn names_read(&mut self, inquiry: &Inquiry, names: &Names) {
        match (inquiry, names) {
            // It may have come meanwhile.
            (Inquiry::Applications(app), Names::Applications(exist))
                if self.notices.is_sent(&NoticeKey::Missing(app.clone())) =>
            {
                self.notify(notices::did_you_mean(app, exist));
            }
            (Inquiry::Namespaces(wanted), Names::Namespaces(exist)) if !exist.is_empty() => {
                let missing = wanted.iter().filter(|wanted| !exist.contains(wanted));
                let missing: Vec<Notice> = missing
                    .map(|wanted| notices::no_such_namespace(wanted, exist))
                    .collect();
                self.events
                    .extend(missing.into_iter().map(TrackEvent::Notice));
            }
            _ => {}
        }
    }

    /// Returns the time at which [`tick`](Self::tick) is due.
    pub fn deadline(&self) -> Option<Duration> {
        let is_waiting = self.phase == Phase::AwaitingApplication;
        let application = is_waiting.then_some(self.config.application_wait);
        let nothing = self
            .may_give_up()
            .then_some(self.config.nothing_found_after);
        let absent = self.notices.absent_due();
        let times = [application, nothing, self.notices.access.due(), absent];
        times.into_iter().flatten().min()
    }

    /// Explains of each known object why it is followed or not.
    pub fn explain(&self) -> Vec<Explanation> {
        explain(&self.index, &self.selectors)
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Duration) {
        self.now = now;
        if now >= self.config.application_wait {
            // Without the right to read Applications no answer comes, and the marks on the
            // objects are enough to find them.
            self.watch_everything();
        }
        if self.notices.access.due().is_some_and(|due| now >= due) {
            self.report_refused();
        }
        if self.may_give_up() && now >= self.config.nothing_found_after {
            self.give_up(Some(now.as_secs()));
        }
        self.report_absent(now);
        // Last, since each step above may have ended what the start still waited for.
        self.check_synced();
    }

    /// Ends the search: nothing more will come.
    pub fn finish(&mut self) {
        self.report_absent(Duration::MAX);
        if self.may_give_up() {
            self.give_up(None);
        }
    }

    /// Takes an event of a watch.
    pub fn watched(&mut self, spec: &WatchSpec, event: WatchEvent<Observed>, now: Duration) {
        self.now = now;
        // A watch that was closed may still have events under way.
        if !self.plan.watches().contains(spec) {
            return;
        }
        match event {
            WatchEvent::Restarted => self.list_begins(spec),
            WatchEvent::Applied(Observed::Application(found)) => self.application(spec, &found),
            WatchEvent::Applied(Observed::Object(body)) => self.applied(spec, body),
            WatchEvent::Applied(Observed::Pod(pod)) => self.applied_pod(&pod),
            WatchEvent::Deleted(Observed::Application(gone)) => {
                let gone = self.applications.deleted(&gone);
                gone.into_iter()
                    .for_each(|gone| self.application_gone(gone));
            }
            WatchEvent::Deleted(Observed::Object(body)) => {
                let uid = body.metadata().uid.as_deref().unwrap_or_default();
                let changes = self.index.delete(uid);
                self.report(changes);
            }
            WatchEvent::Deleted(Observed::Pod(pod)) => {
                let changes = self.index.delete(pod.uid());
                self.report(changes);
            }
            WatchEvent::Synced => self.list_ends(spec),
            WatchEvent::Degraded(degraded) => self.degraded(spec, &degraded),
            WatchEvent::Restored => self.restored(spec),
        }
        self.check_synced();
    }

    /// Takes the answer to the read of an owner.
    pub fn owner_read(&mut self, unknown: &UnknownOwner, answer: Answer) {
        self.owners.answered(unknown, self.now);
        let found = match answer {
            Answer::Found(meta) => Some(*meta),
            Answer::Absent => None,
            Answer::Forbidden(message) => {
                self.owners.refused(unknown, message, self.now);
                self.owner_refused(unknown.clone());
                None
            }
            Answer::Failed(message) => {
                self.report_unreadable(unknown, &message);
                None
            }
        };
        let kind = &unknown.owner.kind;
        let own = found
            .as_ref()
            .is_some_and(|meta| self.selectors.own(kind, meta));
        let changes = self.index.owner_read(unknown, found, own);
        self.report(changes);
        self.check_synced();
    }

    // Objects

    fn list_begins(&mut self, spec: &WatchSpec) {
        if let WatchSpec::Applications { .. } = spec {
            self.applications.begin_list(spec);
        } else {
            self.index
                .begin_list(&spec.kind(&self.kinds), &spec.scope());
        }
    }

    fn applied(&mut self, spec: &WatchSpec, body: TrackedBody) {
        let kind = spec.kind(&self.kinds);
        let own = self.selectors.own(&kind, body.metadata());
        let is_synced = self.phase == Phase::Synced;
        let pod = match &body {
            TrackedBody::Pod(pod) if is_synced => pod.metadata.uid.clone(),
            _ => None,
        };
        if !own {
            // Two applications with self-heal take an object from each other again and again.
            // Each change of hands shows here only: Argo CD's own warning lasts as long as the
            // other one has it.
            self.report_claim(&kind, body.metadata());
        }
        let changes = self.index.apply(&kind, body, own);
        self.report(changes);
        if let Some(uid) = pod {
            self.recheck_owners(&uid);
        }
        // Until the first lists are complete, their ends are soon enough.
        if is_synced && matches!(spec, WatchSpec::Kind(..)) && self.owners.has_unreadable() {
            self.infer_owners();
        }
    }

    fn applied_pod(&mut self, pod: &Arc<PackedPod>) {
        self.pods_to_come.remove(pod.uid());
        if !self.index.refresh_pod(pod) {
            let (kind, head) = (GroupKind::new("", "Pod"), pod.head());
            let own = self.selectors.own(&kind, &head.metadata);
            if !own {
                self.report_claim(&kind, &head.metadata);
            }
            let changes = self.index.apply_pod(pod, &head, own);
            self.report(changes);
        }
        if self.phase == Phase::Synced {
            self.recheck_owners(pod.uid());
        }
    }

    /// Reports an object that was the application's own and carries another's tracking id.
    fn report_claim(&mut self, kind: &GroupKind, meta: &ObjectMeta) {
        let uid = meta.uid.as_deref().unwrap_or_default();
        let known = self.index.node(uid).and_then(|node| node.place.as_ref());
        if known.is_none_or(|place| place.parent.is_some()) {
            return;
        }
        if let Membership::Other(by) = self.selectors.membership(kind, meta) {
            let object = ObjectRef::from_meta(kind.clone(), meta);
            self.events.push_back(TrackEvent::Claimed { object, by });
        }
    }

    fn list_ends(&mut self, spec: &WatchSpec) {
        self.plan.answered(spec);
        if let WatchSpec::Applications { .. } = spec {
            self.applications_listed(spec);
            return;
        }
        let kind = spec.kind(&self.kinds);
        // Deletions that a broken watch has missed come to light with its next list.
        let changes = self.index.end_list(&kind, &spec.scope());
        self.report(changes);
        self.infer_owners();
        if self.phase == Phase::Synced && self.plan.is_answered() {
            self.report_children_elsewhere();
        }
    }

    fn report(&mut self, changes: Vec<Change>) {
        let mut needs_more = false;
        for change in changes {
            match change {
                Change::Applied(tracked) => {
                    self.search = Search::Found;
                    needs_more |= self.plan.found(&tracked.object.kind, &self.config);
                    let tracked = self.kinds.describe(tracked);
                    self.events.push_back(TrackEvent::Applied(tracked));
                }
                Change::Removed(object) => self.events.push_back(TrackEvent::Removed(object)),
                Change::Want(unknown) => self.want(unknown),
                Change::Read(pod) => {
                    // It need not look for objects of the application any more.
                    self.search = Search::Found;
                    if self.pods_to_come.insert(Arc::clone(&pod.uid)) {
                        self.pods.push_back(pod);
                    }
                }
            }
        }
        if needs_more {
            self.replan();
        }
    }

    // Watches

    /// Ends the wait for the Application, if that is still going on.
    fn watch_everything(&mut self) {
        if self.phase == Phase::AwaitingApplication {
            self.phase = Phase::Listing;
            self.replan();
        }
    }

    fn replan(&mut self) {
        let applications = self.applications.watches();
        if self.phase == Phase::AwaitingApplication {
            let replanned = self.plan.applications_only(applications);
            return self.open_and_close(&replanned);
        }
        self.plan.join(self.applications.namespaces());
        self.plan.join(self.config.namespaces.iter().cloned());
        // No namespace is known: the objects may be beside the Application.
        if self.plan.namespaces().is_empty() && !self.config.all_namespaces {
            let home = self.applications.root().namespace.clone();
            self.plan.join([home]);
        }
        let replanned = self.plan.everything(applications, &self.config);
        // A namespace may have joined, and with it owners that were not read before.
        for unknown in self.owners.take_out_of_scope() {
            self.want(unknown);
        }
        self.open_and_close(&replanned);
    }

    fn open_and_close(&mut self, replanned: &Replanned) {
        for opened in &replanned.opened {
            self.index.cover(&opened.kind(&self.kinds), &opened.scope());
        }
        for closed in &replanned.closed {
            let (kind, scope) = (closed.kind(&self.kinds), closed.scope());
            let resource = closed.resource(&self.kinds);
            // A watch that is closed has not recovered: there is nothing to report.
            drop(self.notices.access.restored(&scope, &resource));
            let changes = self.index.uncover(&kind, &scope);
            self.report(changes);
        }
    }

    fn check_synced(&mut self) {
        // Its watch, or a list, may say that a pod is gone before it is read.
        self.pods_to_come.retain(|uid| self.index.is_left_out(uid));
        // An owner that is being read may still bring objects into the application.
        let is_reading = !self.owners.is_idle() || !self.pods_to_come.is_empty();
        if self.phase != Phase::Listing || is_reading {
            return;
        }
        if self.plan.is_answered() {
            self.phase = Phase::Synced;
            self.report_refused();
            self.report_children_elsewhere();
            self.events.push_back(TrackEvent::Synced);
        }
    }

    // Notices

    fn once(&mut self, key: NoticeKey, notice: Notice) {
        let notice = self.notices.once(key, notice);
        self.notify(notice);
    }

    fn notify(&mut self, notice: Option<Notice>) {
        self.events.extend(notice.map(TrackEvent::Notice));
    }

    fn report_refused(&mut self) {
        self.report_unreadable_owners();
        let notices = self.notices.access.gathered();
        self.events
            .extend(notices.into_iter().map(TrackEvent::Notice));
    }

    fn may_give_up(&self) -> bool {
        self.phase == Phase::Synced && self.search == Search::Searching
    }

    fn give_up(&mut self, seconds: Option<u64>) {
        self.search = Search::GaveUp;
        let nothing = NothingFound {
            app: self.applications.root(),
            application: self.applications.found_root(),
            elsewhere: self.applications.root_elsewhere(),
            namespaces: self.plan.namespaces(),
            selectors: &self.selectors,
            seconds,
        };
        let notice = nothing.notice(self.index.present());
        self.notify(Some(notice));
        if !self.config.namespaces.is_empty() {
            let named = self.config.namespaces.clone();
            let inquiry = Inquiry::Namespaces(named);
            self.notices.inquiries.push_back(inquiry);
        }
    }
}
