// The stream against an API server made of a map, with paused time.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use argo_core::{AppRef, Level, Notice, NoticeCode, TrackEvent, TrackedBody, client::Connection};
use futures::{Stream, StreamExt};
use http::{Request, Response};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{Clients, TrackConfig, WorkloadKind, builtin, explain, snapshot, track};

#[path = "stream_tests/cluster.rs"]
mod cluster;
#[path = "stream_tests/no_application.rs"]
mod no_application;
#[path = "stream_tests/one_look.rs"]
mod one_look;
#[path = "stream_tests/other_clusters.rs"]
mod other_clusters;
#[path = "stream_tests/owners.rs"]
mod owners;

use cluster::*;

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
        Self::of(cluster, AppRef::new("shop", "argocd"), config)
    }

    fn of(cluster: &Cluster, app: AppRef, config: TrackConfig) -> Self {
        let events = track(cluster.clients(), app, config);
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

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/shop/deployments";
const PODS: &str = "/api/v1/namespaces/shop/pods";

/// Adds a Deployment that is nobody's, its ReplicaSet and its pod. Returns the pod.
fn stranger(cluster: &Cluster) -> Value {
    let replica_set = owned(object("ReplicaSet", "shop", "api-1"), "Deployment", "api");
    let pod = owned(object("Pod", "shop", "api-1-a"), "ReplicaSet", "api-1");
    cluster
        .set(DEPLOYMENTS, &[object("Deployment", "shop", "api")])
        .set("/apis/apps/v1/namespaces/shop/replicasets", &[replica_set])
        .set(PODS, std::slice::from_ref(&pod));
    pod
}

#[tokio::test(start_paused = true)]
async fn a_stranger_that_joins_the_application_is_shown_as_it_is_by_then() {
    let cluster = shop();
    let mut pod = stranger(&cluster);
    let mut told = Told::new(&cluster, config());
    assert_eq!(told.until_synced().await, set(&SHOP));
    for phase in ["Pending", "Running"] {
        pod["status"] = json!({"phase": phase});
        cluster.change(PODS, "MODIFIED", &pod);
        told.silent(1).await;
    }
    let ours = of("shop", object("Deployment", "shop", "api"));
    cluster.change(DEPLOYMENTS, "MODIFIED", &ours);
    assert_eq!(told.next().await, "+Deployment/api");
    assert_eq!(told.next().await, "+ReplicaSet/api-1 < Deployment/api");
    let Some(TrackEvent::Applied(joined)) = told.events.next().await else {
        panic!("the pod is missing");
    };
    let TrackedBody::Pod(found) = &joined.body else {
        panic!("{:?}", joined.body);
    };
    assert_eq!(&*joined.object.name, "api-1-a");
    assert_eq!(found.status.phase.as_deref(), Some("Running"));
    // From then on its watch delivers it.
    pod["status"] = json!({"phase": "Failed"});
    cluster.change(PODS, "MODIFIED", &pod);
    assert_eq!(told.next().await, "+Pod/api-1-a < Deployment/api");
    cluster.change(PODS, "DELETED", &pod);
    assert_eq!(told.next().await, "-Pod/api-1-a");
    let reads = cluster.requests();
    let reads = reads
        .iter()
        .filter(|it| it.contains("metadata.name%3Dapi-1-a"));
    assert_eq!(reads.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_that_joins_and_cannot_be_read_is_shown_with_its_next_change() {
    let cluster = shop();
    let pod = stranger(&cluster);
    let mut told = Told::new(&cluster, config());
    assert_eq!(told.until_synced().await, set(&SHOP));
    cluster.refuse(PODS, 500);
    let ours = of("shop", object("Deployment", "shop", "api"));
    cluster.change(DEPLOYMENTS, "MODIFIED", &ours);
    assert_eq!(told.next().await, "+Deployment/api");
    assert_eq!(told.next().await, "+ReplicaSet/api-1 < Deployment/api");
    told.silent(600).await;
    let requests = cluster.requests();
    let reads = requests.iter().filter(|uri| uri.contains("%3Dapi-1-a"));
    assert_eq!(reads.count(), 5, "{requests:?}");
    cluster.change(PODS, "MODIFIED", &pod);
    assert_eq!(told.next().await, "+Pod/api-1-a < Deployment/api");
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

/// A role with `resourceNames` allows a list by name alone.
#[tokio::test(start_paused = true)]
async fn an_application_that_may_be_read_by_name_only_is_still_read() {
    let cluster = shop();
    let parent = parent_of_cart();
    cluster.change(APPLICATIONS, "ADDED", &parent);
    cluster.state.lock().unwrap().changes.clear();
    cluster.state.lock().unwrap().by_name_only = true;
    let mut told = Told::new(&cluster, config());
    assert_eq!(told.until_synced().await, set(&SHOP));
    assert!(told.notices.is_empty(), "{:?}", told.notices);
    let notice = told.notice().await;
    assert_eq!(
        notice.message.split(':').next(),
        Some("there is no Application argocd/cart")
    );
    cluster.change(APPLICATIONS, "MODIFIED", &parent);
    assert_eq!(told.next().await, "+Application/shop");
}

/// The Application shop, which lists the Application cart.
fn parent_of_cart() -> Value {
    let mut parent = application("shop", &["shop"]);
    let cart = json!({"group": "argoproj.io", "kind": "Application", "name": "cart", "namespace": "argocd"});
    let listed = &mut parent["status"]["resources"];
    listed.as_array_mut().unwrap().push(cart);
    parent
}

/// A sync lists the Applications that it is about to make.
#[tokio::test(start_paused = true)]
async fn a_child_that_is_not_there_is_news_after_some_seconds() {
    let start = || {
        let cluster = shop();
        cluster.change(APPLICATIONS, "ADDED", &parent_of_cart());
        cluster.state.lock().unwrap().changes.clear();
        let told = Told::new(&cluster, config());
        (cluster, told)
    };
    let (cluster, mut told) = start();
    told.until_synced().await;
    told.silent(4).await;
    cluster.change(APPLICATIONS, "ADDED", &application("cart", &["shop"]));
    assert_eq!(told.next().await, "+Application/cart");
    assert_eq!(told.next().await, "app cart");
    told.silent(30).await;
    assert!(told.notices.is_empty(), "{:?}", told.notices);

    let (_cluster, mut told) = start();
    told.until_synced().await;
    let message = told.notice().await.message;
    assert!(
        message.starts_with("there is no Application argocd/cart"),
        "{message}"
    );
    told.silent(30).await;
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
