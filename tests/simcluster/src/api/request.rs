//! Parsing of requests: method, path and query.

use http::{HeaderMap, Method, Uri, header};
use serde_json::{Value, json};

/// A request, its body aside.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) route: Route,
}

/// Target of a request: a resource or another path.
#[derive(Debug, Clone)]
pub(super) enum Route {
    /// Objects.
    Resource(Target),
    /// Discovery, version, health and what is nowhere.
    Path,
}

/// The objects that are asked for, and what is to be done.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// `get`, `list`, `watch`, `log`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub(super) verb: &'static str,
    pub(super) group: String,
    pub(super) version: String,
    pub(super) resource: String,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) subresource: Option<String>,
}

/// Decoded pairs of a query, and the query as it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    pub(super) raw: String,
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(super) fn new(raw: &str) -> Self {
        Self {
            raw: raw.to_owned(),
            pairs: form_urlencoded::parse(raw.as_bytes())
                .into_owned()
                .collect(),
        }
    }

    /// The value of the first parameter of that name; an empty one counts as none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.pairs.iter().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A flag as Go's conversion reads it: present, and neither `false` nor `0`.
    pub(super) fn flag(&self, name: &str) -> bool {
        let pair = self.pairs.iter().find(|(key, _)| key == name);
        pair.is_some_and(|(_, value)| !value.eq_ignore_ascii_case("false") && value != "0")
    }
}

impl Asked {
    pub(super) fn new(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        let query = Query::new(uri.query().unwrap_or_default());
        let path = uri.path().to_owned();
        let route = match target(method, &path, &query) {
            Some(target) => Route::Resource(target),
            None => Route::Path,
        };
        Self {
            method: method.clone(),
            path,
            query,
            headers: headers.clone(),
            route,
        }
    }

    pub(super) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The verb of the request log.
    pub(super) fn verb(&self) -> String {
        match &self.route {
            Route::Resource(target) => target.verb.to_owned(),
            Route::Path => self.method.as_str().to_ascii_lowercase(),
        }
    }

    pub(super) fn target(&self) -> Option<&Target> {
        match &self.route {
            Route::Resource(target) => Some(target),
            Route::Path => None,
        }
    }
}

impl Target {
    /// `pods`, `deployments.apps`: as the store and messages name it.
    pub(super) fn qualified(&self) -> String {
        qualified(&self.resource, &self.group)
    }

    /// Returns the full name with the subresource: `pods/log`.
    pub(super) fn full_name(&self) -> String {
        match &self.subresource {
            Some(subresource) => format!("{}/{subresource}", self.qualified()),
            None => self.qualified(),
        }
    }

    /// The verb as RBAC names it.
    pub(super) fn rbac_verb(&self) -> &'static str {
        match self.verb {
            "log" => "get",
            verb => verb,
        }
    }

    /// `details` of a Status about this target.
    pub(super) fn details(&self) -> Value {
        details(self.name.as_deref(), &self.group, &self.resource)
    }
}

pub(super) fn qualified(resource: &str, group: &str) -> String {
    if group.is_empty() {
        resource.to_owned()
    } else {
        format!("{resource}.{group}")
    }
}

pub(super) fn details(name: Option<&str>, group: &str, kind: &str) -> Value {
    let mut details = json!({ "kind": kind });
    if let Some(name) = name {
        details["name"] = json!(name);
    }
    if !group.is_empty() {
        details["group"] = json!(group);
    }
    details
}

