//! A store that the test fills: a fake, or a real VictoriaLogs.

use std::{sync::Arc, time::Duration};

use argo_logs::{LogStore, StoreClient, StoreOptions, StoreUrl};
use argo_tests::fake_store::{FakeStore, Kind};
use serde_json::json;

use super::range;

/// A store that is filled by the test: a fake, or a real VictoriaLogs.
pub(super) enum Store {
    Fake(FakeStore),
    Real(String),
}

impl Store {
    pub(super) async fn start(kind: Kind) -> Self {
        match std::env::var("VICTORIALOGS") {
            Ok(url) if kind == Kind::VictoriaLogs => Self::Real(url),
            _ => Self::Fake(FakeStore::start(kind).await.unwrap()),
        }
    }

    pub(super) fn url(&self) -> String {
        match self {
            Self::Fake(fake) => fake.url(),
            Self::Real(url) => url.clone(),
        }
    }

    /// Adds lines as vlagent sends them, and waits until they can be asked for.
    pub(super) async fn add(&self, pod: &str, lines: &[(i64, String)]) {
        let url = match self {
            Self::Fake(fake) => {
                for (time, text) in lines {
                    fake.add(("shop", pod, "app"), *time, text);
                }
                return;
            }
            Self::Real(url) => url,
        };
        let line = |(time, text): &(i64, String)| {
            json!({
                "_time": time.to_string(), "_msg": text, "kubernetes.pod_namespace": "shop",
                "kubernetes.pod_name": pod, "kubernetes.container_name": "app",
            })
        };
        let body: String = lines.iter().map(|l| format!("{}\n", line(l))).collect();
        let fields = "kubernetes.pod_namespace,kubernetes.pod_name,kubernetes.container_name";
        post(
            url,
            &format!("/insert/jsonline?_stream_fields={fields}"),
            &body,
        )
        .await;
        let client = self.client();
        let asked = range(pod, lines[0].0, lines[lines.len() - 1].0 + 1);
        for _ in 0..200 {
            let found = client.read(&asked).await;
            if found.is_ok_and(|page| !page.lines.is_empty()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the lines do not arrive");
    }

    pub(super) fn client(&self) -> Arc<StoreClient> {
        let url = StoreUrl::parse(&self.url()).unwrap();
        Arc::new(StoreClient::new(&StoreOptions::new(url)).unwrap())
    }
}

async fn post(url: &str, path: &str, body: &str) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
