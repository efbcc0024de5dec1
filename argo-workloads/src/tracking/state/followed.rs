//! The Application, and the Applications that it deploys, come, change and go.

use super::*;

impl Tracker {
    pub(super) fn application(&mut self, spec: &WatchSpec, found: &Arc<Application>) {
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
        // Selectors and dates first: the watches that the next lines open must find them.
        self.reselect();
        self.date();
        self.plan.found_listed(found, &self.config);
        if self.phase == Phase::AwaitingApplication {
            self.watch_everything();
        } else {
            self.replan();
        }
        self.recheck_listed_owners(found);
    }

    /// Selects again, as the followed Applications or the form of their ids have changed.
    pub(super) fn reselect(&mut self) {
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
    pub(super) fn date(&mut self) {
        if let Some(root) = self.applications.first_root() {
            let since = application::new_since(Some(root), self.config.started);
            let changes = self.index.new_since(since);
            self.report(changes);
        }
    }

    pub(super) fn applications_listed(&mut self, spec: &WatchSpec) {
        let missing = self.applications.end_list(spec);
        for gone in missing.gone {
            self.application_gone(gone);
        }
        for app in missing.apps {
            // Nobody misspells the name of a child: its parent has it from git.
            if app != *self.applications.root() {
                self.notices.child_is_absent(app, self.now);
                continue;
            }
            if !self.notices.is_sent(&NoticeKey::Missing(app.clone())) {
                let inquiry = Inquiry::Applications(app.clone());
                self.notices.inquiries.push_back(inquiry);
            }
            self.application_is_missing(app);
        }
        self.watch_everything();
    }

    /// Reports the Applications that their parent lists and that have not come.
    pub(super) fn report_absent(&mut self, now: Duration) {
        for app in self.notices.absent(now) {
            if self.applications.lacks(&app) {
                self.application_is_missing(app);
            }
        }
    }

    fn application_is_missing(&mut self, app: AppRef) {
        let notice = notices::application_missing(&app, &self.fallback(&app));
        self.once(NoticeKey::Missing(app), notice);
    }

    pub(super) fn application_gone(&mut self, gone: ObjectRef) {
        self.notify(Some(notices::application_deleted(&gone)));
        // The deletion says that it is missing; only its return is still of interest.
        let app = AppRef::new(&*gone.name, &*gone.namespace);
        self.notices.mark(NoticeKey::Missing(app));
        self.events.push_back(TrackEvent::Removed(gone));
    }

    /// Reports the children that deploy to another cluster, unless their objects are here:
    /// then the name or URL is another one of this cluster.
    pub(super) fn report_children_elsewhere(&mut self) {
        for (found, selector) in self.applications.children_elsewhere(&self.config) {
            let is_here = self.index.present().any(|node| {
                let kind = &node.object.kind;
                node.place.is_some() && selector.matches(kind, &node.metadata())
            });
            let cluster = self.applications.other_cluster(&found);
            if let Some(cluster) = cluster.filter(|_| !is_here) {
                let name = found.metadata.name.as_deref().unwrap_or_default();
                let notice = notices::child_elsewhere(name, cluster);
                self.once(NoticeKey::OtherCluster(name.to_owned()), notice);
            }
        }
    }

    pub(super) fn fallback(&self, app: &AppRef) -> String {
        notices::fallback(app, &self.applications, &self.config)
    }
}
