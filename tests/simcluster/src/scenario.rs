//! Scenarios: YAML files that describe the events in a cluster over time.
//!
//! ```yaml
//! name: shop
//! description: A rollout of the shop that goes well.
//! speed: 1                    # virtual seconds in a real one
//! seed: 7                     # decides names, uids and how long the node takes
//! controllers: true           # false: nothing but the steps happens (the default with a recording)
//! application:                # an Argo CD Application and what it has deployed before the start
//!   name: shop
//!   namespace: argocd
//!   destination: shop-prod
//!   tracking: annotation      # label, annotation+label
//!   deployed: |
//!     kind: Deployment …
//! objects: |                  # what else exists at the start: manifests, one or many documents
//!   kind: Namespace …
//! steps:                      # each: `at`, from the start, and one thing that happens
//! - {at: 1s, sync: {manifests: "…"}}              # Argo CD syncs the application to these
//! - {at: 2s, apply: "…"}                          # as kubectl apply
//! - {at: 3s, delete: {resource: pods, namespace: shop-prod, name: web-}}
//! - {at: 4s, fire_cron_job: shop-prod/report}
//! - {at: 5s, application: {status: {conditions: []}}}  # a merge patch
//! - {at: 6s, fault: {on: {verb: log}, do: {kind: reset}}}
//! - {at: 7s, end_open: {on: {verb: watch}, do: {kind: end}}} # streams that are open now
//! - {at: 8s, clear_faults: true}
//! - {at: 9s, recording: 01-deployment-rollout-ok} # or {name: …, application: shop}
//! - {at: 10s, kubelet: down}                      # up
//! - {at: 11s, rotate: {pod: shop-prod/web-, container: app, how: follow}} # skip, repeat
//! - {at: 12s, put: "…"}                           # exactly this object, status and all
//! - {at: 13s, log: {pod: shop-prod/x, container: app, lines: "one\ntwo\n"}}
//! - {at: 14s, end_log: {pod: shop-prod/x, container: app}}
//! argocd: {follow: application}  # the script of the scripted argocd, kept as it is
//! ```
//!
//! What a container does is the annotation `simcluster/behaviour` of its pod (template), see
//! [`Behaviour`](crate::kubelet::Behaviour). A pod's name that ends with `-` means the newest pod
//! whose name begins so. In the objects of `put`, a string that is `$now`, `$now-90s` or `$now+5m`
//! becomes that time.

mod builtin;
mod check;
mod manifests;
mod span;
mod step;

#[cfg(test)]
#[path = "scenario_tests.rs"]
mod tests;

use std::path::Path;
use std::{fs, io};

use serde::Deserialize;

pub use builtin::{builtin, find};
pub use manifests::Manifests;
pub use step::{
    Action, Fault, LogLines, ObjectName, PodContainer, PodName, PowerState, RecordingStep, Rotate,
    Step, SyncStep,
};

use crate::application::ApplicationSpec;

/// A cluster and the events in it over time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Name of the scenario.
    pub name: String,
    /// Summary in a sentence or two.
    #[serde(default)]
    pub description: String,
    /// Number of virtual seconds in a real second.
    #[serde(default = "real_time")]
    pub speed: f64,
    /// Decides names, uids and how long the node takes.
    #[serde(default)]
    pub seed: u64,
    /// True if controllers and a kubelet run. Default: true unless a recording is played.
    #[serde(default)]
    pub controllers: Option<bool>,
    /// The Argo CD Application.
    #[serde(default)]
    pub application: Option<ApplicationSpec>,
    /// Further Applications, whose objects are there at the start; no step syncs them.
    #[serde(default)]
    pub others: Vec<ApplicationSpec>,
    /// Objects that exist at the start.
    #[serde(default)]
    pub objects: Manifests,
    /// Steps, in order of time.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// The script of the scripted argocd; not looked at here.
    #[serde(default)]
    pub argocd: Option<serde_yaml_ng::Value>,
}

/// The error of reading a scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("cannot read {file}")]
    Read {
        /// Path of the file.
        file: String,
        /// The cause.
        source: io::Error,
    },
    /// The file says something that no scenario says.
    #[error("{file}: {problem}")]
    Invalid {
        /// Path of the file.
        file: String,
        /// The problem, its place, and the right form.
        problem: String,
    },
}

impl Scenario {
    /// Reads a scenario from YAML; `file` is what errors call it.
    ///
    /// # Errors
    ///
    /// If it is no YAML or says something that no scenario says.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScenarioError> {
        let invalid = |problem| ScenarioError::Invalid {
            file: file.to_owned(),
            problem,
        };
        let mut scenario: Self =
            serde_yaml_ng::from_str(text).map_err(|error| invalid(error.to_string()))?;
        check::check(&scenario).map_err(invalid)?;
        scenario.steps.sort_by_key(|step| step.at);
        Ok(scenario)
    }

    /// Reads a scenario from a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, and as [`Scenario::parse`].
    pub fn open(path: &Path) -> Result<Self, ScenarioError> {
        let file = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&file, &text),
            Err(source) => Err(ScenarioError::Read { file, source }),
        }
    }

    /// Returns true if controllers and a kubelet run: by default if nothing recorded is
    /// played, for they would act on the recorded objects.
    #[must_use]
    pub fn has_controllers(&self) -> bool {
        let recorded = |step: &Step| matches!(step.action, Action::Recording(_));
        self.controllers
            .unwrap_or_else(|| !self.steps.iter().any(recorded))
    }
}

fn real_time() -> f64 {
    1.0
}
