//! An Argo CD token is all there is: the API with its faults, and those of proxies before it.
//!
//! Each test is a fault that users of other clients have reported.

use std::{sync::Arc, time::Duration};

use argo_core::{
    AppRef, PodEvent, TrackEvent,
    argocd::{Client, Error, LogQuery, Options, Refresh, StreamItem, Trees},
    resource::{Application, Pod},
};
use argo_logs::{ArgocdLogs, LogConfig, LogEvent, LogStream};
use argo_tests::fake_argocd::{FakeArgocd, Request, Step, answer, events};
use argo_workloads::{TrackConfig, track_argocd};
use futures::{Stream, StreamExt};
use serde_json::json;

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
