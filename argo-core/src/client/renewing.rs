//! A client whose credentials are fetched anew when the server refuses them.
//!
//! kube runs a plugin again when its token is about to expire, and reads a token file
//! every minute. But a token without an expiry, one that was revoked and a certificate
//! that a plugin made stay in a client for ever: watches would be refused until the end.
//!
//! A plugin may hang: it asks a person to log in, or the network is gone. Only what was
//! refused waits for it, and not for long.

use std::{
    sync::{Arc, PoisonError, RwLock},
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response, StatusCode};
use kube::{Client, Config, client::Body};
use tokio::{
    sync::Mutex,
    task::{JoinError, JoinHandle, spawn_blocking},
    time::{Instant, timeout},
};
use tower::Service;

/// New credentials are fetched no more often than this.
const EVERY: Duration = Duration::from_secs(60);
/// How long a refused request waits for them.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes a client that renews its credentials, where there are others to be had: from a
/// plugin or a file.
pub(super) fn client(config: Config) -> Result<Client, kube::Error> {
    let client = Client::try_from(config.clone())?;
    let auth = &config.auth_info;
    if auth.exec.is_none() && auth.token_file.is_none() && auth.auth_provider.is_none() {
        return Ok(client);
    }
    let namespace = config.default_namespace.clone();
    // It reads files and runs plugins, which blocks.
    let renew = move || {
        let config = config.clone();
        spawn_blocking(move || Client::try_from(config))
    };
    Ok(Client::new(Renewing::new(client, renew), namespace))
}

#[derive(Clone)]
struct Renewing(Arc<Shared>);

struct Shared {
    current: RwLock<Numbered>,
    renewal: Mutex<Renewal>,
    renew: Box<dyn Fn() -> Running + Send + Sync>,
}

/// A client, and how many came before it.
#[derive(Clone)]
struct Numbered {
    client: Client,
    number: u64,
}

type Running = JoinHandle<Result<Client, kube::Error>>;

#[derive(Default)]
struct Renewal {
    begun: Option<Instant>,
    /// There is never a second one beside it.
    running: Option<Running>,
}

impl Renewing {
    fn new(client: Client, renew: impl Fn() -> Running + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            current: RwLock::new(Numbered { client, number: 0 }),
            renewal: Mutex::default(),
            renew: Box::new(renew),
        }))
    }
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
        let Numbered { client, number } = self.current();
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

    fn current(&self) -> Numbered {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A client with other credentials than the one of a number, if there may be some.
    async fn renewed(&self, refused: u64) -> Option<Client> {
        let mut renewal = self.renewal.lock().await;
        let current = self.current();
        if current.number != refused {
            return Some(current.client);
        }
        let client = renewal.next(&self.renew).await?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.client = client.clone();
        current.number += 1;
        Some(client)
    }
}

impl Renewal {
    /// Who comes after one that waited in vain does not wait again before its time.
    async fn next(&mut self, renew: impl Fn() -> Running) -> Option<Client> {
        if self.begun.is_none_or(|begun| begun.elapsed() >= EVERY) {
            self.begun = Some(Instant::now());
        } else if !self.running.as_ref().is_some_and(JoinHandle::is_finished) {
            return None;
        }
        let running = self.running.get_or_insert_with(renew);
        if let Ok(made) = timeout(PATIENCE, running).await {
            self.running = None;
            return client_of(made);
        }
        log::warn!("cannot renew the credentials: no answer within {PATIENCE:?}");
        None
    }
}

fn client_of(made: Result<Result<Client, kube::Error>, JoinError>) -> Option<Client> {
    let why = match made {
        Ok(Ok(client)) => return Some(client),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    log::warn!("cannot renew the credentials: {why}");
    None
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

    /// Answers everything with one status.
    fn answering(status: StatusCode) -> Client {
        let service = tower::service_fn(move |_: Request<Body>| async move {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status;
            Ok::<_, std::convert::Infallible>(response)
        });
        Client::new(service, "default")
    }

    #[tokio::test(start_paused = true)]
    async fn a_plugin_that_hangs_holds_up_what_was_refused_for_a_while_and_nothing_else() {
        let (answer, answered) = futures::channel::oneshot::channel();
        let answered = Mutex::new(Some(answered));
        let refusing = answering(StatusCode::UNAUTHORIZED);
        let renewing = Renewing::new(refusing, move || {
            let answered = answered.lock().unwrap().take().expect("one at a time");
            tokio::spawn(answered.map(|client| Ok(client.unwrap())))
        });
        let (shared, client) = (Arc::clone(&renewing.0), Client::new(renewing, "default"));
        let begun = Instant::now();

        let mut first = Box::pin(status(&client));
        assert!(futures::poll!(&mut first).is_pending());
        assert_eq!(shared.current().number, 0, "it can be had meanwhile");
        assert_eq!(futures::join!(first, status(&client)), (401, 401));
        assert_eq!(begun.elapsed(), PATIENCE);
        assert_eq!(status(&client).await, 401);
        assert_eq!(begun.elapsed(), PATIENCE, "it was waited for a moment ago");

        tokio::time::advance(EVERY).await;
        assert_eq!(status(&client).await, 401);
        assert_eq!(begun.elapsed(), EVERY + PATIENCE * 2);
        // Late is not too late, and there was no second one beside it.
        answer.send(answering(StatusCode::OK)).ok().unwrap();
        tokio::task::yield_now().await;
        assert_eq!(status(&client).await, 200);
        assert_eq!(begun.elapsed(), EVERY + PATIENCE * 2);
    }

    #[tokio::test]
    async fn a_token_that_is_all_there_is_is_refused_once() {
        let (mut config, tokens) = server("two").await;
        config.auth_info.token = Some("one".to_owned().into());
        assert_eq!(status(&client(config).unwrap()).await, 401);
        assert_eq!(*tokens.lock().unwrap(), ["one"]);
    }
}
