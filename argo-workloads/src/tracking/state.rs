//! Combines the tracking rules: takes watch events, produces [`TrackEvent`]s.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use argo_core::{
    AppRef, Degraded, DegradedReason, GroupKind, KindTraits, Notice, ObjectRef, TrackEvent,
    Tracked, TrackedBody, WatchEvent,
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
            phase: Phase::AwaitingApplication,
            search: Search::Searching,
            now: Duration::ZERO,
        };
        tracker.replan();
        tracker
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

    /// Returns the time at which [`tick`](Self::tick) is due.
    pub fn deadline(&self) -> Option<Duration> {
        let is_waiting = self.phase == Phase::AwaitingApplication;
        let application = is_waiting.then_some(self.config.application_wait);
        let nothing = self
            .may_give_up()
            .then_some(self.config.nothing_found_after);
        let times = [application, nothing, self.notices.access.due()];
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
            self.watch_everything();
        }
        if self.notices.access.due().is_some_and(|due| now >= due) {
            self.report_refused();
        }
        if self.may_give_up() && now >= self.config.nothing_found_after {
            self.give_up(Some(now.as_secs()));
        }
        self.check_synced();
    }

    /// Ends the search: nothing more will come.
    pub fn finish(&mut self) {
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
            }
        }
        if needs_more {
            self.replan();
        }
    }

    // Owners that no watch delivers

    fn want(&mut self, unknown: UnknownOwner) {
        let namespaces = self.plan.namespaces();
        // A watch of the whole cluster delivers objects of other namespaces, too.
        let is_in_scope =
            self.config.all_namespaces || namespaces.contains(&*unknown.owner.namespace);
        if let Some(refused) = self.owners.want(unknown, is_in_scope, self.now) {
            self.owner_refused(refused);
        }
    }

    /// Reads an owner of a changed pod again that belongs to no application, if it is time.
    fn recheck_owners(&mut self, pod: &str) {
        let owners = self.index.unclaimed_owners(pod);
        if let Some(due) = self.owners.recheck(owners, self.now) {
            self.want(due);
        }
    }

    /// Reads owners again that belong to no application although the Application lists them:
    /// they may have got their tracking id by now.
    fn recheck_listed_owners(&mut self, found: &Application) {
        for unknown in self.index.all_unclaimed_owners() {
            if application::lists(found, &unknown.owner) {
                self.want(unknown);
            }
        }
    }

    fn owner_refused(&mut self, unknown: UnknownOwner) {
        if self.infer(&unknown) {
            return;
        }
        self.owners.keep_unreadable(unknown);
        if self.phase == Phase::Synced {
            self.report_unreadable_owners();
        }
    }

    /// Tries again to infer the owners that may not be read, as objects have come that may
    /// tell.
    fn infer_owners(&mut self) {
        for unknown in self.owners.take_unreadable() {
            let is_needed = self.index.owned_by(&unknown.owner.uid).next().is_some();
            if is_needed && !self.infer(&unknown) {
                self.owners.keep_unreadable(unknown);
            }
        }
    }

    /// Puts inferred metadata in the place of an owner's own. True if that is possible.
    fn infer(&mut self, unknown: &UnknownOwner) -> bool {
        let inferred = infer_owner(&self.index, &self.selectors, &self.kinds, unknown);
        let Some(inferred) = inferred else {
            return false;
        };
        let changes = self
            .index
            .owner_read(unknown, Some(inferred.meta), inferred.own);
        self.report(changes);
        true
    }

    /// Reports the owners that may not be read, once for each kind in a namespace.
    fn report_unreadable_owners(&mut self) {
        for (unknown, message) in self.owners.refusals() {
            let scope = Scope::Namespace(Arc::clone(&unknown.owner.namespace));
            let watched = self.kinds.find(&unknown.owner.kind);
            let resource = watched.map(|kind| kind.names().resource());
            // Where the kind may not be listed either, its notice covers the owners.
            let is_covered = resource
                .is_some_and(|resource| self.notices.access.cover_owners(&scope, &resource));
            if !is_covered {
                self.report_unreadable(&unknown, &message);
            }
        }
    }

    fn report_unreadable(&mut self, unknown: &UnknownOwner, message: &str) {
        let owner = &unknown.owner;
        let key = NoticeKey::Owner(owner.kind.clone(), Arc::clone(&owner.namespace));
        self.once(key, notices::owner_unreadable(owner, message));
    }

    // Applications

    fn application(&mut self, spec: &WatchSpec, found: &Arc<Application>) {
        let Some(Followed { object, parent }) = self.applications.applied(spec, found) else {
            return;
        };
        let back = self.notices.application_is_back(found, &self.applications);
        self.notify(back);
        let tracked = Tracked {
            root: object.clone(),
            object,
            owner: parent,
            hook: None,
            is_new: false,
            rollout: None,
            traits: KindTraits::default(),
            body: TrackedBody::Other(Arc::new(found.metadata.clone())),
        };
        self.events.push_back(TrackEvent::Applied(tracked));
        self.events
            .push_back(TrackEvent::Application(Arc::clone(found)));
        self.reselect();
        self.date();
        if self.phase == Phase::AwaitingApplication {
            self.watch_everything();
        } else {
            self.replan();
        }
        self.recheck_listed_owners(found);
    }

    /// Selects again, as the followed Applications or the form of their ids have changed.
    fn reselect(&mut self) {
        let selectors = self.applications.selectors(&self.config);
        if !self.selectors.replace(selectors) {
            return;
        }
        let selectors = &self.selectors;
        let changes = self
            .index
            .reselect(|object, meta| selectors.own(&object.kind, meta));
        self.report(changes);
    }

    /// Moves the time from which on objects are new to the start of the operation, once.
    fn date(&mut self) {
        if let Some(root) = self.applications.first_root() {
            let since = application::new_since(Some(root), self.config.started);
            let changes = self.index.new_since(since);
            self.report(changes);
        }
    }

    fn applications_listed(&mut self, spec: &WatchSpec) {
        let missing = self.applications.end_list(spec);
        for gone in missing.gone {
            self.application_gone(gone);
        }
        for app in missing.apps {
            let notice = notices::application_missing(&app, &self.fallback(&app));
            self.once(NoticeKey::Missing(app), notice);
        }
        self.watch_everything();
    }

    fn application_gone(&mut self, gone: ObjectRef) {
        self.notify(Some(notices::application_deleted(&gone)));
        // The deletion says that it is missing; only its return is still of interest.
        let app = AppRef::new(&*gone.name, &*gone.namespace);
        self.notices.mark(NoticeKey::Missing(app));
        self.events.push_back(TrackEvent::Removed(gone));
    }

    /// Reports the children that deploy to another cluster, unless their objects are here:
    /// then the name or URL is another one of this cluster.
    fn report_children_elsewhere(&mut self) {
        for (found, selector) in self.applications.children_elsewhere(&self.config) {
            let is_here = self.index.present().any(|node| {
                let kind = &node.object.kind;
                node.place.is_some() && selector.matches(kind, &node.body.metadata())
            });
            let cluster = self.applications.other_cluster(&found);
            if let Some(cluster) = cluster.filter(|_| !is_here) {
                let name = found.metadata.name.as_deref().unwrap_or_default();
                let notice = notices::child_elsewhere(name, cluster);
                self.once(NoticeKey::OtherCluster(name.to_owned()), notice);
            }
        }
    }

    fn fallback(&self, app: &AppRef) -> String {
        notices::fallback(app, &self.applications, &self.config)
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

    fn degraded(&mut self, spec: &WatchSpec, degraded: &Degraded) {
        match degraded.reason {
            // A right that is missing is missing for everything, and may be granted soon.
            DegradedReason::Forbidden if self.refuses_everything(spec) => {
                return self.unreachable(spec, degraded);
            }
            DegradedReason::Forbidden => self.forbidden(spec, &degraded.message),
            DegradedReason::NotServed => self.not_served(spec),
            DegradedReason::Unauthorized | DegradedReason::Unreachable => {
                // These may pass soon, so the first list is still awaited.
                return self.unreachable(spec, degraded);
            }
        }
        self.plan.answered(spec);
        if let WatchSpec::Applications { .. } = spec {
            self.watch_everything();
            return;
        }
        let changes = self.index.uncover(&spec.kind(&self.kinds), &spec.scope());
        self.report(changes);
    }

    /// True if a refusal is one of Argo CD's API, which refuses an application and not a kind.
    fn refuses_everything(&self, spec: &WatchSpec) -> bool {
        let is_list = matches!(spec, WatchSpec::Applications { name: None, .. });
        is_argocd(self.applications.cluster()) && !is_list
    }

    fn forbidden(&mut self, spec: &WatchSpec, message: &str) {
        if let WatchSpec::Applications { namespace, name } = spec {
            // A role with `resourceNames` allows the read of one Application.
            if name.is_none() && self.applications.only_by_name(namespace) {
                return self.replan();
            }
            return self.applications_forbidden(spec, namespace, message);
        }
        // A role may allow in each namespace a kind that it does not allow in the whole
        // cluster.
        if self.plan.try_each_namespace(spec) {
            return self.replan();
        }
        let resource = spec.resource(&self.kinds);
        let matters = spec.matters(&self.kinds);
        let access = &mut self.notices.access;
        access.forbidden(&spec.scope(), &resource, matters, message, self.now);
    }

    fn applications_forbidden(&mut self, spec: &WatchSpec, namespace: &str, message: &str) {
        let fallback = self.fallback(self.applications.root());
        let resource = spec.resource(&self.kinds);
        let notice = notices::applications_forbidden(
            namespace,
            &fallback,
            &spec.scope(),
            &resource,
            message,
        );
        self.once(NoticeKey::Forbidden(namespace.to_owned()), notice);
    }

    fn not_served(&mut self, spec: &WatchSpec) {
        if let WatchSpec::Applications { .. } = spec {
            let fallback = self.fallback(self.applications.root());
            let notice = notices::applications_not_served(&fallback);
            return self.once(NoticeKey::NotInstalled, notice);
        }
        let resource = spec.resource(&self.kinds);
        if is_part_of_kubernetes(&spec.kind(&self.kinds)) {
            let notice = notices::not_served(&resource);
            self.once(NoticeKey::NotServed(resource), notice);
        } else {
            // A custom kind that is not installed is nothing to report.
            log::debug!("the cluster does not serve {resource}");
        }
    }

    fn unreachable(&mut self, spec: &WatchSpec, degraded: &Degraded) {
        let resource = spec.resource(&self.kinds);
        let cluster = self.applications.cluster();
        let access = &mut self.notices.access;
        let notice = access.unreachable(&spec.scope(), &resource, degraded, cluster);
        self.notify(notice);
    }

    fn restored(&mut self, spec: &WatchSpec) {
        let (scope, resource) = (spec.scope(), spec.resource(&self.kinds));
        self.index.cover(&spec.kind(&self.kinds), &scope);
        let notice = self.notices.access.restored(&scope, &resource);
        self.notify(notice);
    }

    fn check_synced(&mut self) {
        // An owner that is being read may still bring objects into the application.
        if self.phase != Phase::Listing || !self.owners.is_idle() {
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
    }
}
