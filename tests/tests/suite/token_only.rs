//! An Argo CD token is all there is: the API with its faults, and those of proxies before it.
//!
//! Each test is a fault that users of other clients have reported.

use std::{sync::Arc, time::Duration};

use argo_core::{
    AppRef, NoticeCode, PodEvent, TrackEvent,
    argocd::{Client, Error, LogQuery, Options, Refresh, StreamItem, Trees},
    resource::{Application, Pod},
};
use argo_events::{ArgocdEvents, EventScope, EventSource};
use argo_logs::{ArgocdLogs, LogConfig, LogEvent, LogStream};
use argo_tests::fake_argocd::{FakeArgocd, Request, Step, answer, events};
use argo_workloads::{TrackConfig, track_argocd};
use futures::{Stream, StreamExt};
use serde_json::json;

use crate::assistant::Assistant;

const TOKEN: &str = "CANARY-token";

fn options(fake: &FakeArgocd, more: &[(&str, &str)]) -> Options {
    let env = |name: &str| match name {
        "ARGOCD_SERVER" => Some(fake.address.clone().into()),
        "ARGOCD_AUTH_TOKEN" => Some(TOKEN.into()),
        _ => None,
    };
    let flags = [("plaintext", "")].into_iter().chain(more.iter().copied());
    Options::inferred(env, flags).unwrap()
}

fn client(fake: &FakeArgocd) -> Client {
    Client::new(options(fake, &[])).unwrap()
}

fn app() -> AppRef {
    AppRef::new("shop", "team-a")
}

fn entry(second: u32, content: &str) -> String {
    let time = format!("2026-11-28T06:52:{second:02}.123456789Z");
    json!({"result": {"content": content, "timeStampStr": time, "last": false, "podName": "web-1"}})
        .to_string()
}

fn last() -> String {
    json!({"result": {"content": "", "timeStampStr": "2026-11-28T06:52:14Z", "last": true, "podName": ""}}).to_string()
}

fn refusal(text: &str) -> String {
    json!({"result": {"content": text, "timeStamp": null, "timeStampStr": "0001-01-01T00:00:00Z", "last": false, "podName": ""}}).to_string()
}

/// A pod whose container runs, or has ended with code 0.
fn pod(is_over: bool) -> Pod {
    let state = if is_over {
        json!({"terminated": {"exitCode": 0, "containerID": "c://1", "finishedAt": "2026-11-28T06:52:20Z"}})
    } else {
        json!({"running": {"startedAt": "2026-11-28T06:52:00Z"}})
    };
    serde_json::from_value(json!({
        "metadata": {"name": "web-1", "namespace": "shop", "uid": "u1", "resourceVersion": "1"},
        "spec": {"containers": [{"name": "app"}], "restartPolicy": "Never"},
        "status": {"phase": if is_over { "Succeeded" } else { "Running" }, "containerStatuses": [
            {"name": "app", "containerID": "c://1", "restartCount": 0, "ready": !is_over, "state": state},
        ]},
    }))
    .unwrap()
}

fn manifest(is_over: bool) -> Vec<Step> {
    let pod = serde_json::to_string(&pod(is_over)).unwrap();
    answer(200, &json!({ "manifest": pod }).to_string())
}

/// Follows the log of the pod until `lines` lines have come, or the log ends.
async fn followed(fake: &FakeArgocd, lines: usize) -> (Vec<String>, Vec<String>) {
    let trees = Trees::new(client(fake));
    let source = Arc::new(ArgocdLogs::new(trees));
    let event = PodEvent::Applied {
        pod: Arc::new(pod(false)),
        workload: None,
        is_new: true,
    };
    let pods = futures::stream::iter([event]).chain(futures::stream::pending());
    read(
        LogStream::from_source(source, pods, LogConfig::default()),
        lines,
    )
    .await
}

async fn read(stream: impl Stream<Item = LogEvent>, most: usize) -> (Vec<String>, Vec<String>) {
    let mut stream = std::pin::pin!(stream);
    let (mut lines, mut notices) = (Vec::new(), Vec::new());
    let reading = async {
        while lines.len() < most
            && let Some(event) = stream.next().await
        {
            match event {
                LogEvent::Lines(found) => lines.extend(
                    found
                        .batch
                        .lines()
                        .map(|line| String::from_utf8_lossy(line.text).into_owned()),
                ),
                LogEvent::Notice(notice) => notices.push(notice.message),
                _ => {}
            }
        }
    };
    // Well beyond what any test here needs.
    let _ = tokio::time::timeout(Duration::from_secs(20), reading).await;
    (lines, notices)
}

