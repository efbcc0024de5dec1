//! The way to a server: TCP, a proxy if there is one, TLS.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderValue, Uri, uri::Scheme};
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector, proxy::SocksV5},
    rt::TokioIo,
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tower::{BoxError, Service, ServiceExt};

use super::proxy::unbracketed;

/// The time without traffic after which a connection is probed. A dead one is given up 30 s
/// later, sooner than any kernel would. Proxies cut idle connections after 60 s.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;
/// Bytes of the longest head of a proxy's answer; a longer one is an error.
const MAX_HEAD: usize = 8 * 1024;

/// An error that kept a connection from being made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// No server answers at the address, or the name has no address.
    #[error("cannot connect to {host}")]
    Tcp {
        /// The server or the proxy.
        host: String,
        /// The reason.
        source: BoxError,
    },
    /// The TLS handshake failed.
    #[error("TLS with {host}")]
    Tls {
        /// The server or the proxy.
        host: String,
        /// The reason.
        source: io::Error,
    },
    /// The name that the certificate has to be for is no host name.
    #[error("\"{0}\" is no host name for TLS")]
    Name(String),
    /// The proxy refuses the connection to the server.
    #[error("the proxy {proxy} answers {answer}")]
    Refused {
        /// The proxy, without its password.
        proxy: String,
        /// The status line of its answer.
        answer: String,
    },
    /// The connection to the proxy broke.
    #[error("the connection to the proxy {proxy} broke")]
    Proxy {
        /// The proxy, without its password.
        proxy: String,
        /// The reason.
        source: io::Error,
    },
    /// The time for connecting, handshakes included, is over.
    #[error("no connection within {0:?}")]
    Late(Duration),
}

/// Connects to one server.
#[derive(Clone, Debug)]
pub(super) struct Dialer(Arc<Route>);

/// The way to a server, with the proxy on it.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) server: Uri,
    pub(super) server_name: Option<String>,
    pub(super) proxy: Option<Uri>,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) within: Option<Duration>,
}

impl Dialer {
    pub(super) fn new(route: Route) -> Self {
        Self(Arc::new(route))
    }

    /// Connects, within the time allowed for connecting.
    pub(super) async fn dial(&self) -> Result<Wire, DialError> {
        match self.0.within {
            Some(within) => timeout(within, self.0.dial())
                .await
                .map_err(|_| DialError::Late(within))?,
            None => self.0.dial().await,
        }
    }
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<Wire>;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<TokioIo<Wire>, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let dialer = self.clone();
        async move { dialer.dial().await.map(TokioIo::new) }.boxed()
    }
}

impl Route {
    async fn dial(&self) -> Result<Wire, DialError> {
        let stream: Box<dyn Socket> = match &self.proxy {
            None => Box::new(tcp(&self.server).await?),
            Some(proxy) if is_socks(proxy) => Box::new(socks(proxy, &self.server).await?),
            Some(proxy) => {
                let stream = self.to_proxy(proxy).await?;
                // Plain HTTP needs no tunnel: the proxy takes the requests themselves.
                if !is_https(&self.server) {
                    return Ok(Wire {
                        socket: stream,
                        is_forwarded: true,
                    });
                }
                tunnel(stream, proxy, &self.server).await?
            }
        };
        if !is_https(&self.server) {
            return Ok(Wire {
                socket: stream,
                is_forwarded: false,
            });
        }
        let name = self
            .server_name
            .as_deref()
            .or(self.server.host())
            .unwrap_or_default();
        let socket = self.encrypted(stream, name).await?;
        Ok(Wire {
            socket,
            is_forwarded: false,
        })
    }

    async fn to_proxy(&self, proxy: &Uri) -> Result<Box<dyn Socket>, DialError> {
        let stream = Box::new(tcp(proxy).await?);
        if is_https(proxy) {
            return self
                .encrypted(stream, proxy.host().unwrap_or_default())
                .await;
        }
        Ok(stream)
    }

    async fn encrypted(
        &self,
        stream: Box<dyn Socket>,
        name: &str,
    ) -> Result<Box<dyn Socket>, DialError> {
        let host = unbracketed(name).to_owned();
        let name = ServerName::try_from(host.clone()).ok();
        let (Some(name), Some(tls)) = (name, &self.tls) else {
            return Err(DialError::Name(host));
        };
        let connecting = TlsConnector::from(Arc::clone(tls)).connect(name, stream);
        let stream = connecting
            .await
            .map_err(|source| DialError::Tls { host, source })?;
        Ok(Box::new(stream))
    }
}

