// The table of docs/kubeconfig.md: each form against a server, and on demand kubectl too.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::{
    DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
    sign::SingleCertAndKey,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::{client_certificate::certified_key, tls::provider, *};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/certificates")
}

fn pem(name: &str) -> String {
    std::fs::read_to_string(folder().join(format!("{name}.pem"))).unwrap()
}

fn data(text: &str) -> String {
    STANDARD.encode(text)
}

/// Takes every client certificate whose key signs well, so that only the client's own rules
/// are tried.
#[derive(Debug)]
struct Any;

impl ClientCertVerifier for Any {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, &known)
    }

    /// webpki knows no certificate of version 1; Go's server does.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, &known)
            .or(Ok(HandshakeSignatureValid::assertion()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// The request that each server got, by its port: for programs that do not print the answer.
static SHOWN: Mutex<Vec<(u16, String)>> = Mutex::new(Vec::new());

/// Answers each request with a version that tells who asked.
async fn server(certificate: &str) -> u16 {
    let key = certified_key(
        pem(certificate).as_bytes(),
        pem(&format!("{certificate}.key")).as_bytes(),
        &provider(),
    );
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(Arc::new(Any))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key.unwrap())));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut tls) = acceptor.accept(tcp).await else {
                    return;
                };
                let shown = tls.get_ref().1.peer_certificates().is_some();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    if tls.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let request = String::from_utf8_lossy(&request);
                let authorization = request.lines().find_map(|line| {
                    let (name, value) = line.split_once(": ")?;
                    name.eq_ignore_ascii_case("authorization")
                        .then(|| value.to_owned())
                });
                let who = match (authorization, shown) {
                    (Some(header), _) => header,
                    (None, true) => "certificate".to_owned(),
                    (None, false) => "nobody".to_owned(),
                };
                SHOWN.lock().unwrap().push((port, who.clone()));
                let body = format!(
                    r#"{{"major":"1","minor":"34","gitVersion":"{who}","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}}"#
                );
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = tls.write_all(answer.as_bytes()).await;
                let _ = tls.shutdown().await;
            });
        }
    });
    port
}

/// One row: the form, the server's certificate, the entries, and who the server saw
/// (`refused` if there is no connection).
struct Form {
    name: &'static str,
    server: &'static str,
    cluster: String,
    user: String,
    seen: &'static str,
}

fn form(
    name: &'static str,
    cluster: impl Into<String>,
    user: impl Into<String>,
    seen: &'static str,
) -> Form {
    Form {
        name,
        server: "server",
        cluster: cluster.into(),
        user: user.into(),
        seen,
    }
}

/// The server's authority.
fn ca() -> String {
    format!("certificate-authority-data: {}", data(&pem("ca")))
}

fn certificate(certificate: &str, key: &str) -> String {
    format!(
        "client-certificate-data: {}, client-key-data: {}",
        data(certificate),
        data(key)
    )
}

const TOKEN: &str = "token: t";
const SEEN: &str = "Bearer t";

