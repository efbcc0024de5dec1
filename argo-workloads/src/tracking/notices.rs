//! The tracker's notices: their sentences, and which of them were sent.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use argo_core::{
    AppRef, GroupKind, Level, Notice, NoticeCode, ObjectRef, access::Forbidden,
    resource::Application, text::suggestion,
};

use super::{
    TrackConfig,
    access::{RefusedAccess, rule},
    application,
    applications::Applications,
    names::Inquiry,
};
use crate::workload::Scope;

/// The subject of a notice that is sent once, until it is retracted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum NoticeKey {
    /// The Application does not exist.
    Missing(AppRef),
    /// Applications of a namespace may not be read.
    Forbidden(String),
    /// The cluster serves no Applications.
    NotInstalled,
    /// An Application deploys to another cluster.
    OtherCluster(String),
    /// The cluster does not serve a resource.
    NotServed(String),
    /// Owners of a kind in a namespace cannot be read.
    Owner(GroupKind, Arc<str>),
}

/// Sends each notice once.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    sent: HashSet<NoticeKey>,
    /// Resources that cannot be read, gathered into one notice for each scope.
    pub(crate) access: RefusedAccess,
    /// Questions for the names that the user may have meant.
    pub(crate) inquiries: VecDeque<Inquiry>,
    /// Applications that their parent lists and that are not there, each with the time until which
    /// that is no news.
    absent: Vec<(AppRef, Duration)>,
}

/// A sync lists the Applications that it is about to make.
const MADE_WITHIN: Duration = Duration::from_secs(6);

impl Notices {
    /// Passes a notice on if none with this key was sent.
    pub(crate) fn once(&mut self, key: NoticeKey, notice: Notice) -> Option<Notice> {
        self.sent.insert(key).then_some(notice)
    }

    /// True if a notice with this key was sent.
    pub(crate) fn is_sent(&self, key: &NoticeKey) -> bool {
        self.sent.contains(key)
    }

    /// Records a key as if its notice had been sent.
    pub(crate) fn mark(&mut self, key: NoticeKey) {
        self.sent.insert(key);
    }

    /// Forgets that notices were sent. True if any was.
    pub(crate) fn retract(&mut self, keys: &[NoticeKey]) -> bool {
        let before = self.sent.len();
        self.sent.retain(|key| !keys.contains(key));
        self.sent.len() < before
    }

    /// Takes an Application that its parent lists and that is not there.
    pub(crate) fn child_is_absent(&mut self, app: AppRef, now: Duration) {
        let is_known = self.absent.iter().any(|(absent, _)| *absent == app);
        if !is_known && !self.is_sent(&NoticeKey::Missing(app.clone())) {
            self.absent.push((app, now + MADE_WITHIN));
        }
    }

    /// Returns the time of the next answer of [`absent`](Self::absent).
    pub(crate) fn absent_due(&self) -> Option<Duration> {
        self.absent.iter().map(|(_, due)| *due).min()
    }

    /// Takes the Applications that were not there for long enough.
    pub(crate) fn absent(&mut self, now: Duration) -> Vec<AppRef> {
        let due = self.absent.extract_if(.., |(_, due)| *due <= now);
        due.map(|(app, _)| app).collect()
    }

    /// Retracts that an Application is missing or cannot be read. Returns the notice that
    /// says so, if anything was retracted.
    pub(crate) fn application_is_back(
        &mut self,
        found: &Application,
        applications: &Applications,
    ) -> Option<Notice> {
        let meta = &found.metadata;
        let name = meta.name.clone().unwrap_or_default();
        let app = AppRef::new(name, meta.namespace.clone().unwrap_or_default());
        self.absent.retain(|(absent, _)| *absent != app);
        let causes = [
            NoticeKey::Missing(app.clone()),
            NoticeKey::Forbidden(app.namespace.clone()),
            NoticeKey::NotInstalled,
        ];
        self.retract(&causes)
            .then(|| back(&app, found, applications))
    }
}

