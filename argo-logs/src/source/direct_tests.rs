// Both sources against a server of raw bytes, most of them recorded.

use std::{collections::VecDeque, path::PathBuf, sync::Mutex, time::Duration};

use argo_core::GroupKind;
use jiff::Timestamp;
use kube::Config;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::{KubeSource, Lost, source::of_cluster};

/// Sends an answer to each connection, one after another, and keeps the requests.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
    /// Number of connections that the client has closed.
    closed: watch::Receiver<usize>,
}

impl Server {
    async fn new(answers: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self::with_tls(answers, None).await
    }

    async fn with_tls(
        answers: impl IntoIterator<Item = Vec<u8>>,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (count, closed) = watch::channel(0);
        let mut answers: VecDeque<_> = answers.into_iter().collect();
        let kept = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Some(answer) = answers.pop_front() {
                let (tcp, _) = listener.accept().await.unwrap();
                let (kept, count, tls) = (Arc::clone(&kept), count.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => talk(tcp, &answer, &kept).await,
                        Some(tls) => match tls.accept(tcp).await {
                            Ok(tls) => talk(tls, &answer, &kept).await,
                            Err(_) => return,
                        },
                    }
                    count.send_modify(|count| *count += 1);
                });
            }
        });
        Self {
            url: format!("{scheme}://127.0.0.1:{port}"),
            requests,
            closed,
        }
    }

    fn config(&self) -> Config {
        let mut config = Config::new(self.url.parse().unwrap());
        config.default_retry = false;
        config
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// An answer that ends in this is not followed by a close.
const STAYS_OPEN: &[u8] = b"<stays open>";

async fn talk(
    mut socket: impl AsyncReadExt + AsyncWrite + Unpin,
    answer: &[u8],
    requests: &Mutex<Vec<String>>,
) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if socket.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let request = String::from_utf8(request).unwrap();
    requests.lock().unwrap().push(request);
    let open = answer.strip_suffix(STAYS_OPEN);
    let _ = socket.write_all(open.unwrap_or(answer)).await;
    let _ = socket.flush().await;
    if open.is_some() {
        let _ = socket.read(&mut [0]).await;
    }
    let _ = socket.shutdown().await;
}

fn direct(config: Config) -> DirectSource {
    DirectSource::new(config.into()).unwrap()
}

fn both(server: &Server) -> [Box<dyn LogSource>; 2] {
    let client = Client::try_from(server.config()).unwrap();
    [
        Box::new(direct(server.config())),
        Box::new(KubeSource::new(client)),
    ]
}

fn pod() -> ObjectRef {
    ObjectRef {
        kind: GroupKind::new("", "Pod"),
        namespace: "shop".into(),
        name: "web-1".into(),
        uid: "u".into(),
    }
}

fn follow() -> OpenParams {
    OpenParams {
        container: "app".into(),
        follow: true,
        previous: false,
        since_time: None,
        tail_lines: None,
    }
}

async fn open(source: &dyn LogSource) -> Result<LogResponse, OpenError> {
    source.open(&pod(), &follow()).await
}

async fn read(body: &mut LogBody) -> (Vec<u8>, Result<(), Lost>) {
    let mut all = Vec::new();
    loop {
        match body.next_chunk().await {
            Ok(Some(bytes)) => all.extend_from_slice(&bytes),
            Ok(None) => return (all, Ok(())),
            Err(lost) => return (all, Err(lost)),
        }
    }
}