/// True if a part of the way to the server is encrypted.
pub(super) fn needs_tls(server: &Uri, proxy: Option<&Uri>) -> bool {
    is_https(server) || proxy.is_some_and(is_https)
}

/// True if requests go to the proxy itself, with the whole URL in their first line.
pub(super) fn is_forwarded(server: &Uri, proxy: Option<&Uri>) -> bool {
    proxy.is_some_and(|proxy| !is_https(server) && !is_socks(proxy))
}

fn is_https(url: &Uri) -> bool {
    url.scheme() == Some(&Scheme::HTTPS)
}

fn is_socks(proxy: &Uri) -> bool {
    matches!(proxy.scheme_str(), Some("socks5" | "socks5h"))
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    // Otherwise the connector refuses any other scheme than `http`.
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
    connector.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
    connector
}

/// Opens a TCP connection; the names may have addresses of both families.
pub(super) async fn tcp(url: &Uri) -> Result<TcpStream, DialError> {
    let stream = connector().oneshot(url.clone()).await;
    let stream = stream.map_err(|error| unreachable(url, error.into()))?;
    Ok(stream.into_inner())
}

fn unreachable(url: &Uri, source: BoxError) -> DialError {
    DialError::Tcp {
        host: host_and_port(url),
        source,
    }
}

/// Formats an address without scheme, user and password.
fn host_and_port(url: &Uri) -> String {
    let port = url
        .port_u16()
        .map_or_else(String::new, |port| format!(":{port}"));
    format!("{}{port}", url.host().unwrap_or_default())
}

/// Connects through a SOCKS proxy. The proxy resolves the name of the server, as with Go: for
/// `socks5` and `socks5h` alike.
async fn socks(proxy: &Uri, server: &Uri) -> Result<TcpStream, DialError> {
    let address = format!(
        "http://{}:{}",
        proxy.host().unwrap_or_default(),
        proxy.port_u16().unwrap_or(1080)
    );
    let address = address
        .parse()
        .map_err(|_| DialError::Name(host_and_port(proxy)))?;
    let mut socks = SocksV5::new(address, connector());
    if let Some((user, password)) = user_and_password(proxy) {
        socks = socks.with_auth(user, password);
    }
    let stream = socks.oneshot(server.clone()).await;
    let stream = stream.map_err(|error| unreachable(proxy, error.into()))?;
    Ok(stream.into_inner())
}

/// Asks an HTTP proxy for a tunnel.
async fn tunnel(
    mut stream: Box<dyn Socket>,
    proxy: &Uri,
    server: &Uri,
) -> Result<Box<dyn Socket>, DialError> {
    let target = format!(
        "{}:{}",
        server.host().unwrap_or_default(),
        server.port_u16().unwrap_or(443)
    );
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Some(authorization) = proxy_authorization(proxy) {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let broken = |source| DialError::Proxy {
        proxy: host_and_port(proxy),
        source,
    };
    stream.write_all(&request).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let head = read_head(&mut stream).await.map_err(broken)?;
    let answer = head.lines().next().unwrap_or_default().trim_end();
    if answer
        .split(' ')
        .nth(1)
        .is_some_and(|status| status.starts_with('2'))
    {
        return Ok(stream);
    }
    Err(DialError::Refused {
        proxy: host_and_port(proxy),
        answer: answer.chars().take(100).collect(),
    })
}

/// Reads up to the empty line and not a byte more: the next one is the server's.
async fn read_head(stream: &mut Box<dyn Socket>) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD {
            return Err(io::Error::other("its answer is too long"));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Returns the header that shows a proxy the user and password of its address.
pub(super) fn proxy_authorization(proxy: &Uri) -> Option<HeaderValue> {
    let (user, password) = user_and_password(proxy)?;
    let pair = STANDARD.encode(format!("{user}:{password}"));
    let mut value = HeaderValue::try_from(format!("Basic {pair}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn user_and_password(url: &Uri) -> Option<(String, String)> {
    let (pair, _) = url.authority()?.as_str().rsplit_once('@')?;
    let (user, password) = pair.split_once(':').unwrap_or((pair, ""));
    Some((decoded(user), decoded(password)))
}

/// Decodes percent-encoded characters such as `%40`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|digits| str::from_utf8(digits).ok());
        let byte = digits.filter(|digits| !digits.starts_with('+'));
        let byte = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A stream of bytes in both directions.
trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// A connection to a server, encrypted if the server's URL says so.
pub struct Wire {
    socket: Box<dyn Socket>,
    is_forwarded: bool,
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.is_forwarded)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
