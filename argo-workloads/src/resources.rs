//! The resources of an application, of any kind, as Argo CD waits for them.
//!
//! Argo CD waits for objects that have no pods: an Ingress without an address, a claim that
//! stays Pending, an autoscaler whose target is missing. [`Resources`] joins what is said
//! about each: the Application lists them with their sync state, argocd's table (or Argo
//! CD's API) gives their health, and the live object gives the reason.
//!
//! [`Resources::waits`] names those that hold the application up, and
//! [`Resources::due`] the live objects that are worth a read now. Both are plain and
//! synchronous; a [`ResourceReader`] does the reading.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use argo_core::{
    AppRef, GroupKind, ObjectName, ObjectRef,
    resource::{Application, OperationState, ResourceStatus},
    text::duration::between,
};
use jiff::Timestamp;

#[cfg(feature = "argocd-api")]
mod drift;
mod health;
mod reader;
mod schedule;
mod wait;

pub use health::{Assessment, Health};
pub use reader::{Answer, LiveObject, ReadRequest, ResourceReader};
pub use wait::Wait;

use schedule::Schedule;

/// A report of argocd's table or of Argo CD's API about a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The resource.
    pub name: ObjectName,
    /// `Synced`, `OutOfSync` or `Unknown`.
    pub sync: Option<String>,
    /// The health, where Argo CD has a rule for the kind.
    pub health: Option<Health>,
    /// The reason of the health, in Argo CD's words.
    pub message: Option<String>,
}

/// One resource of an application.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Kind, namespace and name.
    pub name: ObjectName,
    /// API version without its group; empty if it is unknown.
    pub version: String,
    /// `Synced`, `OutOfSync` or `Unknown`.
    pub sync: Option<String>,
    /// The health as Argo CD reports it.
    pub reported: Option<Health>,
    /// The reason of the health, in Argo CD's words.
    pub message: Option<String>,
    /// The sync wave.
    pub wave: i64,
    /// True if the object is in the cluster and not in git any more.
    pub requires_pruning: bool,
    /// The live object.
    pub live: Live,
    /// The time since which it has had its health and sync state.
    pub since: Timestamp,
    /// The fields in which it differs from git.
    pub drift: Drift,
    /// The Application that lists it.
    app: Option<AppRef>,
    schedule: Schedule,
}

/// The fields in which an object differs from git, as far as Argo CD was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Drift {
    /// Not asked for.
    #[default]
    Unasked,
    /// The answer is to come.
    Asked,
    /// Unknown: only Argo CD's API can tell.
    Unknown,
    /// These fields: `spec.replicas (5, git has 3)`.
    Fields(Vec<String>),
}

/// The live object of a resource, as far as it was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Live {
    /// It was not read.
    Unread,
    /// It exists.
    Found {
        /// Its uid.
        uid: Arc<str>,
        /// The health that it shows, if its kind or its conditions have one.
        assessment: Option<Assessment>,
        /// The time at which it was created.
        created: Option<Timestamp>,
    },
    /// It does not exist.
    Absent,
    /// It cannot be read.
    Unreadable,
}

/// All resources of an application.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    all: BTreeMap<ObjectName, Resource>,
    /// The Applications that list them, by uid, with the state that they wait for.
    applications: BTreeMap<Arc<str>, Waiting>,
}

/// The states that an Application still lacks.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    health: bool,
    sync: bool,
    /// True while a sync runs, which makes everything differ for a moment.
    is_syncing: bool,
}

/// Resources that are kept; further ones are ignored.
const RESOURCES: usize = 5_000;
/// Objects that are compared with git; a sentence names a few.
const COMPARED: usize = 8;
/// Time for which an object must differ: Argo CD compares again soon after a sync.
const STAYS: Duration = Duration::from_secs(5);

