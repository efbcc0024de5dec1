//! Each kind of proxy that kubectl takes, against a small one of its own.

use std::sync::Mutex;

use rustls::{ServerConfig, sign::SingleCertAndKey};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::client::{client_certificate::certified_key, tls::provider};

/// The question that a proxy was asked, and the user that it was shown.
type Asked = Arc<Mutex<Vec<String>>>;

/// A proxy that lets `jane` with the password `a:b@c` through, and nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    Https,
    Socks,
}

async fn proxy(kind: Kind) -> (u16, Asked) {
    let key = certified_key(
        pem("server").as_bytes(),
        pem("server.key").as_bytes(),
        &provider(),
    );
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key.unwrap())));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, kept) = (acceptor.clone(), Arc::clone(&kept));
            tokio::spawn(async move {
                match kind {
                    Kind::Http => http(tcp, &kept).await,
                    Kind::Https => http(acceptor.accept(tcp).await.ok()?, &kept).await,
                    Kind::Socks => socks(tcp, &kept).await,
                }
            });
        }
    });
    (port, asked)
}

async fn relay(mut client: impl AsyncRead + AsyncWrite + Unpin, target: &str) -> Option<()> {
    let mut server = TcpStream::connect(target).await.ok()?;
    copy_bidirectional(&mut client, &mut server).await.ok()?;
    Some(())
}

/// An HTTP proxy: a tunnel for `CONNECT` (RFC 9110, 9.3.6).
async fn http(mut client: impl AsyncRead + AsyncWrite + Unpin, asked: &Asked) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let shown = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let is_it = name.eq_ignore_ascii_case("proxy-authorization");
        is_it.then(|| value.to_owned())
    });
    let line = head.lines().next()?.to_owned();
    let target = line.split(' ').nth(1)?.to_owned();
    asked.lock().unwrap().push(line);
    if shown.as_deref() != Some(&format!("Basic {}", STANDARD.encode("jane:a:b@c"))) {
        let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
        client.write_all(answer).await.ok()?;
        return client.shutdown().await.ok();
    }
    let answer = b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n";
    client.write_all(answer).await.ok()?;
    relay(client, &target).await
}

/// A SOCKS proxy (RFC 1928, with the user and password of RFC 1929).
async fn socks(mut client: TcpStream, asked: &Asked) -> Option<()> {
    let mut text = [0; 2];
    client.read_exact(&mut text).await.ok()?;
    let mut methods = vec![0; text[1].into()];
    client.read_exact(&mut methods).await.ok()?;
    if !methods.contains(&2) {
        return client.write_all(&[5, 0xff]).await.ok();
    }
    client.write_all(&[5, 2]).await.ok()?;
    client.read_u8().await.ok()?;
    let (user, password) = (counted(&mut client).await?, counted(&mut client).await?);
    let is_known = (&*user, &*password) == ("jane", "a:b@c");
    client.write_all(&[1, u8::from(!is_known)]).await.ok()?;
    let mut request = [0; 4];
    client.read_exact(&mut request).await.ok()?;
    let host = match request[3] {
        1 => std::net::Ipv4Addr::from(client.read_u32().await.ok()?).to_string(),
        3 => counted(&mut client).await?,
        _ => return None,
    };
    let target = format!("{host}:{}", client.read_u16().await.ok()?);
    asked.lock().unwrap().push(target.clone());
    client
        .write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        .await
        .ok()?;
    relay(client, &target).await
}

async fn counted(client: &mut TcpStream) -> Option<String> {
    let mut text = vec![0; client.read_u8().await.ok()?.into()];
    client.read_exact(&mut text).await.ok()?;
    String::from_utf8(text).ok()
}

/// The form, the kind, the scheme and the user, and what is seen of us at the end.
const FORMS: [(&str, Kind, &str, &str, &str); 8] = [
    (
        "proxy-url http, user and password",
        Kind::Http,
        "http",
        "jane:a%3Ab%40c@",
        SEEN,
    ),
    ("proxy-url http, no user", Kind::Http, "http", "", "refused"),
    (
        "proxy-url http, wrong password",
        Kind::Http,
        "http",
        "jane:x@",
        "refused",
    ),
    (
        "proxy-url https, user and password",
        Kind::Https,
        "https",
        "jane:a%3Ab%40c@",
        SEEN,
    ),
    (
        "proxy-url https, wrong password",
        Kind::Https,
        "https",
        "jane:x@",
        "refused",
    ),
    (
        "proxy-url socks5, user and password",
        Kind::Socks,
        "socks5",
        "jane:a%3Ab%40c@",
        SEEN,
    ),
    (
        "proxy-url socks5h, user and password",
        Kind::Socks,
        "socks5h",
        "jane:a%3Ab%40c@",
        SEEN,
    ),
    (
        "proxy-url socks5, no user",
        Kind::Socks,
        "socks5",
        "",
        "refused",
    ),
];

/// Writes the kubeconfig of a form. Returns the target that the proxy should be asked for.
async fn write(path: &Path, form: &(&'static str, Kind, &str, &str, &'static str)) -> (u16, Asked) {
    let (name, kind, scheme, user, seen) = form;
    let (proxy, asked) = proxy(*kind).await;
    let cluster = format!("{}, proxy-url: '{scheme}://{user}127.0.0.1:{proxy}'", ca());
    let port = server("server").await;
    let form = super::form(name, cluster, TOKEN, seen);
    std::fs::write(path, kubeconfig(&form, port)).unwrap();
    (port, asked)
}

#[tokio::test]
async fn each_kind_of_proxy_leads_to_the_server() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("config");
    for form in FORMS {
        let (port, asked) = write(&path, &form).await;
        let seen = seen(&path).await;
        assert!(seen.starts_with(form.4), "{}: {seen}", form.0);
        assert!(
            !seen.contains("a:b@c") && !seen.contains("a%3Ab%40c"),
            "{seen}"
        );
        let asked = asked.lock().unwrap();
        let is_asked = asked
            .iter()
            .any(|asked| asked.contains(&format!("127.0.0.1:{port}")));
        // The SOCKS proxy refuses before it is told the target.
        assert!(is_asked || form.4 == "refused", "{}: {asked:?}", form.0);
        if form.1 != Kind::Socks && form.4 == "refused" {
            assert!(seen.contains("407"), "{}: {seen}", form.0);
        }
    }
}

/// Adds its rows to those of the other forms.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_goes_through_the_same_proxies() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("config");
    let mut rows = String::new();
    for form in FORMS {
        let _kept = write(&path, &form).await;
        let theirs = path.clone();
        let theirs = tokio::task::spawn_blocking(move || kubectl(&theirs))
            .await
            .unwrap();
        rows.push_str(&row(form.0, &theirs, &seen(&path).await));
    }
    std::fs::write(std::env::temp_dir().join("kubeconfig-proxies.md"), &rows).unwrap();
}

#[test]
fn each_proxy_stands_in_the_documentation() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/kubeconfig.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    for form in FORMS {
        assert!(docs.contains(&format!("| {} |", form.0)), "{}", form.0);
    }
}
