//! A scenario, running.

mod script;
mod settle;
mod times;

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;

use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::{ApiServer, Token};
use crate::application::{ApplicationController, apply};
use crate::clock::Clock;
use crate::controllers::Controllers;
use crate::kubelet::Kubelet;
use crate::logs::Logs;
use crate::player::Player;
use crate::scenario::Scenario;
use crate::store::{Store, StoreError};

pub use script::StepError;

/// Overrides of the settings in a scenario.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Virtual seconds in a real one.
    pub speed: Option<f64>,
    /// Decides names, uids and delays.
    pub seed: Option<u64>,
    /// Time of the clock at the start. Default: the real time.
    pub time: Option<Timestamp>,
    /// True if the API server speaks TLS.
    pub tls: bool,
    /// Its port; 0 is any free one.
    pub port: u16,
}

/// The error of starting a cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The API server does not start.
    #[error("cannot start the API server on port {port}")]
    Serve {
        /// The port asked for.
        port: u16,
        /// The cause.
        source: io::Error,
    },
    /// An object of the start cannot be stored.
    #[error("scenario {scenario}: an object of the start cannot be stored")]
    Objects {
        /// Name of the scenario.
        scenario: String,
        /// The cause.
        source: StoreError,
    },
}

/// A running cluster; it stops when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    parts: Arc<Parts>,
    api: ApiServer,
    script: JoinHandle<()>,
    outcome: watch::Receiver<Option<Result<(), StepError>>>,
    argocd: Option<serde_yaml_ng::Value>,
}

/// The parts of the cluster that the steps of a scenario change.
#[derive(Debug)]
struct Parts {
    store: Store,
    logs: Logs,
    kubelet: Option<Kubelet>,
    controllers: Option<Controllers>,
    application: Option<ApplicationController>,
    /// They only have to live.
    _others: Vec<ApplicationController>,
}

impl Cluster {
    /// Starts a cluster, waits until what exists at the start is well (at most 20 virtual seconds),
    /// serves it, and begins with the steps.
    ///
    /// # Errors
    ///
    /// If the port is taken or an object of the start cannot be stored.
    pub async fn start(scenario: &Scenario, options: Options) -> Result<Self, ClusterError> {
        let seed = options.seed.unwrap_or(scenario.seed);
        let time = options.time.unwrap_or_else(Timestamp::now);
        let clock = Clock::starting_at(time, options.speed.unwrap_or(scenario.speed));
        let (store, logs) = (Store::new(clock, seed), Logs::new());
        let parts = Parts::start(scenario, store.clone(), logs.clone(), seed);
        let parts = Arc::new(parts.map_err(|source| ClusterError::Objects {
            scenario: scenario.name.clone(),
            source,
        })?);
        if parts.kubelet.is_some() {
            settle::settle(&store).await;
        }
        // Over TLS kubectl asks for a name and a password if its kubeconfig has no credentials.
        let tokens = ["simcluster", "simcluster-2"].map(|token| Token {
            token: token.to_owned(),
            user: "admin".to_owned(),
        });
        let tokens = options.tls.then_some(tokens).into_iter().flatten();
        let builder = ApiServer::builder(store.clone(), logs.clone()).tokens(tokens);
        let api = builder.port(options.port).tls(options.tls).start().await;
        let api = api.map_err(|source| ClusterError::Serve {
            port: options.port,
            source,
        })?;
        let (sender, outcome) = watch::channel(None);
        let script = script::Script {
            parts: Arc::clone(&parts),
            faults: api.faults().clone(),
            player: Player::new(store, logs),
            instance: scenario.application.as_ref().map(|it| it.instance()),
        };
        let steps = scenario.steps.clone();
        let script = tokio::spawn(async move {
            sender.send_replace(Some(script.run(steps).await));
        });
        Ok(Self {
            parts,
            api,
            script,
            outcome,
            argocd: scenario.argocd.clone(),
        })
    }

    /// A kubeconfig for it.
    #[must_use]
    pub fn kubeconfig(&self) -> String {
        self.api.kubeconfig()
    }

    /// Returns the URL of the API server.
    #[must_use]
    pub fn url(&self) -> String {
        self.api.url()
    }

    /// The API server.
    #[must_use]
    pub fn api(&self) -> &ApiServer {
        &self.api
    }

    /// The API server, to stop or restart it.
    pub fn api_mut(&mut self) -> &mut ApiServer {
        &mut self.api
    }

    /// The objects.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.parts.store
    }

    /// The logs.
    #[must_use]
    pub fn logs(&self) -> &Logs {
        &self.parts.logs
    }

    /// The kubelet, if one runs.
    #[must_use]
    pub fn kubelet(&self) -> Option<&Kubelet> {
        self.parts.kubelet.as_ref()
    }

    /// The controllers, if they run.
    #[must_use]
    pub fn controllers(&self) -> Option<&Controllers> {
        self.parts.controllers.as_ref()
    }

    /// The script of the scripted argocd.
    #[must_use]
    pub fn argocd(&self) -> Option<&serde_yaml_ng::Value> {
        self.argocd.as_ref()
    }

    /// Waits until all steps are over, syncs and recordings included. The cluster runs on.
    ///
    /// # Errors
    ///
    /// If a step could not be carried out; the steps after it were not.
    pub async fn finished(&self) -> Result<(), StepError> {
        let mut outcome = self.outcome.clone();
        match outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Ok(())),
            Err(_) => Ok(()),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.script.abort();
    }
}

impl Parts {
    fn start(scenario: &Scenario, store: Store, logs: Logs, seed: u64) -> Result<Self, StoreError> {
        let runs = scenario.has_controllers();
        let kubelet = runs.then(|| Kubelet::start(store.clone(), logs.clone(), seed));
        let controllers = runs.then(|| Controllers::start(store.clone(), seed));
        for object in &scenario.objects.0 {
            apply(&store, object)?;
        }
        let application = scenario.application.clone();
        let application = application
            .map(|spec| ApplicationController::start(store.clone(), spec))
            .transpose()?;
        let others = scenario.others.iter().cloned();
        let others = others.map(|spec| ApplicationController::start(store.clone(), spec));
        Ok(Self {
            _others: others.collect::<Result<_, _>>()?,
            store,
            logs,
            kubelet,
            controllers,
            application,
        })
    }
}
