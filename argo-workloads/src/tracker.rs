//! The rules together: what watches say in, what followers are told out.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use argo_core::{
    AppRef, Degraded, DegradedReason, GroupKind, KindTraits, Level, Notice, NoticeCode, ObjectRef,
    TrackEvent, Tracked, TrackedBody, WatchEvent, access::Forbidden, resource::Application,
};

use crate::{
    Change, Clients, Explanation, Index, Scope, TrackConfig, Wanted, application,
    explain::explain,
    family::{Family, Here, Kin},
    marks::Marks,
    nothing::Search,
    owner::Answer,
    source::{Object, Source},
    trouble::{Trouble, grant},
    unread::stand_in,
    workload::describe,
};

/// What was asked for and refused is not asked for again before this is over.
const REFUSED: Duration = Duration::from_secs(300);
/// An owner is read again at most this often.
const READ_AGAIN: Duration = Duration::from_secs(10);

/// An owner that belongs to nobody may have got its mark since, without a word to us. It is
/// read again when one of its pods changes, but not sooner than this after it was last read,
/// and not more than one such owner in five seconds.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
const BETWEEN: Duration = Duration::from_secs(5);

/// A kind in a namespace.
type Where = (GroupKind, Arc<str>);

/// Decides what is watched and what followers are told. It is fed with what the
/// [sources](Self::sources) say, and asked for [events](Self::next_event), for
/// [owners to read](Self::next_wanted) and for the [deadline](Self::deadline) at which it
/// wants to be called. `now` counts from the start.
#[derive(Debug)]
pub(crate) struct Tracker {
    app: AppRef,
    config: TrackConfig,
    cluster: String,
    family: Family,
    marks: Marks,
    index: Index,
    trouble: Trouble,
    namespaces: BTreeSet<String>,
    /// Kinds that may not be watched in the whole cluster.
    not_cluster_wide: BTreeSet<Source>,
    sources: BTreeSet<Source>,
    /// Sources that have delivered their first list, or failed for good.
    answered: BTreeSet<Source>,
    /// True once the Application was read, or waited for long enough.
    begun: bool,
    synced: bool,
    found: bool,
    said_nothing: bool,
    said: BTreeSet<String>,
    events: VecDeque<TrackEvent>,
    wanted: VecDeque<Wanted>,
    /// Owners that are being read, by uid.
    reading: HashSet<Arc<str>>,
    /// When owners were read, by uid.
    read_at: HashMap<Arc<str>, Duration>,
    /// When an owner was last read only because a pod of it changed.
    looked_again: Duration,
    /// Owners that may not be read and of which nothing else is known.
    unread: Vec<Wanted>,
    /// What may not be read one by one, until when that is taken for granted, and what the
    /// server said.
    refused: HashMap<Where, (Duration, String)>,
    now: Duration,
    /// Owners of what a watch of the whole cluster brings, elsewhere than we look.
    aside: Vec<Wanted>,
}

impl Tracker {
    pub(crate) fn new(clients: &Clients, app: AppRef, config: TrackConfig) -> Self {
        let here = Here {
            apart: clients.applications.is_some(),
            url: clients
                .workloads
                .server()
                .map(ToString::to_string)
                .unwrap_or_default(),
        };
        let family = Family::new(app.clone(), &config, here);
        let marks = Marks {
            selectors: family.selectors(&config),
            kinds: config.kinds.clone(),
        };
        let mut tracker = Self {
            index: Index::new(application::new_since(None, config.started)),
            app,
            cluster: clients.workloads.described.clone(),
            family,
            marks,
            config,
            trouble: Trouble::default(),
            namespaces: BTreeSet::new(),
            not_cluster_wide: BTreeSet::new(),
            sources: BTreeSet::new(),
            answered: BTreeSet::new(),
            begun: false,
            synced: false,
            found: false,
            said_nothing: false,
            said: BTreeSet::new(),
            events: VecDeque::new(),
            wanted: VecDeque::new(),
            reading: HashSet::new(),
            read_at: HashMap::new(),
            looked_again: Duration::ZERO,
            unread: Vec::new(),
            refused: HashMap::new(),
            now: Duration::ZERO,
            aside: Vec::new(),
        };
        tracker.plan();
        tracker
    }

