use super::*;

const DISK: &str = "failed to extract layer sha256:ab12cd34: write /var/lib/containerd/x/404/denied: no space left on device";

#[test]
fn messages_of_registries() {
    for (message, kind) in [
        (
            "failed to resolve reference \"reg/web:9\": reg/web:9: not found",
            PullError::NotFound,
        ),
        ("manifest unknown: manifest unknown", PullError::NotFound),
        ("unexpected status code 404", PullError::NotFound),
        (
            "unexpected status from HEAD request: 401 Unauthorized",
            PullError::Unauthorised,
        ),
        (
            "Requesting bearer token: invalid status code from registry 403",
            PullError::Unauthorised,
        ),
        (
            "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\"}]}",
            PullError::Unauthorised,
        ),
        (
            "pull access denied, repository does not exist or may require authorization",
            PullError::NotFoundOrUnauthorised,
        ),
        (
            "Error response from daemon: pull access denied for denied, repository does not exist or may require 'docker login'",
            PullError::NotFoundOrUnauthorised,
        ),
        (
            "dial tcp: lookup registry.invalid: no such host",
            PullError::Unreachable,
        ),
        (
            "unexpected status: 503 Service Unavailable",
            PullError::Unreachable,
        ),
        ("net/http: TLS handshake timeout", PullError::Unreachable),
        (
            "read tcp 10.0.0.1:1->10.0.0.2:443: unexpected EOF",
            PullError::Unreachable,
        ),
        (
            "429 Too Many Requests - toomanyrequests: pull rate limit",
            PullError::RateLimited,
        ),
        (
            "no match for platform in manifest: not found",
            PullError::Platform,
        ),
        (
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            PullError::Platform,
        ),
        (
            "proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused",
            PullError::Proxy,
        ),
        (
            "Head \"https://r.example.com/v2/\": Proxy Authentication Required",
            PullError::Proxy,
        ),
        (
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            PullError::Tls,
        ),
        (
            "http: server gave HTTP response to HTTPS client",
            PullError::Tls,
        ),
        (
            "tls: first record does not look like a TLS handshake",
            PullError::Tls,
        ),
        ("context canceled", PullError::Cancelled),
        (
            "unexpected commit digest sha256:a, expected sha256:b",
            PullError::Damaged,
        ),
        (DISK, PullError::DiskFull),
        ("Back-off pulling image \"web\"", PullError::Other),
    ] {
        assert_eq!(PullError::of(message, "web"), kind, "{message}");
    }
}

/// Whatever an image is called, the error is judged alike.
#[test]
fn a_name_says_nothing() {
    let names = [
        "registry.example.com/shop/web:1.404.0",
        "registry.example.com/access-denied/web:1",
        "registry.example.com/shop/web:404",
        "registry.example.com/shop/web@sha256:401403404429503aa",
        "registry.example.com/not-found:denied",
        "unauthorized.example.com:404/x509/eof:429",
        "toomanyrequests/no-such-host:503",
        "denied",
        "unauthorized:404",
    ];
    let errors = [
        ("no space left on device", PullError::DiskFull),
        ("context canceled", PullError::Cancelled),
        ("not found", PullError::NotFound),
        (
            "dial tcp 10.0.0.9:443: connect: connection refused",
            PullError::Unreachable,
        ),
        (
            "unexpected status from HEAD request: 401 Unauthorized",
            PullError::Unauthorised,
        ),
        ("something new", PullError::Other),
    ];
    for name in names {
        for (error, kind) in errors {
            let tagged = if name.contains(':') {
                name.to_owned()
            } else {
                format!("{name}:latest")
            };
            for message in [
                format!(
                    "Failed to pull image \"{name}\": rpc error: code = Unknown desc = failed to pull and unpack image \"{tagged}\": failed to resolve reference \"{tagged}\": {error}"
                ),
                format!(
                    "failed to pull and unpack image \"{tagged}\": failed to copy: httpReadSeeker: failed open: failed to do request: Get \"https://{tagged}/v2/blobs/sha256:404\": {error}"
                ),
                format!("{tagged}: {error}"),
                format!("initializing source docker://{tagged}: {error}"),
            ] {
                assert_eq!(PullError::of(&message, name), kind, "{message}");
            }
        }
    }
}
