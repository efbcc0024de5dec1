//! What a tracker needs to be told.

use std::{sync::Arc, time::Duration};

use argo_core::{AppRef, client::Connection};
use jiff::Timestamp;

use crate::{AppSelector, TrackingMethod, Workload, builtin, selector::INSTANCE_LABEL};

/// The ways to the clusters.
#[derive(Clone)]
pub struct Clients {
    /// Where the objects of the application are.
    pub workloads: Connection,
    /// Where the Application resource is, if that is another cluster.
    pub applications: Option<Connection>,
}

impl From<Connection> for Clients {
    fn from(workloads: Connection) -> Self {
        Self {
            workloads,
            applications: None,
        }
    }
}

/// How to track.
#[derive(Clone, Debug)]
pub struct TrackConfig {
    /// Namespaces to look into besides those that the Application names. Without both it
    /// is the namespace of the application.
    pub namespaces: Vec<String>,
    /// Looks into all namespaces.
    pub all_namespaces: bool,
    /// How Argo CD marks objects. Default by annotation.
    pub tracking: TrackingMethod,
    /// The label of [`TrackingMethod::Label`]. Default `app.kubernetes.io/instance`.
    pub label_key: String,
    /// The `installationID` of the Argo CD; absent to follow those of all.
    pub installation_id: Option<String>,
    /// What was created before this, and before the operation that it belongs to, is not
    /// new. Default now.
    pub started: Timestamp,
    /// Follows Applications that the Application deploys, too. Default true.
    pub children: bool,
    /// How many levels of them. Default 3.
    pub children_depth: usize,
    /// The kinds to watch besides pods. Default [`builtin`].
    pub kinds: Vec<Arc<dyn Workload>>,
    /// Above this number of namespaces each kind has one watch of the whole cluster, if
    /// that is allowed. Default 20.
    pub namespace_limit: usize,
    /// How long the Application is waited for before the rest begins without it.
    /// Default 5 s.
    pub application_wait: Duration,
    /// When it is said that nothing was found. Default 10 s.
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
            children_depth: 3,
            kinds: builtin(),
            namespace_limit: 20,
            application_wait: Duration::from_secs(5),
            nothing_found_after: Duration::from_secs(10),
        }
    }
}

impl TrackConfig {
    /// The selector of an application.
    pub fn selector(&self, app: AppRef) -> AppSelector {
        AppSelector::new(app)
            .method(self.tracking)
            .label(self.label_key.clone())
            .installation(self.installation_id.clone())
    }
}