    /// What is to be watched.
    pub(crate) fn sources(&self) -> &BTreeSet<Source> {
        &self.sources
    }

    /// What followers are told next.
    pub(crate) fn next_event(&mut self) -> Option<TrackEvent> {
        self.events.pop_front()
    }

    /// An owner that is to be read.
    pub(crate) fn next_wanted(&mut self) -> Option<Wanted> {
        self.wanted.pop_front()
    }

    /// When to call [`tick`](Self::tick).
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let begin = (!self.begun).then_some(self.config.application_wait);
        let nothing = self
            .may_say_nothing()
            .then_some(self.config.nothing_found_after);
        let times = [begin, nothing, self.trouble.due()];
        times.into_iter().flatten().min()
    }

    /// Why each known object is followed or not.
    pub(crate) fn explain(&self) -> Vec<Explanation> {
        explain(&self.index, &self.marks)
    }

    /// Time went on.
    pub(crate) fn tick(&mut self, now: Duration) {
        self.now = now;
        if !self.begun && now >= self.config.application_wait {
            self.begin();
        }
        if self.trouble.due().is_some_and(|due| now >= due) {
            self.tell_trouble();
        }
        if self.may_say_nothing() && now >= self.config.nothing_found_after {
            self.say_nothing(Some(now.as_secs()));
        }
        self.check_synced();
    }

    /// Nothing more will come: what was not found is not there.
    pub(crate) fn finish(&mut self) {
        if self.may_say_nothing() {
            self.say_nothing(None);
        }
    }

    /// A source said something.
    pub(crate) fn watched(&mut self, source: &Source, event: WatchEvent<Object>, now: Duration) {
        self.now = now;
        if !self.sources.contains(source) {
            return;
        }
        match event {
            WatchEvent::Restarted => self.restarted(source),
            WatchEvent::Applied(object) => self.applied(source, object),
            WatchEvent::Deleted(object) => self.deleted(object),
            WatchEvent::Synced => self.listed(source),
            WatchEvent::Degraded(degraded) => self.degraded(source, &degraded, now),
            WatchEvent::Restored => self.restored(source),
        }
        self.check_synced();
    }

    /// What was found of an owner.
    pub(crate) fn owner_read(&mut self, wanted: &Wanted, answer: Answer) {
        let uid = &wanted.owner.uid;
        self.reading.remove(uid);
        self.read_at.insert(Arc::clone(uid), self.now);
        let found = match answer {
            Answer::Found(meta) => Some(*meta),
            Answer::Absent => None,
            Answer::Forbidden(message) => {
                let until = self.now + REFUSED;
                self.refused.insert(place(wanted), (until, message));
                self.refused(wanted.clone());
                None
            }
            Answer::Failed(message) => {
                self.owner_unread(wanted, &message);
                None
            }
        };
        let kind = &wanted.owner.kind;
        let own = found
            .as_ref()
            .is_some_and(|meta| self.marks.own(kind, meta));
        let changes = self.index.owner_read(wanted, found, own);
        self.tell(changes);
        self.check_synced();
    }

    /// An owner may not be read.
    fn refused(&mut self, wanted: Wanted) {
        if self.stand_in(&wanted) {
            return;
        }
        self.unread.push(wanted);
        if self.synced {
            self.tell_unread();
        }
    }

    /// Something came that may tell what could not be read.
    fn stand_ins(&mut self) {
        for wanted in std::mem::take(&mut self.unread) {
            let needed = self.index.owned_by(&wanted.owner.uid).next().is_some();
            if needed && !self.stand_in(&wanted) {
                self.unread.push(wanted);
            }
        }
    }

    /// Puts something in the place of an owner that may not be read; true if that is possible.
    fn stand_in(&mut self, wanted: &Wanted) -> bool {
        let found = stand_in(&self.index, &self.marks, wanted);
        let is_found = found.is_some();
        if let Some((meta, own)) = found {
            let changes = self.index.owner_read(wanted, Some(meta), own);
            self.tell(changes);
        }
        is_found
    }

    /// Says which owners may not be read, once for each kind in a namespace.
    fn tell_unread(&mut self) {
        let unread: BTreeSet<Where> = self.unread.iter().map(place).collect();
        for key in unread {
            let scope = Scope::Namespace(Arc::clone(&key.1));
            let watched = self.config.kinds.iter().find(|kind| kind.kind() == key.0);
            let resource = watched.map(|kind| kind.resource()).unwrap_or_default();
            let Some((_, said)) = self.refused.get(&key) else {
                continue;
            };
            if self.trouble.owners(&scope, &resource) {
                continue;
            }
            let said = said.clone();
            let wanted = self.unread.iter().find(|wanted| place(wanted) == key);
            if let Some(wanted) = wanted.cloned() {
                self.owner_unread(&wanted, &said);
            }
        }
    }

    fn owner_unread(&mut self, wanted: &Wanted, message: &str) {
        let owner = &wanted.owner;
        let key = format!("owner {} {}", owner.kind, owner.namespace);
        let sentence = format!(
            "cannot read {owner}, which owns pods in {}: if it belongs to the application they are missing ({message})",
            owner.namespace
        );
        let mut notice = Notice::new(NoticeCode::Forbidden, Level::Info, sentence);
        if let Some(resource) = Forbidden::parse(message).resource {
            let scope = Scope::Namespace(Arc::clone(&owner.namespace));
            notice = notice.hint(grant(&scope, &[&resource], message));
        }
        self.say_once(key, notice.about(owner.clone()));
    }

    fn restarted(&mut self, source: &Source) {
        match source {
            Source::Applications(..) => self.family.begin_list(source),
            _ => self
                .index
                .begin_list(&source.kind(&self.config.kinds), &source.scope()),
        }
    }

    fn applied(&mut self, source: &Source, object: Object) {
        let body = match object {
            Object::Application(found) => return self.application(source, &found),
            Object::Pod(pod) => TrackedBody::Pod(pod),
            Object::Workload(workload) => TrackedBody::Workload(workload),
            Object::Meta(meta) => TrackedBody::Other(meta),
        };
        let kind = source.kind(&self.config.kinds);
        let own = self.marks.own(&kind, body.metadata());
        let uid = match &body {
            TrackedBody::Pod(pod) if self.synced => pod.metadata.uid.clone(),
            _ => None,
        };
        let changes = self.index.apply(&kind, body, own);
        self.tell(changes);
        if let Some(uid) = uid {
            self.look_again(&uid);
        }
        // While lists are read their ends are soon enough.
        if self.synced && matches!(source, Source::Kind(..)) && !self.unread.is_empty() {
            self.stand_ins();
        }
    }

    /// A pod changed whose owner was read and is nobody's.
    fn look_again(&mut self, uid: &str) {
        if self.now < self.looked_again + BETWEEN {
            return;
        }
        let due = |wanted: &Wanted| {
            let read_at = self.read_at.get(&wanted.owner.uid);
            read_at.is_some_and(|at| self.now >= *at + LOOK_AGAIN)
        };
        if let Some(wanted) = self.index.unclaimed_owners(uid).into_iter().find(due) {
            self.looked_again = self.now;
            self.want(wanted);
        }
    }

    /// The Application names owners that were read and belong to nobody: they may have got
    /// their mark by now.
    fn look_for(&mut self, found: &Application) {
        let owners = self.index.all_unclaimed_owners();
        let resources = &found.status.resources;
        for wanted in owners {
            let (kind, owner) = (&wanted.owner.kind, &wanted.owner);
            let is_named = resources.iter().any(|one| {
                (&*one.group, &*one.kind, &*one.name) == (&*kind.group, &*kind.kind, &*owner.name)
                    && (one.namespace.is_empty() || *one.namespace == *owner.namespace)
            });
            if is_named {
                self.want(wanted);
            }
        }
    }

    fn deleted(&mut self, object: Object) {
        let uid = match object {
            Object::Application(gone) => {
                let gone = self.family.deleted(&gone);
                return gone
                    .into_iter()
                    .for_each(|gone| self.application_gone(gone));
            }
            Object::Pod(pod) => pod.metadata.uid.clone(),
            Object::Workload(workload) => workload.metadata.uid.clone(),
            Object::Meta(meta) => meta.uid.clone(),
        };
        let changes = self.index.delete(uid.as_deref().unwrap_or_default());
        self.tell(changes);
    }

    fn listed(&mut self, source: &Source) {
        self.answered.insert(source.clone());
        if matches!(source, Source::Applications(..)) {
            let missing = self.family.end_list(source);
            for gone in missing.gone {
                self.application_gone(gone);
            }
            for app in missing.apps {
                self.application_missing(&app);
            }
            self.root_answered();
            return;
        }
        let kind = source.kind(&self.config.kinds);
        let changes = self.index.end_list(&kind, &source.scope());
        self.tell(changes);
        self.stand_ins();
    }

    // The Application

    fn application(&mut self, source: &Source, found: &Arc<Application>) {
        let Some(Kin { object, parent }) = self.family.applied(source, found) else {
            return;
        };
        self.say_there(found);
        self.say_elsewhere(found, parent.is_some());
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
        self.root_answered();
        if self.begun {
            self.plan();
        }
        self.look_for(found);
    }

    /// Who is followed may have changed, and in which form ids are written.
    fn reselect(&mut self) {
        let selectors = self.family.selectors(&self.config);
        if selectors == self.marks.selectors {
            return;
        }
        self.marks.selectors = selectors;
        let marks = &self.marks;
        let changes = self
            .index
            .reselect(|object, meta| marks.own(&object.kind, meta));
        self.tell(changes);
    }

    /// The first answer about the Application begins the rest; a later one may move the
    /// time from which objects are new.
    fn root_answered(&mut self) {
        let root = self.family.root().map(Arc::as_ref);
        if root.is_some() && self.said.insert("since".to_owned()) {
            let since = application::new_since(root, self.config.started);
            let changes = self.index.new_since(since);
            self.tell(changes);
        }
        if !self.begun {
            self.begin();
        }
    }

    fn begin(&mut self) {
        self.begun = true;
        self.plan();
    }

    fn application_gone(&mut self, gone: ObjectRef) {
        let message = format!("Application {}/{} was deleted", gone.namespace, gone.name);
        let notice = Notice::new(NoticeCode::Other, Level::Warning, message);
        self.events
            .push_back(TrackEvent::Notice(notice.about(gone.clone())));
        // Its absence is told by that, and its return is to be.
        let app = AppRef::new(&*gone.name, &*gone.namespace);
        self.said.insert(missing(&app));
        self.events.push_back(TrackEvent::Removed(gone));
    }

    /// Takes back that there is no such Application, or that it may not be read.
    fn say_there(&mut self, found: &Application) {
        let meta = &found.metadata;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let app = AppRef::new(text(&meta.name), text(&meta.namespace));
        let causes = [missing(&app), forbidden(&app.namespace), NONE.to_owned()];
        let before = self.said.len();
        self.said.retain(|said| !causes.contains(said));
        if self.said.len() == before {
            return;
        }
        let namespaces = application::namespaces(found);
        let namespaces: Vec<_> = namespaces.iter().map(String::as_str).collect();
        let place = match namespaces[..] {
            _ if self.family.elsewhere(found).is_some() => String::new(),
            [] => "the namespaces that it will name, ".to_owned(),
            _ => format!("{}, ", namespaces.join(", ")),
        };
        let message = format!(
            "Application {app} is there now: {place}its hooks and sync errors are followed from here on"
        );
        let notice = Notice::new(NoticeCode::Restored, Level::Info, message);
        self.events.push_back(TrackEvent::Notice(notice));
    }

    fn application_missing(&mut self, app: &AppRef) {
        let message = format!("there is no Application {app}: {}", self.lost(app));
        let notice = Notice::new(NoticeCode::ApplicationUnreadable, Level::Info, message);
        self.say_once(missing(app), notice);
    }

    fn say_elsewhere(&mut self, found: &Application, is_child: bool) {
        let Some(cluster) = self.family.elsewhere(found) else {
            return;
        };
        let name = found.metadata.name.as_deref().unwrap_or_default();
        let key = format!("elsewhere {name}");
        let notice = if is_child {
            let message = format!(
                "Application {name} deploys to cluster \"{cluster}\": its objects are not followed"
            );
            Notice::new(NoticeCode::Other, Level::Info, message)
        } else {
            let message = format!(
                "Application {name} deploys to cluster \"{cluster}\", which is not the one that is read ({})",
                self.cluster
            );
            Notice::new(NoticeCode::Other, Level::Warning, message).hint(
                "name that cluster with --context, and the Application's own with --app-context",
            )
        };
        self.say_once(key, notice);
    }

    // What to watch

    /// Works out what is to be watched. Namespaces only join: what an application leaves
    /// behind in one is still of interest.
    fn plan(&mut self) {
        let mut sources = self.family.sources();
        if self.begun {
            self.namespaces.extend(self.family.namespaces());
            self.namespaces
                .extend(self.config.namespaces.iter().cloned());
            if self.namespaces.is_empty() && !self.config.all_namespaces {
                self.namespaces.insert(self.app.namespace.clone());
            }
            let kinds = 0..self.config.kinds.len();
            let kinds = kinds.map(|number| Source::Kind(number, Scope::Cluster));
            let others = [Source::Pods, Source::Claims, Source::Autoscalers];
            for kind in kinds.chain(others.map(|source| source(Scope::Cluster))) {
                self.plan_kind(&kind, &mut sources);
            }
            for wanted in std::mem::take(&mut self.aside) {
                self.want(wanted);
            }
        }
        let before = std::mem::replace(&mut self.sources, sources);
        for opened in self.sources.difference(&before) {
            let kind = opened.kind(&self.config.kinds);
            self.index.cover(&kind, &opened.scope());
        }
        let closed: Vec<_> = before.difference(&self.sources).cloned().collect();
        for source in closed {
            self.answered.remove(&source);
            let resource = source.resource(&self.config.kinds);
            drop(self.trouble.restored(&source.scope(), &resource));
            let kind = source.kind(&self.config.kinds);
            let changes = self.index.uncover(&kind, &source.scope());
            self.tell(changes);
        }
    }

    fn plan_kind(&self, kind: &Source, sources: &mut BTreeSet<Source>) {
        let wide =
            self.config.all_namespaces || self.namespaces.len() > self.config.namespace_limit;
        if wide && !self.not_cluster_wide.contains(kind) {
            sources.insert(kind.clone());
            return;
        }
        for namespace in &self.namespaces {
            sources.insert(kind.within(Scope::Namespace(namespace.as_str().into())));
        }
    }

    // What goes wrong

    fn degraded(&mut self, source: &Source, degraded: &Degraded, now: Duration) {
        let (scope, resource) = (source.scope(), source.resource(&self.config.kinds));
        match degraded.reason {
            DegradedReason::Forbidden => self.forbidden(source, &degraded.message, now),
            DegradedReason::NotServed => self.not_served(source, &resource),
            DegradedReason::Unauthorized | DegradedReason::Unreachable => {
                let notice = self
                    .trouble
                    .unreachable(&scope, &resource, degraded, &self.cluster);
                self.events.extend(notice.map(TrackEvent::Notice));
                return;
            }
        }
        self.answered.insert(source.clone());
        if matches!(source, Source::Applications(..)) {
            self.root_answered();
            return;
        }
        let kind = source.kind(&self.config.kinds);
        let changes = self.index.uncover(&kind, &scope);
        self.tell(changes);
    }

    fn forbidden(&mut self, source: &Source, message: &str, now: Duration) {
        if let Source::Applications(namespace, None) = source
            && self.family.only_by_name(namespace)
        {
            self.plan();
            return;
        }
        let kind = source.within(Scope::Cluster);
        let is_wide = source.scope() == Scope::Cluster;
        if is_wide && self.not_cluster_wide.insert(kind) && !self.namespaces.is_empty() {
            // Not allowed in the whole cluster; it may be in each namespace.
            self.plan();
            return;
        }
        let resource = source.resource(&self.config.kinds);
        let scope = source.scope();
        if let Source::Applications(namespace, _) = source {
            let sentence = format!(
                "may not read Applications in {namespace} (403): {}",
                self.lost(&self.app)
            );
            let notice = Notice::new(NoticeCode::ApplicationUnreadable, Level::Info, sentence)
                .hint(grant(&scope, &[&resource], message));
            return self.say_once(forbidden(namespace), notice);
        }
        self.trouble.forbidden(
            &scope,
            &resource,
            source.matters(&self.config.kinds),
            message,
            now,
        );
    }

    /// Custom kinds that are not installed are nothing to speak of.
    fn not_served(&mut self, source: &Source, resource: &str) {
        if matches!(source, Source::Applications(..)) {
            let message = format!(
                "the cluster serves no Applications, so Argo CD is elsewhere: {}",
                self.lost(&self.app)
            );
            let notice = Notice::new(NoticeCode::ApplicationUnreadable, Level::Info, message);
            self.say_once(NONE.to_owned(), notice);
            return;
        }
        let group = source.kind(&self.config.kinds).group;
        if matches!(&*group, "" | "apps" | "batch") {
            let message = format!("the cluster does not serve {resource}");
            let notice = Notice::new(NoticeCode::NotServed, Level::Warning, message);
            self.say_once(resource.to_owned(), notice);
        } else {
            log::debug!("the cluster does not serve {resource}");
        }
    }

    fn restored(&mut self, source: &Source) {
        let (scope, resource) = (source.scope(), source.resource(&self.config.kinds));
        self.index.cover(&source.kind(&self.config.kinds), &scope);
        let notice = self.trouble.restored(&scope, &resource);
        self.events.extend(notice.map(TrackEvent::Notice));
    }

    // What is told

    fn tell(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Applied(tracked) => {
                    self.found = true;
                    let tracked = describe(&self.config.kinds, tracked);
                    self.events.push_back(TrackEvent::Applied(tracked));
                }
                Change::Removed(object) => self.events.push_back(TrackEvent::Removed(object)),
                Change::Want(wanted) => self.want(wanted),
            }
        }
    }

    fn want(&mut self, wanted: Wanted) {
        let here = self.namespaces.contains(&*wanted.owner.namespace);
        let (now, read_at) = (self.now, self.read_at.get(&wanted.owner.uid));
        if read_at.is_some_and(|at| now < *at + READ_AGAIN) {
            return;
        }
        let refused = self.refused.get(&place(&wanted));
        if refused.is_some_and(|(until, _)| now < *until) {
            self.refused(wanted);
        } else if here || self.config.all_namespaces {
            if self.reading.insert(Arc::clone(&wanted.owner.uid)) {
                self.wanted.push_back(wanted);
            }
        } else {
            self.aside.push(wanted);
        }
    }

    fn tell_trouble(&mut self) {
        self.tell_unread();
        let notices = self.trouble.gathered();
        self.events
            .extend(notices.into_iter().map(TrackEvent::Notice));
    }

    fn say_once(&mut self, key: String, notice: Notice) {
        if self.said.insert(key) {
            self.events.push_back(TrackEvent::Notice(notice));
        }
    }

    fn check_synced(&mut self) {
        if self.synced || !self.begun || !self.reading.is_empty() {
            return;
        }
        if self.sources.is_subset(&self.answered) {
            self.synced = true;
            self.tell_trouble();
            self.events.push_back(TrackEvent::Synced);
        }
    }

    fn may_say_nothing(&self) -> bool {
        self.synced && !self.found && !self.said_nothing
    }

    fn say_nothing(&mut self, seconds: Option<u64>) {
        self.said_nothing = true;
        let search = Search {
            app: &self.app,
            application: self.family.root().map(Arc::as_ref),
            namespaces: &self.namespaces,
            marks: &self.marks,
            seconds,
        };
        let notice = search.notice(self.index.present());
        self.events.push_back(TrackEvent::Notice(notice));
    }

    /// What is lost without an Application.
    fn lost(&self, app: &AppRef) -> String {
        let config = &self.config;
        let namespaces = if config.all_namespaces {
            "all namespaces are looked into".to_owned()
        } else if *app != self.app || self.family.root().is_some() {
            "its objects are followed only in the namespaces that others name".to_owned()
        } else if config.namespaces.is_empty() {
            format!("only namespace {} is looked into", app.namespace)
        } else {
            format!("only {} is looked into", config.namespaces.join(", "))
        };
        format!("{namespaces}, and its hooks and sync errors are seen from outside only")
    }
}

/// That no Application is served, among what was said.
const NONE: &str = "no applications";

/// That an Application is not there, among what was said.
fn missing(app: &AppRef) -> String {
    format!("missing {app}")
}

/// That Applications may not be read, among what was said.
fn forbidden(namespace: &str) -> String {
    format!("applications in {namespace}")
}

fn place(wanted: &Wanted) -> Where {
    let owner = &wanted.owner;
    (owner.kind.clone(), Arc::clone(&owner.namespace))
}
