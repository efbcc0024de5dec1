//! The settings of a tracker.

use std::{sync::Arc, time::Duration};

use argo_core::{AppRef, client::Connection};
use jiff::Timestamp;

use super::{local_cluster::LocalCluster, names::NamesReader};
use crate::{
    AppSelector, TrackingMethod,
    selector::INSTANCE_LABEL,
    workload::{Workload, builtin},
};

/// Connections to the clusters.
#[derive(Clone)]
pub struct Clients {
    /// The cluster of the application's objects.
    pub workloads: Connection,
    /// The cluster of the Application resource, if that is another.
    pub applications: Option<Connection>,
}

impl Clients {
    /// Returns the reader of names that a user may have meant.
    pub(crate) fn names(&self) -> NamesReader {
        let applications = self.applications.as_ref().unwrap_or(&self.workloads);
        NamesReader::new(self.workloads.client.clone(), applications.client.clone())
    }

    pub(crate) fn local_cluster(&self) -> LocalCluster {
        LocalCluster {
            is_apart: self.applications.is_some(),
            url: self
                .workloads
                .server()
                .map(ToString::to_string)
                .unwrap_or_default(),
            described: self.workloads.described.clone(),
        }
    }
}

impl From<Connection> for Clients {
    fn from(workloads: Connection) -> Self {
        Self {
            workloads,
            applications: None,
        }
    }
}

/// Settings of [`track`](crate::track()), [`snapshot`](crate::snapshot()) and
/// [`explain`](crate::explain()).
///
/// ```
/// use argo_workloads::{TrackConfig, TrackingMethod};
///
/// let config = TrackConfig::default()
///     .namespace("shop-jobs")
///     .tracking(TrackingMethod::Label);
/// # drop(config);
/// ```
#[derive(Clone, Debug)]
#[must_use]
#[non_exhaustive]
pub struct TrackConfig {
    /// Namespaces that are watched besides those that the Application names. Without
    /// either, the namespace of the Application is watched.
    pub namespaces: Vec<String>,
    /// True to watch all namespaces. Default false.
    pub all_namespaces: bool,
    /// The way in which Argo CD marks objects. Default by annotation.
    pub tracking: TrackingMethod,
    /// The label of [`TrackingMethod::Label`]. Default `app.kubernetes.io/instance`.
    pub label_key: String,
    /// The `installationID` of the Argo CD; absent to follow the objects of every one.
    pub installation_id: Option<String>,
    /// Objects created before this, and before the operation that they belong to, are not
    /// new. Default now.
    pub started: Timestamp,
    /// True to follow also the Applications that the Application deploys. Default true.
    pub children: bool,
    /// Applications that have trackers of their own: where one deploys another of them, its tracker
    /// leaves that to the other's. Default none.
    pub apart: Vec<AppRef>,
    /// Levels of deployed Applications that are followed. Default 3.
    pub children_depth: usize,
    /// The kinds to watch besides pods. Default [`builtin`].
    pub kinds: Vec<Arc<dyn Workload>>,
    /// The number of namespaces above which each kind has one watch of the whole cluster, if
    /// that is allowed. Default 20.
    pub namespace_limit: usize,
    /// The time for which the Application is waited for before the watches begin without it.
    /// Default 5 s.
    pub application_wait: Duration,
    /// The time without any object of the application after which that is reported. Default
    /// 10 s.
    pub nothing_found_after: Duration,
}

impl Default for TrackConfig {
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            all_namespaces: false,
            tracking: TrackingMethod::default(),
            label_key: INSTANCE_LABEL.to_owned(),
            installation_id: None,
            started: Timestamp::now(),
            children: true,
            apart: Vec::new(),
            children_depth: 3,
            kinds: builtin(),
            namespace_limit: 20,
            application_wait: Duration::from_secs(5),
            nothing_found_after: Duration::from_secs(10),
        }
    }
}

impl TrackConfig {
    /// Watches a namespace besides those that the Application names.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespaces.push(namespace.into());
        self
    }

    /// Watches all namespaces.
    pub fn all_namespaces(mut self) -> Self {
        self.all_namespaces = true;
        self
    }

    /// Sets the way in which Argo CD marks objects.
    pub fn tracking(mut self, method: TrackingMethod) -> Self {
        self.tracking = method;
        self
    }

    /// Sets the label of [`TrackingMethod::Label`].
    pub fn label_key(mut self, key: impl Into<String>) -> Self {
        self.label_key = key.into();
        self
    }

    /// Follows only objects of the Argo CD with this `installationID`.
    pub fn installation_id(mut self, id: impl Into<String>) -> Self {
        self.installation_id = Some(id.into());
        self
    }

    /// Sets the time from which on objects are new.
    pub fn started(mut self, started: Timestamp) -> Self {
        self.started = started;
        self
    }

    /// Follows Applications that the Application deploys to this depth; 0 for none.
    pub fn children_depth(mut self, levels: usize) -> Self {
        self.children = levels > 0;
        self.children_depth = levels;
        self
    }

    /// Leaves an Application to a tracker of its own.
    pub fn apart(mut self, app: AppRef) -> Self {
        self.apart.push(app);
        self
    }

    /// Adds a kind of workload.
    pub fn kind(mut self, kind: impl Workload + 'static) -> Self {
        self.kinds.push(Arc::new(kind));
        self
    }

    /// Sets the number of namespaces above which the whole cluster is watched.
    pub fn namespace_limit(mut self, limit: usize) -> Self {
        self.namespace_limit = limit;
        self
    }

    /// Sets how long the Application is waited for.
    pub fn application_wait(mut self, wait: Duration) -> Self {
        self.application_wait = wait;
        self
    }

    /// Sets the time without any object of the application after which that is reported.
    pub fn nothing_found_after(mut self, after: Duration) -> Self {
        self.nothing_found_after = after;
        self
    }

    /// Returns the selector of an application.
    pub fn selector(&self, app: AppRef) -> AppSelector {
        AppSelector::new(app)
            .method(self.tracking)
            .label(self.label_key.clone())
            .installation(self.installation_id.clone())
    }
}
