//! Paths and queries of the calls.

use std::fmt::Write;

use crate::{AppRef, ObjectRef};

/// A path and its query, in the making. Names are escaped: they are not trusted to stay where
/// they are put.
#[derive(Clone, Debug)]
pub(super) struct Call {
    text: String,
    has_query: bool,
}

impl Call {
    /// Begins a path of fixed text.
    pub(super) fn new(path: &str) -> Self {
        Self {
            text: path.to_owned(),
            has_query: false,
        }
    }

    /// Begins `PREFIX/NAME/REST` of an application, with its namespace in the query.
    pub(super) fn of_app(prefix: &str, app: &AppRef, rest: &str) -> Self {
        let mut call = Self::new(prefix).segment(&app.name);
        call.text.push_str(rest);
        call.query("appNamespace", &app.namespace)
    }

    pub(super) fn segment(mut self, name: &str) -> Self {
        self.text.push('/');
        self.escaped(name);
        self
    }

    /// Adds a parameter; one without a value is left out.
    pub(super) fn query(self, name: &str, value: &str) -> Self {
        if value.is_empty() {
            self
        } else {
            self.empty_query(name, value)
        }
    }

    /// Adds a parameter, even if it is empty.
    pub(super) fn empty_query(mut self, name: &str, value: &str) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.push_str(name);
        self.text.push('=');
        self.escaped(value);
        self
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    fn escaped(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    self.text.push(byte.into());
                }
                _ => {
                    let _ = write!(self.text, "%{byte:02X}");
                }
            }
        }
    }
}

/// An object of an application's tree, as the server wants it named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResourceQuery {
    /// API group, empty for the core group.
    pub group: String,
    /// Version of the API, as the tree has it.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ResourceQuery {
    pub(super) fn call(&self, app: &AppRef) -> Call {
        Call::of_app(APPLICATIONS, app, "/resource")
            .query("namespace", &self.namespace)
            .query("resourceName", &self.name)
            .query("version", &self.version)
            // The server wants it named even if it is empty.
            .empty_query("group", &self.group)
            .query("kind", &self.kind)
    }
}

/// A log of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Name of the container.
    pub container: String,
    /// True to follow it.
    pub follow: bool,
    /// True for the run before the current one.
    pub previous: bool,
    /// Lines younger than this many seconds, by the clock of the node.
    pub since_seconds: Option<u64>,
    /// The last lines only.
    pub tail_lines: Option<u64>,
}

impl LogQuery {
    pub(super) fn call(&self, app: &AppRef) -> Call {
        let number =
            |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
        let flag = |on: bool| if on { "true" } else { "" };
        // Not `/pods/NAME/logs`: a name in the path would choose by it alone.
        Call::of_app(APPLICATIONS, app, "/logs")
            .query("namespace", &self.namespace)
            .query("podName", &self.pod)
            .query("container", &self.container)
            .query("follow", flag(self.follow))
            .query("previous", flag(self.previous))
            .query("sinceSeconds", &number(self.since_seconds))
            .query("tailLines", &number(self.tail_lines))
    }
}

/// Adds the object whose events are wanted; all three must be those of a node of the tree.
pub(super) fn events(app: &AppRef, object: Option<&ObjectRef>) -> Call {
    let call = Call::of_app(APPLICATIONS, app, "/events");
    match object {
        None => call,
        Some(object) => call
            .query("resourceUID", &object.uid)
            .empty_query("resourceNamespace", &object.namespace)
            .query("resourceName", &object.name),
    }
}

/// The path of all calls about one application.
pub(super) const APPLICATIONS: &str = "/api/v1/applications";

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> AppRef {
        AppRef::new("shop", "team-a")
    }

    #[test]
    fn every_name_stays_where_it_is_put() {
        let query = ResourceQuery {
            kind: "Role".into(),
            version: "v1".into(),
            namespace: "n".into(),
            name: "system:a/../b?c&d".into(),
            group: String::new(),
        };
        assert_eq!(
            query.call(&app()).as_str(),
            "/api/v1/applications/shop/resource?appNamespace=team-a&namespace=n\
             &resourceName=system%3Aa%2F..%2Fb%3Fc%26d&version=v1&group=&kind=Role"
        );
    }

    #[test]
    fn a_log_has_only_the_parameters_that_are_set() {
        let mut query = LogQuery {
            namespace: "n".into(),
            pod: "p".into(),
            container: "c".into(),
            ..LogQuery::default()
        };
        let path =
            "/api/v1/applications/shop/logs?appNamespace=team-a&namespace=n&podName=p&container=c";
        assert_eq!(query.call(&app()).as_str(), path);
        query.follow = true;
        query.previous = true;
        query.since_seconds = Some(3);
        query.tail_lines = Some(10);
        assert_eq!(
            query.call(&app()).as_str(),
            format!("{path}&follow=true&previous=true&sinceSeconds=3&tailLines=10")
        );
    }
}