fn recorded(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn head(answer: &Value) -> Vec<u8> {
    let mut head = format!(
        "HTTP/1.1 {} {}\r\n",
        answer["status"],
        text(answer, "reason")
    );
    for header in answer["headers"].as_array().unwrap() {
        let part = |n: usize| header[n].as_str().unwrap();
        head.push_str(&format!("{}: {}\r\n", part(0), part(1)));
    }
    (head + "\r\n").into_bytes()
}

fn chunk(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

/// The bytes of a recorded answer.
fn bytes(answer: &Value) -> Vec<u8> {
    let body = text(answer, "body_text");
    let mut bytes = head(answer);
    if text(answer, "end").starts_with("final chunk") {
        if !body.is_empty() {
            bytes.extend(chunk(body));
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
    } else {
        bytes.extend_from_slice(body.as_bytes());
        // Also the connection of a 204 stays.
        bytes.extend_from_slice(STAYS_OPEN);
    }
    bytes
}

#[tokio::test]
async fn recorded_answers_are_logs_or_refusals() {
    let answers = recorded(include_str!("../../testdata/responses.jsonl"));
    let sent = answers.iter().flat_map(|answer| vec![bytes(answer); 2]);
    let sent: Vec<_> = sent.collect();
    let server = Server::new(sent).await;
    for answer in &answers {
        let (name, body) = (text(answer, "name"), text(answer, "body_text"));
        // New ones each time: kube's would send the next request on the same connection.
        for source in both(&server) {
            match open(&*source).await {
                Ok(mut response) => {
                    assert_eq!(answer["status"], 200, "{name}");
                    let read = read(&mut response.body).await;
                    assert_eq!(read, (body.as_bytes().to_vec(), Ok(())), "{name}");
                    let date = response.date.unwrap();
                    assert_eq!(date.strftime("%F").to_string(), "2026-11-24");
                }
                Err(OpenError::Refused(refused)) => {
                    assert_eq!(answer["status"], refused.status, "{name}");
                    let status = serde_json::from_str(body).unwrap_or(Value::Null);
                    assert_eq!(refused.message, text(&status, "message"), "{name}");
                    assert_eq!(refused.reason, text(&status, "reason"), "{name}");
                    assert_eq!(refused.kind, text(&status["details"], "kind"), "{name}");
                }
                Err(other) => panic!("{name}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn recorded_follows_end_cleanly_or_are_cut() {
    for (file, is_clean) in [
        (include_str!("../../testdata/follow-crash.jsonl"), true),
        (include_str!("../../testdata/restart.follow-1.jsonl"), true),
        (
            include_str!("../../testdata/longpartial.follow.jsonl"),
            true,
        ),
        (include_str!("../../testdata/follow-cut.jsonl"), false),
    ] {
        let lines = recorded(file);
        let (first, chunks) = (&lines[0], &lines[1..lines.len() - 1]);
        assert_eq!(
            text(&lines[lines.len() - 1], "end").starts_with("final chunk"),
            is_clean
        );
        let mut sent = head(first);
        sent.extend(chunks.iter().flat_map(|line| chunk(text(line, "text"))));
        if is_clean {
            sent.extend_from_slice(b"0\r\n\r\n");
        }
        let expected: String = chunks.iter().map(|line| text(line, "text")).collect();
        let server = Server::new([sent.clone(), sent]).await;
        for source in both(&server) {
            let mut response = open(&*source).await.unwrap();
            let (read, end) = read(&mut response.body).await;
            assert_eq!(String::from_utf8(read).unwrap(), expected);
            assert_eq!(end.is_ok(), is_clean, "{end:?}");
        }
    }
}

const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const UNAUTHORIZED: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn a_request_carries_what_the_configuration_says() {
    let server = Server::new([EMPTY.to_vec()]).await;
    let mut config = server.config();
    config.cluster_url = format!("{}/k8s/clusters/c-1/", server.url).parse().unwrap();
    config.auth_info.token = Some("secret".to_owned().into());
    config.auth_info.impersonate = Some("jane".into());
    config.auth_info.impersonate_groups = Some(vec!["dev".into(), "ops".into()]);
    config.headers = vec![("x-team".parse().unwrap(), "shop".parse().unwrap())];
    open(&direct(config)).await.unwrap();
    let request = server.requests().remove(0).to_ascii_lowercase();
    let mut lines = request.trim_end().split("\r\n");
    assert_eq!(
        lines.next(),
        Some(
            "get /k8s/clusters/c-1/api/v1/namespaces/shop/pods/web-1/log\
             ?container=app&timestamps=true&follow=true http/1.1"
        )
    );
    let lines: Vec<_> = lines.collect();
    for expected in [
        format!("host: {}", server.url.trim_start_matches("http://")).as_str(),
        "accept-encoding: identity",
        "authorization: bearer secret",
        "impersonate-user: jane",
        "impersonate-group: dev",
        "impersonate-group: ops",
        "x-team: shop",
    ] {
        assert!(lines.contains(&expected), "{expected}: {lines:?}");
    }
}

#[tokio::test]
async fn refused_credentials_are_read_anew_once_a_minute() {
    let path = std::env::temp_dir().join(format!("argo-logs-token-{}", std::process::id()));
    std::fs::write(&path, "first").unwrap();
    // After a 401 to a log the pod itself is asked for.
    let answers = [EMPTY, UNAUTHORIZED, UNAUTHORIZED, EMPTY, UNAUTHORIZED];
    let server = Server::new(answers.map(<[u8]>::to_vec)).await;
    let mut config = server.config();
    config.auth_info.token_file = Some(path.to_str().unwrap().to_owned());
    let source = direct(config);
    open(&source).await.unwrap();
    std::fs::write(&path, "second").unwrap();
    open(&source).await.unwrap();
    let refused = open(&source).await.unwrap_err();
    assert!(
        matches!(&refused, OpenError::Refused(r) if r.status == 401),
        "{refused:?}"
    );
    std::fs::remove_file(&path).unwrap();
    let tokens: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.contains("Bearer second"))
        .collect();
    assert_eq!(tokens, [false, false, false, true, true]);
}

/// A kubeconfig's `exec`: it counts its calls, and each token has the number of its call.
struct Plugin {
    script: PathBuf,
    calls: PathBuf,
}

impl Plugin {
    fn new(name: &str) -> Self {
        let path = |part: &str| {
            let pid = std::process::id();
            std::env::temp_dir().join(format!("argo-logs-{name}-{part}-{pid}"))
        };
        let plugin = Self {
            script: path("plugin"),
            calls: path("calls"),
        };
        let script = format!(
            r#"echo >> {calls:?}
n=$(($(wc -l < {calls:?})))
echo '{{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",'
echo '"status": {{"token": "t'$n'"'$1'}}}}'
"#,
            calls = plugin.calls
        );
        std::fs::write(&plugin.script, script).unwrap();
        plugin
    }

    fn config(&self, server: &Server, expires: Option<Timestamp>) -> Config {
        let expires = expires.map(|at| format!(r#","expirationTimestamp":"{at}""#));
        let exec = serde_json::json!({
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "sh",
            "args": [self.script, expires.unwrap_or_default()],
            "interactiveMode": "Never",
        });
        let mut config = server.config();
        config.auth_info.exec = Some(serde_json::from_value(exec).unwrap());
        config
    }

    fn calls(&self) -> usize {
        std::fs::read_to_string(&self.calls).map_or(0, |calls| calls.lines().count())
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.script);
        let _ = std::fs::remove_file(&self.calls);
    }
}

/// The numbers of the tokens that a server was shown.
fn tokens(server: &Server) -> Vec<u32> {
    let token = |request: String| {
        let (_, rest) = request.split_once("Bearer t").unwrap();
        let (number, _) = rest.split_once("\r\n").unwrap();
        number.parse().unwrap()
    };
    server.requests().into_iter().map(token).collect()
}

/// Nothing says when the token expires, so that only the server's refusal does.
#[tokio::test]
async fn a_plugin_is_asked_again_when_its_token_is_refused_and_once_a_minute_at_most() {
    let answers = [
        EMPTY,
        UNAUTHORIZED,
        UNAUTHORIZED,
        EMPTY,
        EMPTY,
        UNAUTHORIZED,
        UNAUTHORIZED,
    ];
    let server = Server::new(answers.map(<[u8]>::to_vec)).await;
    let plugin = Plugin::new("refused");
    let config = plugin.config(&server, None);
    let source = direct(config);
    assert_eq!(plugin.calls(), 0, "nothing is asked before it is needed");
    for _ in 0..3 {
        open(&source).await.unwrap();
    }
    assert_eq!((tokens(&server), plugin.calls()), (vec![1, 1, 1, 2, 2], 2));
    for _ in 0..2 {
        let refused = open(&source).await.unwrap_err();
        let is_401 = matches!(&refused, OpenError::Refused(refused) if refused.status == 401);
        assert!(is_401, "{refused:?}");
    }
    let (tokens, calls) = (tokens(&server), plugin.calls());
    assert_eq!((&tokens[5..], calls), (&[2, 2][..], 2));
}

#[tokio::test]
async fn a_plugin_is_asked_again_once_its_token_has_expired() {
    for (seconds, expected) in [(-10, [1, 2]), (3600, [1, 1])] {
        let server = Server::new([EMPTY.to_vec(), EMPTY.to_vec()]).await;
        let plugin = Plugin::new(&format!("expires-{seconds}"));
        let expires = Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
        let source = direct(plugin.config(&server, Some(expires)));
        for _ in 0..2 {
            open(&source).await.unwrap();
        }
        assert_eq!(tokens(&server), expected, "{seconds} s");
    }
}

#[tokio::test]
async fn a_dead_connection_is_noticed_within_a_minute_and_nothing_waits_for_more() {
    let server = Server::new([EMPTY.to_vec()]).await;
    let tcp = direct(server.config()).transport.tcp().await.unwrap();
    let socket = socket2::SockRef::from(&tcp);
    assert!(socket.tcp_nodelay().unwrap());
    assert!(socket.keepalive().unwrap());
    let idle = socket.tcp_keepalive_time().unwrap();
    let interval = socket.tcp_keepalive_interval().unwrap();
    let retries = socket.tcp_keepalive_retries().unwrap();
    assert!(idle + interval * retries <= Duration::from_secs(60));
    assert!(
        idle < Duration::from_secs(60),
        "proxies cut idle ones at 60 s"
    );
}

#[tokio::test]
async fn what_is_no_answer_is_lost() {
    let silent = Server::new([Vec::new(), b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()]).await;
    let source = direct(silent.config());
    for _ in 0..2 {
        let error = open(&source).await.unwrap_err();
        assert!(matches!(error, OpenError::Lost(_)), "{error:?}");
    }
    // Nobody listens there now.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = open(&direct(Config::new(url.parse().unwrap())))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_compressed_log_is_none() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b";
    let server = Server::new(vec![answer.to_vec(); 2]).await;
    for source in both(&server) {
        let error = open(&*source).await.unwrap_err();
        assert!(
            error.to_string().contains("compresses the log (gzip)"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn dropping_a_body_closes_its_connection() {
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n<stays open>";
    let mut server = Server::new([answer.to_vec()]).await;
    let mut response = open(&direct(server.config())).await.unwrap();
    assert_eq!(response.body.next_chunk().await.unwrap().unwrap(), "a");
    drop(response);
    server.closed.wait_for(|closed| *closed == 1).await.unwrap();
}

fn tls(name: &str) -> (TlsAcceptor, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), certificate.to_vec())
}

#[tokio::test]
async fn a_certificate_is_checked_for_the_name_that_was_set() {
    let answer = b"HTTP/1.1 200 OK\r\n\r\nhello".to_vec();
    let (acceptor, certificate) = tls("kubernetes.example");
    let server = Server::with_tls(vec![answer; 4], Some(acceptor)).await;
    let connect = async |change: &dyn Fn(&mut Config)| {
        let mut config = server.config();
        config.root_cert = Some(vec![certificate.clone()]);
        change(&mut config);
        let mut response = open(&direct(config)).await?;
        Ok::<_, OpenError>(read(&mut response.body).await)
    };
    let hello = (b"hello".to_vec(), Ok(()));
    let named = connect(&|config| config.tls_server_name = Some("kubernetes.example".into()));
    assert_eq!(named.await.unwrap(), hello);
    let error = connect(&|_| ()).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    let any = connect(&|config| config.accept_invalid_certs = true);
    assert_eq!(any.await.unwrap(), hello);
}

/// Sends what comes on, and keeps the first line of what it was asked.
#[tokio::test]
async fn a_log_comes_through_a_proxy() {
    let answer = b"HTTP/1.1 200 OK\r\n\r\nhello".to_vec();
    let proxy = Server::new([answer]).await;
    let mut config = Config::new("http://cluster.example:8080/base".parse().unwrap());
    config.proxy_url = Some(proxy.url.replace("//", "//jane:p%40ss@").parse().unwrap());
    let mut response = open(&direct(config)).await.unwrap();
    assert_eq!(read(&mut response.body).await, (b"hello".to_vec(), Ok(())));
    let request = proxy.requests().remove(0);
    assert!(
        request.starts_with("GET http://cluster.example:8080/base/api/v1/namespaces/shop/"),
        "{request}"
    );
    // jane:p@ss
    assert!(
        request.contains("proxy-authorization: Basic amFuZTpwQHNz\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn an_embedders_client_is_used_for_logs_too() {
    let server = Server::new([EMPTY.to_vec()]).await;
    let client = Client::try_from(server.config()).unwrap();
    assert!(DirectSource::new(client.clone().into()).is_none());
    open(&*of_cluster(client.into())).await.unwrap();
}

/// A node's 401 comes with the API server's status, while the pod itself may be read.
#[tokio::test]
async fn a_401_of_a_node_does_not_run_the_plugin_again() {
    let pod = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec();
    let server = Server::new([UNAUTHORIZED.to_vec(), pod, UNAUTHORIZED.to_vec()]).await;
    let plugin = Plugin::new("node");
    let source = direct(plugin.config(&server, None));
    for _ in 0..2 {
        let refused = open(&source).await.unwrap_err();
        assert!(
            matches!(&refused, OpenError::Refused(r) if r.status == 401),
            "{refused:?}"
        );
    }
    assert_eq!(plugin.calls(), 1);
    let requests = server.requests();
    assert!(
        requests[1].starts_with("GET /api/v1/namespaces/shop/pods/web-1 HTTP"),
        "{requests:?}"
    );
    assert_eq!(requests.len(), 3, "the answer is good for a minute");
}