fn back(app: &AppRef, found: &Application, applications: &Applications) -> Notice {
    let namespaces: Vec<_> = application::namespaces(found).into_iter().collect();
    let place = if applications.other_cluster(found).is_some() {
        String::new()
    } else if namespaces.is_empty() {
        "the namespaces that it will name, ".to_owned()
    } else {
        format!("{}, ", namespaces.join(", "))
    };
    let message = format!(
        "Application {app} is there now: {place}its hooks and sync errors are followed from here on"
    );
    Notice::new(NoticeCode::Restored, Level::Info, message)
}

pub(crate) fn application_deleted(gone: &ObjectRef) -> Notice {
    let message = format!("Application {}/{} was deleted", gone.namespace, gone.name);
    Notice::new(NoticeCode::Other, Level::Warning, message).about(gone.clone())
}

pub(crate) fn application_missing(app: &AppRef, fallback: &str) -> Notice {
    let message = format!("there is no Application {app}: {fallback}");
    Notice::new(NoticeCode::ApplicationUnreadable, Level::Info, message)
}

/// Names what the user may have meant, if there is anything to name.
pub(crate) fn did_you_mean(wanted: &AppRef, exist: &[AppRef]) -> Option<Notice> {
    let sentence = wanted.did_you_mean(exist)?;
    Some(Notice::new(
        NoticeCode::DidYouMean,
        Level::Warning,
        sentence,
    ))
}

/// Reports a namespace that was named and does not exist.
pub(crate) fn no_such_namespace(wanted: &str, exist: &[String]) -> Notice {
    let message = format!(
        "namespace {wanted} does not exist{}",
        suggestion(wanted, exist)
    );
    Notice::new(NoticeCode::DidYouMean, Level::Warning, message)
}

pub(crate) fn applications_forbidden(
    namespace: &str,
    fallback: &str,
    scope: &Scope,
    resource: &str,
    answer: &str,
) -> Notice {
    let message = format!("cannot read Applications in {namespace} (403 forbidden): {fallback}");
    Notice::new(NoticeCode::ApplicationUnreadable, Level::Info, message).hint(rule(
        scope,
        &[resource],
        answer,
    ))
}

pub(crate) fn applications_not_served(fallback: &str) -> Notice {
    let message =
        format!("the cluster serves no Applications, so Argo CD is elsewhere: {fallback}");
    Notice::new(NoticeCode::ApplicationUnreadable, Level::Info, message)
}

/// Reports a child whose objects are on another cluster.
pub(crate) fn child_elsewhere(name: &str, cluster: &str) -> Notice {
    let message = format!(
        "Application {name} deploys to cluster \"{cluster}\": its objects are not followed"
    );
    Notice::new(NoticeCode::Other, Level::Info, message)
}

pub(crate) fn not_served(resource: &str) -> Notice {
    let message = format!("the cluster does not serve {resource}");
    Notice::new(NoticeCode::NotServed, Level::Warning, message)
}

pub(crate) fn owner_unreadable(owner: &ObjectRef, answer: &str) -> Notice {
    let namespace = &owner.namespace;
    let message = format!(
        "cannot read {owner}, which owns pods in {namespace}: if it belongs to the application they are missing ({answer})"
    );
    let notice = Notice::new(NoticeCode::Forbidden, Level::Info, message).about(owner.clone());
    match Forbidden::parse(answer).resource {
        Some(resource) => {
            let scope = Scope::Namespace(Arc::clone(namespace));
            notice.hint(rule(&scope, &[&resource], answer))
        }
        None => notice,
    }
}

/// Describes the objects that are followed even without an Application, and those that are
/// lost.
pub(crate) fn fallback(app: &AppRef, applications: &Applications, config: &TrackConfig) -> String {
    let others = app != applications.root() || applications.found_root().is_some();
    let namespaces = if config.all_namespaces {
        "all namespaces are watched".to_owned()
    } else if others {
        "its objects are followed only in the namespaces that others name".to_owned()
    } else if config.namespaces.is_empty() {
        format!("only namespace {} is watched", app.namespace)
    } else {
        format!("only {} is watched", config.namespaces.join(", "))
    };
    format!("{namespaces}, and its hooks and sync errors are seen from outside only")
}