impl Resources {
    /// Takes in an Application: the resources that it lists, with their sync state.
    pub fn application(&mut self, application: &Application, now: Timestamp) {
        let status = &application.status;
        let uid = application.metadata.uid.as_deref().unwrap_or_default();
        let waiting = Waiting {
            health: status.health.status.as_deref() != Some("Healthy"),
            sync: status.sync.status.as_deref() != Some("Synced"),
            is_syncing: application.operation
                || status
                    .operation_state
                    .as_ref()
                    .is_some_and(OperationState::is_running),
        };
        let meta = &application.metadata;
        let name = meta.name.clone().unwrap_or_default();
        let app = AppRef::new(name, meta.namespace.clone().unwrap_or_default());
        self.applications.insert(uid.into(), waiting);
        let listed = status.resources.iter().filter(|resource| !resource.hook);
        for resource in listed {
            self.listed(&app, resource, now);
        }
        self.drop_unlisted(application);
    }

    /// Forgets an Application that is gone.
    pub fn forget(&mut self, uid: &str) {
        self.applications.remove(uid);
    }

    fn listed(&mut self, app: &AppRef, listed: &ResourceStatus, now: Timestamp) {
        let Some(resource) = self.entry(name(listed), now) else {
            return;
        };
        resource.version.clone_from(&listed.version);
        if resource.app.as_ref() != Some(app) {
            resource.app = Some(app.clone());
        }
        resource.wave = listed.sync_wave.unwrap_or(0);
        resource.requires_pruning = listed.requires_pruning;
        let health = listed.health.status.as_deref().and_then(Health::parse);
        let message = listed.health.message.clone();
        resource.observe(listed.status.clone(), health, message, now);
    }

    /// Takes in a report of argocd or of its API.
    pub fn report(&mut self, report: Report, now: Timestamp) {
        if let Some(resource) = self.entry(report.name, now) {
            resource.observe(report.sync, report.health, report.message, now);
        }
    }

    /// Takes in the answer to a [read](Self::due). Returns the object if it was found for the
    /// first time.
    pub fn answer(&mut self, answer: Answer, now: Timestamp) -> Option<ObjectRef> {
        let resource = self.all.get_mut(&answer.name)?;
        if let LiveObject::Differs(fields) = answer.live {
            resource.drift = match fields.is_empty() {
                true => Drift::Unknown,
                false => Drift::Fields(fields),
            };
            return None;
        }
        resource.schedule.answered(now);
        let known = resource.uid();
        resource.live = match answer.live {
            LiveObject::Found(object) => found(&resource.name, &object),
            LiveObject::Absent => Live::Absent,
            LiveObject::Unreadable | LiveObject::Differs(_) => Live::Unreadable,
        };
        let uid = resource.uid()?;
        (known.as_ref() != Some(&uid)).then(|| resource.object())
    }

    /// Returns the resources whose live object is worth a read at `now`, and marks them as
    /// asked for. `has_rows` tells the kinds that are followed in full anyway.
    pub fn due(
        &mut self,
        is_followed: impl Fn(&GroupKind) -> bool,
        now: Timestamp,
    ) -> Vec<ReadRequest> {
        let lacks = self.lacks();
        let resources = self.all.values_mut().filter(|resource| {
            let follows = is_followed(&resource.name.kind);
            !follows
                && resource.is_worth_a_read(lacks)
                && resource.schedule.is_due(resource.since, now)
        });
        let due = resources.take(schedule::AT_ONCE).map(|resource| {
            resource.schedule.asked(now);
            ReadRequest {
                name: resource.name.clone(),
                version: resource.version.clone(),
                compare: None,
            }
        });
        let mut due: Vec<ReadRequest> = due.collect();
        due.extend(self.comparisons(now));
        due
    }