fn is_log(request: &Request) -> bool {
    request.path.contains("/logs?")
}

#[tokio::test]
async fn no_header_before_the_first_message() {
    let fake = FakeArgocd::start(|request, nth| match (is_log(request), nth) {
        (true, 0) => {
            let mut steps = vec![Step::Wait(Duration::from_secs(3))];
            steps.extend(events(&[entry(1, "at last")]));
            steps.push(Step::Hang);
            steps
        }
        (true, _) => vec![Step::Hang],
        _ => manifest(false),
    });
    let (lines, notices) = followed(&fake.await.unwrap(), 1).await;
    assert_eq!((lines, notices), (vec!["at last".to_owned()], vec![]));
}

#[tokio::test]
async fn a_proxy_that_gives_up_is_no_news() {
    let fake = FakeArgocd::start(|request, nth| match (is_log(request), nth) {
        (true, 0) => vec![
            Step::Wait(Duration::from_secs(2)),
            Step::Head(504, "text/html"),
            Step::Body(b"stream timeout".to_vec()),
        ],
        (true, _) => [events(&[entry(1, "one")]), vec![Step::Hang]].concat(),
        _ => manifest(false),
    });
    let (lines, notices) = followed(&fake.await.unwrap(), 1).await;
    assert_eq!((lines, notices), (vec!["one".to_owned()], vec![]));
}

#[tokio::test]
async fn keep_alives_alone_are_no_lines() {
    let fake = FakeArgocd::start(|request, _| match is_log(request) {
        true => {
            let life = || Step::Body(b":\n\n".to_vec());
            let mut steps = vec![Step::Head(200, "text/event-stream"), life(), life()];
            steps.push(Step::Body(
                format!("data: {} \n:\n\n\n", entry(1, "one")).into_bytes(),
            ));
            steps.extend([life(), Step::Hang]);
            steps
        }
        false => manifest(false),
    });
    let (lines, notices) = followed(&fake.await.unwrap(), 1).await;
    assert_eq!((lines, notices), (vec!["one".to_owned()], vec![]));
}

#[tokio::test]
async fn lines_of_one_time_are_all_shown_and_none_twice_after_a_cut() {
    let fake = FakeArgocd::start(|request, nth| {
        if !is_log(request) {
            return manifest(false);
        }
        // A carriage return makes several entries of one time; white space at the end is gone.
        let lines: Vec<_> = ["a", "b", "a"].iter().map(|text| entry(1, text)).collect();
        match nth {
            // No `last`: the stream was cut.
            0 => events(&lines[..2]),
            _ => [
                events(&lines),
                events(&[entry(2, "c")])[1..].to_vec(),
                vec![Step::Hang],
            ]
            .concat(),
        }
    });
    let (lines, _) = followed(&fake.await.unwrap(), 4).await;
    assert_eq!(lines, ["a", "b", "a", "c"]);
}

#[tokio::test]
async fn last_is_no_proof_that_a_container_has_ended() {
    let fake = FakeArgocd::start(|request, nth| {
        if !is_log(request) {
            return manifest(false);
        }
        match nth {
            0 => events(&[entry(1, "one"), last()]),
            _ => [
                events(&[entry(1, "one"), entry(2, "two")]),
                vec![Step::Hang],
            ]
            .concat(),
        }
    });
    let (lines, _) = followed(&fake.await.unwrap(), 2).await;
    assert_eq!(lines, ["one", "two"]);
}

#[tokio::test]
async fn an_answer_of_the_cluster_in_the_place_of_a_line_is_no_line() {
    let fake = FakeArgocd::start(|request, nth| {
        if !is_log(request) {
            return manifest(false);
        }
        match nth {
            0 => events(&[
                refusal(
                    "container \"app\" in pod \"web-1\" is waiting to start: ContainerCreating",
                ),
                last(),
            ]),
            _ => [events(&[entry(1, "one")]), vec![Step::Hang]].concat(),
        }
    });
    let (lines, _) = followed(&fake.await.unwrap(), 1).await;
    assert_eq!(lines, ["one"]);
}

#[tokio::test]
async fn logs_without_the_right_are_one_notice() {
    let message =
        "permission denied: logs, get, default/api-two, sub: ci-no-logs, iat: 2026-11-28T08:15:39Z";
    let error = json!({"error": {"grpc_code": 7, "http_code": 403, "message": message, "http_status": "Forbidden"}});
    let error = error.to_string();
    let fake = FakeArgocd::start(move |request, _| match is_log(request) {
        true => answer(403, &error),
        false => manifest(false),
    });
    let fake = fake.await.unwrap();
    let client = client(&fake);
    let query = LogQuery {
        pod: "web-1".into(),
        ..LogQuery::default()
    };
    let first = client.logs(&app(), &query).next().await.unwrap();
    let Err(Error::Refused(refused)) = first else {
        panic!("{first:?}")
    };
    assert!(refused.is_forbidden() && refused.message == message);
}

