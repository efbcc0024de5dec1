//! A cluster of hand-made objects without controllers, and what tracking makes of it.

use std::{collections::BTreeSet, pin::Pin, time::Duration};

use argo_core::{
    AppRef, Notice, TrackEvent,
    client::{self, Connection},
};
use argo_workloads::{TrackConfig, track};
use futures::{Stream, StreamExt};
use serde_json::{Value, json};
use simcluster::{
    api::ApiServer,
    clock::Clock,
    logs::Logs,
    store::{ResourceType, Store},
};
use tokio::time::timeout;

use crate::assistant::Folder;

/// A test fails if an answer takes longer, however busy the machine.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// A server with objects.
pub(crate) struct Hand {
    pub store: Store,
    pub server: ApiServer,
}

impl Hand {
    pub(crate) async fn new(objects: impl IntoIterator<Item = Value>) -> Self {
        let store = Store::new(Clock::new(1.0), 1);
        for (group, version, plural, kind) in [
            ("apps.kruise.io", "v1alpha1", "clonesets", "CloneSet"),
            ("db.example.com", "v1", "clusters", "Cluster"),
            ("zoo.example.com", "v1", "petsets", "PetSet"),
        ] {
            store.register(ResourceType::new(group, version, plural, kind));
        }
        for object in objects {
            store.put_raw(object).unwrap();
        }
        let server = ApiServer::builder(store.clone(), Logs::new());
        let server = server.start().await.unwrap();
        Self { store, server }
    }

    pub(crate) async fn connection(&self) -> Connection {
        connection(&self.server.kubeconfig()).await
    }

    pub(crate) async fn track(&self, app: &AppRef, config: TrackConfig) -> Told {
        let connection = self.connection().await;
        Told {
            events: Box::pin(track(connection.into(), app.clone(), config)),
            notices: Vec::new(),
        }
    }
}

/// A way to a cluster.
pub(crate) async fn connection(kubeconfig: &str) -> Connection {
    let folder = Folder::new("kubeconfig");
    let path = folder.write("config", kubeconfig);
    let options = client::Options::default().kubeconfig(path);
    client::connect(&options).await.unwrap()
}

/// Events and notices of the tracker.
pub(crate) struct Told {
    events: Pin<Box<dyn Stream<Item = TrackEvent> + Send>>,
    pub notices: Vec<Notice>,
}

impl Told {
    /// The next event; notices are kept aside too.
    pub(crate) async fn next(&mut self) -> TrackEvent {
        let next = timeout(LONGEST, self.events.next()).await;
        let event = next.expect("an event within a minute").unwrap();
        if let TrackEvent::Notice(notice) = &event {
            self.notices.push(notice.clone());
        }
        event
    }

    /// The next that is neither a notice nor about an Application, in [`word`]s.
    pub(crate) async fn word(&mut self) -> String {
        loop {
            if let Some(word) = word(&self.next().await) {
                return word;
            }
        }
    }

    /// All that is followed when everything is known.
    pub(crate) async fn until_synced(&mut self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        loop {
            let event = self.next().await;
            if matches!(event, TrackEvent::Synced) {
                return words;
            }
            words.extend(word(&event));
        }
    }

    /// One text for all notices.
    pub(crate) fn said(&self) -> String {
        let lines = self.notices.iter().map(|notice| {
            format!(
                "{}\n  {}\n",
                notice.message,
                notice.hint.as_deref().unwrap_or_default()
            )
        });
        lines.collect()
    }
}

/// `Pod shop/web-1-a < Deployment/web` where it is followed, with `-` before it where it
/// no longer is.
fn word(event: &TrackEvent) -> Option<String> {
    match event {
        TrackEvent::Applied(tracked) if &*tracked.object.kind.kind != "Application" => {
            let object = &tracked.object;
            let name = format!("{} {}/{}", object.kind.kind, object.namespace, object.name);
            let root = format!(" < {}", tracked.root);
            let root = if tracked.root.uid == object.uid {
                ""
            } else {
                &root
            };
            let hook = tracked.hook.as_ref().map(|hook| format!(" ({hook})"));
            Some(format!("{name}{root}{}", hook.unwrap_or_default()))
        }
        TrackEvent::Removed(object) if &*object.kind.kind != "Application" => Some(format!(
            "-{} {}/{}",
            object.kind.kind, object.namespace, object.name
        )),
        _ => None,
    }
}

