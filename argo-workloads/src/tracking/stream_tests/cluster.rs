//! An API server made of a map.

use super::*;

/// The objects that are served, by path of the collection.
#[derive(Default)]
pub(super) struct State {
    pub(super) objects: BTreeMap<String, Vec<Value>>,
    pub(super) refused: HashMap<String, u16>,
    /// Changes that a watch has not had yet.
    pub(super) changes: HashMap<String, Vec<String>>,
    pub(super) requests: Vec<String>,
    /// Applications may be listed with a field selector alone.
    pub(super) by_name_only: bool,
    pub(super) version: u64,
}

#[derive(Clone, Default)]
pub(super) struct Cluster {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) changed: Arc<Notify>,
}

pub(super) const SERVED: [&str; 9] = [
    "pods",
    "persistentvolumeclaims",
    "deployments",
    "replicasets",
    "statefulsets",
    "daemonsets",
    "jobs",
    "cronjobs",
    "horizontalpodautoscalers",
];

impl Cluster {
    pub(super) fn connection(&self) -> Connection {
        let cluster = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (cluster, uri) = (cluster.clone(), request.uri().clone());
            let accept = request.headers().get("accept").cloned();
            let metadata =
                accept.is_some_and(|accept| accept.to_str().unwrap().contains("Partial"));
            async move { Ok::<_, Infallible>(cluster.answer(&uri, metadata).await) }
        });
        Client::new(service, "default").into()
    }

    pub(super) fn clients(&self) -> Clients {
        self.connection().into()
    }

    pub(super) fn set(&self, collection: &str, objects: &[Value]) -> &Self {
        let mut state = self.state.lock().unwrap();
        for object in objects {
            state.version += 1;
            let mut object = object.clone();
            object["metadata"]["resourceVersion"] = state.version.to_string().into();
            state
                .objects
                .entry(collection.to_owned())
                .or_default()
                .push(object);
        }
        self
    }

    /// A change as a watch tells it, noted for lists too.
    pub(super) fn change(&self, collection: &str, type_: &str, object: &Value) {
        let mut state = self.state.lock().unwrap();
        state.version += 1;
        let mut object = object.clone();
        object["metadata"]["resourceVersion"] = state.version.to_string().into();
        let there = state.objects.entry(collection.to_owned()).or_default();
        there.retain(|other| other["metadata"]["uid"] != object["metadata"]["uid"]);
        if type_ != "DELETED" {
            there.push(object.clone());
        }
        // Servers write the type first.
        let change = format!(r#"{{"type":"{type_}","object":{object}}}"#);
        state
            .changes
            .entry(collection.to_owned())
            .or_default()
            .push(change);
        self.changed.notify_waiters();
    }

    /// The watch has to list again; what happened meanwhile is only in the list.
    pub(super) fn expire(&self, collection: &str) {
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "too old resource version", "reason": "Expired", "code": 410});
        let mut state = self.state.lock().unwrap();
        let expired = vec![format!(r#"{{"type":"ERROR","object":{status}}}"#)];
        state.changes.insert(collection.to_owned(), expired);
        self.changed.notify_waiters();
    }

    pub(super) fn refuse(&self, collection: &str, code: u16) -> &Self {
        self.state
            .lock()
            .unwrap()
            .refused
            .insert(collection.to_owned(), code);
        self
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    pub(super) async fn answer(&self, uri: &http::Uri, metadata: bool) -> Response<Body> {
        self.state.lock().unwrap().requests.push(uri.to_string());
        let path = uri.path();
        let query = uri.query().unwrap_or_default();
        let name = query.split("metadata.name%3D").nth(1);
        let name = name.map(|rest| rest.split('&').next().unwrap());
        if self.state.lock().unwrap().by_name_only && path == APPLICATIONS && name.is_none() {
            return refusal(403, path);
        }
        if !query.contains("watch=") {
            return self.list_or_get(path, name, metadata);
        }
        loop {
            let changed = self.changed.notified();
            let changes = self.state.lock().unwrap().changes.remove(path);
            if let Some(changes) = changes {
                let lines: String = changes.iter().map(|change| format!("{change}\n")).collect();
                return respond(200, lines);
            }
            changed.await;
        }
    }

    pub(super) fn list_or_get(
        &self,
        path: &str,
        name: Option<&str>,
        metadata: bool,
    ) -> Response<Body> {
        let state = self.state.lock().unwrap();
        if let Some(code) = state.refused.get(path) {
            return refusal(*code, path);
        }
        if let Some(resources) = discovery(path) {
            return respond(200, resources.to_string());
        }
        let (parent, last) = path.rsplit_once('/').unwrap();
        if let Some(objects) = state.objects.get(parent) {
            let found = objects
                .iter()
                .find(|object| object["metadata"]["name"] == last);
            return match found {
                Some(found) if metadata => {
                    respond(200, json!({"metadata": found["metadata"]}).to_string())
                }
                Some(found) => respond(200, found.to_string()),
                None => refusal(404, path),
            };
        }
        let objects = state.objects.get(path);
        if objects.is_none() && !SERVED.contains(&last) {
            return refusal(404, path);
        }
        let version = json!({"resourceVersion": state.version.to_string()});
        let mut items = objects.cloned().unwrap_or_default();
        items.retain(|item| name.is_none_or(|name| item["metadata"]["name"] == name));
        let list = json!({"kind": "List", "apiVersion": "v1", "metadata": version, "items": items});
        respond(200, list.to_string())
    }
}

pub(super) fn discovery(path: &str) -> Option<Value> {
    (path == "/apis/apps.kruise.io/v1alpha1").then(|| {
        json!({"kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": "apps.kruise.io/v1alpha1", "resources": [{
            "name": "clonesets", "singularName": "cloneset", "namespaced": true,
            "kind": "CloneSet", "verbs": ["get", "list", "watch"]}]})
    })
}

pub(super) fn respond(code: u16, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into_bytes()));
    *response.status_mut() = code.try_into().unwrap();
    response
}