#[tokio::test]
async fn errors_inside_a_stream_end_it() {
    let error = r#"{"error":{"grpc_code":13,"http_code":500,"message":"token is expired"}}"#;
    for text in [
        "{}\n".to_owned(),
        error.to_owned(),
        format!("data: {error} \n\n\n"),
    ] {
        let fake = FakeArgocd::start(move |_, _| {
            let first = format!("data: {} \n\n\n{text}", entry(1, "one"));
            vec![
                Step::Head(200, "text/event-stream"),
                Step::Body(first.into_bytes()),
            ]
        });
        let fake = fake.await.unwrap();
        let items: Vec<_> = client(&fake)
            .logs(&app(), &LogQuery::default())
            .collect()
            .await;
        let [
            Ok(StreamItem::Opened { .. }),
            Ok(StreamItem::Message(_)),
            Err(Error::Refused(_)),
        ] = &items[..]
        else {
            panic!("{items:?}")
        };
    }
}

#[tokio::test]
async fn a_message_of_32_mib_is_read() {
    let fake = FakeArgocd::start(|_, _| {
        let name = "x".repeat(32 << 20);
        let tree = json!({"result": {"nodes": [{"kind": "ConfigMap", "name": name, "uid": "u"}]}});
        events(&[tree.to_string()])
    });
    let fake = fake.await.unwrap();
    let mut stream = client(&fake).watch_tree(&app());
    let message = loop {
        match stream.next().await.unwrap().unwrap() {
            StreamItem::Message(tree) => break tree,
            _ => continue,
        }
    };
    assert_eq!(message.nodes[0].object.name.len(), 32 << 20);
}

