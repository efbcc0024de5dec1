//! Argo CD's application controller, for one Application.
//!
//! An [`ApplicationController`] owns one `Application` object (argoproj.io/v1alpha1). A sync marks
//! manifests with the tracking id, applies them phase by phase and wave by wave, waits for hooks,
//! and writes `operationState`; beside it, whatever changes in the cluster is compared with what is
//! wanted and becomes `status.sync`, `status.health` and `status.resources`. Messages, order of
//! writes and delays are those of Argo CD 3.5 (`gitops-engine/pkg/sync`), checked against recorded
//! Applications: an operation without hooks and waves ends when everything is applied, healthy or
//! not; between waves it waits two seconds; a resource has no health of its own
//! (`resourceHealthSource: appTree`).
//!
//! Left out: git and manifest generation (so no ComparisonError but by a patch), automated sync and
//! retries, sync windows, selective sync, `SyncFail` order among themselves, resource hooks of Helm,
//! server-side apply, ignoreDifferences, Lua health checks except that of CronJobs, app of apps.

mod apply;
mod controller;
mod health;
mod object;
mod operation;
mod plan;
mod tracking;

#[cfg(test)]
#[path = "application_tests.rs"]
mod tests;

use serde::Deserialize;

use crate::scenario::Manifests;

pub use apply::{Applied, apply};
pub use controller::ApplicationController;
pub use health::{Health, HealthStatus, health};
pub use tracking::Tracking;

/// The Application of a scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationSpec {
    /// Its name.
    pub name: String,
    /// Its namespace.
    #[serde(default = "argocd")]
    pub namespace: String,
    /// `spec.destination.namespace`.
    pub destination: String,
    /// Namespace of Argo CD; outside of it a tracking id begins with `<namespace>_<name>`.
    #[serde(default = "argocd")]
    pub controller_namespace: String,
    /// Marks on the objects that belong to the Application.
    #[serde(default)]
    pub tracking: Tracking,
    /// Objects that it has deployed before the start.
    #[serde(default)]
    pub deployed: Manifests,
}

impl ApplicationSpec {
    /// The first part of its tracking ids.
    #[must_use]
    pub fn instance(&self) -> String {
        if self.namespace == self.controller_namespace {
            self.name.clone()
        } else {
            format!("{}_{}", self.namespace, self.name)
        }
    }
}

fn argocd() -> String {
    "argocd".to_owned()
}
