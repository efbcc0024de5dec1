//! Logs, restarts, TLS and the request log.

use std::sync::Arc;

use base64::Engine;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::{Cluster, End};
use crate::logs::{LogWriter, Origin};

const LOG: &str = "GET /api/v1/namespaces/a/pods/p/log?follow=true";

fn running(cluster: &Cluster) -> LogWriter {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "a", "name": "p"},
        "spec": {"nodeName": "n", "containers": [{"name": "c"}]},
        "status": {"containerStatuses": [{"name": "c", "state": {"running": {}}, "containerID": "containerd://1"}]},
    });
    let pod = cluster.store.create(pod).unwrap();
    cluster.logs.start(&pod, "c", 0, "containerd://1")
}

#[tokio::test]
async fn a_follow_gets_each_step_as_a_chunk_and_ends_cleanly() {
    let cluster = Cluster::start().await;
    let mut writer = running(&cluster);
    let mut log = cluster.open(LOG).await;
    let head = log.head().await.unwrap();
    assert!(
        head.headers
            .contains(&("content-type".to_owned(), "text/plain".to_owned()))
    );
    assert!(
        head.headers
            .contains(&("transfer-encoding".to_owned(), "chunked".to_owned()))
    );
    for text in ["one", "two"] {
        writer.line(Origin::Stdout, 0, text);
        assert_eq!(log.chunk().await.unwrap(), format!("{text}\n").as_bytes());
    }
    writer.write(Origin::Stdout, 0, b"no line feed");
    writer.close(0);
    writer.instance().end();
    assert_eq!(log.chunk().await.unwrap(), b"no line feed");
    assert_eq!(log.chunk().await.unwrap_err(), End::Clean);
}

#[tokio::test]
async fn killed_it_cuts_and_refuses_and_comes_back_without_history() {
    let mut cluster = Cluster::start().await;
    let mut writer = running(&cluster);
    let version = cluster.store.resource_version() - 1;
    let mut log = cluster.open(LOG).await;
    writer.line(Origin::Stdout, 0, "one");
    log.chunk().await.unwrap();
    cluster.server.stop().await;
    assert_eq!(log.chunk().await.unwrap_err(), End::Cut);
    let address = cluster.server.url().replace("http://", "");
    let refused = tokio::net::TcpStream::connect(&address).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    cluster.server.restart().await.unwrap();
    let path = format!("GET /api/v1/pods?watch=1&resourceVersion={version}");
    let events = cluster.ask(&path).await.events();
    assert_eq!(events[0]["object"]["code"], 410);
}

#[tokio::test]
async fn terminated_it_ends_watches_and_cuts_logs_a_minute_later() {
    let cluster = Cluster::with(100.0, |builder| builder).await;
    let mut writer = running(&cluster);
    let mut log = cluster.open(LOG).await;
    let mut watch = cluster.open("GET /api/v1/pods?watch=1").await;
    watch.event().await.unwrap();
    writer.line(Origin::Stdout, 0, "before");
    log.chunk().await.unwrap();
    let begin = cluster.store.clock().elapsed();
    let mut server = cluster.server;
    let ending = tokio::spawn(async move { server.terminate().await });
    writer.line(Origin::Stdout, 0, "still");
    assert_eq!(log.chunk().await.unwrap(), b"still\n");
    assert_eq!(watch.chunk().await.unwrap_err(), End::Clean);
    assert!((cluster.store.clock().elapsed() - begin).as_secs() >= 60);
    assert_eq!(log.chunk().await.unwrap_err(), End::Cut);
    ending.await.unwrap();
}

#[tokio::test]
async fn the_request_log_tells_what_was_asked() {
    let cluster = Cluster::start().await;
    running(&cluster);
    let log = "GET /api/v1/namespaces/a/pods/p/log?container=c&tailLines=1";
    cluster
        .send(log, &["User-Agent: me/1"], "")
        .await
        .whole()
        .await;
    cluster
        .ask("GET /apis/apps/v1/deployments?watch=1&timeoutSeconds=1")
        .await;
    cluster.ask("GET /nope").await;
    let requests = cluster.server.requests();
    let seen: Vec<String> = requests
        .iter()
        .map(|one| {
            format!(
                "{} {} {}/{}/{} {}",
                one.verb, one.resource, one.namespace, one.name, one.container, one.status
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            "log pods/log a/p/c 200",
            "watch deployments.apps // 200",
            "get  // 404"
        ]
    );
    assert_eq!(requests[0].user_agent, "me/1");
    assert_eq!(requests[0].query, "container=c&tailLines=1");
    assert_eq!((requests[0].connection, requests[2].connection), (1, 3));
}

#[tokio::test]
async fn discovery_in_one_answer_has_a_tag() {
    let cluster = Cluster::start().await;
    let accept = "Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let first = cluster.send("GET /apis", &[accept], "").await.whole().await;
    let list = first.json();
    assert_eq!(list["kind"], "APIGroupDiscoveryList");
    let groups: Vec<&str> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["metadata"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(groups, ["apps", "autoscaling", "batch", "argoproj.io"]);
    let tag = format!("If-None-Match: {}", first.header("etag").unwrap());
    let second = cluster
        .send("GET /apis", &[accept, &tag], "")
        .await
        .whole()
        .await;
    assert_eq!(second.status, 304);
    // A type that is served no longer is not there any more.
    cluster.store.unregister("rollouts.argoproj.io");
    let third = cluster
        .send("GET /apis", &[accept, &tag], "")
        .await
        .whole()
        .await;
    assert_eq!(third.status, 200);
    let gone = cluster.ask("GET /apis/argoproj.io/v1alpha1/rollouts").await;
    assert_eq!(
        (gone.status, gone.json()["message"].clone()),
        (
            404,
            json!("the server could not find the requested resource")
        )
    );
}

/// A TLS connection to the server as its kubeconfig describes it, and the protocol it speaks.
async fn tls(
    cluster: &Cluster,
    protocols: &[&[u8]],
) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    let config: Value = serde_yaml_ng::from_str(&cluster.server.kubeconfig()).unwrap();
    let server = &config["clusters"][0]["cluster"];
    assert_eq!(server["server"], cluster.server.url());
    let pem = base64::engine::general_purpose::STANDARD
        .decode(server["certificate-authority-data"].as_str().unwrap())
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(&pem).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let address = cluster.server.url().replace("https://", "");
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(client))
        .connect(name, stream)
        .await
        .unwrap()
}

#[tokio::test]
async fn tls_speaks_both_protocols() {
    let cluster = Cluster::with(1.0, |builder| builder.tls(true)).await;
    let mut one = tls(&cluster, &[b"http/1.1"]).await;
    one.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // The server closes without a close_notify, as a cut connection does: what came is what counts.
    let _ = one.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b"ok"));

    let mut two = tls(&cluster, &[b"h2"]).await;
    assert_eq!(two.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    two.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    let mut head = [0; 9];
    two.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "the first frame is SETTINGS");
    let mut settings = vec![0; usize::from(head[2])];
    two.read_exact(&mut settings).await.unwrap();
    // MAX_CONCURRENT_STREAMS is setting 3.
    assert!(
        settings
            .chunks(6)
            .any(|setting| setting == [0, 3, 0, 0, 0, 100]),
        "{settings:?}"
    );
}
