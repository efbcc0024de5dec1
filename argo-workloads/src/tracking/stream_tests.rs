// The stream against an API server made of a map, with paused time.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use argo_core::{AppRef, Level, Notice, NoticeCode, TrackEvent, client::Connection};
use futures::{Stream, StreamExt};
use http::{Request, Response};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{Clients, TrackConfig, WorkloadKind, builtin, explain, snapshot, track};

/// The objects that are served, by path of the collection.
#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<Value>>,
    refused: HashMap<String, u16>,
    /// Changes that a watch has not had yet.
    changes: HashMap<String, Vec<Value>>,
    requests: Vec<String>,
    /// Applications may be listed with a field selector alone.
    by_name_only: bool,
    version: u64,
}

#[derive(Clone, Default)]
struct Cluster {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

const SERVED: [&str; 9] = [
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
    fn connection(&self) -> Connection {
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

    fn clients(&self) -> Clients {
        self.connection().into()
    }

    fn set(&self, collection: &str, objects: &[Value]) -> &Self {
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
    fn change(&self, collection: &str, type_: &str, object: &Value) {
        let mut state = self.state.lock().unwrap();
        state.version += 1;
        let mut object = object.clone();
        object["metadata"]["resourceVersion"] = state.version.to_string().into();
        let there = state.objects.entry(collection.to_owned()).or_default();
        there.retain(|other| other["metadata"]["uid"] != object["metadata"]["uid"]);
        if type_ != "DELETED" {
            there.push(object.clone());
        }
        let change = json!({"type": type_, "object": object});
        state
            .changes
            .entry(collection.to_owned())
            .or_default()
            .push(change);
        self.changed.notify_waiters();
    }

    /// The watch has to list again; what happened meanwhile is only in the list.
    fn expire(&self, collection: &str) {
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "too old resource version", "reason": "Expired", "code": 410});
        let mut state = self.state.lock().unwrap();
        let expired = vec![json!({"type": "ERROR", "object": status})];
        state.changes.insert(collection.to_owned(), expired);
        self.changed.notify_waiters();
    }

    fn refuse(&self, collection: &str, code: u16) -> &Self {
        self.state
            .lock()
            .unwrap()
            .refused
            .insert(collection.to_owned(), code);
        self
    }

    fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    async fn answer(&self, uri: &http::Uri, metadata: bool) -> Response<Body> {
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

    fn list_or_get(&self, path: &str, name: Option<&str>, metadata: bool) -> Response<Body> {
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

fn discovery(path: &str) -> Option<Value> {
    (path == "/apis/apps.kruise.io/v1alpha1").then(|| {
        json!({"kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": "apps.kruise.io/v1alpha1", "resources": [{
            "name": "clonesets", "singularName": "cloneset", "namespaced": true,
            "kind": "CloneSet", "verbs": ["get", "list", "watch"]}]})
    })
}

fn respond(code: u16, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into_bytes()));
    *response.status_mut() = code.try_into().unwrap();
    response
}

fn refusal(code: u16, path: &str) -> Response<Body> {
    let message = match code {
        403 => format!("it is forbidden: User \"ci\" cannot list resource \"{path}\""),
        _ => format!("{path} not found"),
    };
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": "x", "code": code});
    respond(code, status.to_string())
}

fn api_version(kind: &str) -> &'static str {
    match kind {
        "Deployment" | "ReplicaSet" | "StatefulSet" => "apps/v1",
        "Job" => "batch/v1",
        "CloneSet" => "apps.kruise.io/v1alpha1",
        "Application" => "argoproj.io/v1alpha1",
        _ => "v1",
    }
}

fn object(kind: &str, namespace: &str, name: &str) -> Value {
    json!({"apiVersion": api_version(kind), "kind": kind, "metadata": {
        "name": name, "namespace": namespace, "uid": format!("{kind}-{name}"),
        "creationTimestamp": "2026-11-23T22:00:00Z"}})
}

/// The same with a tracking id of an application.
fn of(app: &str, mut object: Value) -> Value {
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

/// The same, owned.
fn owned(mut object: Value, kind: &str, name: &str) -> Value {
    object["metadata"]["ownerReferences"] = json!([{"apiVersion": api_version(kind),
        "kind": kind, "name": name, "uid": format!("{kind}-{name}"), "controller": true}]);
    object
}

fn application(name: &str, namespaces: &[&str]) -> Value {
    let mut app = object("Application", "argocd", name);
    let resources: Vec<_> = namespaces
        .iter()
        .map(|namespace| json!({"kind": "Service", "name": "s", "namespace": namespace}))
        .collect();
    app["spec"] = json!({"destination": {"server": "https://kubernetes.default.svc"}});
    app["status"] = json!({"resources": resources, "controllerNamespace": "argocd"});
    app
}

const APPLICATIONS: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications";

/// A Deployment with its ReplicaSet and a pod in namespace `shop`.
fn shop() -> Cluster {
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

fn config() -> TrackConfig {
    TrackConfig {
        started: "2026-11-23T23:00:00Z".parse().unwrap(),
        ..TrackConfig::default()
    }
}

struct Told {
    events: Pin<Box<dyn Stream<Item = TrackEvent> + Send>>,
    notices: Vec<Notice>,
}

impl Told {
    fn new(cluster: &Cluster, config: TrackConfig) -> Self {
        let events = track(cluster.clients(), AppRef::new("shop", "argocd"), config);
        Self {
            events: Box::pin(events),
            notices: Vec::new(),
        }
    }

    /// `+Kind/name < root`, `-Kind/name`, `synced`, `app NAME`; notices are kept apart.
    async fn next(&mut self) -> String {
        loop {
            match self.events.next().await.unwrap() {
                TrackEvent::Notice(notice) => self.notices.push(notice),
                event => return word(&event).unwrap(),
            }
        }
    }

    async fn until_synced(&mut self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        loop {
            let word = self.next().await;
            if word == "synced" {
                return words;
            }
            assert!(words.insert(word.clone()), "{word} twice");
        }
    }

    async fn notice(&mut self) -> Notice {
        loop {
            match self.events.next().await.unwrap() {
                TrackEvent::Notice(notice) => return notice,
                event => drop(event),
            }
        }
    }

    /// Nothing is told for a while.
    async fn silent(&mut self, seconds: u64) {
        let event = tokio::time::timeout(Duration::from_secs(seconds), self.events.next()).await;
        assert!(event.is_err(), "{event:?}");
    }
}

fn word(event: &TrackEvent) -> Option<String> {
    Some(match event {
        TrackEvent::Applied(tracked) if tracked.object == tracked.root => {
            format!("+{}", tracked.object)
        }
        TrackEvent::Applied(tracked) => format!("+{} < {}", tracked.object, tracked.root),
        TrackEvent::Removed(object) => format!("-{object}"),
        TrackEvent::Synced => "synced".to_owned(),
        TrackEvent::Application(app) => format!("app {}", app.metadata.name.as_deref().unwrap()),
        _ => return None,
    })
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

const SHOP: [&str; 5] = [
    "+Application/shop",
    "app shop",
    "+Deployment/web",
    "+ReplicaSet/web-1 < Deployment/web",
    "+Pod/web-1-a < Deployment/web",
];

#[tokio::test(start_paused = true)]
async fn everything_that_an_application_owns_and_then_what_changes() {
    let cluster = shop();
    cluster.set(
        "/api/v1/namespaces/shop/pods",
        &[object("Pod", "shop", "stranger")],
    );
    let mut told = Told::new(&cluster, config());
    assert_eq!(told.until_synced().await, set(&SHOP));
    let pods = "/api/v1/namespaces/shop/pods";
    let pod = owned(object("Pod", "shop", "web-1-b"), "ReplicaSet", "web-1");
    cluster.change(pods, "ADDED", &pod);
    assert_eq!(told.next().await, "+Pod/web-1-b < Deployment/web");
    cluster.change(pods, "DELETED", &pod);
    assert_eq!(told.next().await, "-Pod/web-1-b");
    // Not even that Argo Rollouts is not installed.
    told.silent(3600).await;
    assert!(told.notices.is_empty(), "{:?}", told.notices);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_lists_again_says_only_what_is_new() {
    let cluster = shop();
    let mut told = Told::new(&cluster, config());
    told.until_synced().await;
    let pods = "/api/v1/namespaces/shop/pods";
    cluster.state.lock().unwrap().objects.remove(pods);
    let fresh = owned(object("Pod", "shop", "web-1-b"), "ReplicaSet", "web-1");
    cluster.set(pods, &[fresh]).expire(pods);
    cluster.expire("/apis/apps/v1/namespaces/shop/deployments");
    assert_eq!(told.next().await, "+Pod/web-1-b < Deployment/web");
    assert_eq!(told.next().await, "-Pod/web-1-a");
    told.silent(600).await;
}

#[tokio::test(start_paused = true)]
async fn namespaces_follow_the_application() {
    let cluster = shop();
    let mut told = Told::new(&cluster, config());
    told.until_synced().await;
    let jobs = "/apis/batch/v1/namespaces/jobs/jobs";
    let mut hook = of("shop", object("Job", "jobs", "migrate"));
    hook["metadata"]["annotations"]["argocd.argoproj.io/hook"] = "PreSync".into();
    cluster.set(jobs, &[hook]);
    cluster.change(
        APPLICATIONS,
        "MODIFIED",
        &application("shop", &["shop", "jobs"]),
    );
    let words = [told.next().await, told.next().await, told.next().await];
    assert_eq!(words, ["+Application/shop", "app shop", "+Job/migrate"]);
    // What was found elsewhere stays.
    cluster.change(APPLICATIONS, "MODIFIED", &application("shop", &["jobs"]));
    assert_eq!(told.next().await, "+Application/shop");
    assert_eq!(told.next().await, "app shop");
    cluster.change(
        "/api/v1/namespaces/shop/pods",
        "DELETED",
        &object("Pod", "shop", "web-1-a"),
    );
    assert_eq!(told.next().await, "-Pod/web-1-a");
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_may_not_be_listed_is_a_notice_and_the_rest_goes_on() {
    let cluster = shop();
    cluster
        .refuse("/apis/apps/v1/namespaces/shop/replicasets", 403)
        .refuse("/apis/batch/v1/namespaces/shop/cronjobs", 403);
    let mut told = Told::new(&cluster, config());
    let words = told.until_synced().await;
    // Of the ReplicaSet itself only the metadata was read.
    assert_eq!(words, set(&SHOP));
    let gets = |requests: Vec<String>| {
        let get = |request: &&String| request.contains("/replicasets/web-1");
        requests.iter().filter(get).count()
    };
    assert_eq!(gets(cluster.requests()), 1);
    let [notice] = &told.notices[..] else {
        panic!("{:?}", told.notices)
    };
    assert_eq!(
        (notice.code, notice.level),
        (NoticeCode::Forbidden, Level::Warning)
    );
    assert!(
        notice
            .message
            .contains("cannot list cronjobs.batch and replicasets.apps in shop (403 forbidden)")
    );
    assert!(
        notice
            .hint
            .as_ref()
            .unwrap()
            .contains("--resource=cronjobs.batch,replicasets.apps")
    );
    assert!(notice.hint.as_ref().unwrap().contains("--user=ci"));

    // It is asked for again without more words, and then said that it works.
    told.silent(400).await;
    cluster.state.lock().unwrap().refused.clear();
    let notice = told.notice().await;
    assert_eq!(notice.code, NoticeCode::Restored);
}

#[tokio::test(start_paused = true)]
async fn without_the_application_its_namespace_is_looked_into() {
    let cluster = Cluster::default();
    cluster.refuse(APPLICATIONS, 403).set(
        "/apis/apps/v1/namespaces/argocd/deployments",
        &[of("argocd_shop", object("Deployment", "argocd", "web"))],
    );
    let mut told = Told::new(&cluster, config());
    assert_eq!(told.until_synced().await, set(&["+Deployment/web"]));
    let [notice] = &told.notices[..] else {
        panic!("{:?}", told.notices)
    };
    assert_eq!(
        (notice.code, notice.level),
        (NoticeCode::ApplicationUnreadable, Level::Info)
    );
    assert!(
        notice.message.contains("only namespace argocd is watched"),
        "{}",
        notice.message
    );
}

#[tokio::test(start_paused = true)]
async fn that_there_is_no_application_is_taken_back_when_it_comes() {
    let cluster = shop();
    let objects = |state: &mut State| std::mem::take(state.objects.get_mut(APPLICATIONS).unwrap());
    assert_eq!(objects(&mut cluster.state.lock().unwrap()).len(), 1);
    let mut told = Told::new(&cluster, config());
    told.until_synced().await;
    let [notice] = &told.notices[..] else {
        panic!("{:?}", told.notices)
    };
    assert!(
        notice
            .message
            .starts_with("there is no Application argocd/shop: only")
    );

    let app = application("shop", &["shop", "jobs"]);
    let back = "Application argocd/shop is there now: jobs, shop, its hooks and sync errors are followed from here on";
    cluster.change(APPLICATIONS, "ADDED", &app);
    assert_eq!(told.next().await, "+Application/shop");
    let notice = told.notices.pop().unwrap();
    assert_eq!(
        (notice.code, notice.level),
        (NoticeCode::Restored, Level::Info)
    );
    assert_eq!(notice.message, back);
    for word in ["app shop", "+Deployment/web"] {
        assert_eq!(told.next().await, word);
    }
    while told.next().await != SHOP[4] {}
    // It goes and comes once more; a change of it is nothing to speak of.
    cluster.change(APPLICATIONS, "MODIFIED", &app);
    cluster.change(APPLICATIONS, "DELETED", &app);
    assert!(told.notice().await.message.ends_with("was deleted"));
    cluster.change(APPLICATIONS, "ADDED", &app);
    assert_eq!(told.notice().await.message, back);
}

#[tokio::test(start_paused = true)]
async fn that_the_application_may_not_be_read_is_taken_back_too() {
    let cluster = shop();
    cluster.refuse(APPLICATIONS, 403);
    let mut told = Told::new(&cluster, config());
    told.until_synced().await;
    cluster.state.lock().unwrap().refused.clear();
    while told.next().await != "+Application/shop" {}
    let last = told.notices.pop().unwrap();
    assert_eq!(
        last.message,
        "Application argocd/shop is there now: shop, its hooks and sync errors are followed from here on"
    );
}

#[tokio::test(start_paused = true)]
async fn an_application_that_does_not_answer_is_not_waited_for_long() {
    let cluster = shop();
    cluster.refuse(APPLICATIONS, 500);
    let named = TrackConfig {
        namespaces: vec!["shop".into()],
        ..config()
    };
    let mut told = Told::new(&cluster, named);
    let began = tokio::time::Instant::now();
    assert_eq!(told.next().await, "+Deployment/web");
    assert_eq!(began.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn nothing_found_has_a_reason() {
    let cluster = shop();
    let deployments = "/apis/apps/v1/namespaces/shop/deployments";
    cluster.state.lock().unwrap().objects.remove(deployments);
    let other = |name| of("shop-staging", object("Deployment", "shop", name));
    let mut labelled = object("Deployment", "shop", "debug");
    labelled["metadata"]["labels"] = json!({"app.kubernetes.io/instance": "shop"});
    cluster.set(deployments, &[other("a"), other("b"), labelled]);
    let mut told = Told::new(&cluster, config());
    let began = tokio::time::Instant::now();
    let notice = told.notice().await;
    assert_eq!(began.elapsed(), Duration::from_secs(10));
    assert_eq!(notice.code, NoticeCode::NothingFound);
    assert_eq!(
        notice.message,
        "nothing of application shop found in shop after 10 s: found there: 2 objects of \"shop-staging\", 1 object with its label but no tracking id"
    );
    assert_eq!(notice.hint.as_deref(), Some("try --tracking label"));
    told.silent(600).await;
}

#[tokio::test(start_paused = true)]
async fn what_its_applications_deploy_is_followed_on_this_cluster() {
    let cluster = Cluster::default();
    let mut parent = application("shop", &[]);
    parent["status"]["resources"] = json!([
        {"group": "argoproj.io", "kind": "Application", "name": "cart", "namespace": "argocd"},
        {"group": "argoproj.io", "kind": "Application", "name": "edge", "namespace": "argocd"}]);
    let mut edge = application("edge", &["edge"]);
    edge["spec"]["destination"]["server"] = "https://edge.example.com".into();
    cluster
        .set(
            APPLICATIONS,
            &[
                parent,
                application("cart", &["cart"]),
                edge,
                application("other", &["other"]),
            ],
        )
        .set(
            "/apis/apps/v1/namespaces/cart/deployments",
            &[of("cart", object("Deployment", "cart", "web"))],
        );
    let mut told = Told::new(&cluster, config());
    let words = told.until_synced().await;
    for word in [
        "+Application/cart",
        "app cart",
        "app edge",
        "+Deployment/web",
    ] {
        assert!(words.contains(word), "{word} of {words:?}");
    }
    assert!(!words.contains("app other"));
    // The URL may be another one of this cluster: only the objects can tell.
    let mut requests = cluster.requests().into_iter();
    assert!(requests.any(|request| request.contains("/namespaces/edge/deployments")));
    let [notice] = &told.notices[..] else {
        panic!("{:?}", told.notices)
    };
    assert!(
        notice
            .message
            .contains("edge deploys to cluster \"https://edge.example.com\"")
    );
}

/// A role with `resourceNames` allows a list by name alone.
#[tokio::test(start_paused = true)]
async fn an_application_that_may_be_read_by_name_only_is_still_read() {
    let cluster = shop();
    let mut parent = application("shop", &["shop"]);
    parent["status"]["resources"]
        .as_array_mut()
        .unwrap()
        .push(json!(
        {"group": "argoproj.io", "kind": "Application", "name": "cart", "namespace": "argocd"}));
    cluster.change(APPLICATIONS, "ADDED", &parent);
    cluster.state.lock().unwrap().changes.clear();
    cluster.state.lock().unwrap().by_name_only = true;
    let mut told = Told::new(&cluster, config());
    assert_eq!(told.until_synced().await, set(&SHOP));
    let [notice] = &told.notices[..] else {
        panic!("{:?}", told.notices)
    };
    assert_eq!(
        notice.message.split(':').next(),
        Some("there is no Application argocd/cart")
    );
    cluster.change(APPLICATIONS, "MODIFIED", &parent);
    assert_eq!(told.next().await, "+Application/shop");
}

#[tokio::test(start_paused = true)]
async fn an_owner_of_a_kind_that_nobody_knows_is_read_once() {
    let cluster = Cluster::default();
    let pods: Vec<_> = ["a", "b"]
        .map(|name| owned(object("Pod", "shop", name), "CloneSet", "web"))
        .to_vec();
    cluster
        .set(APPLICATIONS, &[application("shop", &["shop"])])
        .set("/api/v1/namespaces/shop/pods", &pods)
        .set(
            "/apis/apps.kruise.io/v1alpha1/namespaces/shop/clonesets",
            &[of("shop", object("CloneSet", "shop", "web"))],
        );
    let mut told = Told::new(&cluster, config());
    let words = told.until_synced().await;
    assert!(words.contains("+CloneSet/web") && words.contains("+Pod/a < CloneSet/web"));
    let kruise = |requests: Vec<String>| {
        requests
            .iter()
            .filter(|request| request.contains("kruise"))
            .count()
    };
    assert_eq!(kruise(cluster.requests()), 2, "{:?}", cluster.requests());
    assert!(told.notices.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_marked_later_is_read_again_for_its_next_pod() {
    let cluster = Cluster::default();
    let pod = |name| owned(object("Pod", "shop", name), "CloneSet", "web");
    let clonesets = "/apis/apps.kruise.io/v1alpha1/namespaces/shop/clonesets";
    let pods = "/api/v1/namespaces/shop/pods";
    cluster
        .set(APPLICATIONS, &[application("shop", &["shop"])])
        .set(pods, &[pod("a")])
        .set(clonesets, &[object("CloneSet", "shop", "web")]);
    let mut told = Told::new(&cluster, config());
    assert_eq!(
        told.until_synced().await,
        set(&["+Application/shop", "app shop"])
    );
    cluster.change(
        clonesets,
        "MODIFIED",
        &of("shop", object("CloneSet", "shop", "web")),
    );
    assert_eq!(told.notice().await.code, NoticeCode::NothingFound);
    told.silent(10).await;
    cluster.change(pods, "ADDED", &pod("b"));
    let words = [told.next().await, told.next().await, told.next().await];
    let all = [
        "+CloneSet/web",
        "+Pod/a < CloneSet/web",
        "+Pod/b < CloneSet/web",
    ];
    assert_eq!(BTreeSet::from(words), set(&all));
}

/// A CloneSet that is nobody's, which has a pod, and gets its mark after it was read.
async fn marked_later() -> (Cluster, Told) {
    let cluster = Cluster::default();
    cluster
        .set(APPLICATIONS, &[application("shop", &["shop"])])
        .set(
            PODS,
            &[owned(object("Pod", "shop", "a"), "CloneSet", "web")],
        )
        .set(CLONESETS, &[object("CloneSet", "shop", "web")]);
    let mut told = Told::new(&cluster, config());
    told.until_synced().await;
    told.notice().await;
    let marked = of("shop", object("CloneSet", "shop", "web"));
    cluster.change(CLONESETS, "MODIFIED", &marked);
    (cluster, told)
}

const PODS: &str = "/api/v1/namespaces/shop/pods";
const CLONESETS: &str = "/apis/apps.kruise.io/v1alpha1/namespaces/shop/clonesets";

fn owner_reads(cluster: &Cluster) -> usize {
    let requests = cluster.requests();
    let reads = requests.iter().filter(|it| it.ends_with("/clonesets/web"));
    reads.count()
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_marked_later_is_read_again_when_its_pod_changes_but_not_often() {
    let (cluster, mut told) = marked_later().await;
    let pod = owned(object("Pod", "shop", "a"), "CloneSet", "web");
    for _ in 0..20 {
        cluster.change(PODS, "MODIFIED", &pod);
        told.silent(2).await;
    }
    assert_eq!(owner_reads(&cluster), 1, "a minute has not passed");
    told.silent(20).await;
    cluster.change(PODS, "MODIFIED", &pod);
    let words = [told.next().await, told.next().await];
    assert_eq!(words, ["+CloneSet/web", "+Pod/a < CloneSet/web"]);
    assert_eq!(owner_reads(&cluster), 2);
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_marked_later_is_read_again_when_the_application_lists_it() {
    let (cluster, mut told) = marked_later().await;
    let mut app = application("shop", &["shop"]);
    app["status"]["resources"][0] = json!({"group": "apps.kruise.io", "kind": "CloneSet",
        "name": "web", "namespace": "shop"});
    cluster.change(APPLICATIONS, "MODIFIED", &app);
    let mut words = Vec::new();
    for _ in 0..4 {
        words.push(told.next().await);
    }
    assert_eq!(words[2..], ["+CloneSet/web", "+Pod/a < CloneSet/web"]);
    cluster.change(APPLICATIONS, "MODIFIED", &app);
    told.next().await;
    told.next().await;
    told.silent(60).await;
    assert_eq!(
        owner_reads(&cluster),
        2,
        "what is followed is not read again"
    );
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_the_server_fails_to_give_is_asked_for_again_and_then_told() {
    let cluster = Cluster::default();
    let pods = [owned(object("Pod", "shop", "a"), "CloneSet", "web")];
    cluster
        .set(APPLICATIONS, &[application("shop", &["shop"])])
        .set("/api/v1/namespaces/shop/pods", &pods)
        .refuse(
            "/apis/apps.kruise.io/v1alpha1/namespaces/shop/clonesets/web",
            500,
        );
    let mut told = Told::new(&cluster, config());
    told.until_synced().await;
    let [notice] = &told.notices[..] else {
        panic!("{:?}", told.notices)
    };
    assert!(
        notice
            .message
            .starts_with("cannot read CloneSet/web, which owns pods in shop")
    );
    let asked = cluster.requests();
    let asked = asked.iter().filter(|path| path.ends_with("/clonesets/web"));
    assert_eq!(asked.count(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_application_that_is_deleted_is_told_and_what_it_left_is_followed() {
    let cluster = shop();
    let mut told = Told::new(&cluster, config());
    told.until_synced().await;
    cluster.change(APPLICATIONS, "DELETED", &application("shop", &["shop"]));
    assert_eq!(
        told.notice().await.message,
        "Application argocd/shop was deleted"
    );
    assert_eq!(told.next().await, "-Application/shop");
    let pods = "/api/v1/namespaces/shop/pods";
    cluster.change(pods, "DELETED", &object("Pod", "shop", "web-1-a"));
    assert_eq!(told.next().await, "-Pod/web-1-a");
}

#[tokio::test(start_paused = true)]
async fn the_application_is_read_where_it_lives() {
    let (here, there) = (shop(), Cluster::default());
    here.state.lock().unwrap().objects.remove(APPLICATIONS);
    let mut app = application("shop", &["shop"]);
    app["spec"]["destination"]["server"] = "https://prod.example.com".into();
    there.set(APPLICATIONS, &[app]);
    let clients = Clients {
        workloads: here.connection(),
        applications: Some(there.connection()),
    };
    let events = track(clients, AppRef::new("shop", "argocd"), config());
    let mut told = Told {
        events: Box::pin(events),
        notices: Vec::new(),
    };
    assert_eq!(told.until_synced().await, set(&SHOP));
    assert!(told.notices.is_empty(), "{:?}", told.notices);
    let applications = |requests: Vec<String>| {
        let of_applications = |path: &&String| path.contains("/applications");
        requests.iter().filter(of_applications).count()
    };
    assert_eq!(applications(here.requests()), 0);
    assert!(
        there
            .requests()
            .iter()
            .all(|path| path.contains("/applications"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_kind_is_added_from_outside() {
    let cluster = Cluster::default();
    let clonesets = "/apis/apps.kruise.io/v1alpha1/namespaces/shop/clonesets";
    cluster
        .set(APPLICATIONS, &[application("shop", &["shop"])])
        .set(clonesets, &[of("shop", object("CloneSet", "shop", "web"))]);
    let mut kinds = builtin();
    kinds.push(Arc::new(WorkloadKind::new(
        "apps.kruise.io",
        "v1alpha1",
        "CloneSet",
        "clonesets",
    )));
    let mut told = Told::new(&cluster, TrackConfig { kinds, ..config() });
    assert!(told.until_synced().await.contains("+CloneSet/web"));
    cluster.change(clonesets, "DELETED", &object("CloneSet", "shop", "web"));
    assert_eq!(told.next().await, "-CloneSet/web");
}

#[tokio::test(start_paused = true)]
async fn many_namespaces_are_one_watch_where_that_is_allowed() {
    let cluster = Cluster::default();
    let deployments = "/apis/apps/v1/deployments";
    let web = of("shop", object("Deployment", "n1", "web"));
    cluster
        .set(APPLICATIONS, &[application("shop", &["n1", "n2", "n3"])])
        .set(deployments, std::slice::from_ref(&web))
        .refuse("/apis/batch/v1/jobs", 403)
        .set(
            "/apis/batch/v1/namespaces/n3/jobs",
            &[of("shop", object("Job", "n3", "migrate"))],
        );
    let mut told = Told::new(
        &cluster,
        TrackConfig {
            namespace_limit: 2,
            ..config()
        },
    );
    let words = told.until_synced().await;
    assert!(
        words.contains("+Deployment/web") && words.contains("+Job/migrate"),
        "{words:?}"
    );
    let requests = cluster.requests();
    let of_kind = |kind: &str| -> HashSet<&str> {
        let paths = requests
            .iter()
            .map(|request| request.split('?').next().unwrap());
        paths.filter(|path| path.ends_with(kind)).collect()
    };
    assert_eq!(of_kind("/deployments").len(), 1);
    assert_eq!(of_kind("/jobs").len(), 4);
    assert!(told.notices.is_empty(), "{:?}", told.notices);
}

/// An Application whose destination has a name that nobody but Argo CD knows.
fn deploys_to(name: &str, namespace: &str) -> serde_json::Value {
    let mut app = application("shop", &[]);
    app["spec"]["destination"] = json!({"name": name, "namespace": namespace});
    app
}

#[tokio::test(start_paused = true)]
async fn another_name_of_this_cluster_is_followed_by_the_tracking_id() {
    let cluster = shop();
    cluster.change(APPLICATIONS, "ADDED", &deploys_to("prod-eu", "shop"));
    cluster.state.lock().unwrap().changes.clear();
    let mut told = Told::new(&cluster, config());
    let words = told.until_synced().await;
    assert!(words.contains("+Deployment/web"), "{words:?}");
    assert!(told.notices.is_empty(), "{:?}", told.notices);
}

#[tokio::test(start_paused = true)]
async fn another_cluster_is_a_likely_reason_that_nothing_is_found() {
    let cluster = shop();
    cluster.change(APPLICATIONS, "ADDED", &deploys_to("prod-eu", "shop-eu"));
    cluster.state.lock().unwrap().changes.clear();
    let app = AppRef::new("shop", "argocd");
    let told = explain(cluster.clients(), app.clone(), config()).await;
    let told = told.unwrap().notices;
    let mut notices = Told::new(&cluster, config());
    for notice in [told[0].clone(), notices.notice().await] {
        let message = &notice.message;
        assert!(message.contains("to cluster \"prod-eu\""), "{message}");
        let hint = notice.hint.unwrap();
        assert!(
            hint.contains("-n;") && hint.contains("--app-context"),
            "{hint}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn claims_of_its_pods_and_autoscalers_with_its_id() {
    let cluster = shop();
    let mut pod = owned(object("Pod", "shop", "web-1-c"), "ReplicaSet", "web-1");
    pod["spec"] =
        json!({"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]});
    let claim = |name| object("PersistentVolumeClaim", "shop", name);
    let mut scaler = object("HorizontalPodAutoscaler", "shop", "web");
    scaler["metadata"]["annotations"] = json!({"argocd.argoproj.io/tracking-id":
        "shop:autoscaling/HorizontalPodAutoscaler:shop/web"});
    cluster
        .set("/api/v1/namespaces/shop/pods", &[pod])
        .set(
            "/api/v1/namespaces/shop/persistentvolumeclaims",
            &[claim("data"), claim("other")],
        )
        .set(
            "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers",
            &[scaler],
        );
    let words = Told::new(&cluster, config()).until_synced().await;
    assert!(
        words.contains("+PersistentVolumeClaim/data < Deployment/web"),
        "{words:?}"
    );
    assert!(words.contains("+HorizontalPodAutoscaler/web"));
    assert!(!words.contains("+PersistentVolumeClaim/other"));
}

#[tokio::test(start_paused = true)]
async fn one_look_needs_no_watch() {
    let cluster = shop();
    cluster.refuse("/apis/apps/v1/namespaces/shop/replicasets", 403);
    let app = AppRef::new("shop", "argocd");
    let events = snapshot(cluster.clients(), app.clone(), config())
        .await
        .unwrap();
    let words: BTreeSet<_> = events.iter().filter_map(word).collect();
    let all = set(&[&SHOP[..], &["synced"]].concat());
    assert_eq!(words, all);
    let notices = events
        .iter()
        .filter(|event| matches!(event, TrackEvent::Notice(_)))
        .count();
    assert_eq!(notices, 1);
    assert!(
        !cluster
            .requests()
            .iter()
            .any(|request| request.contains("watch="))
    );

    cluster.refuse("/api/v1/namespaces/shop/pods", 401);
    let error = snapshot(cluster.clients(), app, config())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot list pods in shop");
}

#[tokio::test(start_paused = true)]
async fn each_object_is_explained() {
    let cluster = shop();
    let mut labelled = object("Deployment", "shop", "debug");
    labelled["metadata"]["labels"] = json!({"app.kubernetes.io/instance": "shop"});
    let mut copy = owned(object("ReplicaSet", "shop", "old-1"), "Deployment", "old");
    copy["metadata"]["annotations"] =
        json!({"argocd.argoproj.io/tracking-id": "shop-old:apps/Deployment:shop/old"});
    cluster
        .set("/apis/apps/v1/namespaces/shop/deployments", &[labelled])
        .set("/apis/apps/v1/namespaces/shop/replicasets", &[copy])
        .set(
            "/api/v1/namespaces/shop/pods",
            &[
                owned(object("Pod", "shop", "old-1-a"), "ReplicaSet", "old-1"),
                object("Pod", "shop", "alone"),
            ],
        );
    let all = explain(cluster.clients(), AppRef::new("shop", "argocd"), config())
        .await
        .unwrap();
    let lines: Vec<_> = all
        .objects
        .iter()
        .map(|one| {
            format!(
                "{} {}: {}",
                if one.followed { "followed" } else { "ignored" },
                one.object,
                one.why
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            "followed Pod/web-1-a: owned by ReplicaSet/web-1 ← Deployment/web",
            "followed Deployment/web: tracking id shop:apps/Deployment:shop/web",
            "followed ReplicaSet/web-1: owned by Deployment/web",
            "ignored Pod/alone: no tracking id",
            "ignored Pod/old-1-a: owned by ReplicaSet/old-1, which is not followed",
            "ignored Deployment/debug: no tracking id; label app.kubernetes.io/instance=shop (use --tracking label)",
            "ignored ReplicaSet/old-1: tracking id is a copy of Deployment/old's, which belongs to \"shop-old\"",
        ]
    );
}
