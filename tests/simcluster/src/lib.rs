//! A simulated Kubernetes cluster.
//!
//! A real HTTP server on 127.0.0.1 that speaks enough of the Kubernetes API for kube, kubectl and
//! stern, with controllers, a kubelet and an Argo CD application behind it, all driven by a
//! [`Scenario`](scenario::Scenario): a YAML file that says what exists, what is deployed when, what
//! containers do, and what goes wrong. Time is virtual and may run faster than the world's; a
//! scenario with the same seed gives the same names, uids and delays.
//!
//! # Layers
//!
//! Each stands on those above it and can be used without those below:
//!
//! - [`clock`]: the time; [`store`]: objects with versions and watches; [`logs`]: what containers
//!   write, as files on a node that rotate and vanish;
//! - [`api`]: the API server over the two, with [`Faults`](api::Faults);
//! - [`controllers`] and [`kubelet`]: they turn a Deployment into pods whose containers follow a
//!   script, with the statuses, Events and delays of a recorded cluster;
//! - [`application`]: Argo CD's controller for one Application; [`player`]: plays recordings of a
//!   real cluster instead;
//! - [`scenario`]: the file; [`cluster`]: all of it, running.
//!
//! # A whole program
//!
//! ```
//! use simcluster::cluster::{Cluster, Options};
//! use simcluster::scenario::Scenario;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let scenario = Scenario::parse("example.yaml", r#"
//! name: example
//! description: A Deployment of one pod that says hello.
//! steps:
//! - at: 0s
//!   apply:
//!     apiVersion: apps/v1
//!     kind: Deployment
//!     metadata: {name: web, namespace: shop}
//!     spec:
//!       selector: {matchLabels: {app: web}}
//!       template:
//!         metadata:
//!           labels: {app: web}
//!           annotations:
//!             simcluster/behaviour: |
//!               app: {run: [{log: hello}, {forever: true}]}
//!         spec: {containers: [{name: app, image: web:1}]}
//! "#)?;
//! let options = Options { speed: Some(100.0), ..Options::default() };
//! let cluster = Cluster::start(&scenario, options).await?;
//! // Give `cluster.kubeconfig()` to kube or kubectl, then:
//! cluster.finished().await?;
//! # assert!(cluster.url().starts_with("http://127.0.0.1:"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })
//! # }
//! ```
//!
//! The binary `simcluster` does the same for a shell: `simcluster shop` prints the
//! `export KUBECONFIG=…` to use. Scenarios that ship with the crate: `simcluster --list`.
//!
//! # What it leaves out
//!
//! One node, no resources and no scheduling by them; no Services that route, no volumes with
//! data; no admission and no validation beyond names. Each module says more about itself.

pub mod api;
pub mod application;
pub mod clock;
pub mod cluster;
pub mod controllers;
pub mod kubelet;
pub mod logs;
pub mod player;
pub mod scenario;
pub mod store;
