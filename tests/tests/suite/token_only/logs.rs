//! The logs of pods over the API: streams that start late, break off and begin again.

use std::{sync::Arc, time::Duration};

use argo_core::{
    GroupKind, ObjectRef, PodEvent,
    argocd::{Error, LogQuery, Trees},
};
use argo_logs::{ArgocdLogs, LogConfig, LogEvent, LogSource, LogStream, OpenError, OpenParams};
use argo_tests::fake_argocd::{FakeArgocd, Request, Step, answer, events};
use futures::{Stream, StreamExt};
use serde_json::json;

use super::{app, client, entry, manifest, path, pod};

fn last() -> String {
    json!({"result": {"content": "", "timeStampStr": "2026-11-28T06:52:14Z", "last": true, "podName": ""}}).to_string()
}

fn refusal(text: &str) -> String {
    json!({"result": {"content": text, "timeStamp": null, "timeStampStr": "0001-01-01T00:00:00Z", "last": false, "podName": ""}}).to_string()
}

/// Follows the log of the pod until `lines` lines have come, or the log ends.
async fn followed(fake: &FakeArgocd, lines: usize) -> (Vec<String>, Vec<String>) {
    let trees = Trees::new(client(fake));
    let source = Arc::new(ArgocdLogs::new(trees));
    let event = PodEvent::Applied {
        pod: Arc::new(pod()),
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
        _ => manifest(),
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
        _ => manifest(),
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
        false => manifest(),
    });
    let (lines, notices) = followed(&fake.await.unwrap(), 1).await;
    assert_eq!((lines, notices), (vec!["one".to_owned()], vec![]));
}

#[tokio::test]
async fn lines_of_one_time_are_all_shown_and_none_twice_after_a_cut() {
    let fake = FakeArgocd::start(|request, nth| {
        if !is_log(request) {
            return manifest();
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
            return manifest();
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
            return manifest();
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
        false => manifest(),
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

/// A server that is stopped ends every log with 200 and, if it had sent nothing yet, no body.
#[tokio::test]
async fn an_empty_answer_about_a_pod_of_the_tree_is_a_cut() {
    let fake = FakeArgocd::start(|request, nth| match path(request) {
        path if path.contains("/stream/") => vec![Step::Hang],
        path if path.ends_with("/resource-tree") => {
            let node = json!({"version": "v1", "kind": "Pod", "namespace": "shop", "name": "web-1", "uid": "u1", "resourceVersion": "1"});
            answer(200, &json!({ "nodes": [node] }).to_string())
        }
        _ if is_log(request) && nth == 0 => answer(200, ""),
        _ if is_log(request) => events(&[entry(1, "one"), last()]),
        _ => manifest(),
    });
    let fake = fake.await.unwrap();
    let trees = Trees::new(client(&fake));
    trees.follow(&app());
    let is_known = async {
        while !trees.holds("u1") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), is_known)
        .await
        .unwrap();
    let source = ArgocdLogs::new(trees);
    let pod = ObjectRef {
        kind: GroupKind::new("", "Pod"),
        namespace: "shop".into(),
        name: "web-1".into(),
        uid: "u1".into(),
    };
    let params = OpenParams {
        container: "app".into(),
        follow: false,
        previous: false,
        since_time: None,
        tail_lines: None,
    };
    let cut = source.open(&pod, &params).await;
    assert!(matches!(cut, Err(OpenError::Lost(_))));
    assert!(source.open(&pod, &params).await.is_ok());
}

#[tokio::test]
async fn a_server_that_restarts_is_joined_again() {
    let fake = FakeArgocd::start(|request, nth| {
        if !is_log(request) {
            return manifest();
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