fn client_certificates() -> Vec<Form> {
    let with =
        |name, text: &str, key: &str| form(name, ca(), certificate(text, key), "certificate");
    let pair = |name, base: &str| with(name, &pem(base), &pem(&format!("{base}.key")));
    let rsa = pem("rsa2048");
    let rsa_key = pem("rsa2048.key");
    vec![
        pair("client key RSA 2048", "rsa2048"),
        pair("client key RSA 3072", "rsa3072"),
        pair("client key RSA 4096", "rsa4096"),
        pair("client key RSA 8192", "rsa8192"),
        pair("client key P-256", "p256"),
        pair("client key P-384", "p384"),
        pair("client key P-521", "p521"),
        pair("client key Ed25519", "ed25519"),
        pair("client certificate of X.509 version 1", "v1"),
        with("client key RSA, PKCS#1", &rsa, &pem("rsa2048.pkcs1")),
        with("client key P-256, SEC1", &pem("p256"), &pem("p256.sec1")),
        with("client key P-384, SEC1", &pem("p384"), &pem("p384.sec1")),
        with("client key P-521, SEC1", &pem("p521"), &pem("p521.sec1")),
        with(
            "client key SEC1 behind EC PARAMETERS",
            &pem("p256"),
            &(pem("p256.parameters") + &pem("p256.sec1")),
        ),
        with(
            "client key PKCS#8 under another label",
            &rsa,
            &rsa_key.replace(" PRIVATE KEY", " RSA PRIVATE KEY"),
        ),
        with(
            "text before the client certificate",
            &pem("rsa2048.text"),
            &rsa_key,
        ),
        with(
            "text before the client key",
            &rsa,
            &format!("Bag Attributes\n    a: b\n{rsa_key}"),
        ),
        with(
            "signing request in the certificate file",
            &(pem("rsa2048.csr") + &rsa),
            &rsa_key,
        ),
        with(
            "certificate and key in one file",
            &(rsa_key.clone() + &rsa),
            &(rsa.clone() + &rsa_key),
        ),
        with(
            "client certificate with its chain",
            &(rsa.clone() + &pem("ca")),
            &rsa_key,
        ),
        with(
            "CRLF line ends",
            &rsa.replace('\n', "\r\n"),
            &rsa_key.replace('\n', "\r\n"),
        ),
        with(
            "blanks at line ends",
            &rsa.replace('\n', " \n"),
            &rsa_key.replace('\n', "\t\n"),
        ),
        with(
            "garbage behind the blocks",
            &(rsa.clone() + "%%%\n-----BEGIN"),
            &(rsa_key.clone() + "\u{0}"),
        ),
        with("no newline at the end", rsa.trim_end(), rsa_key.trim_end()),
        form(
            "client key encrypted",
            ca(),
            certificate(&pem("p256"), &pem("p256.encrypted")),
            "refused",
        ),
        form(
            "client key of another certificate",
            ca(),
            certificate(&rsa, &pem("p256.key")),
            "refused",
        ),
        form(
            "client certificate without key",
            ca(),
            format!("client-certificate-data: {}", data(&rsa)),
            "refused",
        ),
        form(
            "client certificate and key as files",
            ca(),
            format!(
                "client-certificate: {}/rsa2048.pem, client-key: {}/rsa2048.key.pem",
                folder().display(),
                folder().display()
            ),
            "certificate",
        ),
    ]
}

fn authorities() -> Vec<Form> {
    let trusting = |name, text: &str| {
        form(
            name,
            format!("certificate-authority-data: {}", data(text)),
            TOKEN,
            SEEN,
        )
    };
    let server = |name, server: &'static str, text: &str| Form {
        server,
        ..trusting(name, text)
    };
    let file = folder().join("ca.pem");
    let file = file.display();
    vec![
        trusting("authority as data", &pem("ca")),
        form(
            "authority as a file",
            format!("certificate-authority: {file}"),
            TOKEN,
            SEEN,
        ),
        trusting(
            "several authorities",
            &(pem("other-ca") + &pem("ca-p521") + &pem("ca")),
        ),
        trusting(
            "text before and between authorities",
            &format!("# a\n{}\n# b\n{}", pem("other-ca"), pem("ca")),
        ),
        trusting("the server's certificate as authority", &pem("server")),
        trusting(
            "the server's certificate and its authority",
            &(pem("server") + &pem("ca")),
        ),
        trusting("authority with CRLF", &pem("ca").replace('\n', "\r\n")),
        trusting("authority beside a key", &(pem("ca.key") + &pem("ca"))),
        server(
            "authority of X.509 version 1",
            "server-v1-ca",
            &pem("ca-v1"),
        ),
        server("authority and server P-521", "server-p521", &pem("ca-p521")),
        server(
            "self-signed server marked as authority",
            "server-ca-flag",
            &pem("server-ca-flag"),
        ),
        server(
            "signed server marked as authority",
            "server-ca-signed",
            &pem("ca"),
        ),
        form(
            "another authority",
            format!("certificate-authority-data: {}", data(&pem("other-ca"))),
            TOKEN,
            "refused",
        ),
        form(
            "authority without a certificate",
            format!("certificate-authority-data: {}", data("nothing")),
            TOKEN,
            "refused",
        ),
        form(
            "authority file and empty data",
            format!("certificate-authority: {file}, certificate-authority-data: ''"),
            TOKEN,
            SEEN,
        ),
        form(
            "insecure-skip-tls-verify",
            "insecure-skip-tls-verify: true",
            TOKEN,
            SEEN,
        ),
        form(
            "insecure-skip-tls-verify and empty authority",
            "insecure-skip-tls-verify: true, certificate-authority-data: ''",
            TOKEN,
            SEEN,
        ),
        form(
            "tls-server-name that fits",
            format!("{}, tls-server-name: kubernetes.default.svc", ca()),
            TOKEN,
            SEEN,
        ),
        form(
            "tls-server-name that does not fit",
            format!("{}, tls-server-name: other.example", ca()),
            TOKEN,
            "refused",
        ),
    ]
}