    /// Returns the comparisons with git that are worth a request: of objects that stay different
    /// although no sync runs.
    fn comparisons(&mut self, now: Timestamp) -> Vec<ReadRequest> {
        let lacks = self.lacks();
        if !lacks.sync || lacks.is_syncing {
            return Vec::new();
        }
        let asked = self.all.values().filter(|it| it.drift != Drift::Unasked);
        let room = COMPARED.saturating_sub(asked.count());
        let stays = |it: &&mut Resource| {
            it.drift == Drift::Unasked
                && it.is_out_of_sync()
                && !it.requires_pruning
                && between(it.since, now) >= STAYS
        };
        let worth = self.all.values_mut().filter(stays).take(room);
        let requests = worth.filter_map(|resource| {
            let app = resource.app.clone()?;
            resource.drift = Drift::Asked;
            Some(ReadRequest {
                name: resource.name.clone(),
                version: resource.version.clone(),
                compare: Some(app),
            })
        });
        requests.collect()
    }

    /// Has everything that is waited for read again soon: something has happened.
    pub fn hurry(&mut self) {
        for resource in self.all.values_mut() {
            resource.schedule.hurry();
        }
    }

    /// Has an object read again soon, because there is news of it.
    pub fn hurry_object(&mut self, uid: &str) {
        let of_uid = |resource: &&mut Resource| matches!(&resource.live, Live::Found { uid: own, .. } if **own == *uid);
        if let Some(resource) = self.all.values_mut().find(of_uid) {
            resource.schedule.hurry();
        }
    }

    /// Returns the resources that hold the application up, those that are worst first.
    pub fn waits(&self, now: Timestamp) -> Vec<Wait> {
        let mut waits: Vec<Wait> = self.all.values().filter_map(|r| r.wait(now)).collect();
        waits.sort_by(|a, b| b.health.cmp(&a.health).then(a.since.cmp(&b.since)));
        waits
    }

    /// Returns every resource.
    pub fn all(&self) -> impl Iterator<Item = &Resource> {
        self.all.values()
    }

    /// Returns one resource.
    pub fn get(&self, name: &ObjectName) -> Option<&Resource> {
        self.all.get(name)
    }

    fn lacks(&self) -> Waiting {
        let mut all = self.applications.values().peekable();
        if all.peek().is_none() {
            return Waiting {
                health: true,
                sync: true,
                is_syncing: false,
            };
        }
        let mut lacks = Waiting::default();
        for one in all {
            lacks.health |= one.health;
            lacks.sync |= one.sync;
            lacks.is_syncing |= one.is_syncing;
        }
        lacks
    }

    fn entry(&mut self, name: ObjectName, now: Timestamp) -> Option<&mut Resource> {
        if self.all.len() >= RESOURCES && !self.all.contains_key(&name) {
            return None;
        }
        let entry = self.all.entry(name.clone());
        Some(entry.or_insert_with(|| Resource::new(name, now)))
    }

    /// Forgets the resources that the only Application does not list any more. argocd's table
    /// never takes a row back.
    fn drop_unlisted(&mut self, application: &Application) {
        let listed = &application.status.resources;
        if self.applications.len() != 1 || listed.is_empty() {
            return;
        }
        let names: std::collections::BTreeSet<ObjectName> = listed.iter().map(name).collect();
        self.all.retain(|key, _| names.contains(key));
    }
}

impl Resource {
    fn new(name: ObjectName, now: Timestamp) -> Self {
        Self {
            name,
            version: String::new(),
            sync: None,
            reported: None,
            message: None,
            wave: 0,
            requires_pruning: false,
            live: Live::Unread,
            since: now,
            drift: Drift::default(),
            app: None,
            schedule: Schedule::default(),
        }
    }

    fn observe(
        &mut self,
        sync: Option<String>,
        health: Option<Health>,
        message: Option<String>,
        now: Timestamp,
    ) {
        let sync = sync.or_else(|| self.sync.clone());
        // Argo CD 3 leaves the health out of the Application: that is no news.
        let health = health.or(self.reported);
        if health != self.reported {
            self.message = None;
        }
        if message.as_ref().is_some_and(|message| !message.is_empty()) {
            self.message = message;
        }
        if sync != self.sync || health != self.reported {
            self.since = now;
            self.drift = Drift::Unasked;
            self.schedule.restart();
        }
        (self.sync, self.reported) = (sync, health);
    }

