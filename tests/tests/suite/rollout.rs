//! A scenario on a simulated cluster, and the program that watches it.

use std::{collections::BTreeMap, path::PathBuf};

use argo_core::AppRef;
use argo_tests::demo;
use serde_json::Value;
use simcluster::{
    api::{LoggedRequest, Match},
    cluster::{Cluster, Options},
    scenario::{self, Scenario},
};

use crate::assistant::{Assistant, Ended, Folder, Running, until};

/// A cluster on which something is rolled out.
pub(crate) struct Rollout {
    pub(crate) cluster: Cluster,
    scenario: Scenario,
    speed: f64,
    folder: Folder,
}

impl Rollout {
    /// Plays a scenario that ships with simcluster.
    pub(crate) async fn named(name: &str, speed: f64) -> Self {
        Self::of(scenario::find(name).unwrap(), speed).await
    }

    /// Plays one that is written in the test.
    pub(crate) async fn written(text: &str, speed: f64) -> Self {
        Self::of(Scenario::parse("test.yaml", text).unwrap(), speed).await
    }

    /// Plays a written one behind TLS and a token, which is `simcluster` or `simcluster-2`.
    pub(crate) async fn secured(text: &str, speed: f64) -> Self {
        let options = Options {
            tls: true,
            ..Options::default()
        };
        Self::with(Scenario::parse("test.yaml", text).unwrap(), speed, options).await
    }

    async fn of(scenario: Scenario, speed: f64) -> Self {
        Self::with(scenario, speed, Options::default()).await
    }

    async fn with(scenario: Scenario, speed: f64, options: Options) -> Self {
        let options = Options {
            speed: Some(speed),
            ..options
        };
        Self {
            cluster: Cluster::start(&scenario, options).await.unwrap(),
            scenario,
            speed,
            folder: Folder::new("rollout"),
        }
    }

    /// Waits until the sync has begun: before it argocd would find everything well.
    pub(crate) async fn begun(self) -> Self {
        demo::begins(&self.cluster, &self.scenario).await.unwrap();
        self
    }

    /// The application of the scenario.
    pub(crate) fn app(&self) -> AppRef {
        let application = self.scenario.application.as_ref().unwrap();
        AppRef::new(&application.name, &application.namespace)
    }

    /// `argo-assistant COMMAND APP NAMESPACE FLAGS` on this cluster. argocd follows the
    /// Application unless there is a script.
    pub(crate) fn command(&self, command: &str, flags: &[&str]) -> Assistant {
        let application = self.scenario.application.as_ref().unwrap();
        let target = [command, &application.name, &application.namespace];
        Assistant::new(&[&target, flags].concat())
            .kubeconfig(&self.cluster.kubeconfig())
            .env("ARGO_SIM_SERVER", self.cluster.url())
            .env("ARGO_SPEED", self.speed.to_string())
    }

    /// `sync`, which looks no longer once argocd is content.
    pub(crate) fn sync(&self, flags: &[&str]) -> Assistant {
        self.command("sync", &[&["--settle", "0"], flags].concat())
    }

    /// `sync` with an argocd that exits with 0 when [`finish`](Self::finish) says so.
    pub(crate) fn watched(&self, flags: &[&str]) -> Assistant {
        let script = format!("steps: [{{await: {:?}}}]", self.go());
        self.sync(flags).script(&script)
    }

    /// The file for which the argocd of [`watched`](Self::watched) waits.
    pub(crate) fn go(&self) -> PathBuf {
        self.folder.path().join("go")
    }

    /// Lets the argocd of [`watched`](Self::watched) exit.
    pub(crate) async fn finish(&self, run: Running) -> Ended {
        std::fs::write(self.go(), "").unwrap();
        run.end().await
    }

    /// Waits until so many streams that match are open.
    pub(crate) async fn open(&self, on: Match, count: usize) {
        let faults = self.cluster.api().faults();
        until("open streams", || faults.open(&on) >= count).await;
    }

    /// Waits until no stream that matches is open.
    pub(crate) async fn closed(&self, on: Match) {
        let faults = self.cluster.api().faults();
        until("end of streams", || faults.open(&on) == 0).await;
    }

    /// Waits until a request for such objects was answered with this status.
    pub(crate) async fn refused(&self, resource: &str, status: u16) {
        let api = self.cluster.api();
        let is = |it: &LoggedRequest| it.resource == resource && it.status == status;
        until("refusal", || api.requests().iter().any(is)).await;
    }
}

/// Requests of one verb for one kind of object.
pub(crate) fn on(verb: &str, resource: &str) -> Match {
    Match {
        verb: Some(verb.to_owned()),
        resource: Some(resource.to_owned()),
        ..Match::default()
    }
}

/// Parses the output with `LOG_FORMAT=json`: every line is an object.
pub(crate) fn records(ended: &Ended) -> Vec<Value> {
    let parse = |line| match serde_json::from_str::<Value>(line) {
        Ok(record) if record.is_object() => record,
        other => panic!("{other:?}: {line}"),
    };
    ended.stdout.lines().map(parse).collect()
}

/// The log lines of the records, by `pod/container`, in the order in which they were printed.
pub(crate) fn logs(records: &[Value]) -> BTreeMap<String, Vec<String>> {
    let mut logs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in records.iter().filter(|record| record["kind"] == "log") {
        let field = |name: &str| record[name].as_str().unwrap().to_owned();
        let container = format!("{}/{}", field("pod"), field("container"));
        logs.entry(container).or_default().push(field("msg"));
    }
    logs
}

/// The messages of one kind of record.
pub(crate) fn messages<'a>(records: &'a [Value], kind: &str) -> Vec<&'a str> {
    let of_kind = records.iter().filter(|record| record["kind"] == kind);
    of_kind
        .map(|record| record["msg"].as_str().unwrap())
        .collect()
}
