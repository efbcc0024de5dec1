//! Objects followed with limited rights. `cargo test -p argo-tests rbac -- --nocapture` prints what is
//! said and what is followed.

use std::collections::BTreeSet;

use argo_core::{AppRef, Level, NoticeCode, TrackEvent};
use argo_events::{ClusterEvents, EventConfig, EventItem, EventStream};
use argo_workloads::{TrackConfig, TrackingMethod};
use futures::StreamExt;
use serde_json::{Value, json};
use simcluster::api::{LoggedRequest, Rule};
use tokio::time::timeout;

use crate::{
    hand_made::{Hand, LONGEST, Told, application, chain, labelled, object, of, owned, rollout_of},
    rollout::Rollout,
    workload::{Workload, synced},
};

/// A right: namespace, resource, verb.
type Right = (String, String, String);

/// Everything else is forbidden, in all namespaces that there are.
fn allow_only(hand: &Hand, rights: &BTreeSet<Right>) {
    let mut resources: Vec<_> = hand
        .store
        .resources()
        .iter()
        .map(|one| one.name())
        .collect();
    resources.push("pods/log".into());
    for namespace in ["prod", "argocd", "other", ""] {
        for resource in &resources {
            for verb in [
                "get", "list", "watch", "create", "update", "patch", "delete",
            ] {
                let right = (namespace.to_owned(), resource.clone(), verb.to_owned());
                if !rights.contains(&right) {
                    hand.server.faults().forbid(Rule {
                        user: None,
                        verb: Some(verb.into()),
                        resource: Some(resource.clone()),
                        namespace: Some(namespace.into()),
                    });
                }
            }
        }
    }
}

/// The rights of the Roles in the documentation.
fn documented() -> BTreeSet<Right> {
    let page = include_str!("../../../docs/rbac.md");
    let roles = page
        .split("```yaml")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let mut rights = BTreeSet::new();
    for role in roles {
        let role: Value = serde_yaml_ng::from_str(role).unwrap();
        let namespace = role["metadata"]["namespace"]
            .as_str()
            .unwrap()
            .replace("shop-prod", "prod");
        let texts =
            |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
        for rule in role["rules"].as_array().unwrap() {
            for resource in texts(&rule["resources"]) {
                let group = &texts(&rule["apiGroups"])[0];
                let name = if group.is_empty() {
                    resource
                } else {
                    format!("{resource}.{group}")
                };
                let verbs = texts(&rule["verbs"]).into_iter();
                rights.extend(verbs.map(|verb| (namespace.clone(), name.clone(), verb)));
            }
        }
    }
    assert!(rights.len() > 20, "{rights:?}");
    rights
}

fn without(resources: &[&str]) -> BTreeSet<Right> {
    let mut rights = documented();
    rights.retain(|(_, resource, _)| !resources.contains(&resource.as_str()));
    rights
}

async fn shop() -> Hand {
    let mut objects = rollout_of("shop", "prod", "web");
    objects.extend(chain(of("other", object("Deployment", "prod", "theirs"))));
    for pod in objects.iter_mut().filter(|object| object["kind"] == "Pod") {
        pod["metadata"]["labels"]["pod-template-hash"] = "1".into();
    }
    objects.push(of("shop", object("Pod", "prod", "toolbox")));
    objects.push(application("argocd", "shop", &["prod"]));
    Hand::new(objects).await
}

/// Tracks with some rights, as `sync shop argocd -n prod`.
async fn look(
    name: &str,
    hand: &Hand,
    rights: &BTreeSet<Right>,
    method: TrackingMethod,
) -> (BTreeSet<String>, Told) {
    allow_only(hand, rights);
    let config = TrackConfig::default().namespace("prod").tracking(method);
    let mut told = hand.track(&AppRef::new("shop", "argocd"), config).await;
    let followed = told.until_synced().await;
    println!("{name}\n  followed: {followed:?}\n{}", told.said());
    (followed, told)
}

