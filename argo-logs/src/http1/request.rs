//! The one request.

use std::fmt::{self, Write};

use argo_core::ObjectRef;
use http::{HeaderMap, Uri};

use crate::OpenParams;

/// A request for a log, as bytes.
#[derive(Debug)]
pub(crate) struct Request;

impl Request {
    /// Path and query of a log below the server's root.
    pub(crate) fn path(pod: &ObjectRef, params: &OpenParams) -> String {
        let mut path = format!(
            "/api/v1/namespaces/{}/pods/{}/log?container={}&timestamps=true",
            Escaped(&pod.namespace),
            Escaped(&pod.name),
            Escaped(&params.container)
        );
        if params.follow {
            path.push_str("&follow=true");
        }
        if params.previous {
            path.push_str("&previous=true");
        }
        if let Some(since) = params.since_time {
            // A whole second: the server would cut a fraction, kube would round it.
            let since = since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            path = format!("{path}&sinceTime={}", Escaped(&since));
        }
        if let Some(lines) = params.tail_lines {
            path = format!("{path}&tailLines={lines}");
        }
        path
    }

    /// The bytes to send. No encoding is accepted: a compressed log would come late.
    pub(crate) fn bytes(server: &Uri, path: &str, headers: &HeaderMap) -> Vec<u8> {
        let base = server.path().trim_end_matches('/');
        let host = server.host().unwrap_or_default();
        let port = server
            .port_u16()
            .map_or_else(String::new, |port| format!(":{port}"));
        let mut bytes = format!(
            "GET {base}{path} HTTP/1.1\r\nHost: {host}{port}\r\nUser-Agent: argo-logs/{}\r\n\
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
}

/// Text as a part of a path or query. Kubernetes lets no name through that needs it; a
/// name is still not to be trusted to stay where it is put.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                    f.write_char(byte.into())?;
                }
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use argo_core::GroupKind;

    use super::*;

    fn pod(name: &str) -> ObjectRef {
        ObjectRef {
            kind: GroupKind::new("", "Pod"),
            namespace: "shop".into(),
            name: name.into(),
            uid: "u".into(),
        }
    }

    fn params() -> OpenParams {
        OpenParams {
            container: "app".into(),
            follow: false,
            previous: false,
            since_time: None,
            tail_lines: None,
        }
    }

    #[test]
    fn every_parameter_has_its_name_in_the_query() {
        let all = OpenParams {
            follow: true,
            previous: true,
            since_time: Some("2026-11-24T00:01:39.7Z".parse().unwrap()),
            tail_lines: Some(10),
            ..params()
        };
        assert_eq!(
            Request::path(&pod("web-1"), &all),
            "/api/v1/namespaces/shop/pods/web-1/log?container=app&timestamps=true&follow=true\
             &previous=true&sinceTime=2026-11-24T00:01:39Z&tailLines=10"
        );
        assert_eq!(
            Request::path(&pod("../x?y&z"), &params()),
            "/api/v1/namespaces/shop/pods/..%2Fx%3Fy%26z/log?container=app&timestamps=true"
        );
    }

    #[test]
    fn the_path_of_the_server_comes_first_and_headers_are_kept() {
        let mut headers = HeaderMap::new();
        headers.append("impersonate-group", "a".parse().unwrap());
        headers.append("impersonate-group", "b".parse().unwrap());
        let server = "https://rancher.example:8443/k8s/clusters/c-1/"
            .parse()
            .unwrap();
        let text = String::from_utf8(Request::bytes(&server, "/api", &headers)).unwrap();
        assert!(
            text.starts_with(
                "GET /k8s/clusters/c-1/api HTTP/1.1\r\nHost: rancher.example:8443\r\n"
            )
        );
        assert!(text.ends_with("impersonate-group: a\r\nimpersonate-group: b\r\n\r\n"));
    }
}