#[tokio::test]
async fn a_token_that_expired_is_read_again_from_the_configuration() {
    let fake = FakeArgocd::start(|request, _| {
        if request.headers.contains("new-token") {
            answer(200, r#"{"metadata":{"name":"shop"}}"#)
        } else {
            answer(
                401,
                r#"{"error":"invalid session: token is expired","code":16,"message":"invalid session: token is expired"}"#,
            )
        }
    });
    let fake = fake.await.unwrap();
    let folder = std::env::temp_dir().join(format!("argocd-config-{}", std::process::id()));
    let config = |token: &str| {
        let text = format!(
            "current-context: c\ncontexts: [{{name: c, server: '{0}', user: u}}]\nservers: [{{server: '{0}', plain-text: true}}]\nusers: [{{name: u, auth-token: {token}}}]\n",
            fake.address
        );
        std::fs::write(&folder, text).unwrap();
    };
    config("old-token");
    let path = folder.to_str().unwrap();
    let options = Options::inferred(|_| None, [("config", path)]).unwrap();
    let client = Client::new(options).unwrap();
    let shop = app();
    let read = || client.application::<Application>(&shop, Refresh::No);
    let refused = read().await.unwrap_err();
    assert!(refused.refused().unwrap().is_unauthorized(), "{refused}");
    assert_eq!(fake.requests().len(), 1, "the same token is not sent twice");
    config("new-token");
    assert_eq!(read().await.unwrap().metadata.name.as_deref(), Some("shop"));
    std::fs::remove_file(&folder).unwrap();
}

#[tokio::test]
async fn a_root_path_stands_before_every_path_and_another_namespace_in_the_query() {
    let fake = FakeArgocd::start(|_, _| answer(200, r#"{"nodes":[]}"#))
        .await
        .unwrap();
    let client = Client::new(options(&fake, &[("grpc-web-root-path", "/argo")])).unwrap();
    client.tree(&app()).await.unwrap();
    assert_eq!(
        fake.requests()[0].path,
        "/argo/api/v1/applications/shop/resource-tree?appNamespace=team-a"
    );
}

#[tokio::test]
async fn the_token_goes_to_the_configured_server_only() {
    let other = FakeArgocd::start(|_, _| answer(200, "{}")).await.unwrap();
    let to = format!("http://{}/stolen", other.address);
    let fake = FakeArgocd::start(move |_, _| {
        let head = format!(
            "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        vec![Step::Body(head.into_bytes())]
    });
    let fake = fake.await.unwrap();
    let error = client(&fake).version().await.unwrap_err();
    assert!(matches!(error, Error::Redirected { .. }), "{error}");
    assert!(other.requests().is_empty());
    assert!(fake.requests()[0].headers.contains(TOKEN));
    // Plain HTTP has to be asked for, also where the server's answer would be plain.
    let env = |name: &str| match name {
        "ARGOCD_SERVER" => Some(other.address.clone().into()),
        "ARGOCD_AUTH_TOKEN" => Some(TOKEN.into()),
        _ => None,
    };
    let options = Options::inferred(env, [("insecure", "")]).unwrap();
    let client = Client::new(options).unwrap();
    let error = client.version().await.unwrap_err();
    assert!(
        other
            .requests()
            .iter()
            .all(|request| !request.headers.contains(TOKEN))
    );
    assert!(!format!("{error:?} {error} {client:?}").contains(TOKEN));
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
            "/api/v1/applications/shop/resource" => manifest(false),
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
async fn a_server_that_restarts_is_joined_again() {
    let fake = FakeArgocd::start(|request, nth| {
        if !is_log(request) {
            return manifest(false);
        }
        match nth {
            0 => events(&[entry(1, "one")]),
            1 => answer(502, "bad gateway"),
            2 => Vec::new(),
            _ => [
                events(&[entry(1, "one"), entry(2, "two")]),
                vec![Step::Hang],
            ]
            .concat(),
        }
    });
    let fake = fake.await.unwrap();
    let (lines, _) = followed(&fake, 2).await;
    assert_eq!(lines, ["one", "two"]);
    let resumed: Vec<_> = fake
        .requests()
        .into_iter()
        .filter(is_log)
        .map(|r| r.path)
        .collect();
    assert!(resumed[1].contains("sinceSeconds="), "{resumed:?}");
    assert!(
        !resumed[1].contains("sinceTime="),
        "the server refuses it: {resumed:?}"
    );
}

fn path(request: &Request) -> &str {
    request.path.split('?').next().unwrap_or_default()
}

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
        "/api/v1/applications/shop/resource" => manifest(false),
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
            _ => manifest(false),
        },
        _ => answer(200, APPLICATION),
    });
    let said = tracked(&fake.await.unwrap(), 20, is_pod).await;
    assert!(said.last().is_some_and(is_pod), "{said:?}");
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
        "/api/v1/applications/shop/resource" => manifest(false),
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
                let mut pod = pod(false);
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

/// The program with a token and no kubeconfig.
fn assistant(fake: &FakeArgocd, args: &[&str]) -> Assistant {
    Assistant::new(&[args, &["--via", "argocd"]].concat())
        .env("ARGOCD_SERVER", &fake.address)
        .env("ARGOCD_AUTH_TOKEN", TOKEN)
        .env("ARGOCD_OPTS", "--plaintext")
}

async fn refusing() -> FakeArgocd {
    FakeArgocd::start(|request, _| match path(request) {
        "/api/version" => answer(200, r#"{"Version":"v3.2.11"}"#),
        "/api/v1/session/userinfo" => answer(200, r#"{"loggedIn":true,"username":"ci"}"#),
        _ => answer(
            403,
            r#"{"error":"permission denied","code":7,"message":"permission denied"}"#,
        ),
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn an_application_that_may_not_be_read_is_exit_77() {
    let fake = refusing().await;
    let ended = assistant(&fake, &["follow", "shop", "team-a"]).run().await;
    assert_eq!(ended.code(), Some(77), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("p, ci, applications, get, PROJECT/shop, allow"),
        "{}",
        ended.stderr
    );
    // argocd says that all is well, and we cannot tell what.
    let run = assistant(&fake, &["sync", "shop", "team-a", "--settle", "0"]);
    let ended = run.script("steps: [{exit: 0}]").run().await;
    assert_eq!(ended.code(), Some(77), "{}", ended.stdout);
    let last = ended.stdout.lines().next_back().unwrap();
    assert!(
        last.contains("the Application team-a/shop may not be read"),
        "{last}"
    );
    // And what argocd says against it counts more.
    let run = assistant(&fake, &["sync", "shop", "team-a", "--settle", "0"]);
    let ended = run.script("steps: [{exit: 20}]").run().await;
    assert_eq!(ended.code(), Some(20), "{}", ended.stdout);
}

#[tokio::test]
async fn without_any_authority_on_the_system_plain_http_works() {
    let fake = refusing().await;
    let run = assistant(&fake, &["follow", "shop", "team-a"])
        .env("SSL_CERT_FILE", "/nowhere/ca.pem")
        .env("SSL_CERT_DIR", "/nowhere");
    let ended = run.run().await;
    assert_eq!(ended.code(), Some(77), "it was asked: {}", ended.stderr);
}