fn target(method: &Method, path: &str, query: &Query) -> Option<Target> {
    let decoded: Vec<String> = path.trim_matches('/').split('/').map(decoded).collect();
    let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    // The old form of a watch: `/api/v1/watch/namespaces/NS/pods/NAME`.
    let (watch, rest) = match rest {
        ["watch", rest @ ..] => (true, rest),
        rest => (query.flag("watch"), rest),
    };
    let (namespace, resource, rest) = match rest {
        [] => return None,
        // `namespaces/NAME` and its subresources are namespaces themselves.
        ["namespaces", name, sub @ ("status" | "finalize")] => {
            (None, "namespaces", vec![*name, *sub])
        }
        ["namespaces", namespace, resource, rest @ ..] => {
            (Some(*namespace), *resource, rest.to_vec())
        }
        [resource, rest @ ..] => (None, *resource, rest.to_vec()),
    };
    let (name, subresource) = match rest.as_slice() {
        [] => (None, None),
        [name] => (Some(*name), None),
        [name, rest @ ..] => (Some(*name), Some(rest.join("/"))),
    };
    let verb = verb(method, watch, name.is_some(), subresource.as_deref());
    Some(Target {
        verb,
        group: group.to_owned(),
        version: version.to_owned(),
        resource: resource.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        subresource,
    })
}

fn verb(method: &Method, watch: bool, named: bool, subresource: Option<&str>) -> &'static str {
    match (method.as_str(), named) {
        ("GET" | "HEAD", true) if subresource == Some("log") => "log",
        ("GET" | "HEAD", _) if watch => "watch",
        ("GET" | "HEAD", true) => "get",
        ("GET" | "HEAD", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "delete",
        ("DELETE", false) => "deletecollection",
        _ => "options",
    }
}

/// Percent decoding only: a `+` in a path is a plus.
fn decoded(part: &str) -> String {
    let part = part.replace('+', "%2B");
    let mut pairs = form_urlencoded::parse(part.as_bytes());
    // A path segment may hold `=` and `&` as they are: RBAC names do not, and neither do others.
    pairs
        .next()
        .map(|(key, _)| key.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, uri: &str) -> Target {
        let uri: Uri = uri.parse().unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let query = Query::new(uri.query().unwrap_or_default());
        target(&method, uri.path(), &query).unwrap()
    }

    #[test]
    fn a_path_names_verb_resource_namespace_and_name() {
        for (method, uri, wanted) in [
            ("GET", "/api/v1/pods", ("list", "pods", None, None)),
            (
                "GET",
                "/api/v1/namespaces/a/pods?watch=1",
                ("watch", "pods", Some("a"), None),
            ),
            (
                "GET",
                "/api/v1/watch/namespaces/a/pods/p",
                ("watch", "pods", Some("a"), Some("p")),
            ),
            (
                "GET",
                "/api/v1/namespaces/a/pods/p/log",
                ("log", "pods/log", Some("a"), Some("p")),
            ),
            (
                "GET",
                "/api/v1/namespaces/a",
                ("get", "namespaces", None, Some("a")),
            ),
            (
                "PUT",
                "/api/v1/namespaces/a/status",
                ("update", "namespaces/status", None, Some("a")),
            ),
            (
                "GET",
                "/api/v1/namespaces?watch=true",
                ("watch", "namespaces", None, None),
            ),
            (
                "GET",
                "/api/v1/namespaces?watch=0",
                ("list", "namespaces", None, None),
            ),
            (
                "DELETE",
                "/api/v1/namespaces/a/pods",
                ("deletecollection", "pods", Some("a"), None),
            ),
            (
                "PATCH",
                "/apis/apps/v1/namespaces/a/deployments/d/scale",
                ("patch", "deployments.apps/scale", Some("a"), Some("d")),
            ),
            (
                "GET",
                "/apis/x.io/v1/things/system%3Aa+b",
                ("get", "things.x.io", None, Some("system:a+b")),
            ),
        ] {
            let target = read(method, uri);
            let found = (
                target.verb,
                target.full_name(),
                target.namespace.as_deref(),
                target.name.as_deref(),
            );
            assert_eq!(
                found,
                (wanted.0, wanted.1.to_owned(), wanted.2, wanted.3),
                "{uri}"
            );
        }
    }

    #[test]
    fn discovery_is_no_resource() {
        for path in [
            "/api",
            "/api/v1",
            "/apis",
            "/apis/apps",
            "/apis/apps/v1",
            "/version",
            "/",
        ] {
            assert!(
                target(&Method::GET, path, &Query::default()).is_none(),
                "{path}"
            );
        }
    }
}