fn users() -> Vec<Form> {
    let user = |name, user: &str, seen| form(name, ca(), user, seen);
    let file = folder().join("../token");
    let file = file.display();
    let plugin = r#"exec: {apiVersion: client.authentication.k8s.io/v1, command: echo, interactiveMode: Never, args: ['{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"plugin"}}']}"#;
    vec![
        user("token", TOKEN, SEEN),
        user(
            "tokenFile with a newline at its end",
            &format!("tokenFile: {file}"),
            "Bearer from-file",
        ),
        user(
            "tokenFile and token",
            &format!("tokenFile: {file}, token: t"),
            "Bearer from-file",
        ),
        user(
            "tokenFile that is missing, and token",
            "tokenFile: /no/such/file, token: t",
            SEEN,
        ),
        user(
            "username and password",
            "username: jane, password: secret",
            "Basic amFuZTpzZWNyZXQ=",
        ),
        user(
            "username without password",
            "username: jane",
            "Basic amFuZTo=",
        ),
        user(
            "empty username and password, token",
            "username: '', password: '', token: t",
            SEEN,
        ),
        user(
            "empty token, exec",
            &format!("token: '', {plugin}"),
            "Bearer plugin",
        ),
        user(
            "token and exec: the plugin is not run",
            "token: t, exec: {apiVersion: client.authentication.k8s.io/v1, command: /no/such/plugin, interactiveMode: Never}",
            SEEN,
        ),
        user(
            "empty certificate files, token",
            "client-certificate: '', client-key: '', token: t",
            SEEN,
        ),
        user("empty tokenFile, token", "tokenFile: '', token: t", SEEN),
        user(
            "empty impersonation",
            "as: '', as-groups: [], as-user-extra: {}, token: t",
            SEEN,
        ),
        user(
            "auth-provider and exec null",
            "auth-provider: null, exec: null, token: t",
            SEEN,
        ),
        user("no credentials", "", "nobody"),
        form(
            "empty proxy-url",
            format!("{}, proxy-url: ''", ca()),
            TOKEN,
            SEEN,
        ),
        form(
            "unknown fields",
            format!("{}, colour: blue", ca()),
            "token: t, shape: round",
            SEEN,
        ),
    ]
}

fn forms() -> Vec<Form> {
    [client_certificates(), authorities(), users()]
        .into_iter()
        .flatten()
        .collect()
}

fn kubeconfig(form: &Form, port: u16) -> String {
    let name = if form.cluster.contains("server:") {
        ""
    } else {
        "server: "
    };
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: a, cluster: {{{name}'https://127.0.0.1:{port}', {}}}}}]\n\
         users: [{{name: b, user: {{{}}}}}]\n\
         contexts: [{{name: c, context: {{cluster: a, user: b, namespace: ''}}}}]\n",
        form.cluster, form.user
    )
}

async fn seen(path: &Path) -> String {
    let options = Options::default().kubeconfig(path);
    let connection = match connect(&options).await {
        Ok(connection) => connection,
        Err(error) => return format!("refused: {}", crate::text::chain(&error)),
    };
    match connection.client.apiserver_version().await {
        Ok(version) => version.git_version,
        Err(error) => format!("refused: {}", crate::text::chain(&error)),
    }
}

