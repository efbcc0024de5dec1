//! The path of a log.

use std::fmt::{self, Write};

use argo_core::ObjectRef;

use super::OpenParams;

/// Returns the path and query of a log below the server's root.
pub(super) fn log_path(pod: &ObjectRef, params: &OpenParams) -> String {
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

/// Text escaped for a path or query. Kubernetes accepts no name that needs escaping; a name
/// is still not trusted to stay where it is put.
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
            log_path(&pod("web-1"), &all),
            "/api/v1/namespaces/shop/pods/web-1/log?container=app&timestamps=true&follow=true\
             &previous=true&sinceTime=2026-11-24T00:01:39Z&tailLines=10"
        );
        assert_eq!(
            log_path(&pod("../x?y&z"), &params()),
            "/api/v1/namespaces/shop/pods/..%2Fx%3Fy%26z/log?container=app&timestamps=true"
        );
    }
}