pub(super) fn refusal(code: u16, path: &str) -> Response<Body> {
    let message = match code {
        403 => format!("it is forbidden: User \"ci\" cannot list resource \"{path}\""),
        _ => format!("{path} not found"),
    };
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": "x", "code": code});
    respond(code, status.to_string())
}

pub(super) fn api_version(kind: &str) -> &'static str {
    match kind {
        "Deployment" | "ReplicaSet" | "StatefulSet" => "apps/v1",
        "Job" => "batch/v1",
        "CloneSet" => "apps.kruise.io/v1alpha1",
        "Application" => "argoproj.io/v1alpha1",
        _ => "v1",
    }
}

pub(super) fn object(kind: &str, namespace: &str, name: &str) -> Value {
    json!({"apiVersion": api_version(kind), "kind": kind, "metadata": {
        "name": name, "namespace": namespace, "uid": format!("{kind}-{name}"),
        "creationTimestamp": "2026-11-23T22:00:00Z"}})
}

/// Adds the tracking id of an application.
pub(super) fn of(app: &str, mut object: Value) -> Value {
    let kind = object["kind"].as_str().unwrap();
    let group = api_version(kind)
        .rsplit_once('/')
        .map_or("", |(group, _)| group);
    let (namespace, name) = (
        &object["metadata"]["namespace"],
        &object["metadata"]["name"],
    );
    let id = format!(
        "{app}:{group}/{kind}:{}/{}",
        namespace.as_str().unwrap(),
        name.as_str().unwrap()
    );
    object["metadata"]["annotations"] = json!({"argocd.argoproj.io/tracking-id": id});
    object
}

/// Adds an owner.
pub(super) fn owned(mut object: Value, kind: &str, name: &str) -> Value {
    object["metadata"]["ownerReferences"] = json!([{"apiVersion": api_version(kind),
        "kind": kind, "name": name, "uid": format!("{kind}-{name}"), "controller": true}]);
    object
}

pub(super) fn application(name: &str, namespaces: &[&str]) -> Value {
    let mut app = object("Application", "argocd", name);
    let resources: Vec<_> = namespaces
        .iter()
        .map(|namespace| json!({"kind": "Service", "name": "s", "namespace": namespace}))
        .collect();
    app["spec"] = json!({"destination": {"server": "https://kubernetes.default.svc"}});
    app["status"] = json!({"resources": resources, "controllerNamespace": "argocd"});
    app
}

pub(super) const APPLICATIONS: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications";

/// A Deployment with its ReplicaSet and a pod in namespace `shop`.
pub(super) fn shop() -> Cluster {
    let cluster = Cluster::default();
    cluster
        .set(APPLICATIONS, &[application("shop", &["shop"])])
        .set(
            "/apis/apps/v1/namespaces/shop/deployments",
            &[of("shop", object("Deployment", "shop", "web"))],
        )
        .set(
            "/apis/apps/v1/namespaces/shop/replicasets",
            &[owned(
                object("ReplicaSet", "shop", "web-1"),
                "Deployment",
                "web",
            )],
        )
        .set(
            "/api/v1/namespaces/shop/pods",
            &[owned(
                object("Pod", "shop", "web-1-a"),
                "ReplicaSet",
                "web-1",
            )],
        );
    cluster
}