    /// Returns the health that counts: Argo CD's own where it has one, else the live object's.
    ///
    /// Argo CD has no health for an Application in an Application unless someone configured it.
    pub fn health(&self) -> Option<Health> {
        let is_child = self.name.kind.is("argoproj.io", "Application");
        let own = self.assessed().filter(|_| !is_child).map(|a| a.health);
        // A row that was printed before the object was made says Missing for ever.
        match self.reported {
            Some(Health::Missing) => own.or(self.reported),
            reported => reported.or(own),
        }
    }

    /// Returns the health that the live object shows.
    pub fn assessed(&self) -> Option<&Assessment> {
        match &self.live {
            Live::Found { assessment, .. } => assessment.as_ref(),
            _ => None,
        }
    }

    fn uid(&self) -> Option<Arc<str>> {
        match &self.live {
            Live::Found { uid, .. } => Some(Arc::clone(uid)),
            _ => None,
        }
    }

    /// Returns the object, with its uid if it was read.
    pub fn object(&self) -> ObjectRef {
        ObjectRef {
            kind: self.name.kind.clone(),
            namespace: Arc::clone(&self.name.namespace),
            name: Arc::clone(&self.name.name),
            uid: self.uid().unwrap_or_default(),
        }
    }

    /// True if it is in git and not in the cluster, or the other way round, or differs.
    pub(crate) fn is_out_of_sync(&self) -> bool {
        self.sync.as_deref() == Some("OutOfSync")
    }

    fn is_worth_a_read(&self, lacks: Waiting) -> bool {
        let unhealthy = match self.reported {
            Some(Health::Missing) => !self.is_out_of_sync(),
            Some(health) => health.is_waited_for(),
            None => health::may_have_one(&self.name.kind),
        };
        (lacks.health && unhealthy) || (lacks.sync && self.is_out_of_sync() && unhealthy)
    }

    /// Returns the wait for it, unless it is healthy or nothing is known of its health.
    pub fn wait(&self, now: Timestamp) -> Option<Wait> {
        let health = self.health().filter(|health| health.is_waited_for())?;
        // What was read before the health changed is not the reason for it.
        let is_fresh = self.reported.is_none() || self.schedule.is_answered_since(self.since);
        let assessed = self
            .assessed()
            .filter(|a| is_fresh && a.health.is_waited_for());
        let since = assessed
            .and_then(|assessed| assessed.since)
            .unwrap_or(self.since)
            .min(now);
        let told = assessed.map(|assessed| assessed.words.clone());
        let words = told.or_else(|| self.message.clone()).unwrap_or_default();
        Some(Wait {
            object: self.object(),
            health,
            words: crate::message::without_credentials(&words),
            since,
        })
    }

    /// Returns how long it has been so.
    pub fn age(&self, now: Timestamp) -> Duration {
        between(self.since, now)
    }
}

fn found(name: &ObjectName, object: &serde_json::Value) -> Live {
    let text = |pointer: &str| object.pointer(pointer).and_then(|value| value.as_str());
    Live::Found {
        uid: text("/metadata/uid").unwrap_or_default().into(),
        assessment: health::assess(&name.kind, object),
        created: text("/metadata/creationTimestamp").and_then(|time| time.parse().ok()),
    }
}

fn name(listed: &ResourceStatus) -> ObjectName {
    ObjectName {
        kind: GroupKind::new(&listed.group, &listed.kind),
        namespace: listed.namespace.as_str().into(),
        name: listed.name.as_str().into(),
    }
}

#[cfg(test)]
#[path = "resources/resources_tests.rs"]
mod tests;
