//! Reads from an Application resource where its objects are, and since when they are new.

use std::collections::BTreeSet;

use argo_core::{
    AppRef, GroupKind, ObjectRef,
    resource::{Application, Destination},
};
use jiff::{SignedDuration, Timestamp};

/// The time before the start within which an ended operation is still followed.
const JUST_ENDED: SignedDuration = SignedDuration::from_secs(30);

/// Returns every namespace that the application has objects in, as far as Argo CD knows:
/// those that it compares, and those that the last operation touched, hooks among them.
pub(crate) fn namespaces(application: &Application) -> BTreeSet<String> {
    let status = &application.status;
    let compared = status.resources.iter().map(|resource| &resource.namespace);
    let operation = status.operation_state.iter();
    let applied = operation.flat_map(|operation| &operation.sync_result.resources);
    let applied = applied.map(|resource| &resource.namespace);
    let destination = application.spec.destination.namespace.iter();
    destination
        .chain(compared)
        .chain(applied)
        .filter(|namespace| !namespace.is_empty())
        .cloned()
        .collect()
}

/// Returns the Applications among the objects of an Application. Only they know where they
/// deploy to.
pub(crate) fn children(application: &Application) -> Vec<AppRef> {
    let resources = application.status.resources.iter();
    let children = resources.filter(|resource| {
        resource.group == "argoproj.io" && resource.kind == "Application" && !resource.hook
    });
    let home = application.metadata.namespace.as_deref();
    children
        .map(|child| match child.namespace.as_str() {
            "" => AppRef::new(&child.name, home.unwrap_or_default()),
            namespace => AppRef::new(&child.name, namespace),
        })
        .collect()
}

/// True if the Application lists an object among its resources.
pub(crate) fn lists(application: &Application, object: &ObjectRef) -> bool {
    application.status.resources.iter().any(|resource| {
        object.kind.is(&resource.group, &resource.kind)
            && *resource.name == *object.name
            && (resource.namespace.is_empty() || *resource.namespace == *object.namespace)
    })
}

/// True if the Application lists an object of a kind among its resources.
pub(crate) fn lists_kind(application: &Application, kind: &GroupKind) -> bool {
    let mut resources = application.status.resources.iter();
    resources.any(|resource| kind.is(&resource.group, &resource.kind))
}

/// Returns the time from which on objects are new: the start of the operation that runs or
/// has just ended, or our own, whichever was first. Creation times are whole seconds.
pub(crate) fn new_since(application: Option<&Application>, started: Timestamp) -> Timestamp {
    let operation = application.and_then(|app| app.status.operation_state.as_ref());
    let current = operation.filter(|operation| {
        let ended = operation.finished_at.as_ref().map(|time| time.0);
        operation.is_running() || ended.is_some_and(|ended| ended >= started - JUST_ENDED)
    });
    let began = current.and_then(|operation| operation.started_at.as_ref());
    let first = began.map_or(started, |began| began.0.min(started));
    Timestamp::from_second(first.as_second()).unwrap_or(first)
}

/// Returns the name of a destination, or else its URL.
pub(crate) fn cluster_name(destination: &Destination) -> &str {
    let named = destination.name.as_deref().filter(|name| !name.is_empty());
    named.or(destination.server.as_deref()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn application(status: &serde_json::Value) -> Application {
        serde_json::from_value(json!({
            "metadata": {"name": "shop", "namespace": "argocd"},
            "spec": {"destination": {"namespace": "shop"}}, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn namespaces_are_those_compared_and_those_touched() {
        let app = application(&json!({
            "resources": [{"kind": "Service", "name": "a", "namespace": "shop-live"},
                {"kind": "ClusterRole", "name": "r"}],
            "operationState": {"syncResult": {"resources": [
                {"kind": "Job", "name": "j", "namespace": "shop-jobs", "hookType": "PreSync"}]}},
        }));
        let all: Vec<_> = namespaces(&app).into_iter().collect();
        assert_eq!(all, ["shop", "shop-jobs", "shop-live"]);
    }

    #[test]
    fn children_live_where_they_say_or_with_their_parent() {
        let app = application(&json!({"resources": [
            {"group": "argoproj.io", "kind": "Application", "name": "a", "namespace": "team"},
            {"group": "argoproj.io", "kind": "Application", "name": "b"},
            {"group": "app.k8s.io", "kind": "Application", "name": "c", "namespace": "team"},
        ]}));
        let all = children(&app);
        assert_eq!(all.len(), 2);
        assert!(all.contains(&AppRef::new("a", "team")));
        assert!(all.contains(&AppRef::new("b", "argocd")));
    }

    #[test]
    fn new_is_what_the_operation_made() {
        let started: Timestamp = "2026-11-23T23:10:00.700Z".parse().unwrap();
        let since = |operation: serde_json::Value| {
            let app = application(&json!({"operationState": operation}));
            new_since(Some(&app), started).to_string()
        };
        assert_eq!(new_since(None, started).to_string(), "2026-11-23T23:10:00Z");
        let mut operation = json!({"phase": "Running", "startedAt": "2026-11-23T23:09:41Z"});
        assert_eq!(since(operation.clone()), "2026-11-23T23:09:41Z");
        operation["phase"] = "Succeeded".into();
        operation["finishedAt"] = "2026-11-23T23:09:58Z".into();
        assert_eq!(since(operation.clone()), "2026-11-23T23:09:41Z");
        operation["finishedAt"] = "2026-11-23T22:09:58Z".into();
        assert_eq!(since(operation.clone()), "2026-11-23T23:10:00Z");
        operation["startedAt"] = "2026-11-23T23:11:00Z".into();
        operation["phase"] = "Running".into();
        assert_eq!(since(operation), "2026-11-23T23:10:00Z");
    }
}
