//! A client whose credentials are fetched anew when the server refuses them.
//!
//! kube runs a plugin again when its token is about to expire, and reads a token file
//! every minute. But a token without an expiry, one that was revoked and a certificate
//! that a plugin made stay in a client for ever: watches would be refused until the end.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response, StatusCode};
use kube::{Client, Config, client::Body};
use tokio::{sync::Mutex, task::spawn_blocking, time::Instant};
use tower::Service;

/// New credentials are fetched no more often than this.
const EVERY: Duration = Duration::from_secs(60);

/// Makes a client that renews its credentials, where there are others to be had: from a
/// plugin or a file.
pub(super) fn client(config: Config) -> Result<Client, kube::Error> {
    let client = Client::try_from(config.clone())?;
    let auth = &config.auth_info;
    if auth.exec.is_none() && auth.token_file.is_none() && auth.auth_provider.is_none() {
        return Ok(client);
    }
    let namespace = config.default_namespace.clone();
    let renewing = Renewing(Arc::new(Shared {
        config,
        state: Mutex::new(State {
            client,
            number: 0,
            renewed: None,
        }),
    }));
    Ok(Client::new(renewing, namespace))
}

#[derive(Clone)]
struct Renewing(Arc<Shared>);

struct Shared {
    config: Config,
    state: Mutex<State>,
}

struct State {
    client: Client,
    /// How many came before it.
    number: u64,
    renewed: Option<Instant>,
}

impl Service<Request<Body>> for Renewing {
    type Response = Response<Body>;
    type Error = kube::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, kube::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), kube::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        async move { shared.send(request).await }.boxed()
    }
}

impl Shared {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let (client, number) = self.current().await;
        let again = copy(&request);
        let response = client.send(request).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match (again, self.renewed(number).await) {
            (Some(again), Some(client)) => client.send(again).await,
            _ => Ok(response),
        }
    }

    async fn current(&self) -> (Client, u64) {
        let state = self.state.lock().await;
        (state.client.clone(), state.number)
    }

    /// A client with other credentials than the one of a number, if there may be some.
    async fn renewed(&self, refused: u64) -> Option<Client> {
        let mut state = self.state.lock().await;
        if state.number != refused {
            return Some(state.client.clone());
        }
        if state.renewed.is_some_and(|at| at.elapsed() < EVERY) {
            return None;
        }
        state.renewed = Some(Instant::now());
        let config = self.config.clone();
        // It reads files and runs plugins, which blocks.
        match spawn_blocking(move || Client::try_from(config)).await {
            Ok(Ok(client)) => {
                state.client = client.clone();
                state.number += 1;
                Some(client)
            }
            Ok(Err(error)) => {
                log::warn!("cannot renew the credentials: {error}");
                None
            }
            Err(error) => {
                log::warn!("cannot renew the credentials: {error}");
                None
            }
        }
    }
}

/// The same request once more, if its body can be sent twice.
fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Says 200 to one token and 401 to others, and keeps what it was shown.
    async fn server(good: &'static str) -> (Config, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut config = Config::new(url.parse().unwrap());
        config.default_retry = false;
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
        (config, tokens)
    }

    async fn status(client: &Client) -> u16 {
        let request = Request::get("/version").body(Body::empty()).unwrap();
        client.send(request).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn refused_credentials_are_read_anew_once_a_minute() {
        let path = std::env::temp_dir().join(format!("argo-core-token-{}", std::process::id()));
        std::fs::write(&path, "one").unwrap();
        let (mut config, tokens) = server("two").await;
        config.auth_info.token_file = Some(path.to_str().unwrap().to_owned());
        let client = client(config).unwrap();
        assert_eq!(status(&client).await, 401);
        std::fs::write(&path, "two").unwrap();
        assert_eq!(status(&client).await, 401, "not within a minute");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(*tokens.lock().unwrap(), ["one", "one", "one"]);
    }

    #[tokio::test]
    async fn the_request_is_sent_again_with_what_is_good() {
        let path = std::env::temp_dir().join(format!("argo-core-renew-{}", std::process::id()));
        std::fs::write(&path, "one").unwrap();
        let (mut config, tokens) = server("two").await;
        config.auth_info.token_file = Some(path.to_str().unwrap().to_owned());
        let client = client(config).unwrap();
        std::fs::write(&path, "two").unwrap();
        assert_eq!(status(&client).await, 200);
        assert_eq!(status(&client).await, 200);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(*tokens.lock().unwrap(), ["one", "two", "two"]);
    }

    #[tokio::test]
    async fn a_token_that_is_all_there_is_is_refused_once() {
        let (mut config, tokens) = server("two").await;
        config.auth_info.token = Some("one".to_owned().into());
        assert_eq!(status(&client(config).unwrap()).await, 401);
        assert_eq!(*tokens.lock().unwrap(), ["one"]);
    }
}
