//! The bytes of a request.

use http::{HeaderMap, Uri};

/// Returns the bytes of a GET request. The request accepts no encoding: a compressed log
/// would come late. A proxy that forwards it needs the whole URL.
pub(crate) fn request_bytes(
    server: &Uri,
    path: &str,
    headers: &HeaderMap,
    is_forwarded: bool,
) -> Vec<u8> {
    let base = server.path().trim_end_matches('/');
    let host = server.host().unwrap_or_default();
    let port = server
        .port_u16()
        .map_or_else(String::new, |port| format!(":{port}"));
    let origin = if is_forwarded {
        format!("http://{host}{port}")
    } else {
        String::new()
    };
    let mut bytes = format!(
        "GET {origin}{base}{path} HTTP/1.1\r\nHost: {host}{port}\r\nUser-Agent: argo-logs/{}\r\n\
             Accept: application/json, */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n",
        env!("CARGO_PKG_VERSION")
    )
    .into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_server_comes_first_and_headers_are_kept() {
        let mut headers = HeaderMap::new();
        headers.append("impersonate-group", "a".parse().unwrap());
        headers.append("impersonate-group", "b".parse().unwrap());
        let server = "https://rancher.example:8443/k8s/clusters/c-1/"
            .parse()
            .unwrap();
        let text = String::from_utf8(request_bytes(&server, "/api", &headers, false)).unwrap();
        assert!(
            text.starts_with(
                "GET /k8s/clusters/c-1/api HTTP/1.1\r\nHost: rancher.example:8443\r\n"
            )
        );
        assert!(text.ends_with("impersonate-group: a\r\nimpersonate-group: b\r\n\r\n"));
    }
}
