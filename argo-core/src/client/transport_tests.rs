use std::sync::Mutex;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::client::Connection;

/// Says 200 to one token and 401 to others, and keeps the tokens that it was shown.
async fn server(good: &'static str) -> (Config, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let tokens: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&tokens);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                socket.read_buf(&mut request).await.unwrap();
            }
            let request = String::from_utf8(request).unwrap();
            let (_, token) = request.split_once("Bearer ").unwrap();
            let token = token.lines().next().unwrap().to_owned();
            let status = if token == good { "200 OK" } else { "401 No" };
            kept.lock().unwrap().push(token);
            let answer =
                format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (Config::new(url.parse().unwrap()), tokens)
}

async fn status(client: &Client) -> u16 {
    let request = Request::get("/version").body(Body::empty()).unwrap();
    client.send(request).await.unwrap().status().as_u16()
}

fn client(config: Config) -> Client {
    Connection::from(config).client
}

struct TokenFile(tempfile::TempDir);

impl TokenFile {
    fn new(token: &str) -> Self {
        let file = Self(tempfile::tempdir().unwrap());
        file.write(token);
        file
    }

    fn write(&self, token: &str) {
        std::fs::write(self.path(), token).unwrap();
    }

    fn path(&self) -> String {
        self.0.path().join("token").to_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn refused_credentials_are_read_anew_once_a_minute() {
    let file = TokenFile::new("one");
    let (mut config, tokens) = server("two").await;
    config.auth_info.token_file = Some(file.path());
    let client = client(config);
    assert_eq!(status(&client).await, 401);
    file.write("two");
    assert_eq!(status(&client).await, 401, "not within a minute");
    assert_eq!(*tokens.lock().unwrap(), ["one", "one", "one"]);
}

#[tokio::test]
async fn the_request_is_sent_again_with_what_is_good() {
    let file = TokenFile::new("zero");
    let (mut config, tokens) = server("two").await;
    config.auth_info.token_file = Some(file.path());
    let connection = Connection::from(config);
    connection
        .transport
        .as_ref()
        .unwrap()
        .login()
        .await
        .unwrap();
    file.write("two\n");
    assert_eq!(status(&connection.client).await, 200);
    assert_eq!(status(&connection.client).await, 200);
    assert_eq!(*tokens.lock().unwrap(), ["zero", "two", "two"]);
}

#[tokio::test]
async fn a_token_that_is_all_there_is_is_refused_once() {
    let (mut config, tokens) = server("two").await;
    config.auth_info.token = Some("one".to_owned().into());
    assert_eq!(status(&client(config)).await, 401);
    assert_eq!(*tokens.lock().unwrap(), ["one"]);
}

/// client-go's order; kube-client 5.0 has the token win.
#[tokio::test]
async fn a_token_file_beats_a_token_unless_it_cannot_be_read() {
    let file = TokenFile::new("two");
    for (path, expected) in [(file.path(), "two"), ("/no/such/file".to_owned(), "one")] {
        let (mut config, tokens) = server("two").await;
        config.auth_info.token_file = Some(path);
        config.auth_info.token = Some("one".to_owned().into());
        status(&client(config)).await;
        assert_eq!(tokens.lock().unwrap()[0], expected);
    }
}

#[tokio::test]
async fn the_user_may_limit_the_time_of_a_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut config = Config::new(url.parse().unwrap());
    config.read_timeout = Some(Duration::from_millis(50));
    let request = Request::get("/version").body(Body::empty()).unwrap();
    let error = client(config).send(request).await.unwrap_err();
    assert!(error.to_string().contains("--request-timeout"), "{error}");
}

/// Takes requests and answers each with these bytes, then holds the connection open.
async fn silent_server(answer: &'static str) -> Config {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                socket.read_buf(&mut request).await.unwrap();
            }
            socket.write_all(answer.as_bytes()).await.unwrap();
            open.push(socket);
        }
    });
    Config::new(url.parse().unwrap())
}

/// Asks a server that hangs; its silence is too long after 50 ms.
async fn text(config: Config, path: &str) -> Result<String, String> {
    let target = Target {
        silence: Duration::from_millis(50),
        ..Target::from(config)
    };
    let client = Arc::new(Transport::new(target)).client();
    let request = Request::get(path).body(Vec::new()).unwrap();
    let text = client.request_text(request).await;
    text.map_err(|error| crate::text::chain(&error))
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{";

#[tokio::test]
async fn a_server_that_hangs_fails_a_list() {
    for (answer, expected) in [("", "no answer within 50ms"), (HEAD, "stopped for 50ms")] {
        let config = silent_server(answer).await;
        let error = text(config, "/api/v1/pods?limit=500").await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_watch_or_a_log_may_be_silent() {
    for path in [
        "/api/v1/pods?watch=true",
        "/api/v1/namespaces/shop/pods/web/log?follow=true",
    ] {
        for answer in ["", HEAD] {
            let config = silent_server(answer).await;
            let within = timeout(Duration::from_millis(500), text(config, path)).await;
            assert!(within.is_err(), "{path}: {within:?}");
        }
    }
}