fn api_version(kind: &str) -> &'static str {
    match kind {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => "apps/v1",
        "Job" | "CronJob" => "batch/v1",
        "CloneSet" => "apps.kruise.io/v1alpha1",
        "Cluster" => "db.example.com/v1",
        "PetSet" => "zoo.example.com/v1",
        "Application" | "Rollout" | "AnalysisRun" => "argoproj.io/v1alpha1",
        _ => "v1",
    }
}

fn group(kind: &str) -> &'static str {
    api_version(kind)
        .rsplit_once('/')
        .map_or("", |(group, _)| group)
}

/// An object that exists since long ago.
pub(crate) fn object(kind: &str, namespace: &str, name: &str) -> Value {
    let mut object = json!({"apiVersion": api_version(kind), "kind": kind, "metadata": {
        "name": name, "namespace": namespace, "uid": format!("{kind}-{namespace}-{name}"),
        "creationTimestamp": "2026-11-20T08:00:00Z"}});
    if kind == "Pod" {
        object["spec"] = json!({"containers": [{"name": "app", "image": "app:1"}]});
    }
    object
}

/// Adds the tracking id of the object. `app` is the first part: `shop`, `team-a_shop`.
pub(crate) fn of(app: &str, object: Value) -> Value {
    let id = tracking_id(app, &object);
    marked(&id, object)
}

/// Returns the tracking id that Argo CD writes on an object.
pub(crate) fn tracking_id(app: &str, object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (kind, meta) = (text(&object["kind"]), &object["metadata"]);
    let (namespace, name) = (text(&meta["namespace"]), text(&meta["name"]));
    format!("{app}:{}/{kind}:{namespace}/{name}", group(&kind))
}

/// Adds any tracking id.
pub(crate) fn marked(id: &str, object: Value) -> Value {
    annotated("argocd.argoproj.io/tracking-id", id, object)
}

/// Adds an annotation.
pub(crate) fn annotated(key: &str, value: &str, mut object: Value) -> Value {
    object["metadata"]["annotations"][key] = value.into();
    object
}

/// Adds the label by which Argo CD 2 tracks.
pub(crate) fn labelled(app: &str, mut object: Value) -> Value {
    object["metadata"]["labels"]["app.kubernetes.io/instance"] = app.into();
    object
}

/// Makes another object the owner.
pub(crate) fn owned(owner: &Value, mut object: Value) -> Value {
    object["metadata"]["ownerReferences"] = json!([{"apiVersion": owner["apiVersion"],
        "kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "controller": true}]);
    object
}

/// A Deployment of an application with its ReplicaSet, which has a copy of the id as in
/// every cluster, and a pod.
pub(crate) fn rollout_of(app: &str, namespace: &str, name: &str) -> Vec<Value> {
    chain(of(app, object("Deployment", namespace, name)))
}

/// A Deployment or Rollout with a ReplicaSet and a pod.
pub(crate) fn chain(top: Value) -> Vec<Value> {
    let namespace = top["metadata"]["namespace"].as_str().unwrap().to_owned();
    let name = top["metadata"]["name"].as_str().unwrap().to_owned();
    let mut set = owned(&top, object("ReplicaSet", &namespace, &format!("{name}-1")));
    for copied in ["annotations", "labels"] {
        if let Some(value) = top["metadata"].get(copied) {
            set["metadata"][copied] = value.clone();
        }
    }
    let pod = owned(&set, object("Pod", &namespace, &format!("{name}-1-a")));
    vec![top, set, pod]
}

/// The Application, which Argo CD in `argocd` has synced to some namespaces.
pub(crate) fn application(namespace: &str, name: &str, namespaces: &[&str]) -> Value {
    let mut app = object("Application", namespace, name);
    let resources: Vec<_> = namespaces
        .iter()
        .map(|namespace| json!({"kind": "Service", "name": "s", "namespace": namespace}))
        .collect();
    app["spec"] = json!({"destination": {"server": "https://kubernetes.default.svc"}});
    app["status"] = json!({"resources": resources, "controllerNamespace": "argocd"});
    app
}
