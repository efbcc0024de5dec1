//! The forms, and who the server sees with each.

use super::*;

/// One row: the form, the server's certificate, the entries, and who the server saw
/// (`refused` if there is no connection).
pub(super) struct Form {
    pub(super) name: &'static str,
    pub(super) server: &'static str,
    pub(super) cluster: String,
    pub(super) user: String,
    pub(super) seen: &'static str,
}

pub(super) fn form(
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
pub(super) fn ca() -> String {
    format!("certificate-authority-data: {}", data(&pem("ca")))
}

fn certificate(certificate: &str, key: &str) -> String {
    format!(
        "client-certificate-data: {}, client-key-data: {}",
        data(certificate),
        data(key)
    )
}

pub(super) const TOKEN: &str = "token: t";
pub(super) const SEEN: &str = "Bearer t";

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

pub(super) fn forms() -> Vec<Form> {
    [client_certificates(), authorities(), users()]
        .into_iter()
        .flatten()
        .collect()
}
