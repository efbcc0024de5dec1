//! A proxy in front of the API server, which sends floods itself and forwards the rest.
//!
//! It has one thread per connection and speaks only HTTP/1.1. Each answer ends its
//! connection; apart from that, a client sees a server like any other.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use tokio::sync::Notify;

use crate::flood::Flood;

/// Name of the pod whose log is the flood.
pub const POD: &str = "flood";

/// The state that the connections share.
#[derive(Debug, Default)]
pub struct Shared {
    flood: Mutex<Option<Poured>>,
    took: Mutex<Option<Duration>>,
}

/// A flood, and the notification that a client has read the whole of it.
#[derive(Clone, Debug)]
struct Poured {
    flood: Flood,
    done: Arc<Notify>,
}

impl Shared {
    /// Sets the log that is sent from now on. The returned [`Notify`] is notified once a client
    /// has read the whole of it, and never if another flood is poured before that.
    pub fn pour(&self, flood: Flood) -> Arc<Notify> {
        let done = Arc::new(Notify::new());
        *lock(&self.took) = None;
        *lock(&self.flood) = Some(Poured {
            flood,
            done: Arc::clone(&done),
        });
        done
    }

    /// Returns the time from the last complete request for the flood to the flood's last byte.
    pub fn took(&self) -> Option<Duration> {
        *lock(&self.took)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens for ever.
///
/// # Errors
///
/// Without a free port.
pub fn start(
    shared: &Arc<Shared>,
    api: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (shared, tls) = (Arc::clone(&shared), tls.clone());
            // A client that goes away in the middle is no failure.
            thread::spawn(move || connection(&shared, api, stream, tls));
        }
    });
    Ok(address)
}

fn connection(
    shared: &Shared,
    api: SocketAddr,
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match tls {
        None => converse(shared, api, stream),
        Some(config) => {
            let session = ServerConnection::new(config).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(session, stream);
            converse(shared, api, &mut stream)?;
            stream.conn.send_close_notify();
            stream.flush()
        }
    }
}

fn converse(shared: &Shared, api: SocketAddr, mut stream: impl Read + Write) -> io::Result<()> {
    let mut request = Vec::new();
    let (target, length) = loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&piece[..read]);
        if let Some(parsed) = parse(&request) {
            break parsed;
        }
    };
    let poured = lock(&shared.flood).clone();
    let path = format!("/pods/{POD}/log?");
    match (target.split_once(&path), poured) {
        (Some((_, query)), Some(poured)) => pour(shared, &poured, query, &mut stream),
        _ => hand_on(api, &mut request, length, &mut stream),
    }
}

/// Returns the target and the length of the whole request, once its head is there.
fn parse(bytes: &[u8]) -> Option<(String, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes).ok()? else {
        return None;
    };
    let length = request
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| {
            std::str::from_utf8(header.value)
                .ok()?
                .parse::<usize>()
                .ok()
        });
    Some((request.path?.to_owned(), head + length.unwrap_or(0)))
}

fn pour(shared: &Shared, poured: &Poured, query: &str, out: &mut impl Write) -> io::Result<()> {
    let since = query
        .split('&')
        .find_map(|field| field.strip_prefix("sinceTime="))
        .and_then(|time| time.replace("%3A", ":").parse::<jiff::Timestamp>().ok())
        .and_then(|time| i64::try_from(time.as_nanosecond()).ok());
    let flood = poured.flood;
    let from = since.map_or(0, |since| flood.first_since(since));
    let began = Instant::now();
    out.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    )?;
    flood.send(from, out)?;
    if from == 0 {
        *lock(&shared.took) = Some(began.elapsed());
        poured.done.notify_one();
    }
    Ok(())
}

/// Asks the API server, on a connection for this request only.
fn hand_on(
    api: SocketAddr,
    request: &mut Vec<u8>,
    length: usize,
    stream: &mut (impl Read + Write),
) -> io::Result<()> {
    while request.len() < length {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&piece[..read]);
    }
    let line = memchr::memchr(b'\n', request).map_or(0, |at| at + 1);
    let mut server = TcpStream::connect(api)?;
    server.set_nodelay(true)?;
    server.write_all(&request[..line])?;
    server.write_all(b"Connection: close\r\n")?;
    server.write_all(&request[line..])?;
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = server.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        stream.write_all(&piece[..read])?;
        stream.flush()?;
    }
}

/// Creates a certificate for 127.0.0.1: the server's configuration, and the authority as PEM.
///
/// # Errors
///
/// When none can be made.
pub fn certificate() -> Result<(Arc<ServerConfig>, String), Box<dyn std::error::Error + Send + Sync>>
{
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
        .distinguished_name
        .push(DnType::CommonName, "bench-ca");
    let authority_key = KeyPair::generate()?;
    let pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate()?;
    let names = ["127.0.0.1", "localhost"].map(str::to_owned);
    let leaf = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    Ok((Arc::new(config), pem))
}
