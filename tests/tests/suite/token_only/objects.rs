//! The objects and events of an application over the API: trees that are stale, empty or refused.

use std::{sync::Arc, time::Duration};

use argo_core::{AppRef, NoticeCode, TrackEvent, argocd::Trees};
use argo_events::{ArgocdEvents, EventScope, EventSource};
use argo_tests::fake_argocd::{FakeArgocd, Step, answer, events};
use argo_workloads::{TrackConfig, track_argocd};
use futures::StreamExt;
use serde_json::json;

use super::{app, client, manifest, path, pod};

const APPLICATION: &str = r#"{"metadata":{"name":"shop","namespace":"team-a","uid":"a"},"spec":{"destination":{"namespace":"shop"}},"status":{"controllerNamespace":"argocd"}}"#;

fn tree_of(uids: &[&str]) -> String {
    let pod = |uid: &&str| json!({"version": "v1", "kind": "Pod", "namespace": "shop", "name": "web-1", "uid": uid, "resourceVersion": "1"});
    json!({"nodes": uids.iter().map(pod).collect::<Vec<_>>()}).to_string()
}

/// Collects what the tracker says until `is_enough` or for so many seconds.
async fn tracked(
    fake: &FakeArgocd,
    seconds: u64,
    is_enough: impl Fn(&TrackEvent) -> bool,
) -> Vec<TrackEvent> {
    let trees = Trees::new(client(fake));
    let mut tracked = track_argocd(trees, app(), TrackConfig::default());
    let mut said = Vec::new();
    let reading = async {
        while let Some(event) = tracked.next().await {
            let is_last = is_enough(&event);
            said.push(event);
            if is_last {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(seconds), reading).await;
    said
}

fn is_pod(event: &TrackEvent) -> bool {
    matches!(event, TrackEvent::Applied(tracked) if &*tracked.object.kind.kind == "Pod")
}

#[tokio::test]
async fn a_stale_tree_and_two_pods_of_one_name_are_told_apart() {
    let fake = FakeArgocd::start(|request, nth| {
        let path = request.path.split('?').next().unwrap_or_default();
        let pod = |uid: &str| json!({"version": "v1", "kind": "Pod", "namespace": "shop", "name": "web-1", "uid": uid, "resourceVersion": "1"});
        if path.contains("/stream/") {
            return vec![Step::Hang];
        }
        match path {
            "/api/v1/applications/shop/resource-tree" => {
                let uid = if nth == 0 { "u0" } else { "u1" };
                answer(200, &json!({ "nodes": [pod(uid)] }).to_string())
            }
            // The cluster has another pod than the tree by then.
            "/api/v1/applications/shop/resource" => manifest(),
            _ => answer(
                200,
                r#"{"metadata":{"name":"shop","namespace":"team-a","uid":"a"},"spec":{"destination":{"namespace":"shop"}},"status":{"controllerNamespace":"argocd"}}"#,
            ),
        }
    });
    let fake = fake.await.unwrap();
    let trees = Trees::new(client(&fake));
    let mut tracked = track_argocd(trees, app(), TrackConfig::default());
    let found = async {
        loop {
            if let Some(TrackEvent::Applied(tracked)) = tracked.next().await
                && &*tracked.object.kind.kind == "Pod"
            {
                return tracked;
            }
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(20), found)
        .await
        .unwrap();
    assert_eq!((&*found.object.uid, &*found.root.name), ("u1", "web-1"));
}

#[tokio::test]
async fn an_empty_tree_is_no_deletion_before_it_comes_again() {
    let fake = FakeArgocd::start(|request, _| match path(request) {
        "/api/v1/stream/applications/shop/resource-tree" => {
            let mut steps = vec![Step::Wait(Duration::from_secs(2))];
            steps.extend(events(&[json!({"result": {"nodes": []}}).to_string()]));
            steps.push(Step::Hang);
            steps
        }
        path if path.contains("/stream/") => vec![Step::Hang],
        "/api/v1/applications/shop/resource-tree" => answer(200, &tree_of(&["u1"])),
        "/api/v1/applications/shop/resource" => manifest(),
        _ => answer(200, APPLICATION),
    });
    let said = tracked(&fake.await.unwrap(), 6, |_| false).await;
    assert!(said.iter().any(is_pod), "{said:?}");
    let is_gone = |event: &&TrackEvent| matches!(event, TrackEvent::Removed(_));
    assert_eq!(said.iter().filter(is_gone).count(), 0, "{said:?}");
}

#[tokio::test]
async fn a_read_that_failed_for_now_is_tried_again() {
    let fake = FakeArgocd::start(|request, nth| match path(request) {
        path if path.contains("/stream/") => vec![Step::Hang],
        "/api/v1/applications/shop/resource-tree" => answer(200, &tree_of(&["u1"])),
        "/api/v1/applications/shop/resource" => match nth {
            0 => answer(
                429,
                r#"{"error":"slow down","code":8,"message":"slow down"}"#,
            ),
            1 => Vec::new(),
            _ => manifest(),
        },
        _ => answer(200, APPLICATION),
    });
    let said = tracked(&fake.await.unwrap(), 20, is_pod).await;
    assert!(said.last().is_some_and(is_pod), "{said:?}");
}

/// Argo CD answers 403 for what is not there, as for a child that is being made.
#[tokio::test]
async fn an_application_that_was_just_made_is_no_refusal() {
    let forbidden = r#"{"error":"permission denied","code":7,"message":"permission denied"}"#;
    for (made, is_said) in [(3, false), (99, true)] {
        let fake = FakeArgocd::start(move |request, nth| match path(request) {
            path if path.contains("/stream/") => vec![Step::Hang],
            "/api/v1/applications/shop/resource-tree" => answer(200, &tree_of(&[])),
            "/api/v1/applications/shop" if nth >= made => answer(200, APPLICATION),
            _ => answer(403, forbidden),
        });
        let is_end = |event: &TrackEvent| {
            matches!(event, TrackEvent::Application(_) | TrackEvent::Notice(_))
        };
        let said = tracked(&fake.await.unwrap(), 20, is_end).await;
        let is_notice = matches!(said.last(), Some(TrackEvent::Notice(_)));
        assert_eq!(is_notice, is_said, "{said:?}");
    }
}

#[tokio::test]
async fn a_refusal_on_the_way_is_said_as_one() {
    let forbidden = r#"{"error":"permission denied","code":7,"message":"permission denied"}"#;
    let expired = r#"{"error":"token is expired","code":16,"message":"token is expired"}"#;
    for (status, body, code, part) in [
        (
            403,
            forbidden,
            NoticeCode::Forbidden,
            "does not show the application any more",
        ),
        (
            401,
            expired,
            NoticeCode::Unreachable,
            "does not accept the token any more",
        ),
    ] {
        let fake = FakeArgocd::start(move |request, nth| match path(request) {
            "/api/v1/stream/applications" => answer(200, ""),
            path if path.contains("/stream/") => vec![Step::Hang],
            "/api/v1/applications/shop/resource-tree" => answer(200, &tree_of(&[])),
            "/api/v1/applications/shop" if nth == 0 => answer(200, APPLICATION),
            _ => answer(status, body),
        });
        let is_it = |event: &TrackEvent| matches!(event, TrackEvent::Notice(notice) if notice.message.contains(part));
        let said = tracked(&fake.await.unwrap(), 20, is_it).await;
        let Some(TrackEvent::Notice(notice)) = said.last().filter(|event| is_it(event)) else {
            panic!("no {part:?}: {said:?}")
        };
        assert_eq!(notice.code, code, "{notice:?}");
        assert!(notice.hint.is_some(), "{notice:?}");
    }
}

#[tokio::test]
async fn the_controller_compares_when_the_objects_are_known() {
    let fake = FakeArgocd::start(|request, _| match path(request) {
        path if path.contains("/stream/") => vec![Step::Hang],
        "/api/v1/applications/shop/resource-tree" => {
            let wait = Step::Wait(Duration::from_secs(1));
            [vec![wait], answer(200, &tree_of(&["u1"]))].concat()
        }
        "/api/v1/applications/shop/resource" => manifest(),
        _ => answer(200, APPLICATION),
    });
    let fake = fake.await.unwrap();
    tracked(&fake, 4, |_| false).await;
    let requests = fake.requests();
    let at = |part: &str| requests.iter().position(|it| it.path.contains(part));
    let (tree, refresh) = (at("shop/resource-tree"), at("refresh=normal"));
    assert!(tree.is_some() && refresh > tree, "{requests:#?}");
}

#[tokio::test]
async fn a_stream_that_breaks_at_once_is_opened_with_growing_pauses() {
    let fake = FakeArgocd::start(|request, _| match path(request) {
        path if path.contains("/stream/") => answer(200, ""),
        "/api/v1/applications/shop/resource-tree" => answer(200, &tree_of(&[])),
        _ => answer(200, APPLICATION),
    });
    let fake = fake.await.unwrap();
    tracked(&fake, 8, |_| false).await;
    let requests = fake.requests();
    for stream in [
        "stream/applications/shop/resource-tree",
        "stream/applications?",
    ] {
        let count = requests
            .iter()
            .filter(|it| it.path.contains(stream))
            .count();
        assert!((2..=5).contains(&count), "{count} × {stream}");
    }
}

#[tokio::test]
async fn events_of_many_namespaces_have_one_budget() {
    let fake = FakeArgocd::start(|request, _| match path(request) {
        path if path.contains("/stream/") => vec![Step::Hang],
        "/api/v1/applications/shop/resource-tree" => {
            let pod = |number: usize| json!({"version": "v1", "kind": "Pod", "namespace": format!("n{number}"), "name": "p", "uid": format!("u{number}"), "resourceVersion": "1", "health": {"status": "Degraded"}});
            let nodes: Vec<_> = (0..40).map(pod).collect();
            answer(200, &json!({ "nodes": nodes }).to_string())
        }
        _ => answer(200, r#"{"items":[]}"#),
    });
    let fake = fake.await.unwrap();
    let trees = Trees::new(client(&fake));
    trees.follow(&app());
    let events = ArgocdEvents::new(trees);
    let scope = |number: usize| EventScope {
        namespace: format!("n{number}").into(),
        applications: false,
        fields: None,
    };
    let mut watches: Vec<_> = (0..40).map(|number| events.watch(&scope(number))).collect();
    let all = futures::future::join_all(watches.iter_mut().map(|watch| watch.count()));
    let _ = tokio::time::timeout(Duration::from_secs(5), all).await;
    let requests = fake.requests();
    let count = requests
        .iter()
        .filter(|it| it.path.contains("/events?"))
        .count();
    assert!((1..=18).contains(&count), "{count} lists in three rounds");
}

#[tokio::test]
async fn two_applications_share_what_is_read() {
    let fake = FakeArgocd::start(|request, _| {
        let name = if request.path.contains("/pay") {
            "pay"
        } else {
            "shop"
        };
        match path(request) {
            path if path.contains("/stream/") => vec![Step::Hang],
            path if path.ends_with("/resource-tree") => {
                answer(200, &tree_of(&["u1"]).replace("u1", name))
            }
            path if path.ends_with("/resource") => {
                let mut pod = pod();
                pod.metadata.uid = Some(name.to_owned());
                let pod = serde_json::to_string(&pod).unwrap();
                answer(200, &json!({ "manifest": pod }).to_string())
            }
            _ => answer(
                200,
                &APPLICATION.replace("shop\",\"namespace", &format!("{name}\",\"namespace")),
            ),
        }
    });
    let fake = fake.await.unwrap();
    let trees = Trees::new(client(&fake));
    let mut events = futures::stream::SelectAll::new();
    for name in ["shop", "pay"] {
        let app = AppRef::new(name, "team-a");
        let tracked = track_argocd(Arc::clone(&trees), app, TrackConfig::default());
        events.push(tracked.map(move |event| (name, event)));
    }
    let mut pods = Vec::new();
    let reading = async {
        while let Some((name, event)) = events.next().await {
            if let TrackEvent::Applied(tracked) = event
                && &*tracked.object.kind.kind == "Pod"
            {
                pods.push((name, tracked.object.uid.to_string()));
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(4), reading).await;
    pods.sort();
    pods.dedup();
    assert_eq!(
        pods,
        [("pay", "pay".to_owned()), ("shop", "shop".to_owned())]
    );
    let requests = fake.requests();
    let reads = requests
        .iter()
        .filter(|it| it.path.contains("/resource?"))
        .count();
    assert_eq!(reads, 2, "{requests:#?}");
}