fn words(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

const POD: &str = "Pod prod/web-1-a < Deployment/web";
const SET: &str = "ReplicaSet prod/web-1 < Deployment/web";
const ALL: [&str; 4] = ["Deployment prod/web", SET, POD, "Pod prod/toolbox"];

#[tokio::test]
async fn the_documented_roles_are_enough_and_nothing_is_asked_beyond_them() {
    let hand = shop().await;
    let (followed, told) = look(
        "documented Roles",
        &hand,
        &documented(),
        TrackingMethod::Annotation,
    )
    .await;
    assert_eq!(followed, words(&ALL));
    assert!(told.notices.is_empty(), "{}", told.said());
    let refused: Vec<_> = hand
        .server
        .requests()
        .into_iter()
        .filter(|request| request.status == 403)
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[tokio::test]
async fn pods_and_logs_alone() {
    let hand = shop().await;
    let mut rights = documented();
    rights.retain(|(_, resource, _)| resource.starts_with("pods"));
    let (followed, told) = look(
        "only pods and logs",
        &hand,
        &rights,
        TrackingMethod::Annotation,
    )
    .await;
    assert_eq!(followed, words(&["Pod prod/toolbox"]));
    let [application, rest] = &told.notices[..] else {
        panic!("{}", told.said())
    };
    assert_eq!(
        (application.code, application.level),
        (NoticeCode::ApplicationUnreadable, Level::Info)
    );
    assert!(
        application.message.contains("only prod is watched"),
        "{}",
        told.said()
    );
    assert_eq!(
        (rest.code, rest.level),
        (NoticeCode::Forbidden, Level::Warning)
    );
    assert!(
        rest.message.contains("the pods that they own"),
        "{}",
        told.said()
    );
    let rule = "kubectl create role argo-assistant -n prod --verb=get,list,watch --resource=cronjobs.batch,daemonsets.apps,deployments.apps,horizontalpodautoscalers.autoscaling,jobs.batch,persistentvolumeclaims,replicasets.apps,rollouts.argoproj.io,statefulsets.apps --dry-run=client -o yaml | kubectl auth reconcile -n prod -f - && kubectl create rolebinding argo-assistant -n prod --role=argo-assistant --user=kubernetes-admin --dry-run=client -o yaml | kubectl auth reconcile -n prod -f -";
    assert_eq!(rest.hint.as_deref(), Some(rule));
    // One of two ReplicaSets was asked for, or both at once; then it was clear.
    let gets = hand
        .server
        .requests()
        .into_iter()
        .filter(|request| request.verb == "get" && request.resource == "replicasets.apps");
    assert!(gets.count() <= 2);
}

#[tokio::test]
async fn pods_and_logs_alone_by_label() {
    let mut objects = chain(labelled("shop", object("Deployment", "prod", "web")));
    objects[2] = labelled("shop", objects[2].clone());
    objects.extend(chain(labelled(
        "other",
        object("Deployment", "prod", "theirs"),
    )));
    let hand = Hand::new(objects).await;
    let mut rights = documented();
    rights.retain(|(_, resource, _)| resource.starts_with("pods"));
    let (followed, _) = look(
        "only pods and logs, --tracking label",
        &hand,
        &rights,
        TrackingMethod::Label,
    )
    .await;
    assert_eq!(
        followed,
        words(&[
            "ReplicaSet prod/web-1",
            "Pod prod/web-1-a < ReplicaSet/web-1"
        ])
    );
}

#[tokio::test]
async fn without_replica_sets() {
    let hand = shop().await;
    let (followed, told) = look(
        "without ReplicaSets",
        &hand,
        &without(&["replicasets.apps"]),
        TrackingMethod::Annotation,
    )
    .await;
    assert_eq!(followed, words(&ALL), "the ReplicaSet is inferred");
    let [notice] = &told.notices[..] else {
        panic!("{}", told.said())
    };
    assert_eq!(
        notice.message,
        "cannot list replicasets.apps in prod (403 forbidden): their status and events are missing"
    );
    assert!(
        notice
            .hint
            .as_ref()
            .unwrap()
            .contains("--resource=replicasets.apps --dry-run")
    );
}

/// A shop with a ReplicationController beside the rest.
async fn shop_with_a_controller() -> Hand {
    let mut objects = rollout_of("shop", "prod", "web");
    for pod in objects.iter_mut().filter(|object| object["kind"] == "Pod") {
        pod["metadata"]["labels"]["pod-template-hash"] = "1".into();
    }
    let old = of("shop", object("ReplicationController", "prod", "old"));
    let pod = owned(&old, object("Pod", "prod", "old-a"));
    objects.extend([old, pod]);
    let mut app = application("argocd", "shop", &["prod"]);
    let listed = json!({"kind": "ReplicationController", "namespace": "prod", "name": "old"});
    app["status"]["resources"]
        .as_array_mut()
        .unwrap()
        .push(listed);
    objects.push(app);
    Hand::new(objects).await
}

#[tokio::test]
async fn replication_controllers_are_among_the_documented_rights_and_cost_only_their_own() {
    let own = [
        "ReplicationController prod/old",
        "Pod prod/old-a < ReplicationController/old",
    ];
    let rest = ["Deployment prod/web", SET, POD];
    let hand = shop_with_a_controller().await;
    let by = TrackingMethod::Annotation;
    let (followed, told) = look("documented Roles", &hand, &documented(), by).await;
    assert_eq!(followed, words(&[&own[..], &rest].concat()));
    assert!(told.notices.is_empty(), "{}", told.said());

    let hand = shop_with_a_controller().await;
    let rights = without(&["replicationcontrollers"]);
    let (followed, told) = look("without ReplicationControllers", &hand, &rights, by).await;
    assert_eq!(followed, words(&rest));
    let [notice] = &told.notices[..] else {
        panic!("{}", told.said())
    };
    let said = "cannot list replicationcontrollers in prod (403 forbidden)";
    assert!(notice.message.starts_with(said), "{}", told.said());
    let hint = notice.hint.as_deref().unwrap_or_default();
    assert!(
        hint.contains("--verb=get,list,watch --resource=replicationcontrollers "),
        "{hint}"
    );
}

#[tokio::test]
async fn a_pod_that_comes_later_has_its_inferred_replica_set_too() {
    let hand = shop().await;
    let (_, mut told) = look(
        "later",
        &hand,
        &without(&["replicasets.apps"]),
        TrackingMethod::Annotation,
    )
    .await;
    let mut later = rollout_of("shop", "prod", "late");
    later[2]["metadata"]["labels"]["pod-template-hash"] = "1".into();
    // The pod is there before the Deployment that made it is known.
    hand.store.put_raw(later[2].clone()).unwrap();
    hand.store.put_raw(later[0].clone()).unwrap();
    let mut words = [told.word().await, told.word().await, told.word().await];
    words.sort();
    assert_eq!(
        words,
        [
            "Deployment prod/late",
            "Pod prod/late-1-a < Deployment/late",
            "ReplicaSet prod/late-1 < Deployment/late"
        ]
    );
}

#[tokio::test]
async fn without_the_application() {
    let hand = shop().await;
    let (followed, told) = look(
        "without the Application",
        &hand,
        &without(&["applications.argoproj.io"]),
        TrackingMethod::Annotation,
    )
    .await;
    assert_eq!(followed, words(&ALL));
    let [notice] = &told.notices[..] else {
        panic!("{}", told.said())
    };
    assert_eq!(
        (notice.code, notice.level),
        (NoticeCode::ApplicationUnreadable, Level::Info)
    );
    assert!(notice.hint.as_ref().unwrap().starts_with("kubectl create role argo-assistant -n argocd --verb=get,list,watch --resource=applications.argoproj.io --dry-run=client -o yaml | kubectl auth reconcile -n argocd -f - &&"));
}

#[tokio::test]
async fn without_events() {
    let hand = shop().await;
    let (followed, told) = look(
        "without events",
        &hand,
        &without(&["events"]),
        TrackingMethod::Annotation,
    )
    .await;
    assert_eq!(followed, words(&ALL));
    assert!(told.notices.is_empty(), "{}", told.said());
    let (sender, tracked) = tokio::sync::mpsc::unbounded_channel();
    let tracked = tokio_stream::wrappers::UnboundedReceiverStream::new(tracked);
    let source = ClusterEvents::new(hand.connection().await);
    let mut events = EventStream::new(source, tracked, EventConfig::default());
    let mut again = hand
        .track(&AppRef::new("shop", "argocd"), TrackConfig::default())
        .await;
    loop {
        let event = again.next().await;
        let done = matches!(event, TrackEvent::Synced);
        sender.send(event).unwrap();
        if done {
            break;
        }
    }
    let mut said = Vec::new();
    for _ in ["argocd", "prod"] {
        let item = timeout(LONGEST, events.next()).await.unwrap().unwrap();
        let EventItem::Notice(notice) = item else {
            panic!("{item:?}")
        };
        assert!(!notice.message.contains("Status {"), "{}", notice.message);
        let hint = notice.hint.as_deref().unwrap_or_default();
        assert!(
            hint.contains("--verb=list,watch --resource=events --dry-run")
                && hint.contains(" --user=kubernetes-admin "),
            "{hint}"
        );
        println!(
            "  {}\n  {}",
            notice.message,
            notice.hint.as_deref().unwrap_or_default()
        );
        assert_eq!(notice.code, NoticeCode::Forbidden);
        said.push(notice.message);
    }
    said.sort();
    assert!(
        said[0].contains("argocd") && said[1].contains("prod"),
        "{said:?}"
    );
}

#[tokio::test]
async fn many_namespaces_where_the_whole_cluster_is_forbidden() {
    let names: Vec<_> = (0..25).map(|number| format!("n{number:02}")).collect();
    let namespaces: Vec<_> = names.iter().map(String::as_str).collect();
    let mut objects = vec![application("argocd", "shop", &namespaces)];
    objects.extend(
        namespaces
            .iter()
            .flat_map(|namespace| rollout_of("shop", namespace, "web")),
    );
    let hand = Hand::new(objects).await;
    for verb in ["list", "watch"] {
        let rule = json!({"verb": verb, "namespace": ""});
        hand.server
            .faults()
            .forbid(serde_json::from_value(rule).unwrap());
    }
    let mut told = hand
        .track(&AppRef::new("shop", "argocd"), TrackConfig::default())
        .await;
    let followed = told.until_synced().await;
    assert_eq!(followed.len(), 3 * 25, "{}", told.said());
    assert!(
        told.notices.is_empty(),
        "each namespace may be read: {}",
        told.said()
    );
    let lists = hand
        .server
        .requests()
        .into_iter()
        .filter(|request| request.verb == "list" && request.resource == "pods");
    assert_eq!(lists.count(), 1 + 25, "once for all, then once for each");
}

/// Twenty good pods and one that crashes, each with two containers.
fn crashing() -> String {
    let web = Workload::deployment(
        "web",
        r#"
        app: {run: [{log: "listening"}, {ready: true}, {forever: true}]}
        proxy: {run: [{log: "proxying"}, {ready: true}, {forever: true}]}
        "#,
    );
    let db = r#"app: {run: [{log: "FATAL: no password"}, {exit: 1}]}"#;
    synced(&[
        web.with_container("proxy").replicas(20),
        Workload::new("StatefulSet", "db", db),
    ])
}

/// Everything but `pods/log` may be read: one sentence for the namespace, not one for each of
/// 41 containers; events and the verdict are there.
#[tokio::test]
async fn without_logs() {
    let rollout = Rollout::written(&crashing(), 10.0).await.begun().await;
    rollout.cluster.api().faults().forbid(Rule {
        resource: Some("pods/log".into()),
        ..Rule::default()
    });
    let run = rollout.sync(&["--", "--timeout", "30"]).start();
    let ended = run.end().await;
    println!("without logs\n{}", ended.stdout);
    assert_ne!(ended.code(), Some(0));
    let said = "cannot get pods/log in shop-prod (403 forbidden): logs are missing";
    assert_eq!(
        (ended.count(said), ended.count("--resource=pods/log ")),
        (1, 1)
    );
    let of_logs = ["listening", "proxying", "no password", "could be read"];
    assert_eq!(of_logs.map(|text| ended.count(text)), [0; 4]);
    assert!(ended.count("WARN [Pod/db-0] BackOff") > 0);
    let last = ended.stdout.trim_end().lines().last().unwrap();
    assert!(last.starts_with("StatefulSet/db: db-0: container app crashes"));
    // Each container was asked for once for each of its runs.
    let requests = rollout.cluster.api().requests();
    let asked = |it: &&LoggedRequest| it.verb == "log" && it.name.starts_with("web-");
    assert_eq!(requests.iter().filter(asked).count(), 40);
}