fn kubectl(path: &Path) -> String {
    let mut command = std::process::Command::new("kubectl");
    let output = command
        .arg("--kubeconfig")
        .arg(path)
        .args(["get", "--raw", "/version"])
        .output();
    let output = output.unwrap();
    let version: Option<serde_json::Value> = serde_json::from_slice(&output.stdout).ok();
    let version = version.and_then(|version| Some(version["gitVersion"].as_str()?.to_owned()));
    version.unwrap_or_else(|| {
        format!(
            "refused: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )
    })
}

#[tokio::test]
async fn each_form_of_a_kubeconfig_is_read_as_kubectl_reads_it() {
    let scratch = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for form in forms() {
        let path = scratch.path().join("config");
        std::fs::write(&path, kubeconfig(&form, server(form.server).await)).unwrap();
        let seen = seen(&path).await;
        if !seen.starts_with(form.seen) {
            wrong.push(format!("{}: {seen}, expected {}", form.name, form.seen));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Writes the rows of docs/kubeconfig.md with what the kubectl on PATH does.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_does_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    let mut rows = String::new();
    for form in forms() {
        let path = scratch.path().join("config");
        std::fs::write(&path, kubeconfig(&form, server(form.server).await)).unwrap();
        let theirs = path.clone();
        let theirs = tokio::task::spawn_blocking(move || kubectl(&theirs))
            .await
            .unwrap();
        let ours = seen(&path).await;
        rows.push_str(&row(form.name, &theirs, &ours));
    }
    std::fs::write(std::env::temp_dir().join("kubeconfig-forms.md"), &rows).unwrap();
}

/// Returns who another build of the program is to the server on this port.
fn other_build(program: &str, path: &Path, port: u16) -> String {
    let mut command = std::process::Command::new("timeout");
    command.args(["6", program, "explain", "shop", "argocd"]);
    let output = command.env("KUBECONFIG", path).output().unwrap();
    let shown = SHOWN.lock().unwrap();
    let shown = shown.iter().find(|(asked, _)| *asked == port);
    match shown {
        Some((_, who)) => who.clone(),
        None => format!(
            "refused: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ),
    }
}

/// Writes what another build does, for comparisons between versions.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs another build in OTHER_BUILD"]
async fn another_build_does_the_same() {
    let Ok(program) = std::env::var("OTHER_BUILD") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let mut rows = String::new();
    for form in forms() {
        let (path, port) = (scratch.path().join("config"), server(form.server).await);
        std::fs::write(&path, kubeconfig(&form, port)).unwrap();
        let ours = seen(&path).await;
        SHOWN.lock().unwrap().retain(|(asked, _)| *asked != port);
        let (program, theirs) = (program.clone(), path.clone());
        let theirs = tokio::task::spawn_blocking(move || other_build(&program, &theirs, port));
        rows.push_str(&row(form.name, &theirs.await.unwrap(), &ours));
    }
    std::fs::write(std::env::temp_dir().join("kubeconfig-builds.md"), &rows).unwrap();
}

fn row(name: &str, theirs: &str, ours: &str) -> String {
    let mut row = format!("| {name} | {} | {} |\n", word(theirs), word(ours));
    if word(theirs) != word(ours) {
        row.push_str(&format!("<!-- {theirs} -- {ours} -->\n"));
    }
    row
}

#[test]
fn each_form_stands_in_the_documentation() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    // A published crate stands alone, without the pages of the repository.
    if !docs.is_dir() {
        return;
    }
    let docs = std::fs::read_to_string(docs.join("kubeconfig.md")).unwrap();
    for form in forms() {
        assert!(
            docs.contains(&format!("| {} |", form.name)),
            "{}",
            form.name
        );
    }
}

fn word(seen: &str) -> &str {
    seen.split(':').next().unwrap_or(seen)
}

#[path = "proxies_tests.rs"]
mod proxies;
